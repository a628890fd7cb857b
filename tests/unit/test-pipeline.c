// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The data path between fakes: a source that gives what it is told, an encoder and a stream that
 * take notes, and a clock that only moves when the test says so. The fakes replace the real stages
 * at link time; the encoder's thread is the real one.
 */
#include "media/pipeline-private.h"
#include "stream/stream.h"
#include "util/clock.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define WIDTH  64
#define HEIGHT 32
#define MS     NSEC_PER_MSEC

/* ------------------------------------------------------------------ the fakes */

static _Atomic uint64_t now; /* both threads move it */

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

static struct {
	unsigned int opened, closed, submitted, idr_requests, rates;
	int failures;  /* so many submits fail */
	int gate;      /* >= 0: a submit waits for a byte from there */
	int late_gate; /* and an output */
	bool idr, skip, parts_fail; /* the last: once, behind the first part */
	bool imports, blind; /* takes dma-bufs alone; does not, after all */
	uint8_t parts;	     /* of each access unit, 2 ms apart; 0: it comes whole */
	struct frame last;
	struct encoder_config config;
} enc;

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
	if (enc.late_gate >= 0)
		assert_int_equal(read(enc.late_gate, &byte, 1), 1);
	if (enc.skip)
		return 0;
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

static struct {
	struct stream_numbers numbers;
	const struct stream_ops *ops;
	void *userdata;
	unsigned int pushed, idrs, parts, abandoned, flushed;
	uint64_t pushed_ns[64];
	uint64_t queue_age_ns, late_ns, pts;
	size_t socket_bytes;
	bool refuse;
	int push_error, fd;
} net;

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
	struct sender_frame f = { .number = p->frame_number,
				  .time_ns = p->time_ns,
				  .part = p->part,
				  .parts = p->parts };

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

struct fake_source {
	struct source source;
	uint64_t number; /* of the present picture, 0: none */
	bool fresh;	 /* not given yet */
	int error;
	unsigned int acquired, held;
	bool closed;
	bool by_device;
	uint16_t width;
	uint32_t pixels[WIDTH * HEIGHT];
};

static struct fake_source src;

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

static void show(uint64_t number)
{
	src.number = number;
	src.fresh = true;
}

/* ------------------------------------------------------------------ the daemon's side */

struct bench {
	struct stream_state state;
	struct facts facts;
	struct pipeline *pipeline;
	int control;
};

static struct bench b;

static void begin_with(int dump_fd)
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

static int configure(void)
{
	const struct media_configure c = { .format.mode = { WIDTH, HEIGHT, 30 },
					   .format.level_idc = 31,
					   .format.slices = 1,
					   .rate_bps = 1000000 };

	return pipeline_configure(b.pipeline, &c, now);
}

static int settle(void);

static void stream_from(struct source *s)
{
	assert_int_equal(configure(), 0);
	assert_int_equal(pipeline_set_source(b.pipeline, s, "text", now), 0);
	assert_int_equal(pipeline_start(b.pipeline, -1, now), 0);
	assert_int_equal(settle(), 0);
	assert_int_equal(enc.submitted, 1); /* to warm up: nothing of it is seen */
	enc.submitted = 0;
}

/* Time stands still until the encoder's thread has nothing more to do. */
static int settle(void)
{
	struct pollfd polls[PIPELINE_POLLS];
	int r = 0;

	while (worker_is_busy(b.pipeline->encoder)) {
		(void)pipeline_get_polls(b.pipeline, polls);
		assert_int_equal(poll(polls, 1, 10000), 1);
		r = pipeline_run(b.pipeline, now);
	}
	return r;
}

/* Time goes by as the loop would see it: from deadline to deadline. */
static int run_for(uint64_t ns)
{
	uint64_t end = now + ns, deadline;
	int r = 0;

	while (r == 0 && now < end) {
		r = pipeline_run(b.pipeline, now);
		if (r == 0)
			r = settle();
		deadline = pipeline_get_deadline_ns(b.pipeline);
		if (deadline <= now)
			deadline = now + MS;
		now = deadline < end ? deadline : end;
	}
	return r;
}

static unsigned int count_facts(enum media_type type, union media_message *ret)
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

static void end(void)
{
	b.pipeline = pipeline_free(b.pipeline);
	assert_int_equal(enc.opened, enc.closed);
	close(b.control);
	close(b.facts.socket);
}

