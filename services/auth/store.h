/* SPDX-License-Identifier: MIT
 *
 * The auth service's only SQL. From tasks; `db` is the pool or a transaction; the statuses are
 * db.h's, and NOT_FOUND. Texts in results are in the task's arena. Times are milliseconds since
 * 1970, UTC.
 */
#ifndef STUDYHALL_AUTH_STORE_H
#define STUDYHALL_AUTH_STORE_H

#include "common/base/status.h"
#include "common/service/cursor.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct db;

struct account {
	const char *id;
	const char *email;
	const char *email_folded; /* only to add one */
	const char *name;         /* may be NULL */
	const char *locale;
	const char *time_zone;
	const char *password; /* its hash */
	int64_t created_at;
	bool disabled;
};

/* Accounts (store.c). CONFLICT: the address is taken. */
enum status auth_store_add_account(struct db *tx, const struct account *account);
enum status auth_store_account(struct db *db, const char *id, struct account *account);
/* *known: has it been signed in to from `address` (NULL: don't ask)? */
enum status auth_store_account_by_email(struct db *db, const char *email_folded,
                                        const char *address, struct account *account, bool *known);
/* Nobody else changes the account, or adds a session to it, until the transaction ends. */
enum status auth_store_lock_account(struct db *tx, const char *id, struct account *account);
/* The same for an account whose password is still this hash; else, or when it is disabled, the
 * transaction ends with UNAUTHENTICATED (db_later()). */
enum status auth_store_hold_account(struct db *tx, const char *id, const char *password);
enum status auth_store_change_account(struct db *tx, const struct account *account);
enum status auth_store_set_password(struct db *tx, const char *id, const char *password);
enum status auth_store_set_disabled(struct db *tx, const char *id, bool disabled, int64_t now);
/* With everything that belongs to it. */
enum status auth_store_remove_account(struct db *tx, const char *id);
/* In the order of their ids, after `after`. */
enum status auth_store_list_accounts(struct db *db, const char *after, size_t limit,
                                     struct account **accounts, size_t *count);

/* With what follows in the transaction: db_later(). */
enum status auth_store_know_address(struct db *tx, const char *user, const char *address,
                                    int64_t now);

/* Password resets; only digests of their tokens are known here. */
enum status auth_store_add_reset(struct db *tx, const char *digest, const char *user,
                                 int64_t expires);
enum status auth_store_find_reset(struct db *db, const char *digest, int64_t now,
                                  const char **user);
/* All of the user's. *removed tells how many. */
enum status auth_store_remove_resets(struct db *tx, const char *user, uint64_t *removed);

/* Sessions (store_session.c). */
struct session {
	const char *id;
	const char *user;
	const char *digest;
	int64_t created_at, last_seen_at, expires_at;
	const char *user_agent; /* may be NULL */
	const char *locale;     /* the account's, from auth_store_find_session */
	const char *time_zone;  /* likewise */
};

/* With what follows in the transaction: db_later(). */
enum status auth_store_add_session(struct db *tx, const struct session *session);
/* The session of that token if it is alive and its account not disabled. */
enum status auth_store_find_session(struct db *db, const char *digest, int64_t now,
                                    struct session *session);
enum status auth_store_session(struct db *db, const char *user, const char *id, int64_t now,
                               struct session *session);
/* Newest first, after the cursor (NULL: from the newest on). */
enum status auth_store_list_sessions(struct db *db, const char *user, int64_t now,
                                     const struct cursor *after, size_t limit,
                                     struct session **sessions, size_t *count);
#define AUTH_DIGESTS_LIMIT 10000
/* Digests of all of the user's sessions, expired ones too. */
enum status auth_store_digests(struct db *db, const char *user, const char ***digests,
                               size_t *count);
struct auth_touch {
	char session[CURSOR_ID_SIZE];
	int64_t last_seen, expires;
};
/* At most DB_MANY_MOST. Of sessions that were seen later nothing changes. */
enum status auth_store_touch_sessions(struct db *db, const struct auth_touch *touches,
                                      size_t count);
enum status auth_store_remove_session(struct db *tx, const char *user, const char *id);
/* All but one (NULL: all). */
enum status auth_store_remove_sessions(struct db *tx, const char *user, const char *but);

/* Removes up to `limit` of each kind of thing that has expired; *more: there may be others. */
enum status auth_store_purge(struct db *db, int64_t now, size_t limit, bool *more);

#endif
