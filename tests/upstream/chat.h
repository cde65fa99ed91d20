/* SPDX-License-Identifier: MIT
 *
 * What Gemini and OpenAI have in common: a conversation comes, a text goes back, whole or in
 * deltas. Each is a dialect.
 */
#ifndef STUDYHALL_TESTS_UPSTREAM_CHAT_H
#define STUDYHALL_TESTS_UPSTREAM_CHAT_H

#include "tests/upstream/call.h"
#include "tests/upstream/plan_text.h"

#include <jansson.h>

enum chat_finish {
	CHAT_STOP,
	CHAT_LENGTH,
	CHAT_SAFETY,  /* the answer was filtered */
	CHAT_BLOCKED, /* the prompt was */
};

struct chat {
	struct call *call;
	/* Set by the dialect's read(): */
	bool stream;
	bool include_usage;    /* OpenAI's stream_options */
	const char *model;     /* in the task's arena */
	size_t prompt_bytes;   /* of all texts */
	size_t token_limit;    /* of the answer; 0: none */
	const char *last_user; /* borrowed from the body's JSON */
	json_t *plan_request;  /* or NULL */
	/* The answer: */
	struct plan_text answer; /* .days is 0 if it is no plan */
	enum chat_finish finish;
	/* Thoughts are part of the completion. */
	size_t prompt_tokens, completion_tokens, thought_tokens;
	int64_t created; /* seconds */
};

struct chat_dialect {
	const char *stream_type; /* Content-Type of a stream */
	/* NULL, or why the request is bad. */
	const char *(*read)(struct chat *chat, const json_t *body);
	void (*whole)(const struct chat *chat, struct buf *out);
	void (*opening)(const struct chat *chat, struct buf *out);
	void (*delta)(const struct chat *chat, const char *text, size_t length, struct buf *out);
	/* Finish reason, usage, end mark. */
	void (*closing)(const struct chat *chat, struct buf *out);
	/* An error as an event in the middle of a stream. */
	void (*error)(struct buf *out);
};

/* For read(): one text of the conversation. */
void chat_add_text(struct chat *chat, bool user, const char *text);
/* Answers the call. */
void chat_answer(struct call *call, const struct chat_dialect *dialect);

#endif
