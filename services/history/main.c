/* SPDX-License-Identifier: MIT
 * The history service: what a learner did, and summaries of it. */
#include "common/base/obj.h"
#include "common/service/service.h"
#include "proto/history_rules.h"
#include "services/history/history.h"

#include "history.pb-c.h"

#include "common/io/db_migrate.h"

static const struct method history_methods[] = {
    {"List", history_list},     {"Record", history_record},       {"Update", history_update},
    {"Delete", history_delete}, {"Summarize", history_summarize}, {"Ingest", history_ingest},
    {"Export", history_export}, {"Erase", history_erase},
};

extern const struct db_migration history_migrations[];
extern const size_t history_migration_count;

static const char *const history_keyed[] = {"Record", NULL};

int
main(int argc, char **argv)
{
	const struct service_spec spec = {
	    .name = "history",
	    .descriptor = &history__history__descriptor,
	    .methods = history_methods,
	    .method_count = COUNT_OF(history_methods),
	    .keyed = history_keyed,
	    .rules = {history_rules, HISTORY_RULE_COUNT},
	    .migrations = history_migrations,
	    .migration_count = history_migration_count,
	    .uses_cache = true,
	    .start = history_start,
	    .default_port = 7003,
	};

	return service_main(argc, argv, &spec);
}
