# SPDX-License-Identifier: GPL-2.0-or-later
# A Fire TV: M2 as soon as the connection stands, before M1 was seen, upper case masks, AAC in front
# of LPCM.
wfd_video_formats: 40 00 03 10 0001BDEB 0AAAAAAA 00000000 00 0000 0000 00 none none
wfd_audio_codecs: AAC 00000001 00, LPCM 00000002 00
wfd_client_rtp_ports: RTP/AVP/UDP;unicast {port} 0 mode=play
wfd_content_protection: none
@order M2-first
