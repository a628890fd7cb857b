// SPDX-License-Identifier: GPL-2.0-or-later
#include "pipeline-bench.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* ------------------------------------------------------------------ the fakes */

_Atomic uint64_t now;

uint64_t clock_now_ns(void)
{
	return now;
}

uint64_t clock_now_us(void)
{
	return now / NSEC_PER_USEC;
}

uint64_t clock_limit_us(uint64_t limit_us)
{
	return limit_us;
}

uint64_t clock_stretched_us(uint64_t limit_us)
{
	return limit_us;
}

struct bench_encoder enc;

static struct encoder the_encoder;

static int fake_probe(struct encoder_caps *ret)
{
	*ret = (struct encoder_caps){ .name = "fake", .profiles = 1, .max_level_idc = 42 };
	return 0;
}

static int fake_open(const struct encoder_config *config, struct encoder **ret)
{
	enc.config = *config;
	enc.opened++;
	enc.idr = true;
	the_encoder.ops = &encoder_x264;
	*ret = &the_encoder;
	return 0;
}

static int fake_submit(struct encoder *e, const struct frame *f)
{
	char byte;

	(void)e;
	if (enc.gate >= 0)
		assert_int_equal(read(enc.gate, &byte, 1), 1);
	if (enc.failures > 0) {
		enc.failures--;
		return -EIO;
	}
	if (!f->planes[0] && enc.blind)
		return -EOPNOTSUPP;
	the_encoder.by_device = !f->planes[0];
	enc.submitted++;
	enc.last = *f;
	now += 5 * MS;
	return 0;
}

static int fake_output(struct encoder *e, struct packet *ret)
{
	static const uint8_t data[100];
	char byte;

	(void)e;
	*ret = (struct packet){ .data = data,
				.size = sizeof(data),
				.frame_number = enc.last.number,
				.time_ns = enc.last.time_ns,
				.idr = enc.idr,
				.parts = enc.parts };
	for (; ret->part + 1 < enc.parts; ret->part++) {
		enc.config.on_part(enc.config.userdata, ret);
		now += 2 * MS;
		if (enc.parts_fail) {
			enc.parts_fail = false;
			return -EIO;
		}
	}
	if (enc.late_gate >= 0)
		assert_int_equal(read(enc.late_gate, &byte, 1), 1);
	if (enc.skip)
		return 0;
	enc.idr = false;
	return 1;
}

static bool fake_can_import(void)
{
	return enc.imports;
}

static int fake_set_rate(struct encoder *e, uint64_t rate_bps, uint32_t max_frame_bytes)
{
	(void)e;
	(void)rate_bps;
	(void)max_frame_bytes;
	enc.rates++;
	return 0;
}

static void fake_request_idr(struct encoder *e)
{
	(void)e;
	enc.idr_requests++;
	enc.idr = true;
}

static void fake_close(struct encoder *e)
{
	(void)e;
	enc.closed++;
}

const struct encoder_ops encoder_x264 = {
	.name = "fake",
	.probe = fake_probe,
	.can_import = fake_can_import,
	.open = fake_open,
	.submit = fake_submit,
	.output = fake_output,
	.set_rate = fake_set_rate,
	.request_idr = fake_request_idr,
	.close = fake_close,
};

struct bench_network net;

int stream_new(const struct stream_numbers *numbers, const struct stream_ops *ops, void *userdata,
	       struct stream **ret)
{
	net.numbers = *numbers;
	net.ops = ops;
	net.userdata = userdata;
	*ret = NULL;
	return 0;
}

struct stream *stream_free(struct stream *s)
{
	(void)s;
	return NULL;
}

void stream_set_format(struct stream *s, const struct media_format *format)
{
	(void)s;
	(void)format;
}

void stream_set_rate(struct stream *s, uint64_t pace_bps, uint32_t burst_bytes)
{
	(void)s;
	(void)pace_bps;
	(void)burst_bytes;
}

