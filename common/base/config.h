/* SPDX-License-Identifier: MIT
 *
 * Configuration from the environment. A process declares its settings in tables; config_load()
 * fills them in. For a setting X and a process with prefix P it takes the first of: P_X, P_X_FILE
 * (the file's content, last line end cut), X, X_FILE; each from the environment, else from `.env`
 * in the working directory, which is left alone when READ_DOTENV=no is in the environment. Empty
 * counts as not set. Called once, before there are threads.
 */
#ifndef STUDYHALL_BASE_CONFIG_H
#define STUDYHALL_BASE_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum config_type {
	CONFIG_TEXT,   /* const char ** */
	CONFIG_SECRET, /* const char **; never printed */
	CONFIG_INT,    /* int64_t *, within min..max */
	CONFIG_CHOICE, /* const char **; one of the words of `choices`, separated by commas */
};

struct config_setting {
	const char *name; /* without prefix, e.g. "WORKERS"; a full name if `global` */
	enum config_type type;
	void *target;
	const char *fallback; /* the default as text; NULL: stays NULL (text) or 0 */
	int64_t min, max;     /* CONFIG_INT */
	const char *choices;  /* CONFIG_CHOICE */
	bool global;          /* has no prefixed form: REDIS_URL, PUBLIC_URL */
	const char *help;     /* one line, for .env.example */
};

/* Fills the targets of `count` settings for a process with this prefix ("AUTH"). Returns 0, or -1
 * after writing one line into `error` that names the setting that cannot be parsed. Strings live
 * as long as the process. */
int config_load(const char *prefix, const struct config_setting *settings, size_t count,
                char *error, size_t error_size);
/* One variable by its full name (environment, NAME_FILE, .env), or NULL. */
const char *config_get(const char *name);
/* Prints each setting as .env.example shows it: help as a comment, name=default. */
void config_print(const char *prefix, const struct config_setting *settings, size_t count);

#endif
