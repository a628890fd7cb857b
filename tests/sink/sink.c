// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * miracast-sink: a Wi-Fi Display sink for tests, demonstrations and debugging. This file has the
 * options and the order of life: profile, port, connection, exchange and media side by side, end,
 * report. It knows neither messages nor packets.
 */
#include "analyse.h"
#include "clock.h"
#include "connect.h"
#include "decode.h"
#include "media.h"
#include "profile.h"
#include "receive.h"
#include "sink-report.h"
#include "rtsp.h"
#include "wire.h"

#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#define PORT_TRIES 16
#define OWED_US    50000 /* how often a request that may not be made yet is tried again */

enum exit_code {
	EXIT_DONE = 0,
	EXIT_INTERNAL = 1,
	EXIT_USAGE = 2,
	EXIT_CONNECT = 3,
	EXIT_SESSION = 4,
	EXIT_NO_PICTURE = 5,
	EXIT_RULES = 6,
};

struct options {
	struct endpoint source;
	bool have_source;
	const char *profile, *report, *picture, *dump, *rtsp_log, *frames, *analyse;
	uint64_t wait_us, play_us, idr_us;
	bool strict, quiet;
	struct tolerated tolerated;
};

struct sink {
	struct options o;
	struct profile *profile;
	struct receiver *receiver;
	struct rtcp *rtcp;
	struct media *media;
	struct wire *wire;
	struct rtsp *rtsp;
	FILE *report, *dump, *rtsp_log, *frames;
	int signal_fd, event_fd;
	unsigned port;
	uint64_t connected_us, end_us, idr_due_us;
	char result[256];
};

static int __attribute__((format(printf, 3, 4)))
fail(struct sink *s, int code, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	vsnprintf(s->result, sizeof(s->result), format, ap);
	va_end(ap);
	fprintf(stderr, "miracast-sink: %s\n", s->result);
	return code;
}

/* --- options --- */

enum option_code {
	OPTION_CONNECT = 256,
	OPTION_WAIT,
	OPTION_SECONDS,
	OPTION_PROFILE,
	OPTION_REPORT,
	OPTION_PICTURE,
	OPTION_DUMP,
	OPTION_RTSP_LOG,
	OPTION_FRAMES,
	OPTION_IDR_EVERY,
	OPTION_ANALYSE,
	OPTION_STRICT,
	OPTION_TOLERATE,
	OPTION_RULES,
	OPTION_QUIET,
	OPTION_HELP,
};

static const struct option long_options[] = {
	{ "connect", required_argument, NULL, OPTION_CONNECT },
	{ "wait", required_argument, NULL, OPTION_WAIT },
	{ "seconds", required_argument, NULL, OPTION_SECONDS },
	{ "profile", required_argument, NULL, OPTION_PROFILE },
	{ "report", required_argument, NULL, OPTION_REPORT },
	{ "picture", required_argument, NULL, OPTION_PICTURE },
	{ "dump", required_argument, NULL, OPTION_DUMP },
	{ "rtsp-log", required_argument, NULL, OPTION_RTSP_LOG },
	{ "frames", required_argument, NULL, OPTION_FRAMES },
	{ "idr-every", required_argument, NULL, OPTION_IDR_EVERY },
	{ "analyse", required_argument, NULL, OPTION_ANALYSE },
	{ "strict", no_argument, NULL, OPTION_STRICT },
	{ "tolerate", required_argument, NULL, OPTION_TOLERATE },
	{ "rules", no_argument, NULL, OPTION_RULES },
	{ "quiet", no_argument, NULL, OPTION_QUIET },
	{ "help", no_argument, NULL, OPTION_HELP },
	{ 0 },
};

