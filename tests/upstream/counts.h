/* SPDX-License-Identifier: MIT
 *
 * Sums over the ledger: by idempotency mark, by job (the mark's part before the first colon), and
 * over all of it.
 */
#ifndef STUDYHALL_TESTS_UPSTREAM_COUNTS_H
#define STUDYHALL_TESTS_UPSTREAM_COUNTS_H

#include "common/base/buf.h"
#include "tests/upstream/ledger.h"

struct counts_filter {
	bool jobs;                         /* else marks */
	uint64_t min_calls, min_delivered; /* show only groups with as many */
};

/* A JSON document into `out`. False without memory. */
bool counts_write(const struct ledger *ledger, const struct counts_filter *filter, struct buf *out);
/* Totals by outcome, provider and fault; how old aborted calls were. */
json_t *counts_stats(const struct ledger *ledger);

#endif
