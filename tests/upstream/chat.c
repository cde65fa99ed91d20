/* SPDX-License-Identifier: MIT
 * Reads a conversation, makes up the text, and hands it to the wire as the dialect writes it. */
#include "tests/upstream/chat.h"

#include "common/base/clock.h"
#include "common/base/json.h"
#include "common/task/task.h"
#include "tests/upstream/deliver.h"
#include "tests/upstream/prompt.h"
#include "tests/upstream/stream.h"

#include <string.h>

#define CHAT_BYTES_PER_TOKEN 4

static size_t
chat_tokens(size_t bytes)
{
	return (bytes + CHAT_BYTES_PER_TOKEN - 1) / CHAT_BYTES_PER_TOKEN;
}

void
chat_add_text(struct chat *chat, bool user, const char *text)
{
	json_t *request;

	chat->prompt_bytes += strlen(text);
	if (!user)
		return;
	chat->last_user = text;
	request = prompt_plan_request(text, strlen(text));
	if (request == NULL)
		return;
	json_decref(chat->plan_request);
	chat->plan_request = request;
}

/* --- the text ------------------------------------------------------------------------------ */

static bool
chat_write_text(struct chat *chat)
{
	enum fault_kind fault = chat->call->fault.kind;
	struct buf *text = &chat->answer.text;
	const char *user = chat->last_user != NULL ? chat->last_user : "";

	if (chat->plan_request != NULL && fault != FAULT_PROSE)
		return plan_text_write(chat->plan_request, fault, &chat->answer);
	buf_init(text, 0);
	buf_puts(text, prompt_tutor_reply(user));
	return !buf_failed(text);
}

/* A cut in the middle of a day, with complete ones before it if there are three. */
static size_t
chat_cut_at(const struct chat *chat)
{
	const struct plan_text *answer = &chat->answer;
	size_t day = (size_t)((double)answer->days * chat->call->fault.at);

	if (answer->days < 3)
		return (size_t)((double)answer->text.length * chat->call->fault.at);
	if (day + 1 >= answer->days)
		day = answer->days - 2;
	return answer->day_ends[day] + 20;
}

static void
chat_cut(struct chat *chat, size_t length)
{
	struct buf *text = &chat->answer.text;

	if (length >= text->length)
		return;
	while (length > 0 && (text->bytes[length] & 0xc0) == 0x80)
		length--;
	text->length = length;
	text->bytes[length] = '\0';
}

/* Puts words around the text. */
static void
chat_wrap(struct chat *chat, const char *before, const char *after)
{
	struct buf *text = &chat->answer.text, wrapped;

	buf_init(&wrapped, 0);
	buf_puts(&wrapped, before);
	buf_append(&wrapped, text->bytes, text->length);
	buf_puts(&wrapped, after);
	buf_fini(text);
	*text = wrapped;
	for (unsigned i = 0; i < chat->answer.days; i++)
		chat->answer.day_ends[i] += strlen(before);
}

static void
chat_spoil(struct chat *chat)
{
	switch (chat->call->fault.kind) {
	case FAULT_LENGTH: chat->finish = CHAT_LENGTH; /* fall through */
	case FAULT_TRUNCATED: chat_cut(chat, chat_cut_at(chat)); break;
	case FAULT_FENCED: chat_wrap(chat, "```json\n", "\n```\n"); break;
	case FAULT_LEADING: chat_wrap(chat, "Sure! Here is {your} plan:\n\n", ""); break;
	case FAULT_TRAILING:
		chat_wrap(chat, "", "\n\nGood luck with it! {Ask} me anything.");
		break;
	case FAULT_SAFETY:
		chat->finish = CHAT_SAFETY;
		chat_cut(chat, 0);
		break;
	case FAULT_BLOCKED:
		chat->finish = CHAT_BLOCKED;
		chat_cut(chat, 0);
		break;
	case FAULT_EMPTY: chat_cut(chat, 0); break;
	case FAULT_HUGE:
		if (chat->answer.days > 0)
			chat_cut(chat, chat->answer.text.length - 1); /* the last brace */
		chat_wrap(chat, "", ",\"note\":\"" DELIVER_HUGE_MARK "\"}");
		break;
	default: break;
	}
}

/* The limit that was asked for cuts the text, as a model's would; thoughts come first. */
static void
chat_limit(struct chat *chat)
{
	size_t limit = chat->token_limit, thoughts = chat->call->upstream->config.thought_tokens;

	chat->thought_tokens = limit > 0 && thoughts > limit ? limit : thoughts;
	if (limit == 0 || chat_tokens(chat->answer.text.length) + chat->thought_tokens <= limit)
		return;
	chat_cut(chat, (limit - chat->thought_tokens) * CHAT_BYTES_PER_TOKEN);
	chat->finish = CHAT_LENGTH;
}

/* Makes the text and counts its tokens. */
static bool
chat_compose(struct chat *chat)
{
	if (!chat_write_text(chat))
		return false;
	chat_spoil(chat);
	chat_limit(chat);
	chat->prompt_tokens = chat_tokens(chat->prompt_bytes);
	chat->completion_tokens = chat->thought_tokens + chat_tokens(chat->answer.text.length);
	chat->created = clock_wall_us() / 1000000;
	return !buf_failed(&chat->answer.text);
}

/* --- the answer ---------------------------------------------------------------------------- */

static void
chat_reply_whole(struct chat *chat, const struct chat_dialect *dialect)
{
	struct call *call = chat->call;
	struct buf body;

	if (!call_sleep(call, &call->pace.streaming))
		return;
	if (call->fault.kind == FAULT_STREAM_ERROR) {
		call_refuse(call, REFUSAL_BROKEN, "");
		return;
	}
	buf_init(&body, 0);
	dialect->whole(chat, &body);
	if (!buf_failed(&body)) {
		call_note_tokens(call, chat->prompt_tokens, chat->completion_tokens);
		deliver_whole(call, body.bytes, body.length);
	}
	buf_fini(&body);
}

/* Parses the body and composes the text; false when that was refused. */
static bool
chat_prepare(struct chat *chat, const struct chat_dialect *dialect)
{
	struct call *call = chat->call;
	size_t length;
	const char *bytes = http_request_body(call->request, &length), *wrong;
	char error[256];
	json_t *body = json_parse(bytes, length, error, sizeof error);
	bool ready = false;

	if (body == NULL) {
		call_refuse(call, REFUSAL_BAD_REQUEST, error);
		return false;
	}
	wrong = dialect->read(chat, body);
	if (wrong != NULL)
		call_refuse(call, REFUSAL_BAD_REQUEST, wrong);
	else
		ready = chat_compose(chat);
	chat->last_user = NULL;
	json_decref(chat->plan_request);
	chat->plan_request = NULL;
	json_decref(body);
	return ready;
}

void
chat_answer(struct call *call, const struct chat_dialect *dialect)
{
	struct chat chat = {.call = call};
	struct ledger_entry *entry;

	if (chat_prepare(&chat, dialect)) {
		entry = ledger_entry(call->upstream->ledger, call->entry);
		if (entry != NULL)
			entry->streamed = chat.stream;
		call_note_tokens(call, chat.prompt_tokens, 0);
		if (chat.stream)
			stream_run(&chat, dialect);
		else
			chat_reply_whole(&chat, dialect);
	}
	plan_text_fini(&chat.answer);
}
