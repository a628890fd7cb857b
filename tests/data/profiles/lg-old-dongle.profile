# SPDX-License-Identifier: GPL-2.0-or-later
# An old LG dongle: its SETUP names no port, so M3's counts; it names no session either (a comment
# in AOSP; gnome-network-displays PR 109).
wfd_video_formats: 28 00 01 02 00000021 00000000 00000000 00 0000 0000 00 none none
wfd_audio_codecs: LPCM 00000002 00
wfd_client_rtp_ports: RTP/AVP/UDP;unicast {port} 0 mode=play
wfd_content_protection: none
@missing none
@no-session-in-requests
@request M6 transport="RTP/AVP/UDP;unicast"
