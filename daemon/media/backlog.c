// SPDX-License-Identifier: GPL-2.0-or-later
#include "media/backlog.h"

#include "util/clock.h"

#define MARK_NS (10 * NSEC_PER_MSEC)

static unsigned int get_index(const struct backlog *b, unsigned int back)
{
	return (b->next + BACKLOG_MARKS - 1 - back) % BACKLOG_MARKS;
}

void backlog_mark(struct backlog *b, uint64_t sent, uint64_t now_ns)
{
	if (b->n > 0 && now_ns < b->marks[get_index(b, 0)].time_ns + MARK_NS)
		return;
	b->marks[b->next].time_ns = now_ns;
	b->marks[b->next].sent = sent;
	b->next = (b->next + 1) % BACKLOG_MARKS;
	if (b->n < BACKLOG_MARKS)
		b->n++;
}

/* The oldest byte that waits went in after the last mark at which less had been sent. */
uint64_t backlog_age_ns(struct backlog *b, uint64_t sent, size_t waiting, uint64_t now_ns)
{
	uint64_t gone = sent > waiting ? sent - waiting : 0;
	uint64_t since_ns = now_ns;

	backlog_mark(b, sent, now_ns);
	if (waiting == 0)
		return 0;
	for (unsigned int i = 0; i < b->n; i++) {
		unsigned int at = get_index(b, i);

		since_ns = b->marks[at].time_ns;
		if (b->marks[at].sent <= gone)
			break;
	}
	return now_ns - since_ns;
}
