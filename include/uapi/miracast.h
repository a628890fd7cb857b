/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note OR MIT */
/*
 * The border between the miracast kernel module and the one program that casts its displays.
 *
 * The module makes one DRM card with a fixed number of heads. To a desktop each head is an ordinary
 * CRTC with a connector of type Virtual, driven by the standard KMS interface and nothing else.
 * This header is the other side: who plugs a display into that connector, and how its pictures
 * leave.
 *
 * Why not ioctls on the card: whoever opens a card first becomes its master, whoever is a master's
 * lessee takes the CRTC away from the desktop, and udev hands cards to everybody at the seat. "Who
 * may plug a display and read its pictures" is another question than "who may draw", so it has a
 * node of its own, /dev/miracast, which udev gives to one system user.
 *
 * Two file descriptors, so that a crash of one program costs no more than it must:
 *
 *  control	open("/dev/miracast", O_RDWR). Each open claims a free head, or fails with EBUSY.
 *		Plugs, unplugs, tells of mode and power. Its close unplugs at once and frees the
 *		head.
 *  stream	made by MIRACAST_IOC_STREAM on the control descriptor and meant to be passed to the
 *		program that encodes. Pictures only. A head has at most one: a new one revokes the
 *		old one. Its close or revocation cancels queued buffers and releases a grab; the
 *		display stays. On a revoked stream every valid call fails with ESHUTDOWN and poll()
 *		says POLLHUP.
 *
 * Both are non-blocking for ioctls; poll() waits.
 *
 * Extending: every structure but miracast_rect and miracast_mode, which are parts of others, may
 * grow at its end. The size is in the ioctl number; the kernel reads what it knows, takes missing
 * fields as 0 and fails with E2BIG where a field that it does not know is not 0; it zero-fills
 * fields it does not know on the way out. Padding ("pad") and unknown flags must be 0, else EINVAL.
 * So a program works with every later minor version of its major version,
 * and with every older one as long as it leaves the newer fields at 0. Numbers of ioctls and events
 * are never re-used. 32-bit and 64-bit programs see one layout.
 *
 * Errors that any call may give: EFAULT (bad pointer), ENOTTY (unknown call, or a call of the other
 * kind of descriptor), EINVAL (a field out of its range), E2BIG (see above), ENOMEM.
 *
 * Times are CLOCK_MONOTONIC in nanoseconds. Sequence numbers count the frames of a head: they begin
 * at 1, grow by 1 with each frame that the desktop shows, over plugs, mode changes and streams, and
 * never wrap; 0 means "none".
 */
#ifndef _UAPI_MIRACAST_H
#define _UAPI_MIRACAST_H

#include <linux/ioctl.h>
#include <linux/types.h>

#define MIRACAST_UAPI_MAJOR 1
#define MIRACAST_UAPI_MINOR 0

#define MIRACAST_IOC_TYPE 0xbe

/*
 * A display mode, every timing spelt out so that the kernel makes none up.
 * Polarity flags have the values of DRM_MODE_FLAG_*; no other flag is accepted.
 */
#define MIRACAST_MODE_PHSYNC (1u << 0)
#define MIRACAST_MODE_NHSYNC (1u << 1)
#define MIRACAST_MODE_PVSYNC (1u << 2)
#define MIRACAST_MODE_NVSYNC (1u << 3)

/**
 * struct miracast_mode - one progressive display mode
 * @clock: pixel clock in kHz
 * @hdisplay: visible pixels of a line; also @hsync_start, @hsync_end, @htotal in pixels
 * @hsync_start: not below @hdisplay
 * @hsync_end: not below @hsync_start
 * @htotal: not below @hsync_end
 * @vdisplay: visible lines; also @vsync_start, @vsync_end, @vtotal in lines
 * @vsync_start: not below @vdisplay
 * @vsync_end: not below @vsync_start
 * @vtotal: not below @vsync_end
 * @flags: MIRACAST_MODE_* polarities
 *
 * Refresh is @clock * 1000 / (@htotal * @vtotal) Hz; the limits are in struct miracast_info.
 */
