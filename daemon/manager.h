/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The sinks that are known, the casts that run, and who they belong to. Decides who may connect to
 * what at the same time, when a cast ends for reasons outside of it (its user logs out or another
 * one takes the seat, the computer goes to sleep, the service ends), and when to look for sinks.
 * Knows neither D-Bus nor Wi-Fi.
 */
#ifndef MIRACAST_MANAGER_H
#define MIRACAST_MANAGER_H

#include "cast.h"
#include "config.h"
#include "owner.h"

#define MANAGER_ID_SIZE	  80
#define MANAGER_SINKS_MAX 64
#define MANAGER_CASTS_MAX CONFIG_HEADS_MAX

struct manager;

/* Look, do not touch. */
struct manager_sink {
	char id[MANAGER_ID_SIZE]; /* a D-Bus path element: who it is, for as long as it is known */
	char name[CONFIG_NAME_SIZE];
	char address[24];	  /* "02:00:00:00:00:01", or "192.0.2.1:7236" */
	uint8_t sink_id[6];	  /* of its MAC's form: keeps the desktop's layout, container id */
	struct cast_target target;
	struct link_sink seen;	   /* by the radio; zeros for a plain address */
	bool is_lost;		   /* goes when its cast is over */
	struct manager_cast *cast; /* NULL: none */
};

/* What a caller of connect may ask for. */
struct manager_request {
	struct owner owner;
	struct media_mode best_mode;  /* zeros: the configuration's */
	enum session_encoder encoder; /* AUTO: the configuration's */
	enum link_method method;      /* 0: as the sink likes */
};

struct manager_cast {
	unsigned int number;	   /* from 1, never used twice */
	struct manager *manager;
	struct manager_sink *sink;
	struct cast *cast;
	struct owner owner;
	struct manager_request request; /* for a reconnection */
	uint64_t rate_limit_bps; /* the user's; 0: none */
};

/* Calls up; made from the loop, or from inside manager_connect (added) and manager_free. */
struct manager_ops {
	void (*sink_added)(void *userdata, struct manager_sink *sink);
	void (*sink_changed)(void *userdata, struct manager_sink *sink);
	void (*sink_removed)(void *userdata, struct manager_sink *sink);
	/* The state of the radio is another one. */
	void (*radio_changed)(void *userdata);
	void (*cast_added)(void *userdata, struct manager_cast *cast);
	/* Something may have changed; also once a second while there is a cast. */
	void (*cast_changed)(void *userdata, struct manager_cast *cast);
	/* The attempt is decided: 0, or an error whose end comes with cast_removed right after. */
	void (*cast_connected)(void *userdata, struct manager_cast *cast, int error);
	/* It is over; cast and its number are gone after this. */
	void (*cast_removed)(void *userdata, struct manager_cast *cast, const struct cast_end *end);
	void (*pin_wanted)(void *userdata, struct manager_cast *cast, bool was_wrong);
	void (*pin_shown)(void *userdata, struct manager_cast *cast, const char *pin);
	void (*transcript)(void *userdata, struct manager_cast *cast, bool sent, const char *text,
			   size_t size);
	/* No cast is left after manager_stop_all(). */
	void (*idle)(void *userdata);
};

/* config, media_program and host_name are kept, not copied. */
int manager_new(struct sd_event *event, struct config *config, const char *media_program,
		const char *host_name, const struct manager_ops *ops, void *userdata,
		struct manager **ret);

/* Ends every cast at once; ops.cast_removed is called for each. Accepts NULL, returns NULL. */
struct manager *manager_free(struct manager *m);
DEFINE_CLEANUP(struct manager *, manager_free)

/*
 * Connects. 0 and a cast that is LINKING; what comes of it is told by ops.
 *	-EALREADY	the sink has a cast already
 *	-EBUSY		as many casts as the configuration allows, or no head is free
 *	-ESHUTDOWN	the computer goes to sleep, or the service ends
 *	-EPERM		another user's session is active on the seat
 *	others		of cast_new
 * *ret_end says why, with a sentence for the user.
 */
int manager_connect(struct manager *m, struct manager_sink *sink,
		    const struct manager_request *request, struct manager_cast **ret,
		    struct cast_end *ret_end);

void manager_disconnect(struct manager_cast *c, const char *text);

/* Every cast ends; ops.idle follows, from the loop. Until manager_resume() none begins. */
void manager_stop_all(struct manager *m, const char *text);
/* Casts begin again; those that sleep has ended are made anew where the configuration says so. */
void manager_resume(struct manager *m);

/* The next time somebody at the sink has to accept again. Errors: wpa_forget; -EOPNOTSUPP: it stands
 * in the configuration. */
int manager_forget(struct manager *m, struct manager_sink *sink);

/* Whether anybody looks for sinks just now. */
void manager_set_finding(struct manager *m, bool on);
bool manager_is_finding(const struct manager *m);
/* What Wi-Fi Direct is doing, and, where it cannot be used, why. */
const char *manager_get_radio(const struct manager *m, const char **ret_why);
/* The interface of the Wi-Fi hardware that is used; "". */
const char *manager_get_adapter(const struct manager *m);

struct config *manager_get_config(struct manager *m);
const char *manager_get_media_program(const struct manager *m);

/* By index, NULL behind the last; or by what a user writes: id, address or name. */
struct manager_sink *manager_get_sink(struct manager *m, size_t i);
struct manager_sink *manager_find_sink(struct manager *m, const char *id);
struct manager_cast *manager_get_cast(struct manager *m, size_t i);
struct manager_cast *manager_find_cast(struct manager *m, unsigned int number);

#endif
