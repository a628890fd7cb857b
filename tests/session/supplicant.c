// SPDX-License-Identifier: GPL-2.0-or-later
#include "supplicant.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAME	  "fi.w1.wpa_supplicant1"
#define ROOT	  "/fi/w1/wpa_supplicant1"
#define INTERFACE ROOT "/Interfaces/0"
#define GROUP	  ROOT "/Interfaces/5"
#define GROUP_OBJECT GROUP "/Groups/xx"
#define PERSISTENT   INTERFACE "/PersistentGroups/0"
#define P2P	  NAME ".Interface.P2PDevice"
#define SSID	  "DIRECT-xx"

static int on_call(sd_bus_message *m, void *userdata, sd_bus_error *error);

static void note(struct supplicant *s, const char *text)
{
	size_t used = strlen(s->journal);

	(void)snprintf(s->journal + used, sizeof(s->journal) - used, "%s;", text);
}

bool supplicant_was_called(const struct supplicant *s, const char *call)
{
	return supplicant_count(s, call) > 0;
}

unsigned int supplicant_count(const struct supplicant *s, const char *call)
{
	unsigned int n = 0;

	for (const char *at = strstr(s->journal, call); at; at = strstr(at + 1, call))
		n += at == s->journal || at[-1] == ';';
	return n;
}

/* ---------------------------------------------------------------- life */

void supplicant_init(struct supplicant *s, sd_event *event, const char *bus_address)
{
	*s = (struct supplicant){ .event = event, .ifname = "lo", .role = "GO" };
	(void)snprintf(s->address, sizeof(s->address), "%s", bus_address);
	for (uint8_t i = 0; i < SUPPLICANT_PEERS; i++) {
		static const uint8_t tv[] = { 0, 0, 6, 0, 0x11, 0x1c, 0x44, 1, 0x2c };

		s->peers[i] = (struct supplicant_peer){ .address = { 0x42, 0, 0, 0, 1, i },
							.name = "Test TV", .level = -50,
							.methods = 0x188,
							.ies_size = sizeof(tv) };
		memcpy(s->peers[i].ies, tv, sizeof(tv));
	}
}

void supplicant_start(struct supplicant *s)
{
	assert(!s->bus);
	assert(sd_bus_new(&s->bus) >= 0);
	assert(sd_bus_set_address(s->bus, s->address) >= 0);
	assert(sd_bus_set_bus_client(s->bus, 1) >= 0);
	assert(sd_bus_start(s->bus) >= 0);
	assert(sd_bus_attach_event(s->bus, s->event, 0) >= 0);
	assert(sd_bus_add_fallback(s->bus, NULL, ROOT, on_call, s) >= 0);
	assert(sd_bus_request_name(s->bus, NAME, 0) >= 0);
}

void supplicant_stop(struct supplicant *s)
{
	s->source = sd_event_source_disable_unref(s->source);
	/* Or the bus would notice some time later. */
	if (s->bus)
		(void)sd_bus_release_name(s->bus, NAME);
	s->bus = sd_bus_flush_close_unref(s->bus);
	s->ies_size = 0;
	s->is_group_up = false;
}

/* ---------------------------------------------------------------- signals */

static void peer_path(unsigned int n, char path[static 64])
{
	(void)snprintf(path, 64, INTERFACE "/Peers/42000000010%x", n);
}

static sd_bus_message *new_signal(struct supplicant *s, const char *path, const char *interface,
				  const char *member)
{
	sd_bus_message *m = NULL;

	assert(sd_bus_message_new_signal(s->bus, &m, path, interface, member) >= 0);
	return m;
}

static void send_signal(struct supplicant *s, sd_bus_message *m)
{
	if (s->to)
		assert(sd_bus_message_set_destination(m, s->to) >= 0);
	assert(sd_bus_send(s->bus, m, NULL) >= 0);
	sd_bus_message_unref(m);
}

