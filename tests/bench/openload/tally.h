/* SPDX-License-Identifier: MIT
 *
 * What came of the requests of one step. Not thread-safe.
 */
#ifndef STUDYHALL_TESTS_OPENLOAD_TALLY_H
#define STUDYHALL_TESTS_OPENLOAD_TALLY_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tests/bench/openload/histogram.h"

#define TALLY_STATUSES 16

struct tally {
	uint64_t sent, open; /* of those that are counted */
	uint64_t ended;      /* good ones that were answered within the time that counts */
	uint64_t events;     /* of streams */
	struct tally_status {
		int status;
		uint64_t count;
	} statuses[TALLY_STATUSES]; /* all but good ones; the last takes what finds no room */
	struct histogram good, refused, first_event;
};

/* A counted request is answered after `us`; the status is one of client.h's. */
void tally_add(struct tally *tally, int status, uint64_t us);
/* {"sent": ..., "good": ..., "errors": {"status 503": ...}, "latency": {...}, ...}, times in
 * seconds. */
json_t *tally_report(const struct tally *tally);

#endif
