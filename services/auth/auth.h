/* SPDX-License-Identifier: MIT
 *
 * What the parts of the auth service share: its settings, its state and its handlers.
 */
#ifndef STUDYHALL_AUTH_AUTH_H
#define STUDYHALL_AUTH_AUTH_H

#include "common/service/call.h"
#include "services/auth/password.h"
#include "services/auth/throttle.h"

#include "auth.pb-c.h"

struct account;
struct arena;
struct cache;
struct counters;
struct db;
struct flight;
struct outbox;
struct service;
struct touches;

struct auth_settings {
	const char *signup; /* open, code, closed */
	const char *signup_code;
	int64_t signin_address_limit;
	int64_t session_ttl_s;
	int64_t argon2_memory_kib, argon2_passes;
};
extern struct auth_settings auth_settings; /* filled before start, constant afterwards */

/* Made by auth_start(), lives as long as the process. */
struct auth {
	struct db *db;
	struct cache *cache;
	struct flight *flight;
	struct outbox *outbox;
	struct touches *touches;
	struct counters *counters;
	struct throttle throttle;
	struct password_policy passwords;
	/* The hash of no password: what an unknown address is checked against, in the same time. */
	char nobody[PASSWORD_HASH_SIZE];
};

/* auth.c */
enum status auth_check(struct service *service);
enum status auth_start(struct service *service);
struct auth *auth_of(struct call *call);
int64_t auth_now_ms(void);
/* The instant in the running task's arena; NULL without memory. */
char *auth_instant(int64_t ms);
/* False without memory. */
bool auth_fill_user(const struct account *account, Auth__User *user);
/* Who calls, cut to a network. */
void auth_address(const struct call *call, char out[ADDRESS_SIZE]);
/* For throttling and logs: names an email address without showing it. */
#define AUTH_HANDLE_SIZE 17
void auth_handle(const char *email_folded, char out[AUTH_HANDLE_SIZE]);
/* Is this the user's password? Throttled like a sign-in. OK; what call_fail() or call_invalid(at
 * `pointer`) returned. */
enum status auth_check_password(struct call *call, const struct account *account,
                                const char *password, const char *pointer);
/* OVERLOADED becomes an answer with Retry-After. */
enum status auth_busy(struct call *call, enum status status);

/* One line of the log, at any level of it. Texts may be NULL. */
void auth_audit(const char *event, const char *outcome, const char *user, const char *address);

/* touch.c: notes that a session is being used; written soon after, in the background. */
struct touches *touches_start(struct service *service, struct db *db, struct cache *cache);
void touches_add(struct touches *touches, const char *session, const char *digest,
                 int64_t last_seen, int64_t expires);

/* handlers.c */
enum status auth_sign_up(struct call *call, const void *request, void *reply);
enum status auth_sign_in(struct call *call, const void *request, void *reply);
/* handlers_session.c */
struct session;
/* False without memory. `current` is the id of the caller's. */
bool auth_fill_session(const struct session *session, const char *current, Auth__Session *item);
enum status auth_verify(struct call *call, const void *request, void *reply);
enum status auth_get_current_session(struct call *call, const void *request, void *reply);
enum status auth_sign_out(struct call *call, const void *request, void *reply);
enum status auth_list_sessions(struct call *call, const void *request, void *reply);
enum status auth_delete_session(struct call *call, const void *request, void *reply);
/* handlers_user.c */
enum status auth_get_me(struct call *call, const void *request, void *reply);
enum status auth_update_me(struct call *call, const void *request, void *reply);
enum status auth_delete_me(struct call *call, const void *request, void *reply);
enum status auth_reset_password(struct call *call, const void *request, void *reply);
/* handlers_export.c */
enum status auth_export_me(struct call *call, const void *request, void *reply);

#endif