struct miracast_mode {
	__u32 clock;
	__u16 hdisplay;
	__u16 hsync_start;
	__u16 hsync_end;
	__u16 htotal;
	__u16 vdisplay;
	__u16 vsync_start;
	__u16 vsync_end;
	__u16 vtotal;
	__u32 flags;
};

/**
 * struct miracast_rect - a rectangle in pixels of the mode; empty when x2 <= x1
 * @x1: left, inclusive
 * @y1: top, inclusive
 * @x2: right, exclusive
 * @y2: bottom, exclusive
 */
struct miracast_rect {
	__u32 x1;
	__u32 y1;
	__u32 x2;
	__u32 y2;
};

/* ---------------------------------------------------------------- control descriptor */

#define MIRACAST_CAP_COPY (1u << 0) /* MIRACAST_IOC_QUEUE and _DEQUEUE work */
#define MIRACAST_CAP_GRAB (1u << 1) /* MIRACAST_IOC_GRAB and _RELEASE work */

/**
 * struct miracast_info - MIRACAST_IOC_GET_INFO: what this head is and what it can do
 * @uapi_major: MIRACAST_UAPI_MAJOR of the kernel; another one than yours: do not go on
 * @uapi_minor: MIRACAST_UAPI_MINOR of the kernel
 * @caps: MIRACAST_CAP_*
 * @card_minor: the card is /dev/dri/card<card_minor>
 * @connector_id: KMS object id of the head's connector (a name like Virtual-1 is not stable)
 * @crtc_id: KMS object id of the head's CRTC
 * @head: index of the claimed head, from 0
 * @head_count: heads of the card
 * @max_width: largest hdisplay in pixels
 * @max_height: largest vdisplay in lines
 * @max_clock: largest pixel clock in kHz
 * @min_refresh: lowest refresh in millihertz
 * @max_refresh: highest refresh in millihertz
 * @max_modes: largest mode_count of a PLUG
 * @max_edid_size: largest edid_size of a PLUG in bytes
 * @max_queued: buffers that may be queued and not yet dequeued on a stream
 */
struct miracast_info {
	__u32 uapi_major;
	__u32 uapi_minor;
	__u32 caps;
	__u32 card_minor;
	__u32 connector_id;
	__u32 crtc_id;
	__u32 head;
	__u32 head_count;
	__u32 max_width;
	__u32 max_height;
	__u32 max_clock;
	__u32 min_refresh;
	__u32 max_refresh;
	__u32 max_modes;
	__u32 max_edid_size;
	__u32 max_queued;
};

/**
 * struct miracast_plug - MIRACAST_IOC_PLUG: plug a display in, or swap the one that is plugged
 * @edid: user pointer to the EDID: who the display is. Its modes are not used
 * @modes: user pointer to an array of struct miracast_mode: exactly these modes, in this order, are
 *	offered to the desktop and accepted from it
 * @edid_size: bytes at @edid: whole blocks of 128, at most max_edid_size
 * @mode_count: entries at @modes: 1 to max_modes
 * @preferred: index into @modes of the preferred mode
 * @flags: 0
 *
 * When the call returns the connector reports "connected" and a hot-plug uevent for it was sent. A
 * desktop answers by setting a mode, if and when it likes: a MODE event tells. If the head is
 * showing something already (a desktop may leave a CRTC on after an unplug), the MODE and POWER
 * events come right after the call.
 *
 * A PLUG while plugged swaps EDID and list without an unplug. A desktop that shows a mode which is
 * no longer listed keeps it, off and on by DPMS and over a suspend as well, until it sets a mode
 * the next time.
 *
 * EINVAL: EDID header, version, block count or a check sum is wrong; a mode is inconsistent, listed
 * twice or outside the limits of GET_INFO; counts or @preferred out of range. The head then stays
 * as it was.
 */
struct miracast_plug {
	__aligned_u64 edid;
	__aligned_u64 modes;
	__u32 edid_size;
	__u32 mode_count;
	__u32 preferred;
	__u32 flags;
};

