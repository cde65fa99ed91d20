/* SPDX-License-Identifier: MIT
 * The learner's own account: read, changed, erased; forgotten passwords. */
#include "services/auth/auth.h"

#include "common/base/ids.h"
#include "common/service/outbox.h"
#include "common/task/task.h"
#include "services/auth/credentials.h"
#include "services/auth/store.h"

#include <string.h>

/* The caller's account. */
static enum status
auth_me(struct call *call, struct account *account)
{
	enum status status = auth_store_account(auth_of(call)->db, call_user(call), account);

	return status == STATUS_NOT_FOUND ? STATUS_UNAUTHENTICATED : status;
}

static void
auth_audit_call(struct call *call, const char *event, const char *user)
{
	char address[ADDRESS_SIZE];

	auth_address(call, address);
	auth_audit(event, "ok", user, address);
}

enum status
auth_get_me(struct call *call, const void *message, void *reply)
{
	struct account account;
	enum status status = auth_me(call, &account);

	(void)message;
	if (status != STATUS_OK)
		return status;
	return auth_fill_user(&account, reply) ? STATUS_OK : STATUS_OVERLOADED;
}

/* --- changing -------------------------------------------------------------------------------- */

struct auth_update {
	const Auth__UpdateMeRequest *request;
	const char *session;
	const char *compared; /* the hash that current_password was compared with; or NULL */
	char password[PASSWORD_HASH_SIZE]; /* the new one's, if compared */
	struct account account;            /* as it is afterwards */
};

static bool
auth_cleared(const Auth__UpdateMeRequest *request, const char *field)
{
	for (size_t i = 0; i < request->n_cleared; i++) {
		if (strcmp(request->cleared[i], field) == 0)
			return true;
	}
	return false;
}

static void
auth_apply(const Auth__UpdateMeRequest *request, struct account *account)
{
	if (request->name != NULL)
		account->name = *request->name != '\0' ? request->name : NULL;
	if (auth_cleared(request, "name"))
		account->name = NULL;
	if (request->has_locale)
		account->locale =
		    request->locale == AUTH__UPDATE_ME_REQUEST__LOCALE__en ? "en" : "ko";
	if (auth_cleared(request, "locale"))
		account->locale = "ko";
	if (request->time_zone != NULL)
		account->time_zone = request->time_zone;
	if (auth_cleared(request, "time_zone"))
		account->time_zone = "Asia/Seoul";
}

static enum status
auth_update_fn(struct db *tx, const struct account *account, void *arg)
{
	struct auth_update *update = arg;
	uint64_t removed;
	enum status status;

	update->account = *account;
	auth_apply(update->request, &update->account);
	status = auth_store_change_account(tx, &update->account);
	if (status != STATUS_OK || update->compared == NULL)
		return status;
	/* Another change came first: what was compared is no longer the password. */
	if (strcmp(update->compared, account->password) != 0)
		return STATUS_CONFLICT;
	status = auth_store_set_password(tx, account->id, update->password);
	if (status == STATUS_OK)
		status = auth_store_remove_sessions(tx, account->id, update->session);
	if (status == STATUS_OK)
		status = auth_store_remove_resets(tx, account->id, &removed);
	return status;
}

/* Checks the current password and hashes the new one. */
static enum status
auth_update_password(struct call *call, struct auth_update *update)
{
	const Auth__UpdateMeRequest *request = update->request;
	struct account account;
	enum status status;

	if (request->current_password == NULL)
		return call_invalid(call, "/current_password",
		                    "is required to change the password");
	status = auth_me(call, &account);
	if (status == STATUS_OK)
		status = auth_check_password(call, &account, request->current_password,
		                             "/current_password");
	if (status != STATUS_OK)
		return status;
	update->compared = account.password;
	return auth_busy(
	    call, password_hash(&auth_of(call)->passwords, request->password, update->password));
}

enum status
auth_update_me(struct call *call, const void *message, void *reply)
{
	struct auth_update update = {.request = message, .session = call_session(call)};
	struct auth *auth = auth_of(call);
	enum status status = STATUS_OK;

	if (update.request->password != NULL)
		status = auth_update_password(call, &update);
	if (status == STATUS_OK)
		status = credentials_change(auth->cache, auth->db, call_user(call), auth_update_fn,
		                            &update);
	if (status != STATUS_OK)
		return status == STATUS_NOT_FOUND ? STATUS_UNAUTHENTICATED : status;
	if (update.compared != NULL)
		auth_audit_call(call, "password-change", update.account.id);
	return auth_fill_user(&update.account, reply) ? STATUS_OK : STATUS_OVERLOADED;
}

/* --- erasing --------------------------------------------------------------------------------- */

enum status
auth_delete_me(struct call *call, const void *message, void *reply)
{
	const Auth__DeleteMeRequest *request = message;
	struct auth *auth = auth_of(call);
	struct account account;
	enum status status = auth_me(call, &account);

	(void)reply;
	if (status == STATUS_OK)
		status = auth_check_password(call, &account, request->current_password,
		                             "/current_password");
	if (status == STATUS_OK)
		status = credentials_erase(auth->cache, auth->db, account.id);
	if (status != STATUS_OK)
		return status == STATUS_NOT_FOUND ? STATUS_UNAUTHENTICATED : status;
	outbox_nudge(auth->outbox, NULL);
	auth_audit_call(call, "erasure", account.id);
	call_set_outcome(call, OUTCOME_ACCEPTED);
	return STATUS_OK;
}

/* --- a forgotten password -------------------------------------------------------------------- */

struct auth_reset {
	const char *digest;
	const char *password;
};

static enum status
auth_reset_fn(struct db *tx, const struct account *account, void *arg)
{
	const struct auth_reset *reset = arg;
	const char *user;
	uint64_t removed;
	/* Once more, now that nobody else can use it: it works once. */
	enum status status = auth_store_find_reset(tx, reset->digest, auth_now_ms(), &user);

	if (status == STATUS_OK && strcmp(user, account->id) != 0)
		status = STATUS_NOT_FOUND;
	if (status == STATUS_OK)
		status = auth_store_set_password(tx, account->id, reset->password);
	if (status == STATUS_OK)
		status = auth_store_remove_sessions(tx, account->id, NULL);
	if (status == STATUS_OK)
		status = auth_store_remove_resets(tx, account->id, &removed);
	return status;
}

enum status
auth_reset_password(struct call *call, const void *message, void *reply)
{
	const Auth__ResetPasswordRequest *request = message;
	struct auth *auth = auth_of(call);
	char digest[TOKEN_SIZE], password[PASSWORD_HASH_SIZE];
	struct auth_reset reset = {digest, password};
	const char *user;
	enum status status;

	(void)reply;
	ids_digest(request->token, strlen(request->token), digest);
	status = auth_store_find_reset(auth->db, digest, auth_now_ms(), &user);
	if (status == STATUS_OK)
		status =
		    auth_busy(call, password_hash(&auth->passwords, request->password, password));
	if (status == STATUS_OK)
		status = credentials_change(auth->cache, auth->db, user, auth_reset_fn, &reset);
	if (status == STATUS_NOT_FOUND)
		return call_fail(call, status, "the link is not valid, or was used already");
	if (status != STATUS_OK)
		return status;
	auth_audit_call(call, "password-reset", user);
	call_set_outcome(call, OUTCOME_NO_CONTENT);
	return STATUS_OK;
}
