// SPDX-License-Identifier: GPL-2.0-or-later
/* The control connection's bytes and the directives that act on them. */
#include "wire.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define QUEUE_MAX 4096 /* pieces */

enum action {
	ACTION_NONE,
	ACTION_CLOSE,
	ACTION_RESET,
	ACTION_HALF_CLOSE,
	ACTION_SILENT,
	ACTION_DEAF,
};

struct piece {
	struct piece *next;
	uint64_t due_us;
	enum action action; /* when its bytes are out */
	bool message;	    /* a whole one, that the next may join */
	size_t len, sent;
	char data[];
};

struct wire {
	int fd;
	struct profile *profile;
	FILE *log;
	uint64_t start_us;
	struct piece *first, *last;
	size_t queued;
	bool silent, deaf;
	enum wire_end end;
	int error;
	size_t input_len;
	char input[MESSAGE_MAX];
};

int wire_new(int fd, struct profile *profile, FILE *log, uint64_t start_us, struct wire **ret)
{
	struct wire *w = calloc(1, sizeof(*w));

	if (!w)
		return -ENOMEM;
	w->fd = fd;
	w->profile = profile;
	w->log = log;
	w->start_us = start_us;
	*ret = w;
	return 0;
}

static void drop_first(struct wire *w)
{
	struct piece *piece = w->first;

	w->first = piece->next;
	if (!w->first)
		w->last = NULL;
	w->queued--;
	free(piece);
}

struct wire *wire_free(struct wire *w)
{
	if (!w)
		return NULL;
	while (w->first)
		drop_first(w);
	close(w->fd);
	free(w);
	return NULL;
}

static void log_bytes(struct wire *w, const char *arrow, const char *p, size_t len, uint64_t now_us)
{
	bool fresh = true;

	if (!w->log)
		return;
	fprintf(w->log, "%.6f %s\n", (double)(now_us - w->start_us) / 1e6, arrow);
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)p[i];

		if (fresh)
			fputs("    ", w->log);
		fresh = c == '\n';
		if (c == '\n')
			fputs("\\n\n", w->log);
		else if (c == '\r')
			fputs("\\r", w->log);
		else if (c == '\\')
			fputs("\\\\", w->log);
		else if (c < 0x20 || c >= 0x7f)
			fprintf(w->log, "\\x%02x", c);
		else
			fputc(c, w->log);
	}
	if (!fresh)
		fputc('\n', w->log);
}

static int queue(struct wire *w, const char *data, size_t len, uint64_t due_us, enum action action)
{
	struct piece *piece;

	if (w->queued == QUEUE_MAX)
		return -ENOBUFS;
	piece = malloc(sizeof(*piece) + len);
	if (!piece)
		return -ENOMEM;
	*piece = (struct piece){ .due_us = due_us, .action = action, .len = len };
	if (len)
		memcpy(piece->data, data, len);
	if (w->last)
		w->last->next = piece;
	else
		w->first = piece;
	w->last = piece;
	w->queued++;
	return 0;
}

/* Behind the last whole message, in one piece with it. */
static int join(struct wire *w, const char *data, size_t len)
{
	struct piece *piece = w->last;
	uint64_t due_us = piece->due_us;
	struct piece *before = w->first;
	char *both = malloc(piece->len + len);
	int r;

	if (!both)
		return -ENOMEM;
	memcpy(both, piece->data, piece->len);
	memcpy(both + piece->len, data, len);
	while (before != piece && before->next != piece)
		before = before->next;
	r = queue(w, both, piece->len + len, due_us, ACTION_NONE);
	free(both);
	if (r < 0)
		return r;
	/* The new piece takes the old one's place. */
	if (before == piece)
		w->first = piece->next;
	else
		before->next = piece->next;
	w->queued--;
	free(piece);
	return 0;
}

static int queue_split(struct wire *w, const struct directive *d, const char *data, size_t len,
		       uint64_t due_us)
{
	size_t step = d->bytes ? d->bytes : 1;
	uint64_t wait_us = d->every_us ? d->every_us : d->delay_us ? d->delay_us : 50000;

	for (size_t at = 0; at < len;) {
		size_t part = len - at < step ? len - at : step;
		int r;

		if (at && !d->every_us)
			part = len - at;
		r = queue(w, data + at, part, due_us, ACTION_NONE);
		if (r < 0)
			return r;
		at += part;
		due_us += wait_us;
	}
	return 0;
}

static int queue_message(struct wire *w, enum message_name name, const char *data, size_t len,
			 uint64_t due_us, bool joined)
{
	const struct directive *cut = profile_take(w->profile, DIRECTIVE_CUT, name);
	const struct directive *split = profile_take(w->profile, DIRECTIVE_SPLIT, name);
	int r;

	if (cut)
		return queue(w, data, len < cut->bytes ? len : cut->bytes, due_us,
			     cut->hold ? ACTION_SILENT : ACTION_CLOSE);
	if (split) {
		r = queue_split(w, split, data, len, due_us);
		if (r == 0 && w->last)
			w->last->message = true; /* its end: the next may join */
		return r;
	}
	if (joined && w->last && w->last->message && !w->last->sent)
		return join(w, data, len);
	r = queue(w, data, len, due_us, ACTION_NONE);
	if (r == 0)
		w->last->message = true;
	return r;
}

