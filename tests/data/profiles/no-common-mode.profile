# SPDX-License-Identifier: GPL-2.0-or-later
# Only interlaced and reserved modes: nothing that the source may choose. The session must end with
# a sentence that says so.
wfd_video_formats: 48 00 01 04 80000210 00000000 00000000 00 0000 0000 00 none none
wfd_audio_codecs: LPCM 00000002 00
wfd_client_rtp_ports: RTP/AVP/UDP;unicast {port} 0 mode=play
