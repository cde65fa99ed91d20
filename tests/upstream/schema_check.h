/* SPDX-License-Identifier: MIT
 *
 * Refuses requests that the real providers would refuse, so that a product that passes against the
 * stand-in has a chance with them: unknown members, schemas beyond what each supports. Pure.
 */
#ifndef STUDYHALL_TESTS_UPSTREAM_SCHEMA_CHECK_H
#define STUDYHALL_TESTS_UPSTREAM_SCHEMA_CHECK_H

#include <jansson.h>

/* NULL, or what is wrong (in a buffer of the thread's). `config` may be NULL. */
const char *schema_check_gemini(const json_t *body, const json_t *config);
const char *schema_check_openai(const json_t *body);

#endif
