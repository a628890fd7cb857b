// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The device source against a small model of the module's stream descriptor, and one of a virtual
 * GPU's render node, which replace ioctl() at link time: what is queued and grabbed when, with which
 * frame in which buffer, and what revocation, another mode, another reader, an unreadable picture
 * and one that lies on another machine do.
 */
#include "capture/source.h"
#include "uapi/miracast.h"
#include "util/dmabuf.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/dma-buf.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>
#include <virtgpu_drm.h>

#include <cmocka.h>

#define WIDTH	  650 /* a pitch of 2600 bytes, 2816 when aligned */
#define HEIGHT	  64
#define PITCH	  2816u
#define QUEUE_MAX 4
#define NODE	  12345 /* no descriptor of ours */
#define HANDLE	  7

/* ------------------------------------------------------------------ the model */

static struct {
	uint64_t sequence; /* of the present picture, 0: none */
	uint32_t width, height;
	int status; /* of every copy, 0 as a rule */
	bool revoked;
	unsigned int allocs;
	struct miracast_queue queued[QUEUE_MAX];
	unsigned int queued_count;
	struct miracast_done done[QUEUE_MAX];
	unsigned int done_count;
	uint64_t dst_seq; /* of the last copy */
	unsigned int copies;
	uint64_t grabbed; /* sequence that is held; 0: none */
	unsigned int grabs, releases, begun, ended;
	int picture; /* memfd: the desktop's buffer, opened by the first grab */
} module;

/* The desktop's GPU and its render node. */
static struct {
	const char *driver;
	bool has_3d, draws; /* the pictures are its own: black until they are transferred */
	bool context;
	int buffer; /* the memfd that HANDLE stands for; -1: none */
	unsigned int imports, transfers;
} gpu;

static uint32_t pixel_in_memory(void)
{
	return gpu.draws ? 0 : (uint32_t)module.sequence;
}

static uint32_t frame_flags(void)
{
	return gpu.driver ? MIRACAST_FRAME_IMPORTED : 0;
}

static int gpu_fails(int error)
{
	errno = error;
	return -1;
}

static int on_transfer(const struct drm_virtgpu_3d_transfer_from_host *t)
{
	const uint32_t pixel = (uint32_t)module.sequence;

	if (!gpu.has_3d)
		return gpu_fails(ENOSYS);
	gpu.context = true;
	if (t->bo_handle != HANDLE || gpu.buffer < 0)
		return gpu_fails(ENOENT);
	assert_int_equal(t->box.x * 4 + t->box.y * PITCH, t->offset);
	assert_int_equal(t->box.w, WIDTH);
	assert_int_equal(t->box.h, HEIGHT);
	assert_int_equal(t->box.d, 1);
	assert_int_equal(t->level | t->box.z, 0);
	gpu.transfers++;
	return pwrite(gpu.buffer, &pixel, sizeof(pixel), t->offset) == sizeof(pixel) ? 0 : -1;
}

static int on_import(struct drm_prime_handle *p)
{
	if (!gpu.draws)
		return gpu_fails(ENODEV);
	assert_true(gpu.context && gpu.buffer < 0);
	gpu.buffer = dup(p->fd);
	p->handle = HANDLE;
	gpu.imports++;
	return 0;
}

static int on_close_buffer(const struct drm_gem_close *c)
{
	assert_int_equal(c->handle, HANDLE);
	close(gpu.buffer);
	gpu.buffer = -1;
	return 0;
}

static int on_node(unsigned long request, void *argument)
{
	struct drm_version *version = argument;

	switch (request) {
	case DRM_IOCTL_VERSION:
		(void)strncpy(version->name, gpu.driver, version->name_len);
		version->name_len = strlen(gpu.driver);
		return 0;
	case DRM_IOCTL_VIRTGPU_TRANSFER_FROM_HOST:
		return on_transfer(argument);
	case DRM_IOCTL_PRIME_FD_TO_HANDLE:
		return on_import(argument);
	case DRM_IOCTL_GEM_CLOSE:
		return on_close_buffer(argument);
	}
	return gpu_fails(ENOTTY);
}

