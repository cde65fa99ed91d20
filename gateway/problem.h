/* SPDX-License-Identifier: MIT
 *
 * Problem documents (RFC 9457): every error of the gateway looks the same. And the page that
 * explains each kind, where its `type` points to.
 */
#ifndef STUDYHALL_GATEWAY_PROBLEM_H
#define STUDYHALL_GATEWAY_PROBLEM_H

#include "gateway/answer.h"

struct buf;
struct violation;

struct problem {
	enum status status;
	const char *detail; /* NULL: the title says it all */
	const struct violation *violations;
	uint32_t retry_after_s; /* 0: 1, where the status has one */
};

/* Sends the problem with the answer's header fields and its own: Content-Type, WWW-Authenticate,
 * Retry-After. From a handler, or on the loop. */
void problem_send(struct answer *answer, const struct problem *problem);
/* Writes the document, in one line without its end. */
void problem_write(struct buf *out, const struct problem *problem, const char *trace);

/* The status of a slug that clients may see, or STATUS_OK if there is none. */
enum status problem_find(const char *slug);
/* What it means and what to do about it: one sentence or two. */
const char *problem_explain(enum status status);

#endif
