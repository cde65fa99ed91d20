/* SPDX-License-Identifier: MIT
 *
 * What can go wrong with a call, and the rules that say with which call it does. Each row of the
 * table: id, name in rules and the ledger, where it strikes, what it is.
 */
#ifndef STUDYHALL_TESTS_UPSTREAM_FAULT_H
#define STUDYHALL_TESTS_UPSTREAM_FAULT_H

#include "tests/upstream/random.h"

#include <jansson.h>
#include <stdbool.h>

enum fault_place {
	FAULT_NOWHERE,
	FAULT_REFUSAL, /* an error answer of the provider */
	FAULT_BEFORE,  /* before the first byte */
	FAULT_MIDDLE,  /* behind half of the answer */
	FAULT_BYTES,   /* how the bytes of the answer come */
	FAULT_FINISH,  /* how the answer ends */
	FAULT_TEXT,    /* what the model says */
};

/* clang-format off */
#define FAULT_TABLE(X)                                                                             \
	X(NONE,           "none",           NOWHERE, "")                                           \
	X(RATE_LIMIT,     "429",            REFUSAL, "too many requests; retry_after, form")       \
	X(QUOTA,          "quota",          REFUSAL, "429, the quota of the key is spent")         \
	X(INVALID_KEY,    "invalid_key",    REFUSAL, "401 or 400, as the provider does")           \
	X(BAD_REQUEST,    "400",            REFUSAL, "400, not the key's fault")                   \
	X(NO_MODEL,       "404",            REFUSAL, "the model does not exist")                   \
	X(SERVER_ERROR,   "500",            REFUSAL, "an internal error")                          \
	X(BAD_GATEWAY,    "502",            REFUSAL, "a proxy's page in HTML")                     \
	X(UNAVAILABLE,    "503",            REFUSAL, "overloaded; retry_after if given")           \
	X(RESET,          "reset",          BEFORE,  "RST instead of an answer")                   \
	X(CLOSE,          "close",          BEFORE,  "FIN instead of an answer")                   \
	X(STALL,          "stall",          BEFORE,  "never a byte")                               \
	X(SLOW,           "slow",           BEFORE,  "later by delay_ms, else well")               \
	X(HOLD,           "hold",           BEFORE,  "when it is released, then well")              \
	X(RESET_MIDDLE,   "reset_middle",   MIDDLE,  "RST behind a part of the answer")            \
	X(CUT,            "cut",            MIDDLE,  "the connection closes behind a part of it")  \
	X(STALL_MIDDLE,   "stall_middle",   MIDDLE,  "silence behind a part of it")                \
	X(HOLD_MIDDLE,    "hold_middle",    MIDDLE,  "the rest comes when it is released")          \
	X(STREAM_ERROR,   "stream_error",   MIDDLE,  "an error object as an event; 500 if not streamed") \
	X(DRIP,           "drip",           BYTES,   "bytes (1) every every_ms (20)")              \
	X(HUGE,           "huge",           BYTES,   "10 MB in one string")                        \
	X(TRUNCATED_BODY, "truncated_body", BYTES,   "the provider's own JSON is cut")             \
	X(HTML,           "html",           BYTES,   "200 with a page in HTML")                    \
	X(UNFINISHED,     "unfinished",     FINISH,  "a stream ends without finish reason, usage, DONE") \
	X(LENGTH,         "length",         FINISH,  "cut off at the token limit, complete days before") \
	X(SAFETY,         "safety",         FINISH,  "no text, a safety reason")                   \
	X(BLOCKED,        "blocked",        FINISH,  "the prompt is refused: no candidate")        \
	X(EMPTY,          "empty",          FINISH,  "ends well, without any text")                \
	X(TRUNCATED,      "truncated",      TEXT,    "the text is cut, and said to be complete")   \
	X(FENCED,         "fenced",         TEXT,    "in a ```json fence")                         \
	X(TRAILING,       "trailing",       TEXT,    "prose behind the JSON")                      \
	X(LEADING,        "leading",        TEXT,    "prose before the JSON")                      \
	X(PROSE,          "prose",          TEXT,    "no JSON at all")                             \
	X(WRONG_SCHEMA,   "wrong_schema",   TEXT,    "JSON of another shape")                      \
	X(WRONG_DATES,    "wrong_dates",    TEXT,    "days outside of the range")                  \
	X(WRONG_REST,     "wrong_rest",     TEXT,    "a day that is not a study day")              \
	X(WRONG_MINUTES,  "wrong_minutes",  TEXT,    "days that take too long")                    \
	X(MISSING_TOPICS, "missing_topics", TEXT,    "every second topic is missing")
/* clang-format on */

enum fault_kind {
#define X(id, name, place, help) FAULT_##id,
	FAULT_TABLE(X)
#undef X
	FAULT_KINDS
};

/* How a 429 says when to come back. */
enum fault_form {
	FORM_SECONDS,    /* Retry-After: 7 */
	FORM_DATE,       /* Retry-After: Sun, 06 Nov 1994 08:49:37 GMT */
	FORM_RETRY_INFO, /* google.rpc.RetryInfo in the error's details, no header */
	FORM_NONE,
};

struct fault {
	enum fault_kind kind;
	uint32_t delay_ms;  /* before it strikes */
	double retry_after; /* seconds; below 0: not said */
	enum fault_form form;
	double at;    /* the middle, as a part of the answer: 0..1 */
	size_t bytes; /* of a drip */
	uint32_t every_ms;
};

/* Who is asking. Strings may be NULL. */
struct fault_subject {
	const char *provider, *path, *key, *mark, *body;
};

struct fault_rule {
	struct fault fault;
	json_t *match; /* provider, path, key, mark, prompt */
	double probability;
	uint64_t skip; /* the first so many that match are spared */
	uint64_t next; /* and at most so many are struck; 0: no bound */
	uint64_t seen, struck;
};

struct fault_rules {
	struct fault_rule *rules;
	size_t count;
};

enum fault_place fault_place(enum fault_kind kind);
const char *fault_name(enum fault_kind kind);

/* NULL, or what is wrong (static text); *rules is the caller's then as before. */
const char *fault_rules_parse(const json_t *json, struct fault_rules *rules);
/* With what each rule has seen and struck. */
json_t *fault_rules_json(const struct fault_rules *rules);
void fault_rules_fini(struct fault_rules *rules);
/* The fault of the first rule that strikes; kind NONE if none does. */
struct fault fault_pick(struct fault_rules *rules, const struct fault_subject *subject,
                        struct random *random);

#endif
