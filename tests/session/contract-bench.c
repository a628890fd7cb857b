// SPDX-License-Identifier: GPL-2.0-or-later
#include "contract-bench.h"

#include "util/cleanup.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

_Thread_local struct bench *bench;

/* ---------------------------------------------------------------- the journal */

void bench_note(const char *format, ...)
{
	size_t used = strlen(bench->journal);
	va_list ap;

	if (used > sizeof(bench->journal) - 128)
		return;
	va_start(ap, format);
	(void)vsnprintf(bench->journal + used, 120, format, ap);
	va_end(ap);
	(void)strcat(bench->journal, " ");
}

static const char *find(const struct bench *b, const char *word)
{
	size_t size = strlen(word);

	for (const char *at = strstr(b->journal, word); at; at = strstr(at + 1, word))
		if ((at == b->journal || at[-1] == ' ') && at[size] == ' ')
			return at;
	return NULL;
}

bool bench_noted(const struct bench *b, const char *word)
{
	return find(b, word) != NULL;
}

bool bench_noted_before(const struct bench *b, const char *first, const char *second)
{
	const char *a = find(b, first), *z = find(b, second);

	return a && z && a < z;
}

/* ---------------------------------------------------------------- the owner */

static void act(struct bench *b, char letter)
{
	if (letter == 's')
		session_stop(b->session);
	else if (letter == 'd')
		b->session = session_destroy(b->session);
}

static void keep_end(struct bench *b, const struct session_end *end)
{
	b->end = *end;
	(void)snprintf(b->end_text, sizeof(b->end_text), "%s", end->text);
	b->end.text = b->end_text;
}

static void on_started(void *userdata, int error, const struct session_info *info,
		       const struct session_end *why)
{
	struct bench *b = userdata;

	b->n_started++;
	b->started_error = error;
	assert_int_equal(!error, !!info);
	assert_int_equal(!error, !why);
	if (info)
		b->info = *info;
	if (why)
		keep_end(b, why);
	bench_note("started:%d", -error);
	act(b, b->in_started);
}

static void on_ended(void *userdata, const struct session_end *end)
{
	struct bench *b = userdata;

	b->n_ended++;
	keep_end(b, end);
	bench_note("ended:%s", session_end_reason_to_string(end->reason));
	act(b, b->in_ended);
}

static void on_stopped(void *userdata)
{
	struct bench *b = userdata;

	b->n_stopped++;
	bench_note("stopped");
	act(b, b->in_stopped);
}

static void on_state_changed(void *userdata, enum session_state state)
{
	(void)userdata;
	bench_note("%s", session_state_to_string(state));
}

static void on_statistic(void *userdata, const struct session_statistic *statistic)
{
	struct bench *b = userdata;

	b->statistic = *statistic;
	b->n_statistics++;
	if (statistic->type == SESSION_STATISTIC_EVENT) {
		b->events[statistic->event]++;
		bench_note("event:%d", (int)statistic->event);
	}
}

/* R12: within Start and Stop, never twice the same. */
static int on_register(void *userdata, bool on)
{
	struct bench *b = userdata;
	enum session_state state = session_get_state(b->session);

	bench_note("rate:%s", on ? "on" : "off");
	assert_int_equal(state, on ? SESSION_START_PENDING : state);
	assert_true(state == SESSION_START_PENDING || state == SESSION_STOP_PENDING);
	b->n_rate_on += on;
	b->n_rate_off += !on;
	assert_true(b->n_rate_on <= 1 && b->n_rate_off <= b->n_rate_on);
	return b->register_result;
}

static void on_transcript(void *userdata, bool sent, const char *text, size_t size)
{
	struct bench *b = userdata;

	(void)text;
	if (sent)
		b->sent += size;
}

/* ---------------------------------------------------------------- life */

void bench_init(struct bench *b)
{
	*b = (struct bench){
		.config = {
			.media_program = "/nonexistent",
			.sink_name = "Kitchen",
			.host_name = "laptop",
			.source = SESSION_SOURCE_DEVICE,
			.input_fd = -1,
			.dump_fd = -1,
		},
		.stats = { .current_bps = 20000000 },
		.ops = {
			.started = on_started,
			.stopped = on_stopped,
			.ended = on_ended,
			.state_changed = on_state_changed,
			.statistic = on_statistic,
			.register_data_rate = on_register,
			.transcript = on_transcript,
		},
		.rtsp_fd = -1,
		.sink.fd = -1,
		.media.rtp_fd = -1,
		.media.caps = {
			.encoder = "x264",
			.profiles = 1u << MEDIA_PROFILE_CBP | 1u << MEDIA_PROFILE_CHP,
			.max_level_idc = 42,
			.max_width = 1920,
			.max_height = 1200,
			.max_pixel_rate = 1920 * 1200 * 60,
		},
	};
	bench = b;
	assert_true(sd_event_new(&b->event) >= 0);
}

void bench_done(struct bench *b)
{
	b->session = session_destroy(b->session);
	sink_done(&b->sink);
	b->rtsp_fd = close_fd(b->rtsp_fd);
	b->event = sd_event_unref(b->event);
	bench = NULL;
}

int bench_create(struct bench *b)
{
	return session_create(b->event, &b->config, &b->ops, b, &b->session);
}

static int accept_from(int listener)
{
	int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	int one = 1;

	assert_true(fd >= 0);
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	return fd;
}

