// SPDX-License-Identifier: GPL-2.0-or-later
#include "impair.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define PACKETS	       4096
#define REORDER_BY     3		 /* datagrams that overtake a reordered one */
#define REORDER_MAX_NS UINT64_C(5000000) /* it does not wait longer for them */
#define NSEC_PER_SEC   UINT64_C(1000000000)

struct list {
	struct impair_packet *at[PACKETS];
	size_t n;
};

struct impair {
	struct impair_settings settings;
	uint64_t random;
	struct list free, queue;      /* queue: in order of arrival */
	struct list flying;	      /* in order of release, the last first */
	struct list held;	      /* to be overtaken, in order of arrival */
	unsigned int passed[PACKETS]; /* by how many each of them was */
	size_t queued_bytes;
	uint64_t link_free_ns;	  /* the link has sent what it had by then */
	uint64_t last_release_ns; /* of those that keep their order */
	uint64_t start_ns;
	struct impair_bin bins[IMPAIR_BINS];
	size_t n_bins;
	struct impair_packet packets[PACKETS];
};

struct impair *impair_new(uint64_t seed)
{
	struct impair *m = calloc(1, sizeof(*m));

	if (!m)
		return NULL;
	m->random = seed * 2 + 1;
	for (size_t i = 0; i < PACKETS; i++)
		m->free.at[m->free.n++] = &m->packets[i];
	return m;
}

void impair_free(struct impair *m)
{
	free(m);
}

void impair_set(struct impair *m, const struct impair_settings *settings)
{
	m->settings = *settings;
}

/* xorshift64*: the same on every machine. */
static double draw(struct impair *m)
{
	m->random ^= m->random >> 12;
	m->random ^= m->random << 25;
	m->random ^= m->random >> 27;
	return (double)(m->random * UINT64_C(0x2545f4914f6cdd1d) >> 11) /
	       (double)(UINT64_C(1) << 53);
}

static struct impair_bin *get_bin(struct impair *m, uint64_t now_ns)
{
	size_t i;

	if (m->start_ns == 0)
		m->start_ns = now_ns;
	i = (size_t)((now_ns - m->start_ns) / IMPAIR_BIN_NS);
	if (i >= IMPAIR_BINS)
		i = IMPAIR_BINS - 1;
	if (i >= m->n_bins)
		m->n_bins = i + 1;
	return &m->bins[i];
}

static struct impair_packet *take_first(struct list *l)
{
	struct impair_packet *p = l->at[0];

	memmove(l->at, l->at + 1, --l->n * sizeof(l->at[0]));
	return p;
}

static void enqueue(struct impair *m, int channel, const void *data, size_t size, uint64_t now_ns)
{
	struct impair_packet *p;

	if (m->free.n == 0 ||
	    (m->settings.rate_bps && m->queued_bytes + size > m->settings.queue_bytes)) {
		get_bin(m, now_ns)->dropped++;
		return;
	}
	p = m->free.at[--m->free.n];
	p->time_ns = now_ns;
	p->size = size;
	p->channel = channel;
	memcpy(p->data, data, size);
	m->queue.at[m->queue.n++] = p;
	m->queued_bytes += size;
}

void impair_push(struct impair *m, int channel, const void *data, size_t size, uint64_t now_ns)
{
	struct impair_bin *bin = get_bin(m, now_ns);

	bin->offered++;
	bin->offered_bits += (size + IMPAIR_HEADERS) * 8;
	if (size > IMPAIR_SIZE_MAX || draw(m) < m->settings.loss) {
		bin->lost++;
		return;
	}
	enqueue(m, channel, data, size, now_ns);
	if (draw(m) < m->settings.duplicate) {
		bin->duplicated++;
		enqueue(m, channel, data, size, now_ns);
	}
}

