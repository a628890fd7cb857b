# SPDX-License-Identifier: GPL-2.0-or-later
# A Sharp television: VESA bits that the table does not have, an AC3 mask of zeros, two codecs, one
# in upper case (gnome-network-displays issue 4).
wfd_client_rtp_ports: RTP/AVP/UDP;unicast {port} 0 mode=play
wfd_audio_codecs: LPCM 00000003 00, AAC 0000000f 00, AC3 00000000 00
wfd_video_formats: 40 00 01 10 0001bdeb 3fffffff 00000fff 00 0000 0000 11 none none, 02 10 0001BDEB 3FFFFFFF 00000FFF 00 0000 0000 11 none none
wfd_content_protection: none