static void say_object(struct supplicant *s, const char *path, const char *interface,
		       const char *member, const char *object)
{
	sd_bus_message *m = new_signal(s, path, interface, member);

	assert(sd_bus_message_append(m, "o", object) >= 0);
	send_signal(s, m);
}

static void append_bytes(sd_bus_message *m, const char *key, const void *data, size_t size)
{
	assert(sd_bus_message_open_container(m, 'e', "sv") >= 0);
	assert(sd_bus_message_append(m, "s", key) >= 0);
	assert(sd_bus_message_open_container(m, 'v', "ay") >= 0);
	assert(sd_bus_message_append_array(m, 'y', data, size) >= 0);
	assert(sd_bus_message_close_container(m) >= 0);
	assert(sd_bus_message_close_container(m) >= 0);
}

static void say_negotiation(struct supplicant *s, const char *member, unsigned int peer, int status)
{
	sd_bus_message *m = new_signal(s, INTERFACE, P2P, member);
	char path[64];

	peer_path(peer, path);
	assert(sd_bus_message_open_container(m, 'a', "{sv}") >= 0);
	assert(sd_bus_message_append(m, "{sv}{sv}{sv}", "peer_object", "o", path, "status", "i",
				     status, "passphrase", "s", SUPPLICANT_PASSPHRASE) >= 0);
	append_bytes(m, "ssid", SSID, strlen(SSID));
	assert(sd_bus_message_close_container(m) >= 0);
	send_signal(s, m);
}

static void say_group(struct supplicant *s, const char *member, const char *kind)
{
	static const uint8_t address[] = { 127, 77, 0, 10 }, mask[] = { 255, 255, 255, 0 };
	static const uint8_t odd[] = { 255, 0, 255, 0 };
	sd_bus_message *m = new_signal(s, INTERFACE, P2P, member);

	assert(sd_bus_message_open_container(m, 'a', "{sv}") >= 0);
	assert(sd_bus_message_append(m, "{sv}{sv}{sv}", "interface_object", "o", GROUP, "role",
				     "s", strcmp(kind, "GO") == 0 ? "GO" : "client",
				     "group_object", "o", GROUP_OBJECT) >= 0);
	if (strcmp(kind, "ip") == 0 || strcmp(kind, "mask") == 0) {
		append_bytes(m, "IpAddr", address, 4);
		append_bytes(m, "IpAddrMask", strcmp(kind, "ip") == 0 ? mask : odd, 4);
	}
	assert(sd_bus_message_close_container(m) >= 0);
	send_signal(s, m);
}

/* The real one makes the group's interface before the group, and its failures come from there. */
static const char *forming_path(struct supplicant *s)
{
	if (s->has_no_group_interface)
		return INTERFACE;
	if (!s->is_group_up)
		say_object(s, ROOT, NAME, "InterfaceAdded", GROUP);
	return GROUP;
}

static void say_wps(struct supplicant *s, int config_error)
{
	sd_bus_message *m = new_signal(s, forming_path(s), P2P, "WpsFailed");

	assert(sd_bus_message_append(m, "sa{sv}", "fail", 2, "msg", "i", 8, "config_error", "n",
				     config_error) >= 0);
	send_signal(s, m);
}

static void say_state(struct supplicant *s, bool is_off)
{
	sd_bus_message *m = new_signal(s, INTERFACE, "org.freedesktop.DBus.Properties",
				       "PropertiesChanged");

	s->is_off = is_off;
	assert(sd_bus_message_append(m, "sa{sv}as", NAME ".Interface", 1, "State", "s",
				     is_off ? "interface_disabled" : "inactive", 0) >= 0);
	send_signal(s, m);
}

static void say_persistent(struct supplicant *s)
{
	sd_bus_message *m = new_signal(s, INTERFACE, P2P, "PersistentGroupAdded");

	s->has_persistent = true;
	assert(sd_bus_message_append(m, "oa{sv}", PERSISTENT, 1, "ssid", "s", "\"" SSID "\"") >= 0);
	send_signal(s, m);
}