static void print_help(FILE *out)
{
	fputs("usage: miracast-sink --connect ADDR[:PORT] [OPTION...]\n"
	      "       miracast-sink --analyse FILE|- [--report FILE] [--strict]\n"
	      "  --connect ADDR[:PORT]  the source; port 7236 if none is given\n"
	      "  --wait SECONDS         how long to try to connect (30)\n"
	      "  --seconds N            end the session N seconds after PLAY; else the source ends "
	      "it\n"
	      "  --profile FILE         what to answer and how to behave (built in: a 1080p TV)\n"
	      "  --report FILE          what was found, as JSON\n"
	      "  --picture FILE         the last picture with a good stamp, else the last one, as "
	      "PNG\n"
	      "  --dump FILE            the received TS, in the order of sequence numbers\n"
	      "  --rtsp-log FILE        every message of both directions\n"
	      "  --frames FILE          CSV: pts, stamp's frame and time, time of decoding\n"
	      "  --idr-every SECONDS    ask for an IDR (M13) that often\n"
	      "  --strict               exit with 6 if any rule was broken\n"
	      "  --tolerate RULE        --strict looks past this one; may be given again\n"
	      "  --analyse FILE|-       judge a TS file instead of a session\n"
	      "  --rules                list the rules\n"
	      "  --quiet                print nothing but failures\n"
	      "  --help                 print this\n",
	      out);
}

static void print_rules(void)
{
	static const char *const rtsp_texts[] = {
#define X(id, name, text) text,
		RTSP_RULES(X)
#undef X
	};

	for (int i = 0; i < RULE_COUNT; i++)
		printf("%-22s %s\n", rule_to_string((enum rule)i), rule_text((enum rule)i));
	for (int i = 0; i < RTSP_RULE_COUNT; i++)
		printf("%-22s %s\n", rtsp_rule_to_string((enum rtsp_rule)i), rtsp_texts[i]);
}

static bool parse_seconds(const char *text, uint64_t *ret_us)
{
	char *end;
	double value = strtod(text, &end);

	if (end == text || *end || !(value >= 0) || value > 1e6)
		return false;
	*ret_us = (uint64_t)(value * 1e6);
	return true;
}

/* 0, or an exit code + 1 where there is nothing more to do. */
static int take_option(struct sink *s, int option)
{
	struct options *o = &s->o;
	const char *bad = NULL;

	switch (option) {
	case OPTION_CONNECT:
		if (endpoint_parse(optarg, &o->source) < 0)
			bad = "--connect wants a numeric ADDR, ADDR:PORT or [ADDR]:PORT";
		o->have_source = true;
		break;
	case OPTION_WAIT:
		bad = parse_seconds(optarg, &o->wait_us) ? NULL : "--wait wants seconds";
		break;
	case OPTION_SECONDS:
		bad = parse_seconds(optarg, &o->play_us) && o->play_us ? NULL
								       : "--seconds wants seconds";
		break;
	case OPTION_IDR_EVERY:
		bad = parse_seconds(optarg, &o->idr_us) && o->idr_us ? NULL
								     : "--idr-every wants seconds";
		break;
	case OPTION_PROFILE:
		o->profile = optarg;
		break;
	case OPTION_REPORT:
		o->report = optarg;
		break;
	case OPTION_PICTURE:
		o->picture = optarg;
		break;
	case OPTION_DUMP:
		o->dump = optarg;
		break;
	case OPTION_RTSP_LOG:
		o->rtsp_log = optarg;
		break;
	case OPTION_FRAMES:
		o->frames = optarg;
		break;
	case OPTION_ANALYSE:
		o->analyse = optarg;
		break;
	case OPTION_STRICT:
		o->strict = true;
		break;
	case OPTION_TOLERATE:
		if (!report_tolerate(&o->tolerated, optarg))
			bad = "--tolerate wants a rule (--rules lists them)";
		break;
	case OPTION_QUIET:
		o->quiet = true;
		break;
	case OPTION_RULES:
		print_rules();
		return EXIT_DONE + 1;
	case OPTION_HELP:
		print_help(stdout);
		return EXIT_DONE + 1;
	default:
		print_help(stderr);
		return EXIT_USAGE + 1;
	}
	if (bad)
		return fail(s, EXIT_USAGE + 1, "%s, not '%s'", bad, optarg);
	return 0;
}