/* ------------------------------------------------------------------ the tests */

static void test_order_of_commands(void **state)
{
	union media_message m;

	(void)state;
	begin_with(-1);
	assert_int_equal(pipeline_start(b.pipeline, -1, now), -EPROTO);
	assert_int_equal(count_facts(MEDIA_ERROR, &m), 1);
	assert_int_equal(m.error.stage, MEDIA_STAGE_START);
	end();
	begin_with(-1);
	assert_int_equal(pipeline_set_rate(b.pipeline, 1000, 0), -EPROTO);
	end();
}

static void test_numbers_of_a_stream_and_its_successor(void **state)
{
	uint32_t ssrc;

	(void)state;
	begin_with(-1);
	assert_false(net.numbers.successor);
	stream_from(&src.source);
	ssrc = b.state.ssrc;
	assert_int_equal(b.state.generation, 1);
	pipeline_pause(b.pipeline);
	assert_int_equal(pipeline_start(b.pipeline, -1, now), 0);
	assert_int_equal(b.state.generation, 1);
	b.pipeline = pipeline_free(b.pipeline);
	assert_int_equal(pipeline_new(&b.state, &b.facts, -1, &b.pipeline), 0);
	assert_true(net.numbers.successor);
	assert_int_equal(b.state.ssrc, ssrc);
	end();
}

static void test_one_frame_through_all_stages(void **state)
{
	union media_message m;
	const enum media_chunk_kind order[] = { MEDIA_CHUNK_FRAME_START, MEDIA_CHUNK_ENCODED,
						MEDIA_CHUNK_SENT };
	unsigned int n = 0;
	int r, fd;

	(void)state;
	begin_with(-1);
	stream_from(&src.source);
	show(7);
	assert_int_equal(run_for(10 * MS), 0);
	assert_int_equal(net.pushed, 1);
	assert_int_equal(net.idrs, 1);
	assert_int_equal(b.state.frames_captured, 1);
	assert_int_equal(b.state.frames_encoded, 1);
	assert_int_equal(b.state.idr_frames, 1);
	assert_int_equal(b.state.raw_bytes_copied, WIDTH * HEIGHT * 4);
	while ((r = media_receive(b.control, &m, &fd)) > 0) {
		if (m.header.type == MEDIA_FIRST_FRAME)
			assert_int_equal(m.first_frame.own_picture, 0);
		if (m.header.type != MEDIA_CHUNK)
			continue;
		assert_int_equal(m.chunk.kind, order[n++]);
		assert_int_equal(m.chunk.frame, 7);
		assert_int_equal(m.chunk.part, 0);
		if (m.chunk.kind == MEDIA_CHUNK_ENCODED)
			assert_int_equal(m.chunk.processing_us, 5000);
	}
	assert_int_equal(n, 3);
	end();
}

/* The contract's example: with three slices, parts 1, 2 and 0, each encoded and sent for itself. */
static void test_picture_in_parts(void **state)
{
	static const struct {
		enum media_chunk_kind kind;
		uint32_t part;
	} order[] = {
		{ MEDIA_CHUNK_FRAME_START, 0 }, { MEDIA_CHUNK_ENCODED, 1 }, { MEDIA_CHUNK_SENT, 1 },
		{ MEDIA_CHUNK_ENCODED, 2 },	{ MEDIA_CHUNK_SENT, 2 },    { MEDIA_CHUNK_ENCODED, 0 },
		{ MEDIA_CHUNK_SENT, 0 },
	};
	union media_message m;
	unsigned int n = 0;
	int fd;

	(void)state;
	begin_with(-1);
	enc.parts = 3;
	stream_from(&src.source);
	assert_int_equal(net.parts, 0); /* to warm up: nothing of it is seen */
	show(7);
	assert_int_equal(run_for(20 * MS), 0);
	assert_int_equal(net.parts, 3);
	assert_int_equal(net.idrs, 1);
	assert_int_equal(b.state.frames_encoded, 1);
	assert_int_equal(b.state.idr_frames, 1);
	while (media_receive(b.control, &m, &fd) > 0) {
		if (m.header.type != MEDIA_CHUNK)
			continue;
		assert_in_range(n, 0, 6);
		assert_int_equal(m.chunk.kind, order[n].kind);
		assert_int_equal(m.chunk.part, order[n].part);
		assert_int_equal(m.chunk.frame, 7);
		if (m.chunk.kind == MEDIA_CHUNK_ENCODED)
			assert_int_equal(m.chunk.processing_us, m.chunk.part == 1 ? 5000 : 2000);
		n++;
	}
	assert_int_equal(n, 7);
	end();
}