static void fill(struct miracast_queue *q)
{
	struct miracast_done *d = &module.done[module.done_count++];
	uint32_t pixel = pixel_in_memory();

	*d = (struct miracast_done){ .cookie = q->cookie,
				     .sequence = module.sequence,
				     .ready_ns = module.sequence * 1000,
				     .flip_ns = module.sequence * 1000 + 500,
				     .damage = { 10, 20, 110, 50 },
				     .width = module.width,
				     .height = module.height,
				     .status = module.status,
				     .flags = frame_flags() };
	if (q->width != module.width || q->height != module.height)
		d->status = -ERANGE;
	if (d->status == 0)
		assert_int_equal(pwrite(q->fd, &pixel, sizeof(pixel), 0), sizeof(pixel));
	module.dst_seq = q->dst_seq;
	module.copies++;
	close(q->fd);
}

static void work(void)
{
	unsigned int kept = 0;

	for (unsigned int i = 0; i < module.queued_count; i++)
		if (module.sequence > module.queued[i].after_seq)
			fill(&module.queued[i]);
		else
			module.queued[kept++] = module.queued[i];
	module.queued_count = kept;
}

static void show(uint64_t sequence)
{
	module.sequence = sequence;
	work();
}

static int on_alloc(struct miracast_alloc *a)
{
	a->fd = memfd_create("buffer", MFD_CLOEXEC);
	module.allocs++;
	return ftruncate(a->fd, (off_t)a->size);
}

static int on_queue(const struct miracast_queue *q)
{
	assert_int_equal(q->format, MEDIA_FOURCC_XRGB8888);
	assert_int_equal(q->pitch % 256, 0);
	assert_int_equal(q->flags | q->pad | q->offset, 0);
	if (module.queued_count + module.done_count == QUEUE_MAX) {
		errno = EBUSY;
		return -1;
	}
	module.queued[module.queued_count] = *q;
	module.queued[module.queued_count++].fd = dup(q->fd);
	work();
	return 0;
}

static int on_dequeue(struct miracast_done *d)
{
	if (module.done_count == 0) {
		errno = EAGAIN;
		return -1;
	}
	*d = module.done[0];
	module.done_count--;
	memmove(module.done, module.done + 1, module.done_count * sizeof(module.done[0]));
	return 0;
}

/* The desktop has two buffers; the pixel says which frame is in it. */
static int on_grab(struct miracast_grab *g)
{
	const uint32_t pixel = pixel_in_memory();

	if (module.grabbed || module.sequence == 0 || module.sequence <= g->after_seq) {
		errno = module.grabbed ? EBUSY : EAGAIN;
		return -1;
	}
	if (module.picture < 0)
		module.picture = memfd_create("picture", MFD_CLOEXEC);
	(void)!ftruncate(module.picture, 64 + (off_t)PITCH * HEIGHT);
	assert_int_equal(pwrite(module.picture, &pixel, sizeof(pixel), 64), sizeof(pixel));
	module.grabs++;
	module.grabbed = g->sequence = module.sequence;
	g->flip_ns = module.sequence * 1000 + 500;
	g->buffer = 9000 + module.sequence % 2;
	g->damage = (struct miracast_rect){ 10, 20, 110, 50 };
	g->fd = dup(module.picture);
	g->width = module.width;
	g->height = module.height;
	g->pitch = PITCH;
	g->offset = 64;
	g->frame_flags = frame_flags();
	return 0;
}

static int on_release(struct miracast_release *r)
{
	assert_true(r->sequence != 0 && r->sequence == module.grabbed);
	module.grabbed = 0;
	module.releases++;
	r->result = 0;
	return 0;
}

static int on_sync(const struct dma_buf_sync *s)
{
	assert_true(s->flags & DMA_BUF_SYNC_READ && !(s->flags & DMA_BUF_SYNC_WRITE));
	if (s->flags & DMA_BUF_SYNC_END)
		module.ended++;
	else
		module.begun++;
	return 0;
}

