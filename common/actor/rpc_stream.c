/* SPDX-License-Identifier: MIT
 * Reading a reply that comes in pieces; what has been read is granted back to the sender. */
#include "common/actor/rpc_private.h"

#include "common/base/obj.h"

#include <stdlib.h>

#define STREAM_MAGIC 0x57eea301u

struct rpc_stream {
	unsigned magic;
	struct rpc_call *call;
	struct rpc_piece *current; /* what the reader holds */
};

void
rpc_piece_fn(struct post *post)
{
	struct rpc_piece *piece = OBJ_CONTAINER(post, struct rpc_piece, post);
	struct rpc_call *call = piece->call;

	piece->next = NULL;
	if (call->pieces_tail != NULL)
		call->pieces_tail->next = piece;
	else
		call->pieces = piece;
	call->pieces_tail = piece;
	if (piece->end) {
		call->ended = true;
		call->end_status = piece->status;
	}
	if (call->waiter != NULL)
		wait_done(call->waiter);
	call->waiter = NULL;
	rpc_call_release(call);
}

enum status
rpc_stream_open(struct rpc *rpc, const struct rpc_request *request, struct reply *reply,
                struct rpc_stream **streamp)
{
	struct rpc_stream *stream = NULL;
	struct rpc_call *call;
	enum status status;

	*streamp = NULL;
	status = rpc_attempt(rpc, request, &call, reply);
	if (call == NULL)
		return status;
	if (!call->streaming) {
		rpc_call_release(call);
		return status;
	}
	if (status == STATUS_OK)
		stream = calloc(1, sizeof *stream);
	if (stream == NULL) {
		rpc_call_abandon(call, STATUS_CANCELLED);
		return status == STATUS_OK ? (reply->status = STATUS_OVERLOADED) : status;
	}
	OBJ_INIT(stream, STREAM_MAGIC);
	stream->call = call;
	*streamp = stream;
	return STATUS_OK;
}

static struct rpc_piece *
stream_take(struct rpc_call *call)
{
	struct rpc_piece *piece = call->pieces;

	if (piece == NULL)
		return NULL;
	call->pieces = piece->next;
	if (call->pieces == NULL)
		call->pieces_tail = NULL;
	return piece;
}

enum status
rpc_stream_read(struct rpc_stream *stream, uint64_t wait_until_ms, const void **bytes,
                size_t *length)
{
	struct rpc_call *call = stream->call;

	OBJ_CHECK(stream, STREAM_MAGIC);
	*bytes = "";
	*length = 0;
	if (stream->current != NULL && stream->current->length > 0 && !stream->current->end)
		rpc_call_grant(call, stream->current->length);
	free(stream->current);
	stream->current = NULL;
	for (;;) {
		struct wait wait;
		enum status status;

		stream->current = stream_take(call);
		if (stream->current != NULL && stream->current->length > 0) {
			*bytes = stream->current->bytes;
			*length = stream->current->length;
			return STATUS_OK;
		}
		free(stream->current);
		stream->current = NULL;
		if (call->pieces == NULL && call->ended)
			return call->end_status;
		if (call->pieces != NULL)
			continue;
		wait_init(&wait);
		call->waiter = &wait;
		status = wait_until(&wait, wait_until_ms != 0 ? wait_until_ms : UINT64_MAX);
		call->waiter = NULL;
		if (status != STATUS_OK)
			return status;
	}
}

void
rpc_stream_close(struct rpc_stream **streamp)
{
	struct rpc_stream *stream = *streamp;

	if (stream == NULL)
		return;
	OBJ_CHECK(stream, STREAM_MAGIC);
	*streamp = NULL;
	free(stream->current);
	if (stream->call->ended)
		rpc_call_release(stream->call);
	else
		rpc_call_abandon(stream->call, STATUS_CANCELLED);
	OBJ_FINI(stream);
	free(stream);
}
