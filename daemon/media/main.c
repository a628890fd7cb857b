// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * miracast-media: one session's pictures, from the source to the network. Started by miracastd with
 * its descriptors at fixed numbers (media/protocol.h) and nothing else.
 *
 * The order of life:
 *	1. be sure to die with the daemon, and drop what was inherited by mistake
 *	2. open: the state that outlives us, the clip, the render nodes
 *	3. try the encoders and say what they can: CAPS
 *	4. lock the door: from here on nothing is opened, and the sandbox begins
 *	5. one loop, until QUIT, the end of the control socket or a failure
 *
 * Knows the commands and the loop; what a command does to the pictures is the pipeline's matter.
 */
#include "media/facts.h"
#include "media/nodes.h"
#include "media/pipeline.h"
#include "media/protocol.h"
#include "media/sandbox.h"
#include "util/clock.h"
#include "util/log.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define CLIP_HEADER_MS 2500 /* CAPS must be there within 3 s */
#define CLIP_AGAIN_MS  500  /* and later on heartbeats must go on */
#define DRAIN_MS       200
#define RTTIME_US      200000

struct media {
	struct stream_state *state;
	struct facts facts;
	struct pipeline *pipeline;
	struct source *clip; /* opened, not yet handed to the pipeline */
	int statm_fd;
	struct encoder_host host;
	uint64_t heartbeat_ns;
	bool quit;
};

/* ------------------------------------------------------------------ 1. born */

static bool is_started_by_daemon(void)
{
	int type = 0;
	socklen_t size = sizeof(type);

	for (int fd = MEDIA_FD_CONTROL; fd <= MEDIA_FD_DUMP; fd++)
		if (fcntl(fd, F_GETFD) < 0)
			return false;
	return getsockopt(MEDIA_FD_CONTROL, SOL_SOCKET, SO_TYPE, &type, &size) == 0 &&
	       type == SOCK_SEQPACKET;
}