int ioctl(int fd, unsigned long request, ...)
{
	va_list ap;
	void *argument;

	va_start(ap, request);
	argument = va_arg(ap, void *);
	va_end(ap);
	if (fd == NODE)
		return on_node(request, argument);
	if (module.revoked) {
		errno = ESHUTDOWN;
		return -1;
	}
	if (request == MIRACAST_IOC_ALLOC)
		return on_alloc(argument);
	if (request == MIRACAST_IOC_QUEUE)
		return on_queue(argument);
	if (request == MIRACAST_IOC_DEQUEUE)
		return on_dequeue(argument);
	if (request == MIRACAST_IOC_GRAB)
		return on_grab(argument);
	if (request == MIRACAST_IOC_RELEASE)
		return on_release(argument);
	if (request == DMA_BUF_IOCTL_SYNC)
		return on_sync(argument);
	errno = ENOTTY;
	return -1;
}

/* ------------------------------------------------------------------ the tests */

/* driver NULL: there is no GPU. */
static struct source *open_beside_gpu(const char *driver, bool has_3d, bool draws)
{
	const struct media_mode mode = { WIDTH, HEIGHT, 30 };
	const int node = NODE;
	struct source *s = NULL;

	memset(&module, 0, sizeof(module));
	module.width = WIDTH;
	module.height = HEIGHT;
	module.picture = -1;
	memset(&gpu, 0, sizeof(gpu));
	gpu.driver = driver;
	gpu.has_3d = has_3d;
	gpu.draws = draws;
	gpu.buffer = -1;
	assert_int_equal(source_open_device(open("/dev/null", O_RDWR | O_CLOEXEC),
					    &node, driver ? 1 : 0, &s),
			 0);
	assert_int_equal(s->ops->configure(s, &mode), 0);
	return s;
}

static struct source *open_device(void)
{
	return open_beside_gpu(NULL, false, false);
}

static void close_device(struct source *s)
{
	assert_int_equal(gpu.buffer, -1);
	s->ops->close(s);
	assert_int_equal(module.grabs, module.releases);
	assert_int_equal(module.begun, module.ended);
	for (unsigned int i = 0; i < module.queued_count; i++)
		close(module.queued[i].fd);
	if (module.picture >= 0)
		close(module.picture);
}

static void expect_frame(struct source *s, uint64_t number, bool again)
{
	struct frame f;
	uint32_t pixel;

	assert_int_equal(s->ops->acquire(s, 0, again, &f), 1);
	memcpy(&pixel, f.planes[0], sizeof(pixel));
	assert_int_equal(pixel, number);
	assert_int_equal(f.number, number);
	assert_int_equal(f.time_ns, number * 1000 + 500);
	assert_int_equal(f.pitches[0], PITCH);
	assert_int_equal(f.width, WIDTH);
	assert_true(f.dmabuf_fd >= 0);
	s->ops->release(s, &f);
}

static void expect_none(struct source *s, bool again)
{
	struct frame f;

	assert_int_equal(s->ops->acquire(s, 0, again, &f), 0);
}

static void test_frames_as_they_come(void **state)
{
	struct source *s = open_device();

	(void)state;
	assert_true(s->ops->get_deadline_ns(s) == 0); /* nothing is queued yet */
	expect_none(s, false);
	assert_int_equal(module.queued_count, 1);
	assert_true(s->ops->get_deadline_ns(s) == UINT64_MAX);
	for (uint64_t n = 5; n < 15; n++) {
		expect_none(s, false);
		show(n);
		expect_frame(s, n, false);
		assert_int_equal(module.dst_seq, n > 5 ? n - 1 : 0);
		assert_int_equal(module.queued_count, 1);
	}
	assert_int_equal(module.allocs, 3);
	close_device(s);
}

static void test_a_picture_that_was_there_before(void **state)
{
	struct source *s = open_device();

	(void)state;
	module.sequence = 77;
	expect_none(s, false);
	expect_frame(s, 77, false);
	expect_none(s, false);
	close_device(s);
}

