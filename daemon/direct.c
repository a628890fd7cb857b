// SPDX-License-Identifier: GPL-2.0-or-later
#include "direct.h"

#include "link/link.h"
#include "p2p.h"
#include "rate-file.h"
#include "report.h"
#include "util/clock.h"
#include "util/log.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <systemd/sd-event.h>

struct direct {
	const struct direct_config *config;
	sd_event *event;
	struct link *link; /* to a plain address, or */
	struct p2p *p2p;   /* over Wi-Fi Direct */
	struct session *session;
	struct report report;
	sd_event_source *seconds_source;
	sd_event_source *leave_source;
	sd_event_source *rate_source; /* of --rate-file, while the session wants reports */
	uint64_t started_us;
	int result;
	FILE *rtsp_log; /* NULL: none, or not any more */
};

static void on_connected(void *userdata, int rtsp_fd, const struct session_link_stats *stats);
static void on_link_failed(void *userdata, enum link_stage stage, int error, const char *text);
static void on_link_lost(void *userdata, int error, const char *text);
static void on_link_rate(void *userdata, const struct session_data_rate *rate);
static void on_started(void *userdata, int error, const struct session_info *info,
		       const struct session_end *why);
static int on_register_data_rate(void *userdata, bool on);
static int on_rate(sd_event_source *source, uint64_t now_us, void *userdata);
static int on_seconds(sd_event_source *source, uint64_t now_us, void *userdata);
static int on_leave(sd_event_source *source, void *userdata);
static int on_signal(sd_event_source *source, const struct signalfd_siginfo *si, void *userdata);
static void on_ended(void *userdata, const struct session_end *end);
static void on_stopped(void *userdata);
static void on_state_changed(void *userdata, enum session_state state);
static void on_statistic(void *userdata, const struct session_statistic *statistic);
static void on_transcript(void *userdata, bool sent, const char *text, size_t size);

static const struct link_events link_events = {
	.connected = on_connected,
	.failed = on_link_failed,
	.lost = on_link_lost,
	.rate = on_link_rate,
};

static const struct session_ops session_ops = {
	.started = on_started,
	.stopped = on_stopped,
	.ended = on_ended,
	.state_changed = on_state_changed,
	.statistic = on_statistic,
	.register_data_rate = on_register_data_rate,
	.transcript = on_transcript,
};

static const char *create_hint(int error)
{
	switch (error) {
	case -ENOENT:
		return "the kernel module is not loaded: run \"modprobe miracast\"";
	case -EACCES:
		return "no permission for /dev/miracast: it belongs to the service's user";
	case -EBUSY:
		return "every head of the module is in use: end another session first";
	case -ENOTTY:
		return "that is not the node of the kernel module: it is /dev/miracast as a rule";
	case -ENOEXEC:
		return "miracast-media cannot be run: the installation is incomplete";
	case -EPROTONOSUPPORT:
		return "the kernel module that is loaded is of another version: restart once";
	default:
		return strerror(-error);
	}
}

static int open_p2p(struct direct *d)
{
	int r = p2p_open(d->event, d->config->p2p, &link_events, d, &d->p2p);

	if (r < 0)
		return log_err(r, "Wi-Fi Direct: cannot talk to the system's D-Bus: %s",
			       strerror(-r));
	log_info("looking for the sink %s", d->config->p2p->sink);
	return 0;
}

static int open_link(struct direct *d)
{
	const struct sockaddr_in *address = &d->config->address;
	char text[INET_ADDRSTRLEN];
	int r;

	(void)inet_ntop(AF_INET, &address->sin_addr, text, sizeof(text));
	r = link_open_direct(d->event, address, d->config->rate_bps, &link_events, d, &d->link);
	if (r == -EADDRINUSE)
		return log_err(r, "listen: %s port %u is in use by another program: end it, or "
				  "give another port with --direct ADDRESS:PORT", text,
			       ntohs(address->sin_port));
	if (r < 0)
		return log_err(r, "listen: %s port %u: %s", text, ntohs(address->sin_port),
			       strerror(-r));
	log_info("waiting for a sink on %s port %u", text, ntohs(address->sin_port));
	return 0;
}

static int open_rtsp_log(struct direct *d)
{
	const char *path = d->config->rtsp_log_path;

	if (path)
		d->rtsp_log = fopen(path, "we");
	return path && !d->rtsp_log ? log_err(-errno, "cannot open %s: %m", path) : 0;
}

