/* SPDX-License-Identifier: MIT
 * Reads topics and subject out of a goal in the learner's own words, by fixed rules. */
#include "services/planner/builtin/goal.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "common/base/arena.h"
#include "common/base/obj.h"
#include "services/planner/builtin/goal_parts.h"
#include "services/planner/builtin/series.h"

#define GOAL_SUBJECT_LENGTH 60 /* code points */
#define GOAL_PHASES         4

/* Subjects and exams that are found by name; longer names first where one holds another. */
static const char *const goal_subjects[] = {
    "linear algebra",
    "computer science",
    "data structures",
    "world history",
    "mathematics",
    "statistics",
    "calculus",
    "geometry",
    "algebra",
    "physics",
    "chemistry",
    "biology",
    "geography",
    "history",
    "economics",
    "philosophy",
    "psychology",
    "accounting",
    "programming",
    "literature",
    "english",
    "korean",
    "japanese",
    "chinese",
    "spanish",
    "french",
    "german",
    "maths",
    "math",
    "science",
    "music",
    "python",
    "javascript",
    "java",
    "toeic",
    "toefl",
    "ielts",
    "topik",
    "jlpt",
    "gre",
    "sat",
    "c++",
    "sql",
    "정보처리기사",
    "컴퓨터활용능력",
    "한국사능력검정",
    "자료구조",
    "선형대수",
    "미적분학",
    "확률과 통계",
    "한국사",
    "세계사",
    "생명과학",
    "지구과학",
    "컴활",
    "한능검",
    "토익스피킹",
    "토익",
    "토플",
    "텝스",
    "오픽",
    "아이엘츠",
    "수학",
    "영어",
    "국어",
    "과학",
    "물리학",
    "물리",
    "화학",
    "생물",
    "역사",
    "지리",
    "경제학",
    "경제",
    "사회",
    "윤리",
    "한문",
    "일본어",
    "중국어",
    "프랑스어",
    "독일어",
    "스페인어",
    "한국어",
    "통계학",
    "통계",
    "파이썬",
    "자바",
    "코딩",
    "회계",
    "심리학",
    "철학",
    "법학",
    "행정학",
    "미적분",
    "기하",
    "대수",
};

enum plan_locale
goal_language(const char *text)
{
	const unsigned char *at = (const unsigned char *)text;

	for (; *at != '\0'; at++) {
		unsigned code;

		if ((*at & 0xf0) != 0xe0 || at[1] == '\0' || at[2] == '\0')
			continue;
		code = (unsigned)(at[0] & 15) << 12 | (unsigned)(at[1] & 63) << 6 | (at[2] & 63);
		if ((code >= 0xac00 && code <= 0xd7a3) || (code >= 0x1100 && code <= 0x11ff) ||
		    (code >= 0x3131 && code <= 0x318e))
			return PLAN_KO;
	}
	return PLAN_EN;
}

void
goal_add(struct goal_found *found, const char *name, size_t length)
{
	struct goal_slice slice = goal_trim((struct goal_slice){name, length});
	char *copy;

	if (slice.length == 0 || found->count == PLAN_MAX_TOPICS || found->failed)
		return;
	copy = arena_strndup(found->arena, slice.at, slice.length);
	if (copy != NULL)
		copy = series_clip(found->arena, copy, PLAN_MAX_TEXT);
	if (copy == NULL) {
		found->failed = true;
		return;
	}
	for (size_t i = 0; copy[i] != '\0'; i++)
		if (iscntrl((unsigned char)copy[i]))
			copy[i] = ' ';
	for (size_t i = 0; i < found->count; i++)
		if (strcasecmp(found->topic[i], copy) == 0)
			return;
	found->topic[found->count++] = copy;
}

static void
goal_entry_cb(void *arg, struct goal_slice entry, bool listed)
{
	struct goal_found *found = arg;

	if (goal_add_numbered(found, goal_trim(entry)))
		return;
	if (!listed)
		entry = goal_bare_name(entry);
	goal_add(found, entry.at, entry.length);
}

/* Where a listed subject is in the text; letters before or behind make another word of an English
 * one ("satellite"). */
static const char *
goal_find_subject(const char *goal, const char *subject)
{
	struct goal_slice whole = {goal, strlen(goal)};
	bool ascii = isalpha((unsigned char)*subject);
	size_t length = strlen(subject);

	for (;;) {
		long offset = goal_find(whole, subject);

		if (offset < 0)
			return NULL;
		const char *at = whole.at + offset;
		bool inside = (at > goal && isalnum((unsigned char)at[-1])) ||
		              isalnum((unsigned char)at[length]);

		if (!ascii || !inside)
			return at;
		whole.at = at + 1;
		whole.length = strlen(whole.at);
	}
}

