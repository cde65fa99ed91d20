/* SPDX-License-Identifier: MIT
 * Hands libsodium's password hash to the CPU pool. */
#include "services/auth/password.h"

#include "common/task/offload.h"

#include <sodium.h>
#include <string.h>

_Static_assert(crypto_pwhash_STRBYTES <= PASSWORD_HASH_SIZE, "libsodium's hashes fit");

struct password_job {
	const struct password_policy *policy;
	const char *password;
	char *made;
	const char *given;
	int result;
};

static void
password_hash_run(void *arg, const _Atomic bool *stop)
{
	struct password_job *job = arg;

	(void)stop;
	job->result = crypto_pwhash_str_alg(job->made, job->password, strlen(job->password),
	                                    (unsigned long long)job->policy->passes,
	                                    (size_t)job->policy->memory_kib * 1024,
	                                    crypto_pwhash_ALG_ARGON2ID13);
}

static void
password_verify_run(void *arg, const _Atomic bool *stop)
{
	struct password_job *job = arg;

	(void)stop;
	job->result = crypto_pwhash_str_verify(job->given, job->password, strlen(job->password));
}

enum status
password_hash(const struct password_policy *policy, const char *password,
              char out[PASSWORD_HASH_SIZE])
{
	struct password_job job = {.policy = policy, .password = password, .made = out};
	enum status status = offload(policy->pool, password_hash_run, &job);

	if (status == STATUS_OK && job.result != 0)
		return STATUS_OVERLOADED;
	return status;
}

enum status
password_verify(const struct password_policy *policy, const char *hash, const char *password,
                bool *match)
{
	struct password_job job = {.policy = policy, .password = password, .given = hash};
	enum status status = offload(policy->pool, password_verify_run, &job);

	*match = status == STATUS_OK && job.result == 0;
	return status;
}

bool
password_outdated(const struct password_policy *policy, const char *hash)
{
	return crypto_pwhash_str_needs_rehash(hash, (unsigned long long)policy->passes,
	                                      (size_t)policy->memory_kib * 1024) != 0;
}
