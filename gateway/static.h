/* SPDX-License-Identifier: MIT
 *
 * The files of one directory, read into memory at start and served from there: no request opens a
 * file, so no path can lead out of it. Read-only afterwards; any thread.
 *
 * Names below /assets/ that bear a hash of their content, as `make` and bundlers write them
 * (docs-3f9a01c2.css), are never another content: browsers keep them for a year. Those of the build
 * before are served too, for the pages that it has handed out.
 */
#ifndef STUDYHALL_GATEWAY_STATIC_H
#define STUDYHALL_GATEWAY_STATIC_H

#include "gateway/answer.h"

struct static_file;
struct static_files;

#define STATIC_MAX_FILES 512
#define STATIC_MAX_BYTES ((size_t)64 << 20) /* of all files together */
#define STATIC_MAX_DEPTH 8

/* Reads the directory and those below; names that begin with a dot are left out. Of `previous`, the
 * same of the build before (NULL: there is none), what is below assets/ and not in `directory`; it
 * need not have any. NULL with one line in `error`. Blocking. */
struct static_files *static_load(const char *directory, const char *previous, char *error,
                                 size_t error_size);
void static_free(struct static_files **files);
/* Where the web app's files are beside this binary: DIR/web, DIR/../share/studyhall/web, or in the
 * source tree it was built in. False if nowhere. */
bool static_default_root(char *out, size_t size);
/* Where those of the build before are: beside `root`, of the same name and `-previous`. False if
 * there are none. */
bool static_default_previous(const char *root, char *out, size_t size);

/* The file of a decoded path: "/app.js"; "/docs" finds docs.html, "/" index.html. NULL: none. */
const struct static_file *static_find(const struct static_files *files,
                                      const struct http_target *target);
/* The path of what is NAME.EXT in the sources: "/assets/NAME-HASH.EXT". NULL: it has no such. */
const char *static_asset(const struct static_files *files, const char *name);
/* Sends it: ETag and 304, the .br or .gz variant where there is one and the client takes it, a
 * strict CSP on pages. From a handler. */
void static_send(struct answer *answer, const struct static_file *file);

/* The policy of all pages: nothing from elsewhere, nothing inline. */
#define STATIC_CSP                                                                                 \
	"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "          \
	"font-src 'self'; connect-src 'self'; media-src 'self' blob: data:; manifest-src 'self'; " \
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

#endif
