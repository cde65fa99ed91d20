/* SPDX-License-Identifier: MIT
 *
 * Structured logs: one JSON object a line on stderr, written with one write(2), so lines of several
 * threads and processes never mix. Every line has `time`, `level`, `actor`, `message`, and `trace`
 * when a trace hook is set and names one. Thread-safe; never yields; a line longer than 4 KB is
 * cut. Secrets are never logged: pass ids, not tokens, passwords or whole URLs with user
 * information.
 *
 *	LOG_INFO("signed in", LOG_TEXT("user", user->id), LOG_INT("ms", elapsed));
 */
#ifndef STUDYHALL_BASE_LOG_H
#define STUDYHALL_BASE_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum log_level {
	LOG_LEVEL_DEBUG,
	LOG_LEVEL_INFO,
	LOG_LEVEL_WARN,
	LOG_LEVEL_ERROR
};

struct log_field {
	const char *name;
	const char *text; /* NULL: `number` counts */
	int64_t number;
};

/* `actor` names the process and must stay valid. */
void log_init(const char *actor, enum log_level level);
/* False if there is no level of that name (debug, info, warn, error). */
bool log_level_parse(const char *text, enum log_level *level);
/* Called for every line; returns the current trace id, or NULL. */
void log_set_trace_hook(const char *(*hook)(void));
bool log_enabled(enum log_level level);
void log_write(enum log_level level, const char *message, const struct log_field *fields,
               size_t count);

/* NULL reads as the empty text. */
static inline struct log_field
log_text(const char *name, const char *text)
{
	return (struct log_field){name, text != NULL ? text : "", 0};
}

#define LOG_TEXT(name, text)  log_text((name), (text))
#define LOG_INT(name, number) ((struct log_field){(name), NULL, (int64_t)(number)})

#define LOG_AT(level, message, ...)                                                                \
	do {                                                                                       \
		if (log_enabled(level)) {                                                          \
			const struct log_field log_fields_[] = {{0}, ##__VA_ARGS__};               \
			log_write((level), (message), log_fields_ + 1,                             \
			          sizeof log_fields_ / sizeof log_fields_[0] - 1);                 \
		}                                                                                  \
	} while (0)
#define LOG_DEBUG(message, ...) LOG_AT(LOG_LEVEL_DEBUG, message, ##__VA_ARGS__)
#define LOG_INFO(message, ...)  LOG_AT(LOG_LEVEL_INFO, message, ##__VA_ARGS__)
#define LOG_WARN(message, ...)  LOG_AT(LOG_LEVEL_WARN, message, ##__VA_ARGS__)
#define LOG_ERROR(message, ...) LOG_AT(LOG_LEVEL_ERROR, message, ##__VA_ARGS__)

#endif
