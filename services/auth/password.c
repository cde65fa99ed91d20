/* SPDX-License-Identifier: MIT
 * Hands libsodium's password hash to the CPU pool, in memory that is kept. */
#include "services/auth/password.h"

#include "common/base/clock.h"
#include "common/service/periodic.h"
#include "common/task/offload.h"
#include "services/auth/hash_memory.h"

#include <sodium.h>
#include <stdatomic.h>
#include <string.h>

#define PASSWORD_TRIM_MS (60 * 60 * 1000) /* there is nothing to give back */

_Static_assert(crypto_pwhash_STRBYTES <= PASSWORD_HASH_SIZE, "libsodium's hashes fit");

struct password_job {
	const struct password_policy *policy;
	const char *password;
	char *made;
	const char *given;
	int result;
	bool kept_first; /* memory is kept from now on */
};

/* How long a hash takes, averaged over about the last ten. */
static _Atomic uint64_t password_average_us;

static void
password_measure(uint64_t began_us)
{
	uint64_t average = atomic_load_explicit(&password_average_us, memory_order_relaxed);
	uint64_t took = clock_us() - began_us;

	average = average == 0 ? took : (average * 9 + took) / 10;
	atomic_store_explicit(&password_average_us, average, memory_order_relaxed);
}

/* Runs the job, unless so much waits already that its caller would give up first. */
static enum status
password_offload(struct password_job *job, offload_fn *fn)
{
	struct pool *pool = job->policy->pool;
	enum status status;
	uint64_t average = atomic_load_explicit(&password_average_us, memory_order_relaxed);
	size_t running = pool_running(pool);

	if (pool_queued(pool) * average / (running > 0 ? running : 1) > PASSWORD_WAIT_MS * 1000)
		return STATUS_OVERLOADED;
	status = offload(pool, fn, job);
	if (job->kept_first && job->policy->trim != NULL)
		periodic_nudge(job->policy->trim);
	return status;
}

static void
password_hash_run(void *arg, const _Atomic bool *stop)
{
	struct password_job *job = arg;
	uint64_t began_us = clock_us();

	(void)stop;
	hash_memory_begin();
	job->result = crypto_pwhash_str_alg(job->made, job->password, strlen(job->password),
	                                    (unsigned long long)job->policy->passes,
	                                    (size_t)job->policy->memory_kib * 1024,
	                                    crypto_pwhash_ALG_ARGON2ID13);
	job->kept_first = hash_memory_end();
	password_measure(began_us);
}

static void
password_verify_run(void *arg, const _Atomic bool *stop)
{
	struct password_job *job = arg;
	uint64_t began_us = clock_us();

	(void)stop;
	hash_memory_begin();
	job->result = crypto_pwhash_str_verify(job->given, job->password, strlen(job->password));
	job->kept_first = hash_memory_end();
	password_measure(began_us);
}

enum status
password_hash(const struct password_policy *policy, const char *password,
              char out[PASSWORD_HASH_SIZE])
{
	struct password_job job = {.policy = policy, .password = password, .made = out};
	enum status status = password_offload(&job, password_hash_run);

	if (status == STATUS_OK && job.result != 0)
		return STATUS_OVERLOADED;
	return status;
}

enum status
password_verify(const struct password_policy *policy, const char *hash, const char *password,
                bool *match)
{
	struct password_job job = {.policy = policy, .password = password, .given = hash};
	enum status status = password_offload(&job, password_verify_run);

	*match = status == STATUS_OK && job.result == 0;
	return status;
}

bool
password_outdated(const struct password_policy *policy, const char *hash)
{
	return crypto_pwhash_str_needs_rehash(hash, (unsigned long long)policy->passes,
	                                      (size_t)policy->memory_kib * 1024) != 0;
}

uint32_t
password_trim(void *unused)
{
	(void)unused;
	return hash_memory_trim(clock_us()) ? HASH_MEMORY_IDLE_US / 1000 : PASSWORD_TRIM_MS;
}