/* Refused by the stream, it is owed still: the picture that rests is sent again, as an IDR. */
static void test_refused_idr_is_owed(void **state)
{
	(void)state;
	begin_with(-1);
	stream_from(&src.source);
	net.refuse = true;
	show(1);
	assert_int_equal(run_for(10 * MS), 0);
	assert_int_equal(net.idrs, 0);
	net.refuse = false;
	assert_int_equal(run_for(150 * MS), 0);
	assert_int_equal(net.idrs, 1);
	end();
}

/* The sink was asked again and takes slices now: that is another encoder's stream. */
static void test_other_slices(void **state)
{
	struct media_configure c = { .format.mode = { WIDTH, HEIGHT, 30 },
				     .format.level_idc = 31,
				     .format.slices = 4,
				     .rate_bps = 1000000 };

	(void)state;
	begin_with(-1);
	stream_from(&src.source);
	show(1);
	assert_int_equal(run_for(20 * MS), 0);
	assert_int_equal(enc.opened, 1);
	assert_int_equal(pipeline_configure(b.pipeline, &c, now), 0);
	assert_int_equal(run_for(20 * MS), 0);
	assert_int_equal(enc.opened, 2);
	assert_int_equal(enc.config.format.slices, 4);
	end();
}

/* Its end is told by the next one, which is not long in coming, and comes whole. */
static void test_picture_in_parts_rests(void **state)
{
	(void)state;
	begin_with(-1);
	enc.parts = 3;
	stream_from(&src.source);
	show(1);
	assert_int_equal(run_for(20 * MS), 0);
	assert_int_equal(net.pushed, 3);
	enc.parts = 0;
	assert_int_equal(run_for(80 * MS), 0);
	assert_int_equal(net.pushed, 4);
	assert_int_equal(run_for(NSEC_PER_SEC), 0);
	assert_int_equal(net.pushed, 4);
	end();
}

/* The encoder breaks in the midst of a picture: what was sent of it stays half, an IDR comes. */
static void test_encoder_breaks_between_parts(void **state)
{
	(void)state;
	begin_with(-1);
	enc.parts = 3;
	stream_from(&src.source);
	show(1);
	assert_int_equal(run_for(20 * MS), 0);
	enc.parts_fail = true;
	show(2);
	assert_int_equal(run_for(40 * MS), 0);
	assert_int_equal(enc.opened, 2);
	assert_int_equal(b.state.frames_encoded, 2);
	assert_int_equal(net.idrs, 2);
	assert_int_equal(net.parts, 3 + 1 + 3);
	assert_int_equal(net.abandoned, 1);
	end();
}

static void test_latency_counts_new_pictures(void **state)
{
	(void)state;
	begin_with(-1);
	stream_from(&src.source);
	for (unsigned int i = 1; i <= 10; i++) {
		show(i);
		assert_int_equal(run_for(33 * MS), 0);
	}
	show(13); /* 11 and 12 were nobody's */
	assert_int_equal(run_for(3 * NSEC_PER_SEC), 0);
	assert_int_equal(b.state.ready_to_encoded.count, 10); /* not the first, not the repeats */
	assert_int_equal(b.state.ready_to_encoded.max_us, 5000);
	assert_int_equal(b.state.frames_captured, 11);
	assert_int_equal(b.state.frames_dropped, 2);
	end();
}

static void test_still_picture(void **state)
{
	(void)state;
	begin_with(-1);
	stream_from(&src.source);
	show(1);
	assert_int_equal(run_for(10 * NSEC_PER_SEC), 0);
	assert_int_equal(net.pushed, 6); /* at 0, 0.5, 2.5, 4.5, 6.5, 8.5 s */
	assert_true(net.pushed_ns[1] - net.pushed_ns[0] <= NSEC_PER_SEC);
	assert_in_range(net.pushed_ns[2] - net.pushed_ns[1], 1990 * MS, 2050 * MS);
	assert_int_equal(net.idrs, 1);
	end();
}

