/* SPDX-License-Identifier: MIT
 * Look-ups in the table of outcomes. */
#include "common/base/status.h"

#include <string.h>

static const struct row {
	int grpc;
	int http;
	const char *slug;
	bool retryable;
	const char *title;
} rows[] = {
#define X(name, grpc, http, slug, retryable, title) {grpc, http, slug, retryable, title},
    STATUS_TABLE(X)
#undef X
};

static const struct row *
row_of(enum status status)
{
	if ((unsigned)status >= STATUS_COUNT)
		status = STATUS_INTERNAL;
	return &rows[status];
}

const char *
status_slug(enum status status)
{
	return row_of(status)->slug;
}

const char *
status_title(enum status status)
{
	return row_of(status)->title;
}

int
status_http(enum status status)
{
	return row_of(status)->http;
}

int
status_grpc(enum status status)
{
	return row_of(status)->grpc;
}

bool
status_retryable(enum status status)
{
	return row_of(status)->retryable;
}

enum status
status_from_wire(const char *slug, int grpc)
{
	for (int i = 0; slug != NULL && i < STATUS_COUNT; i++)
		if (strcmp(rows[i].slug, slug) == 0)
			return (enum status)i;
	for (int i = 0; i < STATUS_COUNT; i++)
		if (rows[i].grpc == grpc)
			return (enum status)i;
	return STATUS_INTERNAL;
}
