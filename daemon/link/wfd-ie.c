// SPDX-License-Identifier: GPL-2.0-or-later
#include "link/wfd-ie.h"

#include "util/bytes.h"

#include <errno.h>

/* Wi-Fi Display Technical Specification 1.1, 5.1.1 and its tables. */
enum {
	ELEMENT_VENDOR = 0xdd,
	VENDOR_HEADER_SIZE = 4,

	ID_DEVICE_INFORMATION = 0,
	ID_EXTENDED_CAPABILITY = 7,
	ID_SESSION_INFORMATION = 9,

	INFORMATION_SIZE = 6,
	SESSION_DESCRIPTOR_SIZE = 24,

	BIT_PREFERS_TDLS = 1 << 7,
	BIT_CONTENT_PROTECTION = 1 << 8,
	BIT_TIME_SYNC = 1 << 9,
	BIT_NO_AUDIO = 1 << 10,
	AVAILABILITY_SHIFT = 4,
	AVAILABLE = 1,

	BIT_UIBC = 1 << 0,
	BIT_STANDBY = 1 << 3,

	CONTROL_PORT = 7236,
};

static const uint8_t wfd_vendor[VENDOR_HEADER_SIZE] = { 0x50, 0x6f, 0x9a, 0x0a };

/* ---------------------------------------------------------------- vendor elements */

/* One IE carries 251 bytes: longer content is split anywhere, headers included (WFD 5.1.1). */
static int join_elements(const uint8_t *data, size_t size, struct writer *joined)
{
	struct reader r = reader_init(data, size);

	while (reader_left(&r) > 0) {
		uint8_t id = reader_u8(&r);
		uint8_t length = reader_u8(&r);
		const uint8_t *body = reader_bytes(&r, length);

		if (!body || id != ELEMENT_VENDOR || length < VENDOR_HEADER_SIZE)
			return -EBADMSG;
		if (memcmp(body, wfd_vendor, VENDOR_HEADER_SIZE) != 0)
			continue;
		writer_bytes(joined, body + VENDOR_HEADER_SIZE, length - VENDOR_HEADER_SIZE);
	}
	return r.failed ? -EBADMSG : 0;
}

/* ---------------------------------------------------------------- subelements */

static void parse_information(struct reader body, struct wfd_ie *ie)
{
	uint16_t bits = reader_be16(&body);

	ie->role = (enum wfd_role)(bits & 3);
	ie->is_available = (bits >> AVAILABILITY_SHIFT & 3) == AVAILABLE;
	ie->prefers_tdls = bits & BIT_PREFERS_TDLS;
	ie->has_content_protection = bits & BIT_CONTENT_PROTECTION;
	ie->has_time_sync = bits & BIT_TIME_SYNC;
	ie->has_no_audio = bits & BIT_NO_AUDIO;
	ie->control_port = reader_be16(&body);
	if (ie->control_port == 0)
		ie->control_port = CONTROL_PORT;
	ie->throughput_mbps = reader_be16(&body);
}

static void parse_capability(struct reader body, struct wfd_ie *ie)
{
	uint16_t bits = reader_be16(&body);

	ie->has_uibc = bits & BIT_UIBC;
	ie->has_standby = bits & BIT_STANDBY;
}

/* Only their number is of use; a length that is not a multiple says nothing that can be believed. */
static void parse_sessions(const struct reader *body, struct wfd_ie *ie)
{
	size_t n = reader_left(body) / SESSION_DESCRIPTOR_SIZE;

	if (reader_left(body) % SESSION_DESCRIPTOR_SIZE == 0)
		ie->sessions = (uint8_t)(n < UINT8_MAX ? n : UINT8_MAX);
}

/* Longer bodies than ours are a later release's: what we know of them stands in front. */
static void parse_subelement(uint8_t id, const struct reader *body, struct wfd_ie *ie,
			     uint32_t *seen)
{
	uint32_t bit = id < 32 ? UINT32_C(1) << id : 0;

	if (*seen & bit)
		return;
	if (id == ID_DEVICE_INFORMATION && reader_left(body) >= INFORMATION_SIZE)
		parse_information(*body, ie);
	else if (id == ID_EXTENDED_CAPABILITY && reader_left(body) >= 2)
		parse_capability(*body, ie);
	else if (id == ID_SESSION_INFORMATION)
		parse_sessions(body, ie);
	else
		return;
	*seen |= bit;
}

