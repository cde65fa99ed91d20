/* SPDX-License-Identifier: MIT
 *
 * What stt_builtin.c asks of the shared general model; the service uses stt_builtin.h alone.
 */
#ifndef STUDYHALL_VOICE_ENGINES_STT_GENERAL_H
#define STUDYHALL_VOICE_ENGINES_STT_GENERAL_H

#include "services/voice/engines/stt_builtin.h"

/* Loads the model if need be, waits for its turn, decodes. Sets heard->text. Blocks. */
enum stt_outcome stt_general_recognize(struct stt_general *general, const int16_t *samples,
                                       size_t count, const _Atomic bool *stop, int64_t now_ms,
                                       struct stt_heard *heard);

#endif
