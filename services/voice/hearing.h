/* SPDX-License-Identifier: MIT
 *
 * Listening and speaking as a task sees it: the local engines on the CPU pool. From tasks; yields.
 */
#ifndef STUDYHALL_VOICE_HEARING_H
#define STUDYHALL_VOICE_HEARING_H

#include "common/base/status.h"

#include <stddef.h>
#include <stdint.h>

struct buf;
struct call;
struct hearing;
struct pool;

/* NULL without memory. Recognizers are made when first needed, one for each pool thread. */
struct hearing *hearing_new(struct pool *pool);
void hearing_free(struct hearing **hearing);
/* Unloads the general speech model when it was not used for five minutes. */
void hearing_rest(struct hearing *hearing);

/* What was said in a WAV file, in the task's arena. `topics` are the learner's own, which become
 * words the recognizer knows. VALIDATION, with the reason in the locale on the call: no WAV, too
 * long, silence, not understood, no engine for the language. */
enum status hearing_listen(struct hearing *hearing, struct call *call, const char *locale,
                           const void *audio, size_t length, const char *const *topics,
                           size_t topic_count, const char **transcript);
/* A WAV file that speaks `text`, appended to `wav`. */
enum status hearing_speak(struct hearing *hearing, struct call *call, const char *locale,
                          const char *text, struct buf *wav);

#endif
