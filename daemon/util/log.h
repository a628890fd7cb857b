/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Log lines to standard error, with the priority prefix that journald understands when it listens.
 * Organs log at debug level only; the story files log each failure once, with its cause.
 * Control characters in a line are replaced, so that a peer's bytes cannot forge lines.
 */
#ifndef MIRACAST_UTIL_LOG_H
#define MIRACAST_UTIL_LOG_H

enum log_level {
	LOG_LEVEL_ERROR = 3,
	LOG_LEVEL_WARNING = 4,
	LOG_LEVEL_NOTICE = 5,
	LOG_LEVEL_INFO = 6,
	LOG_LEVEL_DEBUG = 7,
};

void log_set_level(enum log_level max);
enum log_level log_get_level(void);
/* The word before each line on a terminal, e.g. "miracastd". The string must live for ever. */
void log_set_name(const char *name);

/* Each returns r, so that "return log_err(r, ...)" is the one line a failure needs. */
int log_full(enum log_level level, int r, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Our fault, the user's or the peer's, worth a note, the path of events. */
#define log_err(r, ...)	    log_full(LOG_LEVEL_ERROR, r, __VA_ARGS__)
#define log_warning(r, ...) log_full(LOG_LEVEL_WARNING, r, __VA_ARGS__)
#define log_notice(...)	    ((void)log_full(LOG_LEVEL_NOTICE, 0, __VA_ARGS__))
#define log_info(...)	    ((void)log_full(LOG_LEVEL_INFO, 0, __VA_ARGS__))
#define log_debug(...)                                                   \
	do {                                                             \
		if (log_get_level() >= LOG_LEVEL_DEBUG)                  \
			(void)log_full(LOG_LEVEL_DEBUG, 0, __VA_ARGS__); \
	} while (0)

#endif
