/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A small scripted sink, in the process of the test: connects over TCP from an address of its own,
 * answers by a script, logs every message and can delay, drop and garble. Shares no code with the
 * daemon but the clock. It does nothing by itself: sink_step() is its turn.
 */
#ifndef TESTS_CONTRACT_SINK_H
#define TESTS_CONTRACT_SINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SINK_ADDRESS	  "127.0.0.2" /* the source is 127.0.0.1: the stream must go here */
#define SINK_RTP_PORT	  19000
#define SINK_LOG_MAX	  256
#define SINK_MESSAGE_SIZE 4096

/* M1 to M5, M12 and M16 come from the source; M2, M6, M7 and M8 are the sink's own. */
enum sink_message {
	SINK_M1,
	SINK_M2,
	SINK_M3,
	SINK_M4,
	SINK_M5, /* SETUP */
	SINK_M6,
	SINK_M7,
	SINK_M8,
	SINK_M12,
	SINK_M16,
	SINK_PLAY,     /* M5 PLAY */
	SINK_TEARDOWN, /* M5 TEARDOWN */
	SINK_OTHER,
	SINK_MESSAGES,
};

/* What the sink does instead of sending its answer, or its own request. */
enum sink_fault {
	SINK_GOOD,
	SINK_SILENT,
	SINK_REFUSES, /* with .status */
	SINK_ENDS,    /* FIN */
	SINK_RESETS,  /* RST */
	SINK_GARBLES,
};

struct sink_act {
	enum sink_fault fault;
	unsigned int status;
	unsigned int times; /* of it; 0: always */
	uint64_t delay_us;  /* before whatever it does */
};

struct sink_script {
	const char *m3; /* body of the answer */
	struct sink_act acts[SINK_MESSAGES];
	bool m2_first; /* before the answer to M1 */
	bool m2_late;  /* after M3 */
	bool bytewise; /* every byte in a segment of its own */
	bool sloppy;   /* headers in odd letters, folded, unknown parameters */
	bool deaf;     /* reads nothing */
	bool rtcp;     /* names a port for it in M6 */
};

struct sink_entry {
	char name[16]; /* "M1", "M4", "M2-ok", "M6-ok" ... */
	uint64_t time_us;
	char text[SINK_MESSAGE_SIZE];
};

struct sink {
	struct sink_script script;
	int fd;
	uint64_t sent, received; /* bytes */
	bool has_ended;		 /* our side is closed or half-closed */
	bool saw_end;		 /* the source's FIN or RST */
	unsigned int cseq;
	enum sink_message asked; /* our request under way; SINK_MESSAGES: none */
	char session_id[32];
	char buffer[2 * SINK_MESSAGE_SIZE];
	size_t used;
	struct {
		uint64_t due_us;
		enum sink_fault fault;
		char text[SINK_MESSAGE_SIZE];
	} queue[32]; /* what is to be sent */
	size_t n_queue;
	size_t n_log;
	struct sink_entry log[SINK_LOG_MAX];
};

/* A body that says: 1080p60 and everything below, both profiles, LPCM, no EDID. */
extern const char sink_tv[];

/* Connects to port of 127.0.0.1. */
void sink_init(struct sink *s, const struct sink_script *script, uint16_t port);
void sink_done(struct sink *s);

/* Reads, answers, sends what is due. True when it did anything. */
bool sink_step(struct sink *s);

/* When it has something to send; UINT64_MAX: only after another message. */
uint64_t sink_next_us(const struct sink *s);

/* A request of its own, e.g. "SET_PARAMETER" with a body, at once. */
void sink_request(struct sink *s, const char *method, const char *headers, const char *body);
/* FIN; RST. */
void sink_end(struct sink *s);
void sink_reset(struct sink *s);
void sink_send_raw(struct sink *s, const void *data, size_t size);

unsigned int sink_count(const struct sink *s, const char *name);
/* The nth message of this name, from 0; NULL: there were fewer. */
const struct sink_entry *sink_find(const struct sink *s, const char *name, unsigned int nth);

#endif
