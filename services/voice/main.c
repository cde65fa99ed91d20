/* SPDX-License-Identifier: MIT
 * The voice service: the spoken tutor. */
#include "common/ai/settings.h"
#include "common/base/obj.h"
#include "common/io/db_migrate.h"
#include "common/service/service.h"
#include "proto/voice_rules.h"
#include "services/voice/engines/tts_builtin.h"
#include "services/voice/speech_settings.h"
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

static const struct config_setting voice_config[] = {
    AI_SETTINGS,
    SPEECH_SETTINGS,
    {.name = "PROMPTS_DIR",
     .type = CONFIG_TEXT,
     .target = &voice_settings.prompts_dir,
     .global = true,
     .help = "Folder of the texts that tell the AI what to do; empty: those beside the program"},
    {.name = "USER_MINUTE_TURNS",
     .type = CONFIG_INT,
     .target = &voice_settings.user_minute_turns,
     .fallback = "60",
     .min = 0,
     .max = 1000000,
     .global = true,
     .help = "Turns with the tutor that a learner may take in a minute; 0: no limit"},
};

static const char *const voice_calls[] = {"planner", "history", NULL};

extern const struct db_migration voice_migrations[];
extern const size_t voice_migration_count;

static const char *const voice_keyed[] = {"CreateTurn", NULL};

int
main(int argc, char **argv)
{
	const struct service_spec spec = {
	    .name = "voice",
	    .descriptor = &voice__voice__descriptor,
	    .methods = voice_methods,
	    .method_count = COUNT_OF(voice_methods),
	    .keyed = voice_keyed,
	    .rules = {voice_rules, VOICE_RULE_COUNT},
	    .settings = voice_config,
	    .setting_count = COUNT_OF(voice_config),
	    .migrations = voice_migrations,
	    .migration_count = voice_migration_count,
	    .uses_cache = true,
	    .uses_fetch = true,
	    .background = true,
	    .cpu_queue_limit = 32,
	    .calls = voice_calls,
	    .check = voice_check,
	    .start = voice_start,
	    .stop = voice_stop,
	    .default_port = 7004,
	};

	tts_builtin_init();
	return service_main(argc, argv, &spec);
}
