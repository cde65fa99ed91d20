/* SPDX-License-Identifier: MIT
 * From text to intent by rules of keywords: whole words for English, pieces of the text without
 * its spaces for Korean, where spacing and endings vary. */
#include "services/voice/phrases.h"

#include <string.h>

#include "common/base/obj.h"

/* A rule holds when one alternative of each non-NULL `all` is found and none of `none`.
 * Alternatives are separated by '|', '*' ends a prefix. The first rule that holds wins. */
struct phrases_rule {
	enum phrase_intent intent;
	unsigned max_words; /* 0: any number */
	const char *all[3];
	const char *none;
};

#define PHRASES_ASK       "what|which|show|tell|list|read|give|any|anything|something|is|am|are|did|have"
#define PHRASES_NOT_STUDY "weather|news|wear|eat|buy|cook|watch|play|say"
#define PHRASES_DO        "study|studying|learn|learning|do|read|work"

static const struct phrases_rule phrases_english[] = {
    {PHRASE_REPEAT, 8, {"repeat|again|one more time|once more|what did you say|pardon"}, "studied"},
    {PHRASE_EXAM,
     0,
     {"exam|exams|test|tests|quiz|midterm|finals|days are left|days left|time is left|"
      "time do i have left",
      "when|how long|how many|how much|countdown|days|time left|date"},
     "finished|completed"},
    {PHRASE_PROGRESS,
     0,
     {"how am i doing|how is my|progress|streak|on track|how much have i|how long have i|"
      "how many hours|so far|statistics|what have i done|what did i do"},
     NULL},
    {PHRASE_LATE,
     0,
     {"late|overdue|behind|missed|miss|unfinished|backlog|forgot|not finish*", PHRASES_ASK "|i"},
     "how long until"},
    {PHRASE_NEXT,
     7,
     {"next|tomorrow|coming up|upcoming|after that|after this", PHRASES_ASK "|comes|up"},
     PHRASES_NOT_STUDY "|finished|completed"},
    {PHRASE_NEXT,
     0,
     {"next|tomorrow|coming up|upcoming|after that|after this", PHRASES_ASK,
      "study|learn|do|plan|schedule|task*|homework|chapter|lesson|unit"},
     PHRASES_NOT_STUDY "|finished|completed"},
    {PHRASE_DONE,
     0,
     {"finish|finished|complete|completed|done|tick off|check off|mark|studied|i did|read",
      "i|chapter|unit|lesson|part|section|day|mark|tick|check|everything|all"},
     "not|never|what|when|how|which|should|could|would|can|will|if|am i|want|read me|help|"
     "have i|did i|who|why|where"},
    {PHRASE_TODAY,
     0,
     {"today|now|tonight|this evening|this morning",
      PHRASES_DO "|studies|plan|schedule|task*|todo|agenda|homework|assignment*|due|goal|have to|"
                 "on today|up today|next"},
     PHRASES_NOT_STUDY "|not want|how are you"},
    {PHRASE_TODAY,
     0,
     {"what|which", "i|my|me", "study|learn|should|must|have to|need to|plan|schedule|task*"},
     "ask|say|help|eat|wear|buy|cook|watch|play|weather"},
    {PHRASE_TIRED,
     0,
     {"tired|bored|stressed|sleepy|exhausted|burned out|give up|giving up|encourage*|motivat*|"
      "cheer|too hard|too difficult|not want to study|not feel like|not concentrate|not focus|"
      "can not do this|overwhelmed|lazy|procrastinat*"},
     NULL},
    {PHRASE_HELP,
     8,
     {"help|what can i ask|what can i say|what can you do|how does this work|how do you work|"
      "commands|instructions"},
     NULL},
    {PHRASE_THANKS, 8, {"thank|thanks|thankyou|thx"}, NULL},
    {PHRASE_GREETING,
     5,
     {"hello|hi|hey|good morning|good afternoon|good evening|greetings|hallo"},
     NULL},
};

#define PHRASES_KO_WHAT "뭐|뭘|뭔|무엇|무슨|어떤|알려|보여|말해|있어|있나|있니|있습니까|있나요"
#define PHRASES_KO_PLAN "공부|할일|할것|할거|할게|계획|일정|해야|분량|목표|과제|숙제|차례"

