/* SPDX-License-Identifier: MIT
 *
 * How a call of a provider ended, for whoever keeps its record: the words that providers, chats and
 * those who use them share.
 */
#ifndef STUDYHALL_AI_OUTCOME_H
#define STUDYHALL_AI_OUTCOME_H

enum ai_outcome {
	AI_ANSWERED, /* there is an answer, be it cut off or wrong: it has to be paid for */
	AI_FAILED,   /* refused, broken, or silent for too long */
	AI_CANCELLED /* by us, or late: the transfer was aborted */
};

#endif
