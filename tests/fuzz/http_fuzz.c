/* SPDX-License-Identifier: MIT
 * libFuzzer: requests in one piece and in pieces must come out the same; field values must not
 * crash. */
#include "common/io/http_message.h"
#include "common/io/http_prefer.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define FUZZ_LIMIT 5000

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

struct outcome {
	enum status status;
	bool complete;
	size_t used, body, fields, params;
	uint64_t sum;
};

static uint64_t
fuzz_sum(uint64_t sum, const char *text)
{
	for (; *text != '\0'; text++)
		sum = (sum ^ (unsigned char)*text) * 1099511628211u;
	return sum + 1;
}

/* Everything that a server would read out of a complete head. */
static void
fuzz_look(const struct http_message *m, struct outcome *out)
{
	out->fields = m->field_count;
	out->params = m->target.param_count;
	out->sum = fuzz_sum(0, m->method);
	for (size_t i = 0; i < m->field_count; i++) {
		out->sum = fuzz_sum(out->sum, m->fields[i].name);
		out->sum = fuzz_sum(out->sum, m->fields[i].value);
	}
	for (size_t i = 0; i < m->target.segment_count; i++)
		out->sum = fuzz_sum(out->sum, m->target.segments[i]);
	for (size_t i = 0; i < m->target.param_count; i++) {
		out->sum = fuzz_sum(out->sum, m->target.params[i].name);
		if (m->target.params[i].value != NULL)
			out->sum = fuzz_sum(out->sum, m->target.params[i].value);
	}
}

static struct outcome
fuzz_feed(struct http_message *m, const char *bytes, size_t length, size_t piece)
{
	struct outcome out = {0};

	http_message_reset(m, NULL, NULL);
	while (out.used < length && out.status == STATUS_OK && !m->body.complete) {
		size_t now = length - out.used < piece ? length - out.used : piece, used = 0;
		char *copy = malloc(now); /* so that a read beyond the piece is caught */

		memcpy(copy, bytes + out.used, now);
		if (m->head_complete) {
			out.status = http_body_feed(m, copy, now, &used);
		} else {
			out.status = http_head_feed(m, copy, now, &used);
			if (out.status == STATUS_OK && m->head_complete) {
				fuzz_look(m, &out);
				out.status = http_body_begin(m, FUZZ_LIMIT, false);
			}
		}
		free(copy);
		if (used > now || (used == 0 && out.status == STATUS_OK && !m->body.complete))
			abort();
		out.used += used;
	}
	out.complete = m->body.complete;
	out.body = m->body.length;
	if (out.complete && m->body.bytes != NULL)
		out.sum = fuzz_sum(out.sum, m->body.bytes);
	if (out.body > FUZZ_LIMIT)
		abort();
	return out;
}

static void
fuzz_values(const char *bytes, size_t length)
{
	char *text = malloc(length + 1), value[16];
	struct http_prefer prefer;
	int64_t seconds;

	memcpy(text, bytes, length);
	text[length] = '\0';
	http_list_find(text, "wait", value, sizeof value);
	http_prefer_parse(text, &prefer);
	if (http_prefer_wait_s(&prefer) > HTTP_PREFER_WAIT_MAX_S)
		abort();
	http_media_type_is(text, "application/json");
	http_media_type_parameter(text, "charset", value, sizeof value);
	http_accept_quality(text, "audio/wav");
	http_coding_quality(text, "gzip");
	http_etag_match_weak(text, "\"a\"");
	http_etag_match_strong(text, "\"a\"");
	http_cookie_find(text, "s", value, sizeof value);
	http_date_parse(text, &seconds);
	http_host_valid(text, strlen(text));
	free(text);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	const char *text = (const char *)bytes;
	static struct http_message m;
	static bool ready;
	struct outcome whole, cut;

	if (!ready)
		http_message_init(&m);
	ready = true;
	if (length == 0)
		return 0;
	whole = fuzz_feed(&m, text + 1, length - 1, SIZE_MAX);
	cut = fuzz_feed(&m, text + 1, length - 1, bytes[0] % 32u + 1);
	/* What is malformed may be noticed earlier or under another name when it comes in pieces.
	 */
	if ((whole.status == STATUS_OK) != (cut.status == STATUS_OK))
		abort();
	if (whole.status == STATUS_OK &&
	    (whole.complete != cut.complete || whole.body != cut.body ||
	     whole.fields != cut.fields || whole.params != cut.params || whole.sum != cut.sum ||
	     whole.used != cut.used))
		abort();
	fuzz_values(text + 1, length - 1);
	return 0;
}
