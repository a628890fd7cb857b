# SPDX-License-Identifier: GPL-2.0-or-later
# A rich television that knows latency management and still refuses the first M4, the one with the
# option: the second is the same mode without it.
wfd_video_formats: 40 00 03 10 0001bdeb 00000000 00000000 00 0000 0000 11 none none
wfd_audio_codecs: LPCM 00000002 00, AAC 00000001 00
wfd_client_rtp_ports: RTP/AVP/UDP;unicast {port} 0 mode=play
microsoft_latency_management_capability: supported
@reply M4 status=303 body="microsoft_latency_management_capability: 404\r\n" count=1
