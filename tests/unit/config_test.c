/* SPDX-License-Identifier: MIT
 * Configuration: which of its sources wins, how .env is read, and errors that name the setting. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/config.h"

static char error[200];
static const char *url, *key, *mode;
static int64_t workers;

static const struct config_setting settings[] = {
    {.name = "URL", .type = CONFIG_TEXT, .target = &url, .help = "Where it listens"},
    {.name = "KEY", .type = CONFIG_SECRET, .target = &key, .help = "The secret key"},
    {.name = "MODE",
     .type = CONFIG_CHOICE,
     .target = &mode,
     .fallback = "fast",
     .choices = "fast,slow",
     .help = "How"},
    {.name = "WORKERS",
     .type = CONFIG_INT,
     .target = &workers,
     .fallback = "2",
     .min = -5,
     .max = 64,
     .help = "Threads"},
};

static const char *global;
static const struct config_setting global_setting = {.name = "REDIS_URL",
                                                     .type = CONFIG_TEXT,
                                                     .target = &global,
                                                     .fallback = "redis://a b\"c\\",
                                                     .global = true,
                                                     .help = "The cache"};

static int
load(void)
{
	error[0] = '\0';
	int rc = config_load("TESTER", settings, sizeof settings / sizeof settings[0], error,
	                     sizeof error);
	assert_null(strchr(error, '\n'));
	return rc;
}

static void
write_file(const char *name, const char *text)
{
	FILE *file = fopen(name, "w");
	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static char folder[] = "/tmp/config_test.XXXXXX";

static int
open_folder(void **state)
{
	(void)state;
	return mkdtemp(folder) != NULL && chdir(folder) == 0 ? 0 : -1;
}

static int
clean(void **state)
{
	(void)state;
	static const char *const names[] = {"TESTER_URL", "TESTER_URL_FILE", "URL",
	                                    "URL_FILE",   "TESTER_KEY",      "TESTER_KEY_FILE",
	                                    "KEY",        "TESTER_MODE",     "TESTER_WORKERS",
	                                    "WORKERS",    "REDIS_URL",       "TESTER_REDIS_URL"};
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
		unsetenv(names[i]);
	unlink(".env");
	unlink("secret");
	return 0;
}

static int
close_folder(void **state)
{
	clean(state);
	return chdir("/") == 0 && rmdir(folder) == 0 ? 0 : -1;
}

static void
test_defaults(void **state)
{
	(void)state;
	url = key = "old";
	assert_int_equal(load(), 0);
	assert_null(url);
	assert_null(key);
	assert_string_equal(mode, "fast");
	assert_int_equal(workers, 2);
}

/* Each source is set on top of the ones it beats. */
static void
test_order_of_sources(void **state)
{
	(void)state;
	write_file("secret", "from a file\n");
	write_file(".env", "URL_FILE=secret\n");
	assert_int_equal(load(), 0);
	assert_string_equal(url, "from a file");
	write_file(".env", "URL_FILE=secret\nURL=plain dotenv\n");
	assert_int_equal(load(), 0);
	assert_string_equal(url, "plain dotenv");
	setenv("URL", "plain environment", 1);
	assert_int_equal(load(), 0);
	assert_string_equal(url, "plain environment");
	write_file(".env", "TESTER_URL_FILE=secret\n");
	assert_int_equal(load(), 0);
	assert_string_equal(url, "from a file");
	write_file(".env", "TESTER_URL=own dotenv\nTESTER_URL_FILE=secret\n");
	assert_int_equal(load(), 0);
	assert_string_equal(url, "own dotenv");
	setenv("TESTER_URL", "own environment", 1);
	assert_int_equal(load(), 0);
	assert_string_equal(url, "own environment");
	setenv("TESTER_URL", "", 1);
	assert_int_equal(load(), 0);
	assert_string_equal(url, "own dotenv");
}

