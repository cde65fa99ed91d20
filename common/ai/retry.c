/* SPDX-License-Identifier: MIT
 * Back-off, Retry-After and the budget of retries. */
#include "common/ai/retry.h"

#include "common/base/ids.h"
#include "common/io/http.h"

#include <stdlib.h>
#include <string.h>

#define RETRY_DAY_S     86400
#define RETRY_PERIOD_MS 10000

uint32_t
retry_backoff_ms(unsigned attempt, uint32_t base_ms, uint32_t cap_ms)
{
	uint64_t most = (uint64_t)base_ms << (attempt < 30 ? attempt : 30);

	if (most > cap_ms)
		most = cap_ms;
	return most < UINT32_MAX ? ids_below((uint32_t)most + 1) : ids_below(UINT32_MAX);
}

uint32_t
retry_spread_ms(uint32_t wait_ms)
{
	uint32_t most = wait_ms / 4;

	return wait_ms + ids_below(most > 50 ? most + 1 : 51);
}

static bool
retry_seconds_parse(const char *text, double *seconds)
{
	size_t digits = strspn(text, "0123456789"), length = digits;

	if (digits == 0)
		return false;
	if (text[length] == '.')
		length += 1 + strspn(text + length + 1, "0123456789");
	if (text[length] == 's')
		length++;
	if (text[length] != '\0')
		return false;
	*seconds = strtod(text, NULL);
	return true;
}

bool
retry_after_parse(const char *text, int64_t now_s, uint32_t *wait_ms)
{
	double seconds;
	int64_t then_s;

	if (text == NULL)
		return false;
	if (!retry_seconds_parse(text, &seconds)) {
		if (!http_date_parse(text, &then_s))
			return false;
		seconds = then_s > now_s ? (double)(then_s - now_s) : 0;
	}
	*wait_ms = seconds < RETRY_DAY_S ? (uint32_t)(seconds * 1000 + 0.999) : RETRY_DAY_S * 1000u;
	return true;
}

static unsigned
retry_budget_now(struct retry_budget *budget, uint64_t now_ms)
{
	uint64_t period = now_ms / RETRY_PERIOD_MS;

	if (period < budget->period)
		period = budget->period; /* another thread's clock was read later */
	for (unsigned i = 0; i < 2 && budget->period != period; i++) {
		unsigned next = (unsigned)((budget->period + 1 + i) % 2);

		/* What is two periods old is forgotten; after a long pause, all. */
		if (period > budget->period + i) {
			budget->firsts[next] = 0;
			budget->retries[next] = 0;
		}
	}
	budget->period = period;
	return (unsigned)(period % 2);
}

void
retry_budget_first(struct retry_budget *budget, uint64_t now_ms)
{
	budget->firsts[retry_budget_now(budget, now_ms)]++;
}

bool
retry_budget_spend(struct retry_budget *budget, uint64_t now_ms)
{
	unsigned now = retry_budget_now(budget, now_ms);

	if (budget->retries[0] + budget->retries[1] >=
	    RETRY_BUDGET_FREE + (budget->firsts[0] + budget->firsts[1]) / 2)
		return false;
	budget->retries[now]++;
	return true;
}
