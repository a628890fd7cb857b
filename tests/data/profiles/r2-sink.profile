# SPDX-License-Identifier: GPL-2.0-or-later
# A sink of the second release: its own strings beside those of the first, with masks of 13 digits,
# of which the first release's hold.
wfd_video_formats: 40 00 03 10 0001bdeb 00000000 00000000 00 0000 0000 11 none none
wfd2_video_formats: 22 01 03 007f 0000003ffbdeb 0003bfffffff 000000000fff 00 0000 0000 11, 02 01 0001 0000003ffbdeb 0003bfffffff 000000000fff 00 0000 0000 11 00
wfd_audio_codecs: LPCM 00000002 00
wfd2_audio_codecs: LPCM 000001ff 00
wfd2_video_stream_control: 0f 0f
wfd2_rotation_capability: none
wfd_client_rtp_ports: RTP/AVP/UDP;unicast {port} 0 mode=play