/* When the link will have sent the head of the queue. */
static uint64_t get_finish(const struct impair *m)
{
	const struct impair_packet *p = m->queue.at[0];
	uint64_t start_ns = p->time_ns > m->link_free_ns ? p->time_ns : m->link_free_ns;

	if (m->settings.rate_bps == 0)
		return p->time_ns;
	return start_ns + (p->size + IMPAIR_HEADERS) * 8 * NSEC_PER_SEC / m->settings.rate_bps;
}

/* Into the list of those on their way, which is nearly sorted by nature. */
static void fly(struct impair *m, struct impair_packet *p)
{
	size_t i = 0;

	while (i < m->flying.n && m->flying.at[i]->time_ns > p->time_ns)
		i++;
	memmove(m->flying.at + i + 1, m->flying.at + i,
		(m->flying.n - i) * sizeof(m->flying.at[0]));
	m->flying.at[i] = p;
	m->flying.n++;
}

/* Those that were overtaken often enough, or for too long, come behind what is released now. */
static void release_held(struct impair *m, uint64_t release_ns)
{
	while (m->held.n > 0 && (m->passed[0] >= REORDER_BY ||
				 release_ns >= m->held.at[0]->time_ns + REORDER_MAX_NS)) {
		struct impair_packet *p = take_first(&m->held);

		memmove(m->passed, m->passed + 1, m->held.n * sizeof(m->passed[0]));
		p->time_ns = release_ns;
		fly(m, p);
	}
}

static void cross(struct impair *m, struct impair_packet *p, uint64_t finish_ns)
{
	uint64_t release_ns = finish_ns + m->settings.delay_ns +
			      (uint64_t)(draw(m) * (double)m->settings.jitter_ns);

	if (release_ns < m->last_release_ns)
		release_ns = m->last_release_ns;
	m->last_release_ns = release_ns;
	p->time_ns = release_ns;
	if (draw(m) < m->settings.reorder) {
		m->passed[m->held.n] = 0;
		m->held.at[m->held.n++] = p;
		get_bin(m, finish_ns)->reordered++;
		return;
	}
	fly(m, p);
	for (size_t i = 0; i < m->held.n; i++)
		m->passed[i]++;
	release_held(m, release_ns);
}

static void run_link(struct impair *m, uint64_t now_ns)
{
	while (m->queue.n > 0) {
		uint64_t finish_ns = get_finish(m);
		struct impair_packet *p;
		struct impair_bin *bin;
		uint32_t waited_us;

		if (finish_ns > now_ns)
			return;
		p = take_first(&m->queue);
		bin = get_bin(m, finish_ns);
		waited_us = (uint32_t)((finish_ns - p->time_ns) / 1000);
		m->link_free_ns = finish_ns;
		m->queued_bytes -= p->size;
		bin->carried_bits += (p->size + IMPAIR_HEADERS) * 8;
		if (waited_us > bin->queue_us_max)
			bin->queue_us_max = waited_us;
		cross(m, p, finish_ns);
	}
}

const struct impair_packet *impair_pop(struct impair *m, uint64_t now_ns)
{
	struct impair_packet *p;

	run_link(m, now_ns);
	release_held(m, now_ns);
	if (m->flying.n == 0 || m->flying.at[m->flying.n - 1]->time_ns > now_ns)
		return NULL;
	p = m->flying.at[--m->flying.n];
	m->free.at[m->free.n++] = p; /* nobody takes it before the next push */
	return p;
}

uint64_t impair_deadline_ns(const struct impair *m)
{
	uint64_t due_ns = m->queue.n > 0 ? get_finish(m) : UINT64_MAX;

	if (m->flying.n > 0 && m->flying.at[m->flying.n - 1]->time_ns < due_ns)
		due_ns = m->flying.at[m->flying.n - 1]->time_ns;
	if (m->held.n > 0 && m->held.at[0]->time_ns + REORDER_MAX_NS < due_ns)
		due_ns = m->held.at[0]->time_ns + REORDER_MAX_NS;
	return due_ns;
}

size_t impair_bins(const struct impair *m, const struct impair_bin **ret)
{
	*ret = m->bins;
	return m->n_bins;
}
