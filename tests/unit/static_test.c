/* SPDX-License-Identifier: MIT
 * Static files: what is read from a directory, and what a path finds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/ids.h"
#include "common/base/obj.h"
#include "gateway/static_private.h"

static char root[64];
static char scratch[512];
static char error[256];

static void
put(const char *name, const char *content)
{
	char path[256];
	snprintf(path, sizeof path, "%s/%s", root, name);
	FILE *file = fopen(path, "w");
	assert_non_null(file);
	fputs(content, file);
	fclose(file);
}

static int
static_setup(void **state)
{
	char path[128];
	(void)state;
	snprintf(root, sizeof root, "/tmp/static-test-XXXXXX");
	if (ids_init() != 0 || mkdtemp(root) == NULL)
		return -1;
	snprintf(path, sizeof path, "%s/sub", root);
	return mkdir(path, 0700);
}

static int
static_teardown(void **state)
{
	char command[128];
	(void)state;
	snprintf(command, sizeof command, "rm -r '%s'", root);
	return system(command);
}

static const struct static_file *
find(const struct static_files *files, const char *path)
{
	static struct http_target target;
	assert_true(http_target_parse(&target, "GET", path, strlen(path), scratch));
	return static_find(files, &target);
}

static void
paths_find_files(void **state)
{
	(void)state;
	put("index.html", "root");
	put("docs.html", "docs");
	put("app.js", "plain");
	put("app.js.br", "brotli");
	put("sub/index.html", "sub");
	put(".hidden", "secret");
	struct static_files *files = static_load(root, error, sizeof error);
	assert_non_null(files);
	assert_memory_equal(find(files, "/")->bodies[0].bytes, "root", 4);
	assert_memory_equal(find(files, "/docs")->bodies[0].bytes, "docs", 4);
	assert_memory_equal(find(files, "/docs.html")->bodies[0].bytes, "docs", 4);
	assert_memory_equal(find(files, "/sub/")->bodies[0].bytes, "sub", 3);
	assert_string_equal(find(files, "/docs")->type, "text/html; charset=utf-8");
	assert_null(find(files, "/.hidden"));
	assert_null(find(files, "/app"));
	assert_null(find(files, "/app.js/"));
	assert_null(find(files, "/sub%2Findex.htm"));
	static_free(&files);
	assert_null(files);
}

static void
variants_belong_to_their_file(void **state)
{
	(void)state;
	put("app.js", "plain");
	put("app.js.br", "brotli");
	put("app.js.gz", "gzip");
	struct static_files *files = static_load(root, error, sizeof error);
	const struct static_file *file = find(files, "/app.js");
	assert_int_equal(files->count, 1);
	assert_int_equal(file->bodies[0].length, 5);
	assert_int_equal(file->bodies[1].length, 6);
	assert_int_equal(file->bodies[2].length, 4);
	assert_string_not_equal(file->bodies[0].etag, file->bodies[1].etag);
	assert_string_equal(file->type, "text/javascript; charset=utf-8");
	assert_null(find(files, "/app.js.br"));
	static_free(&files);
}

static void
what_cannot_be_read_is_named(void **state)
{
	(void)state;
	assert_null(static_load("/nonexistent/directory", error, sizeof error));
	assert_non_null(strstr(error, "/nonexistent/directory"));
	put("alone.css.gz", "x");
	assert_null(static_load(root, error, sizeof error));
	assert_non_null(strstr(error, "/alone.css"));
}

static void
long_paths_find_nothing(void **state)
{
	(void)state;
	struct static_files *files = static_load(root, error, sizeof error);
	static char path[500];
	memset(path, 'a', sizeof path - 1);
	path[0] = '/';
	assert_null(find(files, path));
	path[250] = '/';
	assert_null(find(files, path));
	static_free(&files);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, static_setup, static_teardown)
	const struct CMUnitTest tests[] = {
	    TEST(paths_find_files),
	    TEST(variants_belong_to_their_file),
	    TEST(what_cannot_be_read_is_named),
	    TEST(long_paths_find_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
