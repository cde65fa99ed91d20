/* SPDX-License-Identifier: MIT
 * The English phrases as a JSGF grammar, so that the recognizer expects what the tutor answers. */
#include "services/voice/phrases.h"

#include <string.h>

#include "common/base/obj.h"

/* Alternatives of one rule; "/40/": forty times as likely as another. One word alone is easily
 * heard into noise, so short phrases have at least two syllables. */
static const char *const phrases_sentences[] = {
    /* today */
    "/40/ what should i study today",
    "what should i (do | learn) today",
    "what (should | must) i (study | do | learn) [now]",
    "what can i study [now]",
    "what do i (have | need) to (study | do | learn) today",
    "what am i (studying | learning) today",
    "<what_is> (on | in) my (plan | schedule) [for] today",
    "<what_is> (my | the) plan for today",
    "<what_is> today's (plan | schedule)",
    "(tell | show) me (today's plan | my plan for today)",
    /* late */
    "<what_is> (late | overdue)",
    "what am i (late with | behind on | behind with)",
    "am i (late | behind)",
    "(what did i miss | what have i missed)",
    "is (anything | something) (late | overdue)",
    "did i miss anything",
    /* next */
    "<what_is> next",
    "what comes next",
    "what (should | do | can) i (study | do | learn) (next | tomorrow)",
    "<what_is> (my | the) plan for tomorrow",
    "<what_is> (on | for) tomorrow",
    /* done */
    "i [have] (finished | completed | studied) <section> <number>",
    "(<i_have> done | <i_am> done with | i did) <section> <number>",
    "<section> <number> is (done | finished | complete)",
    "(mark | check off | tick off) <section> <number> [as done]",
    "i [have] (finished | completed) (everything | all of it | today's work | my work)",
    "<i_am> (done | finished) for today",
    /* progress */
    "how am i doing",
    "how is my (progress | plan | study) [going]",
    "how much have i (studied | done) [this week | today]",
    "how long have i studied this week",
    "<what_is> my (progress | streak)",
    "(tell | show) me my progress",
    "am i on track",
    /* exam */
    "when is (my | the) (exam | test)",
    "how (long | many days | much time) (until | till | before | to) (my | the) (exam | test)",
    "how many days are left [until (my | the) (exam | test)]",
    "how much time (do i have left | is left)",
    /* tired */
    "<i_am> [so | too | very | really] (tired | bored | stressed | sleepy | exhausted)",
    "i (do not | don't) want to study [today | anymore]",
    "i (can not | can't) (concentrate | focus | do this)",
    "i want to give up",
    "(encourage | motivate) me",
    "cheer me up",
    "this is too (hard | difficult)",
    /* repeat */
    "[please] repeat that [please]",
    "[please] say that again [please]",
    "can you repeat that",
    "can you say that again",
    "what did you say",
    "one more time please",
    /* help */
    "[please] help me [please]",
    "what can i (ask | say) [you]",
    "what can you do",
    "how does this work",
    /* thanks, greeting */
    "thank you [very much]",
    "hello [tutor | there]",
    "good (morning | afternoon | evening)",
};

/* What people also say and what sounds nearly like ours. With these in the grammar it is heard for
 * what it is, and known by the word after it. */
static const char *const phrases_decoys[] = {
    "yes | no | okay | no no no | the | one | a",
    "what should i <act> [today | tomorrow | tonight | for lunch]",
    "what (should | would | can) (we | he | they)",
    "<what_is> the (weather | time | matter | name | price) [in | of | like] [today | tomorrow]",
    "<what_is> (love | that | it | this | wrong | your name | for dinner | for lunch | a)",
    "<what_is> (the capital of | your favorite color)",
    "(who | where | which | why | he | she | it | there) is (late | next | done | that | over | a)",
    "what was (late | next | that | it)",
    "is (anything | something) (burning | wrong | new | left | broken | free | open)",
    "did (you | he | she | we) (miss | see | like | buy) (it | that | anything)",
    "did i miss (the | a) (bus | train | party | call)",
    "<i_am> [so | too | very | really] <mood>",
    "this [soup | coffee | hotel | one] is too <mood>",
    "i have (a | an | no) (headache | question | cold | cat | dog | idea)",
    "i [have] finished (eating | cooking | reading | cleaning | painting | the)",
    "i [have] (finished | completed) my (coffee | lunch | dinner | breakfast | tea | book | drink)",
    "(he | she | we | they) finished",
    "i (bought | lost | found | met | forgot | saw | like | need) (my | the | a | an)",
    "i (don't | can't) (like | swim | see | know | hear) [it | that | you | fish]",
    "i want (to go | to sleep | to buy | a) [home | out | to]",
    "how many (people | days are in) (live | a year | the month | the week)",
    "how (old | far | much | long | tall) (is | are | does) (the | a | you | it)",
    "how (are | were) you [doing] [today | my friend]",
    "when (is your birthday | was the | does the)",
    "(can | could | would) (you | i | we) (play | call | open | turn | hear | have | go | like)",
    "help (yourself | him | them)",
    "thank (goodness | heaven)",
    "hello (world | mister | everybody)",
    "good (night | luck | heavens)",
};

