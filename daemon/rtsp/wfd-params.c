// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The parameters of a sink: a table of names and, below it, a small parser for each kind of value.
 * The lists of formats are in wfd-formats.c. See wfd-params.h.
 */
#include "rtsp/wfd-params.h"

#include "rtsp/wfd-edid.h"
#include "rtsp/wfd-formats.h"

#include <errno.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define NAME_SIZE    64 /* longer than each of ours */

/*
 * Reads a value, never "none" and never empty, into the field, which was zeroed, and what belongs
 * to it. 0 or -EINVAL.
 */
typedef int (*parse_value)(struct text value, struct wfd_sink *sink, void *field, size_t size);

static int parse_nothing(struct text value, struct wfd_sink *sink, void *field, size_t size);
static int parse_supported(struct text value, struct wfd_sink *sink, void *field, size_t size);
static int parse_name(struct text value, struct wfd_sink *sink, void *field, size_t size);
static int parse_video(struct text value, struct wfd_sink *sink, void *field, size_t size);
static int parse_video_x(struct text value, struct wfd_sink *sink, void *field, size_t size);
static int parse_video_2(struct text value, struct wfd_sink *sink, void *field, size_t size);
static int parse_video_3d(struct text value, struct wfd_sink *sink, void *field, size_t size);
static int parse_audio(struct text value, struct wfd_sink *sink, void *field, size_t size);
static int parse_rtp_ports(struct text value, struct wfd_sink *sink, void *field, size_t size);
static int parse_edid(struct text value, struct wfd_sink *sink, void *field, size_t size);
static int parse_connector(struct text value, struct wfd_sink *sink, void *field, size_t size);
static int parse_hdcp(struct text value, struct wfd_sink *sink, void *field, size_t size);
static int parse_coupled(struct text value, struct wfd_sink *sink, void *field, size_t size);
static int parse_port(struct text value, struct wfd_sink *sink, void *field, size_t size);
static int parse_uibc(struct text value, struct wfd_sink *sink, void *field, size_t size);
static int parse_enable(struct text value, struct wfd_sink *sink, void *field, size_t size);
static int parse_preferred(struct text value, struct wfd_sink *sink, void *field, size_t size);
static int parse_flag(struct text value, struct wfd_sink *sink, void *field, size_t size);
static int parse_route(struct text value, struct wfd_sink *sink, void *field, size_t size);
static int parse_bitrate(struct text value, struct wfd_sink *sink, void *field, size_t size);
static int parse_bitmap(struct text value, struct wfd_sink *sink, void *field, size_t size);
static int parse_cursor(struct text value, struct wfd_sink *sink, void *field, size_t size);

#define FIELD(f) offsetof(struct wfd_sink, f), sizeof(((struct wfd_sink *)NULL)->f)
#define NO_FIELD 0, 0

