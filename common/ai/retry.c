/* SPDX-License-Identifier: MIT
 * Back-off, Retry-After and the budget of retries. */
#include "common/ai/retry.h"

#include "common/base/ids.h"
#include "common/io/http.h"

#include <stdlib.h>
#include <string.h>

#define RETRY_DAY_S 86400

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

void
retry_budget_init(struct retry_budget *budget)
{
	atomic_init(&budget->halves, 2 * RETRY_BUDGET_MOST);
}

void
retry_budget_earn(struct retry_budget *budget)
{
	if (atomic_load_explicit(&budget->halves, memory_order_relaxed) < 2 * RETRY_BUDGET_MOST)
		atomic_fetch_add_explicit(&budget->halves, 1, memory_order_relaxed);
}

bool
retry_budget_spend(struct retry_budget *budget)
{
	if (atomic_fetch_sub_explicit(&budget->halves, 2, memory_order_relaxed) >= 2)
		return true;
	atomic_fetch_add_explicit(&budget->halves, 2, memory_order_relaxed);
	return false;
}
