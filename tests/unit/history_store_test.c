/* SPDX-License-Identifier: MIT
 * The history's table: events in any order and number come to the same, pages lose nothing, and
 * what was erased stays away. */
#include "tests/unit/io_servers.h"

#include "common/io/db.h"
#include "common/io/db_migrate.h"
#include "services/history/store.h"

extern const struct db_migration history_migrations[];
extern const size_t history_migration_count;

static struct server mariadb;
static struct db *db;
static const struct history_filter all = {.type = -1, .from_ms = 1, .end_ms = INT64_MAX};

static int
history_store_test_set_up(void **state)
{
	static const struct db_migration create = {1, "create", "CREATE DATABASE history"};
	char url[192], error[256];
	struct db_options options = {.url = url, .connections = 4};

	(void)state;
	test_workers_start();
	server_make_dir();
	mariadb_start(&mariadb);
	snprintf(url, sizeof url, "mysql://root@/mysql?socket=%s", mariadb.socket);
	assert_int_equal(db_migrate(url, &create, 1, 10, error, sizeof error), 0);
	snprintf(url, sizeof url, "mysql://root@/history?socket=%s", mariadb.socket);
	if (db_migrate(url, history_migrations, history_migration_count, 10, error, sizeof error) !=
	    0) {
		fprintf(stderr, "%s\n", error);
		return -1;
	}
	db = db_open(&options, error, sizeof error);
	return db != NULL ? 0 : -1;
}

static int
history_store_test_tear_down(void **state)
{
	(void)state;
	test_workers_stop();
	db_close(&db);
	server_kill(&mariadb);
	server_remove_dir();
	return 0;
}

/* --- order ----------------------------------------------------------------------------------- */

static struct history_event
history_store_test_version(uint32_t version)
{
	struct history_event event = {.id = "item-1",
	                              .version = version,
	                              .type = COMMON__EVENT__TYPE__item_done,
	                              .at_ms = 1000 * version,
	                              .has_minutes = true,
	                              .minutes = version};

	if (version % 2 == 0) { /* unticked */
		event.at_ms = 0;
		event.has_minutes = false;
	}
	return event;
}

static enum status
put(struct db *tx, const char *user, const struct history_event *event)
{
	return history_store_put(tx, &user, event, 1);
}

/* All in one statement, or nearly: rows come in powers of two. */
static enum status
put_together(const char *user, const char *versions)
{
	struct history_event events[8];
	const char *users[8];
	size_t count = strlen(versions);

	for (size_t i = 0; i < count; i++) {
		events[i] = history_store_test_version((uint32_t)(versions[i] - '0'));
		users[i] = user;
	}
	return history_store_put(db, users, events, count);
}

/* Versions 1 (done), 2 (undone), 3 (done again) in every order, some twice. */
static void
history_store_test_order_task(void *arg)
{
	static const char *const orders[] = {"123", "132", "213",   "231",    "312",
	                                     "321", "33",  "31312", "112233", "332211"};
	struct history_event *events;
	char user[16];
	size_t count;

	(void)arg;
	for (size_t i = 0; i < COUNT_OF(orders); i++) {
		snprintf(user, sizeof user, "together-%zu", i);
		CHECK(put_together(user, orders[i]) == STATUS_OK);
		CHECK(history_store_page(db, user, &all, NULL, 10, &events, &count) == STATUS_OK);
		CHECK(count == 1 && events[0].version == 3 && events[0].minutes == 3);
		snprintf(user, sizeof user, "order-%zu", i);
		for (const char *at = orders[i]; *at != '\0'; at++) {
			struct history_event event =
			    history_store_test_version((uint32_t)(*at - '0'));

			CHECK(put(db, user, &event) == STATUS_OK);
		}
		CHECK(history_store_page(db, user, &all, NULL, 10, &events, &count) == STATUS_OK);
		CHECK(count == 1);
		CHECK(events[0].version == 3 && events[0].minutes == 3 && events[0].at_ms == 3000);
	}
}

static void
history_store_test_order(void **state)
{
	(void)state;
	test_run(history_store_test_order_task, NULL, 0);
}

