/* SPDX-License-Identifier: MIT
 * Sessions: whose is this token, and a learner's list of them. */
#include "services/auth/auth.h"

#include "common/base/arena.h"
#include "common/base/clock.h"
#include "common/base/ids.h"
#include "common/io/cache_aside.h"
#include "common/task/task.h"
#include "common/service/counter.h"
#include "services/auth/credentials.h"
#include "services/auth/store.h"

#include <stdio.h>
#include <string.h>

#define AUTH_CACHE_TTL_S   3600
#define AUTH_DEFAULT_LIMIT 20
#define AUTH_SESSIONS_LIST "auth.ListSessions"

/* --- whose token? ---------------------------------------------------------------------------- */

/* What is cached of a session; the packed Identity follows. */
struct auth_cached {
	int64_t created_at, last_seen_at, expires_at;
	char session[CURSOR_ID_SIZE];
};

struct auth_load {
	struct db *db;
	const char *digest;
};

static enum status
auth_load_session(void *arg, const void **bytes, size_t *length)
{
	const struct auth_load *load = arg;
	Auth__Identity identity = AUTH__IDENTITY__INIT;
	struct session session;
	struct auth_cached *cached;
	size_t packed;
	enum status status =
	    auth_store_find_session(load->db, load->digest, auth_now_ms(), &session);

	if (status != STATUS_OK)
		return status == STATUS_NOT_FOUND ? STATUS_UNAUTHENTICATED : status;
	identity.user_id = (char *)session.user;
	identity.session_id = (char *)session.id;
	identity.locale = (char *)session.locale;
	identity.time_zone = (char *)session.time_zone;
	identity.expires_at = auth_instant(session.expires_at);
	if (identity.expires_at == NULL)
		return STATUS_OVERLOADED;
	packed = auth__identity__get_packed_size(&identity);
	cached = arena_alloc(task_arena(), sizeof *cached + packed + 1);
	if (cached == NULL)
		return STATUS_OVERLOADED;
	cached->created_at = session.created_at;
	cached->last_seen_at = session.last_seen_at;
	cached->expires_at = session.expires_at;
	strncpy(cached->session, session.id, sizeof cached->session - 1);
	auth__identity__pack(&identity, (uint8_t *)(cached + 1));
	*bytes = cached;
	*length = sizeof *cached + packed;
	return STATUS_OK;
}

/* Notes at most once in an interval that the session is in use. When it then ends; 0: as before. */
static int64_t
auth_touch(struct auth *auth, const struct auth_cached *cached, const char *digest, int64_t now)
{
	int64_t ttl = auth_settings.session_ttl_s * 1000;
	int64_t interval_s = session_touch_interval(ttl) / 1000;
	int64_t expires = session_expiry(cached->created_at, now, ttl);
	char key[64];

	if (!session_touch_due(cached->last_seen_at, now, ttl))
		return 0;
	snprintf(key, sizeof key, "touch:%s", cached->session);
	if (counters_add(auth->counters, key, 1, interval_s > 0 ? (uint32_t)interval_s : 1,
	                 clock_ms()) > 1)
		return 0;
	touches_add(auth->touches, cached->session, digest, now, expires);
	return expires;
}

/* The cached identity, with the end that the session has now. */
static enum status
auth_reply_renewed(const void *bytes, size_t length, int64_t expires, Auth__Identity *reply)
{
	Auth__Identity *identity =
	    auth__identity__unpack(arena_allocator(task_arena()), length, bytes);

	if (identity == NULL)
		return STATUS_INTERNAL;
	*reply = *identity;
	reply->expires_at = reply->renewed_until = auth_instant(expires);
	return reply->expires_at != NULL ? STATUS_OK : STATUS_OVERLOADED;
}

enum status
auth_verify(struct call *call, const void *message, void *reply)
{
	const Auth__VerifyRequest *request = message;
	struct auth *auth = auth_of(call);
	char digest[TOKEN_SIZE], key[CREDENTIALS_KEY_SIZE];
	struct auth_load load = {auth->db, digest};
	struct cache_read read = {.cache = auth->cache,
	                          .flight = auth->flight,
	                          .key = key,
	                          .ttl_s = AUTH_CACHE_TTL_S,
	                          .load = auth_load_session,
	                          .arg = &load};
	struct auth_cached cached;
	const void *bytes;
	size_t length;
	int64_t now = auth_now_ms(), renewed;
	enum status status;

	ids_digest(request->token, strlen(request->token), digest);
	credentials_cache_key(digest, key);
	status = cache_read(&read, &bytes, &length, NULL);
	if (status != STATUS_OK)
		return status;
	if (length <= sizeof cached)
		return STATUS_INTERNAL;
	memcpy(&cached, bytes, sizeof cached);
	cached.session[sizeof cached.session - 1] = '\0';
	if (cached.expires_at <= now)
		return STATUS_UNAUTHENTICATED;
	bytes = (const char *)bytes + sizeof cached;
	length -= sizeof cached;
	renewed = auth_touch(auth, &cached, digest, now);
	if (renewed != 0)
		return auth_reply_renewed(bytes, length, renewed, reply);
	call_reply_packed(call, bytes, length);
	return STATUS_OK;
}

