/* SPDX-License-Identifier: MIT
 *
 * Errors as OpenAI's API writes them, and where its key is.
 */
#ifndef STUDYHALL_TESTS_UPSTREAM_OPENAI_ERROR_H
#define STUDYHALL_TESTS_UPSTREAM_OPENAI_ERROR_H

#include "tests/upstream/call.h"

/* Authorization: Bearer KEY. */
const char *openai_key(const struct http_request *request);
/* For struct provider. */
int openai_refuse(struct call *call, enum refusal why, const char *detail, struct buf *body);
/* x-request-id and the rate limit, as every answer has them; once, however often it is called. */
void openai_headers(struct call *call);

#endif
