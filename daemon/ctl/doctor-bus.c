// SPDX-License-Identifier: GPL-2.0-or-later
/* The doctor's checks of services: who is on the system bus, and which encoder works, by trial. */
#include "ctl/doctor.h"
#include "util/cleanup.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define TRIAL_LIMIT_US	UINT64_C(20000000)
#define RADIO_US	3000000
#define RADIO_STEP_US	250000
#define NM_NAME		"org.freedesktop.NetworkManager"
#define SUPPLICANT_NAME "fi.w1.wpa_supplicant1"

static const struct package supplicant_package = { "wpasupplicant", "wpa_supplicant",
						   "wpa_supplicant", "wpa_supplicant" };
static const struct package polkit_package = { "polkitd", "polkit", "polkit", "polkit" };
static const struct package driver_package = {
	"va-driver-all", "intel-media-driver or mesa-va-drivers-freeworld, both of RPM Fusion",
	"intel-media-driver or libva-mesa-driver", "intel-media-driver or Mesa-libva, of Packman"
};

enum presence {
	PRESENCE_NONE,
	PRESENCE_ACTIVATABLE,
	PRESENCE_RUNNING,
};

static bool has_name(struct ctl *c, const char *method, const char *name)
{
	_cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
	const char *found;

	if (sd_bus_call_method(c->bus, "org.freedesktop.DBus", "/org/freedesktop/DBus",
			       "org.freedesktop.DBus", method, NULL, &m, NULL) < 0 ||
	    sd_bus_message_enter_container(m, 'a', "s") < 0)
		return false;
	while (sd_bus_message_read(m, "s", &found) > 0)
		if (strcmp(found, name) == 0)
			return true;
	return false;
}

static enum presence get_presence(struct ctl *c, const char *name)
{
	if (has_name(c, "ListNames", name))
		return PRESENCE_RUNNING;
	return has_name(c, "ListActivatableNames", name) ? PRESENCE_ACTIVATABLE : PRESENCE_NONE;
}

bool doctor_is_running(struct ctl *c, const char *name)
{
	return c->bus && get_presence(c, name) == PRESENCE_RUNNING;
}

/* It starts for the question, where it can. */
static void check_answer(struct ctl *c, struct findings *f, const char *text)
{
	_cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;

	if (sd_bus_call_method(c->bus, MIRACAST_DBUS_NAME, MIRACAST_DBUS_PATH,
			       "org.freedesktop.DBus.Peer", "Ping", &error, NULL, NULL) >= 0)
		finding_add(f, "service", VERDICT_OK, NULL, NULL, "%s", text);
	else
		finding_add(
			f, "service", VERDICT_PROBLEM,
			"look at \"systemctl status miracastd\" and \"journalctl -u miracastd\"",
			NULL, "miracastd does not start, or does not answer: %s",
			error.message ?: "nobody knows why");
}

/* Else that is said already, and nothing is to be asked of it. */
static bool service_answers(const struct findings *f)
{
	for (size_t i = 0; i < f->n; i++)
		if (strcmp(f->list[i].id, "service") == 0)
			return f->list[i].verdict == VERDICT_OK;
	return false;
}

static void check_ours(struct ctl *c, struct findings *f)
{
	switch (get_presence(c, MIRACAST_DBUS_NAME)) {
	case PRESENCE_RUNNING:
		check_answer(c, f, "miracastd is running");
		break;
	case PRESENCE_ACTIVATABLE:
		check_answer(c, f, "miracastd was not running: it is started when it is needed");
		break;
	case PRESENCE_NONE:
		finding_add(f, "service", VERDICT_PROBLEM,
			    "run \"systemctl start miracastd\" and look at \"systemctl status "
			    "miracastd\"",
			    NULL, "miracastd is neither running nor known to the system bus");
		break;
	}
}

/* What miracast-net can keep from NetworkManager: our policy file names where it writes that. */
static bool has_hush(const struct ctl *c)
{
	static const char *const folders[] = { "/usr/share", "/usr/local/share", "/etc" };
	bool found = false;

	for (size_t i = 0; !found && i < sizeof(folders) / sizeof(folders[0]); i++) {
		char path[512], line[512];
		FILE *file;

		(void)snprintf(path, sizeof(path), "%s%s/dbus-1/system.d/"
			       "miracast-wpa-supplicant.conf", c->root, folders[i]);
		file = fopen(path, "re");
		while (file && !found && fgets(line, sizeof(line), file))
			found = strstr(line, "<include") && strstr(line, "/run/miracast-net/hush.conf");
		if (file)
			(void)fclose(file);
	}
	return found;
}

static void check_network_manager(struct ctl *c, struct findings *f)
{
	int is_on = 1;

	(void)sd_bus_get_property_trivial(c->bus, NM_NAME, "/org/freedesktop/NetworkManager",
					  NM_NAME, "WirelessEnabled", NULL, 'b', &is_on);
	if (!is_on)
		finding_add(f, "network-manager", VERDICT_PROBLEM,
			    "switch Wi-Fi on in the desktop, or run \"nmcli radio wifi on\"", NULL,
			    "NetworkManager has switched Wi-Fi off");
	else if (!has_hush(c))
		finding_add(f, "network-manager", VERDICT_PROBLEM,
			    "install miracast-wpa-supplicant.conf again, then \"systemctl reload dbus\"",
			    NULL, "NetworkManager is running and will end each connection to a sink: "
				  "the bus policy that keeps it from that is missing");
	else
		finding_add(f, "network-manager", VERDICT_OK, NULL, NULL,
			    "NetworkManager is running; it does not hear of groups of sinks");
}