static void
history_store_test_undone_task(void *arg)
{
	static const char *const orders[] = {"12", "21", "1212", "2", "22"};
	struct history_event *events, found;
	struct cursor start = {0};
	char user[16];
	size_t count;

	(void)arg;
	for (size_t i = 0; i < COUNT_OF(orders); i++) {
		snprintf(user, sizeof user, "undone-%zu", i);
		for (const char *at = orders[i]; *at != '\0'; at++) {
			struct history_event event =
			    history_store_test_version((uint32_t)(*at - '0'));

			CHECK(put(db, user, &event) == STATUS_OK);
		}
		CHECK(history_store_page(db, user, &all, NULL, 10, &events, &count) == STATUS_OK);
		CHECK(count == 0);
		CHECK(history_store_export(db, user, &start, 10, &events, &count) == STATUS_OK);
		CHECK(count == 0);
		CHECK(history_store_lock(db, user, "item-1", &found) == STATUS_NOT_FOUND);
	}
}

static void
history_store_test_undone(void **state)
{
	(void)state;
	test_run(history_store_test_undone_task, NULL, 0);
}

/* --- pages ----------------------------------------------------------------------------------- */

#define PAGE_EVENTS 60

/* Many events at the same millisecond: pages of every size meet each once, newest first. */
static void
history_store_test_pages_task(void *arg)
{
	char ids[PAGE_EVENTS][16];
	struct history_event *events;
	size_t count;

	(void)arg;
	for (int i = 0; i < PAGE_EVENTS; i++) {
		struct history_event event = {.id = ids[i],
		                              .version = 1,
		                              .type = i % 6,
		                              .at_ms = 1000 + i / 7,
		                              .subject = i % 3 == 0 ? "수학" : NULL};

		snprintf(ids[i], sizeof ids[i], "e%02d", i);
		CHECK(put(db, "pages", &event) == STATUS_OK);
	}
	for (size_t limit = 1; limit < 30; limit += 4) {
		struct cursor cursor = {0};
		int next = PAGE_EVENTS - 1;

		do {
			CHECK(history_store_page(db, "pages", &all,
			                         cursor.key != 0 ? &cursor : NULL, limit, &events,
			                         &count) == STATUS_OK);
			for (size_t i = 0; i < count; i++)
				CHECK(next >= 0 && strcmp(events[i].id, ids[next--]) == 0);
			if (count > 0) {
				cursor.key = events[count - 1].at_ms;
				snprintf(cursor.id, sizeof cursor.id, "%s", events[count - 1].id);
			}
		} while (count == limit);
		CHECK(next == -1);
	}
}

static void
history_store_test_pages(void **state)
{
	(void)state;
	test_run(history_store_test_pages_task, NULL, 0);
}

static void
history_store_test_filters_task(void *arg)
{
	struct history_filter by_type = all, by_subject = all, by_both = all, by_time = all;
	struct history_event *events;
	size_t count;

	(void)arg;
	by_type.type = 2;
	by_subject.subject = "수학";
	by_both.type = 3;
	by_both.subject = "수학";
	by_time.from_ms = 1002;
	by_time.end_ms = 1004;
	CHECK(history_store_page(db, "pages", &by_type, NULL, 100, &events, &count) == STATUS_OK);
	CHECK(count == PAGE_EVENTS / 6);
	CHECK(history_store_page(db, "pages", &by_subject, NULL, 100, &events, &count) ==
	      STATUS_OK);
	CHECK(count == PAGE_EVENTS / 3);
	CHECK(history_store_page(db, "pages", &by_both, NULL, 100, &events, &count) == STATUS_OK);
	CHECK(count == PAGE_EVENTS / 6);
	CHECK(history_store_page(db, "pages", &by_time, NULL, 100, &events, &count) == STATUS_OK);
	CHECK(count == 14 && events[0].at_ms == 1003 && events[13].at_ms == 1002);
}

static void
history_store_test_filters(void **state)
{
	(void)state;
	test_run(history_store_test_filters_task, NULL, 0);
}

/* --- sums ------------------------------------------------------------------------------------ */

