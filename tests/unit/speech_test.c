/* SPDX-License-Identifier: MIT
 * What goes out to speech engines elsewhere and what comes back: media, samples, transcripts,
 * sound; and how a turn's time is divided. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first. */
#include <cmocka.h>

#include "services/voice/clip.h"
#include "services/voice/engines/cloud.h"
#include "services/voice/share.h"
#include "tests/unit/task_fixture.h"

#include <string.h>

static void
test_media(void **state)
{
	(void)state;
	assert_string_equal(clip_media("audio/X-WAV; rate=16000"), CLIP_WAV);
	assert_string_equal(clip_media("audio/webm;codecs=opus"), "audio/webm");
	assert_string_equal(clip_media("audio/ogg"), "audio/ogg");
	assert_string_equal(clip_media("audio/x-flac"), "audio/flac");
	assert_null(clip_media("audio/ogg; codecs=vorbis"));
	assert_null(clip_media("audio/wavpack"));
	assert_null(clip_media("text/plain"));
	assert_null(clip_media(NULL));
}

static void
write_wav(uint8_t *file, const int16_t *samples, size_t count)
{
	wav_header(file, 16000, (uint32_t)(count * 2));
	memcpy(file + WAV_HEADER_SIZE, samples, count * 2);
}

static void
clip_task(void *arg)
{
	static const int16_t samples[] = {10, -20, 64, -64};
	uint8_t file[WAV_HEADER_SIZE + sizeof samples];
	struct clip clip = {.media = CLIP_WAV, .bytes = file, .length = sizeof file};
	enum wav_outcome outcome;

	(void)arg;
	write_wav(file, samples, COUNT_OF(samples));
	assert(clip_prepare(&clip, NULL, NULL, &outcome) == STATUS_OK && outcome == WAV_OK);
	/* Plain samples are sent where they stand. */
	assert(clip.samples == file + WAV_HEADER_SIZE && clip.samples_length == sizeof samples);
	assert(clip.rate == 16000);
	assert(clip_is_silent(&clip));
	file[WAV_HEADER_SIZE] = 65;
	assert(!clip_is_silent(&clip));
	clip = (struct clip){.media = CLIP_WAV, .bytes = file, .length = 60};
	file[40] = 0xff;
	assert(clip_prepare(&clip, NULL, NULL, &outcome) == STATUS_OK && outcome == WAV_TRUNCATED);
	clip = (struct clip){.media = "audio/ogg", .bytes = file, .length = 4};
	assert(clip_prepare(&clip, NULL, NULL, &outcome) == STATUS_OK && outcome == WAV_OK);
	assert(clip.samples == NULL && !clip_is_silent(&clip));
}

static void
transcript_task(void *arg)
{
	char long_text[4000];
	const char *text;

	(void)arg;
	assert(strcmp(cloud_transcript(" what\nis late \t", 14), "what is late") == 0);
	assert(cloud_transcript(" \n", 2) == NULL && cloud_transcript("", 0) == NULL);
	assert(cloud_transcript("\x01 \x7f", 3) == NULL);
	assert(cloud_transcript("\xff\xfe", 2) == NULL);
	/* Jamo are joined, and the limit counts code points. */
	text = cloud_transcript("\u1112\u1161\u11ab", 9);
	assert(text != NULL && strcmp(text, "한") == 0);
	for (size_t i = 0; i + 3 <= sizeof long_text; i += 3)
		memcpy(long_text + i, "가", 3);
	text = cloud_transcript(long_text, 3999);
	assert(text != NULL && strlen(text) == 3 * CLOUD_TEXT_MOST);
}

static enum ai_fault
take(const void *bytes, size_t length, enum cloud_format format, struct cloud_sound *sound)
{
	const char *why;
	char *copy = malloc(length + 1);

	memcpy(copy, bytes, length);
	return cloud_take_sound(copy, length, format, sound, &why);
}

static void
sound_task(void *arg)
{
	static const int16_t samples[] = {1, 2, 3};
	uint8_t file[WAV_HEADER_SIZE + sizeof samples], whole[sizeof file];
	struct cloud_sound sound;
	const char *why;

	(void)arg;
	write_wav(file, samples, COUNT_OF(samples));
	memcpy(whole, file, sizeof file);
	/* As a server writes it that does not know the length yet. */
	memset(file + 4, 0xff, 4);
	memset(file + 40, 0xff, 4);
	assert(take(file, sizeof file, CLOUD_WAV, &sound) == AI_FAULT_NONE);
	assert(sound.length == sizeof whole && memcmp(sound.bytes, whole, sizeof whole) == 0);
	file[22] = 2; /* two channels */
	assert(take(file, sizeof file, CLOUD_WAV, &sound) == AI_FAULT_MALFORMED);
	assert(take("{\"error\":1}", 11, CLOUD_WAV, &sound) == AI_FAULT_MALFORMED);
	assert(take("{\"error\":1}", 11, CLOUD_MP3, &sound) == AI_FAULT_MALFORMED);
	assert(take("\xff\xf3\x44\xc4\x00", 5, CLOUD_MP3, &sound) == AI_FAULT_NONE);
	assert(take("ID3\x04\x00", 5, CLOUD_MP3, &sound) == AI_FAULT_NONE);
	assert(take("", 0, CLOUD_MP3, &sound) == AI_FAULT_MALFORMED);
	assert(cloud_take_sound(NULL, 0, CLOUD_WAV, &sound, &why) == AI_FAULT_MALFORMED);
}

static void
share_task(void *arg)
{
	uint64_t now = clock_ms();
	struct share share;

	(void)arg; /* the task has half a minute */
	assert(share_time(10000, 1, &share));
	assert(share.give_up_ms >= now + 12000 && share.give_up_ms <= clock_ms() + 12000);
	assert(share.first_byte_ms < 12000 && share.first_byte_ms > 11000);
	assert(share_time(10000, 2, &share) && share.give_up_ms <= clock_ms() + 10000);
	/* Too short to say that a stall is the engine's fault. */
	assert(share_time(10000, 10, &share) && share.first_byte_ms == 0);
	assert(share_time(28500, 2, &share) && share.give_up_ms >= now + 1000);
	assert(!share_time(29500, 1, &share) && !share_time(31000, 1, &share));
}

static struct worker *worker;

static void
run(task_fn *fn)
{
	run_task_until(worker, clock_ms() + 30000, fn, NULL);
}

static void
test_clip(void **state)
{
	(void)state;
	run(clip_task);
}

static void
test_transcript(void **state)
{
	(void)state;
	run(transcript_task);
}

static void
test_sound(void **state)
{
	(void)state;
	run(sound_task);
}

static void
test_share(void **state)
{
	(void)state;
	run(share_task);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_media), cmocka_unit_test(test_clip),
	    cmocka_unit_test(test_transcript), cmocka_unit_test(test_sound),
	    cmocka_unit_test(test_share)};
	int failed;

	worker = fixture_worker("speech");
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	fixture_end(worker);
	return failed;
}
