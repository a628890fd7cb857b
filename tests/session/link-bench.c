// SPDX-License-Identifier: GPL-2.0-or-later
#include "link-bench.h"

#include "util/log.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

char bench_net_path[96], bench_bus_address[128];
static char folder[64], state_path[96];
static pid_t bus_pid;
static sd_bus *machine_bus; /* of the machine that was made last */

/* ---------------------------------------------------------------- the bench */

static void on_sink_found(void *userdata, const struct link_sink *sink)
{
	struct bench *b = userdata;

	b->sinks[b->n_found++ % 8] = *sink;
}

static void on_sink_lost(void *userdata, const uint8_t address[static LINK_ADDRESS_SIZE])
{
	struct bench *b = userdata;

	(void)address;
	b->n_lost_sinks++;
}

void bench_append(char *list, size_t size, const char *word)
{
	size_t used = strlen(list);

	(void)snprintf(list + used, size - used, "%s ", word);
}

static void on_state(void *userdata, enum wpa_state state, const char *text)
{
	struct bench *b = userdata;

	bench_append(b->states, sizeof(b->states), wpa_state_to_string(state));
	if (text)
		(void)snprintf(b->absence, sizeof(b->absence), "%s", text);
}

static const struct wpa_ops wpa_ops = { on_state, on_sink_found, on_sink_lost };

static void free_inside(struct bench *b)
{
	if (b->frees_inside)
		b->link = link_free(b->link);
}

static void on_connected(void *userdata, int rtsp_fd, const struct session_link_stats *stats)
{
	struct bench *b = userdata;

	b->n_connected++;
	b->rtsp_fd = rtsp_fd;
	b->stats = *stats;
	free_inside(b);
}

static void on_failed(void *userdata, enum link_stage stage, int error, const char *text)
{
	struct bench *b = userdata;

	b->n_failed++;
	b->stage = stage;
	b->error = error;
	assert_true(error < 0);
	(void)snprintf(b->text, sizeof(b->text), "%s", text);
	free_inside(b);
}

static void on_lost(void *userdata, int error, const char *text)
{
	struct bench *b = userdata;

	b->n_lost++;
	b->error = error;
	(void)snprintf(b->text, sizeof(b->text), "%s", text);
	free_inside(b);
}

static void on_progress(void *userdata, enum link_stage stage)
{
	struct bench *b = userdata;

	bench_append(b->stages, sizeof(b->stages), link_stage_to_string(stage));
}

static void on_pin_wanted(void *userdata, bool was_wrong)
{
	struct bench *b = userdata;

	b->n_pins_wanted++;
	b->was_wrong = was_wrong;
	if (b->pin)
		assert_int_equal(link_give_pin(b->link, b->pin), 0);
}

static void on_pin_shown(void *userdata, const char *pin)
{
	struct bench *b = userdata;

	assert_string_equal(pin, SUPPLICANT_PIN);
	b->n_pins_shown++;
}

static void on_rate(void *userdata, const struct session_data_rate *rate)
{
	struct bench *b = userdata;

	b->n_rates++;
	b->rate = *rate;
}

const struct link_events bench_link_events = {
	.connected = on_connected,
	.failed = on_failed,
	.progress = on_progress,
	.pin_wanted = on_pin_wanted,
	.pin_shown = on_pin_shown,
	.lost = on_lost,
	.rate = on_rate,
};

/* ---------------------------------------------------------------- miracast-net and the sink */

uint16_t bench_announced_port(const struct bench *b)
{
	const uint8_t *ies = b->supplicant.ies;

	return b->supplicant.ies_size == WFD_IE_SOURCE_SIZE ? (uint16_t)(ies[5] << 8 | ies[6]) : 0;
}

static int on_sink_time(sd_event_source *source, uint64_t now_us, void *userdata)
{
	struct bench *b = userdata;
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(bench_announced_port(b)) };

	(void)source;
	(void)now_us;
	b->sink_source = sd_event_source_disable_unref(b->sink_source);
	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	close_fd(b->sink_fd);
	b->sink_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	(void)connect(b->sink_fd, (struct sockaddr *)&a, sizeof(a));
	return 0;
}