void bench_connect(struct bench *b)
{
	_cleanup_close_ int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_in address = { .sin_family = AF_INET };
	socklen_t size = sizeof(address);

	(void)inet_pton(AF_INET, "127.0.0.1", &address.sin_addr);
	assert_int_equal(bind(listener, (struct sockaddr *)&address, size), 0);
	assert_int_equal(listen(listener, 1), 0);
	assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &size), 0);
	sink_init(&b->sink, &b->script, ntohs(address.sin_port));
	b->rtsp_fd = accept_from(listener);
}

int bench_start(struct bench *b)
{
	return session_start(b->session, b->rtsp_fd, &b->stats);
}

void bench_run(struct bench *b, int result)
{
	assert_int_equal(bench_create(b), 0);
	bench_connect(b);
	assert_int_equal(bench_start(b), 0);
	assert_int_equal(b->n_started, 0); /* never from inside the call */
	bench_pass_started(b);
	assert_int_equal(b->started_error, result);
	bench_settle(b);
}

/* ---------------------------------------------------------------- time */

static uint64_t get_received(int fd)
{
	struct tcp_info info = { 0 };
	socklen_t size = sizeof(info);

	return getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) == 0 ? info.tcpi_bytes_received : 0;
}

static bool has_hung_up(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLRDHUP };

	return poll(&p, 1, 0) > 0;
}

/* The kernel delivers over loopback at once, but for rare moments that must not look like time. */
static bool is_in_flight(const struct bench *b)
{
	if (b->rtsp_fd < 0 || b->sink.fd < 0)
		return b->rtsp_fd >= 0 && b->sink.has_ended && !has_hung_up(b->rtsp_fd);
	if (get_received(b->rtsp_fd) < b->sink.sent)
		return true;
	if (b->sink.has_ended && !has_hung_up(b->rtsp_fd))
		return true;
	return !b->sink.script.deaf && !b->sink.saw_end && b->sink.received < b->sent;
}

void bench_settle(struct bench *b)
{
	unsigned int waits = 0;

	for (;;) {
		int r = sd_event_run(b->event, 0);

		assert_true(r >= 0);
		if (r > 0)
			continue;
		if (b->sink.fd >= 0 && sink_step(&b->sink))
			continue;
		if (!is_in_flight(b) || waits++ == 200)
			return;
		(void)poll(NULL, 0, 1);
	}
}

static uint64_t get_next_us(const struct bench *b)
{
	uint64_t timer_us = fake_clock_next_us();
	uint64_t sink_us = b->sink.fd >= 0 ? sink_next_us(&b->sink) : UINT64_MAX;
	uint64_t next_us = timer_us < sink_us ? timer_us : sink_us;

	return next_us > clock_now_us() ? next_us : clock_now_us() + 1;
}

void bench_pass(struct bench *b, uint64_t us)
{
	uint64_t end_us = clock_now_us() + us;

	bench_settle(b);
	while (clock_now_us() < end_us) {
		uint64_t next_us = get_next_us(b);

		fake_clock_set_us(next_us < end_us ? next_us : end_us);
		bench_settle(b);
	}
}

bool bench_pass_until(struct bench *b, const unsigned int *counter, unsigned int value,
		      uint64_t limit_us)
{
	uint64_t end_us = clock_now_us() + limit_us;

	bench_settle(b);
	while (*counter < value && clock_now_us() < end_us) {
		uint64_t next_us = get_next_us(b);

		fake_clock_set_us(next_us < end_us ? next_us : end_us);
		bench_settle(b);
	}
	return *counter >= value;
}

void bench_finish(struct bench *b)
{
	bool runs = session_get_state(b->session) != SESSION_STOPPED;

	session_stop(b->session);
	if (runs) /* [R9] */
		assert_true(bench_pass_until(b, &b->n_stopped, 1, SESSION_STOP_LIMIT_MS * MS));
	assert_int_equal(session_get_state(b->session), SESSION_STOPPED);
	assert_true(b->n_stopped <= 1);
	assert_true(b->n_started <= 1 && b->n_ended <= 1);
	assert_int_equal(b->n_rate_off,
			 b->register_result < 0 || b->rate_ended ? 0 : b->n_rate_on);
	assert_int_equal(b->media.rtp_fd, -1);
	assert_false(b->media.is_streaming);
	b->session = session_destroy(b->session);
	assert_false(b->head.is_open || b->head.is_plugged);
	assert_null(b->media.supervisor);
}

/* ---------------------------------------------------------------- from the fakes' side */

void bench_kernel_says(struct bench *b, const struct session_kernel_message *message)
{
	if (b->head.is_open)
		b->head.on_message(b->head.userdata, message);
}

void bench_kernel_mode(struct bench *b, uint16_t width, uint16_t height, uint16_t refresh_hz)
{
	bench_kernel_says(b, &(struct session_kernel_message){
				     .type = SESSION_KERNEL_MODE,
				     .mode = { width, height, refresh_hz },
				     .active = width > 0 });
	bench_settle(b);
}

void bench_kernel_power(struct bench *b, bool active)
{
	bench_kernel_says(b, &(struct session_kernel_message){ .type = SESSION_KERNEL_POWER,
							       .active = active });
	bench_settle(b);
}

int bench_rate(struct bench *b, uint64_t bps)
{
	bench_pass(b, S);
	if (!b->session)
		return -ESHUTDOWN;
	return session_data_rate(b->session, &(struct session_data_rate){
						     .encoder_bps = bps, .transmitted = 500 });
}