/* Some sinks want to hear of a resting picture more often. */
static void test_still_picture_for_a_restless_sink(void **state)
{
	const struct media_configure c = { .format.mode = { WIDTH, HEIGHT, 30 },
					   .format.level_idc = 31,
					   .format.slices = 1,
					   .rate_bps = 1000000,
					   .still_hz = 10 };

	(void)state;
	begin_with(-1);
	stream_from(&src.source);
	assert_int_equal(pipeline_configure(b.pipeline, &c, now), 0);
	show(1);
	assert_int_equal(run_for(2 * NSEC_PER_SEC), 0);
	assert_in_range(net.pushed, 18, 21);
	end();
}

static void test_idr_requests(void **state)
{
	unsigned int served;

	(void)state;
	begin_with(-1);
	stream_from(&src.source);
	show(1);
	assert_int_equal(run_for(2 * NSEC_PER_SEC), 0);
	assert_int_equal(net.idrs, 1);
	pipeline_request_idr(b.pipeline, now); /* a still picture: at once */
	assert_int_equal(run_for(20 * MS), 0);
	assert_int_equal(net.idrs, 2);
	for (unsigned int i = 0; i < 20; i++) { /* a storm of them: one more, then every 500 ms */
		pipeline_request_idr(b.pipeline, now);
		show(2 + i);
		assert_int_equal(run_for(100 * MS), 0);
	}
	served = net.idrs - 2;
	assert_in_range(served, 4, 5);
	assert_int_equal(run_for(NSEC_PER_SEC), 0); /* the last one was not lost */
	assert_in_range(net.idrs - 2, served, served + 1);
	assert_true(net.idrs - 2 >= 5);
	end();
}

/* As often as is granted, out of step with the IDR at the beginning: answered at once each time. */
static void test_regular_idr_requests(void **state)
{
	unsigned int before;

	(void)state;
	begin_with(-1);
	stream_from(&src.source);
	show(1);
	assert_int_equal(run_for(60 * MS), 0);
	for (unsigned int i = 0; i < 10; i++) {
		before = net.idrs;
		pipeline_request_idr(b.pipeline, now);
		show(10 + 2 * i);
		assert_int_equal(run_for(60 * MS), 0);
		assert_int_equal(net.idrs, before + 1);
		show(11 + 2 * i);
		assert_int_equal(run_for(440 * MS), 0);
		assert_int_equal(net.idrs, before + 1);
	}
	end();
}

/* What waits in the socket for a slow link counts as a queue, too. */
static void test_socket_backlog(void **state)
{
	unsigned int pushed;

	(void)state;
	begin_with(-1);
	stream_from(&src.source);
	for (unsigned int i = 1; i <= 20; i++) {
		b.state.bytes += 10000;
		net.socket_bytes = i * 8000;
		show(i);
		assert_int_equal(run_for(20 * MS), 0);
	}
	assert_true(count_facts(MEDIA_BLOCKED, NULL) > 0);
	pushed = net.pushed;
	show(21);
	assert_int_equal(run_for(20 * MS), 0);
	assert_int_equal(net.pushed, pushed); /* dropped before it was encoded */
	net.socket_bytes = 0;
	show(22);
	assert_int_equal(run_for(20 * MS), 0);
	assert_int_equal(net.pushed, pushed + 1);
	end();
}

static void test_idr_request_while_moving_waits_for_the_next_frame(void **state)
{
	(void)state;
	begin_with(-1);
	stream_from(&src.source);
	for (unsigned int i = 1; i <= 30; i++) {
		show(i);
		assert_int_equal(run_for(33 * MS), 0);
	}
	pipeline_request_idr(b.pipeline, now);
	assert_int_equal(run_for(5 * MS), 0);
	assert_int_equal(net.idrs, 1);
	show(31);
	assert_int_equal(run_for(5 * MS), 0);
	assert_int_equal(net.idrs, 2);
	assert_int_equal(net.pushed, 31);
	end();
}

static void test_configure_makes_an_idr(void **state)
{
	(void)state;
	begin_with(-1);
	stream_from(&src.source);
	show(1);
	assert_int_equal(run_for(50 * MS), 0);
	assert_int_equal(configure(), 0); /* the same again: no new encoder */
	assert_int_equal(run_for(50 * MS), 0);
	assert_int_equal(enc.opened, 1);
	assert_int_equal(enc.rates, 0);
	assert_int_equal(net.idrs, 2);
	assert_int_equal(pipeline_set_rate(b.pipeline, 2000000, 0), 0); /* with the next picture */
	show(2);
	assert_int_equal(run_for(50 * MS), 0);
	assert_int_equal(enc.rates, 1);
	assert_int_equal(enc.opened, 1);
	assert_int_equal(net.idrs, 2);
	end();
}

