/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The insides of the VA-API back-end, shared by its files; nobody else includes this.
 *
 *	encoder-vaapi.c		the seam
 *	encoder-vaapi-probe.c	trials, in a process that may crash; what they found, remembered
 *	encoder-vaapi-quirks.c	what is known of each driver, with its source
 *	encoder-vaapi-core.c	one encoder: made, fed with a picture, unmade
 *	encoder-vaapi-input.c	pixels to our NV12 surface: import and VPP, or conversion and upload
 *	encoder-vaapi-headers.c parameter buffers and packed headers of one picture
 *	encoder-vaapi-output.c	coded buffer to access unit: checked, stripped, completed
 *	encoder-vaapi-rate.c	what rate or quantizer to ask for
 */
#ifndef MIRACAST_ENCODE_ENCODER_VAAPI_H
#define MIRACAST_ENCODE_ENCODER_VAAPI_H

#include "encode/convert.h"
#include "encode/encoder.h"
#include "encode/h264.h"

#include <sys/types.h>
#include <va/va.h>
#include <va/va_enc_h264.h>

/*
 * A picture that takes longer is one of a device that hangs. Drivers that keep such a limit are
 * given it; for those that do not, and for calls that have none, the whole back-end is called in the
 * pipeline's encoder thread (media/pipeline-worker.h), which the process can do without: it tells
 * and ends. Trials are called in a child process.
 */
#define VAAPI_LIMIT_MS 500

/* ---- what is known of a driver ---- */

struct vaapi_quirk {
	const char *vendor;   /* part of vaQueryVendorString() */
	uint32_t rc[3];	      /* VA_RC_ to try, best first; 0 ends */
	uint16_t hrd_frames;  /* the rate's buffer, in pictures; 0: one second */
	uint16_t pitch_align; /* of imported buffers, bytes */
	bool no_transform_8x8;
	bool no_derive; /* image access to the surface itself is not to be tried */
	const char *source;
};

/* Never NULL. */
const struct vaapi_quirk *vaapi_quirk_for(const char *vendor);
void vaapi_quirks_set_environment(void); /* before a driver is loaded */

/* ---- what a trial finds: plain data, which survives the process ---- */

enum vaapi_vpp {
	VAAPI_VPP_NONE,	 /* none, or its colours are wrong: the CPU converts */
	VAAPI_VPP_OBEYS, /* gives the matrix that it is asked for */
	VAAPI_VPP_BT601, /* gives this one whatever it is asked for; the VUI says so */
	VAAPI_VPP_BT709,
};

struct vaapi_choice {
	int32_t entrypoint;	 /* VAEntrypoint */
	uint32_t rc;		 /* one VA_RC_ */
	uint32_t packed;	 /* VA_ENC_PACKED_HEADER_ that we send; exactly these */
	uint32_t profiles;	 /* bit per enum media_profile */
	uint32_t quality_levels; /* 1 is the best; 0: not offered */
	uint32_t max_pixel_rate;
	uint16_t max_width, max_height;
	uint8_t vpp; /* enum vaapi_vpp */
	bool max_frame_size;
	bool refresh_column, refresh_row;
};

/* ---- one device ---- */

struct vaapi_device {
	int fd; /* borrowed */
	VADisplay display;
	const struct vaapi_quirk *quirk;
};

/* Opens the driver. step says how far it came on an error. */
int vaapi_device_init(struct vaapi_device *d, int fd, const char **ret_step);
void vaapi_device_done(struct vaapi_device *d);

/*
 * Finds a node and a way to encode on it, in a child process that is allowed to crash or hang.
 * -ENODEV and the like: why is a sentence.
 */
int vaapi_probe_nodes(const struct encoder_host *host, int *ret_fd, struct vaapi_choice *ret,
		      char why[static ENCODER_WHY_SIZE]);

/* The device of this node is not to be taken again if another works; false: there is none to try. */
bool vaapi_probe_refuse(const struct encoder_host *host, int fd);

/* ---- rate: pure ---- */

struct vaapi_rate {
	bool constant_qp;
	bool has_max_frame; /* the driver holds pictures to a largest size */
	uint64_t target_bps;
	uint32_t max_frame_bytes; /* 0: none */
	uint16_t hz;
	uint16_t hrd_frames;

	double factor;	    /* asked for, in parts of the target: drivers overshoot */
	double window_bits; /* of pictures that were no IDR, since the last look at them */
	unsigned int window_frames;

	double complexity[2]; /* bits at quantizer 0; of P and of IDR; 0: unknown */
	double debt_bits;     /* produced beyond the target */
};

struct vaapi_rate_ask {
	uint32_t bps, hrd_bits, max_frame_bits;
	uint8_t qp; /* where it is ours to say */
};