static void say_text(struct supplicant *s, const char *path, const char *interface,
		     const char *member, const char *text)
{
	sd_bus_message *m = new_signal(s, path, interface, member);

	assert(sd_bus_message_append(m, "s", text) >= 0);
	send_signal(s, m);
}

static void say_display_pin(struct supplicant *s)
{
	sd_bus_message *m = new_signal(s, INTERFACE, P2P, "ProvisionDiscoveryResponseDisplayPin");
	char path[64];

	peer_path(0, path);
	assert(sd_bus_message_append(m, "os", path, SUPPLICANT_PIN) >= 0);
	send_signal(s, m);
}

static void say_no_provision(struct supplicant *s)
{
	sd_bus_message *m = new_signal(s, INTERFACE, P2P, "ProvisionDiscoveryFailure");
	char path[64];

	peer_path(0, path);
	assert(sd_bus_message_append(m, "oi", path, 1) >= 0);
	send_signal(s, m);
}

static void say_invited(struct supplicant *s, int status)
{
	sd_bus_message *m = new_signal(s, INTERFACE, P2P, "InvitationResult");

	assert(sd_bus_message_append(m, "a{sv}", 1, "status", "i", status) >= 0);
	send_signal(s, m);
}

static void say_plain(struct supplicant *s, const char *member)
{
	send_signal(s, new_signal(s, INTERFACE, P2P, member));
}

static void say_peer(struct supplicant *s, const char *member, unsigned int n)
{
	char path[64];

	peer_path(n, path);
	say_object(s, INTERFACE, P2P, member, path);
}

static void say_member(struct supplicant *s, const char *member, unsigned int n)
{
	char path[64];

	peer_path(n, path);
	say_object(s, GROUP_OBJECT, NAME ".Group", member, path);
}

static bool say_of_group(struct supplicant *s, const char *word, const char *value)
{
	if (strcmp(word, "started") == 0) {
		s->is_group_up = true;
		say_group(s, "GroupStarted", value);
	} else if (strcmp(word, "finished") == 0) {
		s->is_group_up = false;
		say_group(s, "GroupFinished", "GO");
	} else if (strcmp(word, "removed") == 0) {
		say_object(s, ROOT, NAME, "InterfaceRemoved", GROUP);
	} else if (strcmp(word, "joined") == 0) {
		say_member(s, "PeerJoined", strcmp(value, "other") == 0);
	} else if (strcmp(word, "authorized") == 0) {
		say_text(s, GROUP, NAME ".Interface", "StaAuthorized", "46:00:00:00:01:00");
	} else if (strcmp(word, "left") == 0) {
		say_member(s, "PeerDisconnected", 0);
	} else if (strcmp(word, "formation") == 0) {
		say_text(s, strcmp(value, "old") == 0 ? ROOT "/Interfaces/4" : forming_path(s), P2P,
			 "GroupFormationFailure", "");
	} else {
		return false;
	}
	return true;
}

static bool say_of_pairing(struct supplicant *s, const char *word, const char *value)
{
	if (strcmp(word, "success") == 0)
		say_negotiation(s, "GONegotiationSuccess", strcmp(value, "other") == 0, 0);
	else if (strcmp(word, "failure") == 0)
		say_negotiation(s, "GONegotiationFailure", 0, atoi(value));
	else if (strcmp(word, "wps") == 0)
		say_wps(s, atoi(value));
	else if (strcmp(word, "invited") == 0)
		say_invited(s, atoi(value));
	else if (strcmp(word, "persistent") == 0)
		say_persistent(s);
	else if (strcmp(word, "enter-pin") == 0)
		say_peer(s, "ProvisionDiscoveryResponseEnterPin", 0);
	else if (strcmp(word, "display-pin") == 0)
		say_display_pin(s);
	else if (strcmp(word, "no-provision") == 0)
		say_no_provision(s);
	else
		return false;
	return true;
}

