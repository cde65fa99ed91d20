/* SPDX-License-Identifier: MIT
 *
 * URLs of the services we connect to (RFC 3986): scheme://user:password@host:port/path?name=value.
 * Parts are percent-decoded. For configuration, not for strangers' URLs. Pure and thread-safe.
 */
#ifndef STUDYHALL_IO_URL_H
#define STUDYHALL_IO_URL_H

#include <stddef.h>

#define URL_PARAMS 8

struct url {
	char *text; /* what the others point into */
	const char *scheme;
	const char *user; /* NULL if absent, and so on */
	const char *password;
	const char *host; /* without the brackets of an IPv6 address; NULL if empty */
	unsigned port;    /* 0 if absent */
	const char *path; /* without its leading slash; "" if absent */
	struct {
		const char *name, *value;
	} params[URL_PARAMS];
	size_t param_count;
};

/* Returns 0, or -1 with one line in `error` that does not repeat the URL (it may hold a password).
 */
int url_parse(struct url *url, const char *text, char *error, size_t error_size);
void url_fini(struct url *url);
/* A query parameter's value, or NULL. */
const char *url_param(const struct url *url, const char *name);

#endif