void vaapi_rate_init(struct vaapi_rate *r, bool constant_qp, bool has_max_frame,
		     uint16_t hrd_frames);
void vaapi_rate_set(struct vaapi_rate *r, uint64_t bps, uint32_t max_frame_bytes, uint16_t hz);
struct vaapi_rate_ask vaapi_rate_get(const struct vaapi_rate *r, bool idr, uint32_t pixels);
/* The link needs a pause: this picture is better not encoded. An IDR always is. */
bool vaapi_rate_must_skip(const struct vaapi_rate *r);
void vaapi_rate_on_skip(struct vaapi_rate *r);
void vaapi_rate_on_frame(struct vaapi_rate *r, bool idr, uint8_t qp, size_t bytes);

/* ---- one encoder ---- */

#define VAAPI_IMPORTS 8
#define VAAPI_BUFFERS 16 /* parameter buffers of one picture */

struct vaapi_import {
	dev_t dev; /* 0: the source has numbered the buffer; else the dma-buf's inode, which nobody */
	uint64_t id; /* else has as long as it is imported */
	uint32_t pitch, offset;
	VASurfaceID surface; /* VA_INVALID_ID: the driver refused it */
	uint64_t used;	     /* for the choice of whom to forget */
	bool works;	     /* it was read once */
};

struct vaapi_input {
	VAConfigID vpp_config;
	VAContextID vpp_context;
	struct vaapi_import imports[VAAPI_IMPORTS];
	uint64_t uses;
	VAImage image; /* image_id VA_INVALID_ID: none yet */
	bool derived;  /* image is the surface itself */
	uint64_t last_number;
	bool last_uploaded; /* the surface holds the frame of that number, by the CPU */
};

struct vaapi_output {
	VABufferID coded;
	unsigned int coded_size;
	bool mapped;
	uint8_t *joined; /* segments, one behind the other */
	uint8_t *made;	 /* the access unit where it could not be left as it was */
	size_t joined_size, made_size;
	struct h264_sps sps; /* by which the slices are written: the driver's, or ours */
	struct h264_pps pps;
};

struct vaapi_encoder {
	struct encoder encoder;
	struct vaapi_device device;
	struct vaapi_choice choice;
	struct encoder_config config;
	enum convert_matrix matrix;
	VAConfigID config_id;
	VAContextID context;
	VASurfaceID surface;	      /* NV12, the picture */
	VASurfaceID reconstructed[2]; /* in turns: this picture's, its reference */
	struct vaapi_input in;
	struct vaapi_output out;
	struct vaapi_rate rate;
	struct vaapi_rate_ask asked; /* of the driver, last */

	struct h264_sps sps; /* ours */
	struct h264_pps pps;
	struct h264_slice slice; /* of the present picture */
	uint64_t since_idr;	 /* pictures */
	uint32_t idr_pic_id;
	bool idr_wanted;
	bool pending;	      /* the device encodes */
	struct packet packet; /* size 0: none */
};

/* -errno as of encoder.h. */
int vaapi_encoder_new(const struct vaapi_device *device, const struct vaapi_choice *choice,
		      const struct encoder_config *config, struct vaapi_encoder **ret);
/* The two halves of a picture, as of encoder.h; the packet is e->packet. */
int vaapi_encoder_submit(struct vaapi_encoder *e, const struct frame *f);
int vaapi_encoder_output(struct vaapi_encoder *e);
struct vaapi_encoder *vaapi_encoder_free(struct vaapi_encoder *e);

/* ---- its parts ---- */

void vaapi_input_init(struct vaapi_encoder *e);
int vaapi_input_open(struct vaapi_encoder *e);
void vaapi_input_close(struct vaapi_encoder *e);
/* The frame into e->surface. -EOPNOTSUPP: neither the device nor the CPU can read it. */
int vaapi_input_put(struct vaapi_encoder *e, const struct frame *f);
/* Whose colours the driver's conversion has; needs e->surface and open input. */
enum vaapi_vpp vaapi_input_check_colours(struct vaapi_encoder *e);

/* Our parameter sets for the configuration. */
void vaapi_headers_init(struct vaapi_encoder *e);
/* The buffers of the present picture, in the order of rendering; their number or -EIO. */
int vaapi_headers_make(struct vaapi_encoder *e, VABufferID ret[static VAAPI_BUFFERS]);

int vaapi_output_open(struct vaapi_encoder *e);
void vaapi_output_close(struct vaapi_encoder *e);

/* The coded buffer is the driver's again. */
void vaapi_output_release(struct vaapi_encoder *e);
/* Waits for the picture and makes the packet's data of it; -ETIMEDOUT, -EIO. */
int vaapi_output_take(struct vaapi_encoder *e);

/* -errno of a status; 0 for success. what is logged at debug level. */
int vaapi_check(VAStatus status, const char *what);

#endif
