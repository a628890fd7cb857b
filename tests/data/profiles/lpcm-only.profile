# SPDX-License-Identifier: GPL-2.0-or-later
# 1080p30 and LPCM at both rates, no other codec; the zero masks are legal and mean no.
wfd_video_formats: 38 00 01 04 000000a1 00000000 00000000 00 0000 0000 00 none none
wfd_audio_codecs: LPCM 00000003 00, AAC 00000000 00, AC3 00000000 00
wfd_client_rtp_ports: RTP/AVP/UDP;unicast {port} 0 mode=play
