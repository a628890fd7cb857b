# SPDX-License-Identifier: GPL-2.0-or-later
# A Samsung dongle: SETUP and PLAY go to rtsp://localhost/wfd1.0, seven IDR requests come back to
# back (captures in wds's tests).
wfd_video_formats: 40 00 02 04 00000081 00000000 00000000 00 0000 0000 00 none none
wfd_audio_codecs: LPCM 00000002 00, AAC 00000001 00
wfd_client_rtp_ports: RTP/AVP/UDP;unicast {port} 0 mode=play
wfd_content_protection: none
wfd_idr_request_capability: 1
@user-agent "SEC-WDH/ME29"
@request M6 uri="rtsp://localhost/wfd1.0"
@request M7 uri="rtsp://localhost/wfd1.0"
@request M8 uri="rtsp://localhost/wfd1.0"
@idr after=300ms burst=7