static const struct phrases_rule phrases_korean[] = {
    {PHRASE_REPEAT,
     0,
     {"다시말|다시한번|한번더|뭐라고|반복해|못들었|다시들려|다시얘기|다시읽"},
     NULL},
    {PHRASE_EXAM,
     0,
     {"시험|고사|디데이|dday|수능|며칠|몇일|얼마나남|얼마남",
      "언제|며칠|몇일|얼마|남았|남은|디데이|dday|까지"},
     "끝냈|공부했"},
    {PHRASE_PROGRESS,
     0,
     {"진도|진행|진척|얼마나했|얼마나공부|잘하고있|연속|통계|성과|현황|공부시간|달성률|잘되고있"},
     NULL},
    {PHRASE_LATE,
     0,
     {"밀린|밀렸|늦은|늦었|놓친|놓쳤|빠뜨|뒤처|뒤쳐|연체|지난거|지난것|못한|못했|안한|안했|못끝|"
      "안끝|"
      "못마|안마쳤"},
     NULL},
    {PHRASE_NEXT,
     0,
     {"다음|내일|모레|이어서|그후",
      PHRASES_KO_WHAT "|" PHRASES_KO_PLAN "|다음은|내일은|순서|다음에|"
                      "다음거|다음것"},
     "날씨|뉴스|끝냈|다했|마쳤"},
    {PHRASE_DONE,
     0,
     {"끝냈|끝났|끝내|다했|마쳤|마침|완료|공부했|다풀었|다읽었|다봤|다들었|했어요|체크해|표시해"},
     "뭐|뭘|무엇|언제|얼마|어떻게|할까|면돼|면되|아직|끝내고싶|끝내야|몇"},
    {PHRASE_TODAY,
     0,
     {"오늘|지금|이제", PHRASES_KO_PLAN "|뭐|뭘|무엇|무슨|진도"},
     "날씨|뉴스|먹|하기싫|싫어"},
    {PHRASE_TODAY, 0, {"뭐|뭘|무엇|어떤", "공부|해야|할까"}, "먹|입|물어|도와"},
    {PHRASE_TODAY, 0, {"할일|공부계획|공부일정", "알려|보여|말해|뭐|은|줘"}, NULL},
    {PHRASE_TIRED,
     0,
     {"힘들|피곤|지쳤|지친|지쳐|졸려|졸리|하기싫|포기|어려워|어렵|귀찮|우울|응원|격려|동기|"
      "스트레스|"
      "못하겠|지겨|집중이안|집중안|의욕"},
     NULL},
    {PHRASE_HELP,
     0,
     {"도움|도와|뭘물어|뭐물어|뭘할수|뭐할수|무엇을할수|사용법|어떻게써|어떻게사용|기능|명령어"},
     NULL},
    {PHRASE_THANKS, 0, {"고마|감사|땡큐|고맙"}, NULL},
    {PHRASE_GREETING, 5, {"안녕|반가|좋은아침|하이|헬로"}, NULL},
};

const char *
phrases_intent_name(enum phrase_intent intent)
{
	static const char *const names[PHRASE_INTENT_COUNT] = {
	    [PHRASE_UNKNOWN] = "unknown", [PHRASE_TODAY] = "today",
	    [PHRASE_LATE] = "late",       [PHRASE_NEXT] = "next",
	    [PHRASE_DONE] = "done",       [PHRASE_PROGRESS] = "progress",
	    [PHRASE_EXAM] = "exam",       [PHRASE_TIRED] = "tired",
	    [PHRASE_REPEAT] = "repeat",   [PHRASE_HELP] = "help",
	    [PHRASE_THANKS] = "thanks",   [PHRASE_GREETING] = "greeting",
	};
	assert(intent < PHRASE_INTENT_COUNT);
	return names[intent];
}

/* Equal but for one letter that is wrong, missing, extra, or swapped with its neighbour. */
static bool
phrases_one_slip(const char *a, size_t a_length, const char *b, size_t b_length)
{
	size_t same = 0;

	if (a_length < b_length)
		return phrases_one_slip(b, b_length, a, a_length);
	while (same < b_length && a[same] == b[same])
		same++;
	if (a_length == b_length + 1)
		return memcmp(a + same + 1, b + same, b_length - same) == 0;
	if (a_length != b_length)
		return false;
	if (same + 1 >= a_length || memcmp(a + same + 1, b + same + 1, a_length - same - 1) == 0)
		return true;
	return a[same] == b[same + 1] && a[same + 1] == b[same] &&
	       memcmp(a + same + 2, b + same + 2, a_length - same - 2) == 0;
}

static bool
phrases_find_words(const char *said, const char *wanted, size_t length, bool slips)
{
	bool prefix = wanted[length - 1] == '*';
	bool one_word = memchr(wanted, ' ', length) == NULL;

	length -= prefix;
	for (const char *at = said; *at != '\0' && at[1] != '\0'; at += strcspn(at + 1, " ") + 1) {
		size_t word = strcspn(at + 1, " ");
		if (strncmp(at + 1, wanted, length) == 0 && (prefix || at[1 + length] == ' '))
			return true;
		/* In short words one letter makes another word. */
		if (slips && one_word && !prefix && length >= 5 && word >= 5 &&
		    phrases_one_slip(at + 1, word, wanted, length))
			return true;
	}
	return false;
}