static int parse_subelements(const uint8_t *data, size_t size, struct wfd_ie *ret)
{
	struct reader r = reader_init(data, size);
	struct wfd_ie ie = { 0 };
	uint32_t seen = 0;

	while (reader_left(&r) > 0) {
		uint8_t id = reader_u8(&r);
		uint16_t length = reader_be16(&r);
		const uint8_t *at = reader_bytes(&r, length);
		struct reader body;

		if (!at)
			break;
		body = reader_init(at, length);
		parse_subelement(id, &body, &ie, &seen);
	}
	if (!(seen & 1u << ID_DEVICE_INFORMATION))
		return -ENOENT;
	ie.is_truncated = r.failed;
	*ret = ie;
	return 0;
}

int wfd_ie_parse(const uint8_t *data, size_t size, struct wfd_ie *ret)
{
	uint8_t joined[WFD_IE_SIZE_MAX];
	struct writer w = writer_init(joined, sizeof(joined));
	int r;

	if (size > WFD_IE_SIZE_MAX)
		return -EMSGSIZE;
	/* No subelement has this id, so the two forms cannot be confused. */
	if (size == 0 || data[0] != ELEMENT_VENDOR)
		return parse_subelements(data, size, ret);
	r = join_elements(data, size, &w);
	if (r < 0)
		return r;
	return parse_subelements(joined, writer_size(&w), ret);
}

bool wfd_ie_is_sink(const struct wfd_ie *ie)
{
	return ie->role == WFD_ROLE_PRIMARY_SINK || ie->role == WFD_ROLE_DUAL;
}

void wfd_ie_format_source(uint16_t port, uint16_t throughput_mbps,
			  uint8_t ret[static WFD_IE_SOURCE_SIZE])
{
	uint8_t bytes[WFD_IE_SOURCE_SIZE];
	struct writer w = writer_init(bytes, sizeof(bytes));

	writer_u8(&w, ID_DEVICE_INFORMATION);
	writer_be16(&w, INFORMATION_SIZE);
	writer_be16(&w, WFD_ROLE_SOURCE | AVAILABLE << AVAILABILITY_SHIFT);
	writer_be16(&w, port);
	writer_be16(&w, throughput_mbps);
	memcpy(ret, bytes, sizeof(bytes));
}

/* ---------------------------------------------------------------- names */

/* The length of a well-formed UTF-8 sequence (Unicode 15, table 3-7), or 0. */
static size_t utf8_decode(const uint8_t *p, size_t left, uint32_t *ret_code)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	size_t length = p[0] < 0x80 ? 1 : p[0] < 0xc0 ? 0 : p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 :
			p[0] < 0xf8 ? 4 : 0;
	uint32_t code;

	if (length == 0 || length > left)
		return 0;
	code = length == 1 ? p[0] : p[0] & (0x7fu >> length);
	for (size_t i = 1; i < length; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		code = code << 6 | (p[i] & 0x3f);
	}
	if (code < least[length] || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff))
		return 0;
	*ret_code = code;
	return length;
}

/* Controls, invisible and direction-turning characters, and those that Unicode calls none. */
static bool is_harmful(uint32_t c)
{
	static const struct {
		uint32_t first, last;
	} ranges[] = {
		{ 0x0000, 0x001f }, { 0x007f, 0x009f }, { 0x00ad, 0x00ad }, { 0x034f, 0x034f },
		{ 0x061c, 0x061c }, { 0x115f, 0x1160 }, { 0x17b4, 0x17b5 }, { 0x180b, 0x180f },
		{ 0x200b, 0x200f }, { 0x2028, 0x202e }, { 0x2060, 0x206f }, { 0x3164, 0x3164 },
		{ 0xfdd0, 0xfdef }, { 0xfeff, 0xfeff }, { 0xffa0, 0xffa0 }, { 0xfff0, 0xfffb },
		{ 0xe0000, 0xe0fff }, { 0xf0000, 0x10ffff },
	};

	for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++)
		if (c >= ranges[i].first && c <= ranges[i].last)
			return true;
	return (c & 0xfffe) == 0xfffe;
}

void wfd_name_clean(const void *name, size_t size, char ret[static WFD_NAME_SIZE])
{
	struct writer w = writer_init(ret, WFD_NAME_SIZE - 1);
	const uint8_t *p = name;

	while (size > 0 && !w.failed) {
		uint32_t code = 0;
		size_t length = utf8_decode(p, size, &code);

		if (length == 0 || is_harmful(code))
			writer_u8(&w, '?');
		else if (writer_size(&w) > 0 || code != ' ')
			writer_bytes(&w, p, length);
		length = length ? length : 1;
		p += length;
		size -= length;
	}
	while (writer_size(&w) > 0 && w.next[-1] == ' ')
		w.next--;
	*w.next = '\0';
}
