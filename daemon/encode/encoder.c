// SPDX-License-Identifier: GPL-2.0-or-later
#include "encode/encoder.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* ENCODER_VAAPI and ENCODER_X264 are the build's: 1 or 0. */
static const struct encoder_ops *const back_ends[] = {
#if ENCODER_VAAPI
	&encoder_vaapi,
#endif
#if ENCODER_X264
	&encoder_x264,
#endif
};

const struct encoder_ops *encoder_find(const char *name)
{
	for (size_t i = 0; i < sizeof(back_ends) / sizeof(back_ends[0]); i++)
		if (strcmp(back_ends[i]->name, name) == 0)
			return back_ends[i];
	return NULL;
}

static void tell_why(char *ret, const char *why)
{
	(void)snprintf(ret, ENCODER_WHY_SIZE, "%s", why);
}

int encoder_choose(const struct encoder_host *host, struct encoder_choice *ret)
{
	struct encoder_choice c = { 0 };
	int r;

#if ENCODER_VAAPI
	encoder_vaapi_set_host(host);
#else
	(void)host;
	tell_why(c.no_vaapi, "not built in");
#endif
	for (size_t i = 0; i < sizeof(back_ends) / sizeof(back_ends[0]); i++) {
		r = back_ends[i]->probe(&c.caps);
#if ENCODER_VAAPI
		if (r < 0 && back_ends[i] == &encoder_vaapi)
			tell_why(c.no_vaapi, encoder_vaapi_get_why());
#endif
		if (r < 0)
			continue;
		c.best = back_ends[i];
		*ret = c;
		return 0;
	}
	*ret = c;
	return -ENODEV;
}

bool encoder_refuse_device(void)
{
#if ENCODER_VAAPI
	return encoder_vaapi_refuse();
#else
	return false;
#endif
}

void encoder_release(void)
{
#if ENCODER_VAAPI
	encoder_vaapi_done();
#endif
}
