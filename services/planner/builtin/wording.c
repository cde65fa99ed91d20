/* SPDX-License-Identifier: MIT
 * Titles and warnings in the learner's language. */
#include "services/planner/builtin/wording.h"

#include <assert.h>
#include <string.h>

#include "common/base/arena.h"
#include "common/base/obj.h"
#include "common/base/text.h"
#include "services/planner/builtin/series.h"

#define WORDING_STAGES 6

/* With k stages a topic goes through the first row's k names; with more, a name may have
 * several stages, which are numbered. */
static const char *const wording_stage_names[2][WORDING_STAGES] = {
    [PLAN_KO] = {"개념", "예제", "연습", "응용", "종합 문제", "심화"},
    [PLAN_EN] = {"concepts", "examples", "practice", "application", "mixed problems", "deepening"},
};
static const unsigned char wording_stage_choice[WORDING_STAGES + 1][WORDING_STAGES] = {
    [1] = {0},          [2] = {0, 2},          [3] = {0, 2, 3},
    [4] = {0, 1, 2, 3}, [5] = {0, 1, 2, 3, 4}, [6] = {0, 1, 2, 3, 4, 5},
};

static char *
wording_stage(struct arena *arena, enum plan_locale locale, int stage, int stages)
{
	if (stages <= WORDING_STAGES)
		return arena_strdup(
		    arena, wording_stage_names[locale][wording_stage_choice[stages][stage]]);

	int name = stage * WORDING_STAGES / stages;
	int first = (name * stages + WORDING_STAGES - 1) / WORDING_STAGES;
	int end = ((name + 1) * stages + WORDING_STAGES - 1) / WORDING_STAGES;

	if (end - first == 1)
		return arena_strdup(arena, wording_stage_names[locale][name]);
	return arena_printf(arena, "%s %d", wording_stage_names[locale][name], stage - first + 1);
}

static char *
wording_names(struct arena *arena, enum plan_locale locale, const struct wording_subject *subject,
              size_t limit)
{
	return series_join(arena, subject->topics, (size_t)subject->first_topic,
	                   (size_t)subject->topic_count, locale, limit);
}

/* `before`, the names, `behind`: the names give way when it gets too long. */
static char *
wording_around(struct arena *arena, enum plan_locale locale, const struct wording_subject *subject,
               const char *before, const char *behind)
{
	size_t around = text_length(before) + text_length(behind);
	char *names = wording_names(arena, locale, subject, PLAN_MAX_TEXT - around);
	char *title = names == NULL ? NULL : arena_printf(arena, "%s%s%s", before, names, behind);

	return title == NULL ? NULL : series_clip(arena, title, PLAN_MAX_TEXT);
}

char *
wording_study(struct arena *arena, enum plan_locale locale, const struct wording_subject *subject,
              int session, int sessions)
{
	const char *lead = locale == PLAN_KO ? "" : "Study: ";
	char *behind = arena_strdup(arena, locale == PLAN_KO ? " 학습" : "");

	if (behind != NULL && subject->stages > 1) {
		char *stage = wording_stage(arena, locale, subject->stage, subject->stages);

		if (stage == NULL)
			return NULL;
		behind =
		    arena_printf(arena, locale == PLAN_KO ? "%s: %s" : "%s – %s", behind, stage);
	}
	if (behind != NULL && sessions > 1)
		behind = arena_printf(arena, "%s (%d/%d)", behind, session, sessions);
	return behind == NULL ? NULL : wording_around(arena, locale, subject, lead, behind);
}

char *
wording_review(struct arena *arena, enum plan_locale locale, const struct wording_subject *subject)
{
	const char *behind = "";

	if (subject->stages > 1) {
		char *stage = wording_stage(arena, locale, subject->stage, subject->stages);

		behind = stage == NULL
		             ? NULL
		             : arena_printf(arena, locale == PLAN_KO ? " (%s)" : " – %s", stage);
	}
	if (behind == NULL)
		return NULL;
	return wording_around(arena, locale, subject,
	                      locale == PLAN_KO ? "복습: " : "Review: ", behind);
}

/* "" where it is up to the topic's end. NULL without memory. */
static const char *
wording_up_to(struct arena *arena, enum plan_locale locale, const struct wording_subject *subject)
{
	if (subject->stage == subject->stages - 1)
		return "";
	char *stage = wording_stage(arena, locale, subject->stage, subject->stages);

	return stage == NULL
	           ? NULL
	           : arena_printf(arena, locale == PLAN_KO ? " (%s까지)" : " (up to %s)", stage);
}

char *
wording_part_test(struct arena *arena, enum plan_locale locale,
                  const struct wording_subject *subject)
{
	const char *behind = wording_up_to(arena, locale, subject);

	if (behind == NULL)
		return NULL;
	return wording_around(arena, locale, subject,
	                      locale == PLAN_KO ? "단원 평가: " : "Test: ", behind);
}

