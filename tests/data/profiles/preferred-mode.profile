# SPDX-License-Identifier: GPL-2.0-or-later
# Says that it knows a preferred display mode, a numeric maximum in the first codec only, slices and
# a latency.
wfd_video_formats: 38 01 01 08 00000081 00000000 00000000 02 0040 0003 13 0780 0438, 02 08 00000081 00000000 00000000 02 0040 0003 13 none none
wfd_audio_codecs: LPCM 00000002 02
wfd_client_rtp_ports: RTP/AVP/UDP;unicast {port} 0 mode=play
