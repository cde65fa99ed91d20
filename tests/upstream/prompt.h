/* SPDX-License-Identifier: MIT
 *
 * Finds in a chat what the stand-in's model reacts to. Pure.
 */
#ifndef STUDYHALL_TESTS_UPSTREAM_PROMPT_H
#define STUDYHALL_TESTS_UPSTREAM_PROMPT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

/* The first JSON object within `text` that plan_text_wanted() likes; NULL: none. json_decref(). */
json_t *prompt_plan_request(const char *text, size_t length);
/* Any Hangul in it? */
bool prompt_korean(const char *text);
/* A short answer of a tutor in the language of `text`; static. */
const char *prompt_tutor_reply(const char *text);

#endif
