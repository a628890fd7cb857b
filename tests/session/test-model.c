// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The contract against a model: random calls and events in random order, and after each of them
 * everything that must hold, holds.
 *
 * usage: test-model [SEED [SEQUENCES]]
 *
 * A sequence is one session. It is made of its number alone, so that a failure repeats with
 * "test-model NUMBER 1"; CONTRACT_VERBOSE=1 shows the log. Two threads run halves of the sequences,
 * each with its own loop: under TSan this shows that sessions share nothing.
 */
#include "contract-bench.h"

#include "util/log.h"

#include <arpa/inet.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define SEQUENCES 1500u
#define STEPS	  40u
#define THREADS	  2u

/* The contract's states, and what was told, as the header promises them. */
struct model {
	enum session_state state;
	bool was_started, has_ended, stop_called, is_created;
	bool must_start_end; /* ops.started is owed */
	bool must_stop_end;  /* ops.stopped is owed */
};

struct run {
	struct bench bench;
	struct model model;
	uint64_t random;
	uint32_t seed;
	char steps[4096];
};

/* How far the sequences came: a model that sees nothing must not look like a good one. */
static atomic_uint n_streamed, n_failed, n_ended, n_stopped, n_destroyed;
static _Thread_local struct run *run;

#define CHECK(condition) check(condition, #condition, __LINE__)

static void check(bool condition, const char *text, int line)
{
	if (condition)
		return;
	fprintf(stderr, "# seed %u, line %d: %s\n# steps: %s\n# journal: %s\n", run->seed, line, text,
		run->steps, run->bench.journal);
	exit(1);
}

/* splitmix64 */
static uint32_t get_random(uint32_t below)
{
	uint64_t z = run->random += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return (uint32_t)((z ^ z >> 31) >> 16) % below;
}

static void note_step(const char *word)
{
	size_t used = strlen(run->steps);

	(void)snprintf(run->steps + used, sizeof(run->steps) - used, "%s ", word);
}

/* ---------------------------------------------------------------- the owner, and what he may hear */

static void maybe_destroy(void)
{
	struct bench *b = &run->bench;

	if (get_random(16) == 0) {
		note_step("(destroyed inside)");
		atomic_fetch_add(&n_destroyed, 1);
		b->session = session_destroy(b->session);
		run->model = (struct model){ 0 };
	}
}

static void on_started(void *userdata, int error, const struct session_info *info,
		       const struct session_end *why)
{
	struct model *m = &run->model;

	(void)userdata;
	CHECK(m->must_start_end);
	CHECK(error <= 0 && !info == (error < 0) && !why == (error == 0));
	CHECK(run->bench.head.n_plugs == 0); /* [R6] */
	if (error == 0)
		CHECK(m->state == SESSION_STARTED && !m->stop_called);
	else if (m->stop_called)
		CHECK(m->state == SESSION_STOP_PENDING);
	else
		CHECK(m->state == SESSION_STOPPED);
	m->must_start_end = false;
	atomic_fetch_add(error ? &n_failed : &n_streamed, 1);
	maybe_destroy();
}

static void on_ended(void *userdata, const struct session_end *end)
{
	struct model *m = &run->model;

	(void)userdata;
	CHECK(!m->has_ended && !m->stop_called);
	CHECK(m->state == SESSION_STARTED || !m->was_started);
	CHECK(end->text[0] != '\0' && end->reason != SESSION_END_USER);
	m->has_ended = true;
	atomic_fetch_add(&n_ended, 1);
	maybe_destroy();
}

static void on_stopped(void *userdata)
{
	struct model *m = &run->model;

	(void)userdata;
	CHECK(m->must_stop_end && !m->must_start_end);
	CHECK(m->state == SESSION_STOPPED);
	CHECK(run->bench.media.rtp_fd < 0);
	m->must_stop_end = false;
	atomic_fetch_add(&n_stopped, 1);
	maybe_destroy();
}

