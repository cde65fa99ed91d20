/* SPDX-License-Identifier: MIT
 *
 * What glibc's heap does with memory that nobody needs any more: by itself it keeps nearly all of
 * it, for a heap is only cut off at its end. One thread at a time.
 */
#ifndef STUDYHALL_SERVICE_HEAP_H
#define STUDYHALL_SERVICE_HEAP_H

#include <stdbool.h>

/* Begins zeroed. */
struct heap_crowd {
	unsigned most; /* tasks at a time since memory was last given back */
	unsigned calm; /* seconds in a row with less than half of that */
};

/* Great blocks are mapped, and go when they are freed. At the start of a process. */
void heap_limit(void);
/* Once a second, with how many tasks there are: gives free pages back to the system when a crowd of
 * them has gone. Takes a microsecond for each piece of memory that is free, and who allocates waits
 * meanwhile; so not for what comes and goes. True if it did. */
bool heap_trim(struct heap_crowd *crowd, unsigned tasks);

#endif
