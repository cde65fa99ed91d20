/* SPDX-License-Identifier: MIT
 * The rules of voice.proto's messages. */
#include "proto/voice_rules.h"

#include "voice.pb-c.h"

/* What a learner may send: 10 MB of audio. */
#define VOICE_MAX_AUDIO ((int64_t)10 << 20)
const struct rule voice_rules[VOICE_RULE_COUNT] = {
    RULE(voice__create_turn_request, conversation_id, ID, .help = "Continues this conversation"),
    RULE(voice__create_turn_request, locale, ANY, .help = "The learner's by default"),
    RULE(voice__create_turn_request, text, TEXT, .min = 1, .max = 1000, .help = "A typed turn"),
    RULE(voice__create_turn_request, audio, OPAQUE, .min = 1, .max = VOICE_MAX_AUDIO),
    RULE(voice__create_turn_request, content_type, OPAQUE, .min = 1, .max = 200),
    RULE(voice__list_conversations_request, limit, NUMBER, .min = 1, .max = 100,
         .help = "Greatest number of items, 20 by default"),
    RULE(voice__list_conversations_request, cursor, OPAQUE, .min = 1, .max = 512,
         .help = "next_cursor of the page before"),
    RULE(voice__get_conversation_request, id, ID, .required = true),
    RULE(voice__delete_conversation_request, id, ID, .required = true),
    RULE(common__erase_request, user_id, ID, .required = true),
};
