/* SPDX-License-Identifier: MIT
 * The rules of history.proto's messages. */
#include "proto/history_rules.h"

#include "history.pb-c.h"

const struct rule history_rules[HISTORY_RULE_COUNT] = {
    RULE(history__list_request, type, ANY),
    RULE(history__list_request, from, DATE, .help = "First day, inclusive"),
    RULE(history__list_request, to, DATE, .help = "Last day, inclusive"),
    RULE(history__list_request, subject, TEXT, .min = 1, .max = 100),
    RULE(history__list_request, limit, NUMBER, .min = 1, .max = 100,
         .help = "Greatest number of items, 20 by default"),
    RULE(history__list_request, cursor, OPAQUE, .min = 1, .max = 512,
         .help = "next_cursor of the page before"),
    RULE(history__record_request, type, ANY, .required = true),
    RULE(history__record_request, subject, TEXT, .min = 1, .max = 100, .required = true),
    RULE(history__record_request, minutes, NUMBER, .min = 1, .max = 1440, .required = true),
    RULE(history__record_request, note, TEXT, .max = 1000),
    RULE(history__record_request, at, INSTANT, .min = 2000, .help = "Now by default"),
    RULE(history__update_request, id, ID, .required = true),
    RULE(history__update_request, subject, TEXT, .min = 1, .max = 100),
    RULE(history__update_request, minutes, NUMBER, .min = 1, .max = 1440),
    RULE(history__update_request, note, TEXT, .max = 1000, .nullable = true),
    RULE(history__update_request, at, INSTANT, .min = 2000),
    RULE(history__delete_request, id, ID, .required = true),
    RULE(history__summary_request, from, DATE, .help = "First day; 29 days before `to` by default"),
    RULE(history__summary_request, to, DATE, .help = "Last day, inclusive; today by default"),
    RULE(history__summary_request, tz, ZONE, .help = "The learner's by default"),
    RULE(common__events, events, ANY, .required = true, .max_items = 1000),
    RULE(common__event, id, ID, .required = true),
    RULE(common__event, version, NUMBER, .max = 4294967295),
    RULE(common__event, user_id, ID, .required = true),
    RULE(common__event, type, ANY, .required = true),
    RULE(common__event, at, INSTANT, .required = true),
    RULE(common__event, subject, OPAQUE, .max = 2000),
    RULE(common__event, minutes, NUMBER, .max = 100000),
    RULE(common__event, note, OPAQUE, .max = 4000),
    RULE(common__event, ref, ID),
    RULE(common__erase_request, user_id, ID, .required = true),
};
