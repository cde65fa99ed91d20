/* SPDX-License-Identifier: MIT
 * Groups are found by sorting: nothing has to be kept while calls come in. */
#include "tests/upstream/counts.h"

#include "common/base/obj.h"
#include "tests/upstream/fault.h"

#include <stdlib.h>
#include <string.h>

struct counts_item {
	const struct ledger_entry *entry;
	size_t length; /* of its group's name, at the start of its mark */
};

static int
counts_compare(const void *a, const void *b)
{
	const struct counts_item *left = a, *right = b;
	size_t shorter = left->length < right->length ? left->length : right->length;
	int order = memcmp(left->entry->mark, right->entry->mark, shorter);

	if (order != 0)
		return order;
	return left->length < right->length ? -1 : left->length > right->length;
}

/* All marked calls, sorted; how many, into *count. NULL without memory. */
static struct counts_item *
counts_sorted(const struct ledger *ledger, bool jobs, size_t *count)
{
	uint64_t recorded = ledger_recorded(ledger);
	struct counts_item *items = calloc(recorded + 1, sizeof *items);

	*count = 0;
	for (uint64_t i = 0; items != NULL && i < recorded; i++) {
		const struct ledger_entry *entry = ledger_at(ledger, i);
		size_t length = jobs ? strcspn(entry->mark, ":") : strlen(entry->mark);

		if (length > 0)
			items[(*count)++] = (struct counts_item){entry, length};
	}
	if (items != NULL)
		qsort(items, *count, sizeof *items, counts_compare);
	return items;
}

/* Writes the group at `items`; gives its size. */
static size_t
counts_group(const struct counts_item *items, size_t left, const struct counts_filter *filter,
             bool *first, struct buf *out)
{
	size_t size = 0, outcomes[LEDGER_OUTCOMES] = {0};

	for (; size < left && counts_compare(items, items + size) == 0; size++)
		outcomes[items[size].entry->outcome]++;
	if (size < filter->min_calls || outcomes[LEDGER_DELIVERED] < filter->min_delivered)
		return size;
	buf_puts(out, *first ? "{\"name\":" : ",\n{\"name\":");
	*first = false;
	buf_put_json_string(out, items->entry->mark, items->length);
	buf_printf(out, ",\"calls\":%zu", size);
	for (unsigned i = 0; i < LEDGER_OUTCOMES; i++)
		buf_printf(out, ",\"%s\":%zu", ledger_outcome_name((enum ledger_outcome)i),
		           outcomes[i]);
	buf_puts(out, "}");
	return size;
}

bool
counts_write(const struct ledger *ledger, const struct counts_filter *filter, struct buf *out)
{
	size_t count, groups = 0;
	struct counts_item *items = counts_sorted(ledger, filter->jobs, &count);
	bool first = true;

	if (items == NULL)
		return false;
	buf_puts(out, "{\"groups\":[");
	for (size_t at = 0; at < count; groups++)
		at += counts_group(items + at, count - at, filter, &first, out);
	buf_printf(out, "],\"distinct\":%zu,\"marked\":%zu,\"calls\":%llu,\"complete\":%s}\n",
	           groups, count, (unsigned long long)ledger_calls(ledger),
	           ledger_recorded(ledger) == ledger_calls(ledger) ? "true" : "false");
	free(items);
	return !buf_failed(out);
}

/* --- totals -------------------------------------------------------------------------------- */

/* Calls by a name, which is the same pointer each time. */
struct counts_tally {
	const char *name;
	json_int_t calls;
};

static void
counts_add(struct counts_tally *tallies, size_t room, const char *name)
{
	for (size_t i = 0; name != NULL && i < room; i++) {
		if (tallies[i].name != NULL && tallies[i].name != name)
			continue;
		tallies[i].name = name;
		tallies[i].calls++;
		return;
	}
}

static json_t *
counts_tallies_json(const struct counts_tally *tallies, size_t room)
{
	json_t *json = json_object();

	for (size_t i = 0; i < room && tallies[i].name != NULL; i++)
		json_object_set_new(json, tallies[i].name, json_integer(tallies[i].calls));
	return json;
}

json_t *
counts_stats(const struct ledger *ledger)
{
	struct counts_tally outcomes[LEDGER_OUTCOMES] = {0}, providers[8] = {0};
	struct counts_tally faults[FAULT_KINDS] = {0};
	int64_t aborted = 0, sum_us = 0, most_us = 0;

	for (uint64_t i = 0; i < ledger_recorded(ledger); i++) {
		const struct ledger_entry *entry = ledger_at(ledger, i);
		int64_t age_us = entry->ended_us - entry->started_us;

		counts_add(outcomes, COUNT_OF(outcomes), ledger_outcome_name(entry->outcome));
		counts_add(providers, COUNT_OF(providers), entry->provider);
		counts_add(faults, COUNT_OF(faults), entry->fault);
		if (entry->outcome != LEDGER_ABORTED)
			continue;
		aborted++;
		sum_us += age_us;
		most_us = age_us > most_us ? age_us : most_us;
	}
	return json_pack("{s:I, s:b, s:o, s:o, s:o, s:{s:I, s:f, s:f}}", "calls",
	                 (json_int_t)ledger_calls(ledger), "complete",
	                 ledger_calls(ledger) == ledger_recorded(ledger), "outcomes",
	                 counts_tallies_json(outcomes, COUNT_OF(outcomes)), "providers",
	                 counts_tallies_json(providers, COUNT_OF(providers)), "faults",
	                 counts_tallies_json(faults, COUNT_OF(faults)), "aborted_after_ms", "count",
	                 (json_int_t)aborted, "mean",
	                 aborted > 0 ? (double)sum_us / (double)aborted / 1000 : 0.0, "most",
	                 (double)most_us / 1000);
}
