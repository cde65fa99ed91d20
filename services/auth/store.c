/* SPDX-License-Identifier: MIT
 * Accounts, known addresses and password resets. */
#include "services/auth/store.h"

#include "common/base/arena.h"
#include "common/base/obj.h"
#include "common/io/db.h"
#include "common/task/task.h"

#define STORE_ACCOUNT                                                                              \
	"a.id, a.email, a.name, a.locale, a.time_zone, a.password, a.created_at, a.disabled_at"

static void
auth_store_read_account(const struct db_rows *rows, size_t i, struct account *account)
{
	*account = (struct account){.id = db_text(rows, i, 0),
	                            .email = db_text(rows, i, 1),
	                            .name = db_text(rows, i, 2),
	                            .locale = db_text(rows, i, 3),
	                            .time_zone = db_text(rows, i, 4),
	                            .password = db_text(rows, i, 5),
	                            .created_at = db_int(rows, i, 6),
	                            .disabled = !db_is_null(rows, i, 7)};
}

static enum status
auth_store_one_account(enum status status, const struct db_rows *rows, struct account *account)
{
	if (status != STATUS_OK)
		return status;
	if (db_count(rows) == 0)
		return STATUS_NOT_FOUND;
	auth_store_read_account(rows, 0, account);
	return STATUS_OK;
}

enum status
auth_store_add_account(struct db *tx, const struct account *account)
{
	return DB_EXEC(tx, NULL,
	               "INSERT INTO account (id, email, email_folded, name, locale, time_zone,"
	               " password, created_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
	               DB_TEXT(account->id), DB_TEXT(account->email),
	               DB_TEXT(account->email_folded), DB_TEXT(account->name),
	               DB_TEXT(account->locale), DB_TEXT(account->time_zone),
	               DB_TEXT(account->password), DB_INT(account->created_at));
}

enum status
auth_store_account(struct db *db, const char *id, struct account *account)
{
	struct db_rows *rows;
	enum status status = DB_QUERY(
	    db, &rows, "SELECT " STORE_ACCOUNT " FROM account a WHERE a.id = ?", DB_TEXT(id));

	return auth_store_one_account(status, rows, account);
}

enum status
auth_store_account_by_email(struct db *db, const char *email_folded, const char *address,
                            struct account *account, bool *known)
{
	struct db_rows *rows;
	enum status status =
	    DB_QUERY(db, &rows,
	             "SELECT " STORE_ACCOUNT ", k.last_at FROM account a LEFT JOIN known_address k"
	             " ON k.user_id = a.id AND k.address = ? WHERE a.email_folded = ?",
	             DB_TEXT(address), DB_TEXT(email_folded));

	status = auth_store_one_account(status, rows, account);
	if (known != NULL)
		*known = status == STATUS_OK && !db_is_null(rows, 0, 8);
	return status;
}

enum status
auth_store_lock_account(struct db *tx, const char *id, struct account *account)
{
	struct db_rows *rows;
	enum status status =
	    DB_QUERY(tx, &rows, "SELECT " STORE_ACCOUNT " FROM account a WHERE a.id = ? FOR UPDATE",
	             DB_TEXT(id));

	return auth_store_one_account(status, rows, account);
}

enum status
auth_store_hold_account(struct db *tx, const char *id, const char *password)
{
	return DB_LATER(tx, 1, STATUS_UNAUTHENTICATED,
	                "SELECT 1 FROM account WHERE id = ? AND password = ?"
	                " AND disabled_at IS NULL FOR UPDATE",
	                DB_TEXT(id), DB_TEXT(password));
}

enum status
auth_store_change_account(struct db *tx, const struct account *account)
{
	return DB_EXEC(tx, NULL,
	               "UPDATE account SET name = ?, locale = ?, time_zone = ? WHERE id = ?",
	               DB_TEXT(account->name), DB_TEXT(account->locale),
	               DB_TEXT(account->time_zone), DB_TEXT(account->id));
}

enum status
auth_store_set_password(struct db *tx, const char *id, const char *password)
{
	return DB_EXEC(tx, NULL, "UPDATE account SET password = ? WHERE id = ?", DB_TEXT(password),
	               DB_TEXT(id));
}

enum status
auth_store_set_disabled(struct db *tx, const char *id, bool disabled, int64_t now)
{
	return DB_EXEC(tx, NULL, "UPDATE account SET disabled_at = ? WHERE id = ?",
	               disabled ? DB_INT(now) : DB_NULL, DB_TEXT(id));
}

enum status
auth_store_remove_account(struct db *tx, const char *id)
{
	static const char *const statements[] = {
	    "DELETE FROM account WHERE id = ?",
	    "DELETE FROM session WHERE user_id = ?",
	    "DELETE FROM known_address WHERE user_id = ?",
	    "DELETE FROM password_reset WHERE user_id = ?",
	};
	enum status status = STATUS_OK;

	for (size_t i = 0; i < COUNT_OF(statements) && status == STATUS_OK; i++)
		status = DB_EXEC(tx, NULL, statements[i], DB_TEXT(id));
	return status;
}

enum status
auth_store_list_accounts(struct db *db, const char *after, size_t limit, struct account **accounts,
                         size_t *count)
{
	struct db_rows *rows;
	enum status status =
	    DB_QUERY(db, &rows,
	             "SELECT " STORE_ACCOUNT " FROM account a WHERE a.id > ? ORDER BY a.id LIMIT ?",
	             DB_TEXT(after), DB_INT(limit));

	if (status != STATUS_OK)
		return status;
	*count = db_count(rows);
	*accounts = arena_calloc(task_arena(), *count + 1, sizeof **accounts);
	if (*accounts == NULL)
		return STATUS_OVERLOADED;
	for (size_t i = 0; i < *count; i++)
		auth_store_read_account(rows, i, &(*accounts)[i]);
	return STATUS_OK;
}

enum status
auth_store_know_address(struct db *tx, const char *user, const char *address, int64_t now)
{
	return DB_LATER(tx, DB_ANY, STATUS_OK,
	                "INSERT INTO known_address (user_id, address, last_at) VALUES (?, ?, ?)"
	                " ON DUPLICATE KEY UPDATE last_at = VALUES(last_at)",
	                DB_TEXT(user), DB_TEXT(address), DB_INT(now));
}

enum status
auth_store_add_reset(struct db *tx, const char *digest, const char *user, int64_t expires)
{
	return DB_EXEC(
	    tx, NULL,
	    "INSERT INTO password_reset (token_digest, user_id, expires_at) VALUES (?, ?, ?)",
	    DB_TEXT(digest), DB_TEXT(user), DB_INT(expires));
}

enum status
auth_store_find_reset(struct db *db, const char *digest, int64_t now, const char **user)
{
	struct db_rows *rows;
	enum status status =
	    DB_QUERY(db, &rows,
	             "SELECT user_id FROM password_reset WHERE token_digest = ? AND expires_at > ?",
	             DB_TEXT(digest), DB_INT(now));

	if (status != STATUS_OK)
		return status;
	if (db_count(rows) == 0)
		return STATUS_NOT_FOUND;
	*user = db_text(rows, 0, 0);
	return STATUS_OK;
}

enum status
auth_store_remove_resets(struct db *tx, const char *user, uint64_t *removed)
{
	return DB_EXEC(tx, removed, "DELETE FROM password_reset WHERE user_id = ?", DB_TEXT(user));
}
