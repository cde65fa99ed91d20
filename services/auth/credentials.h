/* SPDX-License-Identifier: MIT
 *
 * Changes of an account, made so that no session of it is remembered otherwise anywhere: the
 * database and the cache of sessions change together. Used by handlers and by the operator's
 * commands. From tasks; db.h's statuses, and NOT_FOUND when there is no such account.
 */
#ifndef STUDYHALL_AUTH_CREDENTIALS_H
#define STUDYHALL_AUTH_CREDENTIALS_H

#include "common/io/db.h"

struct account;
struct cache;

/* The key under which a session's identity is cached. */
#define CREDENTIALS_KEY_SIZE 56
void credentials_cache_key(const char *digest, char out[CREDENTIALS_KEY_SIZE]);

/* Runs fn in a transaction that holds the account's lock; *account is what it was then. Cached
 * sessions of the user are forgotten, whether fn removes them or not. */
typedef enum status credentials_fn(struct db *tx, const struct account *account, void *arg);
enum status credentials_change(struct cache *cache, struct db *db, const char *user,
                               credentials_fn *fn, void *arg);

/* A new password's hash; ends all sessions but `but` (may be NULL), and open resets. */
enum status credentials_set_password(struct cache *cache, struct db *db, const char *user,
                                     const char *password, const char *but);
/* Ends all sessions, and keeps the user out until enabled again. */
enum status credentials_disable(struct cache *cache, struct db *db, const char *user);
enum status credentials_enable(struct cache *cache, struct db *db, const char *user);
/* Removes the account and all that belongs to it here, and orders every other service to do so by
 * the outbox (nudge it afterwards). */
enum status credentials_erase(struct cache *cache, struct db *db, const char *user);

#endif
