/* SPDX-License-Identifier: MIT
 *
 * What the fields of auth.proto's messages may hold (common/base/rules.h), as the HTTP contract
 * says. Used by the service's validator and by the gateway's /openapi.json:
 * `.rules = {auth_rules, AUTH_RULE_COUNT}`.
 */
#ifndef STUDYHALL_PROTO_AUTH_RULES_H
#define STUDYHALL_PROTO_AUTH_RULES_H

#include "common/base/rules.h"

#define AUTH_RULE_COUNT 21
extern const struct rule auth_rules[AUTH_RULE_COUNT];

#endif