/* clang-format off */
static const struct param {
	const char *name;
	parse_value parse;
	size_t offset, size; /* of the field in struct wfd_sink */
} params[WFD_PARAM_COUNT] = {
	[WFD_PARAM_VIDEO_FORMATS] = { "wfd_video_formats", parse_video, FIELD(video) },
	[WFD_PARAM_AUDIO_CODECS] = { "wfd_audio_codecs", parse_audio, FIELD(audio) },
	[WFD_PARAM_CLIENT_RTP_PORTS] = { "wfd_client_rtp_ports", parse_rtp_ports, FIELD(rtp) },
	[WFD_PARAM_DISPLAY_EDID] = { "wfd_display_edid", parse_edid, FIELD(edid_size) },
	[WFD_PARAM_CONNECTOR_TYPE] = {
		"wfd_connector_type", parse_connector, FIELD(connector_type) },
	[WFD_PARAM_CONTENT_PROTECTION] = {
		"wfd_content_protection", parse_hdcp, FIELD(hdcp_version) },
	[WFD_PARAM_COUPLED_SINK] = { "wfd_coupled_sink", parse_coupled, FIELD(coupled_status) },
	[WFD_PARAM_I2C] = { "wfd_I2C", parse_port, FIELD(i2c_port) },
	[WFD_PARAM_STANDBY_RESUME_CAPABILITY] = {
		"wfd_standby_resume_capability", parse_supported, FIELD(standby) },
	[WFD_PARAM_UIBC_CAPABILITY] = { "wfd_uibc_capability", parse_uibc, FIELD(uibc) },
	[WFD_PARAM_UIBC_SETTING] = { "wfd_uibc_setting", parse_enable, FIELD(uibc_enabled) },
	[WFD_PARAM_PREFERRED_DISPLAY_MODE] = {
		"wfd_preferred_display_mode", parse_preferred, FIELD(preferred_mode) },
	[WFD_PARAM_3D_VIDEO_FORMATS] = { "wfd_3d_video_formats", parse_video_3d, FIELD(modes_3d) },
	[WFD_PARAM_IDR_REQUEST_CAPABILITY] = {
		"wfd_idr_request_capability", parse_flag, FIELD(idr_requests) },
	[WFD_PARAM_IDR_REQUEST] = { "wfd_idr_request", NULL, NO_FIELD },
	[WFD_PARAM_STANDBY] = { "wfd_standby", NULL, NO_FIELD },
	[WFD_PARAM_ROUTE] = { "wfd_route", parse_route, FIELD(route_secondary) },
	[WFD_PARAM_TRIGGER_METHOD] = { "wfd_trigger_method", parse_nothing, NO_FIELD },
	[WFD_PARAM_PRESENTATION_URL] = { "wfd_presentation_URL", parse_nothing, NO_FIELD },
	[WFD_PARAM_AV_FORMAT_CHANGE_TIMING] = {
		"wfd_av_format_change_timing", parse_nothing, NO_FIELD },
	[WFD_PARAM_X_VIDEO_FORMATS] = { "wfdx_video_formats", parse_video_x, FIELD(video_x) },
	[WFD_PARAM_2_VIDEO_FORMATS] = { "wfd2_video_formats", parse_video_2, FIELD(video_2) },
	[WFD_PARAM_2_AUDIO_CODECS] = { "wfd2_audio_codecs", parse_audio, FIELD(audio_2) },
	[WFD_PARAM_MS_FORMAT_CHANGE] = {
		"microsoft_format_change_capability", parse_supported, FIELD(format_change) },
	[WFD_PARAM_MS_LATENCY] = {
		"microsoft_latency_management_capability", parse_supported, FIELD(latency_management) },
	[WFD_PARAM_MS_DIAGNOSTICS] = {
		"microsoft_diagnostics_capability", parse_supported, FIELD(diagnostics) },
	[WFD_PARAM_MS_TEARDOWN_REASON] = {
		"microsoft_teardown_reason", parse_name, FIELD(teardown_reason) },
	[WFD_PARAM_MS_RTCP] = { "microsoft_rtcp_capability", parse_supported, FIELD(rtcp) },
	[WFD_PARAM_MS_MAX_BITRATE] = { "microsoft_max_bitrate", parse_bitrate, FIELD(max_bitrate) },
	[WFD_PARAM_MS_VIDEO_FORMATS] = {
		"microsoft_video_formats", parse_bitmap, FIELD(ms_video_formats) },
	[WFD_PARAM_MS_CURSOR] = { "microsoft_cursor", parse_cursor, FIELD(cursor) },
	[WFD_PARAM_MS_MULTISCREEN] = {
		"microsoft_multiscreen_projection", parse_supported, FIELD(multiscreen) },
	[WFD_PARAM_MS_COLOR_CONVERSION] = {
		"microsoft_color_space_conversion", parse_supported, FIELD(color_conversion) },
	[WFD_PARAM_INTEL_FRIENDLY_NAME] = {
		"intel_friendly_name", parse_name, FIELD(friendly_name) },
	[WFD_PARAM_INTEL_MANUFACTURER] = {
		"intel_sink_manufacturer_name", parse_name, FIELD(manufacturer) },
	[WFD_PARAM_INTEL_MODEL] = { "intel_sink_model_name", parse_name, FIELD(model) },
	[WFD_PARAM_INTEL_VERSION] = { "intel_sink_version", parse_name, FIELD(version) },
	[WFD_PARAM_INTEL_DEVICE_URL] = { "intel_sink_device_URL", parse_name, FIELD(device_url) },
};
/* clang-format on */