static int parse_options(struct sink *s, int argc, char **argv)
{
	int option, r;

	s->o.wait_us = 30000000;
	while ((option = getopt_long(argc, argv, "", long_options, NULL)) >= 0) {
		r = take_option(s, option);
		if (r)
			return r;
	}
	if (optind < argc)
		return fail(s, EXIT_USAGE + 1, "'%s' is no option", argv[optind]);
	if (!s->o.have_source && !s->o.analyse)
		return fail(s, EXIT_USAGE + 1, "--connect ADDR[:PORT] is missing (see --help)");
	return 0;
}

/* --- files --- */

static int open_file(struct sink *s, const char *path, FILE **ret)
{
	if (!path)
		return 0;
	*ret = fopen(path, "we");
	if (!*ret)
		return fail(s, EXIT_INTERNAL, "cannot write %s: %s", path, strerror(errno));
	return 0;
}

/* All of them before anything is connected: a session must not be lost to a wrong path. */
static int open_files(struct sink *s)
{
	int r = open_file(s, s->o.report, &s->report);

	if (!r)
		r = open_file(s, s->o.dump, &s->dump);
	if (!r)
		r = open_file(s, s->o.rtsp_log, &s->rtsp_log);
	if (!r)
		r = open_file(s, s->o.frames, &s->frames);
	/* It can be watched. */
	if (!r && s->frames)
		(void)setvbuf(s->frames, NULL, _IOLBF, 0);
	return r;
}

static bool close_file(FILE **file)
{
	bool ok = !*file || (!ferror(*file) && fclose(*file) == 0);

	*file = NULL;
	return ok;
}

/* --- the session --- */

static void on_choice(void *user, const struct wfd_choice *choice)
{
	struct sink *s = user;
	struct expectation expect = { .width = choice->mode.width,
				      .height = choice->mode.height,
				      .profile_idc = choice->profile_idc,
				      .level_idc = choice->level_idc,
				      .audio = choice->have_audio ? choice->audio : AUDIO_NONE,
				      .slices = choice->slices,
				      .min_slice_size = choice->min_slice_size };

	media_expect(s->media, &expect);
}

static void on_playing(void *user, bool playing)
{
	struct sink *s = user;
	uint64_t now_us = clock_now_us();

	if (s->end_us)
		media_pause(s->media, !playing);
	if (!playing || s->end_us)
		return;
	s->end_us = s->o.play_us ? now_us + s->o.play_us : UINT64_MAX;
	s->idr_due_us = s->o.idr_us ? now_us + s->o.idr_us : UINT64_MAX;
}

static const struct rtsp_ops rtsp_ops = { .on_choice = on_choice, .on_playing = on_playing };

static int open_events(struct sink *s)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	signal(SIGPIPE, SIG_IGN);
	/* Before any thread is there, so that all of them inherit it. */
	sigprocmask(SIG_BLOCK, &set, NULL);
	s->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	s->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (s->signal_fd < 0 || s->event_fd < 0)
		return fail(s, EXIT_INTERNAL, "cannot set up events: %s", strerror(errno));
	return 0;
}

/* RTP on any port may have a stranger on the next one, which RTCP needs. */
static int open_ports(struct sink *s)
{
	int family = s->o.source.address.ss_family;
	unsigned wanted = s->profile->client_port;
	int r = 0;

	for (int i = 0; i < PORT_TRIES; i++) {
		r = receiver_new(family, wanted, &s->port, &s->receiver);
		if (r < 0)
			return fail(s, EXIT_INTERNAL, "cannot bind UDP port %u for RTP: %s", wanted,
				    strerror(-r));
		if (!s->profile->rtcp_port)
			return 0;
		r = rtcp_new(family, s->port + 1, &s->rtcp);
		if (r == 0)
			return 0;
		if (r != -EADDRINUSE || wanted)
			break;
		s->receiver = receiver_free(s->receiver);
	}
	return fail(s, EXIT_INTERNAL, "cannot bind UDP port %u for RTCP: %s", s->port + 1,
		    strerror(-r));
}

