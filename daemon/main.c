// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * miracastd: options and the loop. Knows no protocol; hands over to service, or to direct, which
 * runs one session on a plain address.
 */
#include "direct.h"
#include "p2p.h"
#include "rate-file.h"
#include "service.h"
#include "util/cleanup.h"
#include "util/log.h"
#include "values.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <systemd/sd-event.h>

#define DEFAULT_RATE_BPS UINT64_C(10000000)
#define EXIT_USAGE	 2

struct options {
	struct direct_config direct;
	struct p2p_config p2p;
	bool is_direct;
	const char *of_session; /* an option that only a session of our own has; NULL: none came */
	const char *root;	/* of the service's configuration; NULL: the system's */
	const char *input_path; /* of the y4m source */
	const char *dump_path;
	const char *rate_path;
	struct rate_file rate_file;
};

enum { OPTION_DIRECT = 256,
       OPTION_P2P,
       OPTION_SOURCE, /* up to the one before OPTION_ROOT: of a session; see is_of_session */
       OPTION_MODE,
       OPTION_ENCODER,
       OPTION_RATE,
       OPTION_RATE_FILE,
       OPTION_SECONDS,
       OPTION_REPORT,
       OPTION_DUMP_FRAME,
       OPTION_RTSP_LOG,
       OPTION_ROOT,
       OPTION_VERSION };

