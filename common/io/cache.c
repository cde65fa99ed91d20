/* SPDX-License-Identifier: MIT
 * What tasks call: keys, marks and values as Redis holds them.
 *
 * A key holds one of: 'V', 16 digits of epoch, the value; 'T' and 22 random letters, a mark that
 * whoever saw it may replace by a value; 'L' and 22 random letters, a mark that nobody may. */
#include "common/base/arena.h"
#include "common/base/ids.h"
#include "common/base/obj.h"
#include "common/io/cache_private.h"
#include "common/task/task.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CACHE_MARK_S        "30" /* a tombstone or lock: longer than any fill takes */
#define CACHE_MISS_MARK_S   "5"  /* a reader's mark: as long as its reading may take */
#define CACHE_KEYS          64
#define CACHE_FULL_KEY_SIZE (CACHE_PREFIX_SIZE + CACHE_KEY_SIZE)
#define CACHE_EPOCH_DIGITS  16
#define CACHE_VALUE_HEAD    (1 + CACHE_EPOCH_DIGITS)

const char *const cache_scripts[CACHE_SCRIPTS] = {
    [CACHE_SCRIPT_MISS] = "local v = redis.call('GET', KEYS[1]) "
                          "if v then local k = string.sub(v, 1, 1) "
                          "if k ~= 'V' or string.sub(v, 2, 17) >= ARGV[1] then return v end end "
                          "redis.call('SET', KEYS[1], ARGV[2], 'EX', ARGV[3]) return ARGV[2]",
    [CACHE_SCRIPT_FILL] = "if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end "
                          "redis.call('SET', KEYS[1], ARGV[2], 'EX', ARGV[3]) return 1",
    [CACHE_SCRIPT_INCR] =
        "if ARGV[1] == '0' then return tonumber(redis.call('GET', KEYS[1]) or '0') end "
        "local n = redis.call('INCRBY', KEYS[1], ARGV[1]) "
        "if redis.call('TTL', KEYS[1]) < 0 then redis.call('EXPIRE', KEYS[1], ARGV[2]) end "
        "return n",
};

/* --- commands ------------------------------------------------------------------------------- */

static void
cache_full_key(const struct cache *cache, const char *key, char out[CACHE_FULL_KEY_SIZE])
{
	assert(strlen(key) < CACHE_KEY_SIZE);
	snprintf(out, CACHE_FULL_KEY_SIZE, "%s%s", cache->prefix, key);
}

static void
cache_make_mark(char kind, char out[CACHE_MARK_SIZE])
{
	char token[TOKEN_SIZE];

	ids_token(token);
	snprintf(out, CACHE_MARK_SIZE, "%c%.*s", kind, CACHE_MARK_SIZE - 2, token);
}

static struct cache_command *
cache_send_words(struct cache_conn *conn, int count, const char **words)
{
	size_t lengths[8];

	assert(count <= (int)COUNT_OF(lengths));
	for (int i = 0; i < count; i++)
		lengths[i] = strlen(words[i]);
	return cache_send(conn, task_arena(), count, words, lengths);
}

struct cache_words {
	const char *words[3];
	size_t lengths[3];
	int count;
};

/* Runs a script with one key; a server that has forgotten it is told the whole text. */
static enum status
cache_eval(struct cache *cache, enum cache_script script, const char *full_key,
           const struct cache_words *args, struct cache_reply *reply)
{
	const char *words[7] = {"EVALSHA", "", "1", full_key};
	size_t lengths[7] = {7, 0, 1, strlen(full_key)};
	enum status status;

	for (int i = 0; i < args->count; i++) {
		words[4 + i] = args->words[i];
		lengths[4 + i] = args->lengths[i];
	}
	for (int attempt = 0;; attempt++) {
		struct cache_conn *conn = cache_here(cache);
		struct cache_command *command = NULL;

		if (conn == NULL)
			return STATUS_DEPENDENCY_DOWN;
		words[0] = attempt == 0 ? "EVALSHA" : "EVAL";
		lengths[0] = strlen(words[0]);
		words[1] = attempt == 0 ? cache_conn_sha(conn, script) : cache_scripts[script];
		lengths[1] = strlen(words[1]);
		command = cache_send(conn, task_arena(), 4 + args->count, words, lengths);
		status = cache_await(&command, true, reply);
		if (status != STATUS_OK || reply->kind != CACHE_REPLY_ERROR)
			return status;
		if (attempt == 1 || strncmp(reply->bytes, "NOSCRIPT", 8) != 0)
			return STATUS_DEPENDENCY_DOWN;
	}
}

