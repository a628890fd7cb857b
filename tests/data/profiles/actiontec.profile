# SPDX-License-Identifier: GPL-2.0-or-later
# An ActionTec adapter: refuses the trigger when the presentation URL is not the source's address,
# when Content-Type is missing or the maxima are zeros instead of none (wds issues 65 and 69). UIBC
# with everything, a quoted Public.
wfd_video_formats: 40 00 02 02 000000e1 00000000 00000000 00 0000 0000 00 none none, 01 01 000000a1 00000000 00000000 00 0000 0000 00 none none
wfd_audio_codecs: LPCM 00000003 00, AAC 00000001 00
wfd_client_rtp_ports: RTP/AVP/UDP;unicast {port} 0 mode=play
wfd_uibc_capability: input_category_list=GENERIC, HIDC;generic_cap_list=Mouse, Keyboard;hidc_cap_list=Mouse/USB, Keyboard/USB;port=none
wfd_I2C: none
@public "\"org.wfa.wfd1.0, GET_PARAMETER, SET_PARAMETER\""
