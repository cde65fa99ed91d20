/* SPDX-License-Identifier: MIT
 * The tutor's phrases by a small grammar, everything else by the general model.
 *
 * A grammar decoder hears one of its phrases in anything, so what it hears is doubted:
 *  - The murmur of a room is laid under the sound (stt_sound.c), or synthetic voices fit no model.
 *  - Near misses ("what should I wear") stand in the grammar themselves and end in a word of their
 *    own (PHRASE_DECOY): when one of them fits better than every phrase, that is the end of it.
 *  - A second search joins the model's phones as English may. The phrase's phones must be like the
 *    ones that heard, its score not much below theirs, and it must not hide sounds in pauses.
 * The sum of the three is the doubt; below a limit the phrase is believed, else the general model
 * is asked. Measured figures stand in tests/unit/stt_test.c. */
#include "services/voice/engines/stt_builtin.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/base/obj.h"
#include "services/voice/engines/sphinx.h"
#include "services/voice/engines/stt_general.h"
#include "services/voice/engines/stt_phones.h"
#include "services/voice/engines/stt_sound.h"
#include "services/voice/engines/stt_words.h"
#include "services/voice/phrases.h"
#include "services/voice/wav.h"

enum {
	STT_RATE = WAV_SPEECH_RATE,
	STT_PHRASE_SECONDS = 12,    /* no phrase of the grammar takes longer */
	STT_LEARNED_MAX = 3000,     /* topic words in a decoder before it is made anew */
	STT_GRAMMAR_MAX = 64 << 10, /* bytes */
	STT_PHONES_TEXT = 4096,
	STT_TOPIC_SCAN = 12, /* words of a topic that are looked up */
	STT_PHONE_FRAMES_MOST = 25,
	STT_FRAMES_MAX = (STT_PHRASE_SECONDS + 1) * 100,
};

/* A phrase is believed up to this doubt; see stt_doubt. */
#define STT_DOUBT_MOST       0.80f
#define STT_DOUBT_MOST_ASKED 0.85f /* the question everybody asks, in full */
#define STT_ALL_DOUBT        9.0f
#define STT_FAIR_VOICE       -40.0f /* phone score per frame */

struct stt_builtin {
	struct sphinx *decoder; /* NULL after a failed renewal: tried again by the next call */
	struct stt_general *general;
	struct stt_words words; /* scratch */
	struct buf grammar;     /* the one the decoder has */
	size_t learned;
	char model_dir[400], dict[432];
	struct sphinx_span spans[SPHINX_SPANS_MAX];
	float frames[STT_FRAMES_MAX]; /* the phone search's score of each */
	bool hushed[STT_FRAMES_MAX];  /* it heard no phone there */
	char heard[STT_PHONES_TEXT], expected[STT_PHONES_TEXT];
};

const char *
stt_builtin_name(void)
{
	return sphinx_name();
}

bool
stt_builtin_speaks(const char *locale)
{
	return strcmp(locale, "en") == 0;
}

static void
stt_write_word_cb(void *context, const char *word, const char *phones)
{
	fprintf(context, "%s %s\n", word, phones);
}

static bool
stt_any_word_cb(void *context, const char *word, size_t length)
{
	(void)context, (void)word, (void)length;
	return true;
}

/* The small decoder with the fixed phrases' words, from a dictionary that exists in memory only. */
static bool
stt_start_decoder(struct stt_builtin *engine)
{
	char path[64];
	FILE *cut = NULL;
	int fd = memfd_create("stt-dictionary", MFD_CLOEXEC);

	if (fd < 0)
		return false;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	cut = fdopen(fd, "w");
	if (cut == NULL) {
		close(fd);
		return false;
	}
	buf_clear(&engine->grammar);
	phrases_jsgf(&engine->grammar, NULL, 0, stt_any_word_cb, NULL);
	engine->words.count = 0;
	if (!buf_failed(&engine->grammar)) {
		stt_words_add_grammar(&engine->words, engine->grammar.bytes);
		fputs(PHRASE_DECOY " SIL\n", cut);
		if (stt_words_find(&engine->words, engine->dict, stt_write_word_cb, cut) &&
		    fflush(cut) == 0)
			engine->decoder = sphinx_new(engine->model_dir, path, false);
	}
	fclose(cut);
	engine->learned = 0;
	if (engine->decoder != NULL && !sphinx_set_grammar(engine->decoder, engine->grammar.bytes))
		sphinx_free(&engine->decoder);
	return engine->decoder != NULL;
}