static void say_word(struct supplicant *s, const char *word, const char *value)
{
	if (strcmp(word, "back") == 0) {
		supplicant_start(s);
		return;
	}
	if (!s->bus || say_of_group(s, word, value) || say_of_pairing(s, word, value))
		return;
	if (strcmp(word, "found") == 0)
		say_peer(s, "DeviceFound", (unsigned int)atoi(value));
	else if (strcmp(word, "lost") == 0)
		say_peer(s, "DeviceLost", (unsigned int)atoi(value));
	else if (strcmp(word, "stopped") == 0)
		say_plain(s, "FindStopped");
	else if (strcmp(word, "off") == 0 || strcmp(word, "on") == 0)
		say_state(s, strcmp(word, "off") == 0);
	else if (strcmp(word, "unplugged") == 0) {
		s->has_no_radio = true;
		say_object(s, ROOT, NAME, "InterfaceRemoved", INTERFACE);
	} else if (strcmp(word, "added") == 0) {
		s->has_no_radio = false;
		say_object(s, ROOT, NAME, "InterfaceAdded", INTERFACE);
	} else if (strcmp(word, "vanish") == 0)
		supplicant_stop(s);
	else
		assert(!"no such word");
}

void supplicant_say(struct supplicant *s, const char *signals)
{
	char copy[512], *place = NULL;

	(void)snprintf(copy, sizeof(copy), "%s", signals);
	for (char *word = strtok_r(copy, " ", &place); word; word = strtok_r(NULL, " ", &place)) {
		char *value = strchr(word, ':');

		if (value)
			*value++ = '\0';
		say_word(s, word, value ? value : "");
	}
}

static int on_pending(sd_event_source *source, void *userdata)
{
	struct supplicant *s = userdata;
	char signals[sizeof(s->pending)];

	(void)source;
	s->source = sd_event_source_disable_unref(s->source);
	memcpy(signals, s->pending, sizeof(signals));
	s->pending[0] = '\0';
	supplicant_say(s, signals);
	return 0;
}

/* After the answer has left. */
static void say_later(struct supplicant *s, const char *signals)
{
	size_t used = strlen(s->pending);

	(void)snprintf(s->pending + used, sizeof(s->pending) - used, " %s", signals);
	if (!s->source)
		assert(sd_event_add_defer(s->event, &s->source, on_pending, s) >= 0);
}

/* ---------------------------------------------------------------- properties */

static void open_variant_dictionary(sd_bus_message *m, const char *key)
{
	if (key) {
		assert(sd_bus_message_open_container(m, 'e', "sv") >= 0);
		assert(sd_bus_message_append(m, "s", key) >= 0);
	}
	assert(sd_bus_message_open_container(m, 'v', "a{sv}") >= 0);
}

static void append_root(struct supplicant *s, sd_bus_message *m)
{
	assert(sd_bus_message_open_container(m, 'a', "{sv}") >= 0);
	assert(sd_bus_message_append(m, "{sv}", "Capabilities", "as", 3, "ap", "p2p", "pmf") >= 0);
	if (s->has_no_radio)
		assert(sd_bus_message_append(m, "{sv}", "Interfaces", "ao", 0) >= 0);
	else
		assert(sd_bus_message_append(m, "{sv}", "Interfaces", "ao", 2,
					     s->has_foreign_group ? GROUP : ROOT "/Interfaces/9",
					     INTERFACE) >= 0);
	if (!s->has_no_display)
		append_bytes(m, "WFDIEs", s->ies, s->ies_size);
	assert(sd_bus_message_close_container(m) >= 0);
}

static void append_interface(struct supplicant *s, sd_bus_message *m, const char *path)
{
	const char *ifname = strcmp(path, GROUP) == 0 ? "p2p-wlan0-0" : "wlan0";

	assert(sd_bus_message_append(m, "a{sv}", 2, "Ifname", "s", ifname, "State", "s",
				     s->is_off ? "interface_disabled" : "inactive") >= 0);
}