/* An IDR that the pace takes too long for would be late. */
static void test_largest_picture(void **state)
{
	(void)state;
	begin_with(-1);
	stream_from(&src.source); /* 1 Mbit/s, four times that for 25 ms */
	assert_int_equal(enc.config.max_frame_bytes, 12500);
	end();
}

static void test_own_picture_until_the_desktop_comes(void **state)
{
	union media_message m;

	(void)state;
	begin_with(-1);
	stream_from(&src.source);
	assert_int_equal(run_for(90 * MS), 0);
	assert_int_equal(net.pushed, 0);
	assert_int_equal(run_for(30 * MS), 0);
	assert_int_equal(net.pushed, 1);
	assert_int_equal(count_facts(MEDIA_FIRST_FRAME, &m), 1);
	assert_int_equal(m.first_frame.own_picture, 1);
	assert_int_equal(b.state.frames_captured, 0);
	show(1);
	assert_int_equal(run_for(20 * MS), 0);
	assert_int_equal(net.pushed, 2);
	assert_int_equal(net.idrs, 2);
	assert_ptr_equal(enc.last.planes[0], src.pixels);

	src.error = -ESHUTDOWN; /* revoked: back to our own, with an IDR */
	assert_int_equal(run_for(20 * MS), 0);
	assert_true(src.closed);
	assert_int_equal(net.idrs, 3);
	assert_ptr_not_equal(enc.last.planes[0], src.pixels);
	assert_int_equal(enc.last.width, WIDTH);

	src.error = 0;
	src.closed = false;
	assert_int_equal(pipeline_set_source(b.pipeline, &src.source, "text", now), 0);
	show(2);
	assert_int_equal(run_for(20 * MS), 0);
	assert_ptr_equal(enc.last.planes[0], src.pixels);
	assert_true(enc.last.number == 2);
	end();
}

static void test_pause_asks_for_nothing(void **state)
{
	(void)state;
	begin_with(-1);
	stream_from(&src.source);
	show(1);
	assert_int_equal(run_for(50 * MS), 0);
	pipeline_pause(b.pipeline);
	assert_int_equal(net.fd, -1);
	show(2);
	assert_int_equal(run_for(5 * NSEC_PER_SEC), 0);
	assert_int_equal(net.pushed, 1);
	assert_int_equal(src.acquired, 1);
	assert_true(pipeline_get_deadline_ns(b.pipeline) == UINT64_MAX);
	assert_int_equal(pipeline_start(b.pipeline, -1, now), 0);
	assert_int_equal(run_for(20 * MS), 0);
	assert_int_equal(net.idrs, 2);
	end();
}

static void test_encoder_fails_once_and_again(void **state)
{
	union media_message m;

	(void)state;
	begin_with(-1);
	stream_from(&src.source);
	show(1);
	assert_int_equal(run_for(50 * MS), 0);
	enc.failures = 1;
	show(2);
	assert_int_equal(run_for(50 * MS), 0);
	assert_int_equal(enc.opened, 2);
	assert_int_equal(net.pushed, 2);
	assert_int_equal(net.idrs, 2);
	enc.failures = 1;
	show(3);
	assert_int_equal(run_for(50 * MS), -EIO);
	assert_int_equal(count_facts(MEDIA_ERROR, &m), 1);
	assert_int_equal(m.error.stage, MEDIA_STAGE_ENCODE);
	assert_int_equal(m.error.error, -EIO);
	end();
}

static void test_device_reads_the_desktop(void **state)
{
	(void)state;
	begin_with(-1);
	enc.imports = true;
	stream_from(&src.source);
	for (uint64_t n = 1; n < 6; n++) {
		show(n);
		assert_int_equal(run_for(20 * MS), 0);
	}
	assert_true(src.by_device);
	assert_null(enc.last.planes[0]);
	assert_int_equal(net.pushed, 5);
	assert_int_equal(b.state.raw_bytes_copied, 0);
	end();
}

