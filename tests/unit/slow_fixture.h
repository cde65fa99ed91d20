/* SPDX-License-Identifier: MIT
 * FIXTURE_SLOW: 1 when a sanitizer is at work, which takes several times as long: fewer rounds,
 * fewer tasks, no measuring. */
#ifndef STUDYHALL_TESTS_SLOW_FIXTURE_H
#define STUDYHALL_TESTS_SLOW_FIXTURE_H

#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define FIXTURE_TSAN 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(FIXTURE_TSAN)
#define FIXTURE_SLOW 1
#else
#define FIXTURE_SLOW 0
#endif

#endif