struct stt_builtin *
stt_builtin_new(const char *model_dir, struct stt_general *general)
{
	struct stt_builtin *engine = calloc(1, sizeof(*engine));

	if (engine == NULL)
		return NULL;
	if (model_dir == NULL)
		model_dir = SPHINX_MODEL_DIR;
	engine->general = general;
	buf_init(&engine->grammar, STT_GRAMMAR_MAX);
	int length = snprintf(engine->model_dir, sizeof(engine->model_dir), "%s", model_dir);
	snprintf(engine->dict, sizeof(engine->dict), "%s/cmudict-en-us.dict", engine->model_dir);
	if (length >= (int)sizeof(engine->model_dir) || !stt_start_decoder(engine))
		stt_builtin_free(&engine);
	return engine;
}

void
stt_builtin_free(struct stt_builtin **engine)
{
	if (*engine == NULL)
		return;
	sphinx_free(&(*engine)->decoder);
	buf_fini(&(*engine)->grammar);
	free(*engine);
	*engine = NULL;
}

static void
stt_learn_word_cb(void *context, const char *word, const char *phones)
{
	struct stt_builtin *engine = context;

	if (sphinx_add_word(engine->decoder, word, phones))
		engine->learned++;
}

static bool
stt_knows_word_cb(void *context, const char *word, size_t length)
{
	struct stt_builtin *engine = context;
	char name[STT_WORD_MAX];

	if (length >= sizeof(name))
		return false;
	memcpy(name, word, length);
	name[length] = '\0';
	return sphinx_knows(engine->decoder, name);
}

/* Looks up the topics' words that the decoder does not know yet. */
static void
stt_learn_topics(struct stt_builtin *engine, const char *const *topics, size_t count)
{
	char said[PHRASE_SAID_MAX];

	engine->words.count = 0;
	for (size_t i = 0; i < count && i < PHRASE_TOPICS_MAX; i++) {
		phrases_normalize(topics[i], said);
		const char *at = said;
		for (int k = 0; k < STT_TOPIC_SCAN && *at != '\0'; k++) {
			at += strspn(at, " ");
			size_t length = strcspn(at, " ");
			if (!stt_knows_word_cb(engine, at, length))
				stt_words_add(&engine->words, at, length);
			at += length;
		}
	}
	if (engine->words.count > 0)
		stt_words_find(&engine->words, engine->dict, stt_learn_word_cb, engine);
}

/* Gives the decoder the grammar for these topics, or, if that fails, leaves it one that works. */
static bool
stt_prepare(struct stt_builtin *engine, const char *const *topics, size_t count)
{
	struct buf grammar;
	bool ready = true;

	if (engine->learned > STT_LEARNED_MAX)
		sphinx_free(&engine->decoder);
	if (engine->decoder == NULL && !stt_start_decoder(engine))
		return false;
	stt_learn_topics(engine, topics, count);
	buf_init(&grammar, STT_GRAMMAR_MAX);
	phrases_jsgf(&grammar, topics, count < PHRASE_TOPICS_MAX ? count : PHRASE_TOPICS_MAX,
	             stt_knows_word_cb, engine);
	bool usable = !buf_failed(&grammar);
	if (usable && strcmp(grammar.bytes, engine->grammar.bytes) != 0) {
		if (sphinx_set_grammar(engine->decoder, grammar.bytes)) {
			struct buf old = engine->grammar;
			engine->grammar = grammar;
			grammar = old;
		} else {
			sphinx_free(&engine->decoder);
			ready = stt_start_decoder(engine);
		}
	}
	buf_fini(&grammar);
	return ready;
}

/* The phone search: each frame's score, and the phones it heard. */
static bool
stt_hear_phones(struct stt_builtin *engine, const int16_t *samples, size_t count)
{
	struct sphinx_span *spans = engine->spans;

	if (sphinx_decode(engine->decoder, SPHINX_PHONES, samples, count, NULL) != SPHINX_OK)
		return false;
	memset(engine->frames, 0, sizeof(engine->frames));
	memset(engine->hushed, 0, sizeof(engine->hushed));
	size_t found = sphinx_spans(engine->decoder, spans, SPHINX_SPANS_MAX);
	for (size_t i = 0; i < found; i++) {
		float each = (float)spans[i].score / (float)(spans[i].last - spans[i].first + 1);
		for (int f = spans[i].first; f <= spans[i].last && f < STT_FRAMES_MAX; f++) {
			engine->frames[f] = each;
			engine->hushed[f] = spans[i].filler;
		}
	}
	return sphinx_phones(engine->decoder, SPHINX_PHONES, engine->heard, sizeof(engine->heard));
}

/* Of the last search's path, from its first word to its last, per frame. */
struct stt_scores {
	float path, phones; /* its own score; the phone search's */
	float pauses;       /* share of frames that are no word here or no phone there */
	int frames;
};

