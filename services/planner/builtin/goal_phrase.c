/* SPDX-License-Identifier: MIT
 * Strips an entry of a goal down to the name of a topic, by the phrases people use. */
#include "services/planner/builtin/goal_parts.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "common/base/obj.h"

#define GOAL_MOST_WORDS 12 /* more is a sentence, not a name */

static const char *const goal_openings[] = {
    "i want to ",
    "i'd like to ",
    "i would like to ",
    "i need to ",
    "i have to ",
    "i must ",
    "i will ",
    "i am going to ",
    "i'm studying ",
    "i am studying ",
    "i'm learning ",
    "i am learning ",
    "i'm preparing for ",
    "i am preparing for ",
    "we want to ",
    "we need to ",
    "my goal is to ",
    "my goal is ",
    "help me ",
    "please ",
    "to ",
    "get ready for ",
    "get better at ",
    "be good at ",
    "learning ",
    "learn ",
    "studying ",
    "study plan for ",
    "study for ",
    "study ",
    "mastering ",
    "master ",
    "reviewing ",
    "review ",
    "revise ",
    "preparing for ",
    "prepare for ",
    "prepare ",
    "passing ",
    "pass ",
    "ace ",
    "finishing ",
    "finish ",
    "complete ",
    "cover ",
    "understand ",
    "improve ",
    "make a plan for ",
    "make a study plan for ",
    "a plan for ",
    "plan for ",
    "then ",
    "and ",
    "also ",
    "finally ",
    "first ",
    "next ",
    "my ",
    "the ",
    "all of ",
    "all ",
    "including ",
    "such as ",
    "especially ",
    "how to ",
};
static const char *const goal_closings[] = {
    " by ",         " within ",  " before ",  " until ", " for my ",   " for the ",
    " for an ",     " so that ", " because ", " this ",  " next ",     " over the ",
    " during ",     " every ",   " per ",     " each ",  " on my own", " from scratch",
    " as soon as ", " in time",  " please",   " well",
};
static const char *const goal_sentences[] = {
    "i ",       "i'",       "we ",      "you ",    "it ",     "he ",     "she ",   "they ",
    "there ",   "this ",    "in ",      "within ", "by ",     "before ", "until ", "for ",
    "every ",   "each ",    "from ",    "on ",     "during ", "about ",  "per ",   "with ",
    "at ",      "after ",   "because ", "so ",     "but ",    "if ",     "when ",  "starting ",
    "exam on ", "exam in ", "exam is ", "매일",    "하루",    "매주",    "주말",   "평일",
};
static const char *const goal_sentence_ends[] = {
    "어요", "아요", "해요",   "예요", "세요", "네요", "지요", "니다", "한다", "싶다", "된다",
    "했다", "해줘", "주세요", "려고", "시간", "동안", "까지", "이내", "안에", "전에", "싶음",
};
static const char *const goal_lead_ins[] = {"동안 ", "까지 ", "안에 ",   "위해 ", "위해서 ",
                                            "위한 ", "대비 ", "준비로 ", "에서 ", "만에 "};
static const char *const goal_activities[] = {
    " 공부하기", " 공부",   " 학습", " 마스터하기", " 마스터",    " 정복하기",
    " 정복",     " 끝내기", " 완성", " 배우기",     " 시험 준비", " 시험 대비",
    " 준비",     " 대비",   " 복습", " 계획",       " 익히기",    " 합격하기",
    " 합격",     " 취득",   " 따기", " 풀기",
};
/* Alone they say what it is for, not what is studied. */
static const char *const goal_occasions[] = {
    "exam",       "exams",        "test",  "midterm", "midterms",   "final",      "finals",
    "final exam", "midterm exam", "study", "plan",    "study plan", "everything", "시험",
    "중간고사",   "기말고사",     "공부",  "학습",    "계획",
};
static const char *const goal_time_words[] = {"hour", "minute", " min", "day",
                                              "week", "month",  "year"};
static const char *const goal_amounts[] = {
    "an ",     "half an ", "one ",   "two ",        "three ", "four ",   "five ",
    "six ",    "seven ",   "eight ", "nine ",       "ten ",   "twelve ", "fifteen ",
    "twenty ", "thirty ",  "forty ", "forty-five ", "sixty ", "ninety ",
};

static bool
goal_cut_openings(struct goal_slice *entry)
{
	for (size_t i = 0; i < COUNT_OF(goal_openings); i++)
		if (goal_starts(*entry, goal_openings[i])) {
			size_t length = strlen(goal_openings[i]);

			*entry = goal_trim(
			    (struct goal_slice){entry->at + length, entry->length - length});
			return true;
		}
	return false;
}

/* Leaves `least` bytes at least. */
static void
goal_cut_closings(struct goal_slice *entry, size_t least)
{
	for (size_t i = 0; i < COUNT_OF(goal_closings); i++) {
		long at = goal_find(*entry, goal_closings[i]);

		if (at >= (long)least)
			entry->length = (size_t)at;
	}
	for (size_t at = least; at + 4 < entry->length; at++)
		if (strncasecmp(entry->at + at, " in ", 4) == 0 &&
		    (isdigit((unsigned char)entry->at[at + 4]) ||
		     strncasecmp(entry->at + at + 4, "a ", 2) == 0))
			entry->length = at;
}