static const struct option long_options[] = {
	{ "direct", required_argument, NULL, OPTION_DIRECT },
	{ "p2p", required_argument, NULL, OPTION_P2P },
	{ "source", required_argument, NULL, OPTION_SOURCE },
	{ "mode", required_argument, NULL, OPTION_MODE },
	{ "encoder", required_argument, NULL, OPTION_ENCODER },
	{ "rate", required_argument, NULL, OPTION_RATE },
	{ "rate-file", required_argument, NULL, OPTION_RATE_FILE },
	{ "seconds", required_argument, NULL, OPTION_SECONDS },
	{ "report", required_argument, NULL, OPTION_REPORT },
	{ "dump-frame", required_argument, NULL, OPTION_DUMP_FRAME },
	{ "rtsp-log", required_argument, NULL, OPTION_RTSP_LOG },
	{ "root", required_argument, NULL, OPTION_ROOT },
	{ "verbose", no_argument, NULL, 'v' },
	{ "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, OPTION_VERSION },
	{ 0 },
};

static void print_help(void)
{
	puts("miracastd [--root DIRECTORY]\n"
	     "The service: what miracastctl and desktops talk to on the system bus.\n\n"
	     "  --root DIRECTORY          look for /etc/miracast/miracastd.conf below it\n\n"
	     "miracastd --direct ADDRESS[:PORT] [OPTION...]\n"
	     "Stream one session to a Miracast sink that connects to a plain address.\n\n"
	     "  --direct ADDRESS[:PORT]   IPv4 address to listen on for RTSP (port 7236)\n"
	     "  --p2p SINK[,OPTION...]    over Wi-Fi Direct, to a sink by name or MAC address:\n"
	     "                              method=button|pin|show-pin, intent=0..15, remember,\n"
	     "                              interface=NAME, state=FILE, net=SOCKET\n"
	     "  --source SOURCE           what to show:\n"
	     "                              pattern[:WIDTHxHEIGHT@HZ]  a moving test picture\n"
	     "                              device[:NODE]              the desktop (/dev/miracast)\n"
	     "                              y4m:FILE                   a clip; - is standard input\n"
	     "  --mode WIDTHxHEIGHT@HZ    no better mode than this one\n"
	     "  --encoder auto|vaapi|x264 (auto)\n"
	     "  --rate BPS                bits a second for the stream, 1000000 to 30000000 (10000000)\n"
	     "  --rate-file FILE          lines \"SECONDS BPS\": what the link recommends from then on,\n"
	     "                            seconds of streaming; for tests\n"
	     "  --seconds N               stop after N seconds of streaming\n"
	     "  --report FILE             write a report as JSON when the session is over\n"
	     "  --dump-frame FILE         write one captured frame as PPM\n"
	     "  --rtsp-log FILE           write every RTSP message\n"
	     "  -v, --verbose             log each step\n"
	     "  -h, --help    --version\n\n"
	     "Exit status: 0 the session ended as somebody wanted, 1 it failed, 2 wrong usage.");
}

static int parse_source(const char *text, struct options *o)
{
	struct session_config *config = &o->direct.session;
	struct value_source value;
	int r = value_parse_source(text, &value);

	if (r < 0)
		return r;
	config->source = value.source;
	if (value.source == SESSION_SOURCE_PATTERN && value.rest) {
		config->mode_limit = value.mode;
		config->source_refresh_hz = value.mode.refresh_hz;
	} else if (value.source == SESSION_SOURCE_DEVICE) {
		config->device = value.rest;
	} else if (value.source == SESSION_SOURCE_Y4M) {
		o->input_path = value.rest;
	}
	return 0;
}

static int parse_option(int option, const char *value, struct options *o)
{
	struct direct_config *direct = &o->direct;
	uint64_t number = 0;
	int r = 0;

	switch (option) {
	case OPTION_DIRECT:
		o->is_direct = true;
		return value_parse_address(value, &direct->address);
	case OPTION_P2P:
		o->is_direct = true;
		direct->p2p = &o->p2p;
		return p2p_parse(value, &o->p2p);
	case OPTION_SOURCE:
		return parse_source(value, o);
	case OPTION_MODE:
		return value_parse_mode(value, &direct->session.mode_limit);
	case OPTION_ENCODER:
		return value_parse_encoder(value, &direct->session.encoder);
	case OPTION_RATE:
		r = value_parse_number(value, 1000000, 30000000, &number);
		direct->rate_bps = number;
		return r;
	case OPTION_RATE_FILE:
		o->rate_path = value;
		return 0;
	case OPTION_SECONDS:
		r = value_parse_number(value, 1, INT_MAX, &number);
		direct->seconds = (uint32_t)number;
		return r;
	case OPTION_REPORT:
		direct->report_path = value;
		return 0;
	case OPTION_DUMP_FRAME:
		o->dump_path = value;
		return 0;
	case OPTION_RTSP_LOG:
		direct->rtsp_log_path = value;
		return 0;
	case OPTION_ROOT:
		o->root = value;
		return 0;
	case 'v':
		log_set_level(LOG_LEVEL_DEBUG);
		return 0;
	default:
		return -EINVAL;
	}
}

static bool is_of_session(int option)
{
	return option >= OPTION_SOURCE && option < OPTION_ROOT;
}

/* What would be dropped without a word is refused with one. */
static int check_together(const struct options *o)
{
	bool is_plain = o->direct.address.sin_family != 0;

	if (is_plain && o->direct.p2p)
		return log_err(-EINVAL, "--direct and --p2p are two ways to one sink: give one of "
					"them; see --help");
	if (o->of_session && !o->is_direct)
		return log_err(-EINVAL, "--%s is for --direct and --p2p, the service takes such from "
					"its configuration; see --help", o->of_session);
	if (o->root && o->is_direct)
		return log_err(-EINVAL, "--root is for the service, --direct and --p2p read no "
					"configuration; see --help");
	return 0;
}

/* 0: go on; 1: all said, exit 0; negative: a line was logged. */
static int parse_options(int argc, char **argv, struct options *o)
{
	int index = 0;
	int option;

	while ((option = getopt_long(argc, argv, "vh", long_options, &index)) != -1) {
		int r;

		if (option == 'h') {
			print_help();
			return 1;
		}
		if (option == OPTION_VERSION) {
			puts("miracastd " MIRACAST_VERSION);
			return 1;
		}
		if (option == '?')
			return -EINVAL;
		if (is_of_session(option))
			o->of_session = long_options[index].name;
		r = parse_option(option, optarg, o);
		if (r < 0)
			return log_err(r, "--%s: \"%s\" is %s; see --help",
				       long_options[index].name, optarg,
				       r == -ERANGE ? "out of range" : "not understood");
	}
	if (optind < argc)
		return log_err(-EINVAL, "\"%s\" is not an option; see --help", argv[optind]);
	return check_together(o);
}

static int open_file(const char *path, int flags, int *ret_fd)
{
	if (!path)
		return 0;
	if (strcmp(path, "-") == 0 && flags == O_RDONLY)
		*ret_fd = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3);
	else
		*ret_fd = open(path, flags | O_CLOEXEC, 0644);
	if (*ret_fd < 0)
		return log_err(-errno, "cannot open %s: %m", path);
	return 0;
}