/* A slow pipeline gets the newest picture, not the one that came first. */
static void test_newest_first(void **state)
{
	struct source *s = open_device();
	struct frame f;

	(void)state;
	expect_none(s, false);
	show(1);
	assert_int_equal(s->ops->acquire(s, 0, false, &f), 1);
	show(2);
	show(3);
	s->ops->release(s, &f);
	expect_frame(s, 3, false);
	close_device(s);
}

/* The encoder reads one, a newer one waits for it, and the kernel still has one to fill. */
static void test_two_held_at_once(void **state)
{
	struct source *s = open_device();
	struct frame f[3];

	(void)state;
	expect_none(s, false);
	for (unsigned int i = 0; i < 2; i++) {
		show(i + 1);
		assert_int_equal(s->ops->acquire(s, 0, false, &f[i]), 1);
		expect_none(s, false);
		assert_int_equal(module.queued_count, 1);
	}
	show(3);
	assert_int_equal(s->ops->acquire(s, 0, false, &f[2]), 1);
	expect_none(s, false);
	assert_true(s->ops->get_deadline_ns(s) == UINT64_MAX); /* until a release: it does not spin */
	for (unsigned int i = 0; i < 3; i++)
		s->ops->release(s, &f[i]);
	assert_int_equal(module.queued_count, 1);
	show(4);
	expect_frame(s, 4, false);
	close_device(s);
}

static void test_the_same_again(void **state)
{
	struct source *s = open_device();
	struct frame f;

	(void)state;
	expect_none(s, false);
	show(1);
	expect_frame(s, 1, false);
	expect_none(s, true);
	assert_int_equal(module.queued_count, 1); /* for the next one; the other was filled */
	assert_int_equal(s->ops->acquire(s, 0, false, &f), 1);
	assert_int_equal(f.number, 1);
	assert_int_equal(f.damage.width, 0);
	s->ops->release(s, &f);
	show(2);
	expect_frame(s, 2, false);
	close_device(s);
}

static void test_again_without_a_picture_asks_once(void **state)
{
	struct source *s = open_device();

	(void)state;
	for (unsigned int i = 0; i < 10; i++)
		expect_none(s, true);
	assert_int_equal(module.queued_count, 2);
	show(1);
	expect_frame(s, 1, false);
	close_device(s);
}

static void test_another_mode(void **state)
{
	const struct media_mode small = { 320, 32, 30 };
	struct source *s = open_device();
	struct frame f;

	(void)state;
	expect_none(s, false);
	show(1);
	expect_frame(s, 1, false);
	module.width = 320;
	module.height = 32;
	show(2);
	expect_none(s, false);
	expect_none(s, false);
	assert_int_equal(module.done_count, 0); /* it waits for a newer one, it does not spin */
	assert_int_equal(s->ops->configure(s, &small), 0);
	expect_none(s, false);
	assert_int_equal(module.allocs, 6);
	assert_int_equal(s->ops->acquire(s, 0, false, &f), 1);
	assert_int_equal(f.number, 2);
	assert_int_equal(f.width, 320);
	assert_int_equal(f.pitches[0], 1280);
	s->ops->release(s, &f);
	close_device(s);
}

static void test_revoked(void **state)
{
	const struct media_mode other = { 320, 32, 30 };
	struct source *s = open_device();
	struct frame f;

	(void)state;
	expect_none(s, false);
	module.revoked = true;
	assert_int_equal(s->ops->acquire(s, 0, false, &f), -ESHUTDOWN);
	assert_int_equal(s->ops->configure(s, &other), 0);
	assert_int_equal(s->ops->acquire(s, 0, false, &f), -ESHUTDOWN);
	close_device(s);
}

/* The frame is the desktop's own buffer; pixels only where the CPU reads. */
static void expect_grabbed(struct source *s, uint64_t number, bool again, bool mapped,
			   struct frame *ret)
{
	uint32_t pixel;

