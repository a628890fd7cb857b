// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The profile language, read strictly: each line is a comment, a parameter that goes out word for
 * word, or a directive.
 */
#include "profile-private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define FILE_MAX (1U << 20)

static const char default_profile[] =
	"wfd_video_formats: 40 00 02 10 0001bdeb 00000000 00000000 00 0000 0000 11 none none, "
	"01 10 0001bdeb 00000000 00000000 00 0000 0000 11 none none\n"
	"wfd_audio_codecs: LPCM 00000002 00, AAC 00000001 00\n"
	"wfd_client_rtp_ports: RTP/AVP/UDP;unicast {port} 0 mode=play\n"
	"wfd_content_protection: none\n"
	"wfd_display_edid: none\n"
	"wfd_connector_type: 05\n"
	"wfd_idr_request_capability: 1\n"
	"wfd_standby_resume_capability: supported\n"
	"wfd_uibc_capability: none\n"
	"wfd_coupled_sink: none\n";

static const char *const message_names[MESSAGE_NAMES] = {
	[MESSAGE_M1] = "M1",
	[MESSAGE_M2] = "M2",
	[MESSAGE_M3] = "M3",
	[MESSAGE_M4] = "M4",
	[MESSAGE_M5] = "M5",
	[MESSAGE_M5_SETUP] = "M5-SETUP",
	[MESSAGE_M5_PLAY] = "M5-PLAY",
	[MESSAGE_M5_PAUSE] = "M5-PAUSE",
	[MESSAGE_M5_TEARDOWN] = "M5-TEARDOWN",
	[MESSAGE_M6] = "M6",
	[MESSAGE_M7] = "M7",
	[MESSAGE_M8] = "M8",
	[MESSAGE_M9] = "M9",
	[MESSAGE_M10] = "M10",
	[MESSAGE_M11] = "M11",
	[MESSAGE_M12] = "M12",
	[MESSAGE_M13] = "M13",
	[MESSAGE_M14] = "M14",
	[MESSAGE_M15] = "M15",
	[MESSAGE_M16] = "M16",
	[MESSAGE_KEEPALIVE] = "KEEPALIVE",
	[MESSAGE_OTHER] = "OTHER",
};

const char *message_name_to_string(enum message_name name)
{
	return message_names[name];
}

bool message_name_covers(enum message_name of, enum message_name name)
{
	return of == name || (of == MESSAGE_M5 && name > MESSAGE_M5 && name <= MESSAGE_M5_TEARDOWN);
}

static int read_parameter(struct reader *r, struct text line)
{
	struct parameter *parameter = &r->p->parameters[r->p->parameters_count];
	struct text value;

	if (!memchr(line.at, ':', line.len))
		return reader_complain(
			r, "neither a parameter (name: value) nor a directive (@name) nor a "
			   "comment (#)");
	if (r->p->parameters_count == PROFILE_PARAMETERS_MAX)
		return reader_complain(r, "more than %d parameters", PROFILE_PARAMETERS_MAX);
	text_parameter(line, &parameter->name, &value);
	if (!parameter->name.len)
		return reader_complain(r, "a parameter without a name");
	parameter->line = line;
	r->p->parameters_count++;
	return 0;
}

int profile_parse(const char *name, const char *bytes, size_t len, FILE *errors,
		  struct profile **ret)
{
	struct profile *p = calloc(1, sizeof(*p));
	struct reader r = { .file = name, .errors = errors, .p = p };
	struct text rest, line;
	int result = 0;

	if (!p)
		return -ENOMEM;
	/* The text itself, and room for its strings without their escapes: never longer. */
	p->bytes = malloc(2 * len + 1);
	if (!p->bytes) {
		profile_free(p);
		return -ENOMEM;
	}
	memcpy(p->bytes, bytes, len);
	r.free_bytes = p->bytes + len;
	p->cseq_start = 1;
	p->public = (struct text){ "org.wfa.wfd1.0, GET_PARAMETER, SET_PARAMETER", 44 };
	rest = (struct text){ p->bytes, len };
	while (result == 0 && text_line(&rest, &line)) {
		struct text trimmed = text_trim(line);

		r.line++;
		if (line.len > PROFILE_LINE_MAX)
			result = reader_complain(&r, "the line is longer than %d bytes",
						 PROFILE_LINE_MAX);
		else if (!trimmed.len || trimmed.at[0] == '#')
			continue;
		else if (trimmed.at[0] == '@')
			result = profile_read_directive(&r, trimmed);
		else
			result = read_parameter(&r, line);
	}
	if (result < 0) {
		profile_free(p);
		return result;
	}
	*ret = p;
	return 0;
}

int profile_open(const char *path, FILE *errors, struct profile **ret)
{
	FILE *file = fopen(path, "re");
	char *bytes;
	size_t len;
	int r;

	if (!file) {
		r = -errno;
		fprintf(errors, "%s: cannot open the profile: %s\n", path, strerror(-r));
		return r;
	}
	bytes = malloc(FILE_MAX);
	len = bytes ? fread(bytes, 1, FILE_MAX, file) : 0;
	if (!bytes)
		r = -ENOMEM;
	else if (ferror(file) || len == FILE_MAX)
		r = -EFBIG;
	else
		r = profile_parse(path, bytes, len, errors, ret);
	if (r == -EFBIG)
		fprintf(errors, "%s: cannot be read, or is over %u bytes\n", path, FILE_MAX);
	free(bytes);
	fclose(file);
	return r;
}

int profile_new_default(struct profile **ret)
{
	return profile_parse("default", default_profile, sizeof(default_profile) - 1, stderr, ret);
}

void profile_free(struct profile *p)
{
	if (!p)
		return;
	free(p->bytes);
	free(p);
}

const struct parameter *profile_find_parameter(const struct profile *p, struct text name)
{
	for (size_t i = 0; i < p->parameters_count; i++) {
		struct text own = p->parameters[i].name;

		if (own.len == name.len && !strncasecmp(own.at, name.at, own.len))
			return &p->parameters[i];
	}
	return NULL;
}

const struct directive *profile_take_next(struct profile *p, enum directive_kind kind,
					  enum message_name message, size_t *index)
{
	while (*index < p->directives_count) {
		struct directive *d = &p->directives[(*index)++];

		if (d->kind != kind || !message_name_covers(d->message, message))
			continue;
		d->seen++;
		/* Of @send-after, count says how many at once. */
		if (d->seen > d->skip &&
		    (!d->count || kind == DIRECTIVE_SEND || d->seen <= d->skip + d->count))
			return d;
	}
	return NULL;
}

const struct directive *profile_take(struct profile *p, enum directive_kind kind,
				     enum message_name message)
{
	const struct directive *found = NULL;
	const struct directive *d;
	size_t index = 0;

	while ((d = profile_take_next(p, kind, message, &index)))
		found = found ? found : d;
	return found;
}
