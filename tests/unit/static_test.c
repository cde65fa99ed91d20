/* SPDX-License-Identifier: MIT
 * Static files: what is read from a directory, and what a path finds. */
#include <limits.h>
#include <setjmp.h>
#include <stdalign.h>
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
static char older[80];
static alignas(struct http_param) char scratch[512];
static const char *const folders[] = {"sub", "assets", "previous", "previous/assets"};
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
	for (size_t i = 0; i < COUNT_OF(folders); i++) {
		snprintf(path, sizeof path, "%s/%s", root, folders[i]);
		if (mkdir(path, 0700) != 0)
			return -1;
	}
	snprintf(older, sizeof older, "%s-previous", root);
	return symlink(strrchr(root, '/') + 1, older);
}

static int
static_teardown(void **state)
{
	char command[256];
	(void)state;
	snprintf(command, sizeof command, "rm -r '%s' '%s'", root, older);
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
	struct static_files *files = static_load(root, NULL, error, sizeof error);
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
	struct static_files *files = static_load(root, NULL, error, sizeof error);
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
	assert_null(static_load("/nonexistent/directory", NULL, error, sizeof error));
	assert_non_null(strstr(error, "/nonexistent/directory"));
	put("alone.css.gz", "x");
	assert_null(static_load(root, NULL, error, sizeof error));
	assert_non_null(strstr(error, "/alone.css"));
}

static void
long_paths_find_nothing(void **state)
{
	(void)state;
	struct static_files *files = static_load(root, NULL, error, sizeof error);
	static char path[500];
	memset(path, 'a', sizeof path - 1);
	path[0] = '/';
	assert_null(find(files, path));
	path[250] = '/';
	assert_null(find(files, path));
	static_free(&files);
}

static void
a_name_that_says_its_content_lasts(void **state)
{
	static const struct {
		const char *name;
		bool lasts;
	} names[] = {
	    {"assets/docs-3f9a01c2.css", true},
	    {"assets/my-app-Bk-3y_Sz.js", true},
	    {"assets/docs-3f9a01c2d4e5.css.map", true},
	    {"assets/sub/docs-3f9a01c2.css", true},
	    {"assets/docs-3f9a01c.css", false},
	    {"assets/my-stylesheet.css", false},
	    {"assets/docs-3f9a01c2", false},
	    {"assets/docs-3f9a+1c2.css", false},
	    {"assets/3f9a01c2.css", false},
	    {"docs-3f9a01c2.css", false},
	};
	char path[128];
	(void)state;
	snprintf(path, sizeof path, "%s/assets/sub", root);
	assert_int_equal(mkdir(path, 0700), 0);
	for (size_t i = 0; i < COUNT_OF(names); i++)
		put(names[i].name, "x");
	struct static_files *files = static_load(root, NULL, error, sizeof error);
	assert_non_null(files);
	for (size_t i = 0; i < COUNT_OF(names); i++) {
		snprintf(path, sizeof path, "/%s", names[i].name);
		if (find(files, path)->is_immutable != names[i].lasts)
			fail_msg("%s", path);
	}
	static_free(&files);
}

static void
assets_of_the_build_before_are_found(void **state)
{
	char previous[256];
	(void)state;
	put("docs.html", "new");
	put("assets/docs-00000002.css", "new");
	put("assets/same-00000003.js", "new");
	put("previous/docs.html", "old");
	put("previous/gone.html", "old");
	put("previous/assets/docs-00000001.css", "old");
	put("previous/assets/docs-00000001.css.gz", "packed");
	put("previous/assets/same-00000003.js", "old");
	put("previous/assets/same-00000003.js.gz", "old");
	snprintf(previous, sizeof previous, "%s/previous", root);
	struct static_files *files = static_load(root, previous, error, sizeof error);
	assert_non_null(files);
	assert_memory_equal(find(files, "/docs")->bodies[0].bytes, "new", 3);
	assert_memory_equal(find(files, "/assets/docs-00000002.css")->bodies[0].bytes, "new", 3);
	assert_memory_equal(find(files, "/assets/docs-00000001.css")->bodies[0].bytes, "old", 3);
	assert_memory_equal(find(files, "/assets/docs-00000001.css")->bodies[2].bytes, "packed", 6);
	assert_memory_equal(find(files, "/assets/same-00000003.js")->bodies[0].bytes, "new", 3);
	assert_null(find(files, "/assets/same-00000003.js")->bodies[2].bytes);
	assert_null(find(files, "/gone"));
	assert_string_equal(static_asset(files, "docs.css"), "/assets/docs-00000002.css");
	assert_null(static_asset(files, "docs.js"));
	static_free(&files);
}

static void
there_need_be_no_build_before(void **state)
{
	char previous[PATH_MAX];
	(void)state;
	assert_true(static_default_previous(root, previous, sizeof previous));
	assert_string_equal(previous, older);
	assert_int_equal(unlink(older), 0);
	assert_false(static_default_previous(root, previous, sizeof previous));
	put("docs.html", "new");
	snprintf(previous, sizeof previous, "%s/sub", root); /* which has no assets/ */
	struct static_files *files = static_load(root, previous, error, sizeof error);
	assert_int_equal(files->count, 1);
	static_free(&files);
	assert_null(static_load(root, "/nonexistent/directory", error, sizeof error));
	assert_non_null(strstr(error, "/nonexistent/directory"));
	assert_int_equal(mkdir(older, 0700), 0);
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
	    TEST(a_name_that_says_its_content_lasts),
	    TEST(assets_of_the_build_before_are_found),
	    TEST(there_need_be_no_build_before),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