/**
 * struct miracast_stream - MIRACAST_IOC_STREAM: make the head's stream descriptor
 * @flags: 0
 * @fd: out: the descriptor, close-on-exec
 *
 * Revokes the stream that was there. Allowed before and after PLUG: frames begin when the desktop
 * shows some.
 */
struct miracast_stream {
	__u32 flags;
	__s32 fd;
};

/*
 * Event records, by read() on the control descriptor: as many whole records as fit. A later minor
 * may have longer ones: advance by @length; where not even one fits, it is cut to what was asked
 * for, and @length is its own. EINVAL for less than struct miracast_event as it is in minor 0,
 * EAGAIN with O_NONBLOCK when there is none, else read() waits. poll() says POLLIN.
 *
 * At most one event of each type waits; a newer one replaces it. Each record carries the state at
 * the time of the read(), so nothing is lost but the states in between.
 */
#define MIRACAST_EVENT_MODE  1 /* the desktop set another mode, or none */
#define MIRACAST_EVENT_POWER 2 /* the desktop switched the display on or off (DPMS) */

/**
 * struct miracast_event - one record
 * @type: MIRACAST_EVENT_*. If both wait, MODE comes first
 * @length: bytes of this record
 * @time_ns: when it happened
 * @mode: the head's mode; all 0 when the desktop has taken the CRTC off the display
 * @active: 1 when the display is on: frames flow. 0: off, or no mode
 * @pad: 0
 */
struct miracast_event {
	__u32 type;
	__u32 length;
	__aligned_u64 time_ns;
	struct miracast_mode mode;
	__u32 active;
	__u32 pad;
};

/* ---------------------------------------------------------------- stream descriptor */

/*
 * Two ways to get at frames; a program may mix them.
 *
 * COPY: QUEUE a buffer of ALLOC's, wait for POLLIN, DEQUEUE its record. The kernel copies. Always
 * works for desktops that draw into the card's own buffers, and for imported ones where the CPU can
 * read them; else the record's status says so and GRAB is the way.
 *
 * GRAB: wait for POLLPRI, GRAB the very buffer that the desktop shows, read it, RELEASE it. Nothing
 * is copied. Cheap where a GPU made the buffer and the same GPU encodes it.
 *
 * Tearing: the desktop gets the buffer back by its flip event, so that event is held as long as the
 * buffer is read: by a copy until that is done, by a grab for at most MIRACAST_GRAB_HOLD vertical
 * blanks; then the desktop goes on and RELEASE says MIRACAST_RELEASE_OVERRUN. A desktop that draws
 * into the buffer it shows (no flips) may tear, as on any display.
 */
#define MIRACAST_GRAB_HOLD 2

/**
 * struct miracast_alloc - MIRACAST_IOC_ALLOC: memory to QUEUE
 * @size: bytes, rounded up to whole pages
 * @flags: 0
 * @fd: out: a dma-buf, readable and writable, close-on-exec; mmap() it, or import it into a GPU
 *
 * The memory lives until the last descriptor, mapping and import of it is gone, whatever happens to
 * the stream. Filled with 0. ENOSPC: the streams of this card hold too much memory already.
 */
struct miracast_alloc {
	__aligned_u64 size;
	__u32 flags;
	__s32 fd;
};