/* The arrows of the picture in session.h, and no others. */
static void on_state_changed(void *userdata, enum session_state state)
{
	static const bool arrows[4][4] = {
		[SESSION_STOPPED][SESSION_START_PENDING] = true,
		[SESSION_START_PENDING][SESSION_STARTED] = true,
		[SESSION_START_PENDING][SESSION_STOPPED] = true,
		[SESSION_START_PENDING][SESSION_STOP_PENDING] = true,
		[SESSION_STARTED][SESSION_STOP_PENDING] = true,
		[SESSION_STOP_PENDING][SESSION_STOPPED] = true,
	};

	(void)userdata;
	CHECK(arrows[run->model.state][state]);
	run->model.state = state;
	bench_note("%s", session_state_to_string(state));
}

/* ---------------------------------------------------------------- calls */

static void call_start(void)
{
	struct bench *b = &run->bench;
	struct model *m = &run->model;
	int r;

	if (b->rtsp_fd < 0)
		bench_connect(b);
	if (m->is_created && !m->was_started && !m->has_ended)
		m->must_start_end = true;
	r = bench_start(b);
	if (m->was_started)
		CHECK(r == -EALREADY);
	else if (r == 0)
		CHECK(!m->has_ended);
	else
		CHECK(r == -EIO || r == -ENOTCONN);
	if (r == 0)
		m->was_started = true;
	else if (!m->was_started)
		m->must_start_end = false;
}

static void call_stop(void)
{
	struct model *m = &run->model;
	enum session_state state = m->state;

	if (state == SESSION_STARTED || state == SESSION_START_PENDING) {
		m->stop_called = true;
		m->must_stop_end = true;
	}
	session_stop(run->bench.session);
	CHECK(m->must_stop_end == (m->state == SESSION_STOP_PENDING));
}

static void call_kernel_message(void)
{
	static const struct media_mode modes[] = {
		{ 1920, 1080, 60 }, { 1280, 720, 60 }, { 1024, 768, 60 }, { 4096, 16, 99 }, { 0 },
	};
	struct session_kernel_message m = {
		.type = get_random(12) ? get_random(2) : SESSION_KERNEL_GONE,
		.mode = modes[get_random(5)],
		.active = get_random(2),
	};
	enum session_state state = run->model.state;
	int r = session_kernel_message(run->bench.session, &m);

	if (state == SESSION_STOPPED || state == SESSION_STOP_PENDING)
		CHECK(r == -ESHUTDOWN);
	else
		CHECK(r == 0 || r == -ENOBUFS);
}

static void call_data_rate(void)
{
	struct bench *b = &run->bench;
	struct session_data_rate rate = { .encoder_bps = 500000 + get_random(20000000),
					  .transmitted = 100,
					  .failed = get_random(20) };
	bool ends = get_random(8) == 0;
	int r = session_data_rate(b->session, ends ? NULL : &rate);
	bool registered = b->n_rate_on > b->n_rate_off && !b->rate_ended && b->register_result >= 0;

	CHECK(r == (registered ? 0 : -ESHUTDOWN));
	if (registered && ends)
		b->rate_ended = true;
}

/* ---------------------------------------------------------------- events */

static void media_happens(void)
{
	static const enum media_stage stages[] = { MEDIA_STAGE_ENCODE, MEDIA_STAGE_SEND,
						   MEDIA_STAGE_INPUT_END };
	struct bench *b = &run->bench;
	union media_message m = { 0 };

	switch (get_random(8)) {
	case 0:
		bench_media_fails(b, stages[get_random(3)], get_random(2) ? -EIO : 0, "gone");
		return;
	case 1:
		m.blocked = (struct media_blocked){ .queued_us = get_random(400000) };
		media_header_init(&m.header, MEDIA_BLOCKED, sizeof(m.blocked));
		break;
	case 2:
		m.rate = (struct media_rate){ .stream_bps = get_random(20000000) };
		media_header_init(&m.header, MEDIA_RATE, sizeof(m.rate));
		break;
	default:
		bench_media_tells_chunk(b, get_random(5), get_random(1000), 0);
		return;
	}
	bench_media_tells(b, &m);
}

