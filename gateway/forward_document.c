/* SPDX-License-Identifier: MIT
 * A document of any size, passed through piece by piece. */
#include "gateway/forward.h"

#include "common/base/buf.h"
#include "common/base/log.h"
#include "gateway/gateway.h"
#include "gateway/routes.h"

#define DOCUMENT_PIECE_LIMIT ((size_t)64 << 20)

/* Reads until the stream ends. Not OK: it broke off, the client must see that. */
static enum status
document_pass(struct forward *f, struct rpc_stream *stream, struct transcode_stream *document,
              struct buf *out)
{
	for (;;) {
		const void *bytes;
		size_t length;
		enum status status = rpc_stream_read(stream, 0, &bytes, &length);
		if (status != STATUS_OK)
			return status;
		buf_clear(out);
		int result = length == 0 ? transcode_stream_end(document, out)
		                         : transcode_stream_feed(document, bytes, length, out);
		if (result != 0)
			return STATUS_INTERNAL;
		if (length == 0)
			buf_putc(out, '\n');
		if (out->length > 0)
			status = http_reply_write(f->request, out->bytes, out->length);
		if (status != STATUS_OK || length == 0)
			return status;
	}
}

static void
document_send(struct forward *f, struct rpc_stream *stream, struct transcode_stream *document)
{
	struct buf out;
	buf_init(&out, DOCUMENT_PIECE_LIMIT);
	forward_put_headers(f);
	answer_header(&f->answer, "Content-Type", "application/json");
	answer_header(&f->answer, "Content-Disposition", "attachment; filename=\"studyhall.json\"");
	answer_timing(&f->answer);
	enum status status = http_reply_begin(f->request, 200, f->answer.headers, f->answer.count);
	if (status == STATUS_OK)
		status = document_pass(f, stream, document, &out);
	if (status == STATUS_OK)
		status = http_reply_end(f->request);
	if (status != STATUS_OK && status != STATUS_CANCELLED)
		LOG_WARN("a document broke off", LOG_TEXT("method", f->route->rpc_name),
		         LOG_TEXT("status", status_slug(status)));
	buf_fini(&out);
}

void
forward_document(struct forward *f, const struct rpc_request *request)
{
	struct rpc_stream *stream = NULL;
	struct transcode_stream *document = NULL;
	f->reply.status =
	    rpc_stream_open(f->gateway->rpcs[f->route->actor_index], request, &f->reply, &stream);
	if (stream == NULL) {
		forward_answer(f);
		return;
	}
	document = transcode_stream_new(f->route->output);
	if (document == NULL)
		forward_refuse(f, STATUS_OVERLOADED, NULL);
	else
		document_send(f, stream, document);
	transcode_stream_free(&document);
	rpc_stream_close(&stream);
}
