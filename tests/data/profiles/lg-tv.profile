# SPDX-License-Identifier: GPL-2.0-or-later
# An LG television: two codecs, one mask in upper and one in lower case, reserved and interlaced
# bits, a pair of ports in SETUP. It would refuse a session id of 16 characters, which the
# sink's rule rtsp-session asks of everybody.
wfd_video_formats: 40 00 01 10 000194FF 155575DF 00000555 00 0000 0000 1F none none, 02 10 000194ff 155575df 00000555 00 0000 0000 1F none none
wfd_audio_codecs: LPCM 00000003 00, AAC 0000000F 00
wfd_client_rtp_ports: RTP/AVP/UDP;unicast {port} 0 mode=play
wfd_content_protection: HDCP2.1 port=53002
wfd_display_edid: 0000 none
@rtcp-port
