# SPDX-License-Identifier: GPL-2.0-or-later
# An LCD projector with a VGA plug and no loudspeakers: native 1280x800 at 60 Hz (VESA 9), sound
# "none", most names left out (fluxcast issue 84). It shows nothing but the exact layout of TS and
# PSI, which the sink's rules psi-* and pcr-* ask of everybody.
wfd_video_formats: 49 00 01 02 00000021 00000300 00000000 00 0000 0000 00 none none
wfd_audio_codecs: none
wfd_client_rtp_ports: RTP/AVP/UDP;unicast {port} 0 mode=play
wfd_connector_type: 00
