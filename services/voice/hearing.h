/* SPDX-License-Identifier: MIT
 *
 * Listening and speaking as a task sees it: the local engines on the CPU pool. From tasks; yields.
 */
#ifndef STUDYHALL_VOICE_HEARING_H
#define STUDYHALL_VOICE_HEARING_H

#include "common/base/status.h"
#include "services/voice/engines/stt_builtin.h"
#include "services/voice/engines/tts_builtin.h"
#include "services/voice/wav.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf;
struct hearing;
struct pool;

/* NULL without memory. Recognizers are made when first needed, one for each that listens at
 * the same time: as many as the pool has lanes. */
struct hearing *hearing_new(struct pool *pool);
void hearing_free(struct hearing **hearing);
/* Unloads the general speech model when it was not used for five minutes. */
void hearing_rest(struct hearing *hearing);

bool hearing_knows(const char *locale);

struct hearing_heard {
	enum wav_outcome wav; /* anything but OK: the file could not be read */
	enum stt_outcome stt; /* of a file that could */
	const char *text;     /* in the task's arena; NULL unless STT_HEARD */
};

/* What was said in a WAV file by the learner `who`. `topics` are their own, which become words the
 * recognizer knows. OK: *heard says how it went; else offload_for()'s: learners take turns. */
enum status hearing_listen(struct hearing *hearing, const char *who, const char *locale,
                           const void *audio, size_t length, const char *const *topics,
                           size_t topic_count, struct hearing_heard *heard);
/* A WAV file that speaks `text`, appended to `wav`; quick, so it waits in nobody's turn. OK:
 * *outcome says how it went; else offload()'s. */
enum status hearing_speak(struct hearing *hearing, const char *locale, const char *text,
                          struct buf *wav, enum tts_outcome *outcome);

#endif
