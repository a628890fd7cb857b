# SPDX-License-Identifier: GPL-2.0-or-later
# A television that decodes slice by slice: four a picture, of at least ten lines of macroblocks at
# 1080p. Nothing else is special about it.
wfd_video_formats: 40 00 02 10 0001bdeb 00000000 00000000 00 04b0 0003 11 none none, 01 10 0001bdeb 00000000 00000000 00 04b0 0003 11 none none
wfd_audio_codecs: LPCM 00000002 00, AAC 00000001 00
wfd_client_rtp_ports: RTP/AVP/UDP;unicast {port} 0 mode=play
wfd_content_protection: none
wfd_display_edid: none
wfd_connector_type: 05
wfd_idr_request_capability: 1
wfd_standby_resume_capability: supported
wfd_uibc_capability: none
wfd_coupled_sink: none
