/* SPDX-License-Identifier: MIT
 * The general language model: one decoder for the whole process, loaded by the first who needs it
 * and unloaded when idle, because it weighs ten times the rest of the service. */
#include "services/voice/engines/stt_general.h"

#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/base/obj.h"
#include "services/voice/engines/sphinx.h"

struct stt_general {
	pthread_mutex_t lock; /* held while the decoder works or is loaded */
	struct sphinx *decoder;
	int64_t used_ms;
	_Atomic bool loaded;
	char model_dir[400];
};

struct stt_general *
stt_general_new(const char *model_dir)
{
	struct stt_general *general = calloc(1, sizeof(*general));

	if (general == NULL)
		return NULL;
	if (model_dir == NULL)
		model_dir = SPHINX_MODEL_DIR;
	if (strlen(model_dir) >= sizeof(general->model_dir)) {
		free(general);
		return NULL;
	}
	memcpy(general->model_dir, model_dir, strlen(model_dir) + 1);
	pthread_mutex_init(&general->lock, NULL);
	return general;
}

void
stt_general_free(struct stt_general **general)
{
	if (*general == NULL)
		return;
	sphinx_free(&(*general)->decoder);
	pthread_mutex_destroy(&(*general)->lock);
	free(*general);
	*general = NULL;
}

bool
stt_general_is_loaded(struct stt_general *general)
{
	return atomic_load(&general->loaded);
}

bool
stt_general_unload_idle(struct stt_general *general, int64_t now_ms, int64_t idle_ms)
{
	bool unload = false;

	if (!atomic_load(&general->loaded) || pthread_mutex_trylock(&general->lock) != 0)
		return false;
	unload = general->decoder != NULL && now_ms - general->used_ms >= idle_ms;
	if (unload) {
		sphinx_free(&general->decoder);
		atomic_store(&general->loaded, false);
	}
	pthread_mutex_unlock(&general->lock);
	/* The dictionary was a hundred thousand small allocations: give their pages back. */
	if (unload)
		malloc_trim(0);
	return unload;
}

static bool
stt_general_load(struct stt_general *general)
{
	char dict[512];

	if (general->decoder != NULL)
		return true;
	snprintf(dict, sizeof(dict), "%s/cmudict-en-us.dict", general->model_dir);
	general->decoder = sphinx_new(general->model_dir, dict, true);
	atomic_store(&general->loaded, general->decoder != NULL);
	return general->decoder != NULL;
}

/* The lock, or false when nobody waits any more. */
static bool
stt_general_acquire(struct stt_general *general, const _Atomic bool *stop)
{
	for (;;) {
		struct timespec until;
		clock_gettime(CLOCK_REALTIME, &until);
		until.tv_nsec += 100 * 1000 * 1000;
		until.tv_sec += until.tv_nsec / 1000000000;
		until.tv_nsec %= 1000000000;
		if (stop != NULL && atomic_load(stop))
			return false;
		int error = pthread_mutex_timedlock(&general->lock, &until);
		if (error == 0)
			return true;
		assert(error == ETIMEDOUT);
	}
}

/* Out of noise the model makes a word like "the". */
static bool
stt_general_is_noise(const char *text)
{
	return strchr(text, ' ') == NULL && strlen(text) < 4;
}

enum stt_outcome
stt_general_recognize(struct stt_general *general, const int16_t *samples, size_t count,
                      const _Atomic bool *stop, int64_t now_ms, struct stt_heard *heard)
{
	enum stt_outcome outcome = STT_FAILED;

	if (!stt_general_acquire(general, stop))
		return STT_CANCELLED;
	general->used_ms = now_ms;
	if (!stt_general_load(general))
		goto out;
	enum sphinx_outcome decoded =
	    sphinx_decode(general->decoder, SPHINX_MODEL, samples, count, stop);
	if (decoded == SPHINX_OK) {
		const char *text = sphinx_text(general->decoder);
		outcome = STT_NOT_CLEAR;
		if (!stt_general_is_noise(text)) {
			snprintf(heard->text, sizeof(heard->text), "%s", text);
			outcome = STT_HEARD;
		}
	} else if (decoded == SPHINX_CANCELLED) {
		outcome = STT_CANCELLED;
	}
out:
	pthread_mutex_unlock(&general->lock);
	return outcome;
}