/* The trial was wrong about the desktop's buffers: nothing breaks, the CPU reads instead. */
static void test_device_cannot_read_the_desktop(void **state)
{
	(void)state;
	begin_with(-1);
	enc.imports = enc.blind = true;
	stream_from(&src.source);
	assert_true(src.by_device);
	show(1);
	assert_int_equal(run_for(50 * MS), 0);
	assert_false(src.by_device);
	assert_int_equal(enc.last.number, 1);
	assert_ptr_equal(enc.last.planes[0], src.pixels);
	assert_int_equal(net.pushed, 1);
	assert_int_equal(net.idrs, 1);
	assert_int_equal(enc.opened, 1);
	assert_true(b.state.raw_bytes_copied > 0);
	end();
}

/* An encoder that takes its time, until it is let go on. */
static int close_gate(void)
{
	int fds[2];

	assert_int_equal(pipe(fds), 0);
	enc.gate = fds[0];
	return fds[1];
}

static void open_gate(int fd, const char *bytes)
{
	assert_int_equal(write(fd, bytes, strlen(bytes)), (ssize_t)strlen(bytes));
}

static void run_once(void)
{
	now += MS;
	assert_int_equal(pipeline_run(b.pipeline, now), 0);
}

static void test_newest_picture_wins(void **state)
{
	unsigned int flushed;
	int gate;

	(void)state;
	begin_with(-1);
	stream_from(&src.source);
	gate = close_gate();
	flushed = net.flushed;
	for (unsigned int i = 1; i <= 4; i++) {
		show(i);
		run_once();
		assert_int_equal(src.held, i == 1 ? 1 : 2);
	}
	assert_int_equal(net.flushed - flushed, 4); /* the stream goes on meanwhile */
	assert_int_equal(net.pushed, 0);
	open_gate(gate, "..");
	assert_int_equal(settle(), 0);
	assert_int_equal(net.pushed, 2);
	assert_true(enc.last.number == 4);
	assert_int_equal(src.held, 0);
	assert_int_equal(b.state.frames_captured, 4);
	assert_int_equal(b.state.frames_dropped, 2);
	end();
	close(gate);
	close(enc.gate);
}

/* What a desktop waits for is read, given back and encoded, in this order. */
static void test_picture_is_given_back_early(void **state)
{
	struct pollfd polls[PIPELINE_POLLS];
	unsigned int acquired;
	int gate;

	(void)state;
	begin_with(-1);
	src.source.holds_up = true;
	stream_from(&src.source);
	gate = close_gate();
	enc.late_gate = enc.gate;
	enc.gate = -1;
	show(1);
	run_once();
	(void)pipeline_get_polls(b.pipeline, polls);
	while (src.held > 0) {
		assert_int_equal(poll(polls, 1, 10000), 1);
		run_once();
	}
	assert_true(worker_is_busy(b.pipeline->encoder));
	assert_int_equal(net.pushed, 0);
	acquired = src.acquired;
	show(2); /* which is not worth holding the desktop up for now */
	run_once();
	assert_int_equal(src.acquired, acquired);
	open_gate(gate, "..");
	assert_int_equal(run_for(MS), 0);
	assert_int_equal(src.acquired, acquired + 1);
	assert_int_equal(net.pushed, 2);
	assert_int_equal(enc.last.number, 2);
	end();
	close(gate);
	close(enc.late_gate);
}

static void test_encoder_hangs(void **state)
{
	union media_message m;
	int gate;

	(void)state;
	begin_with(-1);
	stream_from(&src.source);
	gate = close_gate();
	show(1);
	run_once();
	now += 500 * MS;
	assert_int_equal(pipeline_run(b.pipeline, now), 0);
	assert_true(pipeline_get_deadline_ns(b.pipeline) <= now + 35 * MS);
	now += 35 * MS;
	assert_int_equal(pipeline_run(b.pipeline, now), -ETIMEDOUT);
	assert_int_equal(count_facts(MEDIA_ERROR, &m), 1);
	assert_int_equal(m.error.stage, MEDIA_STAGE_ENCODE);
	assert_string_equal(m.error.text, "the encoder hung");
	open_gate(gate, "."); /* or the test would hang with it */
	(void)settle();
	end();
	close(gate);
	close(enc.gate);
}