/* --- reading -------------------------------------------------------------------------------- */

/* Takes a hit, or the mark that a fill needs. False if what is there must be replaced by a mark. */
static bool
cache_take(struct cache_entry *entry, const struct cache_reply *reply)
{
	char digits[CACHE_EPOCH_DIGITS + 1];

	if (reply->kind != CACHE_REPLY_BYTES || reply->length == 0)
		return reply->kind != CACHE_REPLY_NIL;
	if (reply->bytes[0] == 'T' && reply->length == CACHE_MARK_SIZE - 1)
		memcpy(entry->mark, reply->bytes, CACHE_MARK_SIZE);
	if (reply->bytes[0] != 'V' || reply->length < CACHE_VALUE_HEAD)
		return true;
	memcpy(digits, reply->bytes + 1, CACHE_EPOCH_DIGITS);
	digits[CACHE_EPOCH_DIGITS] = '\0';
	if (strtoull(digits, NULL, 10) < entry->epoch)
		return false;
	entry->value = reply->bytes + CACHE_VALUE_HEAD;
	entry->length = reply->length - CACHE_VALUE_HEAD;
	return true;
}

static void
cache_leave_mark(struct cache *cache, const char *full_key, struct cache_entry *entry)
{
	char epoch[CACHE_EPOCH_DIGITS + 1], mark[CACHE_MARK_SIZE];
	struct cache_words args = {
	    {epoch, mark, CACHE_MISS_MARK_S}, {CACHE_EPOCH_DIGITS, CACHE_MARK_SIZE - 1, 1}, 3};
	struct cache_reply reply;

	snprintf(epoch, sizeof epoch, "%016" PRIu64, entry->epoch);
	cache_make_mark('T', mark);
	if (cache_eval(cache, CACHE_SCRIPT_MISS, full_key, &args, &reply) == STATUS_OK)
		(void)cache_take(entry, &reply);
}

bool
cache_get(struct cache *cache, const char *key, struct cache_entry *entry)
{
	char full_key[CACHE_FULL_KEY_SIZE];
	const char *words[] = {"GET", full_key};
	struct cache_conn *conn = cache_here(cache);
	struct cache_command *command;
	struct cache_reply reply;

	*entry = (struct cache_entry){.epoch = cache->no_epoch ? 0 : cache->epoch};
	if (conn == NULL || !cache_trusted(cache)) {
		metric_add(&cache_metric_blind, 1);
		return false;
	}
	cache_full_key(cache, key, full_key);
	command = cache_send_words(conn, 2, words);
	if (cache_await(&command, true, &reply) != STATUS_OK)
		return false;
	if (!cache_take(entry, &reply))
		cache_leave_mark(cache, full_key, entry);
	metric_add(entry->value != NULL ? &cache_metric_hits : &cache_metric_misses, 1);
	return entry->value != NULL;
}

