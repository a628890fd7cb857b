// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The contract with real processes at real time (limits a tenth): cases 5 to 7, 38, 62 and 80, every
 * step of Create and Start failing in turn, and a thousand sessions.
 *
 * usage: test-contract-process FAKE-MEDIA
 */
#include "contract-case.h"

#include "util/cleanup.h"

#include <dirent.h>
#include <errno.h>
#include <malloc.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/socket.h>

static const char *program;

static bool injecting; /* a step of what runs now is to fail: */
static unsigned int until_failure;

static unsigned int count_entries(const char *folder)
{
	DIR *d = opendir(folder);
	unsigned int n = 0;

	while (readdir(d))
		n++;
	(void)closedir(d);
	return n;
}

#define count_fds()	count_entries("/proc/self/fd")
#define count_threads() (count_entries("/proc/self/task") - 2)

/* Children that are not reaped yet, dead or alive. */
static bool has_children(void)
{
	siginfo_t info;

	return waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0;
}

static bool wait_for_no_children(struct bench *b)
{
	for (int i = 0; i < 200 && has_children(); i++)
		bench_pass(b, 10 * MS);
	return !has_children();
}

static int set_up_process(void **state)
{
	struct bench *b;

	(void)set_up(state);
	b = *state;
	b->config.source = SESSION_SOURCE_PATTERN;
	b->config.media_program = program;
	(void)setenv("FAKE_MEDIA", "", 1);
	/* Once, so that what the loop opens for good does not count later. */
	assert_int_equal(bench_create(b), 0);
	b->session = session_destroy(b->session);
	return wait_for_no_children(b) ? 0 : -1;
}

static int tear_down_process(void **state)
{
	struct bench *b = *state;

	injecting = false;
	b->session = session_destroy(b->session);
	(void)wait_for_no_children(b);
	return tear_down(state);
}

/* ---------------------------------------------------------------- steps that fail */

static bool fails(void)
{
	return injecting && until_failure > 0 && --until_failure == 0;
}

/* Each: the real function, or the failure that it would report. */
#define INJECT(type, name, parameters, arguments, failure)   \
	type __real_##name parameters;                       \
	type __wrap_##name parameters;                       \
	type __wrap_##name parameters                        \
	{                                                    \
		if (fails()) {                               \
			errno = ENOMEM;                      \
			return failure;                      \
		}                                            \
		return __real_##name arguments;              \
	}

INJECT(void *, calloc, (size_t n, size_t size), (n, size), NULL)
INJECT(char *, strdup, (const char *s), (s), NULL)
INJECT(int, memfd_create, (const char *name, unsigned int flags), (name, flags), -1)
INJECT(int, socketpair, (int d, int t, int p, int fds[2]), (d, t, p, fds), -1)
INJECT(int, socket, (int d, int t, int p), (d, t, p), -1)
INJECT(int, pidfd_open, (pid_t pid, unsigned int flags), (pid, flags), -1)
INJECT(void *, mmap, (void *a, size_t s, int p, int f, int fd, off_t o), (a, s, p, f, fd, o),
       MAP_FAILED)
INJECT(int, posix_spawn,
       (pid_t * pid, const char *path, const posix_spawn_file_actions_t *actions,
	const posix_spawnattr_t *attr, char *const argv[], char *const env[]),
       (pid, path, actions, attr, argv, env), ENOMEM)
INJECT(int, sd_event_add_io,
       (sd_event * e, sd_event_source **s, int fd, uint32_t events, sd_event_io_handler_t h, void *u),
       (e, s, fd, events, h, u), -ENOMEM)
INJECT(int, sd_event_add_time,
       (sd_event * e, sd_event_source **s, clockid_t c, uint64_t t, uint64_t a,
	sd_event_time_handler_t h, void *u),
       (e, s, c, t, a, h, u), -ENOMEM)
INJECT(int, sd_event_add_time_relative,
       (sd_event * e, sd_event_source **s, clockid_t c, uint64_t t, uint64_t a,
	sd_event_time_handler_t h, void *u),
       (e, s, c, t, a, h, u), -ENOMEM)
INJECT(int, sd_event_add_defer,
       (sd_event * e, sd_event_source **s, sd_event_handler_t h, void *u), (e, s, h, u), -ENOMEM)

