/* SPDX-License-Identifier: MIT
 *
 * The rule-based tutor: from what was asked and what the learner's plan and history say, a short
 * reply in Korean or English, made to be spoken. It changes nothing: where something looks done it
 * suggests ticking it off. Pure and thread-safe.
 */
#ifndef STUDYHALL_VOICE_TUTOR_H
#define STUDYHALL_VOICE_TUTOR_H

#include <stdbool.h>
#include <stddef.h>

#include "common/base/buf.h"
#include "services/voice/phrases.h"

enum {
	TUTOR_REPLY_MAX = 1500
}; /* bytes of a reply at most */

struct tutor_item {
	const char *title;
	unsigned minutes;
	const char *kind; /* "study", "review" or "test"; NULL reads as study */
	bool done;
};

struct tutor_items {
	const struct tutor_item *items; /* borrowed; may be NULL when count is 0 */
	size_t count;
};

/* Dates are YYYY-MM-DD in the learner's time zone; strings are UTF-8, borrowed, and NULL or empty
 * where there is nothing. */
struct tutor_context {
	const char *locale; /* "ko" or "en" */
	const char *name;   /* how to address the learner */
	const char *today;
	struct tutor_items due;  /* today's, done or not */
	struct tutor_items late; /* of days before, not done */
	struct tutor_items next; /* those of next_date, the next study day after today */
	const char *next_date;
	const char *exam_date;
	const char *goal;
	unsigned minutes_this_week;
	unsigned streak_days;
	const char *last_reply; /* the reply before, for "say that again" */
};

/* Appends the reply to `out`, at most TUTOR_REPLY_MAX bytes, never cut inside a character. Look at
 * buf_failed() for memory. */
void tutor_reply(const struct tutor_context *context, const struct phrase_match *match,
                 struct buf *out);

#endif
