/* SPDX-License-Identifier: MIT
 * Histograms of the good and of the refused, counts of all others. */
#include "tests/bench/openload/tally.h"

#include <stdio.h>

#include "tests/bench/openload/client.h"

static bool
tally_is_refusal(int status)
{
	return status == 429 || status == 503;
}

void
tally_add(struct tally *tally, int status, uint64_t us)
{
	size_t i = 0;

	tally->open--;
	if (status >= 200 && status < 300) {
		histogram_add(&tally->good, us);
		return;
	}
	if (tally_is_refusal(status))
		histogram_add(&tally->refused, us);
	while (i < TALLY_STATUSES - 1 && tally->statuses[i].count > 0 &&
	       tally->statuses[i].status != status)
		i++;
	tally->statuses[i].status = status;
	tally->statuses[i].count++;
}

static json_t *
tally_latency(const struct histogram *histogram)
{
	static const struct {
		const char *name;
		double share;
	} list[] = {{"p50", .5}, {"p90", .9}, {"p95", .95}, {"p99", .99}, {"p999", .999}};
	json_t *out = json_pack("{s:I}", "count", (json_int_t)histogram->count);

	if (histogram->count == 0)
		return out;
	json_object_set_new(out, "mean",
	                    json_real((double)histogram->sum_us / (double)histogram->count / 1e6));
	for (size_t i = 0; i < sizeof list / sizeof list[0]; i++)
		json_object_set_new(
		    out, list[i].name,
		    json_real((double)histogram_at(histogram, list[i].share) / 1e6));
	json_object_set_new(out, "max", json_real((double)histogram->max_us / 1e6));
	return out;
}

static void
tally_name(int status, char *out, size_t size)
{
	switch (status) {
	case CLIENT_NOT_CONNECTED: snprintf(out, size, "not connected"); break;
	case CLIENT_CLOSED: snprintf(out, size, "closed"); break;
	case CLIENT_BROKEN: snprintf(out, size, "no HTTP"); break;
	default: snprintf(out, size, "status %d", status);
	}
}

json_t *
tally_report(const struct tally *tally)
{
	json_t *errors = json_object();
	char name[32];

	for (size_t i = 0; i < TALLY_STATUSES && tally->statuses[i].count > 0; i++) {
		tally_name(tally->statuses[i].status, name, sizeof name);
		json_object_set_new(errors, name,
		                    json_integer((json_int_t)tally->statuses[i].count));
	}
	if (tally->open > 0)
		json_object_set_new(errors, "no answer", json_integer((json_int_t)tally->open));
	return json_pack("{s:I,s:I,s:I,s:I,s:o,s:o,s:o,s:o}", "sent", (json_int_t)tally->sent,
	                 "good", (json_int_t)tally->good.count, "ended", (json_int_t)tally->ended,
	                 "events", (json_int_t)tally->events, "errors", errors, "latency",
	                 tally_latency(&tally->good), "refused", tally_latency(&tally->refused),
	                 "first_event", tally_latency(&tally->first_event));
}