/* --- the current one ------------------------------------------------------------------------- */

enum status
auth_get_current_session(struct call *call, const void *message, void *reply)
{
	struct auth *auth = auth_of(call);
	Auth__CurrentSession *current = reply;
	struct session session;
	struct account account;
	enum status status = auth_store_session(auth->db, call_user(call), call_session(call),
	                                        auth_now_ms(), &session);

	(void)message;
	if (status == STATUS_OK)
		status = auth_store_account(auth->db, call_user(call), &account);
	if (status != STATUS_OK)
		return status == STATUS_NOT_FOUND ? STATUS_UNAUTHENTICATED : status;
	current->expires_at = auth_instant(session.expires_at);
	current->user = arena_alloc(task_arena(), sizeof *current->user);
	if (current->expires_at == NULL || current->user == NULL ||
	    !auth_fill_user(&account, current->user))
		return STATUS_OVERLOADED;
	return STATUS_OK;
}

struct auth_ending {
	const char *user, *id;
};

static enum status
auth_end_session_tx(struct db *tx, void *arg)
{
	const struct auth_ending *ending = arg;

	return auth_store_remove_session(tx, ending->user, ending->id);
}

/* NOT_FOUND: the user has no such session. */
static enum status
auth_end_session(struct call *call, const char *id)
{
	struct auth *auth = auth_of(call);
	struct auth_ending ending = {call_user(call), id};
	struct session session;
	char key[CREDENTIALS_KEY_SIZE], address[ADDRESS_SIZE];
	const char *const keys[] = {key};
	enum status status = auth_store_session(auth->db, ending.user, id, auth_now_ms(), &session);

	if (status != STATUS_OK)
		return status;
	credentials_cache_key(session.digest, key);
	status = cache_transact(auth->cache, auth->db, keys, 1, auth_end_session_tx, &ending);
	if (status != STATUS_OK)
		return status;
	auth_address(call, address);
	auth_audit("sign-out", "ok", ending.user, address);
	call_set_outcome(call, OUTCOME_NO_CONTENT);
	return STATUS_OK;
}

enum status
auth_sign_out(struct call *call, const void *message, void *reply)
{
	enum status status = auth_end_session(call, call_session(call));

	(void)message;
	(void)reply;
	return status == STATUS_NOT_FOUND ? STATUS_UNAUTHENTICATED : status;
}

enum status
auth_delete_session(struct call *call, const void *message, void *reply)
{
	const Auth__DeleteSessionRequest *request = message;

	(void)reply;
	return auth_end_session(call, request->id);
}

/* --- the list -------------------------------------------------------------------------------- */

bool
auth_fill_session(const struct session *session, const char *current, Auth__Session *item)
{
	auth__session__init(item);
	item->id = (char *)session->id;
	item->created_at = auth_instant(session->created_at);
	item->last_seen_at = auth_instant(session->last_seen_at);
	item->user_agent = (char *)session->user_agent;
	item->has_current = 1;
	item->current = current != NULL && strcmp(current, session->id) == 0;
	return item->created_at != NULL && item->last_seen_at != NULL;
}

enum status
auth_list_sessions(struct call *call, const void *message, void *reply)
{
	const Auth__ListSessionsRequest *request = message;
	Auth__SessionPage *page = reply;
	size_t limit = request->has_limit ? request->limit : AUTH_DEFAULT_LIMIT, count;
	const char *user = call_user(call);
	struct session *sessions;
	struct cursor cursor = {0};
	enum status status;

	if (request->cursor != NULL &&
	    !cursor_parse(request->cursor, AUTH_SESSIONS_LIST, user, &cursor))
		return call_invalid(call, "/cursor", "is not a cursor of this list");
	status = auth_store_list_sessions(auth_of(call)->db, user, auth_now_ms(),
	                                  request->cursor != NULL ? &cursor : NULL, limit + 1,
	                                  &sessions, &count);
	if (status != STATUS_OK)
		return status;
	page->items = arena_calloc(task_arena(), limit + 1, sizeof *page->items);
	if (page->items == NULL)
		return STATUS_OVERLOADED;
	for (size_t i = 0; i < count && i < limit; i++) {
		Auth__Session *item = arena_alloc(task_arena(), sizeof *item);

		if (item == NULL || !auth_fill_session(&sessions[i], call_session(call), item))
			return STATUS_OVERLOADED;
		page->items[page->n_items++] = item;
	}
	if (count <= limit)
		return STATUS_OK;
	cursor.key = sessions[limit - 1].created_at;
	strncpy(cursor.id, sessions[limit - 1].id, sizeof cursor.id - 1);
	page->next_cursor = arena_alloc(task_arena(), CURSOR_TEXT_SIZE);
	if (page->next_cursor == NULL)
		return STATUS_OVERLOADED;
	cursor_format(&cursor, AUTH_SESSIONS_LIST, user, page->next_cursor);
	return STATUS_OK;
}
