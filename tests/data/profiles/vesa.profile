# SPDX-License-Identifier: GPL-2.0-or-later
# A monitor: the mandatory CEA mode and otherwise VESA modes, native 1366x768 at 60 Hz (VESA 13).
wfd_video_formats: 69 00 01 10 00000001 00003fff 00000000 00 0000 0000 00 none none
wfd_audio_codecs: LPCM 00000002 00
wfd_client_rtp_ports: RTP/AVP/UDP;unicast {port} 0 mode=play
wfd_content_protection: none
