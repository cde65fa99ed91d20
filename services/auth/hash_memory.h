/* SPDX-License-Identifier: MIT
 *
 * The memory that password hashes fill (19 MiB each by default), kept from one to the next.
 *
 * libsodium maps it for each hash and unmaps it afterwards, and cannot be handed any. That the
 * kernel finds and clears so many pages costs nearly as much as the hash itself (measured by
 * tests/bench/password_bench.c). So this program has an mmap() and a munmap() of its own: as ELF's
 * symbol lookup begins with the program, its libraries find those before libc's. They pass all
 * requests on to the kernel, except that of a thread that hashes a password.
 *
 * Under ASan and TSan, which replace the same two functions, nothing is kept.
 */
#ifndef STUDYHALL_AUTH_HASH_MEMORY_H
#define STUDYHALL_AUTH_HASH_MEMORY_H

#include <stdbool.h>
#include <stdint.h>

#define HASH_MEMORY_KEPT    16      /* regions at most, which is also how many hashes share them */
#define HASH_MEMORY_IDLE_US 1000000 /* what was not used for so long is given back */

/* Around one hash, on its thread: what is mapped between them is kept. A seventeenth hash at a time
 * has memory of its own. */
void hash_memory_begin(void);
/* True if it keeps more than before: from now on hash_memory_trim() has something to do. */
bool hash_memory_end(void);
/* Gives back what has not been used for HASH_MEMORY_IDLE_US at the time `now_us` of clock_us().
 * Returns whether anything is still kept. Any thread. */
bool hash_memory_trim(uint64_t now_us);

#endif
