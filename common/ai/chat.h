/* SPDX-License-Identifier: MIT
 *
 * One interface to the chats of AI providers: a system text and messages go out, a text comes back,
 * whole or piece by piece, with what it cost and why it ended. A chat is a model at a provider
 * (provider.h) in one dialect: Gemini's generateContent, or OpenAI's chat completions, which many
 * servers speak. Thread-safe.
 */
#ifndef STUDYHALL_AI_CHAT_H
#define STUDYHALL_AI_CHAT_H

#include "common/ai/provider.h"

struct chat;
struct chat_schema;

enum chat_role {
	CHAT_USER,
	CHAT_MODEL
};

struct chat_message {
	enum chat_role role;
	const char *text;
};

struct chat_request {
	const char *system;
	const struct chat_message *messages;
	size_t message_count;             /* at least 1 */
	const struct chat_schema *schema; /* NULL: plain text */
	uint32_t max_tokens;              /* of the text; what a model thinks comes on top */
	size_t answer_limit;              /* bytes on the wire; 0: 4 MB */
	const char *mark;                 /* begins the Idempotency-Key; NULL: none */
	uint64_t give_up_ms;              /* clock_ms(); 0: only the task's deadline */
	uint32_t first_byte_ms;           /* as in struct provider_request */
	bool last;                        /* nobody else can be asked */
	const struct provider_watch *watch;
	/* Pieces of the text as they come; may yield; anything but OK ends the call and is
	 * chat_ask()'s outcome. NULL: the text is wanted whole, in the answer. */
	enum status (*text)(void *arg, const char *text, size_t length);
	void *arg;
};

enum chat_finish {
	CHAT_NOT_FINISHED,
	CHAT_STOP,
	CHAT_LENGTH, /* cut off at max_tokens */
	CHAT_BLOCKED /* by a safety filter, or the model declined */
};

struct chat_answer {
	enum chat_finish finish;
	const char *text; /* whole, in the task's arena; NULL when it came in pieces */
	size_t length;    /* of all text, also of what came in pieces */
	uint32_t prompt_tokens, completion_tokens; /* over all calls of this request */
	unsigned calls;                            /* that went out */
	enum ai_fault fault;
	char why[96]; /* of a failure, one line without keys */
};

/* From a task of a worker with fetch_attach(). OK: there is a text; finish is STOP or LENGTH. Calls
 * that fail before any text has been handed on are repeated as provider_again() says. Otherwise
 * OVERLOADED (not asked), DEPENDENCY_DOWN (asked in vain, or the answer broke off), DEADLINE,
 * CANCELLED, or what watch->starts() or text() said. */
enum status chat_ask(struct chat *chat, const struct chat_request *request,
                     struct chat_answer *answer);
/* What one call of such a request takes at most. */
uint32_t chat_tokens_most(const struct chat *chat, const struct chat_request *request);

const char *chat_provider(const struct chat *chat);
const char *chat_model(const struct chat *chat);

/* --- making them --------------------------------------------------------------------------- */
struct ai_settings;

#define CHAT_LIST_MOST 4
struct chat_list {
	struct chat *chats[CHAT_LIST_MOST]; /* in the order of AI_PROVIDERS */
	size_t count;
	bool builtin; /* AI_PROVIDERS has it too; it is not among the chats */
};

/* The chats that the settings ask for and have a key for; each of the others gets one line in the
 * log. False, with one line in `error` that names a setting, when one is unusable. */
bool chat_list_open(const struct ai_settings *settings, struct chat_list *list, char *error,
                    size_t error_size);
/* When no call is left. */
void chat_list_close(struct chat_list *list);

#endif
