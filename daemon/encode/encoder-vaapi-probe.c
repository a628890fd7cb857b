// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What a device can do, found out by doing it: for each way to encode that its driver offers, a few
 * pictures, whose bytes are parsed. Lists lie (obsproject/obs-studio issue 3184: rate controls
 * that are listed and fail), and drivers crash when asked: so the trial runs in a child
 * process, which tells through shared memory how far it came, and is killed when it takes too long.
 * What was found lives in the host's cache, by device and driver, for the process's successors.
 */
#include "encode/encoder-vaapi.h"

#include "util/cleanup.h"
#include "util/clock.h"
#include "util/log.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <va/va_drm.h>

#define TRIAL_MS       1500 /* of all nodes together; CAPS must be there within 3 s */
#define HUNG_MS	       800  /* without a step: a device that hangs */
#define LOOK_MS	       20
#define TRIAL_PICTURES 4    /* at least, and as many more as fit into TRIAL_NS */
#define TRIAL_NS       (80 * NSEC_PER_MSEC)
#define CANDIDATES_MAX 32
#define SMALL_WIDTH    640
#define SMALL_HEIGHT   368
#define LARGE_WIDTH    1920
#define LARGE_HEIGHT   1080
#define FAST_NS	       (25 * NSEC_PER_MSEC) /* for the small picture: then the large one is measured */
#define CACHE_MAGIC    0x76611002u

/* Where a child begins: what hung once would hang with every rate control. */
struct beginning {
	int first;    /* candidate */
	int32_t hung; /* an entry point, which is passed over; 0: none */
};

/* Shared with the child. */
struct trial {
	char step[64]; /* what is being tried */
	char vendor[96];
	int candidate;
	int32_t entrypoint; /* the candidate's */
	unsigned int steps; /* so far */
	int tried;	    /* candidates */
	int result; /* once it is done */
	bool done;
	struct vaapi_choice choice;
};

struct cached {
	uint32_t magic;
	uint32_t vendor;  /* hash */
	uint64_t device;  /* that works; 0: none is known */
	uint64_t refused; /* that cannot read what the desktop draws; 0: none */
	struct vaapi_choice choice;
};

static_assert(sizeof(struct cached) <= ENCODER_CACHE_SIZE, "the cache is too small");

/* ---- the device ---- */

static void be_silent(void *data, const char *message)
{
	(void)data;
	(void)message;
}

void vaapi_device_done(struct vaapi_device *d)
{
	if (d->display)
		(void)vaTerminate(d->display);
	d->display = NULL;
}

int vaapi_device_init(struct vaapi_device *d, int fd, const char **ret_step)
{
	int major, minor, r;

	vaapi_quirks_set_environment();
	*ret_step = "vaGetDisplayDRM: not a render node";
	*d = (struct vaapi_device){ .fd = fd, .display = vaGetDisplayDRM(fd) };
	if (!d->display)
		return -ENODEV;
	(void)vaSetInfoCallback(d->display, be_silent, NULL);
	(void)vaSetErrorCallback(d->display, be_silent, NULL);
	*ret_step = "vaInitialize: no driver for it";
	r = vaapi_check(vaInitialize(d->display, &major, &minor), "vaInitialize");
	if (r < 0) {
		vaapi_device_done(d);
		return -ENODEV;
	}
	d->quirk = vaapi_quirk_for(vaQueryVendorString(d->display));
	return 0;
}

/* ---- candidates ---- */

static uint32_t get_attribute(const struct vaapi_device *d, VAEntrypoint entrypoint,
			      VAConfigAttribType type, uint32_t otherwise)
{
	VAConfigAttrib a = { .type = type };

	if (vaGetConfigAttributes(d->display, VAProfileH264ConstrainedBaseline, entrypoint, &a,
				  1) != VA_STATUS_SUCCESS ||
	    a.value == VA_ATTRIB_NOT_SUPPORTED)
		return otherwise;
	return a.value;
}

static bool has_entrypoint(const struct vaapi_device *d, VAEntrypoint wanted)
{
	VAEntrypoint all[32];
	int count = vaMaxNumEntrypoints(d->display);

	if (count <= 0 || count > 32 ||
	    vaQueryConfigEntrypoints(d->display, VAProfileH264ConstrainedBaseline, all, &count) !=
		    VA_STATUS_SUCCESS)
		return false;
	for (int i = 0; i < count; i++)
		if (all[i] == wanted)
			return true;
	return false;
}

