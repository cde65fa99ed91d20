/* SPDX-License-Identifier: MIT
 * A few regions of memory that take turns in being what libsodium believes to be freshly mapped. */
#undef _FILE_OFFSET_BITS /* with which <sys/mman.h> gives our mmap() the name mmap64 */
#include "services/auth/hash_memory.h"

#include "common/base/clock.h"
#include "common/base/obj.h"

#include <pthread.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define HASH_MEMORY_LEAST ((size_t)1 << 20) /* smaller mappings are not that of a hash */
#define HUGE_PAGE         ((size_t)2 << 20) /* where pages are larger, it is a boundary all the same */

struct region {
	void *at; /* NULL: nothing */
	size_t size;
	uint64_t used_us;
	bool fresh; /* mapped since it was taken */
	bool taken; /* by a thread, between begin and end */
	bool lent;  /* libsodium has it mapped, as it believes */
};

static pthread_mutex_t regions_lock = PTHREAD_MUTEX_INITIALIZER;
static struct region regions[HASH_MEMORY_KEPT];
/* This thread's; its fields but `taken` are this thread's alone until it gives it back. */
static _Thread_local struct region *region_taken;

/* One that nobody has, with memory rather than without. Under the lock. */
static struct region *
region_free(void)
{
	struct region *found = NULL;

	for (size_t i = 0; i < HASH_MEMORY_KEPT; i++)
		if (!regions[i].taken && (found == NULL || regions[i].at != NULL))
			found = &regions[i];
	return found;
}

/* What is mapped for `size` bytes: whole huge pages. */
static size_t
region_length(size_t size)
{
	return (size + HUGE_PAGE - 1) / HUGE_PAGE * HUGE_PAGE;
}

static void
region_unmap(struct region *region)
{
	if (region->at != NULL)
		(void)syscall(SYS_munmap, region->at, region_length(region->size));
	region->at = NULL;
	region->size = 0;
}

void
hash_memory_begin(void)
{
	assert(region_taken == NULL);
	pthread_mutex_lock(&regions_lock);
	region_taken = region_free();
	if (region_taken != NULL)
		region_taken->taken = true;
	pthread_mutex_unlock(&regions_lock);
}

bool
hash_memory_end(void)
{
	struct region *region = region_taken;
	bool first;

	region_taken = NULL;
	if (region == NULL)
		return false;
	assert(!region->lent);
	pthread_mutex_lock(&regions_lock);
	first = region->fresh;
	region->fresh = false;
	region->used_us = clock_us();
	region->taken = false;
	pthread_mutex_unlock(&regions_lock);
	return first;
}

bool
hash_memory_trim(uint64_t now_us)
{
	bool kept = false;

	pthread_mutex_lock(&regions_lock);
	for (size_t i = 0; i < HASH_MEMORY_KEPT; i++) {
		struct region *region = &regions[i];

		if (!region->taken && region->used_us + HASH_MEMORY_IDLE_US <= now_us)
			region_unmap(region);
		kept = kept || region->taken || region->at != NULL;
	}
	pthread_mutex_unlock(&regions_lock);
	return kept;
}

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)

static void *
mmap_kernel(void *at, size_t size, int protection, int flags, int fd, off_t offset)
{
	return (void *)syscall(SYS_mmap, at, size, protection, flags, fd, offset); /* sets errno */
}

/* Memory on huge pages, where the kernel has some: a hash jumps about in its memory, so that with
 * small pages each step would also be a miss in the TLB, and the first use of it thousands of page
 * faults. The mapping begins at a huge page's boundary; NULL: there is no memory. */
static void *
region_map(size_t size)
{
	size_t length = region_length(size), before;
	char *whole = mmap_kernel(NULL, length + HUGE_PAGE, PROT_READ | PROT_WRITE,
	                          MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (whole == MAP_FAILED)
		return NULL;
	before = -(uintptr_t)whole % HUGE_PAGE;
	if (before != 0)
		(void)syscall(SYS_munmap, whole, before);
	if (before != HUGE_PAGE)
		(void)syscall(SYS_munmap, whole + before + length, HUGE_PAGE - before);
	(void)madvise(whole + before, length, MADV_HUGEPAGE);
	/* What it holds comes from a password: not for a core dump. */
	(void)madvise(whole + before, length, MADV_DONTDUMP);
	return whole + before;
}

void *
mmap(void *at, size_t size, int protection, int flags, int fd, off_t offset)
{
	struct region *region = region_taken;

	if (region == NULL || region->lent || at != NULL || size < HASH_MEMORY_LEAST ||
	    (flags & MAP_ANONYMOUS) == 0 || (flags & MAP_PRIVATE) == 0 ||
	    protection != (PROT_READ | PROT_WRITE))
		return mmap_kernel(at, size, protection, flags, fd, offset);
	if (region->size != size) {
		void *fresh = region_map(size);

		if (fresh == NULL)
			return MAP_FAILED;
		region_unmap(region);
		region->at = fresh;
		region->size = size;
		region->fresh = true;
	}
	region->lent = true;
	return region->at;
}

int
munmap(void *at, size_t size)
{
	struct region *region = region_taken;

	if (region == NULL || !region->lent || at != region->at)
		return (int)syscall(SYS_munmap, at, size);
	assert(size == region->size);
	region->lent = false;
	return 0;
}

#endif