static int open_media(struct sink *s)
{
	struct media_config config = { .dump = s->dump,
				       .frames = s->frames,
				       .event_fd = s->event_fd };
	int r = open_ports(s);

	if (r != 0)
		return r;
	config.receiver = s->receiver;
	config.rtcp = s->rtcp;
	r = media_new(&config, &s->media);
	if (r == 0)
		r = receiver_start(s->receiver, &s->o.source.address);
	if (r == 0)
		r = media_start(s->media);
	if (r < 0)
		return fail(s, EXIT_INTERNAL, "cannot start the receiver: %s", strerror(-r));
	return 0;
}

static int open_session(struct sink *s)
{
	const char *scale = getenv("MIRACAST_TIME_SCALE");
	struct rtsp_config config = { .profile = s->profile,
				      .client_port = s->port,
				      .peer = s->o.source.name,
				      .server_port = s->o.source.port,
				      .time_scale = scale ? strtod(scale, NULL) : 1 };
	int fd = endpoint_connect(&s->o.source, s->o.wait_us, s->signal_fd);
	int r;

	if (fd == -EINTR)
		return fail(s, EXIT_CONNECT, "stopped by a signal before %s port %u was reached",
			    s->o.source.name, s->o.source.port);
	if (fd < 0)
		return fail(s, EXIT_CONNECT, "cannot connect to %s port %u within %.0f s: %s",
			    s->o.source.name, s->o.source.port, (double)s->o.wait_us / 1e6,
			    strerror(-fd));
	if (!(config.time_scale > 0))
		config.time_scale = 1;
	s->connected_us = config.start_us = clock_now_us();
	r = wire_new(fd, s->profile, s->rtsp_log, s->connected_us, &s->wire);
	if (r < 0)
		close(fd);
	config.wire = s->wire;
	if (r == 0)
		r = rtsp_new(&config, &rtsp_ops, s, &s->rtsp);
	if (r < 0)
		return fail(s, EXIT_INTERNAL, "cannot start the session: %s", strerror(-r));
	return 0;
}

static int timeout_ms(const struct sink *s, uint64_t now_us)
{
	uint64_t due_us = rtsp_deadline(s->rtsp);

	if (s->end_us && s->end_us < due_us)
		due_us = s->end_us;
	if (s->end_us && s->idr_due_us < due_us)
		due_us = s->idr_due_us;
	if (media_wants_idr(s->media) && due_us > now_us + OWED_US)
		due_us = now_us + OWED_US;
	if (due_us == UINT64_MAX)
		return -1;
	if (due_us <= now_us)
		return 0;
	return due_us - now_us > 3600000000 ? 3600000 : (int)((due_us - now_us + 999) / 1000);
}

static void on_events(struct sink *s, const struct pollfd *fds, uint64_t now_us)
{
	struct signalfd_siginfo info;
	uint64_t ignored;

	if (fds[1].revents && read(s->signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info))
		rtsp_teardown(s->rtsp, now_us, "stopped by a signal");
	if (fds[2].revents && read(s->event_fd, &ignored, sizeof(ignored)) < 0)
		return;
	if (media_wants_idr(s->media) && rtsp_request_idr(s->rtsp, now_us))
		media_forget_trouble(s->media);
	if (s->end_us && now_us >= s->end_us) {
		s->end_us = UINT64_MAX;
		rtsp_teardown(s->rtsp, now_us, "--seconds are over");
	}
	if (s->end_us && now_us >= s->idr_due_us) {
		s->idr_due_us = now_us + s->o.idr_us;
		rtsp_request_idr(s->rtsp, now_us);
	}
}

