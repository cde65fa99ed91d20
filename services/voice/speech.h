/* SPDX-License-Identifier: MIT
 *
 * Listening and speaking by the engines of STT_PROVIDERS and TTS_PROVIDERS, in their order: one
 * that fails, stalls or does not know the language is followed by the next. Their time comes out of
 * the task's deadline (share.h). Thread-safe; from tasks of workers with fetch_attach().
 */
#ifndef STUDYHALL_VOICE_SPEECH_H
#define STUDYHALL_VOICE_SPEECH_H

#include "common/base/status.h"
#include "services/voice/engines/cloud.h"

#include <stdbool.h>
#include <stddef.h>

struct ai_settings;
struct call;
struct clip;
struct hearing;
struct pool;
struct speech;
struct speech_settings;

/* Those that have what they need; each of the others gets one line in the log. NULL, with one line
 * in `error` that names a setting, when one is unusable. `hearing` and `pool` are borrowed, as are
 * all strings. */
struct speech *speech_new(const struct speech_settings *settings, const struct ai_settings *ai,
                          struct hearing *hearing, struct pool *pool, char *error,
                          size_t error_size);
/* When no call is left. */
void speech_free(struct speech **speech);

/* Does any engine take this medium (of clip_media())? Can any speak this format? */
bool speech_takes(const struct speech *speech, const char *media);
bool speech_makes(const struct speech *speech, enum cloud_format format);
/* What it takes, for Accept-Post: "audio/wav, audio/ogg, application/json". */
const char *speech_accepts(const struct speech *speech);

struct speech_turn {
	struct call *call;
	const char *locale; /* "ko" or "en" */
	const char *id;     /* the turn's: begins the engines' Idempotency-Keys */
};

struct speech_heard {
	const char *text; /* in the task's arena */
	const char *engine;
};

/* What was said. `topics` are the learner's own, which become words that the local recognizer
 * knows. VALIDATION, with the reason in the locale on the call: no WAV, too long, silence, not
 * understood, no engine for the language. PROVIDERS_FAILED: nobody could be asked; OVERLOADED,
 * INTERNAL; DEADLINE, CANCELLED. */
enum status speech_listen(struct speech *speech, const struct speech_turn *turn, struct clip *clip,
                          const char *const *topics, size_t topic_count,
                          struct speech_heard *heard);

struct speech_spoken {
	const char *bytes; /* as long as the task */
	size_t length;
	const char *content_type, *engine;
};

/* `text` spoken; in another format than the one wanted when nobody who can is well. The same
 * statuses, but for VALIDATION. */
enum status speech_speak(struct speech *speech, const struct speech_turn *turn, const char *text,
                         enum cloud_format format, struct speech_spoken *spoken);

#endif