/* The parent may have died before the kernel was told to tell us: then its process is gone. */
static bool parent_is_alive(void)
{
	struct ucred peer = { 0 };
	socklen_t size = sizeof(peer);

	if (getsockopt(MEDIA_FD_CONTROL, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0)
		return false;
	return peer.pid == 0 || kill(peer.pid, 0) == 0 || errno != ESRCH;
}

static int begin_life(void)
{
	int r;

	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
		return -errno;
	if (!parent_is_alive())
		return -ESRCH;
	if (close_range(MEDIA_FD_DUMP + 1, ~0u, 0) < 0)
		return -errno;
	for (int fd = MEDIA_FD_CONTROL; fd <= MEDIA_FD_DUMP; fd++)
		(void)fcntl(fd, F_SETFD, FD_CLOEXEC);
	r = sandbox_prepare();
	if (r < 0)
		return r;
	(void)signal(SIGPIPE, SIG_IGN);
	(void)signal(SIGINT, SIG_IGN); /* the terminal's ^C is the daemon's to answer */
	return 0;
}

/*
 * The loop works in pieces of a fraction of a millisecond that are due at their times (PCR, pace),
 * and a busy machine lets an ordinary thread wait for tens of milliseconds. So it asks for real-time
 * priority, the lowest, which the service's unit grants with LimitRTPRIO=1; without it, it runs as
 * everybody else. The encoder's thread exists already and stays an ordinary one. A loop that does
 * not rest for RTTIME_US is killed, and replaced, before it can take a core from the machine.
 */
static void ask_for_realtime(void)
{
	const struct rlimit limit = { RTTIME_US, RTTIME_US };
	const struct sched_param param = { .sched_priority = 1 };

	if (setrlimit(RLIMIT_RTTIME, &limit) < 0 ||
	    sched_setscheduler(0, SCHED_RR | SCHED_RESET_ON_FORK, &param) < 0)
		log_debug("start: no real-time priority: %s", strerror(errno));
}

/* The end takes what it takes. */
static void leave_realtime(void)
{
	const struct sched_param param = { 0 };

	(void)sched_setscheduler(0, SCHED_OTHER, &param);
}

/* ------------------------------------------------------------------ 2. open */

static int map_state(struct stream_state **ret)
{
	struct stat st;
	void *map;

	if (fstat(MEDIA_FD_STATE, &st) < 0)
		return -errno;
	if (st.st_size < (off_t)sizeof(struct stream_state))
		return -EINVAL;
	map = mmap(NULL, sizeof(struct stream_state), PROT_READ | PROT_WRITE, MAP_SHARED,
		   MEDIA_FD_STATE, 0);
	if (map == MAP_FAILED)
		return -errno;
	*ret = map;
	return 0;
}

static bool has_clip(void)
{
	struct stat st, null;

	return fstat(MEDIA_FD_INPUT, &st) == 0 &&
	       (!S_ISCHR(st.st_mode) || stat("/dev/null", &null) < 0 || st.st_rdev != null.st_rdev);
}

static int dump_fd(void)
{
	struct stat st;

	return fstat(MEDIA_FD_DUMP, &st) == 0 && S_ISREG(st.st_mode) ? MEDIA_FD_DUMP : -1;
}

static int open_clip(struct media *m, int timeout_ms)
{
	char why[SOURCE_WHY_SIZE] = "";
	int r;

	r = source_open_y4m(MEDIA_FD_INPUT, timeout_ms, why, &m->clip);
	if (r < 0) {
		facts_send_error(&m->facts, MEDIA_STAGE_CAPTURE, r, why);
		return log_err(r, "capture: %s", why);
	}
	return 0;
}

static int open_all(struct media *m)
{
	int r;

	facts_init(&m->facts, MEDIA_FD_CONTROL);
	r = map_state(&m->state);
	if (r < 0)
		return log_err(r, "start: no state to go on from: %s", strerror(-r));
	m->host.cache = m->state->encoder_cache;
	m->host.node_count =
		nodes_open("", getenv("MIRACAST_RENDER_NODE"), m->host.nodes, ENCODER_NODES_MAX);
	m->statm_fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
	if (has_clip()) {
		r = open_clip(m, CLIP_HEADER_MS);
		if (r < 0)
			return r;
	}
	r = pipeline_new(m->state, &m->facts, dump_fd(), &m->pipeline);
	return r < 0 ? log_err(r, "start: %s", strerror(-r)) : 0;
}

/* ------------------------------------------------------------------ 3. capabilities */

static int tell_caps(struct media *m)
{
	struct encoder_caps can;
	struct media_caps caps = { 0 };
	struct media_mode clip;
	int r;

	r = pipeline_probe(m->pipeline, &m->host, &can);
	if (r < 0)
		return log_err(r, "encode: no encoder works here");
	(void)snprintf(caps.encoder, sizeof(caps.encoder), "%s", can.name);
	caps.profiles = can.profiles;
	caps.max_level_idc = can.max_level_idc;
	caps.max_width = can.max_width;
	caps.max_height = can.max_height;
	caps.max_pixel_rate = can.max_pixel_rate;
	if (m->clip) {
		source_y4m_get_size(m->clip, &clip);
		caps.source_width = clip.width;
		caps.source_height = clip.height;
		caps.source_refresh_hz = clip.refresh_hz;
	}
	facts_send_caps(&m->facts, &caps);
	return 0;
}

/* ------------------------------------------------------------------ 5. the loop: commands */

static int open_device(const struct media *m, const struct media_set_source *s, int stream_fd,
		       struct source **ret)
{
	int r = source_open_device(stream_fd, m->host.nodes, m->host.node_count, ret);

	if (r < 0 || s->fit_width == 0)
		return r;
	return source_open_fitted(*ret, s->fit_width, s->fit_height, ret);
}

/* A clip that was handed over once is opened anew: a file starts again. */
static int open_source(struct media *m, const struct media_set_source *s, int *fd,
		       struct source **ret)
{
	*ret = NULL;
	switch ((enum media_source)s->source) {
	case MEDIA_SOURCE_PATTERN:
		return source_open_pattern(s->refresh_hz, ret);
	case MEDIA_SOURCE_Y4M:
		if (!m->clip && open_clip(m, CLIP_AGAIN_MS) < 0)
			return -EBADMSG;
		*ret = TAKE_PTR(m->clip);
		return 0;
	case MEDIA_SOURCE_DEVICE:
		return *fd < 0 ? 0 : open_device(m, s, TAKE_FD(*fd), ret);
	}
	return -EINVAL;
}

static int on_set_source(struct media *m, const struct media_set_source *s, int *fd,
			 uint64_t now_ns)
{
	struct source *source;
	int r;

	r = open_source(m, s, fd, &source);
	if (r < 0) {
		facts_send_error(&m->facts, MEDIA_STAGE_CAPTURE, r, "the source cannot be opened");
		return log_err(r, "capture: the source cannot be opened: %s", strerror(-r));
	}
	return pipeline_set_source(m->pipeline, source, s->text, now_ns);
}

static int on_command(struct media *m, const union media_message *c, int *fd, uint64_t now_ns)
{
	switch ((enum media_type)c->header.type) {
	case MEDIA_CONFIGURE:
		return pipeline_configure(m->pipeline, &c->configure, now_ns);
	case MEDIA_SET_SOURCE:
		return on_set_source(m, &c->set_source, fd, now_ns);
	case MEDIA_START:
		if (*fd < 0)
			return log_err(-EBADMSG, "start: START came without a socket");
		return pipeline_start(m->pipeline, TAKE_FD(*fd), now_ns);
	case MEDIA_PAUSE:
		pipeline_pause(m->pipeline);
		return 0;
	case MEDIA_SET_RATE:
		return pipeline_set_rate(m->pipeline, c->set_rate.rate_bps,
					 c->set_rate.max_frame_bytes);
	case MEDIA_REQUEST_IDR:
		pipeline_request_idr(m->pipeline, now_ns);
		return 0;
	case MEDIA_QUIT:
		m->quit = true;
		return 0;
	case MEDIA_CAPS:
	case MEDIA_FIRST_FRAME:
	case MEDIA_CHUNK:
	case MEDIA_RATE:
	case MEDIA_BLOCKED:
	case MEDIA_DEMOTED:
	case MEDIA_LATE:
	case MEDIA_ERROR:
	case MEDIA_HEARTBEAT:
		break; /* media_command_check lets no fact through */
	}
	return -EBADMSG;
}

/* One command, if there is one. 1: look for another, 0: none (or the end), -errno. */
static int take_command(struct media *m)
{
	_cleanup_close_ int fd = -1;
	union media_message c;
	int r;

	r = media_receive(MEDIA_FD_CONTROL, &c, &fd);
	if (r == -EAGAIN)
		return 0;
	if (r == 0 || r == -ECONNRESET) {
		m->quit = true; /* the daemon is gone */
		return 0;
	}
	if (r > 0)
		r = media_command_check(&c, (size_t)r);
	if (r < 0)
		return log_err(r, "control: a command that is none: %s", strerror(-r));
	r = on_command(m, &c, &fd, clock_now_ns());
	return r < 0 ? r : 1;
}

/* ------------------------------------------------------------------ 5. the loop */

static uint64_t resident_bytes(const struct media *m)
{
	char text[64] = "";
	unsigned long size, resident = 0;

	if (m->statm_fd < 0 || pread(m->statm_fd, text, sizeof(text) - 1, 0) <= 0 ||
	    sscanf(text, "%lu %lu", &size, &resident) != 2)
		return 0;
	return (uint64_t)resident * (uint64_t)sysconf(_SC_PAGESIZE);
}

/* A little early rather than with a wake-up of its own, and in one with the daemon's other news. */
static void beat(struct media *m, uint64_t now_ns)
{
	if (now_ns + PIPELINE_SLACK_NS < m->heartbeat_ns)
		return;
	facts_send_heartbeat(&m->facts, now_ns / NSEC_PER_USEC, resident_bytes(m));
	m->heartbeat_ns =
		now_ns + clock_limit_us(MEDIA_HEARTBEAT_MS * USEC_PER_MSEC) * NSEC_PER_USEC;
}

/* polls[0] is the daemon, the others are the pipeline's; their revents stay 0 after an interruption. */
static int wait_for_events(struct media *m, struct pollfd polls[static 1 + PIPELINE_POLLS])
{
	unsigned int n = 1 + pipeline_get_polls(m->pipeline, polls + 1);
	uint64_t deadline = pipeline_get_deadline_ns(m->pipeline), now_ns = clock_now_ns();
	struct timespec timeout;

	if (m->heartbeat_ns < deadline)
		deadline = m->heartbeat_ns;
	deadline = deadline > now_ns ? deadline - now_ns : 0;
	timeout.tv_sec = (time_t)(deadline / NSEC_PER_SEC);
	timeout.tv_nsec = (long)(deadline % NSEC_PER_SEC);
	polls[0] = (struct pollfd){ .fd = MEDIA_FD_CONTROL, .events = POLLIN };
	if (facts_wants_pollout(&m->facts))
		polls[0].events |= POLLOUT;
	if (ppoll(polls, n, &timeout, NULL) < 0)
		return errno == EINTR ? 0 : -errno;
	return 0;
}

static int run(struct media *m)
{
	struct pollfd polls[1 + PIPELINE_POLLS] = { 0 };
	short control;
	int r;

	while (!m->quit) {
		r = wait_for_events(m, polls);
		if (r < 0)
			return log_err(r, "loop: %s", strerror(-r));
		control = polls[0].revents;
		if (control & POLLOUT)
			facts_flush(&m->facts);
		while (control & (POLLIN | POLLHUP) && !m->quit && r >= 0) {
			r = take_command(m);
			if (r == 0)
				break;
		}
		if (r >= 0)
			r = pipeline_run(m->pipeline, polls + 1, clock_now_ns());
		if (r < 0)
			return r;
		beat(m, clock_now_ns());
	}
	pipeline_drain(m->pipeline, DRAIN_MS);
	return 0;
}

static int live(struct media *m)
{
	int r;

	r = begin_life();
	if (r < 0)
		return log_err(r, "start: %s", strerror(-r));
	r = open_all(m);
	if (r < 0)
		return r;
	r = tell_caps(m);
	if (r < 0)
		return r;
	ask_for_realtime();
	r = sandbox_enter(MEDIA_FD_CONTROL); /* 4. */
	if (r < 0) {
		facts_send_error(&m->facts, MEDIA_STAGE_START, r, "the sandbox cannot be set up");
		return log_err(r, "start: no sandbox: %s", strerror(-r));
	}
	return run(m);
}

int main(void)
{
	struct media m = { .statm_fd = -1 };
	int r;

	log_set_name("miracast-media");
	if (!is_started_by_daemon()) {
		fprintf(stderr, "miracast-media is started by miracastd, not by hand\n");
		return 2;
	}
	r = live(&m);
	leave_realtime();
	facts_drain(&m.facts, DRAIN_MS);
	if (r < 0)
		_exit(EXIT_FAILURE); /* what is broken, or hangs, is not asked to clean up */
	m.pipeline = pipeline_free(m.pipeline);
	encoder_release();
	if (m.clip)
		m.clip->ops->close(m.clip);
	close_fd(m.statm_fd);
	return EXIT_SUCCESS;
}