static void run_session(struct sink *s)
{
	while (rtsp_state(s->rtsp) != RTSP_ENDED) {
		uint64_t now_us = clock_now_us();
		struct pollfd fds[] = { { wire_fd(s->wire), wire_events(s->wire, now_us), 0 },
					{ s->signal_fd, POLLIN, 0 },
					{ s->event_fd, POLLIN, 0 } };

		if (poll(fds, 3, timeout_ms(s, now_us)) < 0 && errno != EINTR)
			break;
		now_us = clock_now_us();
		if (fds[0].revents)
			rtsp_on_ready(s->rtsp, fds[0].revents, now_us);
		rtsp_on_time(s->rtsp, now_us);
		on_events(s, fds, now_us);
	}
}

/* --- the end --- */

static int judge(struct sink *s, const struct report *report)
{
	const struct rtsp_facts *rtsp = report->rtsp;
	unsigned broken = report_broken_rules(report, &s->o.tolerated);

	if (rtsp && !rtsp->planned)
		return fail(s, EXIT_SESSION, "session: %s", rtsp->why);
	if (report->decode && !report->decode->frames_decoded)
		return fail(s, EXIT_NO_PICTURE,
			    "no picture: %llu datagrams came, none of them made one; session: %s",
			    (unsigned long long)report->stream->datagrams, rtsp ? rtsp->why : "");
	if (s->o.strict && broken)
		return fail(s, EXIT_RULES, "%u rule%s broken (first_findings in the report)",
			    broken, broken == 1 ? " was" : "s were");
	snprintf(s->result, sizeof(s->result), "%s", rtsp ? rtsp->why : "analysed");
	return EXIT_DONE;
}

static void print_findings(const struct report *report)
{
	for (int i = 0; i < RULE_COUNT; i++) {
		const struct finding *f = &report->findings->rule[i];

		if (f->count)
			printf("%s: %llu times, first at packet %llu: %s\n",
			       rule_to_string((enum rule)i), (unsigned long long)f->count,
			       (unsigned long long)f->packet, f->detail);
	}
	for (int i = 0; report->rtsp && i < RTSP_RULE_COUNT; i++)
		if (report->rtsp->rules[i].count)
			printf("%s: %llu times, first: %s\n",
			       rtsp_rule_to_string((enum rtsp_rule)i),
			       (unsigned long long)report->rtsp->rules[i].count,
			       report->rtsp->rules[i].detail);
}

static void print_summary(const struct sink *s, const struct report *report)
{
	const struct stream_facts *stream = report->stream;
	const struct decode_facts *decode = report->decode;

	if (s->o.quiet)
		return;
	print_findings(report);
	printf("%ux%u, %llu access units", stream->width, stream->height,
	       (unsigned long long)stream->access_units);
	if (decode)
		printf(", %llu decoded, %llu stamps (%llu bad), %llu datagrams lost",
		       (unsigned long long)decode->frames_decoded,
		       (unsigned long long)decode->stamps_read,
		       (unsigned long long)decode->stamps_bad, (unsigned long long)stream->lost);
	printf(", %u rules broken; %s\n", report_broken_rules(report, NULL), s->result);
}

static int finish_files(struct sink *s, struct report *report, int code)
{
	int r;

	if (s->o.picture && s->media && report->decode->frames_decoded) {
		r = decoder_write_picture(media_decoder(s->media), s->o.picture);
		if (r < 0)
			code = fail(s, EXIT_INTERNAL, "cannot write %s: %s", s->o.picture,
				    strerror(-r));
	}
	if (s->media && media_dump_failed(s->media))
		code = fail(s, EXIT_INTERNAL, "cannot write %s", s->o.dump);
	if (!close_file(&s->dump) || !close_file(&s->rtsp_log) || !close_file(&s->frames))
		code = fail(s, EXIT_INTERNAL, "cannot write %s, %s or %s",
			    s->o.dump ? s->o.dump : "-", s->o.rtsp_log ? s->o.rtsp_log : "-",
			    s->o.frames ? s->o.frames : "-");
	report->result = s->result;
	report->exit_code = code;
	if (s->report) {
		report_write(report, s->report);
		if (!close_file(&s->report))
			code = fail(s, EXIT_INTERNAL, "cannot write %s", s->o.report);
	}
	return code;
}

