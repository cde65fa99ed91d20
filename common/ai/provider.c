/* SPDX-License-Identifier: MIT
 * A provider's life, and who may ask it now: a slot, a key that is not resting, a closed breaker.
 */
#include "common/ai/provider_private.h"

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/obj.h"
#include "common/io/url.h"
#include "common/task/task.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PROVIDER_KEY_REST_MS 600000 /* of a key that is wrong or has nothing left */
#define PROVIDER_LOG_MS      1000

/* --- life ------------------------------------------------------------------------------------ */

static bool
provider_set_base(struct provider *provider, const char *text, char *error, size_t error_size)
{
	size_t length = strlen(text);
	struct url url;

	if (url_parse(&url, text, error, error_size) != 0)
		return false;
	if (url.host == NULL || url.user != NULL || url.param_count > 0 ||
	    (strcmp(url.scheme, "https") != 0 && strcmp(url.scheme, "http") != 0)) {
		snprintf(error, error_size,
		         "must be https://host or http://host, with a prefix if need be");
		url_fini(&url);
		return false;
	}
	while (length > 0 && text[length - 1] == '/')
		length--;
	provider->plain = strcmp(url.scheme, "http") == 0;
	provider->base = strndup(text, length);
	provider->host = strdup(url.host);
	url_fini(&url);
	if (provider->base != NULL && provider->host != NULL)
		return true;
	snprintf(error, error_size, "no memory");
	return false;
}

static struct metric *
provider_metric(const struct provider *provider, enum metric_type type, const char *name,
                const char *help)
{
	return metric_new(type, name, help, "provider=\"%s\"", provider->options.name);
}

static struct metric *
provider_tokens_metric(const struct provider *provider, const char *kind)
{
	return metric_new(METRIC_COUNTER, "studyhall_ai_tokens_total",
	                  "Tokens used, by the providers' figures", "provider=\"%s\",kind=\"%s\"",
	                  provider->options.name, kind);
}

static bool
provider_set_metrics(struct provider *provider)
{
	bool all = true;

	for (int i = 0; i < AI_FAULTS; i++) {
		provider->outcomes[i] = metric_new(
		    METRIC_COUNTER, "studyhall_ai_calls_total",
		    "Calls to AI providers that have ended", "provider=\"%s\",outcome=\"%s\"",
		    provider->options.name, ai_fault_label((enum ai_fault)i));
		all = all && provider->outcomes[i] != NULL;
	}
	provider->seconds = provider_metric(provider, METRIC_HISTOGRAM, "studyhall_ai_call_seconds",
	                                    "Time from a call's start to its end");
	provider->retries = provider_metric(provider, METRIC_COUNTER, "studyhall_ai_retries_total",
	                                    "Calls that repeat one that failed");
	provider->not_asked =
	    provider_metric(provider, METRIC_COUNTER, "studyhall_ai_not_asked_total",
	                    "Calls not made: circuit open, no slot in time, or all keys resting");
	provider->in_flight =
	    provider_metric(provider, METRIC_GAUGE, "studyhall_ai_in_flight", "Calls in progress");
	provider->waiting = provider_metric(provider, METRIC_GAUGE, "studyhall_ai_waiting",
	                                    "Calls waiting for one in progress to end");
	provider->state = provider_metric(provider, METRIC_GAUGE, "studyhall_ai_breaker_state",
	                                  "Circuit breaker: 0 closed, 1 half open, 2 open");
	provider->prompt_tokens = provider_tokens_metric(provider, "prompt");
	provider->completion_tokens = provider_tokens_metric(provider, "completion");
	return all && provider->seconds != NULL && provider->retries != NULL &&
	       provider->not_asked != NULL && provider->in_flight != NULL &&
	       provider->waiting != NULL && provider->state != NULL &&
	       provider->prompt_tokens != NULL && provider->completion_tokens != NULL;
}

/* For a server of one's own, on the same machine, that is fine. */
static void
provider_warn_if_plain(const struct provider *provider)
{
	static const char *const loopback[] = {"localhost", "127.", "::1"};

	for (size_t i = 0; i < COUNT_OF(loopback); i++)
		if (strncmp(provider->host, loopback[i], strlen(loopback[i])) == 0)
			return;
	if (provider->plain)
		LOG_WARN("an AI provider is asked over http: keys and texts travel unencrypted",
		         LOG_TEXT("provider", provider->options.name));
}