static void test_create_fails(void **state)
{
	struct bench *b = *state;
	unsigned int before = count_fds();
	unsigned int step = 0;
	int r;

	do {
		until_failure = ++step;
		injecting = true;
		r = bench_create(b);
		injecting = false;
		if (until_failure == 0) {
			assert_true(r < 0);
			assert_null(b->session);
			assert_true(wait_for_no_children(b));
			assert_int_equal(count_fds(), before);
		}
	} while (until_failure == 0);
	assert_int_equal(r, 0);
	assert_true(step > 10);
	print_message("# %u steps of Create were made to fail\n", step - 1);
	b->session = session_destroy(b->session);
	assert_true(wait_for_no_children(b));
	assert_int_equal(count_fds(), before);
}

/* Start fails cleanly, or does without. */
static void test_start_fails(void **state)
{
	struct bench *b = *state;
	unsigned int step = 0, failed = 0;

	for (;;) {
		int r;

		bench_done(b);
		bench_init(b);
		b->config.source = SESSION_SOURCE_PATTERN;
		b->config.media_program = program;
		assert_int_equal(bench_create(b), 0);
		bench_connect(b);
		until_failure = ++step;
		injecting = true;
		r = bench_start(b);
		if (r == 0)
			bench_pass_started(b);
		injecting = false;
		if (until_failure > 0)
			break;
		failed += r < 0 || b->started_error < 0;
		if (r < 0)
			assert_int_equal(b->n_started, 0);
		bench_pass(b, 10 * MS);
		bench_finish(b);
		assert_true(wait_for_no_children(b));
	}
	assert_int_equal(b->started_error, 0);
	assert_true(failed >= 4);
	print_message("# %u steps of Start were made to fail\n", step - 1);
	bench_finish(b);
	assert_true(wait_for_no_children(b));
}

static void test_no_program(void **state)
{
	struct bench *b = *state;
	unsigned int before = count_fds();

	b->config.media_program = "/nonexistent/miracast-media";
	assert_int_equal(bench_create(b), -ENOEXEC);
	assert_int_equal(count_fds(), before);
	b->config.source = SESSION_SOURCE_DEVICE;
	b->config.device = "/nonexistent/miracast";
	assert_int_equal(bench_create(b), -ENOENT); /* which is the module */
	assert_int_equal(count_fds(), before);
}

/* ---------------------------------------------------------------- processes that misbehave */

static void test_hung_media(void **state)
{
	struct bench *b = *state;
	unsigned int before = count_fds();
	uint64_t begin_us;

	(void)setenv("FAKE_MEDIA", "hang", 1);
	b->script.acts[SINK_TEARDOWN].fault = SINK_SILENT;
	bench_run(b, 0);
	bench_pass(b, 20 * MS); /* it sits in START now, and SIGTERM means nothing to it */
	begin_us = clock_now_us();
	session_stop(b->session);
	assert_true(bench_pass_until(b, &b->n_stopped, 1, SESSION_STOP_LIMIT_MS * MS));
	b->session = session_destroy(b->session);
	assert_true(clock_now_us() - begin_us < SESSION_STOP_LIMIT_MS * MS);
	assert_true(wait_for_no_children(b));
	sink_done(&b->sink);
	b->rtsp_fd = close_fd(b->rtsp_fd);
	assert_int_equal(count_fds(), before);
	assert_int_equal(count_threads(), 1);
}

static void test_destroy_while_running(void **state)
{
	struct bench *b = *state;

	bench_run(b, 0);
	b->session = session_destroy(b->session);
	b->journal[0] = '\0';
	assert_true(wait_for_no_children(b));
	assert_string_equal(b->journal, "");
}

static void expect_broken_encoder(struct bench *b, const char *fault)
{
	struct session_status status;

	(void)setenv("FAKE_MEDIA", fault, 1);
	assert_int_equal(bench_create(b), 0);
	bench_connect(b);
	assert_int_equal(bench_start(b), 0);
	assert_true(bench_pass_until(b, &b->n_ended, 1, 10 * S));
	session_get_status(b->session, &status);
	assert_int_equal(status.media_restarts, 3); /* it was tried again, and not for ever */
	assert_int_equal(b->end.reason, SESSION_END_CRITICAL);
	assert_int_equal(b->end.stage, SESSION_STAGE_ENCODE);
	assert_string_equal(b->end_text, "the encoder is broken");
	bench_finish(b);
}

