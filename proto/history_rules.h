/* SPDX-License-Identifier: MIT
 *
 * What the fields of history.proto's messages may hold (common/base/rules.h), as the HTTP contract
 * says. Used by the service's validator and by the gateway's /openapi.json:
 * `.rules = {history_rules, HISTORY_RULE_COUNT}`.
 */
#ifndef STUDYHALL_PROTO_HISTORY_RULES_H
#define STUDYHALL_PROTO_HISTORY_RULES_H

#include "common/base/rules.h"

#define HISTORY_RULE_COUNT 31
extern const struct rule history_rules[HISTORY_RULE_COUNT];

#endif
