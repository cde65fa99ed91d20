/* SPDX-License-Identifier: MIT
 * Memory goes back when a crowd has left, not while it changes. */
#include "common/service/heap.h"

#include <malloc.h>

#define HEAP_GREAT_BLOCK (256 << 10) /* bytes; malloc() maps these, free() gives them back */
#define HEAP_CROWD       256 /* tasks: what less than these leave is not worth looking for */
#define HEAP_CALM_S      3

/* One hostile or great request must not leave its memory with us. Left alone, glibc stops mapping
 * great blocks once it has freed one, and keeps them in a heap whose top some small block then
 * holds. */
void
heap_limit(void)
{
	(void)mallopt(M_MMAP_THRESHOLD, HEAP_GREAT_BLOCK);
	(void)mallopt(M_TRIM_THRESHOLD, HEAP_GREAT_BLOCK);
}

bool
heap_trim(struct heap_crowd *crowd, unsigned tasks)
{
	if (tasks > crowd->most)
		crowd->most = tasks;
	crowd->calm = tasks < crowd->most / 2 ? crowd->calm + 1 : 0;
	if (crowd->most < HEAP_CROWD || crowd->calm < HEAP_CALM_S)
		return false;
	*crowd = (struct heap_crowd){.most = tasks};
	(void)malloc_trim(0);
	return true;
}
