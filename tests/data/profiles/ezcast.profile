# SPDX-License-Identifier: GPL-2.0-or-later
# An EZCast stick: as AnyCast (gnome-network-displays issues 105 and 122; aethercast 0a264fe),
# counts its requests from 0 and from the start again behind PLAY, keeps alive by OPTIONS, and would
# refuse an M4 without sound.
wfd_video_formats: 38 00 01 08 000000a1 00000000 00000000 00 0000 0000 00 none none
wfd_audio_codecs: LPCM 00000002 00
wfd_client_rtp_ports: RTP/AVP/UDP;unicast {port} 0 mode=play
@cseq-start 0
@cseq-restart-after M7
@keepalive options every=300ms
@request M6 uri="rtsp://localhost:554/wfd1.0/streamid=0"
