# SPDX-License-Identifier: GPL-2.0-or-later
# A Samsung television of 2024: HDCP 2.2 with a blank behind it, which a source without keys must
# not take up (fluxcast issue 12); HH modes besides, rotation and frame rate of its own.
wfd_video_formats: 40 00 02 10 0001bdeb 1fffffff 00000fff 00 0000 0000 13 none none
wfd_audio_codecs: LPCM 00000003 00, AAC 0000000F 00, AC3 00000000 00
wfd_client_rtp_ports: RTP/AVP/UDP;unicast {port} 0 mode=play
wfd_content_protection: HDCP2.2 port=1189 
wfd_sec_hw_rotation: none
wfd_sec_framerate: 60
wfd_standby_resume_capability: supported