static int run(struct direct *d)
{
	static const int signals[] = { SIGINT, SIGTERM, SIGHUP };
	int r;

	r = open_rtsp_log(d);
	if (r < 0)
		return r;
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
		r = sd_event_add_signal(d->event, NULL, signals[i] | SD_EVENT_SIGNAL_PROCMASK,
					on_signal, d);
		if (r < 0)
			return log_err(r, "cannot watch signals: %s", strerror(-r));
	}
	r = session_create(d->event, &d->config->session, &session_ops, d, &d->session);
	if (r < 0)
		return log_err(r, "create: %s", create_hint(r));
	r = d->config->p2p ? open_p2p(d) : open_link(d);
	if (r < 0)
		return r;
	return sd_event_loop(d->event);
}

int direct_run(struct sd_event *event, const struct direct_config *config)
{
	struct direct d = { .config = config, .event = event };
	struct session_status status;
	int r;

	report_begin(&d.report);
	r = run(&d);
	if (r == 0)
		r = d.result;
	if (d.session && config->report_path) {
		int w;

		session_get_status(d.session, &status);
		w = report_write(&d.report, &status, config->report_path);
		if (w < 0)
			r = log_err(w, "report: cannot write %s: %s", config->report_path,
				    strerror(-w));
	}
	sd_event_source_disable_unref(d.seconds_source);
	sd_event_source_disable_unref(d.leave_source);
	sd_event_source_disable_unref(d.rate_source);
	session_destroy(d.session);
	link_free(d.link);
	p2p_free(d.p2p);
	if (d.rtsp_log)
		(void)fclose(d.rtsp_log);
	return r;
}

static void leave(struct direct *d, int result)
{
	if (d->result == 0)
		d->result = result;
	if (!d->leave_source &&
	    sd_event_add_defer(d->event, &d->leave_source, on_leave, d) < 0)
		(void)sd_event_exit(d->event, 0);
}

/* Wi-Fi Direct first, and not from inside its own call: its bus goes with the loop. */
static int on_leave(sd_event_source *source, void *userdata)
{
	struct direct *d = userdata;

	(void)source;
	d->p2p = p2p_free(d->p2p);
	return sd_event_exit(d->event, 0);
}

/* What ends a session from below counts as its own end in the report. */
static void report_link(struct direct *d, int error, const char *text)
{
	struct session_end end = { SESSION_END_CRITICAL, SESSION_STAGE_RTSP, error, text };

	report_end(&d->report, &end);
}

static void on_link_failed(void *userdata, enum link_stage stage, int error, const char *text)
{
	report_link(userdata, error, text);
	leave(userdata, log_err(error, "%s: %s", link_stage_to_string(stage), text));
}

/* The session would notice by its keep-alive, half a minute later. */
static void on_link_lost(void *userdata, int error, const char *text)
{
	struct direct *d = userdata;

	report_link(d, error, text);
	d->result = log_err(error, "%s: %s", link_stage_to_string(LINK_STAGE_UP), text);
	if (session_get_state(d->session) == SESSION_STOPPED)
		leave(d, d->result);
	else
		session_stop(d->session);
}

static void on_link_rate(void *userdata, const struct session_data_rate *rate)
{
	struct direct *d = userdata;

	(void)session_data_rate(d->session, rate);
}

static void on_connected(void *userdata, int rtsp_fd, const struct session_link_stats *stats)
{
	struct direct *d = userdata;
	int r;

	log_info("the sink is connected");
	r = session_start(d->session, rtsp_fd, stats);
	if (r < 0)
		leave(d, log_err(r, "start: %s", strerror(-r)));
}

static void on_started(void *userdata, int error, const struct session_info *info,
		       const struct session_end *why)
{
	struct direct *d = userdata;
	struct session_status status;

	if (error == -ECANCELED)
		return; /* somebody wanted that; on_stopped follows */
	if (error < 0) {
		report_end(&d->report, why);
		leave(d, log_err(error, "%s: %s", session_stage_to_string(why->stage), why->text));
		return;
	}
	d->started_us = clock_now_us();
	session_get_status(d->session, &status);
	log_info("streaming %ux%u at %u Hz, %s, %.1f Mbit/s%s", status.format.mode.width,
		 status.format.mode.height, status.format.mode.refresh_hz, status.encoder,
		 (double)status.rate_bps / 1e6,
		 info->reduced_mode_list ? "; the link is too slow for better modes" : "");
	if (d->config->seconds > 0 &&
	    sd_event_add_time_relative(d->event, &d->seconds_source, CLOCK_MONOTONIC,
				       d->config->seconds * USEC_PER_SEC, 0, on_seconds, d) < 0)
		session_stop(d->session);
}

