/* SPDX-License-Identifier: MIT
 * The voice service: the spoken tutor. */
#include "common/base/obj.h"
#include "common/io/db_migrate.h"
#include "common/service/service.h"
#include "proto/voice_rules.h"
#include "services/voice/voice.h"

#include "voice.pb-c.h"

static const struct method voice_methods[] = {
    {"CreateTurn", voice_create_turn},
    {"ListConversations", voice_list_conversations},
    {"GetConversation", voice_get_conversation},
    {"DeleteConversation", voice_delete_conversation},
    {"Export", voice_export},
    {"Erase", voice_erase},
};

static const char *const voice_calls[] = {"planner", "history", NULL};

extern const struct db_migration voice_migrations[];
extern const size_t voice_migration_count;

int
main(int argc, char **argv)
{
	const struct service_spec spec = {
	    .name = "voice",
	    .descriptor = &voice__voice__descriptor,
	    .methods = voice_methods,
	    .method_count = COUNT_OF(voice_methods),
	    .rules = {voice_rules, VOICE_RULE_COUNT},
	    .migrations = voice_migrations,
	    .migration_count = voice_migration_count,
	    .cpu_threads = 2,
	    .cpu_queue_limit = 32,
	    .calls = voice_calls,
	    .start = voice_start,
	    .stop = voice_stop,
	    .default_port = 7004,
	};

	return service_main(argc, argv, &spec);
}