static void append_capabilities(struct supplicant *s, sd_bus_message *m, const char *path)
{
	bool can = strcmp(path, ROOT "/Interfaces/9") != 0 && !s->has_no_p2p;

	open_variant_dictionary(m, NULL);
	if (can)
		assert(sd_bus_message_append(m, "a{sv}", 1, "Modes", "as", 2, "infrastructure",
					     "p2p") >= 0);
	else
		assert(sd_bus_message_append(m, "a{sv}", 1, "Modes", "as", 1, "infrastructure") >=
		       0);
	assert(sd_bus_message_close_container(m) >= 0);
}

static void append_peer(const struct supplicant_peer *p, sd_bus_message *m)
{
	static const uint8_t tv[] = { 0, 7, 0, 0x50, 0xf2, 4, 0, 1 };

	assert(sd_bus_message_open_container(m, 'a', "{sv}") >= 0);
	assert(sd_bus_message_append(m, "{sv}{sv}{sv}{sv}{sv}", "DeviceName", "s", p->name,
				     "Manufacturer", "s", "", "config_method", "q",
				     (int)p->methods, "level", "i", p->level, "groupcapability",
				     "y", (int)p->group) >= 0);
	append_bytes(m, "PrimaryDeviceType", tv, sizeof(tv));
	append_bytes(m, "IEs", p->ies, p->ies_size);
	append_bytes(m, "DeviceAddress", p->address, sizeof(p->address));
	assert(sd_bus_message_close_container(m) >= 0);
}

static void answer_get(struct supplicant *s, sd_bus_message *m, sd_bus_message *answer)
{
	const char *path = sd_bus_message_get_path(m);
	const char *interface, *property;

	assert(sd_bus_message_read(m, "ss", &interface, &property) > 0);
	if (strcmp(property, "Capabilities") == 0) {
		append_capabilities(s, answer, path);
	} else if (strcmp(property, "Ifname") == 0) {
		assert(sd_bus_message_append(answer, "v", "s", s->ifname) >= 0);
	} else if (strcmp(property, "PersistentGroups") == 0) {
		if (s->has_persistent)
			assert(sd_bus_message_append(answer, "v", "ao", 1, PERSISTENT) >= 0);
		else
			assert(sd_bus_message_append(answer, "v", "ao", 0) >= 0);
	} else if (strcmp(property, "Properties") == 0) {
		assert(sd_bus_message_append(answer, "v", "a{sv}", 1, "ssid", "s",
					     "\"" SSID "\"") >= 0);
	} else {
		assert(strcmp(property, "WFDIEs") == 0);
		assert(sd_bus_message_open_container(answer, 'v', "ay") >= 0);
		assert(sd_bus_message_append_array(answer, 'y', s->ies, s->ies_size) >= 0);
		assert(sd_bus_message_close_container(answer) >= 0);
	}
}

static void answer_get_all(struct supplicant *s, sd_bus_message *m, sd_bus_message *answer)
{
	const char *path = sd_bus_message_get_path(m);
	const char *peer = strstr(path, "/Peers/");

	if (peer)
		append_peer(&s->peers[path[strlen(path) - 1] - '0'], answer);
	else if (strcmp(path, ROOT) == 0)
		append_root(s, answer);
	else
		append_interface(s, answer, path);
}

static void take_set(struct supplicant *s, sd_bus_message *m)
{
	const char *interface, *property;
	const void *data;
	size_t size;
	char text[80];

	assert(sd_bus_message_read(m, "ss", &interface, &property) > 0);
	(void)snprintf(text, sizeof(text), "Set %s", property);
	if (strcmp(property, "WFDIEs") == 0) {
		assert(sd_bus_message_enter_container(m, 'v', "ay") > 0);
		assert(sd_bus_message_read_array(m, 'y', &data, &size) >= 0);
		assert(size <= sizeof(s->ies));
		s->ies_size = size;
		if (size)
			memcpy(s->ies, data, size);
		(void)snprintf(text, sizeof(text), "Set WFDIEs %zu", size);
	}
	note(s, text);
}

/* ---------------------------------------------------------------- calls */