/* The source goes, or gets another mode, only when the encoder does not read from it. */
static void test_source_changes_while_encoding(void **state)
{
	struct media_configure c = { .format.mode = { WIDTH, HEIGHT, 60 },
				     .format.level_idc = 31,
				     .format.slices = 1,
				     .rate_bps = 1000000 };
	int gate;

	(void)state;
	begin_with(-1);
	stream_from(&src.source);
	gate = close_gate();
	show(1);
	run_once();
	assert_int_equal(src.held, 1);
	open_gate(gate, ".");
	assert_int_equal(pipeline_configure(b.pipeline, &c, now), 0); /* src_configure looks */
	assert_int_equal(src.held, 0);
	show(2);
	run_once();
	show(3);
	run_once();
	assert_int_equal(src.held, 2);
	open_gate(gate, ".");
	assert_int_equal(pipeline_set_source(b.pipeline, NULL, "gone", now), 0);
	assert_true(src.closed);
	open_gate(gate, "...");
	assert_int_equal(run_for(50 * MS), 0);
	assert_ptr_not_equal(enc.last.planes[0], src.pixels);
	end();
	close(gate);
	close(enc.gate);
}

static void test_pause_while_encoding(void **state)
{
	int gate;

	(void)state;
	begin_with(-1);
	stream_from(&src.source);
	gate = close_gate();
	show(1);
	run_once();
	pipeline_pause(b.pipeline);
	open_gate(gate, ".");
	assert_int_equal(settle(), 0);
	assert_int_equal(src.held, 0);
	assert_int_equal(net.pushed, 0);
	open_gate(gate, "...");
	assert_int_equal(pipeline_start(b.pipeline, -1, now), 0);
	assert_int_equal(run_for(20 * MS), 0);
	assert_int_equal(net.idrs, 1);
	end();
	close(gate);
	close(enc.gate);
}

static void test_network_that_does_not_keep_up(void **state)
{
	(void)state;
	begin_with(-1);
	stream_from(&src.source);
	show(1);
	assert_int_equal(run_for(50 * MS), 0);
	net.queue_age_ns = 120 * MS;
	show(2);
	assert_int_equal(run_for(20 * MS), 0);
	assert_int_equal(enc.submitted, 1); /* not even encoded */
	assert_true(b.state.frames_dropped > 0);
	assert_true(count_facts(MEDIA_BLOCKED, NULL) > 0);
	net.queue_age_ns = 0; /* and sent as soon as there is room, though the desktop rests */
	assert_int_equal(run_for(50 * MS), 0);
	assert_int_equal(net.pushed, 2);
	assert_true(enc.last.number == 2);
	end();
}

static void test_refused_picture_makes_an_idr(void **state)
{
	(void)state;
	begin_with(-1);
	stream_from(&src.source);
	show(1);
	assert_int_equal(run_for(NSEC_PER_SEC), 0);
	net.refuse = true;
	show(2);
	assert_int_equal(run_for(20 * MS), 0);
	net.refuse = false;
	assert_int_equal(run_for(100 * MS), 0);
	assert_int_equal(net.idrs, 2);
	assert_int_equal(b.state.frames_dropped, 1);
	end();
}

static void test_network_gone(void **state)
{
	union media_message m;

	(void)state;
	begin_with(-1);
	stream_from(&src.source);
	net.push_error = -ENETUNREACH;
	show(1);
	assert_int_equal(run_for(20 * MS), -ENETUNREACH);
	assert_int_equal(count_facts(MEDIA_ERROR, &m), 1);
	assert_int_equal(m.error.stage, MEDIA_STAGE_SEND);
	end();
}

static void test_clip_is_over(void **state)
{
	union media_message m;

	(void)state;
	begin_with(-1);
	stream_from(&src.source);
	src.error = -ENODATA;
	assert_int_equal(run_for(20 * MS), -ENODATA);
	assert_int_equal(count_facts(MEDIA_ERROR, &m), 1);
	assert_int_equal(m.error.stage, MEDIA_STAGE_INPUT_END);
	end();
}

static void test_wrong_size_is_dropped(void **state)
{
	(void)state;
	begin_with(-1);
	stream_from(&src.source);
	src.width = WIDTH / 2;
	show(1);
	assert_int_equal(run_for(20 * MS), 0);
	assert_int_equal(enc.submitted, 0);
	assert_int_equal(b.state.frames_dropped, 1);
	end();
}

