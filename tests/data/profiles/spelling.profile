# SPDX-License-Identifier: GPL-2.0-or-later
# Names in any case of letters, blanks on both sides of the colon and behind the value, a parameter
# twice, of which the first counts, lines that end with LF alone, and a last one without any end.
# The lines here are what the sink itself goes by; the answer to M3 is the string below.
wfd_video_formats: 38 00 01 04 00000081 00000000 00000000 00 0000 0000 00 none none
wfd_audio_codecs: LPCM 00000002 00
wfd_client_rtp_ports: RTP/AVP/UDP;unicast {port} 0 mode=play
@reply M3 body="WFD_Video_Formats : 38 00 01 04 00000081 00000000 00000000 00 0000 0000 00 none none  \nwfd_audio_codecs : lpcm 00000002 00  \r\nwfd_video_formats: 00 00 01 01 00000001 00000000 00000000 00 0000 0000 00 none none\r\n\r\nwfd_client_rtp_ports:\tRTP/AVP/UDP;unicast {port} 0 mode=play"
