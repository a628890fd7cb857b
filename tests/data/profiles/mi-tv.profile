# SPDX-License-Identifier: GPL-2.0-or-later
# A Xiaomi television: asks for an IDR again and again (miraclecast issue 175), counts from 1000.
wfd_video_formats: 40 00 02 10 000001a1 00000000 00000000 00 0000 0000 00 none none
wfd_audio_codecs: LPCM 00000002 00, AAC 00000001 00
wfd_client_rtp_ports: RTP/AVP/UDP;unicast {port} 0 mode=play
intel_sink_manufacturer_name: Xiaomi
wfd_idr_request_capability: 1
@cseq-start 1000
@idr after=50ms every=50ms burst=2
