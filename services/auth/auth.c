/* SPDX-License-Identifier: MIT
 * The auth service's state, and what its handlers have in common. */
#include "services/auth/auth.h"

#include "common/base/arena.h"
#include "common/base/clock.h"
#include "common/base/date.h"
#include "common/base/ids.h"
#include "common/base/log.h"
#include "common/base/obj.h"
#include "common/service/outbox.h"
#include "common/service/periodic.h"
#include "common/service/service.h"
#include "common/task/flight.h"
#include "common/task/task.h"
#include "common/service/counter.h"
#include "services/auth/store.h"

#include <stdlib.h>
#include <string.h>

#define AUTH_PURGE_MS   (10 * 60 * 1000)
#define AUTH_PURGE_ROWS 500

struct auth_settings auth_settings;

struct auth *
auth_of(struct call *call)
{
	return service_state(call_service(call));
}

int64_t
auth_now_ms(void)
{
	return clock_wall_us() / 1000;
}

char *
auth_instant(int64_t ms)
{
	char *text = arena_alloc(task_arena(), INSTANT_TEXT_SIZE);

	if (text != NULL)
		instant_format(ms * 1000, text);
	return text;
}

bool
auth_fill_user(const struct account *account, Auth__User *user)
{
	auth__user__init(user);
	user->id = (char *)account->id;
	user->email = (char *)account->email;
	user->name = (char *)account->name;
	user->locale = (char *)account->locale;
	user->time_zone = (char *)account->time_zone;
	user->created_at = auth_instant(account->created_at);
	return user->created_at != NULL;
}

void
auth_address(const struct call *call, char out[ADDRESS_SIZE])
{
	address_network(call_header(call, "x-client-address"), out);
}

void
auth_handle(const char *email_folded, char out[AUTH_HANDLE_SIZE])
{
	char digest[TOKEN_SIZE];

	ids_digest(email_folded, strlen(email_folded), digest);
	memcpy(out, digest, AUTH_HANDLE_SIZE - 1);
	out[AUTH_HANDLE_SIZE - 1] = '\0';
}

void
auth_audit(const char *event, const char *outcome, const char *user, const char *address)
{
	const struct log_field fields[] = {
	    LOG_TEXT("event", event),
	    LOG_TEXT("outcome", outcome),
	    LOG_TEXT("user", user),
	    LOG_TEXT("address", address),
	};

	log_write(LOG_LEVEL_INFO, "audit", fields, COUNT_OF(fields));
}

enum status
auth_busy(struct call *call, enum status status)
{
	if (status != STATUS_OVERLOADED)
		return status;
	call_set_retry_after(call, 1);
	return call_fail(call, status, "too many sign-ins at this moment");
}

enum status
auth_check_password(struct call *call, const struct account *account, const char *password,
                    const char *pointer)
{
	struct auth *auth = auth_of(call);
	char address[ADDRESS_SIZE];
	struct throttle_attempt attempt = {
	    .account = account->id, .address = address, .known = true};
	bool match;
	enum status status;

	auth_address(call, address);
	status = throttle_reserve(&auth->throttle, &attempt);
	if (status == STATUS_THROTTLED) {
		call_set_retry_after(call, attempt.retry_after_s);
		return call_fail(call, status, "too many wrong passwords");
	}
	if (status != STATUS_OK)
		return status;
	status = password_verify(&auth->passwords, account->password, password, &match);
	if (status != STATUS_OK)
		throttle_refund(&auth->throttle, &attempt);
	else if (match)
		throttle_succeeded(&auth->throttle, &attempt);
	else
		throttle_failed(&auth->throttle, &attempt);
	if (status != STATUS_OK)
		return auth_busy(call, status);
	if (match)
		return STATUS_OK;
	auth_audit("password-check", "failed", account->id, address);
	return call_invalid(call, pointer, "is not the current password");
}

/* --- starting -------------------------------------------------------------------------------- */

static uint32_t
auth_purge(void *arg)
{
	struct auth *auth = arg;
	bool more = false;

	if (auth_store_purge(auth->db, auth_now_ms(), AUTH_PURGE_ROWS, &more) != STATUS_OK)
		return AUTH_PURGE_MS;
	return more ? 100 : AUTH_PURGE_MS;
}

static enum status
auth_start_parts(struct auth *auth, struct service *service)
{
	static const char *const actors[] = {"history", "planner", "voice", NULL};
	struct periodic_options purge = {.name = "purge-sessions",
	                                 .fn = auth_purge,
	                                 .arg = auth,
	                                 .first_ms = 10000 + ids_below(20000)};
	struct periodic_options trim = {
	    .name = "trim-hash-memory", .fn = password_trim, .first_ms = 1000};
	char unknown[TOKEN_SIZE];

	auth->flight = flight_new();
	auth->counters = counters_new();
	if (auth->flight == NULL || auth->counters == NULL)
		return STATUS_OVERLOADED;
	auth->throttle = (struct throttle){.cache = auth->cache,
	                                   .counters = auth->counters,
	                                   .address_limit = auth_settings.signin_address_limit};
	auth->touches = touches_start(service, auth->db, auth->cache);
	auth->outbox = outbox_start(service, actors);
	if (auth->touches == NULL || auth->outbox == NULL ||
	    periodic_start(service, &purge) == NULL)
		return STATUS_OVERLOADED;
	auth->passwords.trim = periodic_start(service, &trim);
	if (auth->passwords.trim == NULL)
		return STATUS_OVERLOADED;
	ids_token(unknown);
	return password_hash(&auth->passwords, unknown, auth->nobody);
}

enum status
auth_check(struct service *service)
{
	(void)service;
	if (strcmp(auth_settings.signup, "code") == 0 && auth_settings.signup_code == NULL) {
		LOG_ERROR("SIGNUP_CODE is not set, though SIGNUP is `code`");
		return STATUS_INTERNAL;
	}
	return STATUS_OK;
}

enum status
auth_start(struct service *service)
{
	struct auth *auth;

	if (auth_check(service) != STATUS_OK)
		return STATUS_INTERNAL;
	auth = calloc(1, sizeof *auth);
	if (auth == NULL)
		return STATUS_OVERLOADED;
	auth->db = service_db(service);
	auth->cache = service_cache(service);
	auth->passwords = (struct password_policy){.pool = service_pool(service),
	                                           .memory_kib = auth_settings.argon2_memory_kib,
	                                           .passes = auth_settings.argon2_passes};
	service_set_state(service, auth);
	return auth_start_parts(auth, service);
}