/* Offset of the first object particle that fits its syllable, or the length. */
static size_t
goal_object(struct goal_slice entry)
{
	for (size_t at = 3; at + 3 <= entry.length; at++) {
		const char *here = entry.at + at;
		bool last = at + 3 == entry.length || here[3] == ' ';
		bool hangul;
		bool consonant = goal_final_consonant(entry.at, here, &hangul);

		if (!last || (strncmp(here, "을", 3) != 0 && strncmp(here, "를", 3) != 0))
			continue;
		if (!hangul || consonant == (strncmp(here, "을", 3) == 0))
			return at;
	}
	return entry.length;
}

/* "6주 동안 대수를 끝내기": what comes before tells when or for what, the object is the topic. In
 * "기말고사를 위해 물리" the object belongs to the occasion. */
static void
goal_cut_lead_ins(struct goal_slice *entry)
{
	for (size_t i = 0; i < COUNT_OF(goal_lead_ins); i++) {
		long at = goal_find(*entry, goal_lead_ins[i]);
		size_t length = strlen(goal_lead_ins[i]);
		size_t object = goal_object(*entry);

		if (at <= 0 || (size_t)at + length >= entry->length)
			continue;
		if (object + 4 < (size_t)at)
			continue;
		entry->at += (size_t)at + length;
		entry->length -= (size_t)at + length;
	}
}

static void
goal_cut_korean(struct goal_slice *entry)
{
	bool again = true;

	goal_cut_lead_ins(entry);
	entry->length = goal_object(*entry);
	while (again) {
		again = false;
		for (size_t i = 0; i < COUNT_OF(goal_activities); i++)
			if (goal_ends(*entry, goal_activities[i])) {
				entry->length -= strlen(goal_activities[i]);
				again = true;
			}
	}
}

/* "two hours a day", but not "Two Years Before the Mast". */
static bool
goal_is_spelled_time(struct goal_slice entry)
{
	for (size_t i = 0; i < COUNT_OF(goal_amounts); i++) {
		size_t amount = strlen(goal_amounts[i]);

		if (!goal_starts(entry, goal_amounts[i]))
			continue;
		for (size_t k = 0; k < COUNT_OF(goal_time_words); k++) {
			size_t length = strlen(goal_time_words[k]);

			if (entry.length >= amount + length &&
			    memcmp(entry.at + amount, goal_time_words[k], length) == 0)
				return true;
		}
	}
	return false;
}

static bool
goal_is_sentence(struct goal_slice entry)
{
	size_t words = 1;
	bool letter = false;

	for (size_t i = 0; i < COUNT_OF(goal_sentences); i++)
		if (goal_starts(entry, goal_sentences[i]))
			return true;
	for (size_t i = 0; i < COUNT_OF(goal_sentence_ends); i++)
		if (goal_ends(entry, goal_sentence_ends[i]))
			return true;
	for (size_t i = 0; i < COUNT_OF(goal_occasions); i++)
		if (entry.length == strlen(goal_occasions[i]) &&
		    goal_starts(entry, goal_occasions[i]))
			return true;
	for (size_t at = 0; at < entry.length; at++) {
		unsigned char c = (unsigned char)entry.at[at];

		words += c == ' ';
		letter = letter || c >= 0x80 || isalpha(c);
	}
	for (size_t i = 0; isdigit((unsigned char)*entry.at) && i < COUNT_OF(goal_time_words); i++)
		if (goal_find(entry, goal_time_words[i]) > 0)
			return true;
	return !letter || words > GOAL_MOST_WORDS || goal_is_spelled_time(entry);
}

/* `Read "War and Peace" by June`: what is quoted at the start or end is the name. */
static bool
goal_quoted(struct goal_slice *entry)
{
	const char *at = entry->at, *end = at + entry->length, *close = NULL;
	size_t length = 0;

	while (at < end && (length = goal_quote(entry->at, at, &close)) == 0)
		at++;
	if (length == 0 || close == NULL || close >= end)
		return false;
	struct goal_slice name = {at + length, (size_t)(close - at) - length};
	struct goal_slice before = {entry->at, (size_t)(at - entry->at)};
	struct goal_slice behind = {close + length, (size_t)(end - close) - length};

	goal_cut_closings(&behind, 0);
	if (goal_trim(before).length > 0 && goal_trim(behind).length > 0)
		return false;
	*entry = goal_trim(name);
	return entry->length > 0;
}

struct goal_slice
goal_bare_name(struct goal_slice entry)
{
	struct goal_slice none = {entry.at, 0};

	if (goal_quoted(&entry))
		return entry;
	entry = goal_trim(entry);
	while (goal_cut_openings(&entry))
		continue;
	goal_cut_closings(&entry, 1);
	goal_cut_korean(&entry);
	entry = goal_trim(entry);
	return entry.length == 0 || goal_is_sentence(entry) ? none : entry;
}
