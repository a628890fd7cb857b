# SPDX-License-Identifier: GPL-2.0-or-later
# A Sony television: M3's answer with lower-case header names, a character set in Content-Type and
# headers of its own in front; no blank behind the colons; a native mode that is not the largest
# (gnome-network-displays issue 13).
wfd_video_formats:28 00 01 08 000000a1 00000000 00000000 00 0000 0000 00 none none
wfd_audio_codecs:LPCM 00000003 00,AAC 00000001 00
wfd_client_rtp_ports:RTP/AVP/UDP;unicast {port} 0 mode=play
@lower-case-headers
@content-type "text/parameters;charset=utf-8"
@reply M3 header="Date: Thu, 01 Jan 1970 00:00:00 GMT\r\nServer: tv/1.0"
