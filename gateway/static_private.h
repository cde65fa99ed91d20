/* SPDX-License-Identifier: MIT
 * What static.c and static_load.c share. */
#ifndef STUDYHALL_GATEWAY_STATIC_PRIVATE_H
#define STUDYHALL_GATEWAY_STATIC_PRIVATE_H

#include "gateway/static.h"

#define STATIC_MAGIC   0x57a71c00u
#define STATIC_CODINGS 3 /* as it is, br, gzip: in the order of preference */

struct static_coding {
	const char *name;   /* as in Accept-Encoding */
	const char *suffix; /* of the file that holds it */
};
extern const struct static_coding static_codings[STATIC_CODINGS];

struct static_body {
	char *bytes; /* NULL: there is none */
	size_t length;
	char etag[28];
};

struct static_file {
	char *path; /* "/app.js" */
	const char *type;
	bool is_immutable; /* its name says its content */
	struct static_body bodies[STATIC_CODINGS];
};

#define STATIC_ASSETS "/assets/"
#define STATIC_HASH   8 /* characters at least */
/* Does a hash begin there and go on to the next full stop? 8 or more of base64url's characters; one
 * of them is a digit or a capital, else it may be a word. */
bool static_is_hash(const char *text);

struct static_files {
	unsigned magic;
	size_t count;
	size_t current; /* of these, how many are not of the build before */
	size_t bytes;
	struct static_file files[STATIC_MAX_FILES];
};

#endif
