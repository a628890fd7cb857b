# SPDX-License-Identifier: GPL-2.0-or-later
# A sink that has no LPCM, mandatory or not (Wi-Fi Display Technical Specification 2.1, section
# 6.1.2).
wfd_video_formats: 38 00 01 04 00000081 00000000 00000000 00 0000 0000 00 none none
wfd_audio_codecs: AAC 00000001 00
wfd_client_rtp_ports: RTP/AVP/UDP;unicast {port} 0 mode=play
