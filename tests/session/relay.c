// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * relay: stands between a source and a sink on loopback and makes the link bad on purpose.
 *
 *	source (RTSP PORT) <--- TCP --- relay <--- TCP --- sink (connects to the relay)
 *	source RTP, SR     ---- UDP --> relay: impair ---> sink
 *	source             <--- UDP --- relay <----------- sink's RTCP, as it is
 *
 * Of the RTSP only the ports in SETUP and its answer are rewritten, digit for digit, so that media
 * goes through here. Measures at the place where the source's datagrams arrive: what it offers,
 * what the link carries, how long datagrams wait for it, and how soon an IDR follows a request.
 * Without root, reproducible by its seed; knows nothing of daemon/.
 */
#include "impair.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define CHANGES_MAX  64
#define REQUESTS_MAX 1024
#define CHUNK	     65536
#define VIDEO_PID    0x1011
#define BATCH	     64

enum channel {
	CHANNEL_RTP,
	CHANNEL_RTCP,
	CHANNELS
};

struct change {
	uint64_t at_ns; /* from the first datagram on */
	char text[128];
};

/* A request for an IDR and the first IDR behind it; milliseconds since the first datagram. */
struct request {
	double at_ms;
	double answer_ms; /* below 0: none came */
};

struct relay {
	uint16_t listen_port, source_port;
	const char *report_path;
	struct impair *impair;
	struct impair_settings settings;
	struct change changes[CHANGES_MAX];
	size_t n_changes, next_change;
	uint64_t start_ns; /* 0: no datagram yet */

	int signal_fd, sink_fd, source_fd;
	int inner[CHANNELS]; /* towards the source */
	int outer[CHANNELS]; /* towards the sink */
	uint16_t inner_port[CHANNELS], outer_port[CHANNELS];
	uint16_t sink_port[CHANNELS], server_port[CHANNELS];

