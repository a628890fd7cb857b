# SPDX-License-Identifier: GPL-2.0-or-later
# The answer to M3 in pieces, an IDR request in one segment with the last of them, M2 in one segment
# with the answer to M1.
wfd_video_formats: 38 00 01 04 00000081 00000000 00000000 00 0000 0000 00 none none
wfd_audio_codecs: LPCM 00000002 00
wfd_client_rtp_ports: RTP/AVP/UDP;unicast {port} 0 mode=play
@order together
@split M3 100 every=20ms
@send-after M3 method="SET_PARAMETER" body="wfd_idr_request\r\n" joined
@split M6 1 every=2ms
