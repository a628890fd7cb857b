// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * RTSP framing: the first byte chooses how the rest is cut. Whatever the cuts, the same messages
 * and the same error must come out, and every message must lie within what was fed.
 */
#include "rtsp/message.h"
#include "rtsp/transport.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct outcome {
	unsigned n;
	uint64_t hash;
	enum rtsp_error error;
	bool partial;
};

static uint64_t add(uint64_t hash, struct text t)
{
	for (size_t i = 0; i < t.size; i++)
		hash = (hash ^ (uint8_t)t.data[i]) * UINT64_C(0x100000001b3);
	return hash * 31 + t.size;
}

static void check_inside(const struct rtsp_message *m, struct text t)
{
	if (t.size == 0)
		return;
	assert(t.data >= m->raw.data && t.data + t.size <= m->raw.data + m->raw.size);
}

static void take(struct outcome *o, const struct rtsp_message *m)
{
	struct rtsp_transport transport;
	char shown[32];

	o->n++;
	assert(rtsp_method_to_string(m->method) && rtsp_status_to_string(m->status));
	o->hash = add(add(add(o->hash, m->method_text), m->uri), m->reason);
	check_inside(m, m->method_text);
	check_inside(m, m->uri);
	check_inside(m, m->reason);
	check_inside(m, m->body);
	assert(m->n_headers <= RTSP_HEADERS_MAX && m->body.size <= RTSP_BODY_SIZE_MAX);
	assert(m->is_request || (m->status >= 100 && m->status < 600));
	for (size_t i = 0; i < m->n_headers; i++) {
		check_inside(m, m->headers[i].name);
		check_inside(m, m->headers[i].value);
		assert(m->headers[i].name.size > 0);
		o->hash = add(add(o->hash, m->headers[i].name), m->headers[i].value);
	}
	o->hash = add(o->hash, m->body) + m->cseq + m->has_cseq;
	if (rtsp_transport_parse(rtsp_message_header(m, "Transport"), &transport) == 0)
		assert(!transport.rtcp_port || transport.rtcp_port > transport.rtp_port);
	text_copy_printable(m->uri, shown, sizeof(shown));
	assert(strlen(shown) < sizeof(shown));
}

static struct outcome feed(const uint8_t *data, size_t size, unsigned cuts)
{
	static struct rtsp_framer framer;
	struct outcome o = { 0 };
	struct rtsp_message m;
	int r = 0;

	rtsp_framer_init(&framer);
	while (size && r >= 0) {
		size_t room, part = cuts ? cuts % 97 + 1 : size;
		char *to = rtsp_framer_room(&framer, &room);

		assert(room > 0);
		cuts = cuts ? cuts * 1103515245u + 12345u : 0;
		cuts = cuts == 0 ? 0 : cuts >> 1 | 1;
		part = part < size ? part : size;
		part = part < room ? part : room;
		memcpy(to, data, part);
		rtsp_framer_push(&framer, part);
		data += part;
		size -= part;
		while ((r = rtsp_framer_next(&framer, &m)) > 0)
			take(&o, &m);
	}
	o.error = framer.error;
	assert(rtsp_error_to_string(o.error)[0] != '?');
	o.partial = rtsp_framer_is_partial(&framer);
	return o;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct outcome whole, cut;

	if (size < 1)
		return 0;
	whole = feed(data + 1, size - 1, 0);
	cut = feed(data + 1, size - 1, data[0] + 1u);
	assert(whole.n == cut.n && whole.hash == cut.hash && whole.error == cut.error);
	assert(whole.error || whole.partial == cut.partial);
	return 0;
}
