/* SPDX-License-Identifier: MIT
 * Logs, read back from a pipe: each line is one JSON object of at most 4 KB, whatever went in. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <jansson.h>

#include "common/base/date.h"
#include "common/base/log.h"

static int saved_stderr = -1, reader = -1;

static int
open_pipe(void **state)
{
	(void)state;
	int ends[2];
	if (pipe(ends) != 0)
		return -1;
	saved_stderr = dup(STDERR_FILENO);
	dup2(ends[1], STDERR_FILENO);
	close(ends[1]);
	reader = ends[0];
	log_init("tester", LOG_LEVEL_INFO);
	log_set_trace_hook(NULL);
	return 0;
}

static int
close_pipe(void **state)
{
	(void)state;
	dup2(saved_stderr, STDERR_FILENO);
	close(saved_stderr);
	close(reader);
	return 0;
}

/* The next read of the pipe: with one write a line, exactly one line. */
static json_t *
read_line(void)
{
	char line[8192];
	ssize_t length = read(reader, line, sizeof line);
	assert_in_range(length, 2, 4096);
	assert_int_equal(line[length - 1], '\n');
	assert_null(memchr(line, '\n', (size_t)length - 1));
	json_error_t error;
	json_t *object = json_loadb(line, (size_t)length, JSON_REJECT_DUPLICATES, &error);
	if (object == NULL)
		fail_msg("%s: %.*s", error.text, (int)length, line);
	return object;
}

static const char *
text_of(const json_t *object, const char *name)
{
	const char *text = json_string_value(json_object_get(object, name));
	return text != NULL ? text : "(none)";
}

static const char *
test_trace(void)
{
	return "4bf92f3577b34da6a3ce929d0e0e4736";
}

static void
test_a_line_and_its_fields(void **state)
{
	(void)state;
	char array[] = "array";
	log_set_trace_hook(test_trace);
	errno = 1234;
	LOG_WARN("slow", LOG_TEXT("user", "u\"1\n"), LOG_INT("ms", -7), LOG_TEXT("none", NULL),
	         LOG_TEXT("array", array));
	assert_int_equal(errno, 1234);
	json_t *line = read_line();
	assert_string_equal(text_of(line, "level"), "warn");
	assert_string_equal(text_of(line, "actor"), "tester");
	assert_string_equal(text_of(line, "message"), "slow");
	assert_string_equal(text_of(line, "trace"), test_trace());
	assert_string_equal(text_of(line, "user"), "u\"1\n");
	assert_string_equal(text_of(line, "none"), "");
	assert_string_equal(text_of(line, "array"), "array");
	assert_int_equal(json_integer_value(json_object_get(line, "ms")), -7);
	assert_null(json_object_get(line, "cut"));
	int64_t us;
	assert_true(instant_parse(text_of(line, "time"), &us));
	assert_int_equal(strlen(text_of(line, "time")), strlen("2026-05-04T09:30:00.000Z"));
	json_decref(line);
}

static void
test_errno_survives_a_closed_stderr(void **state)
{
	(void)state;
	close(STDERR_FILENO);
	errno = 1234;
	LOG_INFO("lost");
	assert_int_equal(errno, 1234);
}

static void
test_no_trace_no_fields(void **state)
{
	(void)state;
	LOG_INFO("started");
	json_t *line = read_line();
	assert_int_equal(json_object_size(line), 4);
	json_decref(line);
}

static void
test_levels(void **state)
{
	(void)state;
	enum log_level level;
	assert_true(log_level_parse("debug", &level));
	assert_int_equal(level, LOG_LEVEL_DEBUG);
	assert_true(log_level_parse("error", &level));
	assert_int_equal(level, LOG_LEVEL_ERROR);
	assert_false(log_level_parse("loud", &level));
	assert_false(log_level_parse("", &level));
	assert_false(log_enabled(LOG_LEVEL_DEBUG));
	LOG_DEBUG("not written");
	LOG_ERROR("written");
	json_t *line = read_line();
	assert_string_equal(text_of(line, "message"), "written");
	json_decref(line);
}

static void
test_invalid_utf8_is_replaced(void **state)
{
	(void)state;
	LOG_INFO("bad", LOG_TEXT("text", "a\xff한\xc3"));
	json_t *line = read_line();
	assert_string_equal(text_of(line, "text"), "a\xef\xbf\xbd한\xef\xbf\xbd");
	json_decref(line);
}

static void
test_long_lines_are_cut_and_say_so(void **state)
{
	(void)state;
	static const char *const units[] = {"a", "한", "\x01", "\xff", "😀"};
	for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
		for (size_t count = 1990; count < 2100; count += 3) {
			size_t size = strlen(units[i]);
			char *text = malloc(count * size + 1);
			for (size_t j = 0; j < count; j++)
				memcpy(text + j * size, units[i], size);
			text[count * size] = '\0';
			LOG_INFO("long", LOG_TEXT("one", text), LOG_TEXT("two", text),
			         LOG_TEXT("three", text), LOG_INT("number", INT64_MIN));
			json_t *line = read_line();
			assert_true(json_is_true(json_object_get(line, "cut")));
			const char *one = text_of(line, "one");
			assert_true(strlen(one) > 100);
			if (size != 1 || units[i][0] != '\xff')
				assert_memory_equal(one, text, strlen(one));
			json_decref(line);
			free(text);
		}
	}
	char text[2049];
	memset(text, 'a', 2048);
	text[2048] = '\0';
	LOG_INFO("fits", LOG_TEXT("text", text));
	json_t *line = read_line();
	assert_string_equal(text_of(line, "text"), text);
	assert_null(json_object_get(line, "cut"));
	json_decref(line);
}

#define LINES_PER_THREAD 300

static void *
write_lines(void *arg)
{
	for (int i = 0; i < LINES_PER_THREAD; i++)
		LOG_INFO("from a thread", LOG_TEXT("name", arg), LOG_INT("number", i));
	return NULL;
}

static void
test_lines_of_threads_do_not_mix(void **state)
{
	(void)state;
	pthread_t threads[4];
	FILE *lines = fdopen(dup(reader), "r");
	for (int i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, write_lines, "한국어 name"), 0);
	for (int i = 0; i < 4 * LINES_PER_THREAD; i++) {
		char line[4097];
		assert_non_null(fgets(line, sizeof line, lines));
		json_t *object = json_loads(line, 0, NULL);
		assert_string_equal(text_of(object, "name"), "한국어 name");
		json_decref(object);
	}
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	fclose(lines);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_a_line_and_its_fields, open_pipe, close_pipe),
	    cmocka_unit_test_setup_teardown(test_errno_survives_a_closed_stderr, open_pipe,
	                                    close_pipe),
	    cmocka_unit_test_setup_teardown(test_no_trace_no_fields, open_pipe, close_pipe),
	    cmocka_unit_test_setup_teardown(test_levels, open_pipe, close_pipe),
	    cmocka_unit_test_setup_teardown(test_invalid_utf8_is_replaced, open_pipe, close_pipe),
	    cmocka_unit_test_setup_teardown(test_long_lines_are_cut_and_say_so, open_pipe,
	                                    close_pipe),
	    cmocka_unit_test_setup_teardown(test_lines_of_threads_do_not_mix, open_pipe,
	                                    close_pipe),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
