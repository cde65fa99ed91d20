/* SPDX-License-Identifier: MIT
 * What speech*.c share: the engines of one kind, in their order. */
#ifndef STUDYHALL_VOICE_SPEECH_PRIVATE_H
#define STUDYHALL_VOICE_SPEECH_PRIVATE_H

#include "services/voice/share.h"
#include "services/voice/speech.h"

#define SPEECH_MAGIC   0x5beec400u
#define SPEECH_ENGINES 3
#define SPEECH_BUILTIN "builtin"

struct metric;

struct speech_engine {
	const struct cloud_dialect *dialect; /* NULL: the engine on this machine */
	struct provider *provider;           /* of the dialect */
	char *url;                           /* the provider's */
	struct cloud_choice choice;
	struct metric *answered, *nothing, *failed;
};

struct speech_list {
	struct speech_engine engines[SPEECH_ENGINES];
	size_t count;
};

struct speech {
	unsigned magic;
	struct hearing *hearing;
	struct pool *pool;
	struct speech_list listeners, speakers;
	char accepts[128];
};

/* One question to an engine elsewhere: what it took, and what came of it. */
struct speech_asked {
	struct cloud_ask ask;
	struct provider_turns turns;
	struct share share;
	uint64_t begun_us;
};

const char *speech_engine_name(const struct speech_engine *engine);
/* Counts, and logs a failure. OK: another engine may be asked; CANCELLED or DEADLINE: the task's.
 */
enum status speech_engine_failed(const struct speech_engine *engine, const char *name,
                                 enum status status, const char *why);

#endif
