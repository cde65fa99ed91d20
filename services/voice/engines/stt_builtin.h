/* SPDX-License-Identifier: MIT
 *
 * Speech to text on this machine, without a network: pocketsphinx with its US English model.
 * First a small decoder against the grammar of the phrases the tutor understands, then, if it
 * rejects what it heard, the general language model. English only.
 *
 * Everything blocks: call it on the CPU pool, never on a loop. One `struct stt_builtin` serves one
 * thread at a time (make one for each that listens at the same time, about 8 MB each); the `struct
 * stt_general` they share is thread-safe (about 95 MB while it is loaded).
 */
#ifndef STUDYHALL_VOICE_ENGINES_STT_BUILTIN_H
#define STUDYHALL_VOICE_ENGINES_STT_BUILTIN_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct stt_builtin;
struct stt_general;

enum {
	STT_TEXT_MAX = 1024
};

enum stt_outcome {
	STT_HEARD,       /* text is what was said */
	STT_SILENCE,     /* nobody spoke: too quiet, too short, or steady noise */
	STT_NOT_CLEAR,   /* somebody or something made sounds that are no words */
	STT_NO_LANGUAGE, /* no engine for this locale */
	STT_CANCELLED,   /* `stop` was set */
	STT_FAILED,      /* no memory, or the models are missing or broken */
};

struct stt_heard {
	char text[STT_TEXT_MAX]; /* lower case words; empty unless STT_HEARD */
	bool from_grammar;       /* one of the tutor's phrases, word for word */
	float doubt;             /* of the grammar: 0 little, 0.8 and more: rejected */
};

/* "pocketsphinx 5prealpha" or the like, for a turn's `provider`. */
const char *stt_builtin_name(void);
bool stt_builtin_speaks(const char *locale);

/* The shared general model, not yet loaded. `model_dir` NULL: Debian's. NULL without memory. */
struct stt_general *stt_general_new(const char *model_dir);
void stt_general_free(struct stt_general **general);
/* Unloads the model if it is loaded, not in use and was last used `idle_ms` before `now_ms` (the
 * same monotonic clock that the recognize calls get). True if it did. Never waits for a decoder. */
bool stt_general_unload_idle(struct stt_general *general, int64_t now_ms, int64_t idle_ms);
bool stt_general_is_loaded(struct stt_general *general);

/* Loads the small decoder (tens of milliseconds). `general` is borrowed; NULL: grammar only. NULL
 * when the models cannot be read. */
struct stt_builtin *stt_builtin_new(const char *model_dir, struct stt_general *general);
void stt_builtin_free(struct stt_builtin **engine);

/* Recognizes `count` samples (16 kHz, mono: wav_to_speech). `topics` are the titles of the
 * learner's own plan, which the grammar gains for this call. `stop` (may be NULL) is looked at
 * every quarter second of audio. */
enum stt_outcome stt_builtin_recognize(struct stt_builtin *engine, const char *locale,
                                       const int16_t *samples, size_t count,
                                       const char *const *topics, size_t topic_count,
                                       const _Atomic bool *stop, int64_t now_ms,
                                       struct stt_heard *heard);

#endif
