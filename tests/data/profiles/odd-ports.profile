# SPDX-License-Identifier: GPL-2.0-or-later
# The last port there is, which leaves none for RTCP, and a second port in M3.
wfd_video_formats: 38 00 01 04 00000081 00000000 00000000 00 0000 0000 00 none none
wfd_audio_codecs: LPCM 00000002 00
wfd_client_rtp_ports: RTP/AVP/UDP;unicast {port} 19002 mode=play
@client-port 65535
@rtcp-port
