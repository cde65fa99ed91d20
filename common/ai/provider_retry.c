/* SPDX-License-Identifier: MIT
 * Whether to ask the same provider once more, and after how long. */
#include "common/ai/provider_private.h"

#include "common/base/buf.h"
#include "common/base/clock.h"
#include "common/base/obj.h"
#include "common/task/task.h"

#define PROVIDER_LEAST_MS 1000 /* with less time left no attempt is begun */

/* False: it is not worth waiting. */
static bool
provider_pause_of(const struct provider *provider, const struct provider_turns *turns,
                  uint32_t *pause_ms)
{
	const struct provider_options *options = &provider->options;

	*pause_ms = 0;
	if (turns->fault == AI_FAULT_KEY_REFUSED)
		return turns->other_key;
	/* A throttled key rests; provider_open() waits for the next one that does not. */
	if (turns->fault == AI_FAULT_THROTTLED)
		return true;
	*pause_ms = retry_backoff_ms(turns->calls > 0 ? turns->calls - 1 : 0, options->backoff_ms,
	                             options->backoff_max_ms);
	if (!turns->has_wait)
		return true;
	if (turns->wait_ms > options->retry_after_ms)
		return false;
	if (*pause_ms < turns->wait_ms)
		*pause_ms = retry_spread_ms(turns->wait_ms);
	return true;
}

static bool
provider_spend(struct provider *provider)
{
	bool spent;

	pthread_mutex_lock(&provider->lock);
	spent = retry_budget_spend(&provider->budget, clock_ms());
	pthread_mutex_unlock(&provider->lock);
	return spent;
}

bool
provider_again(struct provider *provider, const struct provider_request *request,
               const struct provider_turns *turns, enum status *status)
{
	uint64_t give_up_ms = request->give_up_ms != 0 ? request->give_up_ms : UINT64_MAX;
	bool slow = turns->fault == AI_FAULT_TIMED_OUT && request->last;
	enum status waited = STATUS_OK;
	uint32_t pause_ms;

	if (*status != STATUS_DEPENDENCY_DOWN || !(turns->may_again || slow) ||
	    turns->calls >= provider->options.attempts ||
	    !provider_pause_of(provider, turns, &pause_ms))
		return false;
	if (provider_within(give_up_ms, UINT32_MAX) < (uint64_t)pause_ms + PROVIDER_LEAST_MS ||
	    task_time_left() < (uint64_t)pause_ms + PROVIDER_LEAST_MS)
		return false;
	/* Another key is no further load on what is in trouble. */
	if (!turns->other_key && !provider_spend(provider))
		return false;
	if (pause_ms > 0)
		waited = task_sleep(pause_ms);
	if (waited != STATUS_OK) {
		*status = waited;
		return false;
	}
	metric_add(provider->retries, 1);
	return true;
}

/* --- whole answers --------------------------------------------------------------------------- */

static enum status
provider_read_whole(struct provider_call *call, struct buf *body)
{
	const char *bytes;
	size_t length = 1;
	enum status status = STATUS_OK;

	while (status == STATUS_OK && length > 0) {
		status = provider_read(call, &bytes, &length);
		if (status == STATUS_OK)
			buf_append(body, bytes, length);
	}
	return status == STATUS_OK && buf_failed(body) ? STATUS_OVERLOADED : status;
}

/* Reads an open call's answer, has it understood, and ends the call. */
static enum status
provider_finish_whole(struct provider_call *call, const struct provider_request *request,
                      struct provider_turns *turns, struct buf *whole)
{
	struct provider_end end = {0};
	enum status status = provider_read_whole(call, whole);

	if (status != STATUS_OK)
		end.fault = provider_fault(call);
	if (status == STATUS_OVERLOADED && end.fault == AI_FAULT_NONE)
		end.fault = AI_FAULT_REFUSED; /* no memory */
	if (status == STATUS_OK && request->read != NULL) {
		end.fault =
		    request->read(request->read_arg, whole->bytes != NULL ? whole->bytes : "",
		                  whole->length, &end.why);
		status = end.fault == AI_FAULT_NONE ? STATUS_OK : STATUS_DEPENDENCY_DOWN;
	}
	provider_close(&call, turns, &end);
	return status;
}

enum status
provider_fetch(struct provider *provider, const struct provider_request *request,
               struct provider_turns *turns)
{
	struct provider_call *call;
	struct buf whole;
	enum status status;

	buf_init(&whole, 0);
	do {
		buf_clear(&whole);
		status = provider_open(provider, request, turns, &call);
		if (status == STATUS_OK)
			status = provider_finish_whole(call, request, turns, &whole);
	} while (status != STATUS_OK && provider_again(provider, request, turns, &status));
	buf_fini(&whole);
	return status;
}