/* `code` is what went wrong before there was a session, or 0. */
static int conclude(struct sink *s, int code)
{
	struct receive_counts counts;
	struct rtcp_counts reports;
	struct report report = { .connected_us = s->connected_us,
				 .rtsp = s->rtsp ? rtsp_facts(s->rtsp) : NULL,
				 .receive = &counts,
				 .rtcp = s->rtcp ? &reports : NULL };

	/* The connection first: the source must not wait for our files. */
	s->wire = wire_free(s->wire);
	receiver_stop(s->receiver);
	media_stop(s->media);
	counts = receiver_counts(s->receiver);
	if (s->rtcp)
		reports = rtcp_counts(s->rtcp);
	report.findings = analyser_findings(media_analyser(s->media));
	report.stream = analyser_facts(media_analyser(s->media));
	report.decode = decoder_facts(media_decoder(s->media));
	if (code)
		return finish_files(s, &report, code);
	code = finish_files(s, &report, judge(s, &report));
	print_summary(s, &report);
	return code;
}

static int run(struct sink *s)
{
	int r = s->o.profile ? profile_open(s->o.profile, stderr, &s->profile)
			     : profile_new_default(&s->profile);

	if (r < 0)
		return EXIT_USAGE; /* it has said why */
	r = open_files(s);
	if (!r)
		r = open_events(s);
	if (!r)
		r = open_media(s);
	if (r)
		return r;
	r = open_session(s);
	if (!r)
		run_session(s);
	return conclude(s, r);
}

/* --- a file instead of a session --- */

static int analyse_file(struct sink *s)
{
	struct report report = { 0 };
	struct analyser *a = NULL;
	uint8_t packet[TS_SIZE];
	FILE *in = strcmp(s->o.analyse, "-") == 0 ? stdin : fopen(s->o.analyse, "re");
	size_t n;
	int code;

	if (!in)
		return fail(s, EXIT_INTERNAL, "cannot read %s: %s", s->o.analyse, strerror(errno));
	code = open_file(s, s->o.report, &s->report);
	if (!code && analyser_new(NULL, NULL, &a) < 0)
		code = fail(s, EXIT_INTERNAL, "no memory");
	if (code) {
		fclose(in);
		return code;
	}
	while ((n = fread(packet, 1, sizeof(packet), in)) == sizeof(packet))
		analyser_push_packet(a, packet, 0);
	analyser_finish(a);
	report.findings = analyser_findings(a);
	report.stream = analyser_facts(a);
	code = judge(s, &report);
	if (n)
		code = fail(s, EXIT_RULES, "%s ends with %zu bytes of a packet", s->o.analyse, n);
	if (ferror(in))
		code = fail(s, EXIT_INTERNAL, "cannot read %s", s->o.analyse);
	code = finish_files(s, &report, code);
	print_summary(s, &report);
	fclose(in);
	analyser_free(a);
	return code;
}

int main(int argc, char **argv)
{
	struct sink s = { .signal_fd = -1, .event_fd = -1 };
	int code = parse_options(&s, argc, argv);

	if (code)
		return code - 1;
	code = s.o.analyse ? analyse_file(&s) : run(&s);
	s.wire = wire_free(s.wire);
	rtsp_free(s.rtsp);
	if (s.receiver)
		receiver_stop(s.receiver);
	if (s.media) {
		media_stop(s.media);
		s.media = media_free(s.media);
	}
	s.receiver = receiver_free(s.receiver);
	s.rtcp = rtcp_free(s.rtcp);
	profile_free(s.profile);
	close_file(&s.report);
	close_file(&s.dump);
	close_file(&s.rtsp_log);
	close_file(&s.frames);
	if (s.signal_fd >= 0)
		close(s.signal_fd);
	if (s.event_fd >= 0)
		close(s.event_fd);
	return code;
}