static struct vaapi_choice describe(const struct vaapi_device *d, VAEntrypoint entrypoint)
{
	VAConfigAttribValMaxFrameSize max = {
		.value = get_attribute(d, entrypoint, VAConfigAttribMaxFrameSize, 0),
	};
	uint32_t refresh = get_attribute(d, entrypoint, VAConfigAttribEncIntraRefresh, 0);
	uint32_t width = get_attribute(d, entrypoint, VAConfigAttribMaxPictureWidth, 4096);
	uint32_t height = get_attribute(d, entrypoint, VAConfigAttribMaxPictureHeight, 4096);

	return (struct vaapi_choice){
		.entrypoint = entrypoint,
		.quality_levels = get_attribute(d, entrypoint, VAConfigAttribEncQualityRange, 0),
		.max_width = (uint16_t)(width < 8192 ? width : 8192),
		.max_height = (uint16_t)(height < 8192 ? height : 8192),
		.max_frame_size = max.bits.max_frame_size,
		.refresh_column = refresh & VA_ENC_INTRA_REFRESH_ROLLING_COLUMN,
		.refresh_row = refresh & VA_ENC_INTRA_REFRESH_ROLLING_ROW,
	};
}

struct list {
	struct vaapi_choice choices[CANDIDATES_MAX];
	int count;
};

/*
 * Headers of ours for everything; or the sets alone, which some drivers do not write while their
 * slices obey the parameters; or none, and theirs are read. A set of ours over slices that a driver
 * writes its own way is found out by the trial.
 */
static void add_packings(struct list *l, struct vaapi_choice c, uint32_t offered)
{
	static const uint32_t wanted[] = {
		VA_ENC_PACKED_HEADER_SEQUENCE | VA_ENC_PACKED_HEADER_SLICE,
		VA_ENC_PACKED_HEADER_SEQUENCE,
		0,
	};

	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
		if ((offered & wanted[i]) != wanted[i] || l->count == CANDIDATES_MAX)
			continue;
		c.packed = wanted[i];
		if (i == 0)
			c.packed |= offered & VA_ENC_PACKED_HEADER_RAW_DATA;
		l->choices[l->count++] = c;
	}
}

static void add_rates(struct list *l, const struct vaapi_device *d, VAEntrypoint entrypoint,
		      bool constant)
{
	uint32_t offered = get_attribute(d, entrypoint, VAConfigAttribRateControl, VA_RC_CQP);
	uint32_t packed = get_attribute(d, entrypoint, VAConfigAttribEncPackedHeaders, 0);
	struct vaapi_choice c = describe(d, entrypoint);

	for (int i = 0; i < 3; i++) {
		c.rc = d->quirk->rc[i];
		if (offered & c.rc && (c.rc == VA_RC_CQP) == constant)
			add_packings(l, c, packed);
	}
}

/* Low power with a rate control first, without any rate control last. */
static void list_candidates(struct list *l, const struct vaapi_device *d)
{
	static const VAEntrypoint entrypoints[] = { VAEntrypointEncSliceLP, VAEntrypointEncSlice };

	for (int constant = 0; constant < 2; constant++)
		for (int i = 0; i < 2; i++)
			if (has_entrypoint(d, entrypoints[i]))
				add_rates(l, d, entrypoints[i], constant);
}

/* ---- one trial, in the child ---- */

static void make_step(struct trial *t)
{
	__atomic_add_fetch(&t->steps, 1, __ATOMIC_RELAXED);
}

static void enter(struct trial *t, const char *step)
{
	(void)snprintf(t->step, sizeof(t->step), "%s", step);
	make_step(t);
}

/* Bars that move: something to predict, and something new. */
static void draw(uint32_t *pixels, unsigned int width, unsigned int height, unsigned int number)
{
	for (unsigned int y = 0; y < height; y++)
		for (unsigned int x = 0; x < width; x++)
			pixels[(size_t)y * width + x] =
				((x + 4 * number) / 8 * 37 % 251 << 16 | (y / 4 * 11 % 251) << 8) ^
				((x / 64 + y / 64) % 2 ? 0x00ffff : 0);
}

static struct encoder_config get_config(unsigned int width, unsigned int height,
					enum media_profile profile)
{
	return (struct encoder_config){
		.format = { .mode = { (uint16_t)width, (uint16_t)height, 30 },
			    .profile = profile,
			    .level_idc = 40 },
		.rate_bps = 8000000,
	};
}

