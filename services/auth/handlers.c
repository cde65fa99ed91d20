/* SPDX-License-Identifier: MIT
 * Signing up and signing in. */
#include "services/auth/auth.h"

#include "common/base/arena.h"
#include "common/base/ids.h"
#include "common/base/text.h"
#include "common/io/db.h"
#include "common/service/outbox.h"
#include "common/task/task.h"
#include "services/auth/store.h"

#include <sodium.h>
#include <string.h>

#define AUTH_USER_AGENT_LIMIT 255 /* code points that are kept */

static enum status
auth_put_event(struct db *tx, const char *user, Common__Event__Type type, int64_t at_ms)
{
	Common__Event event = COMMON__EVENT__INIT;
	char id[ID_SIZE];

	ids_new(id);
	event.id = id;
	event.has_version = 1;
	event.version = 1;
	event.user_id = (char *)user;
	event.has_type = 1;
	event.type = type;
	event.at = auth_instant(at_ms);
	return event.at != NULL ? outbox_put_event(tx, &event) : STATUS_OVERLOADED;
}

/* --- signing up ------------------------------------------------------------------------------ */

static enum status
auth_sign_up_tx(struct db *tx, void *arg)
{
	const struct account *account = arg;
	enum status status = auth_store_add_account(tx, account);

	if (status != STATUS_OK)
		return status == STATUS_CONFLICT ? STATUS_EMAIL_TAKEN : status;
	return auth_put_event(tx, account->id, COMMON__EVENT__TYPE__signed_up, account->created_at);
}

static bool
auth_same_code(const char *given)
{
	char digests[2][TOKEN_SIZE];

	if (given == NULL)
		return false;
	ids_digest(given, strlen(given), digests[0]);
	ids_digest(auth_settings.signup_code, strlen(auth_settings.signup_code), digests[1]);
	return sodium_memcmp(digests[0], digests[1], TOKEN_SIZE) == 0;
}

/* May somebody with this code sign up? Guessing codes is throttled per address. */
static enum status
auth_admit(struct call *call, const char *code)
{
	struct auth *auth = auth_of(call);
	char address[ADDRESS_SIZE];
	struct throttle_attempt attempt = {.account = "signup", .address = address, .known = true};
	enum status status;

	if (strcmp(auth_settings.signup, "open") == 0)
		return STATUS_OK;
	if (strcmp(auth_settings.signup, "closed") == 0)
		return call_fail(call, STATUS_CONFLICT, "signing up is closed here");
	auth_address(call, address);
	status = throttle_reserve(&auth->throttle, &attempt);
	if (status == STATUS_THROTTLED) {
		call_set_retry_after(call, attempt.retry_after_s);
		return call_fail(call, status, "too many wrong codes");
	}
	if (status != STATUS_OK)
		return status;
	if (auth_same_code(code)) {
		throttle_refund(&auth->throttle, &attempt);
		return STATUS_OK;
	}
	throttle_failed(&auth->throttle, &attempt);
	return call_invalid(call, "/code", code == NULL ? "is required" : "is not valid");
}

enum status
auth_sign_up(struct call *call, const void *message, void *reply)
{
	const Auth__SignUpRequest *request = message;
	struct auth *auth = auth_of(call);
	char *id = arena_alloc(task_arena(), ID_SIZE), address[ADDRESS_SIZE];
	char password[PASSWORD_HASH_SIZE];
	struct account account = {.id = id,
	                          .email = request->email,
	                          .email_folded = text_fold(task_arena(), request->email),
	                          .name = request->name,
	                          .locale = "ko",
	                          .time_zone = "Asia/Seoul",
	                          .password = password,
	                          .created_at = auth_now_ms()};
	struct account other;
	enum status status = auth_admit(call, request->code);

	if (status != STATUS_OK)
		return status;
	if (id == NULL || account.email_folded == NULL)
		return STATUS_OVERLOADED;
	ids_new(id);
	if (account.name != NULL && *account.name == '\0')
		account.name = NULL;
	if (request->has_locale && request->locale == AUTH__SIGN_UP_REQUEST__LOCALE__en)
		account.locale = "en";
	if (request->time_zone != NULL)
		account.time_zone = request->time_zone;
	status = auth_store_account_by_email(auth->db, account.email_folded, NULL, &other, NULL);
	if (status == STATUS_OK)
		return STATUS_EMAIL_TAKEN;
	if (status == STATUS_NOT_FOUND)
		status = password_hash(&auth->passwords, request->password, password);
	if (status != STATUS_OK)
		return auth_busy(call, status);
	status = db_transact(auth->db, auth_sign_up_tx, &account);
	if (status != STATUS_OK)
		return status;
	outbox_nudge(auth->outbox, "history");
	auth_address(call, address);
	auth_audit("sign-up", "ok", id, address);
	call_set_outcome(call, OUTCOME_CREATED);
	return auth_fill_user(&account, reply) ? STATUS_OK : STATUS_OVERLOADED;
}

/* --- signing in ------------------------------------------------------------------------------ */

struct auth_sign_in {
	struct auth *auth;
	struct account account; /* as it was when the password was compared */
	bool exists, known;
	char address[ADDRESS_SIZE];
	char handle[AUTH_HANDLE_SIZE];
	char renewed[PASSWORD_HASH_SIZE]; /* a hash with today's parameters; or empty */
	struct session session;
};

/* The first code points of the header, if it is text at all. */
static const char *
auth_user_agent(const struct call *call)
{
	const char *text = call_header(call, "user-agent"), *at;
	size_t seen = 0;

	if (text == NULL || *text == '\0' || !text_valid(text, strlen(text)))
		return NULL;
	for (at = text; *at != '\0'; at++) {
		if ((*at & 0xc0) != 0x80 && seen++ == AUTH_USER_AGENT_LIMIT)
			break;
	}
	return arena_strndup(task_arena(), text, (size_t)(at - text));
}

