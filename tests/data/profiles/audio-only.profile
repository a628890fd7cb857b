# SPDX-License-Identifier: GPL-2.0-or-later
# Loudspeakers, or a television's box without a screen behind it: no video formats. The session
# starts without a monitor and waits for one.
wfd_video_formats: none
wfd_audio_codecs: LPCM 00000002 00
wfd_client_rtp_ports: RTP/AVP/UDP;unicast {port} 0 mode=play
@missing none
