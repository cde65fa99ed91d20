/* SPDX-License-Identifier: MIT
 * Prompts from files. */
#include "common/ai/prompts.h"

#include "common/base/text.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PROMPTS_LIMIT   ((size_t)64 << 10)
#define PROMPTS_LOCALES 2

struct prompts {
	char *texts[PROMPTS_LOCALES];
};

static const char *const prompts_locales[PROMPTS_LOCALES] = {"ko", "en"};

/* The file that comes with the program: beside it; or, in a build tree, where the sources are. */
static bool
prompts_find(const char *service, const char *file, char path[PATH_MAX])
{
	char program[PATH_MAX / 2];
	ssize_t length = readlink("/proc/self/exe", program, sizeof program - 1);

	if (length <= 0)
		return false;
	program[length] = '\0';
	*strrchr(program, '/') = '\0';
	snprintf(path, PATH_MAX, "%s/prompts/%s", program, file);
	if (access(path, R_OK) == 0)
		return true;
	snprintf(path, PATH_MAX, "%s/../../../services/%s/prompts/%s", program, service, file);
	return access(path, R_OK) == 0;
}

/* The file's text, to be freed. */
static char *
prompts_read(const char *path, char *error, size_t error_size)
{
	char *text = calloc(1, PROMPTS_LIMIT + 1);
	FILE *file = fopen(path, "re");
	size_t length = 0;

	if (file == NULL || text == NULL) {
		snprintf(error, error_size, "%s: %s", path, strerror(errno));
	} else {
		length = fread(text, 1, PROMPTS_LIMIT + 1, file);
		if (length == 0 || length > PROMPTS_LIMIT || !text_valid(text, length)) {
			snprintf(error, error_size, "%s: must be UTF-8 text of 1 to %zu bytes",
			         path, PROMPTS_LIMIT);
			length = 0;
		}
	}
	if (file != NULL)
		fclose(file);
	if (length > 0)
		return text;
	free(text);
	return NULL;
}

static char *
prompts_load(const char *dir, const char *service, const char *file, char *error, size_t error_size)
{
	char path[PATH_MAX];

	if (dir != NULL) {
		snprintf(path, sizeof path, "%s/%s", dir, file);
		if (access(path, F_OK) == 0)
			return prompts_read(path, error, error_size);
	}
	if (prompts_find(service, file, path))
		return prompts_read(path, error, error_size);
	snprintf(error, error_size, "PROMPTS_DIR: there is no %s, and none comes with the program",
	         file);
	return NULL;
}

struct prompts *
prompts_new(const char *dir, const char *service, const char *name, char *error, size_t error_size)
{
	struct prompts *prompts = calloc(1, sizeof *prompts);
	char file[NAME_MAX];

	snprintf(error, error_size, "no memory");
	if (dir != NULL && access(dir, R_OK | X_OK) != 0) {
		snprintf(error, error_size, "PROMPTS_DIR: %s: %s", dir, strerror(errno));
		prompts_free(&prompts);
	}
	for (int i = 0; i < PROMPTS_LOCALES && prompts != NULL; i++) {
		snprintf(file, sizeof file, "%s/%s", prompts_locales[i], name);
		prompts->texts[i] = prompts_load(dir, service, file, error, error_size);
		if (prompts->texts[i] == NULL)
			prompts_free(&prompts);
	}
	return prompts;
}

void
prompts_free(struct prompts **prompts)
{
	struct prompts *gone = *prompts;

	*prompts = NULL;
	if (gone == NULL)
		return;
	for (int i = 0; i < PROMPTS_LOCALES; i++)
		free(gone->texts[i]);
	free(gone);
}

const char *
prompts_text(const struct prompts *prompts, const char *locale)
{
	return prompts->texts[strcmp(locale, prompts_locales[0]) == 0 ? 0 : 1];
}