int stream_set_socket(struct stream *s, int fd)
{
	(void)s;
	net.fd = fd;
	return 0;
}

int stream_push(struct stream *s, const struct packet *p, uint64_t now_ns)
{
	struct sender_frame f = {
		.number = p->frame_number, .time_ns = p->time_ns, .part = p->part, .parts = p->parts
	};

	(void)s;
	if (net.push_error)
		return net.push_error;
	if (net.refuse) {
		net.ops->on_dropped(net.userdata, &f);
		return -ENOBUFS;
	}
	net.pushed_ns[net.pushed++ % 64] = now_ns;
	net.idrs += p->idr && p->part == 0;
	net.parts += p->parts > 1;
	f.pts = net.pts;
	f.late_ns = net.late_ns;
	net.ops->on_first_datagram(net.userdata, &f);
	net.ops->on_last_datagram(net.userdata, &f);
	return 0;
}

void stream_abandon(struct stream *s)
{
	(void)s;
	net.abandoned++;
}

int stream_flush(struct stream *s, uint64_t now_ns)
{
	(void)s;
	(void)now_ns;
	net.flushed++;
	now += net.flush_ns;
	return 0;
}

uint64_t stream_get_deadline_ns(const struct stream *s)
{
	(void)s;
	return UINT64_MAX;
}

bool stream_wants_pollout(const struct stream *s)
{
	(void)s;
	return false;
}

int stream_get_fd(const struct stream *s)
{
	(void)s;
	return net.fd;
}

void stream_get_queue(const struct stream *s, uint64_t now_ns, struct sender_queue *ret)
{
	(void)s;
	(void)now_ns;
	*ret = (struct sender_queue){ .age_ns = net.queue_age_ns,
				      .bytes = net.queue_age_ns ? 1000 : 0,
				      .socket_bytes = net.socket_bytes };
}

struct bench_source src;

static int src_configure(struct source *s, const struct media_mode *mode)
{
	(void)s;
	(void)mode;
	assert_int_equal(src.held, 0);
	return 0;
}

static struct pollfd src_get_poll(const struct source *s)
{
	(void)s;
	return (struct pollfd){ .fd = -1 };
}

static uint64_t src_get_deadline_ns(const struct source *s)
{
	(void)s;
	return UINT64_MAX;
}

static int src_acquire(struct source *s, uint64_t now_ns, bool again, struct frame *ret)
{
	(void)s;
	assert_true(src.held < 3);
	src.asked++;
	if (src.error)
		return src.error;
	if (!src.number || (!src.fresh && !again))
		return 0;
	*ret = (struct frame){ .number = src.number,
			       .time_ns = now_ns,
			       .fourcc = MEDIA_FOURCC_XRGB8888,
			       .width = src.width,
			       .height = HEIGHT,
			       .planes = { src.by_device ? NULL : (const uint8_t *)src.pixels },
			       .pitches = { WIDTH * 4 },
			       .dmabuf_fd = -1,
			       .damage = { 0, 0, src.fresh ? WIDTH : 0, src.fresh ? HEIGHT : 0 } };
	src.fresh = false;
	src.held++;
	src.acquired++;
	return 1;
}

static void src_set_reader(struct source *s, bool device)
{
	(void)s;
	src.by_device = device;
}

static void src_release(struct source *s, const struct frame *f)
{
	(void)s;
	(void)f;
	src.held--;
}

static void src_close(struct source *s)
{
	(void)s;
	assert_int_equal(src.held, 0);
	src.closed = true;
}

static const struct source_ops src_ops = {
	.name = "fake",
	.configure = src_configure,
	.get_poll = src_get_poll,
	.get_deadline_ns = src_get_deadline_ns,
	.acquire = src_acquire,
	.set_reader = src_set_reader,
	.release = src_release,
	.close = src_close,
};

