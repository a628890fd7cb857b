// SPDX-License-Identifier: GPL-2.0-or-later
#include "media/pipeline-worker.h"

#include "media/dump.h"
#include "media/sandbox.h"
#include "util/clock.h"
#include "util/log.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>

/*
 * A new process needs the rest of the second that the sink may miss. Less would take a healthy encoder
 * for hung where other programs keep its helping threads from the cores, whose waiting nobody counts.
 */
#define HUNG_MS	    UINT64_C(500)
#define HUNG_MAX_MS UINT64_C(2000)

struct worker {
	pthread_t thread;
	bool has_thread;
	int job_fd;    /* eventfd: the thread's turn has begun */
	int result_fd; /* eventfd: the loop's turn has begun, the frame was read, a part is there */

	/* Whose turn it is, and so whose all that follows is. */
	_Atomic bool threads_turn;
	_Atomic uint64_t told;	/* how often the thread has written, or is about to write, result_fd */
	_Atomic bool has_read; /* of the present job; set by the thread */
	_Atomic unsigned int part_count; /* of the parts of its access unit: these are the loop's */
	struct worker_part parts[MEDIA_SLICES_MAX];
	struct worker_job job;
	struct worker_result result;
	bool quit;

	/* the thread's alone */
	struct encoder *encoder;
	const struct encoder_ops *back_end; /* what the encoder was opened by, and with */
	struct encoder_config config;

	/* the loop's alone */
	bool busy;
	unsigned int parts_taken;
	uint64_t heard; /* of told, what was read */
	uint64_t given_ns;
	uint64_t deadline_ns;
	int schedstat_fd;    /* of the thread; -1: not told here */
	uint64_t starved_ns; /* when the job was given */
};

/* ------------------------------------------------------------------ the thread */

static void close_encoder(struct worker *w)
{
	if (w->encoder)
		w->encoder->ops->close(w->encoder);
	w->encoder = NULL;
}

bool worker_same_format(const struct media_format *a, const struct media_format *b)
{
	return a->mode.width == b->mode.width && a->mode.height == b->mode.height &&
	       a->mode.refresh_hz == b->mode.refresh_hz && a->profile == b->profile &&
	       a->level_idc == b->level_idc && a->slices == b->slices;
}

/* The loop is woken, and looks. */
static void tell(struct worker *w)
{
	atomic_fetch_add_explicit(&w->told, 1, memory_order_relaxed);
	(void)eventfd_write(w->result_fd, 1);
}

/* What is thrown away is not handed on either. */
static void on_part(void *userdata, const struct packet *part)
{
	struct worker *w = userdata;
	unsigned int n = atomic_load_explicit(&w->part_count, memory_order_relaxed);

	assert(n < MEDIA_SLICES_MAX);
	if (w->job.task != WORKER_ENCODE)
		return;
	w->parts[n] = (struct worker_part){ .packet = *part, .encoded_ns = clock_now_ns() };
	atomic_store_explicit(&w->part_count, n + 1, memory_order_release);
	tell(w);
}

static int open_encoder(struct worker *w)
{
	struct worker_job *job = &w->job;
	int r;

	close_encoder(w);
	job->config.on_part = on_part;
	job->config.userdata = w;
	r = job->back_end->open(&job->config, &w->encoder);
	if (r < 0) {
		w->result.what = "the encoder cannot be opened";
		w->result.fatal = true;
		return r;
	}
	w->back_end = job->back_end;
	w->config = job->config;
	return 0;
}

static int adapt_rate(struct worker *w)
{
	const struct encoder_config *c = &w->job.config;
	int r;

	if (c->rate_bps == w->config.rate_bps && c->max_frame_bytes == w->config.max_frame_bytes)
		return 0;
	r = w->encoder->ops->set_rate(w->encoder, c->rate_bps, c->max_frame_bytes);
	if (r < 0) {
		w->result.what = "the encoder refuses the rate";
		w->result.fatal = true;
		return r;
	}
	w->config = *c;
	return 0;
}

static int prepare_encoder(struct worker *w)
{
	const struct worker_job *job = &w->job;

	if (!w->encoder || job->anew || job->back_end != w->back_end ||
	    job->config.intra_refresh != w->config.intra_refresh ||
	    !worker_same_format(&job->config.format, &w->config.format))
		return open_encoder(w);
	return adapt_rate(w);
}

