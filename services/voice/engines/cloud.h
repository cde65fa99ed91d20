/* SPDX-License-Identifier: MIT
 *
 * Speech engines that are asked over the network: what goes out and how the answer is read, for
 * each provider's API. Who is asked when, and what follows, is speech.h's.
 */
#ifndef STUDYHALL_VOICE_ENGINES_CLOUD_H
#define STUDYHALL_VOICE_ENGINES_CLOUD_H

#include "common/ai/provider.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf;
struct clip;
struct share;

#define CLOUD_SOUND_MOST ((size_t)6 << 20)  /* bytes of speech: two minutes of WAV at 24 kHz */
#define CLOUD_TEXT_MOST  1000               /* code points of a transcript */
#define CLOUD_READ_SIZE  ((size_t)64 << 10) /* speech comes at once, some hundred KB of it */

enum cloud_format {
	CLOUD_WAV,
	CLOUD_MP3
};

/* What an operator chooses of an engine; "" where there is nothing to choose. */
struct cloud_choice {
	const char *model;
	const char *voice;
};

/* One question to one engine. */
struct cloud_ask {
	struct provider *provider;
	const struct cloud_choice *choice;
	const char *locale; /* "ko" or "en" */
	const struct share *share;
	bool last;                    /* nobody else can answer */
	const char *mark;             /* Idempotency-Key */
	struct provider_turns *turns; /* says what went wrong */
};

struct cloud_sound {
	const char *bytes; /* as long as the task; a WAV file's sizes are true */
	size_t length;
};

struct cloud_dialect {
	const char *name;       /* "google": in settings and turns */
	const char *hear, *say; /* names of its providers in metrics and logs */
	const char *key_header;
	const char *version;              /* of the API, which paths begin with */
	bool (*takes)(const char *media); /* of clip_media() */
	/* From a task of a worker with fetch_attach(); both yield. OK: *text, in the task's arena,
	 * is what was said, or NULL: the engine listened and understood nothing. Otherwise as
	 * provider_fetch(). `clip` is prepared. */
	enum status (*listen)(const struct cloud_ask *ask, const struct clip *clip,
	                      const char **text);
	enum status (*speak)(const struct cloud_ask *ask, const char *text,
	                     enum cloud_format format, struct cloud_sound *sound);
};
extern const struct cloud_dialect cloud_google, cloud_openai;

/* --- what dialects share --------------------------------------------------------------------- */

/* A request with all that does not depend on the dialect. */
void cloud_request(const struct cloud_ask *ask, const char *path, struct provider_request *request);
/* A transcript as it may be kept: NFC, no control characters, at most CLOUD_TEXT_MOST. Arena; NULL
 * if nothing is left. */
const char *cloud_transcript(const char *text, size_t length);
/* Takes over malloc'ed bytes that are said to be speech. NONE; MALFORMED with *why: they are no
 * such thing. */
enum ai_fault cloud_take_sound(char *bytes, size_t length, enum cloud_format format,
                               struct cloud_sound *sound, const char **why);

#endif
