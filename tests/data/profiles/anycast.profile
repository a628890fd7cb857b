# SPDX-License-Identifier: GPL-2.0-or-later
# An AnyCast stick: an URL of its own for the stream (gnome-network-displays issues 105 and 122), no
# Session, M13 before anybody could have seen a picture.
wfd_video_formats: 38 00 01 04 000000a1 00000000 00000000 00 0000 0000 00 none none
wfd_audio_codecs: LPCM 00000002 00
wfd_client_rtp_ports: RTP/AVP/UDP;unicast {port} 0 mode=play
@missing none
@no-session-in-requests
@request M6 uri="rtsp://127.0.0.1:7236/wfd1.0/streamid=0/trackID=1"
@request M7 uri="rtsp://127.0.0.1/wfd1.0/"
@request M8 uri="/wfd1.0/streamid=0/"
@send-after M7 method="SET_PARAMETER" body="wfd_idr_request\r\n"
