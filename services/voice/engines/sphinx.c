/* SPDX-License-Identifier: MIT
 * pocketsphinx, made to decode whole utterances from memory and to keep its log to itself. */
#include "services/voice/engines/sphinx.h"

#include <pocketsphinx.h>
#include <pthread.h>
#include <sphinxbase/ckd_alloc.h>
#include <sphinxbase/err.h>
#include <sphinxbase/fsg_model.h>
#include <sphinxbase/jsgf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/obj.h"

enum {
	SPHINX_PIECE = 4000
}; /* samples between two looks at `stop` */

#define SPHINX_LANGUAGE_WEIGHT 3.0f /* of the branches of a grammar */

struct sphinx {
	ps_decoder_t *decoder;
	bool with_model;
};

static pthread_once_t sphinx_once = PTHREAD_ONCE_INIT;

static void
sphinx_silence_log(void)
{
	err_set_logfp(NULL);
}

const char *
sphinx_name(void)
{
	return "pocketsphinx 5prealpha";
}

static cmd_ln_t *
sphinx_config(const char *model_dir, const char *dict, bool with_model)
{
	char hmm[512], lm[512];
	int hmm_length = snprintf(hmm, sizeof(hmm), "%s/en-us", model_dir);
	int lm_length = snprintf(lm, sizeof(lm), "%s/en-us.lm.bin", model_dir);

	if (hmm_length >= (int)sizeof(hmm) || lm_length >= (int)sizeof(lm))
		return NULL;
	if (with_model)
		return cmd_ln_init(NULL, ps_args(), TRUE, "-hmm", hmm, "-dict", dict, "-lm", lm,
		                   NULL);
	/* Wide beams: synthetic and accented voices fit the model badly, and a path lost early is
	 * a wrong answer; a grammar is so small that it costs little. All senones: scores of
	 * different searches over the same audio then compare. */
	return cmd_ln_init(NULL, ps_args(), TRUE, "-hmm", hmm, "-dict", dict, "-beam", "1e-160",
	                   "-wbeam", "1e-120", "-pbeam", "1e-160", "-lw", "3", "-bestpath", "no",
	                   "-compallsen", "yes", "-allphone_ci", "yes", NULL);
}

static bool
sphinx_set_phones(struct sphinx *sphinx, const char *model_dir)
{
	char lm[512];
	int length = snprintf(lm, sizeof(lm), "%s/en-us-phone.lm.bin", model_dir);

	return length < (int)sizeof(lm) && ps_set_allphone_file(sphinx->decoder, "phones", lm) == 0;
}

struct sphinx *
sphinx_new(const char *model_dir, const char *dict, bool with_model)
{
	struct sphinx *sphinx = calloc(1, sizeof(*sphinx));
	cmd_ln_t *config = NULL;

	pthread_once(&sphinx_once, sphinx_silence_log);
	if (sphinx == NULL)
		return NULL;
	sphinx->with_model = with_model;
	config = sphinx_config(model_dir, dict, with_model);
	if (config == NULL)
		goto fail;
	sphinx->decoder = ps_init(config);
	if (sphinx->decoder == NULL)
		goto fail;
	if (!with_model && !sphinx_set_phones(sphinx, model_dir))
		goto fail;
	cmd_ln_free_r(config);
	return sphinx;
fail:
	if (config != NULL)
		cmd_ln_free_r(config);
	sphinx_free(&sphinx);
	return NULL;
}

void
sphinx_free(struct sphinx **sphinx)
{
	if (*sphinx != NULL && (*sphinx)->decoder != NULL)
		ps_free((*sphinx)->decoder);
	free(*sphinx);
	*sphinx = NULL;
}

bool
sphinx_knows(struct sphinx *sphinx, const char *word)
{
	char *phones = ps_lookup_word(sphinx->decoder, word);
	bool known = phones != NULL;

	ckd_free(phones);
	return known;
}

bool
sphinx_add_word(struct sphinx *sphinx, const char *word, const char *phones)
{
	return ps_add_word(sphinx->decoder, word, phones, FALSE) >= 0;
}

