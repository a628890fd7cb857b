# SPDX-License-Identifier: GPL-2.0-or-later
# Bits that the tables do not have, interlaced modes, several levels, upper case, a list without
# blanks: as television sets were seen to answer. What is left must be found in it.
wfd_video_formats: 40 00 03 1F 8001FFFF 3FFFFFFF FFFFFFFF 00 0000 0000 1F none none,02 10 0007FFFF FFFFFFFF 00001fff 00 0000 0000 1F none none
wfd_audio_codecs: LPCM FFFFFFFF 00,AAC FFFFFFFF 00
wfd_client_rtp_ports: RTP/AVP/UDP;unicast {port} 0 mode=play
wfd_content_protection: none
intel_sink_version: product_ID=0000 hw_version=1.0.0.0 sw_version=2.3.4
