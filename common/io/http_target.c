/* SPDX-License-Identifier: MIT
 * Request targets and Host: taken apart strictly, so that no two parts of the system can read the
 * same request differently. */
#include "common/io/http.h"

#include "common/base/text.h"

#include <string.h>
#include <strings.h>

static int
http_hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool
http_percent_decode(const char *text, size_t length, bool plus, char *out, size_t *out_length)
{
	size_t used = 0;

	for (size_t i = 0; i < length; i++) {
		char c = text[i];

		if (c == '%') {
			int high = i + 2 < length ? http_hex(text[i + 1]) : -1;
			int low = i + 2 < length ? http_hex(text[i + 2]) : -1;

			if (high < 0 || low < 0)
				return false;
			c = (char)(high << 4 | low);
			i += 2;
		} else if (c == '+' && plus) {
			c = ' ';
		}
		if (c == '\0')
			return false;
		out[used++] = c;
	}
	out[used] = '\0';
	if (out_length != NULL)
		*out_length = used;
	return text_valid(out, used);
}

/* --- Host ---------------------------------------------------------------------------------- */

static bool
http_port_valid(const char *text, size_t length)
{
	unsigned long port = 0;

	for (size_t i = 0; i < length; i++) {
		if (text[i] < '0' || text[i] > '9' || i == 5)
			return false;
		port = port * 10 + (unsigned long)(text[i] - '0');
	}
	return port <= 65535;
}

/* Characters of a reg-name or an IPv4 address: unreserved, sub-delims, "%". */
static bool
http_name_valid(const char *text, size_t length)
{
	for (size_t i = 0; i < length; i++) {
		char c = text[i], lower = (char)(c | 0x20);

		if (!((c >= '0' && c <= '9') || (lower >= 'a' && lower <= 'z')) &&
		    (c == '\0' || strchr("-._~!$&'()*+,;=%", c) == NULL))
			return false;
	}
	return length > 0;
}

bool
http_host_valid(const char *host, size_t length)
{
	const char *colon;
	size_t name;

	if (length == 0 || length > 300)
		return false;
	if (host[0] == '[') {
		const char *close = memchr(host, ']', length);

		if (close == NULL || close == host + 1)
			return false;
		name = (size_t)(close - host) + 1;
		for (size_t i = 1; i + 1 < name; i++) {
			if (http_hex(host[i]) < 0 && host[i] != ':' && host[i] != '.')
				return false;
		}
	} else {
		colon = memchr(host, ':', length);
		name = colon != NULL ? (size_t)(colon - host) : length;
		if (!http_name_valid(host, name))
			return false;
	}
	if (name == length)
		return true;
	return host[name] == ':' && http_port_valid(host + name + 1, length - name - 1);
}

/* --- the target ---------------------------------------------------------------------------- */

/* Visible ASCII less what RFC 3986 has no place for; browsers do send the rest as it is. */
static bool
http_target_characters(const char *text, size_t length)
{
	for (size_t i = 0; i < length; i++) {
		unsigned char c = (unsigned char)text[i];

		if (c <= ' ' || c >= 0x7f || strchr("\"<>\\#", c) != NULL)
			return false;
	}
	return length > 0;
}

static bool
http_target_segments(struct http_target *target, char **scratch)
{
	const char *at = target->path + 1, *end = target->path + target->path_length;

	if (target->path_length == 1)
		return true;
	for (;;) {
		const char *slash = memchr(at, '/', (size_t)(end - at));
		const char *stop = slash != NULL ? slash : end;
		size_t length;

		if (target->segment_count == HTTP_SEGMENTS ||
		    !http_percent_decode(at, (size_t)(stop - at), false, *scratch, &length) ||
		    strcmp(*scratch, ".") == 0 || strcmp(*scratch, "..") == 0)
			return false;
		target->segments[target->segment_count++] = *scratch;
		*scratch += length + 1;
		if (slash == NULL)
			return true;
		at = slash + 1;
	}
}

/* Parameters are never more than this: ampersands are between them. */
static size_t
http_target_params(const char *text, size_t length)
{
	const char *at = memchr(text, '?', length), *end = text + length;
	size_t count = 0;

	while (at != NULL && count < HTTP_PARAMS) {
		count++;
		at = memchr(at + 1, '&', (size_t)(end - at - 1));
	}
	return count;
}

size_t
http_target_room(const char *text, size_t length)
{
	return http_target_params(text, length) * sizeof(struct http_param) + length + 2;
}

static bool
http_target_param(struct http_target *target, const char *at, size_t length, char **scratch)
{
	const char *equals = memchr(at, '=', length);
	size_t name_length = equals != NULL ? (size_t)(equals - at) : length, decoded;
	struct http_param *param = &target->params[target->param_count];

	if (length == 0)
		return true;
	if (target->param_count == HTTP_PARAMS)
		return false;
	if (!http_percent_decode(at, name_length, true, *scratch, &decoded))
		return true;
	param->name = *scratch;
	*scratch += decoded + 1;
	param->value = "";
	target->param_count++;
	if (equals == NULL)
		return true;
	if (!http_percent_decode(equals + 1, length - name_length - 1, true, *scratch, &decoded)) {
		param->value = NULL;
		return true;
	}
	param->value = *scratch;
	*scratch += decoded + 1;
	return true;
}

static bool
http_target_query(struct http_target *target, char **scratch)
{
	const char *at = target->query, *end = at;

	if (at != NULL)
		end += target->query_length;
	while (at != NULL) {
		const char *ampersand = memchr(at, '&', (size_t)(end - at));
		const char *stop = ampersand != NULL ? ampersand : end;

		if (!http_target_param(target, at, (size_t)(stop - at), scratch))
			return false;
		at = ampersand != NULL ? ampersand + 1 : NULL;
	}
	return true;
}

/* Length of "http://" or "https://" at the beginning, or 0. */
static size_t
http_scheme_length(const char *text, size_t length)
{
	if (length > 7 && strncasecmp(text, "http://", 7) == 0)
		return 7;
	if (length > 8 && strncasecmp(text, "https://", 8) == 0)
		return 8;
	return 0;
}

bool
http_target_parse(struct http_target *target, const char *method, const char *text, size_t length,
                  char *scratch)
{
	size_t scheme = http_scheme_length(text, length);
	const char *at = text, *end = text + length, *question;

	memset(target, 0, sizeof *target);
	target->params = (struct http_param *)(void *)scratch;
	scratch += http_target_params(text, length) * sizeof *target->params;
	if (!http_target_characters(text, length))
		return false;
	if (length == 1 && text[0] == '*') {
		target->path = text;
		target->path_length = 1;
		return strcmp(method, "OPTIONS") == 0;
	}
	if (scheme > 0) {
		at += scheme;
		target->authority = at;
		while (at < end && *at != '/' && *at != '?')
			at++;
		target->authority_length = (size_t)(at - target->authority);
		if (!http_host_valid(target->authority, target->authority_length))
			return false;
	} else if (*at != '/') {
		return false;
	}
	question = memchr(at, '?', (size_t)(end - at));
	target->path = at;
	target->path_length = (size_t)((question != NULL ? question : end) - at);
	if (target->path_length == 0) {
		target->path = "/";
		target->path_length = 1;
	}
	if (question != NULL) {
		target->query = question + 1;
		target->query_length = (size_t)(end - target->query);
	}
	return http_target_segments(target, &scratch) && http_target_query(target, &scratch);
}
