/* SPDX-License-Identifier: MIT
 *
 * Errors as all of Google's HTTP APIs write them (google.rpc.Status), and where their key is.
 */
#ifndef STUDYHALL_TESTS_UPSTREAM_GOOGLE_ERROR_H
#define STUDYHALL_TESTS_UPSTREAM_GOOGLE_ERROR_H

#include "tests/upstream/call.h"

/* x-goog-api-key, or the parameter `key`. */
const char *google_key(const struct http_request *request);
/* For struct provider. */
int google_refuse(struct call *call, enum refusal why, const char *detail, struct buf *body);

#endif