const char *wfd_param_to_string(enum wfd_param param)
{
	return params[param].name;
}

/* Sinks write "WFD_IDR_Request", and "wfd-idr-request". */
static enum wfd_param find_param(struct text name)
{
	char spelt[NAME_SIZE];

	if (name.size > sizeof(spelt))
		return WFD_PARAM_COUNT;
	for (size_t i = 0; i < name.size; i++)
		spelt[i] = (char)(name.data[i] == '-' ? '_' : name.data[i]);
	for (size_t i = 0; i < WFD_PARAM_COUNT; i++)
		if (text_is((struct text){ spelt, name.size }, params[i].name))
			return (enum wfd_param)i;
	return WFD_PARAM_COUNT;
}

/* "name: value", "name : value" and "name" alone. */
static enum wfd_param split_line(struct text line, struct text *ret_value)
{
	struct text name = { 0 };

	(void)text_split(&line, ':', &name);
	*ret_value = text_trim(line);
	return find_param(text_trim(name));
}

enum wfd_param wfd_param_from_line(struct text line)
{
	struct text value;

	return split_line(line, &value);
}

static void set_param(struct wfd_sink *sink, enum wfd_param which, struct text value)
{
	const struct param *param = &params[which];
	uint8_t *field = (uint8_t *)sink + param->offset;
	uint64_t bit = WFD_PARAM_BIT(which);

	sink->present &= ~bit;
	sink->malformed &= ~bit;
	memset(field, 0, param->size);
	if (!param->parse) /* a bare name says it all */
		sink->present |= bit;
	else if (!value.size || text_is(value, "none"))
		return;
	else if (param->parse(value, sink, field, param->size) == 0)
		sink->present |= bit;
	else
		sink->malformed |= bit;
	if (!(sink->present & bit))
		memset(field, 0, param->size);
}

void wfd_sink_parse(struct wfd_sink *sink, struct text body, uint64_t *ret_seen)
{
	uint64_t seen = 0;
	struct text line, value;

	if (text_starts(body, "\xef\xbb\xbf")) { /* a byte order mark */
		body.data += 3;
		body.size -= 3;
	}
	while (text_line(&body, &line)) {
		enum wfd_param which = split_line(line, &value);

		if (which >= WFD_PARAM_COUNT || seen & WFD_PARAM_BIT(which))
			continue;
		seen |= WFD_PARAM_BIT(which);
		set_param(sink, which, value);
	}
	if (ret_seen)
		*ret_seen = seen;
}

const struct wfd_video_formats *wfd_sink_get_formats(const struct wfd_sink *sink,
						     enum wfd_list list)
{
	switch (list) {
	case WFD_LIST_R1:
		return &sink->video;
	case WFD_LIST_X:
		return &sink->video_x;
	case WFD_LIST_R2:
		return &sink->video_2;
	case WFD_LIST_MS:
	case WFD_LISTS:
		break;
	}
	return sink->video_x.n_codecs ? &sink->video_x : &sink->video;
}

bool wfd_sink_has_monitor(const struct wfd_sink *sink)
{
	return sink->video.n_codecs > 0 || sink->video_x.n_codecs > 0 || sink->video_2.n_codecs > 0;
}

/* 00 is 640x480p60 by the table, and what sinks say that did not think about it. */
static const struct wfd_mode *get_native(const struct wfd_video_formats *f, enum wfd_list list,
					 unsigned table_bits)
{
	unsigned table = f->native & ((1u << table_bits) - 1);

	if (!f->n_codecs || !f->native || table >= WFD_TABLES)
		return NULL;
	return wfd_mode_get(list, (enum wfd_table)table, (unsigned)f->native >> table_bits);
}

