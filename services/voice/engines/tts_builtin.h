/* SPDX-License-Identifier: MIT
 *
 * Text to speech on this machine, without a network: espeak-ng, Korean and English.
 *
 * espeak-ng keeps its state in globals, so calls are serialized by a mutex inside; any thread may
 * call, and blocks: use the CPU pool. The library is initialized by the first call, once.
 */
#ifndef STUDYHALL_VOICE_ENGINES_TTS_BUILTIN_H
#define STUDYHALL_VOICE_ENGINES_TTS_BUILTIN_H

#include <stdatomic.h>
#include <stdbool.h>

#include "common/base/buf.h"

enum {
	TTS_TEXT_MAX = 4000,   /* bytes; longer text is refused */
	TTS_SECONDS_MAX = 120, /* speech is cut here, at 22050 Hz some 5 MB */
};

enum tts_outcome {
	TTS_SPOKEN,
	TTS_NO_LANGUAGE, /* no voice for this locale */
	TTS_TOO_LONG,    /* more than TTS_TEXT_MAX bytes */
	TTS_NOTHING,     /* no text, or none that can be spoken */
	TTS_CANCELLED,   /* `stop` was set */
	TTS_FAILED,      /* no memory, or espeak-ng's data is missing */
};

/* From main(), before there is another thread: keeps the library from looking for a sound server.
 */
void tts_builtin_init(void);

/* "espeak-ng 1.51" or the like, for a turn's `provider`. */
const char *tts_builtin_name(void);
bool tts_builtin_speaks(const char *locale);

/* Appends a whole WAV file (mono, 16 bit, 22050 Hz) that speaks `text` (UTF-8) to `wav`; nothing
 * is appended on failure. `stop` (may be NULL) is looked at every 200 ms of audio. */
enum tts_outcome tts_builtin_speak(const char *locale, const char *text, const _Atomic bool *stop,
                                   struct buf *wav);

/* Frees espeak-ng's state, for leak checks at exit; no call may be under way. */
void tts_builtin_shutdown(void);

#endif
