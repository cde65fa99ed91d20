/* SPDX-License-Identifier: MIT
 * What chat*.c share: a dialect writes requests and reads answers, both without I/O. */
#ifndef STUDYHALL_AI_CHAT_PRIVATE_H
#define STUDYHALL_AI_CHAT_PRIVATE_H

#include "common/ai/chat.h"
#include "common/ai/chat_schema.h"
#include "common/base/buf.h"
#include "common/base/json_outline.h"

#define CHAT_MAGIC 0xa1cbad00u

/* How OpenAI-compatible servers are told the shape of the answer. */
enum chat_format {
	CHAT_JSON_SCHEMA,
	CHAT_JSON_OBJECT,
	CHAT_NO_FORMAT
};

/* What has been read of one call's answer. */
struct chat_reading {
	struct buf text; /* not yet handed on; all of it when it is wanted whole */
	enum chat_finish finish;
	bool has_usage;
	uint32_t prompt_tokens, completion_tokens;
};

struct chat_dialect {
	const char *key_header;
	/* The path of a call; false if it does not fit. */
	bool (*path)(const struct chat *chat, bool stream, char *out, size_t size);
	void (*body)(const struct chat *chat, const struct chat_request *request, struct buf *out);
	/* One document of an answer: the whole, or the data of an event. Adds to the reading. */
	void (*read)(const struct json_node *document, struct chat_reading *reading);
};
extern const struct chat_dialect chat_gemini, chat_openai;

struct chat {
	unsigned magic;
	const struct chat_dialect *dialect;
	struct provider *provider;
	char *model;
	char *url;      /* base URL, the provider's */
	char *thinking; /* the dialect's word or number for how much; NULL: as the model does */
	uint32_t thinking_tokens; /* room for it beyond max_tokens */
	enum chat_format format;
	bool official; /* OpenAI itself, which takes no max_tokens any more */
};

/* One open call and what has been read of it. */
struct chat_call {
	const struct chat *chat;
	const struct chat_request *request;
	struct provider_call *call;
	struct chat_reading reading;
	size_t heard; /* bytes of text */
	struct provider_end end;
	struct ai_error error;
	char why[64];
};

/* max_tokens and the room for thinking. */
uint32_t chat_output_tokens(const struct chat *chat, const struct chat_request *request);
/* {"a": VALUE}: an unsigned whole number of a JSON object, 0 if it is none. */
uint32_t chat_number(const struct json_node *object, const char *name);

/* chat_read.c: reads the answer of an open call to its end, hands its text on. OK: it is whole, and
 * reading.finish is STOP or LENGTH. Otherwise call->end says what is wrong with it. */
enum status chat_read_answer(struct chat_call *call);

#endif
