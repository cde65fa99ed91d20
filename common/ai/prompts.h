/* SPDX-License-Identifier: MIT
 *
 * What an AI is told, from files that a person may edit: DIR/ko/NAME and DIR/en/NAME.
 */
#ifndef STUDYHALL_AI_PROMPTS_H
#define STUDYHALL_AI_PROMPTS_H

#include <stddef.h>

struct prompts;

/* Reads both files of `name` ("plan.txt"); a file that `dir` lacks, and with NULL both, are those
 * that come with the program of `service`: in "prompts" beside it, else where a build has them in
 * the source tree. NULL with one line in `error` that names the file or PROMPTS_DIR. */
struct prompts *prompts_new(const char *dir, const char *service, const char *name, char *error,
                            size_t error_size);
void prompts_free(struct prompts **prompts);
/* `locale` is "ko" or "en". */
const char *prompts_text(const struct prompts *prompts, const char *locale);

#endif