static void
history_store_test_sums_task(void *arg)
{
	static const int64_t day = 86400000;
	struct history_event events[] = {
	    {.id = "a", .type = 4, .at_ms = 10 * day - 1, .subject = "x", .minutes = 5},
	    {.id = "b", .type = 4, .at_ms = 10 * day, .subject = "y", .minutes = 7},
	    {.id = "c", .type = 3, .at_ms = 10 * day + 5, .subject = "x", .minutes = 11},
	    {.id = "d", .type = 5, .at_ms = 10 * day + 6, .subject = "x", .minutes = 100},
	    {.id = "e", .type = 3, .at_ms = 11 * day, .minutes = 13},
	    /* Activity of another kind; signing up and in is none. */
	    {.id = "f", .type = 2, .at_ms = 7 * day},
	    {.id = "g", .type = 5, .at_ms = 6 * day},
	    {.id = "h", .type = 1, .at_ms = 8 * day},
	    {.id = "i", .type = 0, .at_ms = 5 * day},
	};
	int64_t starts[HISTORY_STREAK_CHUNK], ends[HISTORY_STREAK_CHUNK];
	bool active[HISTORY_STREAK_CHUNK];
	struct history_subject *subjects;
	struct history_day *days;
	size_t count;

	(void)arg;
	for (size_t i = 0; i < COUNT_OF(events); i++) {
		events[i].version = 1;
		events[i].has_minutes = events[i].minutes > 0;
		CHECK(put(db, "sums", &events[i]) == STATUS_OK);
	}
	CHECK(history_store_days(db, "sums", 9 * day, 11 * day, 0, &days, &count) == STATUS_OK);
	CHECK(count == 2);
	CHECK(days[0].day == 9 && days[0].minutes == 5 && days[0].events == 1);
	CHECK(days[1].day == 10 && days[1].minutes == 18 && days[1].events == 3);
	/* A zone a second east has them all on the same day. */
	CHECK(history_store_days(db, "sums", 9 * day, 11 * day, 1000, &days, &count) == STATUS_OK);
	CHECK(count == 1 && days[0].day == 10 && days[0].minutes == 23 && days[0].events == 4);
	CHECK(history_store_subjects(db, "sums", 9 * day, 12 * day, &subjects, &count) ==
	      STATUS_OK);
	CHECK(count == 3 && strcmp(subjects[0].subject, "x") == 0 && subjects[0].minutes == 16);
	CHECK(subjects[1].subject == NULL && subjects[1].minutes == 13);
	for (int64_t i = 0; i < HISTORY_STREAK_CHUNK; i++) {
		starts[i] = (11 - i) * day;
		ends[i] = (12 - i) * day;
	}
	CHECK(history_store_active(db, "sums", starts, ends, active) == STATUS_OK);
	for (int i = 0; i < HISTORY_STREAK_CHUNK; i++)
		CHECK(active[i] == (i < 3 || i == 4 || i == 5));
}

static void
history_store_test_sums(void **state)
{
	(void)state;
	test_run(history_store_test_sums_task, NULL, 0);
}

/* --- erasure --------------------------------------------------------------------------------- */

static _Atomic int erased_step;

/* Adds an event while the user is being erased, as late as it gets: it is written before the
 * tombstone is there, and committed after the removal has begun. */
static void
history_store_test_late_task(void *arg)
{
	struct history_event event = {.id = "late", .version = 1, .type = 4, .at_ms = 5};
	struct db *tx = NULL;
	bool erased = true;

	(void)arg;
	CHECK(db_begin(db, &tx) == STATUS_OK);
	CHECK(put(tx, "erased", &event) == STATUS_OK);
	CHECK(history_store_is_erased(tx, "erased", &erased) == STATUS_OK && !erased);
	atomic_store(&erased_step, 1);
	CHECK(task_sleep(200) == STATUS_OK);
	CHECK(db_commit(&tx) == STATUS_OK);
}

static void
history_store_test_erase_task(void *arg)
{
	uint64_t removed = 0;

	(void)arg;
	while (atomic_load(&erased_step) == 0)
		CHECK(task_sleep(1) == STATUS_OK);
	CHECK(history_store_mark_erased(db, "erased", 1) == STATUS_OK);
	CHECK(history_store_mark_erased(db, "erased", 2) == STATUS_OK);
	CHECK(history_store_remove_all(db, "erased", 0, &removed) == STATUS_OK);
	CHECK(removed == 1);
}

static void
history_store_test_erasure(void **state)
{
	struct test_task late, erase;

	(void)state;
	test_start(&late, 0, history_store_test_late_task, NULL, 0);
	test_start(&erase, 1, history_store_test_erase_task, NULL, 0);
	test_await(&late);
	test_await(&erase);
	assert_int_equal(atomic_exchange(&check_failures, 0), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(history_store_test_order),
	    cmocka_unit_test(history_store_test_undone),
	    cmocka_unit_test(history_store_test_pages),
	    cmocka_unit_test(history_store_test_filters),
	    cmocka_unit_test(history_store_test_sums),
	    cmocka_unit_test(history_store_test_erasure),
	};

	return cmocka_run_group_tests_name("history_store", tests, history_store_test_set_up,
	                                   history_store_test_tear_down);
}
