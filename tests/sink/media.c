// SPDX-License-Identifier: GPL-2.0-or-later
/* The data path's thread and the three signals that go back from it. */
#include "media.h"
#include "clock.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#define TICK_MS 20

struct media {
	struct media_config config;
	struct analyser *analyser;
	struct decoder *decoder;
	pthread_t thread;
	bool running;
	bool dump_failed;
	pthread_mutex_t lock;
	bool have_expect;	   /* lock */
	struct expectation expect; /* lock */
	bool have_pause, paused;   /* lock */
	_Atomic bool missing, broken; /* on the way here; in the picture */
	_Atomic uint64_t pictures;
};

static void raise_event(struct media *m)
{
	uint64_t one = 1;

	if (write(m->config.event_fd, &one, sizeof(one)) < 0)
		return; /* it is raised already */
}

static void on_missing(void *user)
{
	struct media *m = user;

	atomic_store(&m->missing, true);
	raise_event(m);
}

static void on_broken(void *user)
{
	struct media *m = user;

	atomic_store(&m->broken, true);
	raise_event(m);
}

static void on_whole(void *user)
{
	atomic_store(&((struct media *)user)->broken, false);
}

static void on_picture(void *user, uint64_t count)
{
	struct media *m = user;

	atomic_store(&m->pictures, count);
	if (count == 1)
		raise_event(m);
}

static void on_ts(void *user, const uint8_t *packets, size_t len, uint64_t arrival_us, bool gap)
{
	struct media *m = user;

	(void)arrival_us;
	(void)gap;
	if (m->config.dump && fwrite(packets, 1, len, m->config.dump) != len)
		m->dump_failed = true;
	decoder_push(m->decoder, packets, len);
}

static const struct analyser_ops analyser_ops = { .on_ts = on_ts, .on_trouble = on_missing };
static const struct decoder_ops decoder_ops = { .on_picture = on_picture,
						.on_trouble = on_broken,
						.on_whole = on_whole };

int media_new(const struct media_config *config, struct media **ret)
{
	struct media *m = calloc(1, sizeof(*m));
	int r;

	if (!m)
		return -ENOMEM;
	m->config = *config;
	pthread_mutex_init(&m->lock, NULL);
	r = analyser_new(&analyser_ops, m, &m->analyser);
	if (r == 0)
		r = decoder_new(&decoder_ops, m, config->frames, &m->decoder);
	if (r < 0) {
		media_free(m);
		return r;
	}
	*ret = m;
	return 0;
}

/* What the exchange has said since the last datagram. */
static void take_news(struct media *m)
{
	pthread_mutex_lock(&m->lock);
	if (m->have_pause)
		analyser_pause(m->analyser, m->paused);
	m->have_pause = false;
	if (m->have_expect)
		analyser_expect(m->analyser, &m->expect);
	m->have_expect = false;
	pthread_mutex_unlock(&m->lock);
}

static void *run(void *user)
{
	struct media *m = user;

	for (;;) {
		const uint8_t *datagram;
		uint64_t arrival_us;
		int n = receiver_next(m->config.receiver, TICK_MS, &datagram, &arrival_us);

		if (n == -ESHUTDOWN)
			break;
		take_news(m);
		if (m->config.rtcp && n > 0)
			rtcp_push(m->config.rtcp, datagram, (size_t)n, arrival_us);
		if (m->config.rtcp)
			rtcp_tick(m->config.rtcp, clock_now_us());
		if (n > 0)
			analyser_push_datagram(m->analyser, datagram, (size_t)n, arrival_us);
		else
			analyser_tick(m->analyser, clock_now_us());
	}
	analyser_finish(m->analyser);
	return NULL;
}

int media_start(struct media *m)
{
	int r = pthread_create(&m->thread, NULL, run, m);

	m->running = r == 0;
	return -r;
}

void media_expect(struct media *m, const struct expectation *expect)
{
	pthread_mutex_lock(&m->lock);
	m->expect = *expect;
	m->have_expect = true;
	pthread_mutex_unlock(&m->lock);
}

void media_pause(struct media *m, bool paused)
{
	pthread_mutex_lock(&m->lock);
	m->paused = paused;
	m->have_pause = true;
	pthread_mutex_unlock(&m->lock);
}

bool media_wants_idr(struct media *m)
{
	return atomic_load(&m->missing) || atomic_load(&m->broken);
}

void media_forget_trouble(struct media *m)
{
	atomic_store(&m->missing, false);
	atomic_store(&m->broken, false);
}

uint64_t media_pictures(struct media *m)
{
	return atomic_load(&m->pictures);
}

void media_stop(struct media *m)
{
	if (m->running)
		pthread_join(m->thread, NULL);
	m->running = false;
	if (m->decoder)
		decoder_stop(m->decoder);
}

struct media *media_free(struct media *m)
{
	if (!m)
		return NULL;
	m->decoder = decoder_free(m->decoder);
	analyser_free(m->analyser);
	pthread_mutex_destroy(&m->lock);
	free(m);
	return NULL;
}

const struct analyser *media_analyser(const struct media *m)
{
	return m->analyser;
}

struct decoder *media_decoder(struct media *m)
{
	return m->decoder;
}

bool media_dump_failed(const struct media *m)
{
	return m->dump_failed;
}
