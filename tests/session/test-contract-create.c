// SPDX-License-Identifier: GPL-2.0-or-later
/* The contract, cases 1 to 13: Create, Destroy, and one call at a time. */
#include "contract-case.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---------------------------------------------------------------- interface */

static void test_config(void **state)
{
	struct bench *b = *state;

	assert_int_equal(bench_create(b), 0);
	assert_non_null(b->session);
	assert_int_equal(session_get_state(b->session), SESSION_STOPPED);
}

static void test_bad_config(void **state)
{
	struct bench *b = *state;
	struct session_config good = b->config;
	struct session_ops ops = b->ops;

	b->config.media_program = NULL;
	assert_int_equal(bench_create(b), -EINVAL);
	b->config = good;
	b->config.source = SESSION_SOURCE_Y4M; /* without a clip */
	assert_int_equal(bench_create(b), -EINVAL);
	b->config.source = (enum session_source)7;
	assert_int_equal(bench_create(b), -EINVAL);
	b->config = good;
	b->config.encoder = (enum session_encoder)9;
	assert_int_equal(bench_create(b), -EINVAL);
	b->config = good;
	b->config.sink_id_size = 6;
	assert_int_equal(bench_create(b), -EINVAL);
	b->config = good;
	b->config.mode_limit.width = 640;
	assert_int_equal(bench_create(b), -EINVAL);
	b->config = good;
	b->ops.stopped = NULL;
	assert_int_equal(bench_create(b), -EINVAL);
	b->ops = ops;
	assert_null(b->session);
	assert_string_equal(b->journal, "");
}

static void test_no_late_call(void **state)
{
	struct bench *b = *state;

	bench_run(b, 0);
	bench_media_fails(b, MEDIA_STAGE_ENCODE, -EIO, "broken"); /* ended is posted, not told */
	b->session = session_destroy(b->session);
	b->journal[0] = '\0';
	bench_pass(b, 100 * S);
	assert_string_equal(b->journal, "");
	assert_int_equal(b->n_ended + b->n_stopped, 0);
}

/* ---------------------------------------------------------------- create, destroy */

static void test_create_is_quiet(void **state)
{
	struct bench *b = *state;

	assert_int_equal(bench_create(b), 0);
	bench_connect(b);
	bench_pass(b, 20 * S);
	assert_int_equal(b->sink.received, 0);
	assert_int_equal(b->head.n_plugs, 0);
}

static void test_busy(void **state)
{
	struct bench *b = *state;

	b->head.open_error = -EBUSY;
	assert_int_equal(bench_create(b), -EBUSY);
	assert_null(b->session);
	assert_false(bench_noted(b, "media-new"));
}

static void test_media_cannot_start(void **state)
{
	struct bench *b = *state;

	b->media.new_error = -ENOENT; /* which is the module's word */
	assert_int_equal(bench_create(b), -ENOEXEC);
	assert_true(bench_noted(b, "head-free"));
}

static void test_silent_sink(void **state)
{
	struct bench *b = *state;
	uint64_t begin_us;

	b->script.acts[SINK_TEARDOWN].fault = SINK_SILENT;
	bench_run(b, 0);
	begin_us = clock_now_us();
	session_stop(b->session);
	assert_true(bench_pass_until(b, &b->n_stopped, 1, SESSION_STOP_LIMIT_MS * MS));
	assert_int_equal(clock_now_us() - begin_us, SESSION_TEARDOWN_MS * MS);
	assert_int_equal(sink_count(&b->sink, "M5-TEARDOWN"), 1);
	bench_finish(b);
}

static void test_destroy_unplugs(void **state)
{
	struct bench *b = *state;

	bench_run(b, 0);
	assert_int_equal(b->head.n_plugs, 1);
	b->session = session_destroy(b->session);
	assert_int_equal(b->head.n_unplugs, 1);
	assert_false(b->head.is_plugged);
}

/* ---------------------------------------------------------------- one at a time */

static void test_second_start(void **state)
{
	struct bench *b = *state;

	assert_int_equal(bench_create(b), 0);
	bench_connect(b);
	assert_int_equal(bench_start(b), 0);
	assert_int_equal(bench_start(b), -EALREADY);
	bench_pass_started(b);
	assert_int_equal(b->started_error, 0);
	assert_int_equal(bench_start(b), -EALREADY);
	bench_finish(b);
}

