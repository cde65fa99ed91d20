/* SPDX-License-Identifier: MIT
 * The study days of a span: before the exam, without the resting weekdays. */
#include "services/planner/builtin/study_days.h"

#include "common/base/date.h"

void
study_days_of(const struct study_span *span, struct study_days *out)
{
	int32_t last = span->last_day;

	if (span->has_exam && span->exam_day <= last)
		last = span->exam_day - 1;
	out->count = 0;
	for (int32_t day = span->first_day; day <= last && out->count < PLAN_MAX_DAYS; day++)
		if (!(span->rest_days & PLAN_REST_DAY(date_weekday(day))))
			out->day[out->count++] = day;
}

int
study_days_from(const struct study_days *days, int32_t day)
{
	int low = 0;
	int high = days->count;

	while (low < high) {
		int middle = (low + high) / 2;

		if (days->day[middle] < day)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}
