/* SPDX-License-Identifier: MIT
 * libFuzzer: whatever a model writes, the same days are found wherever it is cut, each balanced and
 * within the limit, and a day that passes the check keeps the rules. */
#include "common/base/arena.h"
#include "common/base/text.h"
#include "services/planner/ai/plan_check.h"
#include "services/planner/ai/plan_reader.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

static const int32_t fuzz_days[] = {20577, 20578, 20580}; /* 2026-05-04 ... */
static const struct plan_rules fuzz_rules = {
    .days = fuzz_days, .day_count = 3, .minutes_per_day = 60};

static void
fuzz_check(const char *object, size_t length)
{
	struct arena *arena = arena_new((size_t)4 << 20);
	struct plan_day day;
	int minutes = 0;

	if (arena == NULL)
		abort();
	if (plan_check_day(arena, &fuzz_rules, object, length, &day) == PLAN_PROBLEM_NONE) {
		if (plan_rules_index(&fuzz_rules, day.day) < 0 || day.count == 0 ||
		    day.count > PLAN_MAX_ITEMS)
			abort();
		for (size_t i = 0; i < day.count; i++) {
			const struct plan_day_item *item = &day.items[i];
			size_t points = text_length(item->title);

			if (points == 0 || points > PLAN_MAX_TEXT || item->minutes < 1 ||
			    item->kind > PLAN_TEST || text_has_controls(item->title))
				abort();
			minutes += item->minutes;
		}
		if (minutes > fuzz_rules.minutes_per_day)
			abort();
	}
	arena_free(&arena);
}

static void
fuzz_read(const uint8_t *bytes, size_t length, size_t step, struct buf *out)
{
	struct plan_reader reader;
	const char *object;
	size_t object_length;

	buf_init(out, 0);
	plan_reader_init(&reader);
	for (size_t at = 0; at < length; at += step) {
		size_t piece = length - at < step ? length - at : step;
		char *copy = malloc(piece);

		if (copy == NULL)
			abort();
		memcpy(copy, bytes + at, piece);
		plan_reader_give(&reader, copy, piece);
		while (plan_reader_next(&reader, &object, &object_length)) {
			if (object_length < 2 || object_length > PLAN_READER_LIMIT ||
			    object[0] != '{' || object[object_length] != '\0')
				abort();
			buf_append(out, object, object_length);
			buf_putc(out, '\n');
			fuzz_check(object, object_length);
		}
		free(copy);
	}
	plan_reader_fini(&reader);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	size_t step = length > 0 ? 1 + bytes[length - 1] % 17 : 1;
	struct buf whole, pieces;

	fuzz_read(bytes, length, length > 0 ? length : 1, &whole);
	fuzz_read(bytes, length, step, &pieces);
	if (whole.length != pieces.length ||
	    (whole.length > 0 && memcmp(whole.bytes, pieces.bytes, whole.length) != 0))
		abort();
	buf_fini(&whole);
	buf_fini(&pieces);
	return 0;
}
