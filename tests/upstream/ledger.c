/* SPDX-License-Identifier: MIT
 * Entries in blocks that are allocated as they fill, so that none ever moves. */
#include "tests/upstream/ledger.h"

#include "common/base/clock.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define LEDGER_BLOCK  4096
#define LEDGER_BLOCKS ((LEDGER_CAP + LEDGER_BLOCK - 1) / LEDGER_BLOCK)

struct ledger {
	uint64_t generation;
	uint64_t calls, recorded;
	struct ledger_entry *blocks[LEDGER_BLOCKS];
};

struct ledger *
ledger_new(void)
{
	return calloc(1, sizeof(struct ledger));
}

void
ledger_clear(struct ledger *ledger)
{
	for (uint64_t i = 0; i < ledger->recorded; i++)
		free(ledger->blocks[i / LEDGER_BLOCK][i % LEDGER_BLOCK].days_us);
	for (size_t i = 0; i < LEDGER_BLOCKS; i++) {
		free(ledger->blocks[i]);
		ledger->blocks[i] = NULL;
	}
	ledger->calls = ledger->recorded = 0;
	ledger->generation++;
}

void
ledger_free(struct ledger **ledgerp)
{
	if (*ledgerp == NULL)
		return;
	ledger_clear(*ledgerp);
	free(*ledgerp);
	*ledgerp = NULL;
}

/* Copies as much as fits. */
static void
ledger_copy(char *out, size_t size, const char *text)
{
	size_t length = text != NULL ? strlen(text) : 0;

	if (length >= size)
		length = size - 1;
	if (length > 0)
		memcpy(out, text, length);
	out[length] = '\0';
}

struct ledger_ref
ledger_begin(struct ledger *ledger, const char *provider, const char *path, const char *key,
             const char *mark)
{
	struct ledger_ref ref = {ledger->generation, UINT64_MAX};
	uint64_t index = ledger->recorded;
	struct ledger_entry **block, *entry;
	size_t key_length = key != NULL ? strlen(key) : 0;

	ledger->calls++;
	if (index >= LEDGER_CAP)
		return ref;
	block = &ledger->blocks[index / LEDGER_BLOCK];
	if (*block == NULL)
		*block = calloc(LEDGER_BLOCK, sizeof **block);
	if (*block == NULL)
		return ref;
	entry = &(*block)[index % LEDGER_BLOCK];
	*entry = (struct ledger_entry){.number = ledger->calls,
	                               .started_us = clock_wall_us(),
	                               .provider = provider,
	                               .path = path};
	if (key_length > 0)
		ledger_copy(entry->key, sizeof entry->key,
		            key + (key_length > 4 ? key_length - 4 : 0));
	ledger_copy(entry->mark, sizeof entry->mark, mark);
	ledger->recorded++;
	ref.index = index;
	return ref;
}

struct ledger_entry *
ledger_entry(struct ledger *ledger, struct ledger_ref ref)
{
	if (ref.generation != ledger->generation || ref.index == UINT64_MAX)
		return NULL;
	return &ledger->blocks[ref.index / LEDGER_BLOCK][ref.index % LEDGER_BLOCK];
}

void
ledger_note_day(struct ledger *ledger, struct ledger_ref ref, unsigned day, unsigned days)
{
	struct ledger_entry *entry = ledger_entry(ledger, ref);

	if (entry == NULL)
		return;
	if (entry->days_us == NULL) {
		entry->days_us = calloc(days, sizeof *entry->days_us);
		entry->days = entry->days_us != NULL ? days : 0;
	}
	if (day < entry->days)
		entry->days_us[day] = clock_wall_us();
}

void
ledger_end(struct ledger *ledger, struct ledger_ref ref, enum ledger_outcome outcome)
{
	struct ledger_entry *entry = ledger_entry(ledger, ref);

	if (entry == NULL)
		return;
	entry->ended_us = clock_wall_us();
	entry->outcome = (uint8_t)outcome;
}

const char *
ledger_outcome_name(enum ledger_outcome outcome)
{
	static const char *const names[LEDGER_OUTCOMES] = {"open", "delivered", "aborted",
	                                                   "failed"};

	assert(outcome < LEDGER_OUTCOMES);
	return names[outcome];
}

uint64_t
ledger_calls(const struct ledger *ledger)
{
	return ledger->calls;
}

uint64_t
ledger_recorded(const struct ledger *ledger)
{
	return ledger->recorded;
}

const struct ledger_entry *
ledger_at(const struct ledger *ledger, uint64_t i)
{
	assert(i < ledger->recorded);
	return &ledger->blocks[i / LEDGER_BLOCK][i % LEDGER_BLOCK];
}

static json_t *
ledger_time(int64_t us)
{
	return us != 0 ? json_integer(us) : json_null();
}

json_t *
ledger_entry_json(const struct ledger_entry *entry)
{
	json_t *json = json_pack(
	    "{s:I, s:s, s:s, s:s, s:s, s:o, s:o, s:o, s:s, s:s?, s:i, s:b, s:i, s:i}", "number",
	    (json_int_t)entry->number, "provider", entry->provider, "path", entry->path, "key",
	    entry->key, "mark", entry->mark, "started", ledger_time(entry->started_us),
	    "first_byte", ledger_time(entry->first_byte_us), "ended", ledger_time(entry->ended_us),
	    "outcome", ledger_outcome_name(entry->outcome), "fault", entry->fault, "status",
	    entry->status, "streamed", entry->streamed, "prompt_tokens", entry->prompt_tokens,
	    "completion_tokens", entry->completion_tokens);

	if (json != NULL && entry->days_us != NULL) {
		json_t *days = json_array();

		for (unsigned i = 0; i < entry->days; i++)
			json_array_append_new(days, ledger_time(entry->days_us[i]));
		json_object_set_new(json, "days", days);
	}
	return json;
}