static const char *const phrases_rules[] = {
    "<what_is> = what is | what's",
    "<i_am> = i am | i'm",
    "<i_have> = i have | i've",
    "<section> = chapter | unit | lesson | part | section",
    "<unit> = one | two | three | four | five | six | seven | eight | nine",
    ("<teen> = ten | eleven | twelve | thirteen | fourteen | fifteen | sixteen | seventeen | "
     "eighteen | nineteen"),
    "<tens> = twenty | thirty | forty | fifty | sixty | seventy | eighty | ninety",
    "<act> = wear | eat | buy | cook | watch | play | say | give | bring | take | make | see | "
    "tell",
    "<mood> = happy | hungry | sorry | glad | sad | angry | sick | cold | hot | big | salty | "
    "old | sure | ready | busy | expensive",
    "<number> = <unit> | <teen> | <tens> [<unit>]",
};

/* Words that alone tell nothing about a topic. */
static bool
phrases_is_plain(const char *word, size_t length)
{
	static const char *const plain[] = {"the", "and", "for", "with", "from", "into"};

	for (size_t i = 0; i < COUNT_OF(plain); i++) {
		if (strlen(plain[i]) == length && memcmp(plain[i], word, length) == 0)
			return true;
	}
	return length < 3;
}

/* "Chapter 5: Waves" is spoken of as "waves", or by its number. */
static bool
phrases_is_label(const char *word, size_t length)
{
	static const char *const labels[] = {"chapter", "unit", "lesson", "part",
	                                     "section", "day",  "week",   "review",
	                                     "test",    "quiz", "study"};

	for (size_t i = 0; i < COUNT_OF(labels); i++) {
		if (strlen(labels[i]) == length && memcmp(labels[i], word, length) == 0)
			return true;
	}
	return false;
}

/* The pronounceable words of one topic; false when none of them is telling. */
static bool
phrases_topic_words(struct buf *out, const char *topic, phrases_word_fn *word, void *context)
{
	char said[PHRASE_SAID_MAX];
	bool telling = false;
	int words = 0;

	phrases_normalize(topic, said);
	for (const char *at = said; *at != '\0' && words < PHRASE_TOPIC_WORDS;) {
		at += strspn(at, " ");
		size_t length = strcspn(at, " ");
		if (length > 0 && strspn(at, "abcdefghijklmnopqrstuvwxyz") >= length &&
		    !phrases_is_label(at, length) && word(context, at, length)) {
			buf_puts(out, words++ > 0 ? " " : "");
			buf_append(out, at, length);
			telling = telling || !phrases_is_plain(at, length);
		}
		at += length;
	}
	return telling;
}

static size_t
phrases_topics_rule(struct buf *out, const char *const *topics, size_t count, phrases_word_fn *word,
                    void *context)
{
	struct buf words;
	size_t written = 0;

	buf_init(&words, PHRASE_SAID_MAX);
	for (size_t i = 0; i < count && written < PHRASE_TOPICS_MAX; i++) {
		buf_clear(&words);
		if (!phrases_topic_words(&words, topics[i], word, context) || buf_failed(&words))
			continue;
		buf_puts(out, written++ == 0 ? "<topic> = " : " | ");
		buf_append(out, words.bytes, words.length);
	}
	if (written > 0)
		buf_puts(out, ";\n");
	buf_fini(&words);
	return written;
}

static void
phrases_alternatives(struct buf *out, const char *rule, const char *const *sentences, size_t count)
{
	for (size_t i = 0; i < count; i++)
		buf_printf(out, "%s%s%s\n", i == 0 ? rule : "", i == 0 ? " = " : " | ",
		           sentences[i]);
}

void
phrases_jsgf(struct buf *out, const char *const *topics, size_t count, phrases_word_fn *word,
             void *context)
{
	buf_puts(out, "#JSGF V1.0;\ngrammar tutor;\n");
	for (size_t i = 0; i < COUNT_OF(phrases_rules); i++)
		buf_printf(out, "%s;\n", phrases_rules[i]);
	size_t written = phrases_topics_rule(out, topics, count, word, context);
	phrases_alternatives(out, "<phrase>", phrases_sentences, COUNT_OF(phrases_sentences));
	if (written > 0)
		buf_puts(out, " | i [have] (finished | completed | studied) <topic>\n"
		              " | <i_am> done with <topic>\n");
	buf_puts(out, ";\n");
	phrases_alternatives(out, "<decoy>", phrases_decoys, COUNT_OF(phrases_decoys));
	buf_puts(out, ";\npublic <turn> = /3/ <phrase> | <decoy> " PHRASE_DECOY ";\n");
}
