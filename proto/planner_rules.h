/* SPDX-License-Identifier: MIT
 *
 * What the fields of planner.proto's messages may hold (common/base/rules.h), as the HTTP contract
 * says. Used by the service's validator and by the gateway's /openapi.json:
 * `.rules = {planner_rules, PLANNER_RULE_COUNT}`.
 */
#ifndef STUDYHALL_PROTO_PLANNER_RULES_H
#define STUDYHALL_PROTO_PLANNER_RULES_H

#include "common/base/rules.h"

#define PLANNER_RULE_COUNT 55
extern const struct rule planner_rules[PLANNER_RULE_COUNT];

#endif