static void test_start_is_once(void **state)
{
	struct bench *b = *state;

	assert_int_equal(bench_create(b), 0);
	bench_connect(b);
	b->stats.current_bps = 0;
	assert_int_equal(bench_start(b), -EINVAL);
	b->stats.current_bps = 20000000;
	assert_int_equal(bench_start(b), 0); /* the wrong call did nothing */
	bench_pass_started(b);
	session_stop(b->session);
	bench_pass(b, 3 * S);
	assert_int_equal(bench_start(b), -EALREADY); /* [R2] */
}

static void test_cancel(void **state)
{
	struct bench *b = *state;

	b->script.acts[SINK_M4].fault = SINK_SILENT;
	assert_int_equal(bench_create(b), 0);
	bench_connect(b);
	assert_int_equal(bench_start(b), 0);
	bench_pass(b, 5 * S);
	assert_int_equal(sink_count(&b->sink, "M4"), 1);
	session_stop(b->session);
	assert_int_equal(b->n_started, 0); /* not from inside the call */
	bench_settle(b);
	assert_int_equal(b->started_error, -ECANCELED);
	assert_int_equal(b->n_stopped, 1);
	assert_true(bench_noted_before(b, "start-pending", "stop-pending"));
	assert_true(bench_noted_before(b, "stop-pending", "started:125"));
	assert_true(bench_noted_before(b, "started:125", "stopped"));
	assert_false(bench_noted(b, "started"));
	bench_pass(b, 60 * S);
	assert_int_equal(b->n_stopped, 1);
	assert_int_equal(b->head.n_plugs, 0);
}

/* Both in one turn of the loop. */
static void test_cancel_at_once(void **state)
{
	struct bench *b = *state;

	assert_int_equal(bench_create(b), 0);
	bench_connect(b);
	assert_int_equal(bench_start(b), 0);
	session_stop(b->session);
	bench_pass(b, 3 * S);
	assert_int_equal(b->n_started, 1);
	assert_int_equal(b->n_stopped, 1);
	assert_true(bench_noted_before(b, "started:125", "stopped"));
}

static void test_second_stop(void **state)
{
	struct bench *b = *state;

	b->script.acts[SINK_TEARDOWN].fault = SINK_SILENT;
	bench_run(b, 0);
	session_stop(b->session);
	session_stop(b->session);
	bench_pass(b, S);
	session_stop(b->session);
	bench_pass(b, 10 * S);
	assert_int_equal(b->n_stopped, 1);
	assert_int_equal(sink_count(&b->sink, "M5-TEARDOWN"), 1);
}

static void *stop_elsewhere(void *userdata)
{
	(void)signal(SIGABRT, SIG_DFL);
	session_stop(userdata);
	return NULL;
}

static void test_other_thread(void **state)
{
	struct bench *b = *state;
	int status;
	pid_t pid;

	bench_run(b, 0);
	pid = fork();
	if (pid == 0) {
		pthread_t thread;

		(void)freopen("/dev/null", "w", stderr);
		(void)pthread_create(&thread, NULL, stop_elsewhere, b->session);
		(void)pthread_join(thread, NULL);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
	bench_finish(b);
}

/* clang-format off */
static const struct CMUnitTest cases[] = {
	CASE("case 1: a right configuration makes a session", test_config),
	CASE("case 2: a wrong configuration is refused and nothing is begun", test_bad_config),
	CASE("case 3: no call back after Destroy, whatever was posted", test_no_late_call),
	CASE("case 4: Create makes no network traffic and plugs nothing", test_create_is_quiet),
	CASE("case 5: no free head is EBUSY and nothing is left", test_busy),
	CASE("case 6: a media program that cannot run undoes Create", test_media_cannot_start),
	CASE("case 7: a silent sink does not hold Stop", test_silent_sink),
	CASE("case 8: Destroy unplugs once", test_destroy_unplugs),
	OPEN("case 9: open: needs the module: SIGKILL of the daemon disconnects the connector"),
	CASE("case 10: a second Start is refused, the first goes on", test_second_start),
	CASE("case 10: Start is once a session; a wrong call is none", test_start_is_once),
	CASE("case 11: Stop during Start cancels it", test_cancel),
	CASE("case 11: Stop right after Start", test_cancel_at_once),
	CASE("case 12: a second Stop does nothing", test_second_stop),
	CASE("case 13: a call from another thread is an assertion", test_other_thread),
};
/* clang-format on */

int main(void)
{
	return run_cases(cases, sizeof(cases) / sizeof(cases[0]), "contract: create");
}