/* The loop gives the frame back meanwhile: a desktop waits for it. */
static void tell_read(struct worker *w)
{
	atomic_store_explicit(&w->has_read, true, memory_order_release);
	tell(w);
}

static int encode(struct worker *w)
{
	int r = prepare_encoder(w);

	if (r < 0)
		return r;
	if (w->job.idr || w->job.task == WORKER_WARM_UP)
		w->encoder->ops->request_idr(w->encoder);
	r = w->encoder->ops->submit(w->encoder, &w->job.frame);
	if (r >= 0) {
		tell_read(w);
		r = w->encoder->ops->output(w->encoder, &w->result.packet);
	}
	if (r < 0)
		w->result.what = "the encoder failed";
	w->result.by_device = w->encoder->by_device;
	w->result.converted_ns = w->encoder->converted_ns;
	w->result.fatal = r == -ETIMEDOUT; /* its device hangs; see encoder.h */
	if (r < 0 || w->job.task != WORKER_WARM_UP)
		return r;
	w->encoder->ops->request_idr(w->encoder);
	return 0;
}

static void work(struct worker *w)
{
	w->result = (struct worker_result){ .task = w->job.task, .started_ns = clock_now_ns() };
	if (w->job.task == WORKER_DUMP)
		w->result.r = dump_write(w->job.dump_fd, &w->job.frame);
	else
		w->result.r = encode(w);
	w->result.encoded_ns = clock_now_ns();
}

static void wait_turn(int fd)
{
	eventfd_t n;

	while (eventfd_read(fd, &n) < 0 && errno == EINTR)
		;
}

static void *live(void *userdata)
{
	struct worker *w = userdata;
	bool quit = false;
	int r;

	(void)pthread_setname_np(pthread_self(), "encoder");
	w->schedstat_fd = open("/proc/thread-self/schedstat", O_RDONLY | O_CLOEXEC);
	r = sandbox_forbid_files();
	if (r < 0)
		log_debug("encoder: Landlock: %s", strerror(-r));
	tell(w); /* born */
	while (!quit) {
		wait_turn(w->job_fd);
		if (!atomic_load_explicit(&w->threads_turn, memory_order_acquire))
			continue;
		quit = w->quit;
		if (quit)
			close_encoder(w);
		else
			work(w);
		atomic_store_explicit(&w->threads_turn, false, memory_order_release);
		tell(w);
	}
	return NULL;
}

/* ------------------------------------------------------------------ life, for the loop */

/* Signals are the loop's, but for those that a thread brings upon itself. */
static int start_thread(struct worker *w)
{
	sigset_t all, before;
	int r;

	sigfillset(&all);
	sigdelset(&all, SIGSYS);
	sigdelset(&all, SIGSEGV);
	sigdelset(&all, SIGBUS);
	sigdelset(&all, SIGFPE);
	sigdelset(&all, SIGILL);
	sigdelset(&all, SIGABRT);
	(void)pthread_sigmask(SIG_SETMASK, &all, &before);
	r = pthread_create(&w->thread, NULL, live, w);
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	w->has_thread = r == 0;
	return -r;
}

/*
 * Reads what was told, so that the descriptor is not readable any more; most often there is nothing,
 * and no call is made. To be done before the look at what is shared: what is told in between is
 * heard the next time.
 */
static bool hear(struct worker *w)
{
	eventfd_t n;

	if (atomic_load_explicit(&w->told, memory_order_relaxed) == w->heard ||
	    eventfd_read(w->result_fd, &n) < 0)
		return false;
	w->heard += n;
	return true;
}

/* What the thread opens is open before anybody locks the door. */
static void wait_for_birth(struct worker *w)
{
	struct pollfd p = { .fd = w->result_fd, .events = POLLIN };

	while (!hear(w))
		(void)poll(&p, 1, -1);
}

int worker_new(struct worker **ret)
{
	_cleanup_(worker_freep) struct worker *w = calloc(1, sizeof(*w));
	int r;

	if (!w)
		return -ENOMEM;
	w->schedstat_fd = -1;
	w->job_fd = eventfd(0, EFD_CLOEXEC);
	w->result_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (w->job_fd < 0 || w->result_fd < 0)
		return -errno;
	r = start_thread(w);
	if (r < 0)
		return r;
	wait_for_birth(w);
	*ret = TAKE_PTR(w);
	return 0;
}

