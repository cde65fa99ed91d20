/* SPDX-License-Identifier: MIT
 *
 * What the fields of voice.proto's messages may hold (common/base/rules.h), as the HTTP contract
 * says. Used by the service's validator and by the gateway's /openapi.json:
 * `.rules = {voice_rules, VOICE_RULE_COUNT}`.
 */
#ifndef STUDYHALL_PROTO_VOICE_RULES_H
#define STUDYHALL_PROTO_VOICE_RULES_H

#include "common/base/rules.h"

#define VOICE_RULE_COUNT 10
extern const struct rule voice_rules[VOICE_RULE_COUNT];

#endif
