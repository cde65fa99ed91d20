/* SPDX-License-Identifier: MIT
 *
 * What the stand-in is told over its control API. README.md describes the JSON.
 */
#ifndef STUDYHALL_TESTS_UPSTREAM_CONFIG_H
#define STUDYHALL_TESTS_UPSTREAM_CONFIG_H

#include "tests/upstream/fault.h"
#include "tests/upstream/latency.h"

#define CONFIG_CHUNKS 16

/* When an answer comes. What is not streamed comes after both times. */
struct pace {
	struct latency first_byte;
	struct latency streaming; /* from the first to the last byte */
	unsigned chunks;          /* pieces that a stream comes in */
};

struct config {
	uint64_t seed;
	struct pace pace;
	json_t *providers; /* by name: a pace of its own, in JSON; checked */
	struct fault_rules faults;
	json_t *transcripts; /* by language ("ko"): what is heard in any speech */
	unsigned
	    thought_tokens; /* that a model spends unseen: paid for, and within the token limit */
	bool record_days;   /* note in the ledger when each day of a streamed plan was sent */
};

void config_init(struct config *config);
void config_fini(struct config *config);
/* Takes the members that are given; with `replace` the others get their defaults. NULL, or what is
 * wrong (static text): then nothing has changed. */
const char *config_apply(struct config *config, const json_t *json, bool replace);
json_t *config_json(const struct config *config);
/* The pace of a provider. */
struct pace config_pace(const struct config *config, const char *provider);

#endif
