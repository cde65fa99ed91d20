/* SPDX-License-Identifier: MIT
 * Reads the web app's files into memory. */
#include "gateway/static_private.h"

#include "common/base/ids.h"
#include "common/base/obj.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

const struct static_coding static_codings[STATIC_CODINGS] = {
    {"identity", ""}, {"br", ".br"}, {"gzip", ".gz"}};

static const struct {
	const char *suffix, *type;
} static_types[] = {
    {".html", "text/html; charset=utf-8"},
    {".js", "text/javascript; charset=utf-8"},
    {".css", "text/css; charset=utf-8"},
    {".json", "application/json"},
    {".webmanifest", "application/manifest+json"},
    {".svg", "image/svg+xml"},
    {".png", "image/png"},
    {".ico", "image/x-icon"},
    {".woff2", "font/woff2"},
    {".txt", "text/plain; charset=utf-8"},
};

struct static_loading {
	struct static_files *files;
	bool is_previous;
	char *error;
	size_t error_size;
};

static bool
static_ends_with(const char *text, const char *suffix)
{
	size_t length = strlen(text), size = strlen(suffix);
	return length >= size && strcmp(text + length - size, suffix) == 0;
}

static const char *
static_type(const char *path)
{
	for (size_t i = 0; i < COUNT_OF(static_types); i++)
		if (static_ends_with(path, static_types[i].suffix))
			return static_types[i].type;
	return "application/octet-stream";
}

bool
static_is_hash(const char *text)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz";
	static const char others[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
	size_t length = strcspn(text, ".");
	bool is_word = true;
	for (size_t i = 0; i < length; i++) {
		if (strchr(others, text[i]) != NULL)
			is_word = false;
		else if (strchr(letters, text[i]) == NULL && text[i] != '-' && text[i] != '_')
			return false;
	}
	return length >= STATIC_HASH && !is_word && text[length] == '.';
}

/* NAME-HASH.EXT below /assets/; either may have dashes of its own. */
static bool
static_is_immutable(const char *path)
{
	if (strncmp(path, STATIC_ASSETS, sizeof STATIC_ASSETS - 1) != 0)
		return false;
	const char *dash = strrchr(path, '/') + 1;
	while ((dash = strchr(dash, '-')) != NULL)
		if (static_is_hash(++dash))
			return true;
	return false;
}

static int
static_fail(struct static_loading *loading, const char *path, const char *why)
{
	snprintf(loading->error, loading->error_size, "%s: %s", path, why);
	return -1;
}

/* The file of that path, made if there is none. */
static struct static_file *
static_file_of(struct static_files *files, const char *path)
{
	for (size_t i = 0; i < files->count; i++)
		if (strcmp(files->files[i].path, path) == 0)
			return &files->files[i];
	if (files->count == STATIC_MAX_FILES)
		return NULL;
	struct static_file *file = &files->files[files->count];
	file->path = strdup(path);
	file->type = static_type(path);
	file->is_immutable = static_is_immutable(path);
	files->count += file->path != NULL;
	return file->path == NULL ? NULL : file;
}

static int
static_read(struct static_loading *loading, const char *name, const char *path, size_t size)
{
	size_t coding = static_ends_with(path, ".br") ? 1 : static_ends_with(path, ".gz") ? 2 : 0;
	char plain[PATH_MAX];
	snprintf(plain, sizeof plain, "%.*s",
	         (int)(strlen(path) - strlen(static_codings[coding].suffix)), path);
	struct static_file *file = static_file_of(loading->files, plain);
	if (file == NULL)
		return static_fail(loading, name, "too many files");
	if (loading->is_previous && file < loading->files->files + loading->files->current)
		return 0;
	if (size > STATIC_MAX_BYTES - loading->files->bytes)
		return static_fail(loading, name, "too many bytes");
	FILE *stream = fopen(name, "re");
	if (stream == NULL)
		return static_fail(loading, name, strerror(errno));
	struct static_body *body = &file->bodies[coding];
	body->bytes = malloc(size + 1);
	body->length = body->bytes == NULL ? 0 : fread(body->bytes, 1, size, stream);
	fclose(stream);
	if (body->bytes == NULL || body->length != size)
		return static_fail(loading, name, "cannot be read");
	loading->files->bytes += size;
	char digest[TOKEN_SIZE];
	ids_digest(body->bytes, size, digest);
	snprintf(body->etag, sizeof body->etag, "\"%.22s\"", digest);
	return 0;
}