static void sink_happens(void)
{
	static const char *const bodies[] = {
		"wfd_idr_request\r\n", "wfd_connector_type: none\r\n", "wfd_connector_type: 05\r\n",
		"wfd_video_formats: none\r\n", "wfd_standby\r\n", "wfd_route: primary\r\n",
		"wfd_video_formats: 40 00 03 10 00000021 00000000 00000000 00 0000 0000 00 none none\r\n",
		"nonsense", "",
	};
	static const char *const methods[] = { "SET_PARAMETER", "GET_PARAMETER", "PAUSE", "PLAY",
					       "TEARDOWN", "SETUP", "OPTIONS", "DANCE" };
	struct bench *b = &run->bench;
	uint32_t choice = get_random(20);

	if (b->sink.fd < 0 || b->sink.n_queue > 20)
		return;
	if (choice < 10)
		sink_request(&b->sink, "SET_PARAMETER", "Content-Type: text/parameters\r\n",
			     bodies[get_random(9)]);
	else if (choice < 15)
		sink_request(&b->sink, methods[get_random(8)],
			     get_random(2) ? "Transport: RTP/AVP/UDP;unicast;client_port=19000\r\n"
					   : "",
			     "");
	else if (choice == 15)
		sink_end(&b->sink);
	else if (choice == 16)
		sink_reset(&b->sink);
	else if (choice == 17)
		sink_send_raw(&b->sink, "\r\n\r\n\0RTSP/9 x", 14);
	else
		b->sink.script.acts[get_random(SINK_MESSAGES)] = (struct sink_act){
			.fault = get_random(3), .status = 400 + get_random(60),
			.times = get_random(3) };
}

static void time_happens(void)
{
	static const uint64_t spans[] = { 1, 100 * MS, S, 6 * S, 11 * S, 31 * S };

	bench_pass(&run->bench, spans[get_random(6)]);
}

/* ---------------------------------------------------------------- what always holds */

static void check_stream_goes_to_peer(void)
{
	struct sockaddr_in peer;
	socklen_t size = sizeof(peer);
	char text[INET_ADDRSTRLEN];

	if (run->bench.media.rtp_fd < 0)
		return;
	CHECK(getpeername(run->bench.media.rtp_fd, (struct sockaddr *)&peer, &size) == 0);
	CHECK(strcmp(inet_ntop(AF_INET, &peer.sin_addr, text, sizeof(text)), SINK_ADDRESS) == 0);
}

static void check_always(void)
{
	struct bench *b = &run->bench;
	struct model *m = &run->model;

	if (!b->session) {
		CHECK(!b->head.is_open && !b->head.is_plugged && !b->media.supervisor);
		return;
	}
	CHECK(session_get_state(b->session) == m->state);
	CHECK(b->media.rtp_fd < 0 || m->state != SESSION_STOPPED);
	CHECK(!b->media.is_streaming ||
	      m->state == SESSION_START_PENDING || m->state == SESSION_STARTED);
	CHECK(!b->head.is_plugged || m->was_started);
	CHECK(b->n_rate_on <= 1 && b->n_rate_off <= b->n_rate_on);
	check_stream_goes_to_peer();
}

/* From wherever we are: Stop, within its limit, whatever the sink does. */
static void check_end(void)
{
	struct bench *b = &run->bench;
	struct model *m = &run->model;

	if (b->session) {
		call_stop();
		bench_pass(b, SESSION_STOP_LIMIT_MS * MS);
	}
	if (b->session) {
		CHECK(session_get_state(b->session) == SESSION_STOPPED);
		CHECK(!m->must_start_end && !m->must_stop_end);
		b->session = session_destroy(b->session);
	}
	check_always();
	b->journal[0] = '\0';
	bench_pass(b, 60 * S);
	CHECK(b->journal[0] == '\0');
}

/* ---------------------------------------------------------------- a sequence */

static const struct {
	const char *name;
	void (*do_it)(void);
	unsigned int weight;
	bool needs_session;
} things[] = {
	{ "start", call_start, 6, true },
	{ "stop", call_stop, 1, true },
	{ "kernel", call_kernel_message, 6, true },
	{ "rate", call_data_rate, 5, true },
	{ "media", media_happens, 5, true },
	{ "sink", sink_happens, 8, false },
	{ "time", time_happens, 9, false },
};

