// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The properties of a peer as they come over the bus: any keys, of any types, in any order. What comes
 * out is a sink with a clean name, or nothing at all.
 */
#include "link/link-wpa-private.h"
#include "util/bytes.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const keys[] = {
	"DeviceName", "PrimaryDeviceType", "IEs", "DeviceAddress", "config_method", "level",
	"groupcapability", "Manufacturer",
};
static const char types[] = "sayqindbxv";

/* Messages are made for a bus; nobody listens at the other end of this one. */
static sd_bus *open_bus(void)
{
	sd_bus *bus = NULL;
	int fds[2];

	assert(socketpair(AF_UNIX, SOCK_STREAM, 0, fds) == 0);
	assert(sd_bus_new(&bus) >= 0 && sd_bus_set_fd(bus, fds[0], fds[0]) >= 0);
	assert(sd_bus_start(bus) >= 0);
	return bus;
}

/* As the library demands: text without a zero, in UTF-8. */
static void append_text(sd_bus_message *m, const uint8_t *data, size_t size)
{
	char *text = calloc(1, size + 1);

	assert(text);
	for (size_t i = 0; i < size; i++)
		text[i] = (char)(data[i] & 0x7f ? data[i] & 0x7f : ' ');
	/* U+202E, which turns the direction of what follows. */
	if (size >= 3 && data[0] == 0xe2)
		memcpy(text, "\xe2\x80\xae", 3);
	assert(sd_bus_message_append(m, "v", "s", text) >= 0);
	free(text);
}

static void append_value(sd_bus_message *m, char type, const uint8_t *data, size_t size)
{
	uint64_t number = 0;

	memcpy(&number, data, size < sizeof(number) ? size : sizeof(number));
	switch (type) {
	case 's':
		append_text(m, data, size);
		break;
	case 'a':
		assert(sd_bus_message_open_container(m, 'v', "ay") >= 0);
		assert(sd_bus_message_append_array(m, 'y', data, size) >= 0);
		assert(sd_bus_message_close_container(m) >= 0);
		break;
	case 'y':
	case 'q':
	case 'n':
	case 'i':
	case 'b':
		assert(sd_bus_message_append(m, "v", (char[]){ type, 0 }, (int)number) >= 0);
		break;
	case 'x':
		assert(sd_bus_message_append(m, "v", "x", number) >= 0);
		break;
	case 'd':
		assert(sd_bus_message_append(m, "v", "d", (double)number) >= 0);
		break;
	default:
		assert(sd_bus_message_append(m, "v", "v", "u", (uint32_t)number) >= 0);
		break;
	}
}

/* Of each entry two bytes: which key and type, and how many bytes follow for the value. */
static void append_entries(sd_bus_message *m, struct reader *r)
{
	while (reader_left(r) >= 2) {
		uint8_t what = reader_u8(r);
		size_t length = reader_u8(r);
		const uint8_t *value;

		length = length < reader_left(r) ? length : reader_left(r);
		value = reader_bytes(r, length);
		assert(sd_bus_message_open_container(m, 'e', "sv") >= 0);
		assert(sd_bus_message_append(m, "s", keys[what & 7]) >= 0);
		append_value(m, types[(what >> 3) % (sizeof(types) - 1)], value, length);
		assert(sd_bus_message_close_container(m) >= 0);
	}
}

static void check_sink(const struct link_sink *sink)
{
	char again[WFD_NAME_SIZE];

	assert(wfd_ie_is_sink(&sink->wfd) && sink->wfd.control_port != 0);
	assert(memchr(sink->name, '\0', sizeof(sink->name)));
	wfd_name_clean(sink->name, strlen(sink->name), again);
	assert(strcmp(sink->name, again) == 0);
	assert(sink->signal_dbm <= 0 && sink->signal_dbm > -120);
	assert((sink->methods & ~7u) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static sd_bus *bus;
	struct reader r = reader_init(data, size);
	struct link_sink sink = { .signal_dbm = 1 };
	sd_bus_message *m = NULL;

	bus = bus ? bus : open_bus();
	assert(sd_bus_message_new_signal(bus, &m, "/", "a.b", "c") >= 0);
	assert(sd_bus_message_open_container(m, 'a', "{sv}") >= 0);
	append_entries(m, &r);
	assert(sd_bus_message_close_container(m) >= 0);
	assert(sd_bus_message_seal(m, 1, 0) >= 0);
	if (wpa_peer_read(m, &sink) >= 0)
		check_sink(&sink);
	else
		assert(sink.signal_dbm == 1);
	sd_bus_message_unref(m);
	return 0;
}
