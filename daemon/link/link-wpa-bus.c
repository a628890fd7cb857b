// SPDX-License-Identifier: GPL-2.0-or-later
/* D-Bus for the machine over wpa_supplicant: calls that wait for nobody, dictionaries into structs. */
#include "link/link-wpa-private.h"

#include "util/log.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

int wpa_new_call(struct wpa *w, const char *path, const char *interface, const char *member,
		 sd_bus_message **ret)
{
	return sd_bus_message_new_method_call(w->bus, ret, w->owner[0] ? w->owner : WPA_NAME, path,
					      interface, member);
}

void wpa_send(struct wpa *w, sd_bus_message *m,
	      int (*on_message)(sd_bus_message *, void *, sd_bus_error *))
{
	int r;

	w->call = sd_bus_slot_unref(w->call);
	r = sd_bus_call_async(w->bus, &w->call, m, on_message, w, clock_limit_us(WPA_CALL_US));
	/* Only when the bus itself is gone; then the state's own limit ends the waiting. */
	if (r < 0)
		log_debug("wpa: cannot call: %s", strerror(-r));
}

void wpa_send_forget(struct wpa *w, sd_bus_message *m)
{
	(void)sd_bus_message_set_expect_reply(m, 0);
	(void)sd_bus_send(w->bus, m, NULL);
}

struct wpa *wpa_replied(void *userdata)
{
	struct wpa *w = userdata;

	w->call = sd_bus_slot_unref(w->call);
	return w;
}

int wpa_reply_error(sd_bus_message *m)
{
	const sd_bus_error *e = sd_bus_message_get_error(m);
	const char *name;

	if (!e)
		return 0;
	name = strrchr(e->name, '.') ? strrchr(e->name, '.') + 1 : e->name;
	/* Its text may hold what a stranger sent: the name is enough. */
	log_debug("wpa: the supplicant refuses: %s", name);
	if (strcmp(name, "InvalidArgs") == 0)
		return -EINVAL;
	if (strcmp(name, "AccessDenied") == 0)
		return -EACCES;
	if (strncmp(name, "ConnectChannel", strlen("ConnectChannel")) == 0)
		return -ECHRNG;
	if (strcmp(name, "NoReply") == 0 || strcmp(name, "Timeout") == 0)
		return -ETIMEDOUT;
	if (strcmp(name, "UnknownMethod") == 0 || strcmp(name, "UnknownObject") == 0 ||
	    strcmp(name, "UnknownInterface") == 0)
		return -ENOENT;
	return -EIO;
}

void wpa_call(struct wpa *w, const char *path, const char *interface, const char *member,
	      int (*on_message)(sd_bus_message *, void *, sd_bus_error *))
{
	_cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;

	if (wpa_new_call(w, path, interface, member, &m) >= 0)
		wpa_send(w, m, on_message);
}

void wpa_get(struct wpa *w, const char *path, const char *interface, const char *property,
	     int (*on_message)(sd_bus_message *, void *, sd_bus_error *))
{
	_cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;

	if (wpa_new_call(w, path, DBUS_PROPERTIES, property ? "Get" : "GetAll", &m) < 0 ||
	    sd_bus_message_append(m, "s", interface) < 0 ||
	    (property && sd_bus_message_append(m, "s", property) < 0))
		return;
	wpa_send(w, m, on_message);
}

/* An entry {sv} with a variant ay, which sd_bus_message_append cannot make of a buffer. */
int wpa_append_bytes(sd_bus_message *m, const char *key, const void *data, size_t size)
{
	int r = sd_bus_message_open_container(m, 'e', "sv");

	if (r < 0)
		return r;
	r = sd_bus_message_append(m, "s", key);
	if (r < 0)
		return r;
	r = sd_bus_message_open_container(m, 'v', "ay");
	if (r < 0)
		return r;
	r = sd_bus_message_append_array(m, 'y', data, size);
	if (r < 0)
		return r;
	r = sd_bus_message_close_container(m);
	return r < 0 ? r : sd_bus_message_close_container(m);
}

/* ---------------------------------------------------------------- dictionaries */

static int read_string(sd_bus_message *m, char type, char *ret, size_t size)
{
	const char *text;
	int r = sd_bus_message_read_basic(m, type, &text);

	if (r < 0)
		return r;
	if (strlen(text) < size)
		memcpy(ret, text, strlen(text) + 1);
	return 0;
}

