/* SPDX-License-Identifier: MIT
 * The Prefer field, as far as it is about time. */
#include "common/io/http_prefer.h"

#include "common/io/http.h"

#include <stdio.h>
#include <string.h>

#define PREFER_VALUE_SIZE 64 /* seconds with more digits are no number anybody means */

/* delta-seconds (RFC 9110): digits alone. */
static bool
http_prefer_seconds(const char *text, uint32_t *seconds)
{
	uint32_t number = 0;
	size_t length = strspn(text, "0123456789");

	if (length == 0 || text[length] != '\0')
		return false;
	for (; *text != '\0' && number <= HTTP_PREFER_WAIT_MAX_S; text++)
		number = number * 10 + (uint32_t)(*text - '0');
	*seconds = number < HTTP_PREFER_WAIT_MAX_S ? number : HTTP_PREFER_WAIT_MAX_S;
	return true;
}

void
http_prefer_parse(const char *field, struct http_prefer *prefer)
{
	char value[PREFER_VALUE_SIZE];

	*prefer = (struct http_prefer){0};
	/* An empty value is none (RFC 7240, 2). */
	prefer->respond_async =
	    http_list_find(field, "respond-async", value, sizeof value) && value[0] == '\0';
	prefer->has_wait = http_list_find(field, "wait", value, sizeof value) &&
	                   http_prefer_seconds(value, &prefer->wait_s);
}

void
http_prefer_format(const struct http_prefer *prefer, char out[HTTP_PREFER_SIZE])
{
	char wait[HTTP_PREFER_SIZE / 2] = "";

	if (prefer->has_wait)
		snprintf(wait, sizeof wait, "wait=%u", prefer->wait_s);
	snprintf(out, HTTP_PREFER_SIZE, "%s%s%s", prefer->respond_async ? "respond-async" : "",
	         prefer->respond_async && prefer->has_wait ? ", " : "", wait);
}

uint32_t
http_prefer_wait_s(const struct http_prefer *prefer)
{
	if (prefer->has_wait)
		return prefer->wait_s;
	return prefer->respond_async ? 0 : HTTP_PREFER_WAIT_MAX_S;
}
