/* SPDX-License-Identifier: MIT
 * libFuzzer: the reader of server-sent events stays inside what it is given, within its limit, and
 * finds the same events wherever the stream is cut. */
#include "common/ai/sse_reader.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define FUZZ_LIMIT 4096

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

/* All events in one row; false if the reader gave up. */
static bool
fuzz_read(const uint8_t *bytes, size_t length, size_t step, struct buf *out)
{
	struct sse_reader reader;
	struct sse_event event;
	int found = 0;

	buf_init(out, 0);
	sse_reader_init(&reader, FUZZ_LIMIT);
	for (size_t at = 0; at < length && found >= 0; at += step) {
		size_t piece = length - at < step ? length - at : step;
		char *copy = malloc(piece);

		if (copy == NULL)
			abort();
		memcpy(copy, bytes + at, piece);
		sse_reader_give(&reader, copy, piece);
		while ((found = sse_reader_next(&reader, &event)) == 1) {
			if (event.length > FUZZ_LIMIT || event.data[event.length] != '\0' ||
			    strlen(event.type) > FUZZ_LIMIT)
				abort();
			buf_puts(out, event.type);
			buf_putc(out, '\0');
			buf_append(out, event.data, event.length);
			buf_putc(out, '\n');
		}
		free(copy);
	}
	sse_reader_fini(&reader);
	return found >= 0;
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	struct buf whole, pieces;
	size_t step = length > 0 ? 1 + bytes[0] % 17 : 1;
	bool one = fuzz_read(bytes, length, length > 0 ? length : 1, &whole);
	bool many = fuzz_read(bytes, length, step, &pieces);

	if (one != many || whole.length != pieces.length ||
	    (whole.length > 0 && memcmp(whole.bytes, pieces.bytes, whole.length) != 0))
		abort();
	buf_fini(&whole);
	buf_fini(&pieces);
	return 0;
}