void
cache_fill(struct cache *cache, const char *key, const struct cache_entry *miss, const void *value,
           size_t length, unsigned ttl_s)
{
	char full_key[CACHE_FULL_KEY_SIZE], ttl[12];
	struct cache_words args = {{miss->mark}, {CACHE_MARK_SIZE - 1}, 3};
	struct cache_reply reply;
	char *record;

	if (miss->mark[0] == '\0' || length > CACHE_VALUE_LIMIT)
		return;
	record = arena_alloc(task_arena(), CACHE_VALUE_HEAD + length + 1);
	if (record == NULL)
		return;
	snprintf(record, CACHE_VALUE_HEAD + 1, "V%016" PRIu64, miss->epoch);
	if (length > 0)
		memcpy(record + CACHE_VALUE_HEAD, value, length);
	args.words[1] = record;
	args.lengths[1] = CACHE_VALUE_HEAD + length;
	args.words[2] = ttl;
	args.lengths[2] = (size_t)snprintf(ttl, sizeof ttl, "%u", ttl_s > 0 ? ttl_s : 1);
	cache_full_key(cache, key, full_key);
	if (cache_eval(cache, CACHE_SCRIPT_FILL, full_key, &args, &reply) == STATUS_OK &&
	    reply.integer == 0)
		metric_add(&cache_metric_refused, 1);
}

/* --- writing -------------------------------------------------------------------------------- */

static enum status
cache_put_marks(struct cache *cache, char kind, const char *const *keys, size_t count)
{
	struct cache_command *commands[CACHE_KEYS];
	enum status status = STATUS_OK;

	OBJ_CHECK(cache, CACHE_MAGIC);
	assert(count <= CACHE_KEYS);
	if (cache->off)
		return STATUS_OK;
	for (size_t i = 0; i < count; i++) {
		char full_key[CACHE_FULL_KEY_SIZE], mark[CACHE_MARK_SIZE];
		const char *words[] = {"SET", full_key, mark, "EX", CACHE_MARK_S};
		struct cache_conn *conn = cache_here(cache);

		cache_full_key(cache, keys[i], full_key);
		cache_make_mark(kind, mark);
		commands[i] = conn != NULL ? cache_send_words(conn, 5, words) : NULL;
	}
	for (size_t i = 0; i < count; i++) {
		struct cache_reply reply;

		if (cache_await(&commands[i], false, &reply) != STATUS_OK ||
		    reply.kind != CACHE_REPLY_BYTES)
			status = STATUS_DEPENDENCY_DOWN;
	}
	if (status != STATUS_OK)
		metric_add(&cache_metric_unconfirmed, 1);
	return status;
}

enum status
cache_lock(struct cache *cache, const char *const *keys, size_t count)
{
	return cache_put_marks(cache, 'L', keys, count);
}

enum status
cache_invalidate(struct cache *cache, const char *const *keys, size_t count)
{
	return cache_put_marks(cache, 'T', keys, count);
}

enum status
cache_incr(struct cache *cache, const char *key, int64_t by, unsigned ttl_s, int64_t *sum)
{
	char full_key[CACHE_FULL_KEY_SIZE], amount[24], ttl[12];
	struct cache_words args = {{amount, ttl}, {0}, 2};
	struct cache_reply reply;
	enum status status;

	*sum = 0;
	cache_full_key(cache, key, full_key);
	args.lengths[0] = (size_t)snprintf(amount, sizeof amount, "%" PRId64, by);
	args.lengths[1] = (size_t)snprintf(ttl, sizeof ttl, "%u", ttl_s > 0 ? ttl_s : 1);
	status = cache_eval(cache, CACHE_SCRIPT_INCR, full_key, &args, &reply);
	if (status != STATUS_OK)
		return status;
	*sum = reply.integer;
	return reply.kind == CACHE_REPLY_INTEGER ? STATUS_OK : STATUS_DEPENDENCY_DOWN;
}

enum status
cache_forget(struct cache *cache, const char *key)
{
	char full_key[CACHE_FULL_KEY_SIZE];
	const char *words[] = {"DEL", full_key};
	struct cache_conn *conn = cache_here(cache);
	struct cache_command *command;
	struct cache_reply reply;

	if (conn == NULL)
		return STATUS_DEPENDENCY_DOWN;
	cache_full_key(cache, key, full_key);
	command = cache_send_words(conn, 2, words);
	return cache_await(&command, true, &reply);
}
