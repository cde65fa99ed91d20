/* SPDX-License-Identifier: MIT
 * The rules of auth.proto's messages. */
#include "proto/auth_rules.h"

#include "auth.pb-c.h"

const struct rule auth_rules[AUTH_RULE_COUNT] = {
    RULE(auth__sign_up_request, email, EMAIL, .max = 254, .required = true,
         .help = "Compared without regard to case"),
    RULE(auth__sign_up_request, password, SECRET, .min = 8, .max = 128, .required = true,
         .help = "8 to 128 characters, normalized to NFC"),
    RULE(auth__sign_up_request, name, TEXT, .max = 100),
    RULE(auth__sign_up_request, locale, ANY, .help = "ko by default"),
    RULE(auth__sign_up_request, time_zone, ZONE, .help = "An IANA name; Asia/Seoul by default"),
    RULE(auth__sign_up_request, code, OPAQUE, .max = 128,
         .help = "Where signing up needs an invitation"),
    RULE(auth__sign_in_request, email, TEXT, .max = 254, .required = true),
    RULE(auth__sign_in_request, password, SECRET, .max = 1024, .required = true),
    RULE(auth__list_sessions_request, limit, NUMBER, .min = 1, .max = 100,
         .help = "Greatest number of items, 20 by default"),
    RULE(auth__list_sessions_request, cursor, OPAQUE, .min = 1, .max = 512,
         .help = "next_cursor of the page before"),
    RULE(auth__delete_session_request, id, ID, .required = true),
    RULE(auth__update_me_request, name, TEXT, .max = 100, .nullable = true),
    RULE(auth__update_me_request, locale, ANY, .nullable = true, .help = "null: ko"),
    RULE(auth__update_me_request, time_zone, ZONE, .nullable = true,
         .help = "An IANA name; null: Asia/Seoul"),
    RULE(auth__update_me_request, password, SECRET, .min = 8, .max = 128,
         .help = "8 to 128 characters, normalized to NFC"),
    RULE(auth__update_me_request, current_password, SECRET, .max = 1024,
         .help = "Needed to change the password"),
    RULE(auth__delete_me_request, current_password, SECRET, .max = 1024, .required = true),
    RULE(auth__reset_password_request, token, OPAQUE, .min = 1, .max = 128, .required = true),
    RULE(auth__reset_password_request, password, SECRET, .min = 8, .max = 128, .required = true,
         .help = "8 to 128 characters, normalized to NFC"),
    RULE(auth__verify_request, token, OPAQUE, .min = 1, .max = 512, .required = true),
    RULE(common__erase_request, user_id, ID, .required = true),
};