	assert_int_equal(s->ops->acquire(s, 0, again, ret), 1);
	assert_int_equal(ret->number, number);
	assert_int_equal(ret->time_ns, number * 1000 + 500);
	assert_int_equal(ret->buffer, 9000 + number % 2);
	assert_int_equal(ret->dmabuf_offset, 64);
	assert_int_equal(ret->pitches[0], PITCH);
	assert_true(ret->dmabuf_fd >= 0);
	assert_int_equal(module.grabbed, number);
	if (!mapped) {
		assert_null(ret->planes[0]);
		return;
	}
	memcpy(&pixel, ret->planes[0], sizeof(pixel));
	assert_int_equal(pixel, number);
	assert_int_equal(module.begun, module.ended + 1);
}

static void test_grabbed_for_a_device(void **state)
{
	struct source *s = open_device();
	struct frame f, none;

	(void)state;
	s->ops->set_reader(s, true);
	expect_none(s, false);
	assert_int_equal(s->ops->get_poll(s).events, POLLPRI);
	assert_true(s->ops->get_poll(s).fd >= 0);
	for (uint64_t n = 5; n < 15; n++) {
		show(n);
		expect_grabbed(s, n, false, false, &f);
		assert_int_equal(f.damage.x, 10);
		show(n + 1); /* which has to wait: it does not spin, and nothing is asked for */
		assert_int_equal(s->ops->get_poll(s).fd, -1);
		assert_true(s->ops->get_deadline_ns(s) == UINT64_MAX);
		assert_int_equal(s->ops->acquire(s, 0, true, &none), 0);
		s->ops->release(s, &f);
		assert_int_equal(module.grabbed, 0);
	}
	expect_grabbed(s, 15, false, false, &f);
	s->ops->release(s, &f);
	expect_none(s, false);
	expect_grabbed(s, 15, true, false, &f); /* the same again */
	assert_int_equal(f.damage.width, 0);
	s->ops->release(s, &f);
	/* Not a buffer was made, nothing was copied, no pixel was looked at. */
	assert_int_equal(module.allocs + module.copies + module.begun, 0);
	close_device(s);
}

static void test_grab_of_another_mode(void **state)
{
	const struct media_mode small = { 320, 32, 30 };
	struct source *s = open_device();
	struct frame f;

	(void)state;
	s->ops->set_reader(s, true);
	module.width = 320;
	module.height = 32;
	show(7);
	expect_none(s, false);
	expect_none(s, false);
	assert_int_equal(module.grabs, 1);
	assert_int_equal(module.releases, 1);
	assert_int_equal(s->ops->configure(s, &small), 0);
	expect_grabbed(s, 7, false, false, &f);
	s->ops->release(s, &f);
	close_device(s);
}

static void test_another_reader(void **state)
{
	struct source *s = open_device();
	struct frame f;

	(void)state;
	assert_false(s->holds_up); /* a copy holds nobody up */
	s->ops->set_reader(s, true);
	assert_true(s->holds_up);
	show(1);
	expect_grabbed(s, 1, false, false, &f);
	s->ops->set_reader(s, false); /* while it is read */
	assert_false(s->holds_up);
	s->ops->release(s, &f);
	expect_none(s, false);
	expect_frame(s, 1, false);
	expect_none(s, false);
	show(2);
	expect_frame(s, 2, false);
	s->ops->set_reader(s, true);
	show(3);
	expect_grabbed(s, 3, false, false, &f);
	s->ops->release(s, &f);
	close_device(s);
}

static void test_grab_when_revoked(void **state)
{
	struct source *s = open_device();
	struct frame f;

	(void)state;
	s->ops->set_reader(s, true);
	show(1);
	expect_grabbed(s, 1, false, false, &f);
	module.revoked = true;
	s->ops->release(s, &f);
	module.releases++; /* by the revocation */
	assert_int_equal(s->ops->acquire(s, 0, false, &f), -ESHUTDOWN);
	close_device(s);
}

/* One copy is tried; from then on each picture is grabbed, and mapped. */
static void expect_seven_grabbed(struct source *s)
{
	struct frame f;

	expect_none(s, false);
	show(1);
	for (uint64_t n = 1; n < 8; n++) {
		show(n);
		expect_grabbed(s, n, false, true, &f);
		s->ops->release(s, &f);
	}
	assert_int_equal(module.copies, 1);
}