bool wfd_sink_get_native(const struct wfd_sink *sink, struct media_mode *ret)
{
	const struct wfd_mode *mode = get_native(&sink->video_x, WFD_LIST_X, 3);

	if (!mode)
		mode = get_native(&sink->video, WFD_LIST_R1, 3);
	if (!mode)
		mode = get_native(&sink->video_2, WFD_LIST_R2, 2);
	if (!mode || mode->interlaced)
		return false;
	*ret = mode->mode;
	return true;
}

/* ---- the kinds of values ---- */

static int parse_nothing(struct text value, struct wfd_sink *sink, void *field, size_t size)
{
	(void)value, (void)sink, (void)field, (void)size;
	return 0;
}

static int parse_word(struct text value, const char *yes, const char *no, bool *ret)
{
	if (!text_is(value, yes) && !text_is(value, no))
		return -EINVAL;
	*ret = text_is(value, yes);
	return 0;
}

static int parse_supported(struct text value, struct wfd_sink *sink, void *field, size_t size)
{
	(void)sink, (void)size;
	return parse_word(value, "supported", "supported", field);
}

static int parse_enable(struct text value, struct wfd_sink *sink, void *field, size_t size)
{
	(void)sink, (void)size;
	return parse_word(value, "enable", "disable", field);
}

static int parse_flag(struct text value, struct wfd_sink *sink, void *field, size_t size)
{
	(void)sink, (void)size;
	return parse_word(value, "1", "0", field);
}

static int parse_route(struct text value, struct wfd_sink *sink, void *field, size_t size)
{
	(void)sink, (void)size;
	return parse_word(value, "secondary", "primary", field);
}

static int parse_name(struct text value, struct wfd_sink *sink, void *field, size_t size)
{
	(void)sink;
	text_copy_printable(value, field, size);
	return 0;
}

static int parse_video(struct text value, struct wfd_sink *sink, void *field, size_t size)
{
	(void)sink, (void)size;
	return wfd_video_formats_parse(value, field);
}

static int parse_video_x(struct text value, struct wfd_sink *sink, void *field, size_t size)
{
	(void)sink, (void)size;
	return wfdx_video_formats_parse(value, field);
}

static int parse_video_2(struct text value, struct wfd_sink *sink, void *field, size_t size)
{
	(void)sink, (void)size;
	return wfd2_video_formats_parse(value, field);
}

static int parse_video_3d(struct text value, struct wfd_sink *sink, void *field, size_t size)
{
	(void)sink, (void)size;
	return wfd_3d_video_formats_parse(value, field);
}

static int parse_audio(struct text value, struct wfd_sink *sink, void *field, size_t size)
{
	(void)sink, (void)size;
	return wfd_audio_codecs_parse(value, field);
}

static int parse_preferred(struct text value, struct wfd_sink *sink, void *field, size_t size)
{
	(void)sink, (void)size;
	return wfd_preferred_mode_parse(value, field);
}

/* "RTP/AVP/UDP;unicast p0 p1 mode=play"; mode may be missing, another one is not for us. */
static int parse_rtp_ports(struct text value, struct wfd_sink *sink, void *field, size_t size)
{
	struct wfd_rtp_ports *ports = field;
	struct text profile, p0, p1, mode, rest = value;
	uint64_t port, port_1;

	(void)sink, (void)size;
	if (!text_word(&rest, &profile) || !text_word(&rest, &p0) || !text_word(&rest, &p1))
		return -EINVAL;
	if (text_word(&rest, &mode) && !text_is(mode, "mode=play"))
		return -EINVAL;
	if (!text_is(profile, "RTP/AVP/UDP;unicast") && !text_is(profile, "RTP/AVP;unicast"))
		return -EINVAL;
	if (text_decimal(p0, UINT16_MAX, &port) < 0 || text_decimal(p1, UINT16_MAX, &port_1) < 0)
		return -EINVAL;
	if (!port || value.size >= sizeof(ports->text))
		return -EINVAL;
	ports->port = (uint16_t)port;
	ports->port_1 = (uint16_t)port_1;
	memcpy(ports->text, value.data, value.size); /* printable by what was checked above */
	return 0;
}