void bench_show(uint64_t number)
{
	src.number = number;
	src.fresh = true;
}

/* ------------------------------------------------------------------ the daemon's side */

struct bench b;

void bench_begin_with(int dump_fd)
{
	const struct encoder_host host = { .node_count = 0 };
	struct encoder_caps caps;
	int sockets[2];

	memset(&enc, 0, sizeof(enc));
	enc.gate = enc.late_gate = -1;
	memset(&net, 0, sizeof(net));
	memset(&src, 0, sizeof(src));
	memset(&b, 0, sizeof(b));
	src.source.ops = &src_ops;
	src.width = WIDTH;
	now = 1000 * NSEC_PER_SEC;
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, sockets), 0);
	b.control = sockets[0];
	facts_init(&b.facts, sockets[1]);
	assert_int_equal(pipeline_new(&b.state, &b.facts, dump_fd, &b.pipeline), 0);
	assert_int_equal(pipeline_probe(b.pipeline, &host, &caps), 0);
}

int bench_configure(void)
{
	const struct media_configure c = { .format.mode = { WIDTH, HEIGHT, 30 },
					   .format.level_idc = 31,
					   .format.slices = 1,
					   .rate_bps = 1000000 };

	return pipeline_configure(b.pipeline, &c, now);
}

void bench_stream_from(struct source *s)
{
	assert_int_equal(bench_configure(), 0);
	assert_int_equal(pipeline_set_source(b.pipeline, s, "text", now), 0);
	assert_int_equal(pipeline_start(b.pipeline, -1, now), 0);
	assert_int_equal(bench_settle(), 0);
	assert_int_equal(enc.submitted, 1); /* to warm up: nothing of it is seen */
	enc.submitted = 0;
}

int bench_settle(void)
{
	struct pollfd polls[PIPELINE_POLLS];
	int r = 0;

	while (worker_is_busy(b.pipeline->encoder)) {
		(void)pipeline_get_polls(b.pipeline, polls);
		assert_int_equal(poll(polls, 1, 10000), 1);
		r = pipeline_run(b.pipeline, NULL, now);
	}
	return r;
}

void bench_begin(void)
{
	bench_begin_with(-1);
	bench_stream_from(&src.source);
}

int bench_run_for(uint64_t ns)
{
	uint64_t end = now + ns, deadline;
	int r = 0;

	while (r == 0 && now < end) {
		r = pipeline_run(b.pipeline, NULL, now);
		if (r == 0)
			r = bench_settle();
		deadline = pipeline_get_deadline_ns(b.pipeline);
		if (deadline <= now)
			deadline = now + MS;
		now = deadline < end ? deadline : end;
	}
	return r;
}

unsigned int bench_count_facts(enum media_type type, union media_message *ret)
{
	union media_message m;
	unsigned int n = 0;
	int r, fd;

	while ((r = media_receive(b.control, &m, &fd)) > 0) {
		assert_int_equal(media_fact_check(&m, (size_t)r), 0);
		if (m.header.type != type)
			continue;
		n++;
		if (ret)
			*ret = m;
	}
	return n;
}

void bench_end(void)
{
	b.pipeline = pipeline_free(b.pipeline);
	assert_int_equal(enc.opened, enc.closed);
	close(b.control);
	close(b.facts.socket);
}

void bench_run_once(void)
{
	now += MS;
	assert_int_equal(pipeline_run(b.pipeline, NULL, now), 0);
}

int bench_close_gate(void)
{
	int fds[2];

	assert_int_equal(pipe(fds), 0);
	enc.gate = fds[0];
	return fds[1];
}

int bench_close_late_gate(void)
{
	int fd = bench_close_gate();

	enc.late_gate = enc.gate;
	enc.gate = -1;
	return fd;
}

void bench_open_gate(int fd, const char *bytes)
{
	assert_int_equal(write(fd, bytes, strlen(bytes)), (ssize_t)strlen(bytes));
}
