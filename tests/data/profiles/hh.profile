# SPDX-License-Identifier: GPL-2.0-or-later
# A hand-held: modes of the third table, native 960x540 at 60 Hz (HH 9), level 3.2.
wfd_video_formats: 4a 00 01 02 00000001 00000000 00000fff 00 0000 0000 00 none none
wfd_audio_codecs: LPCM 00000002 00
wfd_client_rtp_ports: RTP/AVP/UDP;unicast {port} 0 mode=play