static size_t parse_hex_bytes(struct text digits, uint8_t *bytes, size_t max)
{
	size_t n;

	for (n = 0; n < max && 2 * n + 1 < digits.size; n++) {
		int high = text_hex_digit(digits.data[2 * n]);
		int low = text_hex_digit(digits.data[2 * n + 1]);

		if (high < 0 || low < 0)
			break;
		bytes[n] = (uint8_t)(high << 4 | low);
	}
	return n;
}

/* "count(4 hex) digits". Whatever is less, count or digits, is what there is. */
static int parse_edid(struct text value, struct wfd_sink *sink, void *field, size_t size)
{
	struct text word;
	uint64_t blocks;
	size_t n;

	(void)field, (void)size;
	if (!text_word(&value, &word) || text_hex(word, UINT16_MAX, &blocks) < 0)
		return -EINVAL;
	if (!text_word(&value, &word) || text_is(word, "none"))
		return blocks ? -EINVAL : 0;
	n = blocks * WFD_EDID_BLOCK < sizeof(sink->edid) ? (size_t)blocks * WFD_EDID_BLOCK
							 : sizeof(sink->edid);
	n = parse_hex_bytes(word, sink->edid, n);
	n -= n % WFD_EDID_BLOCK;
	if (!wfd_edid_is_valid(sink->edid, n))
		return -EINVAL;
	sink->edid_size = n;
	return 0;
}

static int parse_connector(struct text value, struct wfd_sink *sink, void *field, size_t size)
{
	uint64_t type;

	(void)field, (void)size;
	if (text_hex(value, UINT8_MAX, &type) < 0)
		return -EINVAL;
	sink->connector_type = (uint8_t)type;
	return 0;
}

static int parse_decimal_port(struct text value, uint16_t *ret)
{
	uint64_t port;

	if (text_decimal(value, UINT16_MAX, &port) < 0 || !port)
		return -EINVAL;
	*ret = (uint16_t)port;
	return 0;
}

/* "HDCP2.x port=N" */
static int parse_hdcp(struct text value, struct wfd_sink *sink, void *field, size_t size)
{
	struct text name, port;

	(void)field, (void)size;
	if (!text_word(&value, &name) || !text_word(&value, &port))
		return -EINVAL;
	if (name.size != 7 || !text_starts(name, "HDCP2.") || !text_starts(port, "port="))
		return -EINVAL;
	if (name.data[6] < '0' || name.data[6] > '9')
		return -EINVAL;
	port = (struct text){ port.data + 5, port.size - 5 };
	if (parse_decimal_port(port, &sink->hdcp_port) < 0)
		return -EINVAL;
	sink->hdcp_version = (uint8_t)(0x20 | (name.data[6] - '0'));
	return 0;
}

static int parse_coupled(struct text value, struct wfd_sink *sink, void *field, size_t size)
{
	uint8_t address[sizeof(sink->coupled_address)] = { 0 };
	struct text word;
	uint64_t status;

	(void)field, (void)size;
	if (!text_word(&value, &word) || text_hex(word, UINT8_MAX, &status) < 0)
		return -EINVAL;
	if (text_word(&value, &word) && !text_is(word, "none") &&
	    parse_hex_bytes(word, address, sizeof(address)) < sizeof(address))
		return -EINVAL;
	sink->coupled_status = (uint8_t)status;
	memcpy(sink->coupled_address, address, sizeof(address));
	return 0;
}

static int parse_port(struct text value, struct wfd_sink *sink, void *field, size_t size)
{
	(void)sink, (void)size;
	return parse_decimal_port(value, field);
}

