/* SPDX-License-Identifier: MIT
 * What is said to the local recognizer: sentences by eight synthetic voices; and the engine that
 * all tests of a program share.
 */
#ifndef STUDYHALL_TESTS_SPEECH_FIXTURE_H
#define STUDYHALL_TESTS_SPEECH_FIXTURE_H

#include "services/voice/engines/stt_builtin.h"

#include <fcntl.h>
#include <setjmp.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/base/obj.h"
#include "services/voice/wav.h"

extern char **environ;

enum stt_voice {
	STT_SLT,
	STT_KAL,
	STT_RMS,
	STT_AWB,
	STT_BRITISH, /* espeak-ng's own */
	STT_AMERICAN,
	STT_SCOTTISH,
	STT_CARIBBEAN,
	STT_SLOWEST, /* words a minute: 120, and so on; espeak-ng's own are 175 */
	STT_SLOWER,
	STT_SLOW,
	STT_VOICES
};

struct stt_speech {
	int16_t *samples;
	size_t count;
};

static struct stt_builtin *stt_engine; /* without a general model */

static void
stt_run(char *const arguments[])
{
	pid_t pid;
	int status;

	assert_int_equal(posix_spawnp(&pid, arguments[0], NULL, NULL, arguments, environ), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

/* `text` as that voice says it. */
static struct stt_speech
stt_say(enum stt_voice voice, const char *text)
{
	static uint8_t bytes[4 << 20];
	char path[] = "/tmp/speech-XXXXXX.wav", said[256];
	struct stt_speech speech = {0};
	struct wav wav;

	int fd = mkstemps(path, 4);
	assert_true(fd >= 0);
	snprintf(said, sizeof(said), "%s", text);
	char *const commands[STT_VOICES][9] = {
	    [STT_SLT] = {"flite", "-voice", "slt", "-t", said, "-o", path},
	    [STT_KAL] = {"flite", "-voice", "kal", "-t", said, "-o", path},
	    [STT_RMS] = {"flite", "-voice", "rms", "-t", said, "-o", path},
	    [STT_AWB] = {"flite", "-voice", "awb", "-t", said, "-o", path},
	    [STT_BRITISH] = {"espeak-ng", "-w", path, said},
	    [STT_AMERICAN] = {"espeak-ng", "-v", "en-us", "-w", path, said},
	    [STT_SCOTTISH] = {"espeak-ng", "-v", "en-gb-scotland", "-w", path, said},
	    [STT_CARIBBEAN] = {"espeak-ng", "-v", "en-029", "-w", path, said},
	    [STT_SLOWEST] = {"espeak-ng", "-s", "120", "-w", path, said},
	    [STT_SLOWER] = {"espeak-ng", "-s", "140", "-w", path, said},
	    [STT_SLOW] = {"espeak-ng", "-s", "160", "-w", path, said},
	};
	stt_run(commands[voice]);
	ssize_t length = pread(fd, bytes, sizeof(bytes), 0);
	close(fd);
	/* espeak-ng replaces the file rather than writing into it. */
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (length <= 0)
		length = read(fd, bytes, sizeof(bytes));
	close(fd);
	unlink(path);
	assert_true(length > 0);
	assert_int_equal(wav_parse(bytes, (size_t)length, &wav), WAV_OK);
	assert_int_equal(wav_to_speech(&wav, NULL, &speech.samples, &speech.count), WAV_OK);
	return speech;
}

static enum stt_outcome
stt_hear(struct stt_builtin *engine, const struct stt_speech *speech, struct stt_heard *heard)
{
	return stt_builtin_recognize(engine, "en", speech->samples, speech->count, NULL, 0, NULL, 1,
	                             heard);
}
/* pocketsphinx keeps its last list of phones, a few bytes for an engine's whole life. */
const char *__lsan_default_suppressions(void);
const char *
__lsan_default_suppressions(void)
{
	return "leak:libsphinxbase.so\n";
}

static int
stt_setup(void **state)
{
	(void)state;
	stt_engine = stt_builtin_new(NULL, NULL);
	return stt_engine == NULL;
}

static int
stt_teardown(void **state)
{
	(void)state;
	stt_builtin_free(&stt_engine);
	return 0;
}

#endif
