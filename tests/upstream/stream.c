/* SPDX-License-Identifier: MIT
 * One event for each piece of the text, cut anywhere between two characters; and one write for each
 * event, cut anywhere between two bytes: the end of an event comes with the next one. */
#include "tests/upstream/stream.h"

#include "common/base/clock.h"
#include "common/task/task.h"
#include "tests/upstream/deliver.h"

struct stream {
	struct chat *chat;
	const struct chat_dialect *dialect;
	struct buf out; /* not sent yet */
	size_t pieces;
	size_t composed;   /* of the text: in events */
	size_t sent;       /* of the text: in events that have been sent to their end */
	unsigned days;     /* noted as sent */
	uint64_t began_ms; /* of the first byte */
	uint32_t total_ms;
};

/* Where the i-th piece of the text ends: near its share, between two characters. */
static size_t
stream_piece_end(struct stream *stream, size_t i)
{
	const struct buf *text = &stream->chat->answer.text;
	size_t share = text->length / stream->pieces;
	size_t end = (i + 1) * text->length / stream->pieces;

	if (i + 1 == stream->pieces)
		return text->length;
	if (share > 1)
		end += random_below(&stream->chat->call->random, share) - share / 2;
	if (end < stream->composed)
		end = stream->composed;
	while (end < text->length && (text->bytes[end] & 0xc0) == 0x80)
		end++;
	return end;
}

static bool
stream_wait(const struct stream *stream, size_t i)
{
	uint64_t due = stream->began_ms, now = clock_ms();

	if (stream->pieces > 1)
		due += (uint64_t)stream->total_ms * i / (stream->pieces - 1);
	return due <= now || task_sleep((uint32_t)(due - now)) == STATUS_OK;
}

static void
stream_note_days(struct stream *stream)
{
	struct call *call = stream->chat->call;
	const struct plan_text *answer = &stream->chat->answer;

	while (call->upstream->config.record_days && stream->days < answer->days &&
	       answer->day_ends[stream->days] <= stream->sent)
		ledger_note_day(call->upstream->ledger, call->entry, stream->days++, answer->days);
}

/* Sends all but the last `keep` bytes. */
static bool
stream_send(struct stream *stream, size_t keep)
{
	struct buf *out = &stream->out;
	size_t length = out->length - keep;

	if (buf_failed(out) || !deliver_piece(stream->chat->call, out->bytes, length))
		return false;
	buf_consume(out, length);
	return true;
}

/* The i-th piece; false when the stream is over before its end. */
static bool
stream_piece(struct stream *stream, size_t i)
{
	struct chat *chat = stream->chat;
	struct call *call = chat->call;
	const struct buf *text = &chat->answer.text;
	size_t before = stream->composed, end = stream_piece_end(stream, i), held, keep = 0;
	bool last = i + 1 == stream->pieces;

	held = stream->out.length;
	if (end > before)
		stream->dialect->delta(chat, text->bytes + before, end - before, &stream->out);
	stream->composed = end;
	if (last && call->fault.kind != FAULT_UNFINISHED)
		stream->dialect->closing(chat, &stream->out);
	else if (!last)
		keep = random_below(&call->random, stream->out.length - held);
	if (!stream_send(stream, keep))
		return false;
	stream->sent = keep > 0 ? before : end;
	stream_note_days(stream);
	call_note_tokens(call, chat->prompt_tokens,
	                 text->length > 0 ? chat->completion_tokens * end / text->length : 0);
	return true;
}

/* The fault in the middle; true if the stream goes on. */
static bool
stream_break(struct stream *stream)
{
	struct call *call = stream->chat->call;

	if (call->fault.kind == FAULT_HOLD_MIDDLE)
		return call_hold(call);
	if (call->fault.kind != FAULT_STREAM_ERROR) {
		deliver_break(call);
		return false;
	}
	stream->dialect->error(&stream->out);
	if (stream_send(stream, 0))
		deliver_end(call);
	return false;
}

static void
stream_pieces(struct stream *stream)
{
	struct call *call = stream->chat->call;
	bool breaks = fault_place(call->fault.kind) == FAULT_MIDDLE;
	size_t middle = (size_t)((double)stream->pieces * call->fault.at);

	for (size_t i = 0; i < stream->pieces; i++) {
		if (!stream_wait(stream, i))
			return;
		if (breaks && i == middle && !stream_break(stream))
			return;
		if (!stream_piece(stream, i))
			return;
	}
	deliver_end(call);
}

void
stream_run(struct chat *chat, const struct chat_dialect *dialect)
{
	struct call *call = chat->call;
	struct stream stream = {.chat = chat, .dialect = dialect, .pieces = call->pace.chunks};

	if (call->fault.kind == FAULT_HTML) {
		deliver_whole(call, "", 0);
		return;
	}
	if (call->fault.kind == FAULT_TRUNCATED_BODY) /* there is no other way to cut a stream */
		call->fault.kind = FAULT_CUT;
	if (call->fault.kind == FAULT_HUGE || chat->answer.text.length == 0)
		stream.pieces = 1; /* the mark must stay whole */
	else if (stream.pieces > chat->answer.text.length)
		stream.pieces = chat->answer.text.length;
	buf_init(&stream.out, 0);
	call_put_header(call, "Content-Type", dialect->stream_type);
	stream.began_ms = clock_ms();
	stream.total_ms = latency_draw(&call->pace.streaming, &call->random);
	if (deliver_begin(call)) {
		dialect->opening(chat, &stream.out);
		stream_pieces(&stream);
	}
	buf_fini(&stream.out);
}