static int parse_bitrate(struct text value, struct wfd_sink *sink, void *field, size_t size)
{
	(void)sink, (void)size;
	return text_decimal(value, UINT64_C(9999999999), field);
}

static int parse_bitmap(struct text value, struct wfd_sink *sink, void *field, size_t size)
{
	(void)sink, (void)size;
	return text_hex(value, UINT64_MAX, field);
}

/* In the order of their numbers on the wire (WFD 4.11). */
static const char *const input_types[] = { "Keyboard", "Mouse",	 "SingleTouch", "MultiTouch",
					   "Joystick", "Camera", "Gesture",	"RemoteControl" };
static const char *const input_paths[] = { "Infrared", "USB", "BT", "Zigbee", "Wi-Fi" };

static int find_word(struct text word, const char *const *words, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (text_is(word, words[i]))
			return (int)i;
	return -ENOENT;
}

static void add_hidc(struct text item, struct wfd_uibc *uibc)
{
	struct text name;
	int type, path;

	(void)text_split(&item, '/', &name);
	type = find_word(name, input_types, COUNT(input_types));
	path = find_word(item, input_paths, COUNT(input_paths));
	if (type < 0 || uibc->n_hidc == WFD_HIDC_MAX)
		return;
	uibc->hidc[uibc->n_hidc].type = (uint8_t)type;
	uibc->hidc[uibc->n_hidc++].path = path < 0 ? UINT8_MAX : (uint8_t)path;
}

static void add_uibc_item(struct text key, struct text item, struct wfd_uibc *uibc)
{
	static const char *const categories[] = { "GENERIC", "HIDC" };
	int number;

	if (text_is(key, "input_category_list")) {
		number = find_word(item, categories, COUNT(categories));
		uibc->categories |= number < 0 ? 0 : 1u << number;
	} else if (text_is(key, "generic_cap_list")) {
		number = find_word(item, input_types, COUNT(input_types));
		uibc->generic |= number < 0 ? 0 : 1u << number;
	} else if (text_is(key, "hidc_cap_list")) {
		add_hidc(item, uibc);
	} else if (text_is(key, "port")) {
		(void)parse_decimal_port(item, &uibc->port);
	}
}

/* "key=item, item;key=..."; Windows leaves generic_cap_list out; unknown items mean nothing. */
static int parse_uibc(struct text value, struct wfd_sink *sink, void *field, size_t size)
{
	struct wfd_uibc *uibc = field;
	struct text list, key, item;

	(void)sink, (void)size;
	while (text_split(&value, ';', &list)) {
		(void)text_split(&list, '=', &key);
		while (text_split(&list, ',', &item))
			add_uibc_item(text_trim(key), text_trim(item), uibc);
	}
	return uibc->categories ? 0 : -EINVAL;
}

/* The specification's own example writes 0x in front, and the port in decimal. */
static int parse_cursor_number(struct text word, uint16_t *ret)
{
	uint64_t number;
	int r;

	if (text_starts(word, "0x"))
		word = (struct text){ word.data + 2, word.size - 2 };
	r = word.size > 4 ? text_decimal(word, UINT16_MAX, &number)
			  : text_hex(word, UINT16_MAX, &number);
	if (r < 0)
		return r;
	*ret = (uint16_t)number;
	return 0;
}

static int parse_cursor(struct text value, struct wfd_sink *sink, void *field, size_t size)
{
	struct wfd_cursor c = { 0 };
	struct text kind, width, height, port;

	(void)sink, (void)size;
	if (!text_word(&value, &kind) || !text_word(&value, &width) ||
	    !text_word(&value, &height) || !text_word(&value, &port))
		return -EINVAL;
	if (parse_word(kind, "full", "none", &c.full) < 0 ||
	    parse_cursor_number(width, &c.max_width) < 0 ||
	    parse_cursor_number(height, &c.max_height) < 0 ||
	    parse_cursor_number(port, &c.port) < 0)
		return -EINVAL;
	*(struct wfd_cursor *)field = c;
	return 0;
}
