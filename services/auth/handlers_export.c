/* SPDX-License-Identifier: MIT
 * Everything that is kept about a learner, as one stream: first what auth keeps, then what the
 * other services send, passed on unread. Their parts have the field numbers of auth.Export, so that
 * all bytes together are one such message. Each field's parts follow each other; planner's end with
 * `usage`, which therefore comes before `history`. */
#include "services/auth/auth.h"

#include "common/actor/rpc.h"
#include "common/base/arena.h"
#include "common/base/obj.h"
#include "common/service/service.h"
#include "common/task/task.h"
#include "services/auth/store.h"

#include <string.h>

#define EXPORT_FORMAT   "studyhall-export-1"
#define EXPORT_SESSIONS 1000 /* the newest */

static const struct {
	const char *actor, *method;
} export_sources[] = {
    {"planner", "planner.Planner/Export"},
    {"history", "history.History/Export"},
    {"voice", "voice.Voice/Export"},
};

/* Packs account and sessions. */
static enum status
auth_export_own(struct call *call, const void **bytes, size_t *length)
{
	struct auth *auth = auth_of(call);
	struct arena *arena = task_arena();
	Auth__Export own = AUTH__EXPORT__INIT;
	Auth__User user;
	Auth__Session *items;
	struct account account;
	struct session *sessions;
	size_t count;
	void *packed;
	enum status status = auth_store_account(auth->db, call_user(call), &account);

	if (status == STATUS_OK)
		status = auth_store_list_sessions(auth->db, call_user(call), auth_now_ms(), NULL,
		                                  EXPORT_SESSIONS, &sessions, &count);
	if (status != STATUS_OK)
		return status == STATUS_NOT_FOUND ? STATUS_UNAUTHENTICATED : status;
	items = arena_calloc(arena, count + 1, sizeof *items);
	own.sessions = arena_calloc(arena, count + 1, sizeof *own.sessions);
	own.format = (char *)EXPORT_FORMAT;
	own.exported_at = auth_instant(auth_now_ms());
	own.user = &user;
	if (items == NULL || own.sessions == NULL || own.exported_at == NULL ||
	    !auth_fill_user(&account, &user))
		return STATUS_OVERLOADED;
	for (size_t i = 0; i < count; i++) {
		if (!auth_fill_session(&sessions[i], call_session(call), &items[i]))
			return STATUS_OVERLOADED;
		own.sessions[own.n_sessions++] = &items[i];
	}
	*length = auth__export__get_packed_size(&own);
	packed = arena_alloc(arena, *length + 1);
	if (packed == NULL)
		return STATUS_OVERLOADED;
	auth__export__pack(&own, packed);
	*bytes = packed;
	return STATUS_OK;
}

/* Opens all streams before anything is sent, so that a service that is away is a plain error. */
static enum status
auth_export_open(struct call *call, struct rpc_stream **streams)
{
	for (size_t i = 0; i < COUNT_OF(export_sources); i++) {
		struct rpc *rpc = service_rpc(call_service(call), export_sources[i].actor);
		struct rpc_request request = {.method = export_sources[i].method,
		                              .identity = *call_identity(call),
		                              .idempotent = true};
		struct reply reply = {0};
		enum status status = rpc_stream_open(rpc, &request, &reply, &streams[i]);

		if (status != STATUS_OK) {
			call_fail_as(call, &reply);
			return status;
		}
	}
	return STATUS_OK;
}

static enum status
auth_export_pass_on(struct call *call, struct rpc_stream *stream)
{
	const void *bytes;
	size_t length;
	enum status status;

	/* An answer without a stream: nothing is kept there. */
	while (stream != NULL) {
		status = rpc_stream_read(stream, 0, &bytes, &length);
		if (status != STATUS_OK || length == 0)
			return status;
		status = call_stream_write(call, bytes, length);
		if (status != STATUS_OK)
			return status;
	}
	return STATUS_OK;
}

enum status
auth_export_me(struct call *call, const void *message, void *reply)
{
	struct rpc_stream *streams[COUNT_OF(export_sources)] = {0};
	char address[ADDRESS_SIZE];
	const void *own;
	size_t length;
	enum status status = auth_export_own(call, &own, &length);

	(void)message;
	(void)reply;
	if (status == STATUS_OK)
		status = auth_export_open(call, streams);
	if (status == STATUS_OK)
		status = call_stream_write(call, own, length);
	for (size_t i = 0; i < COUNT_OF(streams) && status == STATUS_OK; i++)
		status = auth_export_pass_on(call, streams[i]);
	for (size_t i = 0; i < COUNT_OF(streams); i++)
		rpc_stream_close(&streams[i]);
	auth_address(call, address);
	auth_audit("export", status == STATUS_OK ? "ok" : status_slug(status), call_user(call),
	           address);
	return status;
}
