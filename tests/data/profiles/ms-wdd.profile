# SPDX-License-Identifier: GPL-2.0-or-later
# The adapter that calls itself MSFT-WDD and closes at a long M3 (miraclecast PR 391).
wfd_video_formats: 40 00 02 08 000000a1 00000000 00000000 00 0000 0000 00 none none
wfd_audio_codecs: LPCM 00000002 00
wfd_client_rtp_ports: RTP/AVP/UDP;unicast {port} 0 mode=play
wfd_content_protection: none
@user-agent "MSFT-WDD"