/* A GPU's buffer that the kernel cannot copy is grabbed, and mapped for the CPU. */
static void test_copy_is_refused(void **state)
{
	struct source *s = open_device();

	(void)state;
	module.status = -EOPNOTSUPP;
	expect_seven_grabbed(s);
	assert_true(s->holds_up);
	close_device(s);
}

/* What the kernel copies is black, so each picture is grabbed, and fetched before it is read. */
static void test_of_a_virtual_gpu(void **state)
{
	struct source *s = open_beside_gpu("virtio_gpu", true, true);
	struct frame f;

	(void)state;
	expect_seven_grabbed(s);
	assert_int_equal(gpu.imports, 7);
	assert_int_equal(gpu.transfers, 7);
	/* A device that imports them has the host read what lies there. */
	s->ops->set_reader(s, true);
	show(8);
	expect_grabbed(s, 8, false, false, &f);
	s->ops->release(s, &f);
	assert_int_equal(gpu.transfers, 7);
	close_device(s);
}

/* Another GPU's picture, in a machine that has a virtual one as well. */
static void test_beside_a_virtual_gpu(void **state)
{
	struct source *s = open_beside_gpu("virtio_gpu", true, false);
	struct frame f;

	(void)state;
	expect_none(s, false);
	show(1);
	expect_grabbed(s, 1, false, true, &f);
	s->ops->release(s, &f);
	close_device(s);
}

static void test_virtual_without_3d(void **state)
{
	struct source *s = open_beside_gpu("virtio_gpu", false, false);

	(void)state;
	expect_none(s, false);
	show(1);
	expect_frame(s, 1, false);
	assert_int_equal(module.grabs, 0);
	close_device(s);
}

/* The number of the call means something else to it. */
static void test_another_gpu(void **state)
{
	struct source *s = open_beside_gpu("virtio_gpu2", true, false);

	(void)state;
	expect_none(s, false);
	show(1);
	expect_frame(s, 1, false);
	assert_false(gpu.context);
	close_device(s);
}

/* Two displays in one framebuffer: the right one's last line ends with the buffer. */
static void test_extent(void **state)
{
	(void)state;
	assert_int_equal(dmabuf_get_extent(1920 * 4, 3840 * 4, 1920, 1080), 3840 * 4 * 1080);
}

static void test_unreadable(void **state)
{
	struct source *s = open_device();
	struct frame f;

	(void)state;
	module.status = -EOPNOTSUPP;
	module.picture = open("/dev/null", O_RDWR | O_CLOEXEC); /* nor can it be mapped */
	expect_none(s, false);
	show(1);
	assert_true(s->ops->acquire(s, 0, false, &f) < 0);
	assert_non_null(strstr(s->why, "cannot be read"));
	assert_int_equal(module.grabbed, 0);
	close_device(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_frames_as_they_come),
		cmocka_unit_test(test_a_picture_that_was_there_before),
		cmocka_unit_test(test_newest_first),
		cmocka_unit_test(test_two_held_at_once),
		cmocka_unit_test(test_the_same_again),
		cmocka_unit_test(test_again_without_a_picture_asks_once),
		cmocka_unit_test(test_another_mode),
		cmocka_unit_test(test_revoked),
		cmocka_unit_test(test_grabbed_for_a_device),
		cmocka_unit_test(test_grab_of_another_mode),
		cmocka_unit_test(test_another_reader),
		cmocka_unit_test(test_grab_when_revoked),
		cmocka_unit_test(test_copy_is_refused),
		cmocka_unit_test(test_of_a_virtual_gpu),
		cmocka_unit_test(test_beside_a_virtual_gpu),
		cmocka_unit_test(test_virtual_without_3d),
		cmocka_unit_test(test_another_gpu),
		cmocka_unit_test(test_extent),
		cmocka_unit_test(test_unreadable),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