static void
test_dotenv_syntax(void **state)
{
	(void)state;
	static const struct {
		const char *line, *value;
	} lines[] = {
	    {"URL=a b", "a b"},
	    {"  export URL = a  ", "a"},
	    {"export\tURL=a", "a"},
	    {"URL=a#b # comment", "a#b"},
	    {"URL=#a", "#a"},
	    {"URL= # comment", NULL},
	    {"URL=", NULL},
	    {"URL=\"\"", NULL},
	    {"URL=' a # \"b\" \\n '", " a # \"b\" \\n "},
	    {"URL=\"a\\n\\\"b\\\" \\\\\" # comment", "a\n\"b\" \\"},
	    {"URL='a # b' # c", "a # b"},
	    {"URL=\"x\"#c", "x"},
	    {"URL=it's", "it's"},
	    {"URL=a #b #c", "a"},
	    {"URL=a=b", "a=b"},
	    {"URL=first\nURL=last", "last"},
	    {"# URL=a\n\n \t\nURL=b\r\n", "b"},
	    {"URL=한국어", "한국어"},
	};
	for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
		write_file(".env", lines[i].line);
		if (load() != 0)
			fail_msg("%s: %s", lines[i].line, error);
		if (lines[i].value == NULL)
			assert_null(url);
		else
			assert_string_equal(url, lines[i].value);
	}
}

static void
test_dotenv_is_left_alone_where_it_was_read_before(void **state)
{
	(void)state;
	write_file(".env", "URL=a\nno setting\n");
	setenv("READ_DOTENV", "no", 1);
	assert_int_equal(load(), 0);
	unsetenv("READ_DOTENV");
	assert_null(url);
	assert_int_equal(load(), -1);
}

static void
test_dotenv_errors_name_the_line(void **state)
{
	(void)state;
	static const char *const bad[] = {"URL",   "=a",      "URL=\"a",  "URL='a' b",
	                                  "U-L=a", "URL a=b", "export =a"};
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		char text[100];
		snprintf(text, sizeof text, "# first\n%s\nKEY=x\n", bad[i]);
		write_file(".env", text);
		assert_int_equal(load(), -1);
		assert_string_equal(error, ".env, line 2: not NAME=VALUE");
	}
}

static void
test_numbers(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		int64_t value;
	} good[] = {{"64", 64}, {"-5", -5}, {"0", 0}, {"007", 7}};
	for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
		setenv("WORKERS", good[i].text, 1);
		assert_int_equal(load(), 0);
		assert_int_equal(workers, good[i].value);
	}
	static const char *const bad[] = {"65",
	                                  "-6",
	                                  "x",
	                                  "3x",
	                                  " 3",
	                                  "3 ",
	                                  "+3",
	                                  "0x3",
	                                  "1e1",
	                                  "-",
	                                  "9223372036854775808",
	                                  "99999999999999999999999"};
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		setenv("TESTER_WORKERS", bad[i], 1);
		assert_int_equal(load(), -1);
		assert_memory_equal(error, "TESTER_WORKERS: ", 16);
		assert_non_null(strstr(error, "-5..64"));
	}
}

static void
test_numbers_of_64_bits(void **state)
{
	(void)state;
	int64_t number;
	const struct config_setting wide = {.name = "WORKERS",
	                                    .type = CONFIG_INT,
	                                    .target = &number,
	                                    .min = INT64_MIN,
	                                    .max = INT64_MAX,
	                                    .help = "Wide"};
	assert_int_equal(config_load("TESTER", &wide, 1, error, sizeof error), 0);
	assert_int_equal(number, 0);
	setenv("WORKERS", "9223372036854775807", 1);
	assert_int_equal(config_load("TESTER", &wide, 1, error, sizeof error), 0);
	assert_true(number == INT64_MAX);
	setenv("WORKERS", "-9223372036854775808", 1);
	assert_int_equal(config_load("TESTER", &wide, 1, error, sizeof error), 0);
	assert_true(number == INT64_MIN);
	setenv("WORKERS", "9223372036854775808", 1);
	assert_int_equal(config_load("TESTER", &wide, 1, error, sizeof error), -1);
	assert_memory_equal(error, "WORKERS: ", 9);
}