struct provider *
provider_new(const struct provider_options *options, char *error, size_t error_size)
{
	struct provider *provider = calloc(1, sizeof *provider);
	const char *wrong = NULL;

	if (provider == NULL) {
		snprintf(error, error_size, "no memory");
		return NULL;
	}
	OBJ_INIT(provider, PROVIDER_MAGIC);
	provider->options = *options;
	pthread_mutex_init(&provider->lock, NULL);
	breaker_init(&provider->breaker,
	             options->breaker != NULL ? options->breaker : &breaker_defaults);
	provider->slots = slots_new(options->concurrency > 0 ? options->concurrency : 1);
	wrong = key_ring_init(&provider->keys, options->keys);
	if (wrong == NULL && provider->keys.count == 0)
		wrong = "there is no key";
	if (wrong == NULL && (provider->slots == NULL || !provider_set_metrics(provider)))
		wrong = "no memory";
	if (wrong != NULL)
		snprintf(error, error_size, "%s", wrong);
	if (wrong != NULL || !provider_set_base(provider, options->base_url, error, error_size)) {
		provider_free(&provider);
		return NULL;
	}
	provider_warn_if_plain(provider);
	return provider;
}

void
provider_free(struct provider **provider)
{
	struct provider *gone = *provider;

	*provider = NULL;
	if (gone == NULL)
		return;
	OBJ_CHECK(gone, PROVIDER_MAGIC);
	slots_free(&gone->slots);
	key_ring_fini(&gone->keys);
	pthread_mutex_destroy(&gone->lock);
	free(gone->base);
	free(gone->host);
	OBJ_FINI(gone);
	free(gone);
}

const char *
provider_name(const struct provider *provider)
{
	return provider->options.name;
}

const char *
provider_host(const struct provider *provider)
{
	return provider->host;
}

/* --- admission ------------------------------------------------------------------------------- */

uint32_t
provider_within(uint64_t give_up_ms, uint32_t wait_ms)
{
	uint64_t now = clock_ms();

	if (now >= give_up_ms)
		return 0;
	return give_up_ms - now < wait_ms ? (uint32_t)(give_up_ms - now) : wait_ms;
}

static enum status
provider_not_asked(struct provider *provider, struct provider_turns *turns, const char *why)
{
	metric_add(provider->not_asked, 1);
	turns->fault = AI_FAULT_NONE;
	turns->may_again = false;
	snprintf(turns->why, sizeof turns->why, "%s", why);
	return STATUS_OVERLOADED;
}

/* Until a key is usable. */
static enum status
provider_await_key(struct provider_call *call, struct provider_turns *turns)
{
	struct provider *provider = call->provider;
	uint64_t wait_ms;
	enum status status;

	for (;;) {
		pthread_mutex_lock(&provider->lock);
		(void)key_ring_pick(&provider->keys, clock_ms(), &wait_ms);
		pthread_mutex_unlock(&provider->lock);
		if (wait_ms == 0)
			return STATUS_OK;
		if (wait_ms > provider_within(call->give_up_ms, provider->options.retry_after_ms))
			return provider_not_asked(provider, turns, "all keys are resting");
		status = task_sleep(retry_spread_ms((uint32_t)wait_ms));
		if (status != STATUS_OK)
			return status;
	}
}

static enum status
provider_await_slot(struct provider_call *call, struct provider_turns *turns)
{
	struct provider *provider = call->provider;
	enum status status;

	metric_add(provider->waiting, 1);
	status = slots_take(provider->slots,
	                    provider_within(call->give_up_ms, provider->options.wait_ms));
	metric_add(provider->waiting, -1);
	if (status == STATUS_OVERLOADED)
		return provider_not_asked(provider, turns, "too many calls at a time");
	return status;
}