static int queue_garbage(struct wire *w, enum directive_kind kind, enum message_name name,
			 uint64_t due_us)
{
	const struct directive *d = profile_take(w->profile, kind, name);

	return d ? queue(w, d->data.at, d->data.len, due_us, ACTION_NONE) : 0;
}

static int queue_ends(struct wire *w, enum message_name name, uint64_t due_us)
{
	static const struct {
		enum directive_kind kind;
		enum action action;
	} ends[] = {
		{ DIRECTIVE_SILENT_AFTER, ACTION_SILENT },
		{ DIRECTIVE_DEAF_AFTER, ACTION_DEAF },
		{ DIRECTIVE_HALF_CLOSE_AFTER, ACTION_HALF_CLOSE },
		{ DIRECTIVE_RESET_AFTER, ACTION_RESET },
		{ DIRECTIVE_CLOSE_AFTER, ACTION_CLOSE },
	};

	for (size_t i = 0; i < sizeof(ends) / sizeof(*ends); i++) {
		const struct directive *d = profile_take(w->profile, ends[i].kind, name);
		int r = d ? queue(w, NULL, 0, due_us + d->delay_us, ends[i].action) : 0;

		if (r < 0)
			return r;
	}
	return 0;
}

int wire_send(struct wire *w, enum message_name name, const char *data, size_t len, uint64_t now_us,
	      uint64_t delay_us, bool joined)
{
	uint64_t due_us = now_us + delay_us;
	bool twice;
	int r;

	if (w->silent || w->end != WIRE_OPEN)
		return 0;
	r = queue_garbage(w, DIRECTIVE_GARBAGE_BEFORE, name, due_us);
	if (r == 0)
		r = queue_message(w, name, data, len, due_us, joined);
	twice = profile_take(w->profile, DIRECTIVE_TWICE, name);
	if (r == 0 && twice)
		r = queue(w, data, len, due_us, ACTION_NONE);
	if (r == 0)
		r = queue_garbage(w, DIRECTIVE_GARBAGE_AFTER, name, due_us);
	return r < 0 ? r : queue_ends(w, name, due_us);
}

static void act(struct wire *w, enum action action)
{
	struct linger reset = { .l_onoff = 1 };

	switch (action) {
	case ACTION_NONE:
		break;
	case ACTION_RESET:
		setsockopt(w->fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
		w->end = WIRE_CLOSED_BY_PROFILE;
		break;
	case ACTION_CLOSE:
		w->end = WIRE_CLOSED_BY_PROFILE;
		break;
	case ACTION_HALF_CLOSE:
		shutdown(w->fd, SHUT_WR);
		w->silent = true;
		break;
	case ACTION_SILENT:
		w->silent = true;
		break;
	case ACTION_DEAF:
		w->deaf = true;
		break;
	}
}

void wire_flush(struct wire *w, uint64_t now_us)
{
	while (w->first && w->first->due_us <= now_us && w->end == WIRE_OPEN) {
		struct piece *piece = w->first;
		ssize_t n;

		if (!w->silent && piece->sent < piece->len) {
			n = send(w->fd, piece->data + piece->sent, piece->len - piece->sent,
				 MSG_NOSIGNAL);
			if (n < 0 && (errno == EAGAIN || errno == EINTR))
				return;
			if (n < 0) {
				w->error = errno;
				w->end = WIRE_FAILED;
				return;
			}
			log_bytes(w, "-> to the source", piece->data + piece->sent, (size_t)n,
				  now_us);
			piece->sent += (size_t)n;
			if (piece->sent < piece->len)
				continue;
		}
		act(w, piece->action);
		drop_first(w);
	}
}

void wire_read(struct wire *w, uint64_t now_us)
{
	ssize_t n;

	if (w->profile->one_message_per_recv)
		w->input_len = 0; /* such a sink has forgotten the rest */
	n = recv(w->fd, w->input + w->input_len, sizeof(w->input) - w->input_len, 0);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		if (w->input_len)
			log_bytes(w, "<- from the source, incomplete", w->input, w->input_len,
				  now_us);
		w->error = n < 0 ? errno : 0;
		w->end = n < 0 ? WIRE_FAILED : WIRE_CLOSED_BY_PEER;
		return;
	}
	w->input_len += (size_t)n;
}

struct text wire_input(const struct wire *w)
{
	return (struct text){ w->input, w->input_len };
}

void wire_log_input(struct wire *w, size_t len, uint64_t now_us)
{
	log_bytes(w, "<- from the source", w->input, len, now_us);
}

void wire_consume(struct wire *w, size_t len)
{
	if (w->profile->one_message_per_recv)
		len = w->input_len;
	memmove(w->input, w->input + len, w->input_len - len);
	w->input_len -= len;
}

short wire_events(const struct wire *w, uint64_t now_us)
{
	short events = w->deaf ? 0 : POLLIN;

	if (w->first && w->first->due_us <= now_us)
		events |= POLLOUT;
	return events;
}

uint64_t wire_deadline(const struct wire *w)
{
	return w->first ? w->first->due_us : UINT64_MAX;
}

int wire_fd(const struct wire *w)
{
	return w->fd;
}

enum wire_end wire_end(const struct wire *w, int *ret_error)
{
	*ret_error = w->error;
	return w->end;
}

bool wire_is_silent(const struct wire *w)
{
	return w->silent || w->deaf;
}
