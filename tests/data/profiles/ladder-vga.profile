# SPDX-License-Identifier: GPL-2.0-or-later
# As ladder-720p, and refuses that one too, with numbers that no number can hold.
wfd_video_formats: 40 00 03 10 0001bdeb 00000000 00000000 00 0000 0000 11 none none
wfd_audio_codecs: LPCM 00000002 00, AAC 00000001 00
wfd_client_rtp_ports: RTP/AVP/UDP;unicast {port} 0 mode=play
@reply M4 status=303 body="wfd_video_formats: 99999999999999999999, 415,,\r\nx: 457\r\n" count=2