static void test_late_and_rate_are_told(void **state)
{
	union media_message m;

	(void)state;
	begin_with(-1);
	stream_from(&src.source);
	net.late_ns = 3 * MS;
	show(1);
	assert_int_equal(run_for(20 * MS), 0);
	assert_int_equal(b.state.frames_late, 1);
	assert_int_equal(count_facts(MEDIA_LATE, &m), 1);
	assert_int_equal(m.late.late_us, 3000);
	assert_int_equal(run_for(2 * NSEC_PER_SEC), 0);
	assert_int_equal(count_facts(MEDIA_RATE, NULL), 2);
	end();
}

/* A daemon that does not read costs statistics, nothing else. */
static void test_full_control_socket(void **state)
{
	int small = 1;

	(void)state;
	begin_with(-1);
	assert_int_equal(setsockopt(b.facts.socket, SOL_SOCKET, SO_SNDBUF, &small, sizeof(small)),
			 0);
	stream_from(&src.source);
	for (unsigned int i = 1; i <= 200; i++) {
		show(i);
		assert_int_equal(run_for(33 * MS), 0);
	}
	assert_int_equal(net.pushed, 200);
	assert_true(b.facts.lost > 100);
	facts_send_error(&b.facts, MEDIA_STAGE_ENCODE, -EIO, "kept");
	assert_true(facts_wants_pollout(&b.facts));
	(void)count_facts(MEDIA_ERROR, NULL);
	facts_flush(&b.facts);
	assert_int_equal(count_facts(MEDIA_ERROR, NULL), 1);
	end();
}

static void test_dump(void **state)
{
	int fd = memfd_create("dump", MFD_CLOEXEC);
	char header[16] = "";

	(void)state;
	begin_with(fd);
	stream_from(&src.source);
	net.pts = UINT64_C(0x3123456789);
	for (unsigned int i = 1; i <= 60; i++) {
		src.pixels[0] = i;
		show(i);
		assert_int_equal(run_for(33 * MS), 0);
	}
	assert_int_equal(b.state.dumped_pts, 0x1123456789 & ((UINT64_C(1) << 33) - 1));
	assert_int_equal(lseek(fd, 0, SEEK_END), 13 + 3 * WIDTH * HEIGHT);
	assert_int_equal(pread(fd, header, 15, 0), 15);
	assert_memory_equal(header, "P6\n64 32\n255\n", 13);
	end();
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order_of_commands),
		cmocka_unit_test(test_numbers_of_a_stream_and_its_successor),
		cmocka_unit_test(test_one_frame_through_all_stages),
		cmocka_unit_test(test_picture_in_parts),
		cmocka_unit_test(test_refused_idr_is_owed),
		cmocka_unit_test(test_other_slices),
		cmocka_unit_test(test_picture_in_parts_rests),
		cmocka_unit_test(test_encoder_breaks_between_parts),
		cmocka_unit_test(test_latency_counts_new_pictures),
		cmocka_unit_test(test_still_picture),
		cmocka_unit_test(test_still_picture_for_a_restless_sink),
		cmocka_unit_test(test_idr_requests),
		cmocka_unit_test(test_regular_idr_requests),
		cmocka_unit_test(test_socket_backlog),
		cmocka_unit_test(test_idr_request_while_moving_waits_for_the_next_frame),
		cmocka_unit_test(test_configure_makes_an_idr),
		cmocka_unit_test(test_largest_picture),
		cmocka_unit_test(test_own_picture_until_the_desktop_comes),
		cmocka_unit_test(test_pause_asks_for_nothing),
		cmocka_unit_test(test_encoder_fails_once_and_again),
		cmocka_unit_test(test_device_reads_the_desktop),
		cmocka_unit_test(test_device_cannot_read_the_desktop),
		cmocka_unit_test(test_newest_picture_wins),
		cmocka_unit_test(test_picture_is_given_back_early),
		cmocka_unit_test(test_encoder_hangs),
		cmocka_unit_test(test_source_changes_while_encoding),
		cmocka_unit_test(test_pause_while_encoding),
		cmocka_unit_test(test_network_that_does_not_keep_up),
		cmocka_unit_test(test_refused_picture_makes_an_idr),
		cmocka_unit_test(test_network_gone),
		cmocka_unit_test(test_clip_is_over),
		cmocka_unit_test(test_wrong_size_is_dropped),
		cmocka_unit_test(test_late_and_rate_are_told),
		cmocka_unit_test(test_full_control_socket),
		cmocka_unit_test(test_dump),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
