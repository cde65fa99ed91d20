/* SPDX-License-Identifier: MIT
 * Sends answers, and breaks them. A reset needs the socket itself, which the HTTP server shows
 * nobody: hence its private header. */
#include "tests/upstream/deliver.h"

#include "common/base/clock.h"
#include "common/io/http_private.h"
#include "common/task/task.h"

#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#define DELIVER_HUGE  ((size_t)10 << 20)
#define DELIVER_BLOCK 16384

/* --- times and outcomes -------------------------------------------------------------------- */

static void
deliver_note_first(struct call *call, int status)
{
	struct ledger_entry *entry = ledger_entry(call->upstream->ledger, call->entry);

	if (entry == NULL || entry->first_byte_us != 0)
		return;
	entry->first_byte_us = clock_wall_us();
	entry->status = (uint16_t)status;
}

/* The whole answer has been taken; is it one? */
static void
deliver_done(struct call *call)
{
	switch (call->fault.kind) {
	case FAULT_HUGE:
	case FAULT_HTML:
	case FAULT_TRUNCATED_BODY:
	case FAULT_UNFINISHED:
	case FAULT_STREAM_ERROR: call->outcome = LEDGER_FAILED; break;
	default: call->outcome = LEDGER_DELIVERED; break;
	}
}

static void
deliver_reset(struct http_connection *connection)
{
	struct linger now = {.l_onoff = 1};
	uv_os_fd_t fd;

	if (uv_fileno(&connection->uv.handle, &fd) == 0)
		(void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
	http_connection_close(connection);
}

void
deliver_break(struct call *call)
{
	struct http_connection *connection = call->request->connection;

	call->outcome = LEDGER_FAILED;
	switch (call->fault.kind) {
	case FAULT_STALL:
	case FAULT_STALL_MIDDLE:
		call->outcome = LEDGER_ABORTED;
		(void)task_sleep(UINT32_MAX);
		break;
	case FAULT_RESET:
	case FAULT_RESET_MIDDLE: deliver_reset(connection); break;
	default: http_connection_close(connection); break;
	}
}

/* --- whole --------------------------------------------------------------------------------- */

static void
deliver_default_type(struct call *call)
{
	for (size_t i = 0; i < call->header_count; i++) {
		if (strcasecmp(call->headers[i].name, "Content-Type") == 0)
			return;
	}
	call_put_header(call, "Content-Type", "application/json; charset=UTF-8");
}

void
deliver_error(struct call *call, int status, const struct buf *body)
{
	deliver_default_type(call);
	deliver_note_first(call, status);
	if (http_reply(call->request, status, call->headers, call->header_count, body->bytes,
	               body->length) != STATUS_OK)
		call->outcome = LEDGER_ABORTED;
}

/* In one piece, or broken off behind a part of it. */
static void
deliver_part(struct call *call, const char *bytes, size_t length)
{
	bool middle = fault_place(call->fault.kind) == FAULT_MIDDLE;
	size_t part = middle ? (size_t)((double)length * call->fault.at) : length;

	if (!deliver_begin(call) || !deliver_piece(call, bytes, part))
		return;
	if (middle && call->fault.kind != FAULT_HOLD_MIDDLE) {
		deliver_break(call);
		return;
	}
	if (middle && (!call_hold(call) || !deliver_piece(call, bytes + part, length - part)))
		return;
	deliver_end(call);
}

void
deliver_whole(struct call *call, const void *bytes, size_t length)
{
	static const char html[] =
	    "<!DOCTYPE html><html><body><h1>We'll be back soon</h1></body></html>\n";

	deliver_default_type(call);
	switch (call->fault.kind) {
	case FAULT_HTML:
		bytes = html;
		length = sizeof html - 1;
		call->header_count = 0;
		call_put_header(call, "Content-Type", "text/html; charset=utf-8");
		break;
	case FAULT_TRUNCATED_BODY: length = (size_t)((double)length * call->fault.at); break;
	case FAULT_RESET_MIDDLE:
	case FAULT_CUT:
	case FAULT_STALL_MIDDLE:
	case FAULT_HOLD_MIDDLE:
	case FAULT_DRIP:
	case FAULT_HUGE: deliver_part(call, bytes, length); return;
	default: break;
	}
	deliver_note_first(call, 200);
	if (http_reply(call->request, 200, call->headers, call->header_count, bytes, length) ==
	    STATUS_OK)
		deliver_done(call);
}

/* --- in pieces ----------------------------------------------------------------------------- */

bool
deliver_begin(struct call *call)
{
	return http_reply_begin(call->request, 200, call->headers, call->header_count) == STATUS_OK;
}

static bool
deliver_bytes(struct call *call, const char *bytes, size_t length)
{
	if (length > 0)
		deliver_note_first(call, 200);
	return http_reply_write(call->request, bytes, length) == STATUS_OK;
}

static bool
deliver_drip(struct call *call, const char *bytes, size_t length)
{
	while (length > 0) {
		size_t piece = length < call->fault.bytes ? length : call->fault.bytes;

		if (!deliver_bytes(call, bytes, piece) ||
		    task_sleep(call->fault.every_ms) != STATUS_OK)
			return false;
		bytes += piece;
		length -= piece;
	}
	return true;
}

static bool
deliver_huge(struct call *call)
{
	char block[DELIVER_BLOCK];

	memset(block, 'x', sizeof block);
	for (size_t sent = 0; sent < DELIVER_HUGE; sent += sizeof block) {
		if (!deliver_bytes(call, block, sizeof block) || task_yield() != STATUS_OK)
			return false;
	}
	return true;
}

bool
deliver_piece(struct call *call, const void *piece, size_t length)
{
	const char *bytes = piece, *mark;

	if (call->fault.kind == FAULT_DRIP)
		return deliver_drip(call, bytes, length);
	mark = call->fault.kind == FAULT_HUGE
	           ? memmem(bytes, length, DELIVER_HUGE_MARK, strlen(DELIVER_HUGE_MARK))
	           : NULL;
	if (mark == NULL)
		return deliver_bytes(call, bytes, length);
	return deliver_bytes(call, bytes, (size_t)(mark - bytes)) && deliver_huge(call) &&
	       deliver_bytes(call, mark + strlen(DELIVER_HUGE_MARK),
	                     length - (size_t)(mark - bytes) - strlen(DELIVER_HUGE_MARK));
}

void
deliver_end(struct call *call)
{
	if (http_reply_end(call->request) == STATUS_OK)
		deliver_done(call);
}