/* ps_set_jsgf_string() would leak the parsed grammar, 30 KB each time. */
bool
sphinx_set_grammar(struct sphinx *sphinx, const char *text)
{
	jsgf_t *grammar = jsgf_parse_string(text, NULL);
	fsg_model_t *graph = NULL;
	bool set = false;

	if (grammar == NULL)
		return false;
	jsgf_rule_t *rule = jsgf_get_public_rule(grammar);
	if (rule != NULL)
		graph = jsgf_build_fsg(grammar, rule, ps_get_logmath(sphinx->decoder),
		                       SPHINX_LANGUAGE_WEIGHT);
	if (graph != NULL) {
		set = ps_set_fsg(sphinx->decoder, "grammar", graph) == 0;
		fsg_model_free(graph);
	}
	jsgf_grammar_free(grammar);
	return set;
}

enum sphinx_outcome
sphinx_decode(struct sphinx *sphinx, enum sphinx_search search, const int16_t *samples,
              size_t count, const _Atomic bool *stop)
{
	bool whole = search != SPHINX_MODEL;
	bool cancelled = false, failed = false;

	assert(sphinx->with_model == !whole);
	if (stop != NULL && atomic_load(stop))
		return SPHINX_CANCELLED;
	if (whole &&
	    ps_set_search(sphinx->decoder, search == SPHINX_GRAMMAR ? "grammar" : "phones") != 0)
		return SPHINX_FAILED;
	/* Or the noise of the last recording would be taken out of this one. */
	if (ps_start_stream(sphinx->decoder) != 0 || ps_start_utt(sphinx->decoder) != 0)
		return SPHINX_FAILED;
	for (size_t at = 0; at < count && !cancelled && !failed;) {
		size_t piece = whole || count - at < SPHINX_PIECE ? count - at : SPHINX_PIECE;
		failed = ps_process_raw(sphinx->decoder, samples + at, piece, FALSE, whole) < 0;
		at += piece;
		cancelled = stop != NULL && atomic_load(stop);
	}
	if (ps_end_utt(sphinx->decoder) != 0)
		failed = true;
	return cancelled ? SPHINX_CANCELLED : failed ? SPHINX_FAILED : SPHINX_OK;
}

const char *
sphinx_text(struct sphinx *sphinx)
{
	int32 score;
	const char *text = ps_get_hyp(sphinx->decoder, &score);

	return text != NULL ? text : "";
}

static bool
sphinx_is_filler(const char *word)
{
	return strchr("<[+(", word[0]) != NULL || strcmp(word, "SIL") == 0;
}

bool
sphinx_phones(struct sphinx *sphinx, enum sphinx_search search, char *phones, size_t space)
{
	size_t used = 0;
	bool fits = true;

	phones[0] = '\0';
	for (ps_seg_t *seg = ps_seg_iter(sphinx->decoder); seg != NULL; seg = ps_seg_next(seg)) {
		const char *word = ps_seg_word(seg);
		if (word == NULL || sphinx_is_filler(word) || !fits)
			continue;
		char *known =
		    search == SPHINX_PHONES ? NULL : ps_lookup_word(sphinx->decoder, word);
		const char *text = search == SPHINX_PHONES ? word : known != NULL ? known : "";
		int length = snprintf(phones + used, space - used, "%s ", text);
		fits = length >= 0 && (size_t)length < space - used;
		used += fits ? (size_t)length : 0;
		ckd_free(known);
	}
	phones[used] = '\0';
	return fits;
}

size_t
sphinx_spans(struct sphinx *sphinx, struct sphinx_span *spans, size_t space)
{
	size_t count = 0;
	ps_seg_t *seg = ps_seg_iter(sphinx->decoder);

	for (; seg != NULL; seg = ps_seg_next(seg)) {
		const char *word = ps_seg_word(seg);
		struct sphinx_span span;
		int32 language, back, score;
		if (count == space) {
			ps_seg_free(seg);
			break;
		}
		ps_seg_frames(seg, &span.first, &span.last);
		ps_seg_prob(seg, &score, &language, &back);
		if (word == NULL || strcmp(word, "(NULL)") == 0 || span.last < span.first)
			continue;
		span.score = score;
		span.filler = sphinx_is_filler(word);
		spans[count++] = span;
	}
	return count;
}