static int on_net_packet(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
	struct bench *b = userdata;
	struct net_reply reply = { .version = NET_VERSION, .verb = NET_UP, .error = b->net_error,
				   .stage = b->net_stage, .local_address = htonl(0x7f000001),
				   .local_prefix = 28 };
	const struct net_reply hushed = { .version = NET_VERSION, .verb = NET_HUSH,
					  .error = b->hush_error };
	ssize_t n = recv(fd, &b->request, sizeof(b->request), MSG_DONTWAIT);

	(void)source;
	(void)revents;
	if (n != sizeof(b->request)) {
		b->connection_source = sd_event_source_disable_unref(b->connection_source);
		b->net_fd = close_fd(b->net_fd);
		return 0;
	}
	if (b->request.verb == NET_HUSH) {
		/* Too late, it would be for nothing. */
		if (b->n_hushes++ == 0)
			assert_false(supplicant_was_called(&b->supplicant, "Connect"));
		if (b->is_hush_lost)
			(void)shutdown(fd, SHUT_RDWR);
		else
			(void)send(fd, &hushed, sizeof(hushed), MSG_NOSIGNAL);
		return 0;
	}
	if (b->request.verb == NET_ADOPT) {
		const struct net_reply adopted = { .version = NET_VERSION, .verb = NET_ADOPT,
						   .error = b->can_adopt ? 0 : -ENODEV };

		b->n_adopts++;
		if (b->can_adopt)
			supplicant_say(&b->supplicant, "added on"); /* as the real one: a state follows */
		(void)send(fd, &adopted, sizeof(adopted), MSG_NOSIGNAL);
		return 0;
	}
	b->n_ups++;
	if (b->is_net_mute)
		return 0;
	/* Who asked may have gone meanwhile. */
	(void)send(fd, &reply, sizeof(reply), MSG_NOSIGNAL);
	if (!b->is_sink_mute && b->net_error == 0)
		assert_true(sd_event_add_time_relative(b->event, &b->sink_source, CLOCK_MONOTONIC,
						       10000, 0, on_sink_time, b) >= 0);
	return 0;
}

static int on_net_connection(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
	struct bench *b = userdata;

	(void)source;
	(void)revents;
	assert_int_equal(b->net_fd, -1);
	b->net_fd = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	assert_true(b->net_fd >= 0);
	assert_true(sd_event_add_io(b->event, &b->connection_source, b->net_fd, EPOLLIN,
				    on_net_packet, b) >= 0);
	return 0;
}

static void open_net(struct bench *b)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };

	memcpy(a.sun_path, bench_net_path, strlen(bench_net_path) + 1);
	(void)unlink(bench_net_path);
	b->net_listen_fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(b->net_listen_fd, (struct sockaddr *)&a, sizeof(a)), 0);
	assert_int_equal(listen(b->net_listen_fd, 2), 0);
	assert_true(sd_event_add_io(b->event, &b->net_source, b->net_listen_fd, EPOLLIN,
				    on_net_connection, b) >= 0);
}

/* ---------------------------------------------------------------- moving it */

int __real_sd_bus_open_system(sd_bus **ret);
int __wrap_sd_bus_open_system(sd_bus **ret);
int __real_sd_bus_call_async(sd_bus *bus, sd_bus_slot **slot, sd_bus_message *m,
			     sd_bus_message_handler_t callback, void *userdata, uint64_t usec);
int __wrap_sd_bus_call_async(sd_bus *bus, sd_bus_slot **slot, sd_bus_message *m,
			     sd_bus_message_handler_t callback, void *userdata, uint64_t usec);

int __wrap_sd_bus_open_system(sd_bus **ret)
{
	int r = __real_sd_bus_open_system(ret);

	sd_bus_unref(machine_bus);
	machine_bus = r < 0 ? NULL : sd_bus_ref(*ret);
	return r;
}

