/* SPDX-License-Identifier: MIT
 *
 * A turn's time, divided: each engine that has to be waited for gets a share, so that one that
 * stalls leaves enough for the next, for what follows, and for the engines on this machine.
 */
#ifndef STUDYHALL_VOICE_SHARE_H
#define STUDYHALL_VOICE_SHARE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What stays for later, in milliseconds. */
enum {
	SHARE_STORE = 1500,       /* the commit, and the way back */
	SHARE_SPEAK_LOCAL = 2500, /* to speak on this machine */
	SHARE_SPEAK = 6000,       /* to speak at all */
	SHARE_REPLY = 4000,       /* to think of a reply */
	SHARE_HEAR_LOCAL = 4000,  /* to listen on this machine */
};

struct share {
	uint64_t give_up_ms; /* clock_ms() */
	uint32_t
	    first_byte_ms; /* a stall beyond it speaks against the engine; 0: too short to say */
};

/* Of the task's time left, less `keep_ms`, the part of the first of `askers` engines; when there is
 * not enough for all, those behind go without. False: too little to ask anybody. */
bool share_time(uint32_t keep_ms, size_t askers, struct share *share);

#endif