/**
 * struct miracast_queue - MIRACAST_IOC_QUEUE: ask for a frame in a buffer
 * @cookie: comes back in the record
 * @after_seq: wait for a frame with a sequence number above this one. 0: the current picture, at
 *	once if there is any, even if an earlier buffer got it already
 * @dst_seq: frame that the buffer holds now, as an earlier record with status 0 said. The kernel
 *	then writes only what changed since. 0: unknown, everything is written
 * @fd: dma-buf from MIRACAST_IOC_ALLOC; may be closed after the call
 * @offset: bytes from its start to the first pixel, a multiple of 4
 * @pitch: bytes from one line to the next, a multiple of 4
 * @width: pixels; must be the mode's when the frame is there, see ERANGE below
 * @height: lines, likewise
 * @format: DRM_FORMAT_XRGB8888; the value of the X byte is undefined
 * @flags: 0
 * @pad: 0
 *
 * Of the buffers that may have the current frame, the first one queued gets it; no two get the same
 * one (but see @after_seq 0). The call never waits. While unplugged, switched off or without a
 * picture, queued buffers wait; they never come back empty.
 *
 * The kernel waits for nobody: what read the buffer last, a GPU included, has to be done with it.
 *
 * EINVAL also for a dma-buf that is not from ALLOC or too small. EBADF: @fd is no descriptor.
 * EBUSY: max_queued buffers are queued or wait to be dequeued.
 */
struct miracast_queue {
	__aligned_u64 cookie;
	__aligned_u64 after_seq;
	__aligned_u64 dst_seq;
	__s32 fd;
	__u32 offset;
	__u32 pitch;
	__u32 width;
	__u32 height;
	__u32 format;
	__u32 flags;
	__u32 pad;
};

/* Of a frame, in records of DEQUEUE and GRAB. */
#define MIRACAST_FRAME_IMPORTED (1u << 0) /* another driver's buffer that the desktop imported */

/**
 * struct miracast_done - MIRACAST_IOC_DEQUEUE: the record of a buffer that was queued
 * @cookie: of the QUEUE
 * @sequence: the frame that the buffer holds now; with a status other than 0, the frame at hand
 * @ready_ns: when the desktop had committed the frame and it could be read
 * @flip_ns: the vertical blank at which it is shown: the frame's time on the display's own clock,
 *	up to one refresh later than @ready_ns
 * @vblank: number of that vertical blank, as the desktop's flip event has it unless that was held
 * @damage: what differs from frame dst_seq: a hint, never too small; the whole picture when unknown
 * @width: of the frame in pixels
 * @height: of the frame in lines
 * @status: 0, or a negative errno; the buffer's contents are then undefined (dst_seq 0 next time)
 *	-ERANGE: width or height was not the frame's: queue one that fits
 *	-EOPNOTSUPP or other: the CPU cannot read the desktop's buffer: use GRAB
 * @flags: MIRACAST_FRAME_*
 *
 * EAGAIN: there is no record. A queued buffer belongs to the kernel until its record was dequeued.
 */
struct miracast_done {
	__aligned_u64 cookie;
	__aligned_u64 sequence;
	__aligned_u64 ready_ns;
	__aligned_u64 flip_ns;
	__aligned_u64 vblank;
	struct miracast_rect damage;
	__u32 width;
	__u32 height;
	__s32 status;
	__u32 flags;
};

/**
 * struct miracast_grab - MIRACAST_IOC_GRAB: the buffer that the desktop shows
 * @after_seq: in: only a frame above this one; 0: the current one
 * @sequence: out, as are all that follow: the frame
 * @ready_ns: as in struct miracast_done
 * @flip_ns: as in struct miracast_done
 * @vblank: as in struct miracast_done
 * @buffer: number of the buffer: the same number is the same memory, format and pitch, so an import
 *	of it can be kept; a number is never given to another buffer
 * @modifier: DRM_FORMAT_MOD_LINEAR
 * @damage: what differs from frame @after_seq, as in struct miracast_done
 * @fd: dma-buf, close-on-exec. Read-only for the card's own buffers; an imported one is the
 *	exporter's own dma-buf. Close it when done; RELEASE does not
 * @format: DRM_FORMAT_XRGB8888, or DRM_FORMAT_ARGB8888 whose alpha has no meaning
 * @width: pixels of the frame
 * @height: lines of the frame
 * @pitch: bytes from one line to the next
 * @offset: bytes to the first pixel
 * @frame_flags: MIRACAST_FRAME_*
 * @flags: in: 0
 *
 * Writes of the desktop's GPU are finished when a frame is there: no fence to wait for.
 * One grab at a time. EAGAIN: no such frame yet. EBUSY: RELEASE the last one first. ENODEV: nothing
 * is plugged.
 */