/* Is the English alternative (a word, words, or a prefix with '*') in `said`? */
static bool
phrases_has_words(const char *said, const char *wanted, size_t length)
{
	return phrases_find_words(said, wanted, length, true);
}

/* The same to the letter, for what rules a meaning out: "world" is not "would". */
static bool
phrases_has_exactly(const char *said, const char *wanted, size_t length)
{
	return phrases_find_words(said, wanted, length, false);
}

static bool
phrases_has_piece(const char *compact, const char *wanted, size_t length)
{
	return memmem(compact, strlen(compact), wanted, length) != NULL;
}

typedef bool phrases_find_fn(const char *text, const char *wanted, size_t length);

static bool
phrases_any(const char *text, const char *alternatives, phrases_find_fn *find)
{
	for (const char *at = alternatives; *at != '\0';) {
		size_t length = strcspn(at, "|");
		if (find(text, at, length))
			return true;
		at += length + (at[length] == '|');
	}
	return false;
}

static enum phrase_intent
phrases_apply(const struct phrases_rule *rules, size_t count, const char *text, unsigned words,
              phrases_find_fn *find, phrases_find_fn *find_exactly)
{
	for (size_t i = 0; i < count; i++) {
		const struct phrases_rule *rule = &rules[i];
		bool holds = rule->max_words == 0 || words <= rule->max_words;
		for (size_t k = 0; holds && k < COUNT_OF(rule->all); k++)
			holds = rule->all[k] == NULL || phrases_any(text, rule->all[k], find);
		if (holds && rule->none != NULL)
			holds = !phrases_any(text, rule->none, find_exactly);
		if (holds)
			return rule->intent;
	}
	return PHRASE_UNKNOWN;
}

void
phrases_match(const char *text, struct phrase_match *match)
{
	char compact[PHRASE_SAID_MAX];
	size_t length = 0;
	unsigned words = 0;

	phrases_normalize(text, match->said);
	match->number = phrases_number(match->said);
	for (const char *at = match->said; *at != '\0'; at++) {
		if (*at != ' ')
			compact[length++] = *at;
		else
			words++;
	}
	compact[length] = '\0';
	words -= words > 0;
	match->intent = phrases_apply(phrases_english, COUNT_OF(phrases_english), match->said,
	                              words, phrases_has_words, phrases_has_exactly);
	if (match->intent == PHRASE_UNKNOWN)
		match->intent = phrases_apply(phrases_korean, COUNT_OF(phrases_korean), compact,
		                              words, phrases_has_piece, phrases_has_piece);
}

/* Words of titles that name no topic: "Review: waves" is about waves. */
static bool
phrases_is_kind(const char *word, size_t length)
{
	static const char *const kinds = "review|test|study|practice|quiz|read|the|of|and|chapter|"
	                                 "unit|lesson|part|section|day|week|복습|시험|테스트|"
	                                 "학습|공부|정리|총정리|점검|퀴즈";
	for (const char *at = kinds; *at != '\0';) {
		size_t kind = strcspn(at, "|");
		if (kind == length && memcmp(at, word, length) == 0)
			return true;
		at += kind + (at[kind] == '|');
	}
	return false;
}

bool
phrases_names(const struct phrase_match *match, const char *title)
{
	char said[PHRASE_SAID_MAX], compact[PHRASE_SAID_MAX];
	size_t telling = 0, found = 0, used = 0;

	phrases_normalize(title, said);
	if (match->number > 0)
		return phrases_number(said) == match->number;
	for (const char *at = match->said; *at != '\0'; at++) {
		if (*at != ' ')
			compact[used++] = *at;
	}
	compact[used] = '\0';
	for (const char *at = said; *at != '\0';) {
		at += strspn(at, " ");
		size_t length = strcspn(at, " ");
		/* At least two letters of Hangul (three bytes each), or three of Latin. */
		size_t enough = (unsigned char)*at >= 0x80 ? 6 : 3;
		if (length >= enough && !phrases_is_kind(at, length)) {
			telling++;
			if ((unsigned char)*at >= 0x80 ? phrases_has_piece(compact, at, length)
			                               : phrases_has_words(match->said, at, length))
				found++;
		}
		at += length;
	}
	return telling > 0 && found * 2 > telling;
}
