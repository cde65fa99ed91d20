/* SPDX-License-Identifier: MIT
 * The table of replicas: leases by the database's clock. */
#include "services/planner/jobs/job_owner.h"

#include "common/base/clock.h"
#include "common/base/ids.h"
#include "common/base/log.h"
#include "common/base/obj.h"
#include "common/io/db.h"

#include <stdatomic.h>
#include <stdlib.h>

#define JOB_OWNER_MAGIC  0x0b0e4001u
#define OWNER_LEASE_MS   5000
#define OWNER_MARGIN_MS  2000 /* of the lease, when no work is begun any more */
#define OWNER_TAKE_ROWS  200  /* jobs taken over in one transaction */
#define OWNER_DEAD_LIMIT 16   /* dead replicas looked at in one round */

/* Milliseconds since 1970 as the database sees it, the same for all replicas. */
#define OWNER_NOW "CAST(UNIX_TIMESTAMP(NOW(3)) * 1000 AS SIGNED)"

struct job_owner {
	unsigned magic;
	struct db *db;
	uint64_t boot_id;
	void (*lost)(void *arg);
	void *arg;
	_Atomic uint64_t number;   /* 0: not registered */
	_Atomic uint64_t until_ms; /* clock_ms(); the lease lasts at least that long */
};

struct job_owner *
job_owner_new(struct db *db, uint64_t boot_id, void (*lost)(void *arg), void *arg)
{
	struct job_owner *owner = calloc(1, sizeof *owner);

	if (owner == NULL)
		return NULL;
	OBJ_INIT(owner, JOB_OWNER_MAGIC);
	owner->db = db;
	owner->boot_id = boot_id;
	owner->lost = lost;
	owner->arg = arg;
	return owner;
}

static enum status
job_owner_register(struct job_owner *owner, uint64_t *affected)
{
	uint64_t number = ids_boot();
	enum status status =
	    DB_EXEC(owner->db, affected,
	            "INSERT INTO replica (owner, boot_id, alive_until, lost)"
	            " VALUES (?, ?, " OWNER_NOW " + ?, 0)",
	            DB_UINT(number), DB_UINT(owner->boot_id), DB_INT(OWNER_LEASE_MS));

	if (status == STATUS_OK)
		atomic_store(&owner->number, number);
	return status;
}

enum status
job_owner_renew(struct job_owner *owner)
{
	uint64_t asked_ms = clock_ms(), affected = 0;
	uint64_t number = atomic_load(&owner->number);
	enum status status;

	if (number == 0)
		status = job_owner_register(owner, &affected);
	else
		status = DB_EXEC(owner->db, &affected,
		                 "UPDATE replica SET alive_until = " OWNER_NOW
		                 " + ? WHERE owner = ? AND lost = 0",
		                 DB_INT(OWNER_LEASE_MS), DB_UINT(number));
	if (status != STATUS_OK)
		return status;
	if (affected == 1) {
		atomic_store(&owner->until_ms, asked_ms + OWNER_LEASE_MS);
		return STATUS_OK;
	}
	LOG_WARN("this replica's lease had ended: its jobs are others' now");
	atomic_store(&owner->until_ms, 0);
	atomic_store(&owner->number, 0);
	owner->lost(owner->arg);
	return job_owner_renew(owner);
}

uint64_t
job_owner_number(struct job_owner *owner)
{
	OBJ_CHECK(owner, JOB_OWNER_MAGIC);
	if (clock_ms() + OWNER_MARGIN_MS > atomic_load(&owner->until_ms))
		return 0;
	return atomic_load(&owner->number);
}

bool
job_owner_is(struct job_owner *owner, uint64_t number)
{
	return atomic_load(&owner->number) == number;
}

enum status
job_owner_resign(struct job_owner *owner)
{
	uint64_t number = atomic_exchange(&owner->number, 0);

	atomic_store(&owner->until_ms, 0);
	if (number == 0)
		return STATUS_OK;
	return DB_EXEC(owner->db, NULL, "UPDATE replica SET lost = 1 WHERE owner = ?",
	               DB_UINT(number));
}

enum status
job_owner_boot(struct db *db, uint64_t number, uint64_t *boot_id)
{
	struct db_rows *rows;
	enum status status = DB_QUERY(db, &rows,
	                              "SELECT boot_id FROM replica WHERE owner = ? AND lost = 0"
	                              " AND alive_until >= " OWNER_NOW,
	                              DB_UINT(number));

	if (status != STATUS_OK)
		return status;
	if (db_count(rows) == 0)
		return STATUS_NOT_FOUND;
	*boot_id = db_uint(rows, 0, 0);
	return STATUS_OK;
}

/* --- others' jobs -------------------------------------------------------------------------------
 */

struct owner_take {
	uint64_t number;
	uint64_t taken;
};

/* Its last renewal and this are ordered by the row's lock: it has either renewed or lost. */
static enum status
job_owner_mark_tx(struct db *tx, void *arg)
{
	struct owner_take *take = arg;

	return DB_EXEC(tx, &take->taken,
	               "UPDATE replica SET lost = 1 WHERE owner = ?"
	               " AND (lost = 1 OR alive_until < " OWNER_NOW ")",
	               DB_UINT(take->number));
}

/* One batch, by primary keys; the row goes with the last one. */
static enum status
job_owner_take_tx(struct db *tx, void *arg)
{
	struct owner_take *take = arg;
	struct db_rows *rows;
	uint64_t affected;
	enum status status = DB_QUERY(tx, &rows,
	                              "SELECT id FROM job FORCE INDEX (ready)"
	                              " WHERE status = 1 AND owner = ? LIMIT ?",
	                              DB_UINT(take->number), DB_INT(OWNER_TAKE_ROWS));

	take->taken = 0;
	for (size_t i = 0; status == STATUS_OK && i < db_count(rows); i++) {
		status = DB_EXEC(tx, &affected,
		                 "UPDATE job SET status = 0, owner = 0, round = 0"
		                 " WHERE id = ? AND owner = ? AND status = 1",
		                 DB_TEXT(db_text(rows, i, 0)), DB_UINT(take->number));
		if (status == STATUS_OK)
			take->taken += affected;
	}
	if (status == STATUS_OK && db_count(rows) < OWNER_TAKE_ROWS)
		status =
		    DB_EXEC(tx, NULL, "DELETE FROM replica WHERE owner = ?", DB_UINT(take->number));
	return status;
}

enum status
job_owner_take_over(struct db *db, size_t *count)
{
	struct db_rows *rows;
	enum status status = DB_QUERY(
	    db, &rows,
	    "SELECT owner FROM replica WHERE lost = 1 OR alive_until < " OWNER_NOW " LIMIT ?",
	    DB_INT(OWNER_DEAD_LIMIT));

	*count = 0;
	for (size_t i = 0; status == STATUS_OK && i < db_count(rows); i++) {
		struct owner_take take = {.number = db_uint(rows, i, 0)};

		status = db_transact(db, job_owner_mark_tx, &take);
		while (status == STATUS_OK && take.taken > 0) {
			status = db_transact(db, job_owner_take_tx, &take);
			*count += take.taken;
		}
	}
	return status;
}
