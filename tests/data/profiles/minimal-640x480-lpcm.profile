# SPDX-License-Identifier: GPL-2.0-or-later
# The least that a sink may have: 640x480 at 60 Hz, Constrained Baseline 3.1, LPCM at 48 kHz.
wfd_video_formats: 00 00 01 01 00000001 00000000 00000000 00 0000 0000 00 none none
wfd_audio_codecs: LPCM 00000002 00
wfd_client_rtp_ports: RTP/AVP/UDP;unicast {port} 0 mode=play