static int read_words(sd_bus_message *m, char type, char *ret, size_t size)
{
	const char contents[] = { type, '\0' };
	const char *word;
	size_t used = 0;
	int r = sd_bus_message_enter_container(m, 'a', contents);

	if (r < 0)
		return r;
	while ((r = sd_bus_message_read_basic(m, type, &word)) > 0) {
		if (used + strlen(word) + 2 > size)
			continue;
		used += (size_t)snprintf(ret + used, size - used, "%s%s", used ? " " : "", word);
	}
	return r < 0 ? r : sd_bus_message_exit_container(m);
}

static int read_bytes(sd_bus_message *m, struct wpa_bytes *ret)
{
	const void *data;
	size_t size;
	int r = sd_bus_message_read_array(m, 'y', &data, &size);

	if (r < 0)
		return r;
	if (size <= sizeof(ret->data)) {
		if (size > 0)
			memcpy(ret->data, data, size);
		ret->size = size;
	}
	return 0;
}

static int read_number(sd_bus_message *m, char type, int64_t *ret)
{
	union {
		uint8_t y;
		int16_t n;
		uint16_t q;
		int32_t i;
		uint32_t u;
		int b;
	} v;
	int r = sd_bus_message_read_basic(m, type, &v);

	if (r < 0)
		return r;
	*ret = type == 'y' ? v.y : type == 'n' ? v.n : type == 'q' ? v.q : type == 'i' ? v.i :
	       type == 'u' ? (int64_t)v.u : v.b;
	return 0;
}

/* What is in the variant: as the field wants it, or skipped. */
static int read_contents(sd_bus_message *m, const char *contents, const struct wpa_field *f,
			 void *base)
{
	void *place = (uint8_t *)base + f->offset;

	switch (f->kind) {
	case WPA_KIND_STRING:
		if (strcmp(contents, "s") == 0 || strcmp(contents, "o") == 0)
			return read_string(m, contents[0], place, f->size);
		break;
	case WPA_KIND_WORDS:
		if (strcmp(contents, "as") == 0 || strcmp(contents, "ao") == 0)
			return read_words(m, contents[1], place, f->size);
		break;
	case WPA_KIND_NUMBER:
		if (strlen(contents) == 1 && strchr("ynqiub", contents[0]))
			return read_number(m, contents[0], place);
		break;
	case WPA_KIND_BYTES:
		if (strcmp(contents, "ay") == 0)
			return read_bytes(m, place);
		break;
	}
	return sd_bus_message_skip(m, contents);
}

int wpa_read_value(sd_bus_message *m, const struct wpa_field *field, void *ret)
{
	const char *contents;
	char type;
	int r = sd_bus_message_peek_type(m, &type, &contents);

	if (r < 0)
		return r;
	if (r == 0 || type != 'v' || !contents)
		return -EBADMSG;
	r = sd_bus_message_enter_container(m, 'v', contents);
	if (r < 0)
		return r;
	r = read_contents(m, contents, field, ret);
	return r < 0 ? r : sd_bus_message_exit_container(m);
}

static int read_entry(sd_bus_message *m, const struct wpa_field *fields, size_t n, void *ret)
{
	const char *key;
	int r = sd_bus_message_read_basic(m, 's', &key);

	if (r < 0)
		return r;
	for (size_t i = 0; i < n; i++)
		if (strcmp(key, fields[i].key) == 0)
			return wpa_read_value(m, &fields[i], ret);
	return sd_bus_message_skip(m, "v");
}

int wpa_read_dictionary(sd_bus_message *m, const struct wpa_field *fields, size_t n, void *ret)
{
	int r = sd_bus_message_enter_container(m, 'a', "{sv}");

	if (r < 0)
		return r;
	while ((r = sd_bus_message_enter_container(m, 'e', "sv")) > 0) {
		r = read_entry(m, fields, n, ret);
		if (r < 0)
			return r;
		r = sd_bus_message_exit_container(m);
		if (r < 0)
			return r;
	}
	return r < 0 ? r : sd_bus_message_exit_container(m);
}

bool wpa_has_word(const char *words, const char *word)
{
	size_t length = strlen(word);

	for (const char *at = strstr(words, word); at; at = strstr(at + 1, word))
		if ((at == words || at[-1] == ' ') && (at[length] == ' ' || at[length] == '\0'))
			return true;
	return false;
}
