/* SPDX-License-Identifier: MIT
 *
 * The outbox: what a service owes to other actors, written in the same transaction as the thing it
 * is about and relayed at least once, also after a kill -9. Events go to history, which drops
 * repeats by id and version; orders (an erasure) are idempotent calls, repeated until acknowledged.
 *
 *	outbox_put_event(tx, &event);	in a db_transact() function
 *	outbox_nudge(outbox, actor);	after the commit: the relay sends now, not a second later
 *
 * Several replicas may relay the same row; so may the second after the first died. One lane per
 * destination: history being away holds up no order to planner. A row that its destination refuses
 * for good is tried again ever more seldom, and logged, and holds up nobody.
 */
#ifndef STUDYHALL_SERVICE_OUTBOX_H
#define STUDYHALL_SERVICE_OUTBOX_H

#include "common/base/status.h"

#include "common.pb-c.h"

struct db;
struct outbox;
struct service;

/* For the first migration of every service that has an outbox. not_before is in milliseconds since
 * 1970, UTC. */
#define OUTBOX_SCHEMA                                                                              \
	"CREATE TABLE outbox (id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,"             \
	" actor VARCHAR(63) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,"                       \
	" method VARCHAR(127) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,"                     \
	" body MEDIUMBLOB NOT NULL, not_before BIGINT NOT NULL,"                                   \
	" attempts INT UNSIGNED NOT NULL DEFAULT 0, KEY lane (actor, not_before, id));\n"

/* From a task, in a transaction (or on the pool, as a transaction of its own). db.h's statuses;
 * OVERLOADED without memory. The event needs id, version, user_id, type and at. */
enum status outbox_put_event(struct db *tx, const Common__Event *event);
/* Of a batch, in one row. */
enum status outbox_put_events(struct db *tx, Common__Event *const *events, size_t count);
/* An idempotent call of another actor: "planner", "planner.Planner/Erase". */
enum status outbox_put_order(struct db *tx, const char *actor, const char *method,
                             const ProtobufCMessage *message);
/* Of a batch: a row each. */
enum status outbox_put_orders(struct db *tx, const char *actor, const char *method,
                              const ProtobufCMessage *const *messages, size_t count);

/* Starts one relay for each of the actors (NULL-terminated; each also in the spec's `calls`).
 * From the service's start(); the outbox lives as long as the process. The relays end when the
 * service drains; what they leave waits in the table. NULL without memory. */
struct outbox *outbox_start(struct service *service, const char *const *actors);
/* There is something new for this actor (NULL: for all). From any task of the process, after the
 * commit; never waits. */
void outbox_nudge(struct outbox *outbox, const char *actor);

#endif