char *
wording_recap(struct arena *arena, enum plan_locale locale, const struct wording_subject *subject)
{
	const char *behind = wording_up_to(arena, locale, subject);

	if (behind == NULL)
		return NULL;
	return wording_around(arena, locale, subject,
	                      locale == PLAN_KO ? "총복습: " : "Final review: ", behind);
}

static const char *
wording_mock_name(enum plan_locale locale, bool has_exam)
{
	if (locale == PLAN_KO)
		return has_exam ? "모의고사" : "종합 평가";
	return has_exam ? "Mock exam" : "Final test";
}

char *
wording_mock(struct arena *arena, enum plan_locale locale, bool has_exam, int number, int mocks)
{
	const char *name = wording_mock_name(locale, has_exam);

	if (mocks < 2)
		return arena_printf(arena, locale == PLAN_KO ? "%s (전 범위)" : "%s: everything",
		                    name);
	return arena_printf(arena, locale == PLAN_KO ? "%s %d회 (전 범위)" : "%s %d: everything",
	                    name, number);
}

char *
wording_mistakes(struct arena *arena, enum plan_locale locale, bool has_exam, int number, int mocks)
{
	const char *name = wording_mock_name(locale, has_exam);

	if (locale == PLAN_KO)
		return mocks < 2 ? arena_printf(arena, "오답 정리: %s", name)
		                 : arena_printf(arena, "오답 정리: %s %d회", name, number);
	return mocks < 2 ? arena_printf(arena, "Go over mistakes: %s", name)
	                 : arena_printf(arena, "Go over mistakes: %s %d", name, number);
}

char *
wording_last_look(struct arena *arena, enum plan_locale locale, bool has_exam)
{
	if (locale == PLAN_KO)
		return arena_strdup(arena, has_exam ? "시험 전 최종 점검" : "마무리 정리");
	return arena_strdup(arena, has_exam ? "Last check before the exam" : "Wrap-up: key points");
}

/* %d is where the number goes. */
static const struct wording_text {
	const char *code;
	const char *text[2];
} wording_texts[] = {
    {"fewer_reviews",
     {[PLAN_KO] = "시간이 넉넉하지 않아 복습 횟수를 줄였습니다.",
      [PLAN_EN] = "There is little time, so topics are reviewed less often than recommended."}},
    {"reduced_depth",
     {[PLAN_KO] = "시간이 부족해 주제마다 공부하는 시간을 약 %d분으로 줄였습니다.",
      [PLAN_EN] = "There is too little time, so each topic gets only about %d min."}},
    {"topics_combined",
     {[PLAN_KO] = "모든 주제를 다루기 위해 한 항목에 주제를 최대 %d개씩 묶었습니다.",
      [PLAN_EN] = "To cover everything, up to %d topics share one item."}},
    {"no_test",
     {[PLAN_KO] = "시간이 부족해 평가를 넣지 못했습니다.",
      [PLAN_EN] = "There is no time for a test."}},
    {"unused_days",
     {[PLAN_KO] =
          "계획이 끝난 뒤 시험까지 %d일이 비어 있습니다. 종료일을 늦추면 그날들도 쓸 수 있습니다.",
      [PLAN_EN] =
          "%d days between the end of this plan and the exam are not used; a later end date "
          "would use them."}},
    {"does_not_fit",
     {[PLAN_KO] = "남은 날에 넣을 수 없는 항목 %d개는 원래 날짜에 그대로 두었습니다.",
      [PLAN_EN] = "%d missed items do not fit in the days left and keep their dates."}},
    {"no_day_left",
     {[PLAN_KO] = "남은 학습일이 없어 놓친 항목 %d개를 옮기지 못했습니다.",
      [PLAN_EN] = "No study day is left, so %d missed items could not be moved."}},
    {"reviews_left_out",
     {[PLAN_KO] = "남은 시간이 부족해 복습 %d개를 뺐습니다. 새 내용과 평가를 먼저 넣었습니다.",
      [PLAN_EN] =
          "There is too little time left, so the plan now has %d fewer reviews; new material "
          "and tests go first."}},
    {"shortened",
     {[PLAN_KO] = "놓친 항목을 넣기 위해 항목 %d개의 시간을 줄였습니다.",
      [PLAN_EN] = "%d items were shortened to make room for what was missed."}},
};

char *
wording_warning(struct arena *arena, enum plan_locale locale, const char *code, int value)
{
	for (size_t i = 0; i < COUNT_OF(wording_texts); i++) {
		if (strcmp(wording_texts[i].code, code) != 0)
			continue;
		const char *text = wording_texts[i].text[locale];
		const char *gap = strstr(text, "%d");

		if (gap == NULL)
			return arena_strdup(arena, text);
		return arena_printf(arena, "%.*s%d%s", (int)(gap - text), text, value, gap + 2);
	}
	assert(!"a warning code without words");
	return NULL;
}
