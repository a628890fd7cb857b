/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a sink says of itself: the lines "name: value" of M3's answer (and of the sink's own
 * SET_PARAMETER) into one struct. Names in any case of letters; unknown ones are ignored; of two
 * with the same name in one body the first wins; reserved bits are masked; a value that cannot be
 * read counts as missing and is marked malformed; "none" counts as missing.
 * Decides nothing. Pure and bounded.
 */
#ifndef MIRACAST_RTSP_WFD_PARAMS_H
#define MIRACAST_RTSP_WFD_PARAMS_H

#include "rtsp/text.h"
#include "rtsp/wfd-modes.h"

#define WFD_CODECS_MAX	  8u
#define WFD_EDID_SIZE_MAX (256u * 128u) /* bytes */
#define WFD_NAME_SIZE	  129u		/* bytes with the terminator */
#define WFD_HIDC_MAX	  16u

enum wfd_param {
	WFD_PARAM_VIDEO_FORMATS,
	WFD_PARAM_AUDIO_CODECS,
	WFD_PARAM_CLIENT_RTP_PORTS,
	WFD_PARAM_DISPLAY_EDID,
	WFD_PARAM_CONNECTOR_TYPE,
	WFD_PARAM_CONTENT_PROTECTION,
	WFD_PARAM_COUPLED_SINK,
	WFD_PARAM_I2C,
	WFD_PARAM_STANDBY_RESUME_CAPABILITY,
	WFD_PARAM_UIBC_CAPABILITY,
	WFD_PARAM_UIBC_SETTING,
	WFD_PARAM_PREFERRED_DISPLAY_MODE,
	WFD_PARAM_3D_VIDEO_FORMATS,
	WFD_PARAM_IDR_REQUEST_CAPABILITY,
	WFD_PARAM_IDR_REQUEST,
	WFD_PARAM_STANDBY,
	WFD_PARAM_ROUTE,
	WFD_PARAM_TRIGGER_METHOD,
	WFD_PARAM_PRESENTATION_URL,
	WFD_PARAM_AV_FORMAT_CHANGE_TIMING,
	WFD_PARAM_X_VIDEO_FORMATS, /* wfdx_: Windows 10 1511 */
	WFD_PARAM_2_VIDEO_FORMATS, /* wfd2_: R2 */
	WFD_PARAM_2_AUDIO_CODECS,
	WFD_PARAM_MS_FORMAT_CHANGE,
	WFD_PARAM_MS_LATENCY,
	WFD_PARAM_MS_DIAGNOSTICS,
	WFD_PARAM_MS_TEARDOWN_REASON,
	WFD_PARAM_MS_RTCP,
	WFD_PARAM_MS_MAX_BITRATE,
	WFD_PARAM_MS_VIDEO_FORMATS,
	WFD_PARAM_MS_CURSOR,
	WFD_PARAM_MS_MULTISCREEN,
	WFD_PARAM_MS_COLOR_CONVERSION,
	WFD_PARAM_INTEL_FRIENDLY_NAME,
	WFD_PARAM_INTEL_MANUFACTURER,
	WFD_PARAM_INTEL_MODEL,
	WFD_PARAM_INTEL_VERSION,
	WFD_PARAM_INTEL_DEVICE_URL,
	WFD_PARAM_COUNT,
};

#define WFD_PARAM_BIT(param) (UINT64_C(1) << (param))

const char *wfd_param_to_string(enum wfd_param param); /* as on the wire */

enum wfd_video_coding { WFD_VIDEO_H264 = 1, WFD_VIDEO_H265 = 2 }; /* R2's numbers */

/* One entry of a list of video formats; R1's masks hold no reserved bit. */
struct wfd_video_codec {
	uint8_t codec;			/* enum wfd_video_coding; R2 alone knows others than H.264 */
	uint32_t profiles;		/* bit 0: CBP, bit 1: CHP: those of enum media_profile */
	uint8_t max_level_idc;		/* 31 to 52 */
	uint64_t modes[WFD_TABLES];	/* bit per mode, by enum wfd_table */
	uint8_t latency;		/* of the decoder, units of 5 ms */
	uint16_t min_slice_size;	/* macroblocks; 0: whole pictures only */
	uint16_t max_slices;		/* per picture, from slice-enc-params; at least 1 */
	uint8_t slice_ratio;		/* of the largest to min_slice_size, likewise; 0: not told */
	uint8_t frame_rate_control;	/* bit 0: may skip frames; bit 4: rate may change */
	uint16_t max_width, max_height; /* pixels; 0: none */
};

struct wfd_video_formats {
	uint16_t native; /* table and index; 0 is what sinks say without a wish */
	bool preferred_mode_supported;
	size_t n_codecs; /* 0: none: no picture */
	struct wfd_video_codec codecs[WFD_CODECS_MAX];
};

