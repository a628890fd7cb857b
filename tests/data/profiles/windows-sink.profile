# SPDX-License-Identifier: GPL-2.0-or-later
# Windows as a sink: UIBC without a list of generic devices, many names of its own, keeps alive by
# SET_PARAMETER, knows latency management and says why it ends.
wfd_video_formats: 40 00 03 10 0001bdeb 00003fff 00000000 00 0000 0000 11 none none
wfd_audio_codecs: LPCM 00000002 00, AAC 00000001 00
wfd_client_rtp_ports: RTP/AVP/UDP;unicast {port} 0 mode=play
wfd_uibc_capability: input_category_list=HIDC;hidc_cap_list=Keyboard/USB, Mouse/USB, MultiTouch/USB;port=none
wfd_idr_request_capability: 1
intel_friendly_name: Living room
intel_sink_manufacturer_name: Example
intel_sink_model_name: Sink
intel_sink_version: product_ID=0000 hw_version=1.0.0.0 sw_version=2.3.4
intel_sink_device_URL: http://192.0.2.1
microsoft_latency_management_capability: supported
microsoft_format_change_capability: supported
microsoft_diagnostics_capability: supported
microsoft_audio_mute: supported
microsoft_multiscreen_projection: none
microsoft_color_space_conversion: supported
@keepalive set-parameter every=150ms
@request M8 body="microsoft_teardown_reason: C00D4278 no picture came\r\n"
@teardown after=2s
