/* SPDX-License-Identifier: MIT
 * A request's inside, shared by fetch.c (the task's side) and fetch_request.c (curl's side). */
#ifndef STUDYHALL_IO_FETCH_PRIVATE_H
#define STUDYHALL_IO_FETCH_PRIVATE_H

#include "common/base/buf.h"
#include "common/io/fetch.h"
#include "common/io/fetch_multi.h"
#include "common/task/task.h"

#define FETCH_MAGIC 0xfe7c4000u

struct fetch {
	unsigned magic;
	struct fetch_multi *multi;
	CURL *easy;
	struct curl_slist *headers;
	size_t body_length; /* of the request */
	char *own_body;     /* to be freed; NULL: the caller's */
	bool resendable, sent;
	bool added; /* the multi handle has it */
	bool ended;
	CURLcode result;
	struct buf head; /* of the last response; interim ones are dropped */
	bool head_done;
	struct buf waiting; /* received, not yet read */
	struct buf given;   /* what the last read gave */
	size_t received, body_limit;
	bool collecting; /* all is wanted at once: never paused */
	bool paused;
	bool too_large;
	uint64_t first_byte_at_ms; /* when it is too late; UINT64_MAX: never */
	uint32_t silence_ms;
	uint64_t heard_ms; /* last byte received */
	struct wait *wait; /* the task that waits for news, or NULL */
	uint64_t begun_us;
	char error[CURL_ERROR_SIZE];
};

/* Tells the easy handle everything; on failure fetch_error() is set. */
enum status fetch_set_up(struct fetch *fetch, const struct fetch_request *request);
/* Notes the reason for fetch_error(), gives `status` back. */
enum status fetch_fail(enum status status, const char *why);

#endif
