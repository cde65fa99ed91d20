/* SPDX-License-Identifier: MIT
 * Settings from the environment, files named by it, and `.env`; strings live in one arena that is
 * never freed. */
#include "common/base/config.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/arena.h"
#include "common/base/log.h"
#include "common/base/obj.h"

#define CONFIG_FILE_LIMIT 65536
#define CONFIG_NAME_LIMIT 128

struct config_entry {
	struct config_entry *next;
	const char *name;
	const char *value;
};

static struct arena *config_arena;
static struct config_entry *config_entries; /* of `.env`, the last line first */
static bool config_read;

static int __attribute__((format(printf, 3, 4)))
config_fail(char *error, size_t error_size, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	vsnprintf(error, error_size, format, args);
	va_end(args);
	return -1;
}

/* A small text file, or NULL with errno. */
static char *
config_read_file(const char *path)
{
	char *text = NULL;
	FILE *file = fopen(path, "re");
	if (file == NULL)
		return NULL;
	char *bytes = malloc(CONFIG_FILE_LIMIT + 1);
	if (bytes == NULL)
		goto done;
	size_t length = fread(bytes, 1, CONFIG_FILE_LIMIT + 1, file);
	if (ferror(file))
		goto done;
	if (length > CONFIG_FILE_LIMIT) {
		errno = EFBIG;
		goto done;
	}
	if (memchr(bytes, '\0', length) != NULL) {
		errno = EINVAL;
		goto done;
	}
	text = arena_strndup(config_arena, bytes, length);
	if (text == NULL)
		errno = ENOMEM;
done:
	if (bytes != NULL)
		explicit_bzero(bytes, CONFIG_FILE_LIMIT + 1);
	free(bytes);
	fclose(file);
	return text;
}

static char *
config_skip_blanks(char *text)
{
	return text + strspn(text, " \t");
}

/* The value at `text`, which stands behind a `=` or a blank, unquoted in place; NULL if a quote is
 * missing or something follows it. */
static char *
config_unquote(char *text)
{
	char quote = text[0];
	if (quote != '"' && quote != '\'') {
		char *end = text;
		while (*end != '\0' && !(*end == '#' && (end[-1] == ' ' || end[-1] == '\t')))
			end++;
		while (end > text && (end[-1] == ' ' || end[-1] == '\t'))
			end--;
		*end = '\0';
		return text;
	}
	char *to = text, *from = text + 1;
	for (; *from != quote; from++) {
		if (*from == '\0')
			return NULL;
		if (quote == '"' && *from == '\\' && from[1] != '\0') {
			from++;
			*to++ = *from == 'n' ? '\n' : *from == 't' ? '\t' : *from;
		} else {
			*to++ = *from;
		}
	}
	from = config_skip_blanks(from + 1);
	if (*from != '\0' && *from != '#')
		return NULL;
	*to = '\0';
	return text;
}

/* One line of `.env`. False if it is neither empty, a comment nor NAME=VALUE. */
static bool
config_parse_line(char *line)
{
	line = config_skip_blanks(line);
	if (*line == '\0' || *line == '#')
		return true;
	if (strncmp(line, "export", 6) == 0 && (line[6] == ' ' || line[6] == '\t'))
		line = config_skip_blanks(line + 6);
	size_t length = strspn(line, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	                             "0123456789_");
	char *equals = config_skip_blanks(line + length);
	if (length == 0 || *equals != '=')
		return false;
	char *value = config_unquote(config_skip_blanks(equals + 1));
	if (value == NULL)
		return false;
	line[length] = '\0';
	struct config_entry *entry = arena_alloc(config_arena, sizeof *entry);
	if (entry == NULL)
		return false;
	*entry = (struct config_entry){config_entries, line, value};
	config_entries = entry;
	return true;
}

static int
config_read_dotenv(char *error, size_t error_size)
{
	if (config_arena == NULL && (config_arena = arena_new(0)) == NULL)
		return config_fail(error, error_size, "no memory for the configuration");
	config_read = true;
	config_entries = NULL;
	const char *wanted = getenv("READ_DOTENV");
	if (wanted != NULL && strcmp(wanted, "no") == 0)
		return 0;
	char *line = config_read_file(".env");
	if (line == NULL && errno == ENOENT)
		return 0;
	if (line == NULL)
		return config_fail(error, error_size, ".env: %s", strerror(errno));
	for (int number = 1; line != NULL; number++) {
		char *next = strchr(line, '\n');
		if (next != NULL)
			*next++ = '\0';
		size_t length = strlen(line);
		if (length > 0 && line[length - 1] == '\r')
			line[length - 1] = '\0';
		if (!config_parse_line(line))
			return config_fail(error, error_size, ".env, line %d: not NAME=VALUE",
			                   number);
		line = next;
	}
	return 0;
}

static const char *
config_variable(const char *name)
{
	const char *value = getenv(name);
	if (value != NULL && value[0] != '\0')
		return value;
	for (struct config_entry *entry = config_entries; entry != NULL; entry = entry->next)
		if (strcmp(entry->name, name) == 0)
			return entry->value[0] != '\0' ? entry->value : NULL;
	return NULL;
}