/* An IDR and some P pictures; what the fastest of these took. */
static int encode_some(struct trial *t, struct vaapi_encoder *e, unsigned int width,
		       unsigned int height, uint64_t *ret_ns)
{
	_cleanup_free_ uint32_t *pixels = malloc((size_t)width * height * 4);
	struct frame f = { .fourcc = MEDIA_FOURCC_XRGB8888,
			   .width = (uint16_t)width,
			   .height = (uint16_t)height,
			   .planes = { (const uint8_t *)pixels },
			   .pitches = { width * 4 },
			   .dmabuf_fd = -1 };
	uint64_t best_ns = UINT64_MAX, begin_ns = clock_now_ns(), start_ns;

	if (!pixels)
		return -ENOMEM;
	for (unsigned int i = 0; i < TRIAL_PICTURES || clock_now_ns() - begin_ns < TRIAL_NS; i++) {
		int r;

		make_step(t);
		draw(pixels, width, height, i);
		f.number = 1 + 2 * i; /* never the next one: everything has changed */
		start_ns = clock_now_ns();
		r = vaapi_encoder_submit(e, &f);
		if (r == 0)
			r = vaapi_encoder_output(e);
		if (r < 0)
			return r;
		if (i > 0 && clock_now_ns() - start_ns < best_ns)
			best_ns = clock_now_ns() - start_ns;
	}
	*ret_ns = best_ns;
	return 0;
}

DEFINE_CLEANUP(struct vaapi_encoder *, vaapi_encoder_free)

static int try_one(struct trial *t, const struct vaapi_device *d, struct vaapi_choice *c,
		   enum media_profile profile, uint64_t *ret_ns)
{
	_cleanup_(vaapi_encoder_freep) struct vaapi_encoder *e = NULL;
	const struct encoder_config config = get_config(SMALL_WIDTH, SMALL_HEIGHT, profile);
	int r;

	enter(t, profile == MEDIA_PROFILE_CHP ? "opening an encoder (High)" : "opening an encoder");
	r = vaapi_encoder_new(d, c, &config, &e);
	if (r < 0)
		return r;
	enter(t, profile == MEDIA_PROFILE_CHP ? "encoding a picture (High)" : "encoding a picture");
	r = encode_some(t, e, SMALL_WIDTH, SMALL_HEIGHT, ret_ns);
	if (r < 0 || profile == MEDIA_PROFILE_CHP)
		return r;
	enter(t, "converting colours");
	c->vpp = (uint8_t)vaapi_input_check_colours(e);
	return 0;
}

static uint32_t get_speed(unsigned int width, unsigned int height, uint64_t ns)
{
	uint64_t speed = (uint64_t)width * height * NSEC_PER_SEC / (ns + 1);

	return speed < UINT32_MAX ? (uint32_t)speed : UINT32_MAX;
}

/* A device has a price a picture besides that of the pixels: the size that matters is measured. */
static void measure(struct trial *t, const struct vaapi_device *d, struct vaapi_choice *c,
		    uint64_t small_ns)
{
	_cleanup_(vaapi_encoder_freep) struct vaapi_encoder *e = NULL;
	const struct encoder_config config =
		get_config(LARGE_WIDTH, LARGE_HEIGHT, MEDIA_PROFILE_CBP);
	uint64_t ns;

	c->max_pixel_rate = get_speed(SMALL_WIDTH, SMALL_HEIGHT, small_ns);
	if (small_ns > FAST_NS || c->max_width < LARGE_WIDTH || c->max_height < LARGE_HEIGHT)
		return;
	enter(t, "encoding a large picture");
	if (vaapi_encoder_new(d, c, &config, &e) == 0 &&
	    encode_some(t, e, LARGE_WIDTH, LARGE_HEIGHT, &ns) == 0)
		c->max_pixel_rate = get_speed(LARGE_WIDTH, LARGE_HEIGHT, ns);
}

static int try_candidates(struct trial *t, const struct vaapi_device *d, struct beginning from)
{
	struct list l = { .count = 0 };
	uint64_t ns, ignored;
	int r = -EOPNOTSUPP;

	enter(t, "asking for H.264: the driver does not encode it");
	list_candidates(&l, d);
	for (t->candidate = from.first; t->candidate < l.count; t->candidate++) {
		struct vaapi_choice c = l.choices[t->candidate];

		if (c.entrypoint == from.hung)
			continue;
		t->entrypoint = c.entrypoint;
		t->tried++;
		r = try_one(t, d, &c, MEDIA_PROFILE_CBP, &ns);
		if (r < 0)
			continue;
		c.profiles = 1u << MEDIA_PROFILE_CBP;
		measure(t, d, &c, ns);
		t->choice = c; /* should the next step crash, this remains */
		t->done = true;
		if (try_one(t, d, &c, MEDIA_PROFILE_CHP, &ignored) == 0)
			t->choice.profiles |= 1u << MEDIA_PROFILE_CHP;
		return 0;
	}
	return r;
}