	struct request requests[REQUESTS_MAX];
	size_t n_requests, n_answered;
	unsigned int idr_frames, receiver_reports;
};

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static void fail(const char *what)
{
	fprintf(stderr, "relay: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void fail_text(const char *what, const char *text)
{
	fprintf(stderr, "relay: %s: %s\n", what, text);
	exit(1);
}

/* ---------------------------------------------------------------- settings */

static void set_word(struct impair_settings *s, const char *word)
{
	const char *equal = strchr(word, '=');
	size_t n = equal ? (size_t)(equal - word) : 0;
	double value;
	char *end;

	if (!equal)
		fail_text("not NAME=VALUE", word);
	value = strtod(equal + 1, &end);
	if (*end || end == equal + 1 || value < 0)
		fail_text("no number", word);
#define IS(name) (n == sizeof(name) - 1 && memcmp(word, name, n) == 0)
	if (IS("loss"))
		s->loss = value / 100;
	else if (IS("duplicate"))
		s->duplicate = value / 100;
	else if (IS("reorder"))
		s->reorder = value / 100;
	else if (IS("delay"))
		s->delay_ns = (uint64_t)(value * 1e6);
	else if (IS("jitter"))
		s->jitter_ns = (uint64_t)(value * 1e6);
	else if (IS("rate"))
		s->rate_bps = (uint64_t)value;
	else if (IS("queue"))
		s->queue_bytes = (size_t)value;
	else
		fail_text("no such setting", word);
#undef IS
}

static void apply(struct relay *r, const char *text)
{
	char copy[sizeof(r->changes[0].text)];
	char *rest = copy;
	char *word;

	(void)snprintf(copy, sizeof(copy), "%s", text);
	while ((word = strsep(&rest, ",")))
		set_word(&r->settings, word);
	impair_set(r->impair, &r->settings);
}

static void run_changes(struct relay *r, uint64_t now)
{
	while (r->next_change < r->n_changes && r->start_ns &&
	       now >= r->start_ns + r->changes[r->next_change].at_ns)
		apply(r, r->changes[r->next_change++].text);
}

/* ---------------------------------------------------------------- sockets */

static struct sockaddr_in loopback(uint16_t port)
{
	return (struct sockaddr_in){ .sin_family = AF_INET,
				     .sin_port = htons(port),
				     .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
}

static int try_bind(uint16_t port, uint16_t *ret_port)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct sockaddr_in address = loopback(port);
	socklen_t size = sizeof(address);
	int buffer = 4 << 20;

	if (fd < 0)
		fail("socket");
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof(buffer));
	if (bind(fd, (struct sockaddr *)&address, size) < 0) {
		close(fd);
		return -1;
	}
	(void)getsockname(fd, (struct sockaddr *)&address, &size);
	*ret_port = ntohs(address.sin_port);
	return fd;
}

/* An even port and the next one; of five digits, as ephemeral ones are. */
static void bind_pair(int fds[CHANNELS], uint16_t ports[CHANNELS])
{
	for (int i = 0; i < 200; i++) {
		fds[0] = try_bind(0, &ports[0]);
		if (fds[0] >= 0 && ports[0] % 2 == 0 && ports[0] >= 10000) {
			fds[1] = try_bind((uint16_t)(ports[0] + 1), &ports[1]);
			if (fds[1] >= 0)
				return;
		}
		if (fds[0] >= 0)
			close(fds[0]);
	}
	fail_text("ports", "no free pair");
}

static void connect_both(struct relay *r)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_in address = loopback(r->listen_port);
	int one = 1;

	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 || listen(fd, 1) < 0)
		fail("listen");
	puts("relay: listening");
	(void)fflush(stdout);
	r->sink_fd = accept4(fd, NULL, NULL, SOCK_CLOEXEC);
	close(fd);
	r->source_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	address = loopback(r->source_port);
	if (connect(r->source_fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		fail("connect to the source");
	(void)setsockopt(r->sink_fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	(void)setsockopt(r->source_fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
}

/* ---------------------------------------------------------------- RTSP */

/* The numbers behind name, "A" or "A-B": out they go, ports come in, digit for digit. */
static void swap_ports(char *text, const char *name, uint16_t old[CHANNELS],
		       const uint16_t ports[CHANNELS])
{
	char *at = strstr(text, name);
	char number[8];

	for (int i = 0; at && i < CHANNELS; i++) {
		char *digits = i == 0 ? at + strlen(name) : at + 1;
		char *end;

		old[i] = (uint16_t)strtoul(digits, &end, 10);
		(void)snprintf(number, sizeof(number), "%u", ports[i]);
		if ((size_t)(end - digits) != strlen(number))
			fail_text("a port of other than five digits", digits);
		memcpy(digits, number, strlen(number));
		at = *end == '-' ? end : NULL;
	}
}

static double get_ms(const struct relay *r, uint64_t now)
{
	return r->start_ns ? (double)(now - r->start_ns) / 1e6 : 0;
}

static void note_request(struct relay *r, uint64_t now)
{
	if (r->n_requests < REQUESTS_MAX)
		r->requests[r->n_requests++] = (struct request){ get_ms(r, now), -1 };
}

/* One direction of the control connection; false at its end. */
static bool pass_rtsp(struct relay *r, int from, int to, uint64_t now)
{
	static char text[CHUNK];
	uint16_t ignored[CHANNELS];
	ssize_t n = read(from, text, sizeof(text) - 1);

	if (n <= 0)
		return false;
	text[n] = '\0';
	if (from == r->sink_fd && strstr(text, "SETUP "))
		swap_ports(text, "client_port=", r->sink_port, r->inner_port);
	if (from == r->sink_fd && strstr(text, "wfd_idr_request\r\n"))
		note_request(r, now);
	if (from == r->source_fd && strstr(text, "server_port=")) {
		swap_ports(text, "client_port=", ignored, r->sink_port);
		swap_ports(text, "server_port=", r->server_port, r->outer_port);
	}
	return send(to, text, (size_t)n, MSG_NOSIGNAL) == n;
}

/* ---------------------------------------------------------------- media */

/* The packet in which a PES with an SPS begins: this source has one before each IDR. */
static bool has_sps(const uint8_t *p)
{
	for (size_t i = 4; i + 4 <= 188; i++)
		if (p[i] == 0 && p[i + 1] == 0 && p[i + 2] == 1 && (p[i + 3] & 0x1f) == 7)
			return true;
	return false;
}

static bool begins_idr(const uint8_t *data, size_t size)
{
	for (size_t at = 12; at + 188 <= size; at += 188) {
		const uint8_t *p = data + at;

		if (((p[1] & 0x1f) << 8 | p[2]) == VIDEO_PID && p[1] & 0x40 && has_sps(p))
			return true;
	}
	return false;
}

static void watch(struct relay *r, const uint8_t *data, size_t size, uint64_t now)
{
	if (!begins_idr(data, size))
		return;
	r->idr_frames++;
	for (; r->n_answered < r->n_requests; r->n_answered++)
		r->requests[r->n_answered].answer_ms = get_ms(r, now);
}

static void take_from_source(struct relay *r, enum channel channel)
{
	uint8_t data[IMPAIR_SIZE_MAX];
	ssize_t n;

	for (int i = 0; i < BATCH; i++) {
		uint64_t now;

		n = recv(r->inner[channel], data, sizeof(data), 0);
		if (n < 0)
			return;
		now = now_ns();
		if (r->start_ns == 0)
			r->start_ns = now;
		run_changes(r, now);
		if (channel == CHANNEL_RTP)
			watch(r, data, (size_t)n, now);
		impair_push(r->impair, (int)channel, data, (size_t)n, now);
	}
}

static void send_on(int fd, uint16_t port, const void *data, size_t size)
{
	struct sockaddr_in to = loopback(port);

	/* A sink that is gone is no fault of the link's. */
	if (port && sendto(fd, data, size, 0, (struct sockaddr *)&to, sizeof(to)) < 0)
		return;
}

static void give_to_sink(struct relay *r)
{
	const struct impair_packet *p;

	while ((p = impair_pop(r->impair, now_ns())))
		send_on(r->outer[p->channel], r->sink_port[p->channel], p->data, p->size);
}

static void take_from_sink(struct relay *r)
{
	uint8_t data[IMPAIR_SIZE_MAX];
	ssize_t n;

	while ((n = recv(r->outer[CHANNEL_RTCP], data, sizeof(data), 0)) >= 0) {
		r->receiver_reports++;
		send_on(r->inner[CHANNEL_RTCP], r->server_port[CHANNEL_RTCP], data, (size_t)n);
	}
}

static void run(struct relay *r)
{
	struct pollfd fds[] = {
		{ r->signal_fd, POLLIN, 0 },	       { r->sink_fd, POLLIN, 0 },
		{ r->source_fd, POLLIN, 0 },	       { r->inner[CHANNEL_RTP], POLLIN, 0 },
		{ r->inner[CHANNEL_RTCP], POLLIN, 0 }, { r->outer[CHANNEL_RTCP], POLLIN, 0 },
	};

	for (;;) {
		uint64_t due = impair_deadline_ns(r->impair), now = now_ns();
		uint64_t wait = due > now ? due - now : 0;
		struct timespec timeout = { (time_t)(wait / 1000000000),
					    (long)(wait % 1000000000) };

		if (ppoll(fds, 6, due == UINT64_MAX ? NULL : &timeout, NULL) < 0 && errno != EINTR)
			fail("poll");
		now = now_ns();
		if (fds[0].revents ||
		    (fds[1].revents && !pass_rtsp(r, r->sink_fd, r->source_fd, now)) ||
		    (fds[2].revents && !pass_rtsp(r, r->source_fd, r->sink_fd, now)))
			return;
		run_changes(r, now);
		for (int c = 0; c < CHANNELS; c++)
			if (fds[3 + c].revents)
				take_from_source(r, (enum channel)c);
		if (fds[5].revents)
			take_from_sink(r);
		give_to_sink(r);
	}
}

/* ---------------------------------------------------------------- the report */

static void write_report(const struct relay *r, FILE *f)
{
	const struct impair_bin *bins;
	size_t n = impair_bins(r->impair, &bins);

	fprintf(f, "{\"bin_ms\": %g, \"idr_frames\": %u, \"receiver_reports\": %u,\n \"bins\": [",
		(double)IMPAIR_BIN_NS / 1e6, r->idr_frames, r->receiver_reports);
	for (size_t i = 0; i < n; i++)
		fprintf(f,
			"%s\n  {\"offered_bps\": %.0f, \"carried_bps\": %.0f, \"offered\": %u, "
			"\"lost\": %u, \"dropped\": %u, \"duplicated\": %u, \"reordered\": %u, "
			"\"queue_ms\": %.1f}",
			i ? "," : "", (double)bins[i].offered_bits * 1e9 / (double)IMPAIR_BIN_NS,
			(double)bins[i].carried_bits * 1e9 / (double)IMPAIR_BIN_NS, bins[i].offered,
			bins[i].lost, bins[i].dropped, bins[i].duplicated, bins[i].reordered,
			bins[i].queue_us_max / 1e3);
	fprintf(f, "\n ],\n \"idr_requests\": [");
	for (size_t i = 0; i < r->n_requests; i++)
		fprintf(f, "%s\n  {\"at_ms\": %.1f, \"answer_ms\": %.1f}", i ? "," : "",
			r->requests[i].at_ms,
			r->requests[i].answer_ms < 0
				? -1
				: r->requests[i].answer_ms - r->requests[i].at_ms);
	fprintf(f, "\n ]}\n");
}

static void parse_options(struct relay *r, int argc, char **argv)
{
	uint64_t seed = 1;

	if (argc < 4)
		fail_text(
			"usage",
			"relay LISTEN-PORT SOURCE-PORT REPORT [seed=N] [[SECONDS:]NAME=VALUE,...]\n"
			"  loss, duplicate, reorder in percent; delay, jitter in ms; rate in "
			"bit/s; "
			"queue in bytes");
	r->listen_port = (uint16_t)atoi(argv[1]);
	r->source_port = (uint16_t)atoi(argv[2]);
	r->report_path = argv[3];
	if (argc > 4 && strncmp(argv[4], "seed=", 5) == 0)
		seed = strtoull(argv[4] + 5, NULL, 10);
	r->impair = impair_new(seed);
	if (!r->impair)
		fail("memory");
	for (int i = 4; i < argc; i++) {
		const char *colon = strchr(argv[i], ':');
		struct change *c = &r->changes[r->n_changes];

		if (strncmp(argv[i], "seed=", 5) == 0)
			continue;
		if (!colon) {
			apply(r, argv[i]);
			continue;
		}
		if (++r->n_changes == CHANGES_MAX)
			fail_text("too many changes", argv[i]);
		c->at_ns = (uint64_t)(atof(argv[i]) * 1e9);
		(void)snprintf(c->text, sizeof(c->text), "%s", colon + 1);
	}
}

int main(int argc, char **argv)
{
	static struct relay r;
	sigset_t set;
	FILE *f;

	parse_options(&r, argc, argv);
	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGTERM);
	(void)sigprocmask(SIG_BLOCK, &set, NULL);
	r.signal_fd = signalfd(-1, &set, SFD_CLOEXEC);
	bind_pair(r.inner, r.inner_port);
	bind_pair(r.outer, r.outer_port);
	connect_both(&r);
	run(&r);
	f = fopen(r.report_path, "we");
	if (!f)
		fail(r.report_path);
	write_report(&r, f);
	if (fclose(f) != 0)
		fail(r.report_path);
	impair_free(r.impair);
	return 0;
}