/* `name`, else the content of the file that `name`_FILE names. 0 with NULL if there is neither. */
static int
config_find(const char *name, const char **value, char *error, size_t error_size)
{
	char file_name[CONFIG_NAME_LIMIT];
	int length = snprintf(file_name, sizeof file_name, "%s_FILE", name);
	assert(length > 0 && (size_t)length < sizeof file_name);
	*value = config_variable(name);
	if (*value != NULL)
		return 0;
	const char *path = config_variable(file_name);
	if (path == NULL)
		return 0;
	char *text = config_read_file(path);
	if (text == NULL)
		return config_fail(error, error_size, "%s: %s: %s", file_name, path,
		                   strerror(errno));
	size_t end = strlen(text);
	if (end > 0 && text[end - 1] == '\n')
		text[--end] = '\0';
	if (end > 0 && text[end - 1] == '\r')
		text[--end] = '\0';
	*value = end > 0 ? text : NULL;
	return 0;
}

static bool
config_parse_int(const struct config_setting *setting, const char *text)
{
	char *end;
	if ((text[0] < '0' || text[0] > '9') && text[0] != '-')
		return false;
	errno = 0;
	long long number = strtoll(text, &end, 10);
	if (errno != 0 || end == text || *end != '\0' || number < setting->min ||
	    number > setting->max)
		return false;
	*(int64_t *)setting->target = number;
	return true;
}

static bool
config_is_choice(const char *choices, const char *text)
{
	size_t length = strlen(text);
	for (const char *word = choices; length > 0; word++) {
		size_t word_length = strcspn(word, ",");
		if (word_length == length && memcmp(word, text, length) == 0)
			return true;
		word += word_length;
		if (*word == '\0')
			break;
	}
	return false;
}

/* Parses `text`, which `name` says, into the target. */
static int
config_assign(const struct config_setting *setting, const char *name, const char *text, char *error,
              size_t error_size)
{
	switch (setting->type) {
	case CONFIG_INT:
		if (config_parse_int(setting, text))
			return 0;
		return config_fail(error, error_size, "%s: \"%.64s\" is not a number of %lld..%lld",
		                   name, text, (long long)setting->min, (long long)setting->max);
	case CONFIG_CHOICE:
		if (!config_is_choice(setting->choices, text))
			return config_fail(error, error_size, "%s: \"%.64s\" is not one of %s",
			                   name, text, setting->choices);
		break;
	case CONFIG_TEXT:
	case CONFIG_SECRET: break;
	}
	*(const char **)setting->target = text;
	return 0;
}

static int
config_load_one(const char *prefix, const struct config_setting *setting, char *error,
                size_t error_size)
{
	char prefixed[CONFIG_NAME_LIMIT];
	const char *name = setting->name, *found = NULL;
	if (!setting->global) {
		int length = snprintf(prefixed, sizeof prefixed, "%s_%s", prefix, setting->name);
		assert(length > 0 && (size_t)length < sizeof prefixed);
		name = prefixed;
		if (config_find(name, &found, error, error_size) != 0)
			return -1;
	}
	if (found == NULL) {
		name = setting->name;
		if (config_find(name, &found, error, error_size) != 0)
			return -1;
	}
	/* The environment may change later (setenv), the copy does not. */
	const char *text = found != NULL ? found : setting->fallback;
	if (text != NULL && (text = arena_strdup(config_arena, text)) == NULL)
		return config_fail(error, error_size, "%s: no memory", name);
	if (text != NULL)
		return config_assign(setting, name, text, error, error_size);
	if (setting->type == CONFIG_INT)
		*(int64_t *)setting->target = 0;
	else
		*(const char **)setting->target = NULL;
	return 0;
}

int
config_load(const char *prefix, const struct config_setting *settings, size_t count, char *error,
            size_t error_size)
{
	if (config_read_dotenv(error, error_size) != 0)
		return -1;
	for (size_t i = 0; i < count; i++)
		if (config_load_one(prefix, &settings[i], error, error_size) != 0)
			return -1;
	return 0;
}

const char *
config_get(const char *name)
{
	char error[256];
	const char *value = NULL;
	if ((!config_read && config_read_dotenv(error, sizeof error) != 0) ||
	    config_find(name, &value, error, sizeof error) != 0) {
		LOG_ERROR("a setting cannot be read", LOG_TEXT("error", error));
		return NULL;
	}
	return value;
}

/* A default as config_unquote() reads it back. */
static void
config_print_value(const char *text)
{
	if (text[strcspn(text, " \t\n#'\"\\")] == '\0') {
		fputs(text, stdout);
		return;
	}
	putchar('"');
	for (; *text != '\0'; text++) {
		if (*text == '"' || *text == '\\')
			putchar('\\');
		if (*text == '\n')
			fputs("\\n", stdout);
		else
			putchar(*text);
	}
	putchar('"');
}

void
config_print(const char *prefix, const struct config_setting *settings, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const struct config_setting *setting = &settings[i];
		printf("# %s", setting->help);
		if (setting->type == CONFIG_INT)
			printf(" (%lld..%lld)", (long long)setting->min, (long long)setting->max);
		else if (setting->type == CONFIG_CHOICE)
			printf(" (%s)", setting->choices);
		printf("\n%s%s%s=", setting->global ? "" : prefix, setting->global ? "" : "_",
		       setting->name);
		if (setting->fallback != NULL && setting->type != CONFIG_SECRET)
			config_print_value(setting->fallback);
		putchar('\n');
	}
}
