/* SPDX-License-Identifier: MIT
 * What provider.c (life and admission), provider_call.c (one attempt) and provider_retry.c share.
 */
#ifndef STUDYHALL_AI_PROVIDER_PRIVATE_H
#define STUDYHALL_AI_PROVIDER_PRIVATE_H

#include "common/ai/breaker.h"
#include "common/ai/key_ring.h"
#include "common/ai/provider.h"
#include "common/ai/retry.h"
#include "common/ai/slots.h"
#include "common/base/metrics.h"
#include "common/io/fetch.h"

#include <pthread.h>

#define PROVIDER_MAGIC      0xa1900001u
#define PROVIDER_CALL_MAGIC 0xa1900ca1u

struct provider {
	unsigned magic;
	struct provider_options options;
	char *base; /* base URL without a slash at its end */
	char *host;
	bool plain; /* http:// */
	struct slots *slots;
	pthread_mutex_t lock; /* what follows, up to the metrics */
	struct retry_budget budget;
	struct breaker breaker;
	struct key_ring keys;
	uint64_t logged_ms;
	unsigned unlogged;
	struct metric *outcomes[AI_FAULTS];
	struct metric *seconds, *retries, *not_asked, *in_flight, *waiting, *state;
	struct metric *prompt_tokens, *completion_tokens;
};

struct provider_call {
	unsigned magic;
	struct provider *provider;
	struct fetch *fetch;
	struct fetch_response response;
	const struct provider_watch *watch;
	unsigned number; /* the watch's */
	bool started;    /* the watch knows of it */
	int key;
	struct breaker_ticket ticket;
	uint64_t give_up_ms; /* UINT64_MAX: none */
	uint64_t begun_us;
	uint64_t heard_ms;
	uint32_t first_byte_ms, silence_ms;
	enum ai_fault fault; /* of the last read */
};

/* provider.c: a slot, a key and the breaker's leave, waiting for slot and key within bounds. */
enum status provider_admit(struct provider_call *call, struct provider_turns *turns);
/* Gives all three back. */
void provider_dismiss(struct provider_call *call, enum breaker_report report);
/* Lets the call's key rest, as the error says. True if another key can be used at once. */
bool provider_rest_key(struct provider_call *call, const struct ai_error *error);
/* Writes why a call failed into the log, at most one line a second; texts are scrubbed of keys. */
void provider_log(struct provider_call *call, enum ai_fault fault, int http_status,
                  const struct ai_error *error, const char *why);
void provider_scrub(struct provider *provider, char *text);
/* min(now + wait_ms, give_up_ms) as a wait from now; 0 when that has passed. */
uint32_t provider_within(uint64_t give_up_ms, uint32_t wait_ms);

#endif