/*
 * Buffers and addresses belong to the open file, which a fork shares: what a child that is killed
 * leaves in it would be in the next one's way. An open file of its own dies with the child.
 */
static int open_again(int fd)
{
	char path[32];
	int again;

	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	again = open(path, O_RDWR | O_CLOEXEC);
	return again >= 0 ? again : fd;
}

static _Noreturn void be_the_child(struct trial *t, int fd, struct beginning from)
{
	const struct rlimit none = { 0 };
	struct vaapi_device d;
	const char *step;
	int r;

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	(void)setrlimit(RLIMIT_CORE, &none);
	enter(t, "opening the driver");
	r = vaapi_device_init(&d, open_again(fd), &step);
	if (r < 0) {
		enter(t, step);
	} else {
		(void)snprintf(t->vendor, sizeof(t->vendor), "%s", vaQueryVendorString(d.display));
		r = try_candidates(t, &d, from);
		vaapi_device_done(&d);
	}
	t->result = r;
	_exit(r < 0 ? EXIT_FAILURE : EXIT_SUCCESS);
}

/* ---- the parent ---- */

/*
 * False: the deadline is over, or the child has been at one step for too long. Opening a driver may
 * take all the time there is: there is nothing else to try.
 */
static bool wait_for_end(const struct trial *t, int pidfd, uint64_t deadline_ns)
{
	struct pollfd p = { .fd = pidfd, .events = POLLIN };
	uint64_t hung_ns = clock_stretched_us(HUNG_MS * USEC_PER_MSEC) * NSEC_PER_USEC,
		 moved_ns = clock_now_ns();
	unsigned int steps = 0;

	for (;;) {
		unsigned int now = __atomic_load_n(&t->steps, __ATOMIC_RELAXED);
		uint64_t now_ns = clock_now_ns(), end_ns;

		if (now != steps)
			moved_ns = now_ns;
		steps = now;
		end_ns = moved_ns + hung_ns;
		if (end_ns > deadline_ns || t->candidate < 0)
			end_ns = deadline_ns;
		if (now_ns >= end_ns)
			return false;
		if (poll(&p, 1, LOOK_MS) > 0)
			return true;
	}
}

/* 0: it ended by itself, -ETIMEDOUT: it was killed, -EFAULT: it crashed. */
static int wait_for_child(const struct trial *t, pid_t pid, uint64_t deadline_ns)
{
	_cleanup_close_ int pidfd = pidfd_open(pid, 0);
	struct pollfd p = { .fd = pidfd, .events = POLLIN };
	siginfo_t info = { 0 };

	if (pidfd < 0)
		return -errno;
	if (!wait_for_end(t, pidfd, deadline_ns)) {
		(void)kill(pid, SIGKILL);
		(void)poll(&p, 1, 50); /* inside a driver it may take years to die */
		(void)waitid(P_PIDFD, (id_t)pidfd, &info, WEXITED | WNOHANG);
		return -ETIMEDOUT;
	}
	if (waitid(P_PIDFD, (id_t)pidfd, &info, WEXITED) < 0)
		return -errno;
	return info.si_code == CLD_EXITED ? 0 : -EFAULT;
}

/* From this candidate on. As wait_for_child(), and -ENODEV: none works. */
static int run_child(struct trial *t, int fd, struct beginning from, uint64_t deadline_ns)
{
	pid_t pid;
	int r;

	memset(t, 0, sizeof(*t));
	t->candidate = -1;
	t->result = -EIO;
	pid = fork();
	if (pid < 0)
		return -errno;
	if (pid == 0)
		be_the_child(t, fd, from);
	r = wait_for_child(t, pid, deadline_ns);
	if (t->done)
		return 0;
	return r == 0 ? -ENODEV : r;
}

static void tell(char why[static ENCODER_WHY_SIZE], const struct trial *t, int r)
{
	const char *how = r == -EFAULT	     ? "the driver crashed: "
			  : r == -ETIMEDOUT  ? "the driver hung: "
			  : t->candidate < 0 ? ""
					     : "the trial failed: ";

	(void)snprintf(why, ENCODER_WHY_SIZE, "%s%.60s", how, t->step);
	log_debug("vaapi: %s: %s", t->vendor, why);
}