/* "Connect wps_method=pbc go_intent=7 ...", with the types that the real one insists on. */
static void describe(sd_bus_message *m, const char *member, char *text, size_t size)
{
	size_t used = (size_t)snprintf(text, size, "%s", member);
	const char *key, *contents, *word;
	char type;
	int32_t number;

	if (strcmp(member, "Connect") != 0 && strcmp(member, "Find") != 0)
		return;
	assert(sd_bus_message_enter_container(m, 'a', "{sv}") > 0);
	while (sd_bus_message_enter_container(m, 'e', "sv") > 0) {
		assert(sd_bus_message_read(m, "s", &key) > 0);
		assert(sd_bus_message_peek_type(m, &type, &contents) > 0);
		assert(sd_bus_message_enter_container(m, 'v', contents) > 0);
		if (contents[0] == 's' || contents[0] == 'o') {
			assert(sd_bus_message_read_basic(m, contents[0], &word) > 0);
			if (contents[0] == 's')
				used += (size_t)snprintf(text + used, size - used, " %s=%s", key,
							 word);
		} else {
			assert(contents[0] == 'i' || contents[0] == 'b');
			assert(sd_bus_message_read_basic(m, contents[0], &number) > 0);
			used += (size_t)snprintf(text + used, size - used, " %s=%d", key, number);
		}
		assert(sd_bus_message_exit_container(m) >= 0);
		assert(sd_bus_message_exit_container(m) >= 0);
	}
}

static const struct reaction *find_reaction(struct supplicant *s, const char *member)
{
	const struct reaction *found = NULL;
	size_t first = 0;
	unsigned int n = 0;

	for (size_t i = 0; s->script && s->script[i].call; i++) {
		if (strcmp(s->script[i].call, member) != 0)
			continue;
		if (!found)
			first = i;
		found = &s->script[i];
		if (n++ == s->counts[first])
			break;
	}
	if (found)
		s->counts[first]++;
	return found;
}

static int answer_method(struct supplicant *s, sd_bus_message *m, const char *member)
{
	const struct reaction *reaction = find_reaction(s, member);
	char text[256], name[96];

	describe(m, member, text, sizeof(text));
	note(s, text);
	if (reaction && reaction->signals)
		say_later(s, reaction->signals);
	/* What is called when nobody answers in time. */
	if (reaction && reaction->error && !reaction->error[0])
		return sd_bus_reply_method_errorf(m, "org.freedesktop.DBus.Error.NoReply", "no");
	if (reaction && reaction->error) {
		(void)snprintf(name, sizeof(name), NAME ".%s", reaction->error);
		return sd_bus_reply_method_errorf(m, name, "no");
	}
	if (strcmp(member, "Connect") == 0)
		return sd_bus_reply_method_return(m, "s", "00000000");
	if (strcmp(member, "GetInterface") == 0)
		return sd_bus_reply_method_return(m, "o", GROUP);
	/* Without a reaction of the script a group goes as it does in life. */
	if (strcmp(member, "Disconnect") == 0 && !reaction && s->is_group_up)
		say_later(s, "finished removed");
	return sd_bus_reply_method_return(m, "");
}

static int on_call(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	const char *member = sd_bus_message_get_member(m);
	struct supplicant *s = userdata;
	sd_bus_message *answer = NULL;
	int r;

	(void)error;
	(void)snprintf(s->caller, sizeof(s->caller), "%s", sd_bus_message_get_sender(m));
	if (sd_bus_message_is_method_call(m, "org.freedesktop.DBus.Properties", NULL) <= 0)
		return answer_method(s, m, member);
	if (s->is_forbidden)
		return sd_bus_reply_method_errorf(m, "org.freedesktop.DBus.Error.AccessDenied",
						  "no");
	assert(sd_bus_message_new_method_return(m, &answer) >= 0);
	if (strcmp(member, "Get") == 0)
		answer_get(s, m, answer);
	else if (strcmp(member, "GetAll") == 0)
		answer_get_all(s, m, answer);
	else
		take_set(s, m);
	r = sd_bus_send(s->bus, answer, NULL);
	sd_bus_message_unref(answer);
	return r < 0 ? r : 1;
}