static enum status
auth_sign_in_tx(struct db *tx, void *arg)
{
	struct auth_sign_in *sign_in = arg;
	const char *user = sign_in->session.user;
	/* The password may have been changed, or the account disabled, since it was compared. */
	enum status status = auth_store_hold_account(tx, user, sign_in->account.password);

	if (status == STATUS_OK && sign_in->renewed[0] != '\0')
		status = auth_store_set_password(tx, user, sign_in->renewed);
	if (status == STATUS_OK)
		status = auth_store_add_session(tx, &sign_in->session);
	if (status == STATUS_OK)
		status = auth_store_know_address(tx, user, sign_in->address,
		                                 sign_in->session.created_at);
	if (status == STATUS_OK)
		status = auth_put_event(tx, user, COMMON__EVENT__TYPE__signed_in,
		                        sign_in->session.created_at);
	return status;
}

/* Compares the password, with as much work for who does not exist. OK: it is right. */
static enum status
auth_sign_in_compare(struct call *call, struct auth_sign_in *sign_in, const char *password)
{
	struct auth *auth = sign_in->auth;
	struct throttle_attempt attempt = {
	    .account = sign_in->handle, .address = sign_in->address, .known = sign_in->known};
	bool match = false;
	enum status status = throttle_reserve(&auth->throttle, &attempt);

	if (status == STATUS_OK) {
		status = password_verify(&auth->passwords,
		                         sign_in->exists ? sign_in->account.password : auth->nobody,
		                         password, &match);
		match = match && sign_in->exists && !sign_in->account.disabled;
		if (status != STATUS_OK)
			throttle_refund(&auth->throttle, &attempt);
		else if (match)
			throttle_succeeded(&auth->throttle, &attempt);
		else
			throttle_failed(&auth->throttle, &attempt);
	}
	throttle_headers(&auth->throttle, &attempt, call);
	if (status == STATUS_THROTTLED) {
		call_set_retry_after(call, attempt.retry_after_s);
		return call_fail(call, status, "too many failed sign-ins; try again later");
	}
	if (status != STATUS_OK)
		return auth_busy(call, status);
	return match ? STATUS_OK : STATUS_UNAUTHENTICATED;
}

static enum status
auth_sign_in_fill(struct auth_sign_in *sign_in, char *token, Auth__NewSession *reply)
{
	reply->token = token;
	reply->expires_at = auth_instant(sign_in->session.expires_at);
	reply->user = arena_alloc(task_arena(), sizeof *reply->user);
	if (reply->expires_at == NULL || reply->user == NULL ||
	    !auth_fill_user(&sign_in->account, reply->user))
		return STATUS_OVERLOADED;
	return STATUS_OK;
}

/* Makes the session. */
static enum status
auth_sign_in_open(struct call *call, struct auth_sign_in *sign_in, const char *password,
                  Auth__NewSession *reply)
{
	struct auth *auth = sign_in->auth;
	char *token = arena_alloc(task_arena(), TOKEN_SIZE), *id;
	char *digest = arena_alloc(task_arena(), TOKEN_SIZE);
	int64_t now = auth_now_ms();
	enum status status;

	id = arena_alloc(task_arena(), ID_SIZE);
	if (token == NULL || digest == NULL || id == NULL)
		return STATUS_OVERLOADED;
	ids_token(token);
	ids_digest(token, strlen(token), digest);
	ids_new(id);
	sign_in->session = (struct session){
	    .id = id,
	    .user = sign_in->account.id,
	    .digest = digest,
	    .created_at = now,
	    .last_seen_at = now,
	    .expires_at = session_expiry(now, now, auth_settings.session_ttl_s * 1000),
	    .user_agent = auth_user_agent(call)};
	/* With a busy pool the next sign-in renews the hash. */
	if (password_outdated(&auth->passwords, sign_in->account.password) &&
	    password_hash(&auth->passwords, password, sign_in->renewed) != STATUS_OK)
		sign_in->renewed[0] = '\0';
	status = db_transact(auth->db, auth_sign_in_tx, sign_in);
	if (status != STATUS_OK)
		return status;
	outbox_nudge(auth->outbox, "history");
	return auth_sign_in_fill(sign_in, token, reply);
}

enum status
auth_sign_in(struct call *call, const void *message, void *reply)
{
	const Auth__SignInRequest *request = message;
	struct auth_sign_in sign_in = {.auth = auth_of(call)};
	const char *folded = text_fold(task_arena(), request->email);
	enum status status;

	if (folded == NULL)
		return STATUS_OVERLOADED;
	auth_address(call, sign_in.address);
	auth_handle(folded, sign_in.handle);
	status = auth_store_account_by_email(sign_in.auth->db, folded, sign_in.address,
	                                     &sign_in.account, &sign_in.known);
	if (status != STATUS_OK && status != STATUS_NOT_FOUND)
		return status;
	sign_in.exists = status == STATUS_OK;
	status = auth_sign_in_compare(call, &sign_in, request->password);
	if (status == STATUS_OK)
		status = auth_sign_in_open(call, &sign_in, request->password, reply);
	auth_audit("sign-in", status == STATUS_OK ? "ok" : status_slug(status),
	           sign_in.exists ? sign_in.account.id : sign_in.handle, sign_in.address);
	if (status == STATUS_UNAUTHENTICATED)
		return call_fail(call, status, "the email address or the password is wrong");
	if (status == STATUS_OK)
		call_set_outcome(call, OUTCOME_CREATED);
	return status;
}