/* The candidates behind one that crashed or hung still have their chance, while there is time. */
static int try_node(struct trial *t, int fd, uint64_t deadline_ns, struct vaapi_choice *ret,
		    char why[static ENCODER_WHY_SIZE])
{
	struct beginning from = { 0 };
	int r;

	do {
		r = run_child(t, fd, from, deadline_ns);
		if (r == 0) {
			*ret = t->choice;
			return 0;
		}
		if (from.first == 0 || t->tried > 0) /* else the crash remains the reason */
			tell(why, t, r);
		from.first = t->candidate + 1;
		if (r == -ETIMEDOUT)
			from.hung = t->entrypoint;
	} while ((r == -EFAULT || r == -ETIMEDOUT) && from.first > 0 &&
		 clock_now_ns() < deadline_ns);
	return r;
}

/* ---- what was found before ---- */

static uint32_t hash(const char *text)
{
	uint32_t h = 2166136261u; /* FNV-1a */

	for (; *text; text++)
		h = (h ^ (uint8_t)*text) * 16777619u;
	return h;
}

static uint64_t get_device(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 ? (uint64_t)st.st_rdev : 0;
}

static struct cached recall(const struct encoder_host *host)
{
	struct cached c = { 0 };

	if (host->cache)
		memcpy(&c, host->cache, sizeof(c));
	return c.magic == CACHE_MAGIC ? c : (struct cached){ .magic = CACHE_MAGIC };
}

static void remember(const struct encoder_host *host, const struct cached *c)
{
	if (host->cache)
		memcpy(host->cache, c, sizeof(*c));
}

bool vaapi_probe_refuse(const struct encoder_host *host, int fd)
{
	struct cached c = recall(host);

	if (!host->cache || host->node_count < 2 || c.refused)
		return false;
	c.refused = get_device(fd);
	c.device = 0;
	remember(host, &c);
	return true;
}

/* In their order, without the one that was refused. */
static int try_nodes(struct trial *t, const struct encoder_host *host, int *ret_fd,
		     struct vaapi_choice *ret, char why[static ENCODER_WHY_SIZE])
{
	uint64_t deadline_ns =
		clock_now_ns() + clock_stretched_us(TRIAL_MS * USEC_PER_MSEC) * NSEC_PER_USEC;
	struct cached c = recall(host);
	int r = -ENODEV;

	for (size_t i = 0; i < host->node_count; i++) {
		uint64_t device = get_device(host->nodes[i]);

		if (device == c.refused)
			continue;
		r = try_node(t, host->nodes[i], deadline_ns, ret, why);
		if (r < 0)
			continue;
		c.vendor = hash(t->vendor);
		c.device = device;
		c.choice = t->choice;
		remember(host, &c);
		*ret_fd = host->nodes[i];
		return 0;
	}
	return r;
}

/* What is known to work. */
static bool take_known(const struct encoder_host *host, const struct cached *c, uint64_t device,
		       int *ret_fd, struct vaapi_choice *ret)
{
	for (size_t i = 0; i < host->node_count; i++) {
		if (!device || device != get_device(host->nodes[i]))
			continue;
		*ret = c->choice;
		*ret_fd = host->nodes[i];
		return true;
	}
	return false;
}

/* One that is refused has passed its trial once: better than none, where no other will do. */
static bool take_refused(const struct encoder_host *host, struct cached *c, int *ret_fd,
			 struct vaapi_choice *ret)
{
	if (!take_known(host, c, c->refused, ret_fd, ret))
		return false;
	c->device = c->refused;
	remember(host, c);
	return true;
}

int vaapi_probe_nodes(const struct encoder_host *host, int *ret_fd, struct vaapi_choice *ret,
		      char why[static ENCODER_WHY_SIZE])
{
	struct cached c = recall(host);
	struct trial *t;
	int r;

	(void)snprintf(why, ENCODER_WHY_SIZE, "no render node");
	if (take_known(host, &c, c.device, ret_fd, ret))
		return 0;
	t = mmap(NULL, sizeof(*t), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (t == MAP_FAILED)
		return -errno;
	r = try_nodes(t, host, ret_fd, ret, why);
	if (r < 0 && take_refused(host, &c, ret_fd, ret))
		r = 0;
	(void)munmap(t, sizeof(*t));
	return r;
}
