# SPDX-License-Identifier: GPL-2.0-or-later
# A television with its EDID in one block, whose preferred timing is 1280x720 at 60 Hz: that size
# goes before the native 1080 lines (wfd-protocol.md 2.2; 10 O). The block is constructed.
wfd_video_formats: 38 00 01 10 000000e1 00000000 00000000 00 0000 0000 00 none none
wfd_audio_codecs: LPCM 00000002 00
wfd_client_rtp_ports: RTP/AVP/UDP;unicast {port} 0 mode=play
wfd_display_edid: 0001 00ffffffffffff0063180000000000000121010380000000000000000000000000000000000000000000000000000000000000000000011d007251d01e206e285500a05a0000001e000000fc00436f6e73747275637465640a20000000100000000000000000000000000000000000100000000000000000000000000000001f
