/* SPDX-License-Identifier: MIT
 * Answers with the files that static_load.c has read. */
#include "gateway/static.h"

#include "common/base/obj.h"
#include "gateway/static_private.h"

#include <stdio.h>
#include <string.h>

#define STATIC_MAX_PATH 512

static const struct static_file *
static_find_path(const struct static_files *files, const char *path)
{
	for (size_t i = 0; i < files->count; i++)
		if (strcmp(files->files[i].path, path) == 0)
			return &files->files[i];
	return NULL;
}

const struct static_file *
static_find(const struct static_files *files, const struct http_target *target)
{
	OBJ_CHECK(files, STATIC_MAGIC);
	char path[STATIC_MAX_PATH];
	size_t length = 0;
	path[0] = '\0';
	for (size_t i = 0; i < target->segment_count; i++) {
		int used =
		    snprintf(path + length, sizeof path - length, "/%s", target->segments[i]);
		if (used < 0 || (size_t)used >= sizeof path - length - sizeof "/index.html")
			return NULL;
		length += (size_t)used;
	}
	const struct static_file *file = static_find_path(files, path);
	if (file != NULL)
		return file;
	bool is_directory = length == 0 || path[length - 1] == '/';
	snprintf(path + length, sizeof path - length, "%s",
	         length == 0    ? "/index.html"
	         : is_directory ? "index.html"
	                        : ".html");
	return static_find_path(files, path);
}

const char *
static_asset(const struct static_files *files, const char *name)
{
	OBJ_CHECK(files, STATIC_MAGIC);
	char start[STATIC_MAX_PATH];
	size_t stem = strcspn(name, ".");
	int length = snprintf(start, sizeof start, STATIC_ASSETS "%.*s-", (int)stem, name);
	assert(length > 0 && (size_t)length < sizeof start);
	for (size_t i = 0; i < files->current; i++) {
		const char *path = files->files[i].path, *hash = path + length;
		if (strncmp(path, start, (size_t)length) == 0 && static_is_hash(hash) &&
		    strcmp(hash + strcspn(hash, "."), name + stem) == 0)
			return path;
	}
	return NULL;
}

static const struct static_body *
static_choose(const struct answer *answer, const struct static_file *file)
{
	char line[512];
	const char *accepted = answer_field(answer->request, "accept-encoding", line, sizeof line);
	for (size_t i = 1; i < STATIC_CODINGS && accepted != NULL; i++)
		if (file->bodies[i].bytes != NULL &&
		    http_coding_quality(accepted, static_codings[i].name) > 0)
			return &file->bodies[i];
	return &file->bodies[0];
}

void
static_send(struct answer *answer, const struct static_file *file)
{
	const struct static_body *body = static_choose(answer, file);
	size_t coding = (size_t)(body - file->bodies);
	char line[1024];
	const char *tags = answer_field(answer->request, "if-none-match", line, sizeof line);
	answer_header(answer, "ETag", body->etag);
	answer_header(answer, "Cache-Control",
	              file->is_immutable ? "public, max-age=31536000, immutable" : "no-cache");
	answer_header(answer, "Vary", "Accept-Encoding");
	if (http_etag_match_weak(tags, body->etag)) {
		(void)answer_send(answer, 304, NULL, 0);
		return;
	}
	answer_header(answer, "Content-Type", file->type);
	if (coding != 0)
		answer_header(answer, "Content-Encoding", static_codings[coding].name);
	if (strncmp(file->type, "text/html", 9) == 0) {
		answer_header(answer, "Content-Security-Policy", STATIC_CSP);
		answer_header(answer, "Referrer-Policy", "same-origin");
	}
	(void)answer_send(answer, 200, body->bytes, body->length);
}
