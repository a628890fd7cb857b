/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Bounded reading and writing of bytes with a sticky error: every access is checked here, a parser
 * checks once at its end. A failed reader yields zeros, a failed writer writes nothing more.
 * Knows no format.
 */
#ifndef MIRACAST_UTIL_BYTES_H
#define MIRACAST_UTIL_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct reader {
	const uint8_t *next;
	const uint8_t *end;
	bool failed;
};

static inline struct reader reader_init(const void *data, size_t size)
{
	return (struct reader){ .next = data, .end = (const uint8_t *)data + size };
}

static inline size_t reader_left(const struct reader *r)
{
	return r->failed ? 0 : (size_t)(r->end - r->next);
}

/* The next size bytes, or NULL (and the reader failed) when there are fewer. */
static inline const uint8_t *reader_bytes(struct reader *r, size_t size)
{
	const uint8_t *at = r->next;

	if (reader_left(r) < size) {
		r->failed = true;
		return NULL;
	}
	r->next += size;
	return at;
}

static inline uint8_t reader_u8(struct reader *r)
{
	const uint8_t *p = reader_bytes(r, 1);

	return p ? p[0] : 0;
}

static inline uint16_t reader_be16(struct reader *r)
{
	const uint8_t *p = reader_bytes(r, 2);

	return (uint16_t)(p ? p[0] << 8 | p[1] : 0);
}

static inline uint32_t reader_be32(struct reader *r)
{
	const uint8_t *p = reader_bytes(r, 4);

	return p ? (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3] : 0;
}

struct writer {
	uint8_t *start;
	uint8_t *next;
	uint8_t *end;
	bool failed;
};

static inline struct writer writer_init(void *data, size_t size)
{
	return (struct writer){ .start = data, .next = data, .end = (uint8_t *)data + size };
}

static inline size_t writer_size(const struct writer *w)
{
	return (size_t)(w->next - w->start);
}

/* Room for size bytes, or NULL (and the writer failed) when there is less. */
static inline uint8_t *writer_room(struct writer *w, size_t size)
{
	uint8_t *at = w->next;

	if (w->failed || (size_t)(w->end - w->next) < size) {
		w->failed = true;
		return NULL;
	}
	w->next += size;
	return at;
}

static inline void writer_bytes(struct writer *w, const void *data, size_t size)
{
	uint8_t *p = writer_room(w, size);

	if (p && size)
		memcpy(p, data, size);
}

static inline void writer_u8(struct writer *w, uint8_t value)
{
	uint8_t *p = writer_room(w, 1);

	if (p)
		p[0] = value;
}

static inline void writer_be16(struct writer *w, uint16_t value)
{
	uint8_t *p = writer_room(w, 2);

	if (p) {
		p[0] = (uint8_t)(value >> 8);
		p[1] = (uint8_t)value;
	}
}

static inline void writer_be32(struct writer *w, uint32_t value)
{
	uint8_t *p = writer_room(w, 4);

	if (p) {
		p[0] = (uint8_t)(value >> 24);
		p[1] = (uint8_t)(value >> 16);
		p[2] = (uint8_t)(value >> 8);
		p[3] = (uint8_t)value;
	}
}

#endif