/* sd-bus keeps these limits itself, in real time: that there is one is all that can be held against it. */
int __wrap_sd_bus_call_async(sd_bus *bus, sd_bus_slot **slot, sd_bus_message *m,
			     sd_bus_message_handler_t callback, void *userdata, uint64_t usec)
{
	assert_int_equal(usec, 10 * USEC_PER_SEC);
	return __real_sd_bus_call_async(bus, slot, m, callback, userdata, usec);
}

/* The bus keeps the order of what one sends: what was sent before has its answer or is delivered. */
void bench_sync(sd_bus *bus)
{
	if (sd_bus_is_open(bus) > 0)
		(void)sd_bus_call_method(bus, "org.freedesktop.DBus", "/org/freedesktop/DBus",
					 "org.freedesktop.DBus", "GetId", NULL, NULL, NULL);
}

static bool is_under_way(struct bench *b)
{
	int r = sd_event_run(b->event, 0);

	assert_true(r >= 0);
	return r > 0;
}

/* In this order what the machine sent is with the supplicant, and what that sent with the machine. */
static bool happens(struct bench *b)
{
	if (is_under_way(b))
		return true;
	bench_sync(machine_bus);
	bench_sync(b->supplicant.bus);
	return is_under_way(b);
}

bool bench_step(struct bench *b)
{
	uint64_t next_us;

	if (happens(b))
		return true;
	next_us = fake_clock_next_us();
	if (next_us != UINT64_MAX)
		fake_clock_set_us(next_us);
	return next_us != UINT64_MAX;
}

void bench_run_ms(struct bench *b, uint64_t ms)
{
	uint64_t end_us = clock_now_us() + ms * USEC_PER_MSEC, next_us;

	for (;;) {
		while (happens(b))
			;
		if (clock_now_us() >= end_us)
			break;
		next_us = fake_clock_next_us();
		fake_clock_set_us(next_us < end_us ? next_us : end_us);
	}
}

void bench_new_machine(struct bench *b)
{
	const struct wpa_config config = { .host_name = "Laptop", .state_file = state_path,
					   .net_socket = bench_net_path };

	assert_int_equal(wpa_new(b->event, &config, &wpa_ops, b, &b->wpa), 0);
	/* While it says hello, a call that waits hands out what comes. */
	bench_sync(machine_bus);
}

void bench_begin_without_machine(struct bench *b, const struct reaction *script)
{
	*b = (struct bench){ .net_fd = -1, .net_listen_fd = -1, .sink_fd = -1, .rtsp_fd = -1,
			     .options = { .method = LINK_METHOD_BUTTON, .intent = -1 } };
	fake_radio_reset();
	memcpy(b->options.address, TV, LINK_ADDRESS_SIZE);
	assert_true(sd_event_new(&b->event) >= 0);
	supplicant_init(&b->supplicant, b->event, bench_bus_address);
	b->supplicant.script = script;
	open_net(b);
}

void bench_begin(struct bench *b, const struct reaction *script)
{
	bench_begin_without_machine(b, script);
	supplicant_start(&b->supplicant);
	bench_new_machine(b);
}

void bench_open_link(struct bench *b)
{
	assert_int_equal(link_open_wpa(b->wpa, &b->options, &bench_link_events, b, &b->link), 0);
}

bool bench_is_over(const struct bench *b)
{
	return b->n_connected + b->n_failed > 0;
}

void bench_end(struct bench *b)
{
	bool had_bus = b->supplicant.bus != NULL;

	assert_true(b->n_connected + b->n_failed <= 1);
	assert_true(b->n_lost <= b->n_connected);
	b->link = link_free(b->link);
	RUN_UNTIL(b, wpa_is_settled(b->wpa));
	wpa_set_finding(b->wpa, false);
	bench_run_ms(b, 1000);
	RUN_UNTIL(b, b->net_fd < 0);
	assert_false(b->supplicant.is_group_up);
	if (had_bus)
		RUN_UNTIL(b, bench_announced_port(b) == 0);
	wpa_free(b->wpa);
	supplicant_stop(&b->supplicant);
	sd_event_source_disable_unref(b->net_source);
	sd_event_source_disable_unref(b->connection_source);
	sd_event_source_disable_unref(b->sink_source);
	close_fd(b->net_listen_fd);
	close_fd(b->net_fd);
	close_fd(b->sink_fd);
	sd_event_unref(b->event);
	(void)unlink(state_path);
}

