/* SPDX-License-Identifier: MIT
 * Looks for the learner's request, as JSON within prose; and a tutor's few words for all else. */
#include "tests/upstream/prompt.h"

#include "common/base/json.h"
#include "tests/upstream/plan_text.h"

#include <stdint.h>
#include <string.h>

#define PROMPT_TRIES 256

/* Behind the bracket that closes the one at `at`; 0 if there is none. */
static size_t
prompt_object_end(const char *text, size_t length, size_t at)
{
	size_t depth = 0;
	bool quoted = false;

	for (; at < length; at++) {
		if (quoted && text[at] == '\\')
			at++;
		else if (text[at] == '"')
			quoted = !quoted;
		else if (!quoted && text[at] == '{')
			depth++;
		else if (!quoted && text[at] == '}' && --depth == 0)
			return at + 1;
	}
	return 0;
}

json_t *
prompt_plan_request(const char *text, size_t length)
{
	const char *open = memchr(text, '{', length);
	char error[128];

	for (int tries = 0; open != NULL && tries < PROMPT_TRIES; tries++) {
		size_t at = (size_t)(open - text), end = prompt_object_end(text, length, at);
		json_t *object = end > 0 ? json_parse(open, end - at, error, sizeof error) : NULL;

		if (object != NULL && plan_text_wanted(object))
			return object;
		json_decref(object);
		open = memchr(open + 1, '{', length - at - 1);
	}
	return NULL;
}

/* Hangul syllables are U+AC00..U+D7A3: EA B0 80 to ED 9E A3 in UTF-8. */
bool
prompt_korean(const char *text)
{
	for (const unsigned char *at = (const unsigned char *)text; *at != '\0'; at++) {
		if ((at[0] == 0xea && at[1] >= 0xb0) || at[0] == 0xeb || at[0] == 0xec ||
		    (at[0] == 0xed && at[1] != 0 && at[1] <= 0x9e))
			return true;
	}
	return false;
}

const char *
prompt_tutor_reply(const char *text)
{
	static const char *const replies[2][3] = {
	    {"Let us take one topic and give it twenty-five minutes without distractions.",
	     "Good question. Explain the idea in your own words first, then try one exercise.",
	     "Start with what was hard last time, and end with something you already know."},
	    {"한 가지 주제를 골라서 25분 동안 집중해 볼까요?",
	     "좋은 질문이에요. 먼저 자신의 말로 설명해 보고 문제를 하나 풀어 보세요.",
	     "지난번에 어려웠던 것부터 시작하고, 잘 아는 것으로 마무리해 보세요."}};
	uint32_t hash = 0;

	for (const char *at = text; *at != '\0'; at++)
		hash = hash * 31 + (unsigned char)*at;
	return replies[prompt_korean(text)][hash % 3];
}
