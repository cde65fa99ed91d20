/* SPDX-License-Identifier: MIT
 *
 * JSON from strangers: jansson behind a scan for depth, so that a few KB of "[[[[" cannot overflow
 * a task's stack. Thread-safe.
 */
#ifndef STUDYHALL_BASE_JSON_H
#define STUDYHALL_BASE_JSON_H

#include <jansson.h>
#include <stddef.h>

#define JSON_DEPTH_LIMIT 64

/* Depth of nesting of `text`, brackets within strings not counted. Does not recurse. */
size_t json_depth(const char *text, size_t length);
/* Parses one JSON value with nothing behind it; duplicate members and depths above the limit are
 * errors. NULL, with one line about what and where in `error`. Free with json_decref(). */
json_t *json_parse(const char *text, size_t length, char *error, size_t error_size);

#endif
