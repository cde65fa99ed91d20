/* SPDX-License-Identifier: MIT
 * The account's row lock comes first, then its sessions: a sign-in, which takes the same lock,
 * happens wholly before or wholly after. */
#include "services/auth/credentials.h"

#include "common/base/arena.h"
#include "common/base/clock.h"
#include "common/base/obj.h"
#include "common/io/cache_aside.h"
#include "common/io/cache_epoch.h"
#include "common/service/outbox.h"
#include "common/task/task.h"
#include "services/auth/store.h"

#include "common.pb-c.h"

#include <stdio.h>
#include <string.h>

#define CREDENTIALS_KEYS 64 /* that are invalidated one by one */

struct credentials {
	struct cache *cache;
	const char *user;
	const char **digests; /* whose keys are invalidated */
	size_t count;
	credentials_fn *fn;
	void *arg;
};

void
credentials_cache_key(const char *digest, char out[CREDENTIALS_KEY_SIZE])
{
	snprintf(out, CREDENTIALS_KEY_SIZE, "session:%.43s", digest);
}

static bool
credentials_lists(const struct credentials *change, const char *digest)
{
	for (size_t i = 0; i < change->count; i++) {
		if (strcmp(change->digests[i], digest) == 0)
			return true;
	}
	return false;
}

static enum status
credentials_change_tx(struct db *tx, void *arg)
{
	struct credentials *change = arg;
	struct account account;
	const char **digests;
	size_t count;
	bool all = true;
	enum status status = auth_store_lock_account(tx, change->user, &account);

	/* Sessions made since the keys were collected, and those beyond CREDENTIALS_KEYS, are
	 * forgotten by raising the epoch. */
	if (status == STATUS_OK)
		status = auth_store_digests(tx, change->user, &digests, &count);
	for (size_t i = 0; status == STATUS_OK && all && i < count; i++)
		all = credentials_lists(change, digests[i]);
	if (status == STATUS_OK && (!all || count == AUTH_DIGESTS_LIMIT))
		status = cache_epoch_raise(change->cache, tx);
	if (status == STATUS_OK)
		status = change->fn(tx, &account, change->arg);
	return status;
}

enum status
credentials_change(struct cache *cache, struct db *db, const char *user, credentials_fn *fn,
                   void *arg)
{
	struct credentials change = {.cache = cache, .user = user, .fn = fn, .arg = arg};
	char(*keys)[CREDENTIALS_KEY_SIZE];
	const char *list[CREDENTIALS_KEYS];
	enum status status = auth_store_digests(db, user, &change.digests, &change.count);

	if (status != STATUS_OK)
		return status;
	if (change.count > CREDENTIALS_KEYS)
		change.count = CREDENTIALS_KEYS;
	keys = arena_calloc(task_arena(), change.count + 1, sizeof *keys);
	if (keys == NULL)
		return STATUS_OVERLOADED;
	for (size_t i = 0; i < change.count; i++) {
		credentials_cache_key(change.digests[i], keys[i]);
		list[i] = keys[i];
	}
	if (change.count == 0)
		return db_transact(db, credentials_change_tx, &change);
	return cache_transact(cache, db, list, change.count, credentials_change_tx, &change);
}

/* --- the changes ----------------------------------------------------------------------------- */

struct credentials_password {
	const char *password;
	const char *but;
};

static enum status
credentials_set_password_fn(struct db *tx, const struct account *account, void *arg)
{
	const struct credentials_password *change = arg;
	uint64_t removed;
	enum status status = auth_store_set_password(tx, account->id, change->password);

	if (status == STATUS_OK)
		status = auth_store_remove_sessions(tx, account->id, change->but);
	if (status == STATUS_OK)
		status = auth_store_remove_resets(tx, account->id, &removed);
	return status;
}

enum status
credentials_set_password(struct cache *cache, struct db *db, const char *user, const char *password,
                         const char *but)
{
	struct credentials_password change = {password, but};

	return credentials_change(cache, db, user, credentials_set_password_fn, &change);
}

static enum status
credentials_disable_fn(struct db *tx, const struct account *account, void *arg)
{
	uint64_t removed;
	enum status status = auth_store_set_disabled(tx, account->id, true, clock_wall_us() / 1000);

	(void)arg;
	if (status == STATUS_OK)
		status = auth_store_remove_sessions(tx, account->id, NULL);
	if (status == STATUS_OK)
		status = auth_store_remove_resets(tx, account->id, &removed);
	return status;
}

enum status
credentials_disable(struct cache *cache, struct db *db, const char *user)
{
	return credentials_change(cache, db, user, credentials_disable_fn, NULL);
}

static enum status
credentials_enable_fn(struct db *tx, const struct account *account, void *arg)
{
	(void)arg;
	return auth_store_set_disabled(tx, account->id, false, 0);
}

enum status
credentials_enable(struct cache *cache, struct db *db, const char *user)
{
	return credentials_change(cache, db, user, credentials_enable_fn, NULL);
}

static enum status
credentials_erase_fn(struct db *tx, const struct account *account, void *arg)
{
	static const struct {
		const char *actor, *method;
	} orders[] = {
	    {"planner", "planner.Planner/Erase"},
	    {"history", "history.History/Erase"},
	    {"voice", "voice.Voice/Erase"},
	};
	Common__EraseRequest order = COMMON__ERASE_REQUEST__INIT;
	enum status status = auth_store_remove_account(tx, account->id);

	(void)arg;
	order.user_id = (char *)account->id;
	for (size_t i = 0; i < COUNT_OF(orders) && status == STATUS_OK; i++)
		status = outbox_put_order(tx, orders[i].actor, orders[i].method, &order.base);
	return status;
}

enum status
credentials_erase(struct cache *cache, struct db *db, const char *user)
{
	return credentials_change(cache, db, user, credentials_erase_fn, NULL);
}
