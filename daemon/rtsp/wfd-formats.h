/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The values of the format parameters, each a list of hexadecimal fields: video (R1, wfdx_, wfd2_,
 * 3D), audio, preferred display mode. Pure; see wfd-params.h for the structs.
 * 0, or -EINVAL when nothing usable was found.
 */
#ifndef MIRACAST_RTSP_WFD_FORMATS_H
#define MIRACAST_RTSP_WFD_FORMATS_H

#include "rtsp/wfd-params.h"

/* Entries that cannot be read are left out; more than WFD_CODECS_MAX are ignored. */
int wfd_video_formats_parse(struct text value, struct wfd_video_formats *ret);
/* The same with masks wider than R1's tables, which are kept as they came. */
int wfdx_video_formats_parse(struct text value, struct wfd_video_formats *ret);
/* R2's entries begin with a codec; its native field is 8 bits of another make. */
int wfd2_video_formats_parse(struct text value, struct wfd_video_formats *ret);
int wfd_3d_video_formats_parse(struct text value, uint64_t *ret_modes);
int wfd_audio_codecs_parse(struct text value, struct wfd_audio_codecs *ret);
int wfd_preferred_mode_parse(struct text value, struct wfd_preferred_mode *ret);

#endif
