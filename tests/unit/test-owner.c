// SPDX-License-Identifier: GPL-2.0-or-later
/* Whose session is still there: logind's answers are played, by link-time replacement. */
#include "owner.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* logind: our session "7" of user 1000 on seat0, and which one is active there. */
static struct {
	const char *state; /* NULL: the session is gone */
	const char *seat;  /* NULL: it has none */
	uid_t active_uid;
	const char *active_class;
} logind;

int __wrap_sd_session_get_state(const char *session, char **state);
int __wrap_sd_session_get_seat(const char *session, char **seat);
int __wrap_sd_seat_get_active(const char *seat, char **session, uid_t *uid);
int __wrap_sd_session_get_class(const char *session, char **class);

int __wrap_sd_session_get_state(const char *session, char **state)
{
	assert_string_equal(session, "7");
	if (!logind.state)
		return -ENXIO;
	*state = strdup(logind.state);
	return 0;
}

int __wrap_sd_session_get_seat(const char *session, char **seat)
{
	assert_string_equal(session, "7");
	if (!logind.seat)
		return -ENODATA;
	*seat = strdup(logind.seat);
	return 0;
}

int __wrap_sd_seat_get_active(const char *seat, char **session, uid_t *uid)
{
	assert_string_equal(seat, "seat0");
	*session = strdup("8");
	*uid = logind.active_uid;
	return 0;
}

int __wrap_sd_session_get_class(const char *session, char **class)
{
	assert_string_equal(session, "8");
	*class = strdup(logind.active_class);
	return 0;
}

static void test_presence(void **state)
{
	static const struct {
		const char *state, *seat, *active_class;
		uid_t active_uid;
		enum owner_presence presence;
	} cases[] = {
		{ "active", "seat0", "user", 1000, OWNER_PRESENT },
		{ "online", "seat0", "user", 1000, OWNER_PRESENT }, /* on another terminal */
		{ "online", "seat0", "user", 1001, OWNER_REPLACED },
		{ "online", "seat0", "greeter", 120, OWNER_PRESENT }, /* locked */
		{ "online", NULL, "user", 1001, OWNER_PRESENT },      /* over the network */
		{ "closing", "seat0", "user", 1000, OWNER_LOGGED_OUT },
		{ NULL, "seat0", "user", 1000, OWNER_LOGGED_OUT },
	};
	const struct owner owner = { 1000, "7" };

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		logind.state = cases[i].state;
		logind.seat = cases[i].seat;
		logind.active_class = cases[i].active_class;
		logind.active_uid = cases[i].active_uid;
		assert_int_equal(owner_get_presence(&owner), cases[i].presence);
	}
}

static void test_nobodys(void **state)
{
	const struct owner owner = { 1000, "" };

	(void)state;
	logind.state = NULL;
	assert_int_equal(owner_get_presence(&owner), OWNER_PRESENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_presence),
		cmocka_unit_test(test_nobodys),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
