/* SPDX-License-Identifier: MIT
 * The auth service: users, passwords and sessions. */
#include "common/base/obj.h"
#include "common/io/db_migrate.h"
#include "proto/auth_rules.h"
#include "services/auth/auth.h"
#include "services/auth/commands.h"

static const struct method auth_methods[] = {
    {"SignUp", auth_sign_up},
    {"SignIn", auth_sign_in},
    {"GetCurrentSession", auth_get_current_session},
    {"SignOut", auth_sign_out},
    {"ListSessions", auth_list_sessions},
    {"DeleteSession", auth_delete_session},
    {"GetMe", auth_get_me},
    {"UpdateMe", auth_update_me},
    {"DeleteMe", auth_delete_me},
    {"ResetPassword", auth_reset_password},
    {"ExportMe", auth_export_me},
    {"Verify", auth_verify},
};

static const struct config_setting auth_config[] = {
    {.name = "SIGNUP",
     .type = CONFIG_CHOICE,
     .target = &auth_settings.signup,
     .fallback = "open",
     .choices = "open,code,closed",
     .help = "Who may sign up: anybody, who knows SIGNUP_CODE, or nobody"},
    {.name = "SIGNUP_CODE",
     .type = CONFIG_SECRET,
     .target = &auth_settings.signup_code,
     .help = "The invitation for SIGNUP=code"},
    {.name = "SIGNIN_ADDRESS_LIMIT",
     .type = CONFIG_INT,
     .target = &auth_settings.signin_address_limit,
     .fallback = "100",
     .min = 0,
     .max = 1000000,
     .help = "Failed sign-ins a minute from one address; 0: no limit"},
    {.name = "SESSION_TTL",
     .type = CONFIG_INT,
     .target = &auth_settings.session_ttl_s,
     .fallback = "2592000",
     .min = 1,
     .max = 7776000,
     .help = "Seconds after its last use that a session ends; 90 days in all at most"},
    {.name = "ARGON2_MEMORY_KIB",
     .type = CONFIG_INT,
     .target = &auth_settings.argon2_memory_kib,
     .fallback = "19456",
     .min = 8,
     .max = 4194304,
     .help = "Memory of one password hash (argon2id); OWASP's minimum by default"},
    {.name = "ARGON2_PASSES",
     .type = CONFIG_INT,
     .target = &auth_settings.argon2_passes,
     .fallback = "2",
     .min = 1,
     .max = 100,
     .help = "Passes of one password hash"},
};

static const char *const auth_calls[] = {"history", "planner", "voice", NULL};

extern const struct db_migration auth_migrations[];
extern const size_t auth_migration_count;

int
main(int argc, char **argv)
{
	const struct service_spec spec = {
	    .name = "auth",
	    .descriptor = &auth__auth__descriptor,
	    .methods = auth_methods,
	    .method_count = COUNT_OF(auth_methods),
	    .rules = {auth_rules, AUTH_RULE_COUNT},
	    .settings = auth_config,
	    .setting_count = COUNT_OF(auth_config),
	    .migrations = auth_migrations,
	    .migration_count = auth_migration_count,
	    .uses_cache = true,
	    .cpu_queue_limit = 64,
	    .calls = auth_calls,
	    .commands = auth_commands,
	    .command_count = auth_command_count,
	    .check = auth_check,
	    .start = auth_start,
	    .default_port = 7001,
	};

	return service_main(argc, argv, &spec);
}
