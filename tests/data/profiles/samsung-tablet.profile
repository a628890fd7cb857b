# SPDX-License-Identifier: GPL-2.0-or-later
# A Samsung tablet: lists 640x480 alone, whatever it could show (fluxcast PR 48), and parameters of
# its maker.
wfd_video_formats: 00 00 02 01 00000001 00000000 00000000 00 0000 0000 00 none none
wfd_audio_codecs: LPCM 00000002 00, AAC 00000001 00
wfd_client_rtp_ports: RTP/AVP/UDP;unicast {port} 0 mode=play
wfd_sec_screensharing: supported
wfd_sec_portrait_display: supported
@missing none