static void
goal_count_cb(void *arg, struct goal_slice entry, bool listed)
{
	(void)entry;
	(void)listed;
	++*(int *)arg;
}

/* The name that a goal without a list is about; empty if it has a list, or numbers of chapters. */
static struct goal_slice
goal_only_entry(const char *goal)
{
	struct goal_slice name = goal_bare_name((struct goal_slice){goal, strlen(goal)});
	int entries = 0;

	goal_split(goal, goal_count_cb, &entries);
	if (entries > 1 || memchr(name.at, '\n', name.length) != NULL ||
	    strcspn(name.at, "0123456789") < name.length)
		name.length = 0;
	return name;
}

char *
goal_subject(struct arena *arena, const char *goal)
{
	const char *first = NULL;
	size_t length = 0;

	if (goal == NULL)
		return arena_strdup(arena, "");
	for (size_t i = 0; i < COUNT_OF(goal_subjects); i++) {
		const char *at = goal_find_subject(goal, goal_subjects[i]);

		if (at != NULL && (first == NULL || at < first)) {
			first = at;
			length = strlen(goal_subjects[i]);
		}
	}
	if (first == NULL) {
		struct goal_slice name = goal_bare_name(goal_introduction(goal));

		if (name.length == 0)
			name = goal_only_entry(goal);
		first = name.at;
		length = name.length;
	}
	char *subject = arena_strndup(arena, first, length);

	return subject == NULL ? NULL : series_clip(arena, subject, GOAL_SUBJECT_LENGTH);
}

/* A goal without a list: what one does with any subject, one after the other. */
static enum status
goal_phases(struct arena *arena, const char *goal, const char *name, enum plan_locale locale,
            struct goal_found *found)
{
	static const char *const phases[2][GOAL_PHASES] = {
	    [PLAN_KO] = {"기초 다지기", "핵심 개념", "문제 연습", "실전 응용"},
	    [PLAN_EN] = {"Foundations", "Core concepts", "Practice", "Application"},
	};
	char *subject = name != NULL ? series_clip(arena, name, GOAL_SUBJECT_LENGTH)
	                             : goal_subject(arena, goal);

	if (subject == NULL)
		return STATUS_OVERLOADED;
	found->count = 0;
	for (int i = 0; i < GOAL_PHASES; i++) {
		const char *phase = phases[locale][i];
		char *topic = arena_strdup(arena, phase);

		if (*subject != '\0')
			topic = locale == PLAN_KO
			            ? arena_printf(arena, "%s %s", subject, phase)
			            : arena_printf(arena, "%s: %c%s", subject,
			                           tolower((unsigned char)*phase), phase + 1);
		if (topic == NULL)
			return STATUS_OVERLOADED;
		goal_add(found, topic, strlen(topic));
	}
	return found->failed ? STATUS_OVERLOADED : STATUS_OK;
}

/* Takes away the numbered topics that are to be skipped, unless that is all of them. */
static void
goal_skip(struct goal_found *found, const bool skipped[GOAL_MOST_SKIPPED])
{
	size_t kept = 0;

	for (size_t i = 0; i < found->count; i++) {
		struct series_name name;

		if (!series_parse(found->topic[i], &name) || name.number >= GOAL_MOST_SKIPPED ||
		    !skipped[name.number])
			found->topic[kept++] = found->topic[i];
	}
	if (kept > 0)
		found->count = kept;
}

enum status
goal_topics(struct arena *arena, const char *goal, enum plan_locale locale, struct goal_topics *out)
{
	struct goal_found *found = arena_alloc(arena, sizeof(*found));
	bool skipped[GOAL_MOST_SKIPPED] = {false};
	enum status status = STATUS_OK;

	if (found == NULL)
		return STATUS_OVERLOADED;
	if (goal != NULL) {
		goal = goal_plain(arena, goal, skipped);
		if (goal == NULL)
			return STATUS_OVERLOADED;
	}
	found->arena = arena;
	if (goal != NULL)
		goal_split(goal, goal_entry_cb, found);
	if (found->clash) {
		*found = (struct goal_found){.arena = arena, .led = true};
		goal_split(goal, goal_entry_cb, found);
	}
	if (found->failed)
		return STATUS_OVERLOADED;
	if (found->numbered)
		goal_skip(found, skipped);
	if (found->count < 2 && !found->numbered)
		status = goal_phases(arena, goal, found->count == 1 ? found->topic[0] : NULL,
		                     locale, found);
	out->topic = found->topic;
	out->count = found->count;
	return status;
}