static int
static_walk(struct static_loading *loading, const char *directory, const char *path, int depth)
{
	DIR *dir = opendir(directory);
	if (dir == NULL)
		return static_fail(loading, directory, strerror(errno));
	int result = 0;
	for (struct dirent *entry; result == 0 && (entry = readdir(dir)) != NULL;) {
		char name[PATH_MAX], below[PATH_MAX];
		struct stat status;
		if (entry->d_name[0] == '.')
			continue;
		int length = snprintf(name, sizeof name, "%s/%s", directory, entry->d_name);
		int below_length = snprintf(below, sizeof below, "%s/%s", path, entry->d_name);
		if (length >= (int)sizeof name || below_length >= (int)sizeof below)
			result = static_fail(loading, directory, "a path in it is too long");
		else if (stat(name, &status) != 0)
			result = static_fail(loading, name, strerror(errno));
		else if (S_ISDIR(status.st_mode) && depth >= STATIC_MAX_DEPTH)
			result = static_fail(loading, name, "too deep");
		else if (S_ISDIR(status.st_mode))
			result = static_walk(loading, name, below, depth + 1);
		else if (S_ISREG(status.st_mode))
			result = static_read(loading, name, below, (size_t)status.st_size);
	}
	closedir(dir);
	return result;
}

/* A .gz or .br alone has no plain file to stand for. */
static int
static_check_plain(struct static_loading *loading)
{
	for (size_t i = 0; i < loading->files->count; i++)
		if (loading->files->files[i].bodies[0].bytes == NULL)
			return static_fail(loading, loading->files->files[i].path,
			                   "only a compressed file is there");
	return 0;
}

/* What is below assets/ of the build before, if anything is. */
static int
static_load_previous(struct static_loading *loading, const char *directory)
{
	char assets[PATH_MAX];
	loading->files->current = loading->files->count;
	loading->is_previous = true;
	if (directory == NULL)
		return 0;
	if (access(directory, R_OK | X_OK) != 0)
		return static_fail(loading, directory, strerror(errno));
	int length = snprintf(assets, sizeof assets, "%s" STATIC_ASSETS, directory);
	if (length >= (int)sizeof assets)
		return static_fail(loading, directory, "a path in it is too long");
	assets[length - 1] = '\0';
	if (access(assets, F_OK) != 0)
		return 0;
	return static_walk(loading, assets, "/assets", 1);
}

struct static_files *
static_load(const char *directory, const char *previous, char *error, size_t error_size)
{
	struct static_files *files = calloc(1, sizeof *files);
	struct static_loading loading = {files, false, error, error_size};
	if (files == NULL) {
		snprintf(error, error_size, "out of memory");
		return NULL;
	}
	OBJ_INIT(files, STATIC_MAGIC);
	if (static_walk(&loading, directory, "", 0) != 0 ||
	    static_load_previous(&loading, previous) != 0 || static_check_plain(&loading) != 0)
		static_free(&files);
	return files;
}

void
static_free(struct static_files **files)
{
	if (*files == NULL)
		return;
	OBJ_CHECK(*files, STATIC_MAGIC);
	for (size_t i = 0; i < (*files)->count; i++) {
		free((*files)->files[i].path);
		for (size_t j = 0; j < STATIC_CODINGS; j++)
			free((*files)->files[i].bodies[j].bytes);
	}
	OBJ_FINI(*files);
	free(*files);
	*files = NULL;
}

bool
static_default_root(char *out, size_t size)
{
	static const char *const places[] = {"/web", "/../share/studyhall/web",
	                                     "/../../../build/web", "/../../../gateway/web"};
	char self[PATH_MAX];
	ssize_t length = readlink("/proc/self/exe", self, sizeof self - 1);
	if (length <= 0)
		return false;
	self[length] = '\0';
	char *slash = strrchr(self, '/');
	if (slash != NULL)
		*slash = '\0';
	for (size_t i = 0; i < COUNT_OF(places); i++) {
		int used = snprintf(out, size, "%s%s", self, places[i]);
		if (used > 0 && (size_t)used < size && access(out, R_OK | X_OK) == 0)
			return true;
	}
	return false;
}

bool
static_default_previous(const char *root, char *out, size_t size)
{
	size_t length = strlen(root);
	while (length > 1 && root[length - 1] == '/')
		length--;
	int used = snprintf(out, size, "%.*s-previous", (int)length, root);
	return used > 0 && (size_t)used < size && access(out, R_OK | X_OK) == 0;
}