struct wfd_audio_codecs {
	uint32_t lpcm, aac, ac3; /* mode bits (WFD 6.1); LPCM bit 1: 48 kHz stereo */
	uint8_t lpcm_latency, aac_latency, ac3_latency; /* units of 5 ms */
};

struct wfd_rtp_ports {
	uint16_t port, port_1; /* port 0: missing or unusable */
	char text[96];	       /* the sink's own words, for the echo in M4 */
};

struct wfd_uibc {
	uint32_t categories; /* bit 0: generic, bit 1: HIDC */
	uint32_t generic;    /* bit per type: keyboard, mouse, single touch, multi touch, ... */
	size_t n_hidc;
	struct {
		uint8_t type, path; /* WFD 4.11 */
	} hidc[WFD_HIDC_MAX];
	uint16_t port; /* 0: none */
};

struct wfd_preferred_mode {
	uint32_t clock_10khz;
	uint16_t width, height, horizontal_blank, vertical_blank; /* pixels, lines */
};

struct wfd_cursor {
	bool full; /* takes masked colour shapes */
	uint16_t max_width, max_height, port;
};

struct wfd_sink {
	uint64_t present;   /* WFD_PARAM_BIT of each that has a value */
	uint64_t malformed; /* of each whose value could not be read */

	struct wfd_video_formats video;
	struct wfd_video_formats video_x; /* where it is, video does not count (MS-WFDPE 2.7.1.1) */
	struct wfd_video_formats video_2;
	struct wfd_audio_codecs audio, audio_2;
	struct wfd_rtp_ports rtp;
	uint8_t connector_type; /* WFD 6.1; valid when present */
	uint8_t hdcp_version;	/* 0x20, 0x21, 0x22; 0: none */
	uint16_t hdcp_port;
	uint8_t coupled_status, coupled_address[6];
	uint16_t i2c_port;
	bool standby; /* it knows standby and resume */
	struct wfd_uibc uibc;
	bool uibc_enabled; /* wfd_uibc_setting */
	struct wfd_preferred_mode preferred_mode;
	uint64_t modes_3d;    /* capability bits of wfd_3d_video_formats */
	bool idr_requests;    /* it will send M13 when it needs one */
	bool route_secondary; /* wfd_route */

	bool format_change; /* a new mode needs no M4, only an IDR with SPS and PPS */
	bool latency_management;
	bool diagnostics;
	bool rtcp; /* SETUP's answer must name two server ports */
	bool multiscreen;
	bool color_conversion;
	uint64_t max_bitrate; /* bit/s; 0: it named none */
	uint64_t ms_video_formats;
	struct wfd_cursor cursor;

	/* Printable UTF-8; empty: none. */
	char friendly_name[WFD_NAME_SIZE];
	char manufacturer[WFD_NAME_SIZE];
	char model[WFD_NAME_SIZE];
	char version[WFD_NAME_SIZE];
	char device_url[WFD_NAME_SIZE];
	char teardown_reason[WFD_NAME_SIZE]; /* "8HEX text", from M8 */

	/*
	 * As received: whole blocks of 128 bytes, the first with valid header and checksum. It may
	 * hold fewer extension blocks than its byte 126 says.
	 */
	size_t edid_size; /* bytes; 0: none */
	uint8_t edid[WFD_EDID_SIZE_MAX];
};

/*
 * Reads a body into the sink, over what it says already: a first call wants a zeroed struct.
 * ret_seen (may be NULL): WFD_PARAM_BIT of each known name in the body, whatever its value.
 */
void wfd_sink_parse(struct wfd_sink *sink, struct text body, uint64_t *ret_seen);

static inline bool wfd_sink_has(const struct wfd_sink *sink, enum wfd_param param)
{
	return sink->present & WFD_PARAM_BIT(param);
}

/* Which known parameter a line names ("name", "name: value"); WFD_PARAM_COUNT: none. */
enum wfd_param wfd_param_from_line(struct text line);

/*
 * Whether there is a display to show something on: it has video formats. (That many sinks with a
 * screen say "wfd_connector_type: none" is why that one does not count.)
 */
bool wfd_sink_has_monitor(const struct wfd_sink *sink);

/* The formats that a list's modes are sent in; those of microsoft_video_formats are another list's. */
const struct wfd_video_formats *wfd_sink_get_formats(const struct wfd_sink *sink,
						     enum wfd_list list);

/* The native mode, when it is in the tables and not the 00 that stands for "no wish". */
bool wfd_sink_get_native(const struct wfd_sink *sink, struct media_mode *ret);

#endif
