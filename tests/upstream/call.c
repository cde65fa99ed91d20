/* SPDX-License-Identifier: MIT
 * The life of a call: entry, fault, waiting, answer, outcome. */
#include "tests/upstream/call.h"

#include "common/base/clock.h"
#include "common/task/task.h"
#include "tests/upstream/deliver.h"

#include <assert.h>
#include <math.h>
#include <string.h>

void
call_put_header(struct call *call, const char *name, const char *value)
{
	assert(call->header_count < CALL_HEADERS && value != NULL);
	call->headers[call->header_count++] = (struct http_header){name, value};
}

void
call_note_tokens(struct call *call, size_t prompt, size_t completion)
{
	struct ledger_entry *entry = ledger_entry(call->upstream->ledger, call->entry);

	if (entry == NULL)
		return;
	entry->prompt_tokens = (uint32_t)prompt;
	entry->completion_tokens = (uint32_t)completion;
}

bool
call_sleep(struct call *call, const struct latency *latency)
{
	uint32_t ms = latency_draw(latency, &call->random);

	return ms > 0 ? task_sleep(ms) == STATUS_OK : !task_cancelled();
}

bool
call_hold(struct call *call)
{
	return hold_wait(&call->upstream->holds,
	                 http_request_header(call->request, "Idempotency-Key"));
}

/* --- refusing ------------------------------------------------------------------------------ */

/* The header of a 429 or 503; RetryInfo is the provider's affair. */
static void
call_retry_header(struct call *call, enum refusal why)
{
	const struct fault *fault = &call->fault;
	char *text = NULL;

	if (fault->retry_after < 0 ||
	    (why != REFUSAL_RATE_LIMIT && why != REFUSAL_QUOTA && why != REFUSAL_UNAVAILABLE))
		return;
	if (fault->form == FORM_SECONDS) {
		text = arena_printf(task_arena(), "%.0f", ceil(fault->retry_after));
	} else if (fault->form == FORM_DATE) {
		text = arena_alloc(task_arena(), HTTP_DATE_SIZE);
		if (text != NULL)
			http_date_format(
			    clock_wall_us() / 1000000 + (int64_t)ceil(fault->retry_after), text);
	}
	if (text != NULL)
		call_put_header(call, "Retry-After", text);
}

void
call_refuse(struct call *call, enum refusal why, const char *detail)
{
	struct buf body;
	int status;

	buf_init(&body, 0);
	call_retry_header(call, why);
	status = call->provider->refuse(call, why, detail, &body);
	call->outcome = LEDGER_FAILED;
	deliver_error(call, status, &body);
	buf_fini(&body);
}

static void
call_bad_gateway(struct call *call)
{
	static const char page[] = "<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n"
	                           "<body>\r\n<center><h1>502 Bad Gateway</h1></center>\r\n"
	                           "</body>\r\n</html>\r\n";
	struct buf body;

	buf_init(&body, 0);
	buf_puts(&body, page);
	call_put_header(call, "Content-Type", "text/html");
	call->outcome = LEDGER_FAILED;
	deliver_error(call, 502, &body);
	buf_fini(&body);
}

static void
call_refuse_fault(struct call *call)
{
	static const enum refusal refusals[FAULT_KINDS] = {
	    [FAULT_RATE_LIMIT] = REFUSAL_RATE_LIMIT,   [FAULT_QUOTA] = REFUSAL_QUOTA,
	    [FAULT_INVALID_KEY] = REFUSAL_INVALID_KEY, [FAULT_BAD_REQUEST] = REFUSAL_BAD_REQUEST,
	    [FAULT_NO_MODEL] = REFUSAL_NO_MODEL,       [FAULT_SERVER_ERROR] = REFUSAL_BROKEN,
	    [FAULT_UNAVAILABLE] = REFUSAL_UNAVAILABLE,
	};

	if (call->fault.kind == FAULT_BAD_GATEWAY)
		call_bad_gateway(call);
	else
		call_refuse(call, refusals[call->fault.kind],
		            "Request contains an invalid argument.");
}

/* --- its life ------------------------------------------------------------------------------ */

static void
call_begin(struct call *call, const char *key)
{
	struct upstream *upstream = call->upstream;
	const char *mark = http_request_header(call->request, "Idempotency-Key");
	struct fault_subject subject = {call->provider->name, call->path, key, mark,
	                                http_request_body(call->request, NULL)};
	struct ledger_entry *entry;

	call->number = ++upstream->drawn;
	call->outcome = LEDGER_ABORTED;
	call->pace = config_pace(&upstream->config, call->provider->name);
	random_init(&call->random, upstream->config.seed, call->number);
	call->fault = fault_pick(&upstream->config.faults, &subject, &call->random);
	call->entry = ledger_begin(upstream->ledger, call->provider->name, call->path, key, mark);
	entry = ledger_entry(upstream->ledger, call->entry);
	if (entry != NULL && call->fault.kind != FAULT_NONE)
		entry->fault = fault_name(call->fault.kind);
	if (++upstream->open > upstream->highest_open)
		upstream->highest_open = upstream->open;
}

static void
call_serve(struct call *call, const char *key)
{
	enum fault_place place = fault_place(call->fault.kind);

	if (key == NULL) {
		call_refuse(call, REFUSAL_NO_KEY, "");
		return;
	}
	if (task_sleep(call->fault.delay_ms) != STATUS_OK)
		return;
	if (call->fault.kind == FAULT_HOLD && !call_hold(call))
		return;
	if (place == FAULT_REFUSAL) {
		call_refuse_fault(call);
	} else if (place == FAULT_BEFORE && call->fault.kind != FAULT_SLOW &&
	           call->fault.kind != FAULT_HOLD) {
		deliver_break(call);
	} else if (call_sleep(call, &call->pace.first_byte)) {
		call->provider->answer(call);
	}
}

void
call_run(struct upstream *upstream, struct http_request *request, const struct provider *provider,
         const char *path)
{
	struct call call = {
	    .upstream = upstream, .request = request, .provider = provider, .path = path};
	const char *key = provider->key(request);

	call_begin(&call, key);
	http_request_cancel_on_hangup(request, true);
	call_serve(&call, key);
	upstream->open--;
	ledger_end(upstream->ledger, call.entry, call.outcome);
}
