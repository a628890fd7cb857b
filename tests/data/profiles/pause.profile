# SPDX-License-Identifier: GPL-2.0-or-later
# A projector with a freeze button: PAUSE, and PLAY again (Wi-Fi Display Technical Specification
# 2.1, section 6.4.9).
wfd_video_formats: 38 00 01 04 00000081 00000000 00000000 00 0000 0000 00 none none
wfd_audio_codecs: LPCM 00000002 00
wfd_client_rtp_ports: RTP/AVP/UDP;unicast {port} 0 mode=play
wfd_idr_request_capability: 1
@pause after=500ms for=300ms
