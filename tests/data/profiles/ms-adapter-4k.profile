# SPDX-License-Identifier: GPL-2.0-or-later
# A Microsoft 4K adapter: resets a source that sends M3 before M2 was answered (fluxcast issue 40),
# reads one message at a time, has 4K modes in the list of the extension and a highest bit rate.
wfd_video_formats: 40 00 03 10 0001bdeb 00000000 00000000 00 0000 0000 11 none none
wfdx_video_formats: 0110 00 000f 00ff 0007ffbdeb 0078000000 00000000 00 0000 0000 11 none none
wfd_audio_codecs: LPCM 00000002 00, AAC 00000001 00
wfd_client_rtp_ports: RTP/AVP/UDP;unicast {port} 0 mode=play
microsoft_max_bitrate: 8000000
microsoft_video_formats: 000000000000
@order together
@one-message-per-recv