/* Where nobody manages radios, the service takes one when somebody looks for sinks. */
static int look_for_radio(struct ctl *c, struct ctl_objects *o)
{
	int r = CTL_OK;

	if (sd_bus_call_method(c->bus, MIRACAST_DBUS_NAME, MIRACAST_DBUS_PATH,
			       MIRACAST_DBUS_MANAGER, "Discover", NULL, NULL, NULL) < 0)
		return CTL_OK;
	for (unsigned int waited = 0; waited < RADIO_US && *o->radio_problem && r == CTL_OK;
	     waited += RADIO_STEP_US) {
		(void)usleep(RADIO_STEP_US);
		r = ctl_get_objects(c, o);
	}
	return r;
}

/* What the service itself makes of it all: it has other rights than we. */
static void check_radio_of_ours(struct ctl *c, struct findings *f)
{
	static struct ctl_objects o;

	if (ctl_get_objects(c, &o) != CTL_OK)
		return;
	if (*o.radio_problem && get_presence(c, SUPPLICANT_NAME) != PRESENCE_NONE &&
	    look_for_radio(c, &o) != CTL_OK)
		return;
	if (*o.radio_problem)
		finding_add(f, "wifi-direct", VERDICT_PROBLEM, o.radio_problem, NULL,
			    "the service cannot use Wi-Fi Direct");
	else
		finding_add(f, "wifi-direct", VERDICT_OK, NULL, NULL,
			    "the service can use Wi-Fi Direct (%s)", o.radio);
	if (strcmp(o.version, MIRACAST_VERSION) != 0)
		finding_add(f, "version", VERDICT_NOTE, "run \"systemctl restart miracastd\"", NULL,
			    "the running service is version %s, miracastctl is " MIRACAST_VERSION,
			    o.version);
}

static void check_wireless(struct ctl *c, struct findings *f)
{
	bool has_iwd = doctor_is_running(c, "net.connman.iwd");
	bool has_supplicant = get_presence(c, SUPPLICANT_NAME) != PRESENCE_NONE;

	if (has_supplicant)
		finding_add(f, "wpa-supplicant", VERDICT_OK, NULL, NULL,
			    "wpa_supplicant is on the system bus");
	else
		finding_add(f, "wpa-supplicant", VERDICT_PROBLEM, NULL, &supplicant_package,
			    "wpa_supplicant is not on the system bus: no Wi-Fi Direct");
	if (has_iwd)
		finding_add(f, "iwd", VERDICT_PROBLEM,
			    "let NetworkManager use wpa_supplicant, \"wifi.backend=wpa_supplicant\"",
			    NULL, "iwd has the Wi-Fi hardware: Miracast needs wpa_supplicant");
	if (doctor_is_running(c, NM_NAME))
		check_network_manager(c, f);
}

void doctor_check_services(struct ctl *c, struct findings *f)
{
	if (!c->bus) {
		finding_add(f, "bus", VERDICT_PROBLEM, "start dbus", NULL,
			    "the system bus cannot be reached");
		return;
	}
	check_ours(c, f);
	if (get_presence(c, "org.freedesktop.PolicyKit1") == PRESENCE_NONE)
		finding_add(f, "polkit", VERDICT_PROBLEM, NULL, &polkit_package,
			    "without polkit only root may cast");
	check_wireless(c, f);
	if (service_answers(f))
		check_radio_of_ours(c, f);
}

/* The service opens the device itself: what it may do counts, not what we may. */
void doctor_check_encoder(struct ctl *c, struct findings *f)
{
	_cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
	_cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
	_cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
	const char *encoder;

	if (!service_answers(f))
		return;
	if (sd_bus_message_new_method_call(c->bus, &m, MIRACAST_DBUS_NAME, MIRACAST_DBUS_PATH,
					   MIRACAST_DBUS_MANAGER, "TryEncoder") < 0 ||
	    sd_bus_call(c->bus, m, TRIAL_LIMIT_US, &error, &reply) < 0 ||
	    sd_bus_message_read(reply, "s", &encoder) < 0) {
		bool is_tried = sd_bus_error_has_name(&error, MIRACAST_DBUS_ERROR_NO_ENCODER);
		bool is_refused = sd_bus_error_has_name(&error, MIRACAST_DBUS_ERROR_NOT_AUTHORIZED);

		finding_add(f, "encoder", is_tried ? VERDICT_PROBLEM : VERDICT_UNKNOWN,
			    is_tried ? "\"journalctl -u miracastd\" says what was tried"
			    : is_refused
				    ? "run the doctor in the session at the computer, or as root"
				    : "try again in a minute",
			    NULL, "%s: %s",
			    is_tried ? "no encoder works" : "the encoder could not be tried",
			    error.message ?: "the service does not answer");
		return;
	}
	if (strstr(encoder, "x264") && doctor_exists(c, "/dev/dri"))
		finding_add(f, "encoder", VERDICT_NOTE,
			    "the GPU would save most of that work: does its driver encode H.264?",
			    &driver_package, "the processor encodes (%s)", encoder);
	else if (strstr(encoder, "x264"))
		finding_add(f, "encoder", VERDICT_OK, NULL, NULL, "the processor encodes (%s)",
			    encoder);
	else
		finding_add(f, "encoder", VERDICT_OK, NULL, NULL, "the GPU encodes (%s)", encoder);
}
