/* SPDX-License-Identifier: MIT
 *
 * What was asked of the providers: one entry a call, in order, up to a cap. Times are microseconds
 * since 1970, UTC, so that a test can compare them with its own clock. One thread.
 */
#ifndef STUDYHALL_TESTS_UPSTREAM_LEDGER_H
#define STUDYHALL_TESTS_UPSTREAM_LEDGER_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ledger;

#define LEDGER_CAP       1000000
#define LEDGER_MARK_SIZE 56 /* longer marks are cut */

enum ledger_outcome {
	LEDGER_OPEN,
	LEDGER_DELIVERED, /* a whole, good answer went out: it is paid for */
	LEDGER_ABORTED,   /* the client has gone before that */
	LEDGER_FAILED,    /* an error answer, or a broken one */
	LEDGER_OUTCOMES,
};

struct ledger_entry {
	uint64_t number;                             /* from 1, since the ledger was last emptied */
	int64_t started_us, first_byte_us, ended_us; /* 0: not yet, or never */
	const char *provider, *path, *fault;         /* static; fault NULL: none */
	int64_t *days_us; /* when each day of a plan was sent; NULL unless asked for */
	unsigned days;
	uint32_t prompt_tokens, completion_tokens;
	uint16_t status; /* of HTTP; 0: none sent */
	uint8_t outcome;
	bool streamed;
	char key[5]; /* its last four characters */
	char mark[LEDGER_MARK_SIZE];
};

/* One call's entry, which a ledger that has been emptied meanwhile no longer knows. */
struct ledger_ref {
	uint64_t generation;
	uint64_t index; /* UINT64_MAX: not recorded */
};

/* NULL without memory. */
struct ledger *ledger_new(void);
void ledger_free(struct ledger **ledger);
/* Forgets all entries. */
void ledger_clear(struct ledger *ledger);

/* A new entry; `key` and `mark` may be NULL. Beyond the cap, or without memory, it is only counted.
 */
struct ledger_ref ledger_begin(struct ledger *ledger, const char *provider, const char *path,
                               const char *key, const char *mark);
/* The entry to write into, or NULL; valid until the ledger is emptied: never keep it over a wait.
 */
struct ledger_entry *ledger_entry(struct ledger *ledger, struct ledger_ref ref);
/* Notes that day `day` (from 0) of `days` was sent now. */
void ledger_note_day(struct ledger *ledger, struct ledger_ref ref, unsigned day, unsigned days);
void ledger_end(struct ledger *ledger, struct ledger_ref ref, enum ledger_outcome outcome);

const char *ledger_outcome_name(enum ledger_outcome outcome);
/* Calls since the ledger was emptied, and how many of them have an entry. */
uint64_t ledger_calls(const struct ledger *ledger);
uint64_t ledger_recorded(const struct ledger *ledger);
/* The i-th entry, i < ledger_recorded(). */
const struct ledger_entry *ledger_at(const struct ledger *ledger, uint64_t i);
json_t *ledger_entry_json(const struct ledger_entry *entry);

#endif
