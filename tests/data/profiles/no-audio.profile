# SPDX-License-Identifier: GPL-2.0-or-later
# A projector without loudspeakers.
wfd_video_formats: 38 00 01 04 000000a1 00000000 00000000 00 0000 0000 00 none none
wfd_audio_codecs: none
wfd_client_rtp_ports: RTP/AVP/UDP;unicast {port} 0 mode=play
