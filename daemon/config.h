/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * miracastd.conf and its drop-ins: text into a struct. A wrong line never stops the daemon: it is
 * reported with its file, its line and what would have been right, and the default stays.
 *
 *	/etc/miracast/miracastd.conf, else /run/..., else /usr/lib/...
 *	then miracastd.conf.d/NAME.conf of all three, by name; /etc hides /run hides /usr/lib
 */
#ifndef MIRACAST_CONFIG_H
#define MIRACAST_CONFIG_H

#include "miracast/session.h"

#include <netinet/in.h>

#define CONFIG_NAME_SIZE  33 /* as of Wi-Fi Direct, with its end */
#define CONFIG_PATH_SIZE  108
#define CONFIG_SINKS_MAX  16
#define CONFIG_LINE_MAX	  1024
#define CONFIG_FILE_MAX	  (64u << 10) /* bytes */
#define CONFIG_FILES_MAX  64
#define CONFIG_HEADS_MAX  8
#define CONFIG_RATE_MIN	  UINT64_C(1000000)
#define CONFIG_RATE_MAX	  UINT64_C(30000000)
#define CONFIG_RATE_GUESS UINT64_C(10000000) /* of a plain address */

/* A sink without Wi-Fi Direct: it connects to this address of ours. */
struct config_sink {
	char name[CONFIG_NAME_SIZE]; /* UTF-8, cleaned */
	struct sockaddr_in address;  /* port 0: the line is missing or wrong */
	uint64_t rate_bps;
};

struct config {
	enum session_encoder encoder;
	enum session_source source;	/* DEVICE or PATTERN */
	char device[CONFIG_PATH_SIZE];	/* DEVICE */
	struct media_mode pattern_mode; /* PATTERN; zeros: the sink's best */
	char render_node[CONFIG_PATH_SIZE]; /* "": whichever works */
	struct media_mode best_mode;	/* zeros: no limit */
	uint64_t max_rate_bps;
	uint32_t max_sessions;
	char interface[16]; /* which radio; "": the first that can */
	bool require_monitor;
	bool reconnect_after_suspend;
	bool inhibit_lid_switch;
	bool verbose;
	struct config_sink sinks[CONFIG_SINKS_MAX];
	size_t n_sinks;
};

/* text: what is wrong with the line, what is allowed, and what holds instead. */
typedef void (*config_problem)(void *userdata, const char *file, unsigned int line,
			       const char *text);

void config_init(struct config *c); /* the defaults */

/* One file's text on top of what is there. Pure and bounded. file is for the problems only. */
void config_parse(struct config *c, const char *file, const char *text, size_t size,
		  config_problem problem, void *userdata);

/*
 * Every file below root ("" for the system's). 0, also where there is none; -errno when one that is
 * there cannot be read, which was then reported as a problem of its line 0.
 */
int config_load(struct config *c, const char *root, config_problem problem, void *userdata);

/* The table of the keys, for the test that compares it with the manual page. NULL: no more. */
const char *config_get_key(size_t i);

#endif
