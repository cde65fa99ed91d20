/* SPDX-License-Identifier: MIT
 *
 * RIFF/WAVE audio from strangers: parsed, checked, and turned into what the recognizer wants
 * (16 kHz, mono, signed 16 bit); and the header for what the synthesizer made. Source: Microsoft
 * "Multiple channel audio data and WAVE files" (2007), RFC 2361. Pure (no files, no globals) and
 * thread-safe; meant for the CPU pool, a minute of audio takes tens of milliseconds.
 */
#ifndef STUDYHALL_VOICE_WAV_H
#define STUDYHALL_VOICE_WAV_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	WAV_SPEECH_RATE = 16000,
	WAV_SECONDS_MAX = 60,
	WAV_RATE_MIN = 8000,
	WAV_RATE_MAX = 96000,
	WAV_CHANNELS_MAX = 8,
	WAV_HEADER_SIZE = 44,
};

/* Each row: name, reason in English for a problem's detail. */
#define WAV_OUTCOME_TABLE(X)                                                                       \
	X(OK, "the audio is readable")                                                             \
	X(NOT_WAV, "the audio is not a RIFF/WAVE file")                                            \
	X(MALFORMED, "the WAV file's chunks contradict each other")                                \
	X(TRUNCATED, "the WAV file ends before its audio does")                                    \
	X(CODEC, "the WAV file is not PCM of 8, 16, 24 or 32 bits, nor 32-bit float")              \
	X(RATE, "the WAV file's sample rate is not within 8000..96000 Hz")                         \
	X(CHANNELS, "the WAV file does not have 1 to 8 channels")                                  \
	X(EMPTY, "the WAV file holds no audio")                                                    \
	X(TOO_LONG, "the audio is longer than 60 seconds")                                         \
	X(CANCELLED, "nobody waits for the audio any more")                                        \
	X(NO_MEMORY, "no memory is left for the audio")

enum wav_outcome {
#define X(name, reason) WAV_##name,
	WAV_OUTCOME_TABLE(X)
#undef X
	WAV_OUTCOME_COUNT
};

const char *wav_reason(enum wav_outcome outcome);

/* A parsed file; `samples` points into the parsed bytes. */
struct wav {
	unsigned rate, channels, bits;
	bool is_float;
	const uint8_t *samples; /* little-endian, interleaved */
	size_t frames;          /* samples per channel */
};

/* Reads the chunks. A data chunk of size 0, or of the absurd size that programs write into a
 * pipe, means: to the end of the bytes. */
enum wav_outcome wav_parse(const void *bytes, size_t length, struct wav *wav);

/* Is there nothing at all to be heard (a microphone that is off)? Quick, as resampling is not. */
bool wav_is_mute(const struct wav *wav);

/* Mixes to mono, resamples to WAV_SPEECH_RATE (libsamplerate, 90 % bandwidth, 120 dB) and hands
 * over
 * `*count` samples, to be freed with free(). `stop` (may be NULL) set: WAV_CANCELLED within
 * milliseconds. On failure nothing is handed over. */
enum wav_outcome wav_to_speech(const struct wav *wav, const _Atomic bool *stop, int16_t **samples,
                               size_t *count);

/* What 16 kHz mono sounds like, measured in frames of 20 ms. */
struct wav_level {
	float peak_db;    /* loudest frame's power, dB below full scale (negative) */
	float floor_db;   /* the quiet tenth of the frames; -120: digital silence */
	unsigned loud_ms; /* time within 20 dB of the peak */
};
struct wav_level wav_measure(const int16_t *samples, size_t count);
/* Too quiet, too short or too steady (hum, hiss, noise) for speech? */
bool wav_is_silent(const struct wav_level *level);

/* Writes the 44-byte header of `data_bytes` bytes of mono 16-bit PCM. */
void wav_header(uint8_t header[WAV_HEADER_SIZE], unsigned rate, uint32_t data_bytes);

#endif