#define WEIGHTS 40u

static void do_something(void)
{
	uint32_t choice = get_random(WEIGHTS);
	size_t i = 0;

	for (; choice >= things[i].weight; i++)
		choice -= things[i].weight;
	if (things[i].needs_session && !run->bench.session)
		return;
	note_step(things[i].name);
	things[i].do_it();
}

static void randomise(struct bench *b)
{
	static const char *const m3s[] = { NULL, NULL, NULL, NULL,
		"wfd_video_formats: none\r\nwfd_client_rtp_ports: RTP/AVP/UDP;unicast 19000 0 mode=play\r\n",
		"wfd_video_formats: 40 00 03 10 000001a1 00000000 00000000 00 0000 0000 00 none none\r\n"
		"wfd_client_rtp_ports: RTP/AVP/UDP;unicast 19000 0 mode=play\r\n"
		"wfd_standby_resume_capability: supported\r\n"
		"microsoft_format_change_capability: supported\r\n" };

	b->ops.started = on_started;
	b->ops.ended = on_ended;
	b->ops.stopped = on_stopped;
	b->ops.state_changed = on_state_changed;
	b->script.m3 = m3s[get_random(6)];
	b->script.m2_first = get_random(2);
	b->media.is_mute = get_random(8) == 0;
	b->config.source = get_random(4) ? SESSION_SOURCE_DEVICE : SESSION_SOURCE_PATTERN;
	b->register_result = get_random(6) ? 0 : -EOPNOTSUPP;
	b->stats.current_bps = 900000 + get_random(20000000);
	if (get_random(5) == 0)
		b->script.acts[get_random(SINK_MESSAGES)] = (struct sink_act){
			.fault = get_random(6), .status = 404, .delay_us = get_random(12) * S };
}

static void run_sequence(uint32_t seed)
{
	struct bench *b = &run->bench;

	run->seed = seed;
	run->random = seed;
	run->steps[0] = '\0';
	run->model = (struct model){ 0 };
	bench_init(b);
	randomise(b);
	CHECK(bench_create(b) == 0);
	run->model.is_created = true;
	for (unsigned int i = 0; i < STEPS; i++) {
		do_something();
		if (get_random(3))
			bench_settle(b);
		check_always();
	}
	check_end();
	bench_done(b);
}

static uint32_t first = 1, count = SEQUENCES;

static void *run_part(void *userdata)
{
	uint32_t part = (uint32_t)(uintptr_t)userdata;

	run = calloc(1, sizeof(*run));
	for (uint32_t i = part; i < count; i += THREADS)
		run_sequence(first + i);
	free(run);
	return NULL;
}

int main(int argc, char *argv[])
{
	pthread_t threads[THREADS];
	bool far;

	log_set_level(getenv("CONTRACT_VERBOSE") ? LOG_LEVEL_DEBUG : LOG_LEVEL_ERROR);
	if (argc > 1)
		first = (uint32_t)strtoul(argv[1], NULL, 0);
	if (argc > 2)
		count = (uint32_t)strtoul(argv[2], NULL, 0);
	for (uintptr_t i = 0; i < THREADS; i++)
		(void)pthread_create(&threads[i], NULL, run_part, (void *)i);
	for (unsigned int i = 0; i < THREADS; i++)
		(void)pthread_join(threads[i], NULL);
	printf("# %u started, %u failed to, %u ended, %u stopped, %u destroyed in a call back\n",
	       n_streamed, n_failed, n_ended, n_stopped, n_destroyed);
	far = count < 100 || (n_streamed > count / 3 && n_failed > count / 20 &&
			      n_ended > count / 10 && n_stopped > count / 3 && n_destroyed > 10);
	printf("1..1\n%s 1 case 14: %u random sequences from seed %u\n", far ? "ok" : "not ok", count,
	       first);
	return !far;
}