enum status
provider_admit(struct provider_call *call, struct provider_turns *turns)
{
	struct provider *provider = call->provider;
	uint64_t wait_ms = 0;
	bool admitted = true;
	enum status status;

	for (;;) {
		status = provider_await_key(call, turns);
		if (status == STATUS_OK)
			status = provider_await_slot(call, turns);
		if (status != STATUS_OK)
			return status;
		pthread_mutex_lock(&provider->lock);
		call->key = key_ring_pick(&provider->keys, clock_ms(), &wait_ms);
		if (call->key >= 0)
			admitted = breaker_admit(&provider->breaker, clock_ms(), &call->ticket);
		metric_set(provider->state, (int64_t)provider->breaker.state);
		pthread_mutex_unlock(&provider->lock);
		if (call->key >= 0 && admitted) {
			metric_add(provider->in_flight, 1);
			return STATUS_OK;
		}
		slots_give(provider->slots);
		if (!admitted)
			return provider_not_asked(provider, turns, "the circuit is open");
	}
}

static void
provider_log_breaker(const struct provider *provider, enum breaker_state before,
                     enum breaker_state after)
{
	if (after == before)
		return;
	if (after == BREAKER_OPEN)
		LOG_WARN("an AI provider fails too often: circuit open",
		         LOG_TEXT("provider", provider->options.name));
	else if (after == BREAKER_CLOSED)
		LOG_INFO("an AI provider answers again: circuit closed",
		         LOG_TEXT("provider", provider->options.name));
}

void
provider_dismiss(struct provider_call *call, enum breaker_report report)
{
	struct provider *provider = call->provider;
	enum breaker_state before, after;

	pthread_mutex_lock(&provider->lock);
	before = provider->breaker.state;
	breaker_report(&provider->breaker, &call->ticket, clock_ms(), report);
	after = provider->breaker.state;
	metric_set(provider->state, (int64_t)after);
	pthread_mutex_unlock(&provider->lock);
	provider_log_breaker(provider, before, after);
	metric_add(provider->in_flight, -1);
	slots_give(provider->slots);
}

bool
provider_rest_key(struct provider_call *call, const struct ai_error *error)
{
	struct provider *provider = call->provider;
	uint64_t now = clock_ms(), wait_ms;
	uint32_t rest = PROVIDER_KEY_REST_MS;
	bool other;

	if (error->fault == AI_FAULT_THROTTLED)
		rest = error->has_wait ? error->wait_ms : provider->options.backoff_ms * 4;
	pthread_mutex_lock(&provider->lock);
	key_ring_rest(&provider->keys, call->key, now + rest);
	other = key_ring_pick(&provider->keys, now, &wait_ms) >= 0;
	pthread_mutex_unlock(&provider->lock);
	if (error->fault == AI_FAULT_KEY_REFUSED)
		LOG_ERROR("an AI provider refuses a key; it rests for ten minutes",
		          LOG_TEXT("provider", provider->options.name),
		          LOG_INT("key_number", call->key + 1), LOG_TEXT("code", error->code));
	return other;
}

/* --- logs ------------------------------------------------------------------------------------ */

void
provider_scrub(struct provider *provider, char *text)
{
	key_ring_scrub(&provider->keys, text); /* the texts of keys never change */
}

void
provider_log(struct provider_call *call, enum ai_fault fault, int http_status,
             const struct ai_error *error, const char *why)
{
	struct provider *provider = call->provider;
	char message[AI_ERROR_MESSAGE] = "";
	unsigned unlogged = 0;
	bool now;

	pthread_mutex_lock(&provider->lock);
	now = clock_ms() >= provider->logged_ms + PROVIDER_LOG_MS;
	if (now) {
		provider->logged_ms = clock_ms();
		unlogged = provider->unlogged;
		provider->unlogged = 0;
	} else {
		provider->unlogged++;
	}
	pthread_mutex_unlock(&provider->lock);
	if (!now)
		return;
	if (error != NULL)
		snprintf(message, sizeof message, "%s", error->message);
	provider_scrub(provider, message);
	LOG_WARN("a call to an AI provider failed", LOG_TEXT("provider", provider->options.name),
	         LOG_TEXT("fault", ai_fault_label(fault)), LOG_INT("status", http_status),
	         LOG_TEXT("why", why), LOG_TEXT("said", message),
	         LOG_INT("more_unlogged", unlogged));
}
