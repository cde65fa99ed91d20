/* SPDX-License-Identifier: MIT
 * prompts: files are found where the operator has them, else with the program, and checked. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first. */
#include <cmocka.h>

#include "common/ai/prompts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void
write_file(const char *dir, const char *name, const char *text, size_t length)
{
	char path[300];
	FILE *file;

	snprintf(path, sizeof path, "%s/%s", dir, name);
	file = fopen(path, "w");
	assert_non_null(file);
	assert_int_equal(fwrite(text, 1, length, file), length);
	fclose(file);
}

static void
test_other_files(void **state)
{
	char dir[] = "/tmp/prompt-test-XXXXXX", path[300], error[500];
	struct prompts *prompts;

	(void)state;
	assert_non_null(mkdtemp(dir));
	/* What is not there comes with the program. */
	prompts = prompts_new(dir, "planner", "plan.txt", error, sizeof error);
	assert_non_null(prompts);
	assert_non_null(strstr(prompts_text(prompts, "en"), "study planner"));
	prompts_free(&prompts);
	assert_null(prompts_new(dir, "planner", "none.txt", error, sizeof error));
	assert_non_null(strstr(error, "ko/none.txt"));
	assert_null(prompts_new("/nowhere", "planner", "plan.txt", error, sizeof error));
	assert_non_null(strstr(error, "PROMPTS_DIR: /nowhere: No such file"));
	for (int i = 0; i < 2; i++) {
		snprintf(path, sizeof path, "%s/%s", dir, i == 0 ? "ko" : "en");
		assert_int_equal(mkdir(path, 0700), 0);
	}
	write_file(dir, "ko/plan.txt", "계획", strlen("계획"));
	write_file(dir, "en/plan.txt", "", 0);
	assert_null(prompts_new(dir, "planner", "plan.txt", error, sizeof error));
	assert_non_null(strstr(error, "en/plan.txt: must be UTF-8 text"));
	write_file(dir, "en/plan.txt", "a\xff", 2);
	assert_null(prompts_new(dir, "planner", "plan.txt", error, sizeof error));
	write_file(dir, "en/plan.txt", "Plan!", 5);
	prompts = prompts_new(dir, "planner", "plan.txt", error, sizeof error);
	assert_non_null(prompts);
	assert_string_equal(prompts_text(prompts, "ko"), "계획");
	assert_string_equal(prompts_text(prompts, "en"), "Plan!");
	prompts_free(&prompts);
	for (int i = 0; i < 2; i++) {
		snprintf(path, sizeof path, "%s/%s/plan.txt", dir, i == 0 ? "ko" : "en");
		unlink(path);
		*strrchr(path, '/') = '\0';
		rmdir(path);
	}
	rmdir(dir);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_other_files)};

	return cmocka_run_group_tests_name("prompts", tests, NULL, NULL);
}