struct miracast_grab {
	__aligned_u64 after_seq;
	__aligned_u64 sequence;
	__aligned_u64 ready_ns;
	__aligned_u64 flip_ns;
	__aligned_u64 vblank;
	__aligned_u64 buffer;
	__aligned_u64 modifier;
	struct miracast_rect damage;
	__s32 fd;
	__u32 format;
	__u32 width;
	__u32 height;
	__u32 pitch;
	__u32 offset;
	__u32 frame_flags;
	__u32 flags;
};

/*
 * The desktop may have drawn into it meanwhile: it was held for MIRACAST_GRAB_HOLD, or the display
 * was switched off or unplugged.
 */
#define MIRACAST_RELEASE_OVERRUN (1u << 0)

/**
 * struct miracast_release - MIRACAST_IOC_RELEASE: the grabbed buffer was read
 * @sequence: in: of the grab; EINVAL when that is not grabbed
 * @result: out: MIRACAST_RELEASE_*
 * @flags: in: 0
 */
struct miracast_release {
	__aligned_u64 sequence;
	__u32 result;
	__u32 flags;
};

#define MIRACAST_STATE_PLUGGED (1u << 0)
#define MIRACAST_STATE_ACTIVE  (1u << 1) /* the desktop has switched the display on */

/**
 * struct miracast_state - MIRACAST_IOC_GET_STATE: where the head is, and its counters
 * @mode: as in struct miracast_event
 * @flags: MIRACAST_STATE_*
 * @queued: buffers queued and not yet filled
 * @sequence: current frame; 0 when there is no picture to read
 * @copied: buffers filled since this stream was made
 * @grabbed: frames grabbed since this stream was made
 * @held: vertical blanks by which flip events were held, since the module was loaded
 * @overruns: grabs that overran or were ended by an unplug or a switch-off, since the module was
 *	loaded
 */
struct miracast_state {
	struct miracast_mode mode;
	__u32 flags;
	__u32 queued;
	__aligned_u64 sequence;
	__aligned_u64 copied;
	__aligned_u64 grabbed;
	__aligned_u64 held;
	__aligned_u64 overruns;
};

/*
 * poll() on a stream: POLLIN: a record can be dequeued. POLLPRI: a frame is there that is newer
 * than the last grabbed one. POLLHUP, with POLLERR: revoked.
 */

/* On the control descriptor. */
#define MIRACAST_IOC_GET_INFO _IOR(MIRACAST_IOC_TYPE, 0x00, struct miracast_info)
#define MIRACAST_IOC_PLUG     _IOW(MIRACAST_IOC_TYPE, 0x01, struct miracast_plug)
#define MIRACAST_IOC_UNPLUG   _IO(MIRACAST_IOC_TYPE, 0x02) /* 0 also when nothing was plugged */
#define MIRACAST_IOC_STREAM   _IOWR(MIRACAST_IOC_TYPE, 0x03, struct miracast_stream)
#define MIRACAST_IOC_REVOKE   _IO(MIRACAST_IOC_TYPE, 0x04) /* the stream, if there is one */

/* On the stream descriptor. */
#define MIRACAST_IOC_ALLOC     _IOWR(MIRACAST_IOC_TYPE, 0x20, struct miracast_alloc)
#define MIRACAST_IOC_QUEUE     _IOW(MIRACAST_IOC_TYPE, 0x21, struct miracast_queue)
#define MIRACAST_IOC_DEQUEUE   _IOR(MIRACAST_IOC_TYPE, 0x22, struct miracast_done)
#define MIRACAST_IOC_GRAB      _IOWR(MIRACAST_IOC_TYPE, 0x23, struct miracast_grab)
#define MIRACAST_IOC_RELEASE   _IOWR(MIRACAST_IOC_TYPE, 0x24, struct miracast_release)
#define MIRACAST_IOC_GET_STATE _IOR(MIRACAST_IOC_TYPE, 0x25, struct miracast_state)

#endif