/* A plain address knows no rates, unless a file plays the link's part. */
static int on_register_data_rate(void *userdata, bool on)
{
	struct direct *d = userdata;

	d->rate_source = sd_event_source_disable_unref(d->rate_source);
	if (!d->config->rate_file)
		return d->p2p ? p2p_report_rates(d->p2p, on) : -EOPNOTSUPP;
	if (!on)
		return 0;
	return sd_event_add_time_relative(d->event, &d->rate_source, CLOCK_MONOTONIC, USEC_PER_SEC,
					  0, on_rate, d);
}

/* Once a second, as the contract has it [R13]. */
static int on_rate(sd_event_source *source, uint64_t now_us, void *userdata)
{
	struct direct *d = userdata;
	struct session_data_rate rate = { 0 };

	(void)now_us;
	if (d->started_us > 0)
		rate.encoder_bps = rate_file_get(d->config->rate_file,
						 clock_now_us() - d->started_us);
	if (rate.encoder_bps > 0)
		(void)session_data_rate(d->session, &rate);
	(void)sd_event_source_set_time_relative(source, USEC_PER_SEC);
	return sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
}

static int on_seconds(sd_event_source *source, uint64_t now_us, void *userdata)
{
	struct direct *d = userdata;

	(void)source;
	(void)now_us;
	log_info("stopping after %u s", d->config->seconds);
	session_stop(d->session);
	return 0;
}

static int on_signal(sd_event_source *source, const struct signalfd_siginfo *si, void *userdata)
{
	struct direct *d = userdata;

	(void)source;
	log_info("stopping on SIG%s", sigabbrev_np((int)si->ssi_signo) ?: "?");
	if (session_get_state(d->session) == SESSION_STOPPED)
		leave(d, 0);
	else
		session_stop(d->session);
	return 0;
}

static bool is_wanted_end(enum session_end_reason reason)
{
	return reason == SESSION_END_SINK_REQUEST || reason == SESSION_END_SOURCE ||
	       reason == SESSION_END_USER;
}

static void on_ended(void *userdata, const struct session_end *end)
{
	struct direct *d = userdata;

	report_end(&d->report, end);
	if (is_wanted_end(end->reason))
		log_info("the session ended: %s", end->text);
	else
		d->result = log_err(end->error ?: -EIO, "%s: %s: %s",
				    session_stage_to_string(end->stage),
				    session_end_reason_to_string(end->reason), end->text);
	if (session_get_state(d->session) == SESSION_STOPPED)
		leave(d, d->result);
	else
		session_stop(d->session);
}

static void on_stopped(void *userdata)
{
	leave(userdata, 0);
}

static void on_state_changed(void *userdata, enum session_state state)
{
	struct direct *d = userdata;

	report_state(&d->report, state);
	log_debug("session: %s", session_state_to_string(state));
}

static void on_statistic(void *userdata, const struct session_statistic *statistic)
{
	struct direct *d = userdata;

	if (statistic->type == SESSION_STATISTIC_EVENT &&
	    statistic->event == SESSION_EVENT_IDR_REQUEST)
		d->report.idr_requests++;
}

/* Direction and time in front, then the message as it was, but for control characters. */
static int write_message(FILE *log, bool sent, double seconds, const char *text, size_t size)
{
	(void)fprintf(log, "%s %.6f %zu bytes\n", sent ? "source -> sink" : "sink -> source", seconds,
		      size);
	for (size_t i = 0; i < size; i++) {
		unsigned char c = (unsigned char)text[i];

		if (c == '\n' || (c >= 0x20 && c < 0x7f))
			(void)fputc(c, log);
		else if (c != '\r')
			(void)fprintf(log, "\\x%02x", c);
	}
	(void)fputc('\n', log);
	return fflush(log) == 0 ? 0 : -errno;
}

/* A session goes on without its log, but whoever asked for one hears that he has none. */
static void on_transcript(void *userdata, bool sent, const char *text, size_t size)
{
	struct direct *d = userdata;
	double seconds = (double)(clock_now_us() - d->report.begin_us) / 1e6;
	int r;

	if (!d->rtsp_log)
		return;
	r = write_message(d->rtsp_log, sent, seconds, text, size);
	if (r == 0)
		return;
	(void)fclose(d->rtsp_log);
	d->rtsp_log = NULL;
	d->result = log_err(r, "--rtsp-log: cannot write any more: %s", strerror(-r));
}
