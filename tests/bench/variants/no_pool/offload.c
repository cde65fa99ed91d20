/* SPDX-License-Identifier: MIT
 * No CPU pool: the work is done on the loop, which does nothing else meanwhile. */
#include "common/task/offload.h"

#define offload     offload_queued
#define offload_for offload_for_queued
enum status offload_queued(struct pool *pool, offload_fn *fn, void *arg);
enum status offload_for_queued(struct pool *pool, const char *who, offload_fn *fn, void *arg);
#include "common/task/offload.c"
#undef offload
#undef offload_for

enum status
offload_for(struct pool *pool, const char *who, offload_fn *fn, void *arg)
{
	_Atomic bool stop = false;

	(void)pool;
	(void)who;
	fn(arg, &stop);
	return STATUS_OK;
}

enum status
offload(struct pool *pool, offload_fn *fn, void *arg)
{
	return offload_for(pool, NULL, fn, arg);
}
