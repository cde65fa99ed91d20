/* SPDX-License-Identifier: MIT
 * Equal parts of the time left; nobody waits for one engine longer than SHARE_MOST. */
#include "services/voice/share.h"

#include "common/base/clock.h"
#include "common/base/obj.h"
#include "common/task/task.h"

#define SHARE_MOST  12000
#define SHARE_LEAST 1000 /* no engine is asked for less */
#define SHARE_TELLS 3000 /* who gets less may be well all the same */
#define SHARE_LATER 250  /* so that the first byte's limit comes first */

bool
share_time(uint32_t keep_ms, size_t askers, struct share *share)
{
	uint32_t left = task_time_left(), part;

	assert(askers > 0);
	if (left <= keep_ms)
		return false;
	left -= keep_ms;
	if (left < SHARE_LEAST)
		return false;
	part = left / (uint32_t)askers;
	if (part < SHARE_LEAST)
		part = SHARE_LEAST;
	if (part > SHARE_MOST)
		part = SHARE_MOST;
	share->give_up_ms = clock_ms() + part;
	share->first_byte_ms = part >= SHARE_TELLS ? part - SHARE_LATER : 0;
	return true;
}
