/* SPDX-License-Identifier: MIT
 *
 * What Google's and OpenAI's speech services have in common here.
 */
#ifndef STUDYHALL_TESTS_UPSTREAM_SPEECH_H
#define STUDYHALL_TESTS_UPSTREAM_SPEECH_H

#include "tests/upstream/audio.h"
#include "tests/upstream/call.h"

/* What is heard in the language ("ko", "ko-KR"; NULL: the service must find out, and finds
 * English); NULL: nothing. */
const char *speech_transcript(const struct call *call, const char *language,
                              const struct audio_facts *facts);

#endif