static void
test_choices(void **state)
{
	(void)state;
	setenv("TESTER_MODE", "slow", 1);
	assert_int_equal(load(), 0);
	assert_string_equal(mode, "slow");
	static const char *const bad[] = {"slo", "slower", "fast,slow", ",", "FAST"};
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		setenv("TESTER_MODE", bad[i], 1);
		assert_int_equal(load(), -1);
		assert_memory_equal(error, "TESTER_MODE: ", 13);
	}
}

static void
test_secret_files(void **state)
{
	(void)state;
	static const char *const contents[][2] = {
	    {"hush\n", "hush"}, {"hush", "hush"}, {"hush\r\n", "hush"}, {"hush\n\n", "hush\n"}};
	setenv("TESTER_KEY_FILE", "secret", 1);
	for (size_t i = 0; i < 4; i++) {
		write_file("secret", contents[i][0]);
		assert_int_equal(load(), 0);
		assert_string_equal(key, contents[i][1]);
	}
	write_file("secret", "\n");
	assert_int_equal(load(), 0);
	assert_null(key);
	unlink("secret");
	assert_int_equal(load(), -1);
	assert_string_equal(error, "TESTER_KEY_FILE: secret: No such file or directory");
	setenv("TESTER_KEY_FILE", "/dev/zero", 1);
	assert_int_equal(load(), -1);
	setenv("TESTER_KEY_FILE", "/tmp", 1);
	assert_int_equal(load(), -1);
}

static void
test_global_settings_have_no_prefix(void **state)
{
	(void)state;
	setenv("TESTER_REDIS_URL", "prefixed", 1);
	setenv("REDIS_URL", "global", 1);
	assert_int_equal(config_load("TESTER", &global_setting, 1, error, sizeof error), 0);
	assert_string_equal(global, "global");
	assert_string_equal(config_get("REDIS_URL"), "global");
	assert_null(config_get("NO_SUCH_SETTING"));
}

/* Prints to a file named .env, and reads it back. */
static void
test_what_is_printed_reads_back(void **state)
{
	(void)state;
	fflush(stdout);
	int saved = dup(STDOUT_FILENO);
	assert_non_null(freopen(".env", "w", stdout));
	config_print("TESTER", settings, sizeof settings / sizeof settings[0]);
	config_print("TESTER", &global_setting, 1);
	fflush(stdout);
	dup2(saved, STDOUT_FILENO);
	close(saved);
	char text[2000];
	FILE *file = fopen(".env", "r");
	size_t length = fread(text, 1, sizeof text - 1, file);
	text[length] = '\0';
	fclose(file);
	assert_string_equal(text, "# Where it listens\nTESTER_URL=\n"
	                          "# The secret key\nTESTER_KEY=\n"
	                          "# How (fast,slow)\nTESTER_MODE=fast\n"
	                          "# Threads (-5..64)\nTESTER_WORKERS=2\n"
	                          "# The cache\nREDIS_URL=\"redis://a b\\\"c\\\\\"\n");
	assert_int_equal(load(), 0);
	assert_int_equal(config_load("TESTER", &global_setting, 1, error, sizeof error), 0);
	assert_string_equal(global, global_setting.fallback);
	assert_string_equal(config_get("REDIS_URL"), global_setting.fallback);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_teardown(test_defaults, clean),
	    cmocka_unit_test_teardown(test_order_of_sources, clean),
	    cmocka_unit_test_teardown(test_dotenv_syntax, clean),
	    cmocka_unit_test_teardown(test_dotenv_is_left_alone_where_it_was_read_before, clean),
	    cmocka_unit_test_teardown(test_dotenv_errors_name_the_line, clean),
	    cmocka_unit_test_teardown(test_numbers, clean),
	    cmocka_unit_test_teardown(test_numbers_of_64_bits, clean),
	    cmocka_unit_test_teardown(test_choices, clean),
	    cmocka_unit_test_teardown(test_secret_files, clean),
	    cmocka_unit_test_teardown(test_global_settings_have_no_prefix, clean),
	    cmocka_unit_test_teardown(test_what_is_printed_reads_back, clean),
	};
	return cmocka_run_group_tests(tests, open_folder, close_folder);
}