static int read_rate_file(struct options *o)
{
	unsigned int line = 0;
	FILE *file;
	int r;

	if (!o->rate_path)
		return 0;
	file = fopen(o->rate_path, "re");
	if (!file)
		return log_err(-errno, "cannot open %s: %m", o->rate_path);
	r = rate_file_read(file, &o->rate_file, &line);
	(void)fclose(file);
	if (r == -EBADMSG)
		return log_err(r, "%s:%u: not \"SECONDS BPS\" with a later time than before",
			       o->rate_path, line);
	if (r == -E2BIG)
		return log_err(r, "%s:%u: more than %d lines", o->rate_path, line,
			       RATE_FILE_LINES_MAX);
	if (r < 0)
		return log_err(r, "cannot read %s: %s", o->rate_path, strerror(-r));
	o->direct.rate_file = &o->rate_file;
	return 0;
}

/* The program beside this one, wherever both were built or installed. */
static int find_media_program(char path[static PATH_MAX])
{
	ssize_t n = readlink("/proc/self/exe", path, PATH_MAX - 1);
	char *slash;

	if (n < 0)
		return -errno;
	path[n] = '\0';
	slash = strrchr(path, '/');
	if (!slash || slash + sizeof("/miracast-media") > path + PATH_MAX)
		return -ENAMETOOLONG;
	strcpy(slash, "/miracast-media");
	if (access(path, X_OK) == 0)
		return 0;
	strcpy(path, MIRACAST_LIBEXECDIR "/miracast-media");
	return 0;
}

static int run(struct options *o)
{
	_cleanup_(sd_event_unrefp) sd_event *event = NULL;
	_cleanup_close_ int input_fd = -1;
	_cleanup_close_ int dump_fd = -1;
	char program[PATH_MAX];
	char host[HOST_NAME_MAX + 1] = "";
	int r;

	r = open_file(o->input_path, O_RDONLY, &input_fd);
	if (r < 0)
		return r;
	r = open_file(o->dump_path, O_RDWR | O_CREAT | O_TRUNC, &dump_fd);
	if (r < 0)
		return r;
	r = read_rate_file(o);
	if (r < 0)
		return r;
	r = find_media_program(program);
	if (r < 0)
		return log_err(r, "cannot find miracast-media: %s", strerror(-r));
	(void)gethostname(host, sizeof(host) - 1);
	r = sd_event_default(&event);
	if (r < 0)
		return log_err(r, "cannot make an event loop: %s", strerror(-r));

	if (!o->is_direct)
		return service_run(event, o->root ?: "", program, host);
	o->direct.session.input_fd = input_fd;
	o->direct.session.dump_fd = dump_fd;
	o->direct.session.media_program = program;
	o->direct.session.host_name = host;
	o->p2p.host_name = host;
	return direct_run(event, &o->direct);
}

int main(int argc, char **argv)
{
	struct options o = { .direct = { .rate_bps = DEFAULT_RATE_BPS } };
	int r;

	log_set_name("miracastd");
	r = parse_options(argc, argv, &o);
	if (r != 0)
		return r > 0 ? EXIT_SUCCESS : EXIT_USAGE;
	return run(&o) < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