void bench_connect(struct bench *b, const struct reaction *script)
{
	bench_begin(b, script);
	bench_open_link(b);
	RUN_UNTIL(b, bench_is_over(b));
	if (b->n_failed)
		fail_msg("%s: %s; calls: %s", link_stage_to_string(b->stage), b->text,
			 b->supplicant.journal);
}

void bench_write_state(const char *text)
{
	FILE *f = fopen(state_path, "w");

	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

bool bench_has_state(const char *text)
{
	char state[4096] = "";
	FILE *f = fopen(state_path, "r");

	assert_non_null(f);
	(void)fread(state, 1, sizeof(state) - 1, f);
	assert_int_equal(fclose(f), 0);
	return strstr(state, text) != NULL;
}

/* ---------------------------------------------------------------- the run */

/* Its socket's name is there before anybody listens. */
static bool answers(const char *path)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	_cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	memcpy(a.sun_path, path, strlen(path) + 1);
	return connect(fd, (struct sockaddr *)&a, sizeof(a)) == 0;
}

static void start_bus(void)
{
	char path[sizeof(folder) + 8], config[512];
	FILE *f;

	assert_non_null(mkdtemp(strcpy(folder, "/tmp/miracast-link-XXXXXX")));
	(void)snprintf(path, sizeof(path), "%s/config", folder);
	(void)snprintf(bench_bus_address, sizeof(bench_bus_address), "unix:path=%s/bus", folder);
	(void)snprintf(bench_net_path, sizeof(bench_net_path), "%s/net", folder);
	(void)snprintf(state_path, sizeof(state_path), "%s/sinks", folder);
	(void)snprintf(config, sizeof(config),
		       "<busconfig><listen>%s</listen><policy context=\"default\"><allow "
		       "user=\"*\"/><allow send_destination=\"*\"/><allow receive_sender=\"*\"/><allow own=\"*\"/>"
		       "</policy></busconfig>", bench_bus_address);
	f = fopen(path, "w");
	assert_non_null(f);
	assert_true(fputs(config, f) >= 0);
	assert_int_equal(fclose(f), 0);
	bus_pid = fork();
	if (bus_pid == 0) {
		char option[sizeof(path) + 16];

		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		(void)snprintf(option, sizeof(option), "--config-file=%s", path);
		execlp("dbus-daemon", "dbus-daemon", "--nofork", option, NULL);
		_exit(1);
	}
	(void)snprintf(path, sizeof(path), "%s/bus", folder);
	for (int i = 0; i < 3000 && !answers(path); i++)
		usleep(10000);
	setenv("DBUS_SYSTEM_BUS_ADDRESS", bench_bus_address, 1);
}

static void stop_bus(void)
{
	static const char *const names[] = { "config", "bus", "net", "sinks", "sinks.new" };

	(void)kill(bus_pid, SIGTERM);
	(void)waitpid(bus_pid, NULL, 0);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		char path[sizeof(folder) + 16];

		(void)snprintf(path, sizeof(path), "%s/%s", folder, names[i]);
		(void)unlink(path);
	}
	(void)rmdir(folder);
}


int bench_main(const char *name, const struct CMUnitTest *tests, size_t n, int argc, char **argv)
{
	int r;

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	if (argc > 2)
		log_set_level(LOG_LEVEL_DEBUG);
	cmocka_set_message_output(CM_OUTPUT_TAP);
	start_bus();
	r = _cmocka_run_group_tests(name, tests, n, NULL, NULL);
	machine_bus = sd_bus_unref(machine_bus);
	stop_bus();
	return r;
}
