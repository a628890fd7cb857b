# SPDX-License-Identifier: GPL-2.0-or-later
# LG webOS: keeps the session alive by a GET_PARAMETER without body of its own and leaves a source
# that does not answer it (fluxcast issues 10 and 15); Session with its time in every request.
wfd_video_formats: 40 00 03 10 0001bdeb 00000000 00000000 00 0000 0000 11 none none
wfd_audio_codecs: LPCM 00000002 00, AAC 00000001 00
wfd_client_rtp_ports: RTP/AVP/UDP;unicast {port} 0 mode=play
wfd_connector_type: 05
@session-timeout-in-requests
@keepalive get-parameter every=200ms