static uint64_t hung_ns(const struct worker_job *job)
{
	unsigned int hz = job->config.format.mode.refresh_hz;

	return clock_stretched_us(HUNG_MS * USEC_PER_MSEC) * NSEC_PER_USEC +
	       (hz ? NSEC_PER_SEC / hz : 0);
}

/* How long the thread has been ready to run without a core to run on, in all its life. */
static uint64_t get_starved_ns(const struct worker *w)
{
	unsigned long long run, delay;
	char text[64] = "";

	if (w->schedstat_fd < 0 || pread(w->schedstat_fd, text, sizeof(text) - 1, 0) <= 0 ||
	    sscanf(text, "%llu %llu", &run, &delay) != 2)
		return 0;
	return delay;
}

static void pass_turn(struct worker *w)
{
	atomic_store_explicit(&w->threads_turn, true, memory_order_release);
	(void)eventfd_write(w->job_fd, 1);
}

/* Whether the turn came back before the deadline. */
static bool wait_for_thread(struct worker *w, uint64_t deadline_ns)
{
	struct pollfd p = { .fd = w->result_fd, .events = POLLIN };
	uint64_t now_ns;

	for (;;) {
		(void)hear(w);
		if (!atomic_load_explicit(&w->threads_turn, memory_order_acquire))
			return true;
		now_ns = clock_now_ns();
		if (now_ns >= deadline_ns)
			return false;
		(void)poll(&p, 1, (int)((deadline_ns - now_ns) / NSEC_PER_MSEC) + 1);
	}
}

struct worker *worker_free(struct worker *w)
{
	if (!w)
		return NULL;
	if (w->has_thread) {
		if (w->busy && !wait_for_thread(w, w->deadline_ns))
			return w;
		w->quit = true;
		pass_turn(w);
		if (!wait_for_thread(w, clock_now_ns() + hung_ns(&w->job)))
			return w;
		(void)pthread_join(w->thread, NULL);
	}
	close_fd(w->job_fd);
	close_fd(w->result_fd);
	close_fd(w->schedstat_fd);
	free(w);
	return NULL;
}

/* ------------------------------------------------------------------ jobs, for the loop */

void worker_give(struct worker *w, const struct worker_job *job, uint64_t now_ns)
{
	assert(!w->busy);
	w->job = *job;
	w->busy = true;
	w->given_ns = now_ns;
	w->deadline_ns = now_ns + hung_ns(job);
	w->starved_ns = get_starved_ns(w);
	w->parts_taken = 0;
	atomic_store_explicit(&w->has_read, false, memory_order_relaxed);
	atomic_store_explicit(&w->part_count, 0, memory_order_relaxed);
	pass_turn(w);
}

bool worker_is_hung(struct worker *w, uint64_t now_ns)
{
	uint64_t allowed_ns = hung_ns(&w->job);
	uint64_t most_ns = allowed_ns + HUNG_MAX_MS * NSEC_PER_MSEC;

	if (!w->busy || now_ns < w->deadline_ns)
		return false;
	/* An overloaded machine is no broken encoder: what it made the thread wait is added. */
	allowed_ns += get_starved_ns(w) - w->starved_ns;
	w->deadline_ns = w->given_ns + (allowed_ns < most_ns ? allowed_ns : most_ns);
	return now_ns >= w->deadline_ns;
}

bool worker_take_part(struct worker *w, struct worker_part *ret)
{
	if (w->parts_taken == atomic_load_explicit(&w->part_count, memory_order_acquire))
		return false;
	*ret = w->parts[w->parts_taken++];
	return true;
}

bool worker_take(struct worker *w, struct worker_result *ret)
{
	/* Also while it is not busy: a result may be taken a moment before the thread tells of it. */
	(void)hear(w);
	if (!w->busy || atomic_load_explicit(&w->threads_turn, memory_order_acquire))
		return false;
	*ret = w->result;
	w->busy = false;
	return true;
}

bool worker_has_read(const struct worker *w)
{
	return atomic_load_explicit(&w->has_read, memory_order_acquire);
}

bool worker_is_busy(const struct worker *w)
{
	return w->busy;
}

int worker_get_fd(const struct worker *w)
{
	return w->result_fd;
}

uint64_t worker_get_deadline_ns(const struct worker *w)
{
	return w->busy ? w->deadline_ns : UINT64_MAX;
}