static void test_broken_encoder(void **state)
{
	expect_broken_encoder(*state, "fail");
}

/* What a process says before its end is heard, though it left unread what it was told. */
static void test_encoder_broken_at_once(void **state)
{
	expect_broken_encoder(*state, "fail-deaf");
}

static void expect_failed_start(struct bench *b, const char *fault)
{
	(void)setenv("FAKE_MEDIA", fault, 1);
	assert_int_equal(bench_create(b), 0);
	bench_connect(b);
	assert_int_equal(bench_start(b), 0);
	bench_pass_started(b);
	assert_int_equal(b->started_error, -EIO);
	bench_finish(b);
	assert_true(wait_for_no_children(b));
}

static void test_dying_media(void **state)
{
	expect_failed_start(*state, "die");
}

static void test_babbling_media(void **state)
{
	expect_failed_start(*state, "babble");
}

/* It is given SESSION_CAPS_MS, then x264 is assumed; that it never speaks is found out later. */
static void test_mute_media(void **state)
{
	struct bench *b = *state;

	(void)setenv("FAKE_MEDIA", "mute", 1);
	assert_int_equal(bench_create(b), 0);
	bench_connect(b);
	assert_int_equal(bench_start(b), 0);
	bench_pass_started(b);
	assert_int_equal(b->started_error, 0);
	bench_finish(b);
}

/* ---------------------------------------------------------------- many */

extern size_t __sanitizer_get_current_allocated_bytes(void) __attribute__((weak));

static size_t count_bytes(void)
{
	return __sanitizer_get_current_allocated_bytes ? __sanitizer_get_current_allocated_bytes()
						       : mallinfo2().uordblks;
}

static void run_cycle(struct bench *b)
{
	bench_done(b);
	bench_init(b);
	b->config.source = SESSION_SOURCE_PATTERN;
	b->config.media_program = program;
	bench_run(b, 0);
	bench_finish(b);
	while (has_children())
		bench_pass(b, MS);
}

static void test_thousand_cycles(void **state)
{
	struct bench *b = *state;
	unsigned int fds;
	size_t bytes;

	for (int i = 0; i < 10; i++)
		run_cycle(b);
	fds = count_fds();
	bytes = count_bytes();
	for (int i = 0; i < 1000; i++) {
		run_cycle(b);
		assert_int_equal(count_fds(), fds);
		assert_int_equal(count_bytes(), bytes);
	}
	assert_int_equal(count_threads(), 1);
	print_message("# 1000 sessions: %u descriptors and %zu bytes before and after\n", fds, bytes);
}

#define PROCESS_CASE(name, function) { name, function, set_up_process, tear_down_process, NULL }

/* clang-format off */
static const struct CMUnitTest cases[] = {
	PROCESS_CASE("case 5: a missing program or module leaves nothing behind", test_no_program),
	PROCESS_CASE("case 6: each step of Create fails in turn", test_create_fails),
	PROCESS_CASE("case 6: each step of Start fails in turn", test_start_fails),
	PROCESS_CASE("case 7: neither a hung process nor a silent sink holds Stop and Destroy", test_hung_media),
	PROCESS_CASE("case 62: Destroy in the middle of a session", test_destroy_while_running),
	PROCESS_CASE("case 80: a broken encoder is replaced three times, then critical", test_broken_encoder),
	PROCESS_CASE("a reason is heard from a process that reads nothing any more", test_encoder_broken_at_once),
	PROCESS_CASE("case 80: a process that dies before its caps", test_dying_media),
	PROCESS_CASE("case 80: a process that breaks the protocol", test_babbling_media),
	PROCESS_CASE("case 80: a process that says nothing", test_mute_media),
	PROCESS_CASE("case 38, case 81: a thousand sessions leave nothing behind", test_thousand_cycles),
};
/* clang-format on */

int main(int argc, char *argv[])
{
	if (argc != 2)
		return 2;
	program = argv[1];
	(void)setenv("MIRACAST_TIME_SCALE", "0.1", 1);
	return run_cases(cases, sizeof(cases) / sizeof(cases[0]), "contract: processes");
}