static bool
stt_scores(struct stt_builtin *engine, struct stt_scores *scores)
{
	struct sphinx_span *spans = engine->spans;
	size_t found = sphinx_spans(engine->decoder, spans, SPHINX_SPANS_MAX);
	int first = -1, last = -1, frames = 0, pauses = 0;
	double path = 0, phones = 0;

	for (size_t i = 0; i < found; i++) {
		if (!spans[i].filler) {
			first = first < 0 ? spans[i].first : first;
			last = spans[i].last;
		}
	}
	for (size_t i = 0; i < found && first >= 0; i++) {
		int length = spans[i].last - spans[i].first + 1;
		if (spans[i].first < first || spans[i].last > last)
			continue;
		path += spans[i].score;
		for (int f = spans[i].first; f <= spans[i].last && f < STT_FRAMES_MAX; f++) {
			phones += engine->frames[f];
			pauses += spans[i].filler || engine->hushed[f];
		}
		frames += length;
	}
	if (frames == 0)
		return false;
	scores->path = (float)(path / frames);
	scores->phones = (float)(phones / frames);
	scores->pauses = (float)pauses / (float)frames;
	scores->frames = frames;
	return true;
}

/* Nobody draws out every phone to a quarter of a second. */
static bool
stt_is_drawn_out(struct stt_builtin *engine, int frames)
{
	int phones = 0;

	for (const char *at = engine->expected; *at != '\0'; at++)
		phones += *at == ' ';
	return frames > STT_PHONE_FRAMES_MOST * phones;
}

/* What the grammar hears in it, and how doubtful that is: how badly the heard phones speak for its
 * own, plus what it lacks in score beside them, plus what either search takes for pauses; a voice
 * that fits the model badly is allowed more. The weights are those that told 228 phrases from 90
 * other sentences and noises best. */
static float
stt_doubt(struct stt_builtin *engine, const int16_t *samples, size_t count, char *text)
{
	struct stt_scores scores;

	if (sphinx_decode(engine->decoder, SPHINX_GRAMMAR, samples, count, NULL) != SPHINX_OK ||
	    !sphinx_phones(engine->decoder, SPHINX_GRAMMAR, engine->expected,
	                   sizeof(engine->expected)) ||
	    !stt_scores(engine, &scores) || stt_is_drawn_out(engine, scores.frames))
		return STT_ALL_DOUBT;
	snprintf(text, STT_TEXT_MAX, "%s", sphinx_text(engine->decoder));
	float distance = stt_phones_distance(engine->expected, engine->heard);
	float lacking = scores.phones - scores.path;
	return 0.51f + 0.3f * distance + 0.015f * lacking + 0.7f * scores.pauses +
	       0.010f * (scores.phones - STT_FAIR_VOICE);
}

/* By the grammar: STT_HEARD, or STT_NOT_CLEAR when it rejects. */
static enum stt_outcome
stt_hear_phrase(struct stt_builtin *engine, const int16_t *samples, size_t count,
                struct stt_heard *heard)
{
	if (!stt_hear_phones(engine, samples, count))
		return STT_NOT_CLEAR;
	heard->doubt = stt_doubt(engine, samples, count, heard->text);
	bool asked = strcmp(heard->text, "what should i study today") == 0;
	if (heard->doubt <= (asked ? STT_DOUBT_MOST_ASKED : STT_DOUBT_MOST) &&
	    heard->text[0] != '\0' && strstr(heard->text, PHRASE_DECOY) == NULL) {
		heard->from_grammar = true;
		return STT_HEARD;
	}
	heard->text[0] = '\0';
	return STT_NOT_CLEAR;
}

enum stt_outcome
stt_builtin_recognize(struct stt_builtin *engine, const char *locale, const int16_t *samples,
                      size_t count, const char *const *topics, size_t topic_count,
                      const _Atomic bool *stop, int64_t now_ms, struct stt_heard *heard)
{
	enum stt_outcome outcome = STT_NOT_CLEAR;
	struct wav_level level = wav_measure(samples, count);
	size_t length = 0;

	memset(heard, 0, sizeof(*heard));
	if (!stt_builtin_speaks(locale))
		return STT_NO_LANGUAGE;
	if (wav_is_silent(&level))
		return STT_SILENCE;
	if (stop != NULL && atomic_load(stop))
		return STT_CANCELLED;
	int16_t *sound = stt_sound_prepare(samples, count, &level, &length);
	if (sound == NULL || !stt_prepare(engine, topics, topic_count)) {
		free(sound);
		return STT_FAILED;
	}
	if (length <= (size_t)STT_RATE * STT_PHRASE_SECONDS)
		outcome = stt_hear_phrase(engine, sound, length, heard);
	if (outcome == STT_NOT_CLEAR && stop != NULL && atomic_load(stop))
		outcome = STT_CANCELLED;
	if (outcome == STT_NOT_CLEAR && engine->general != NULL)
		outcome =
		    stt_general_recognize(engine->general, sound, length, stop, now_ms, heard);
	free(sound);
	return outcome;
}
