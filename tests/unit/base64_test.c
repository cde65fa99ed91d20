/* SPDX-License-Identifier: MIT
 * base64: it writes what libsodium writes, and takes and refuses what libsodium
 * does, but for characters that are not ASCII, which libsodium takes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first. */
#include <cmocka.h>

#include "common/base/base64.h"
#include "common/base/buf.h"

#include <sodium.h>
#include <string.h>

#define MOST    300
#define VARIANT sodium_base64_VARIANT_ORIGINAL

static void
test_writes_what_libsodium_writes(void **state)
{
	unsigned char bytes[MOST], back[BASE64_ROOM(MOST * 2)];
	char expected[MOST * 2];
	struct buf out;
	size_t size;

	(void)state;
	for (size_t length = 0; length <= MOST; length++) {
		randombytes_buf(bytes, length);
		sodium_bin2base64(expected, sizeof expected, bytes, length, VARIANT);
		buf_init(&out, 0);
		base64_put(&out, bytes, length);
		assert_false(buf_failed(&out));
		assert_int_equal(out.length, strlen(expected));
		if (length > 0)
			assert_memory_equal(out.bytes, expected, out.length);
		assert_true(base64_read(expected, strlen(expected), back, &size));
		assert_int_equal(size, length);
		assert_memory_equal(back, bytes, length);
		buf_fini(&out);
	}
}

static void
expect_same_verdict(const char *text, size_t length)
{
	unsigned char ours[MOST], theirs[MOST];
	size_t our_size, their_size;
	bool taken = base64_read(text, length, ours, &our_size);
	bool expected = sodium_base642bin(theirs, sizeof theirs, text, length, NULL, &their_size,
	                                  NULL, VARIANT) == 0;

	for (size_t i = 0; i < length; i++)
		expected = expected && (unsigned char)text[i] < 0x80;
	assert_int_equal(taken, expected);
	if (taken) {
		assert_int_equal(our_size, their_size);
		assert_memory_equal(ours, theirs, our_size);
	}
}

/* Every character of texts with no, one and two signs of padding becomes every other. */
static void
test_refuses_what_libsodium_refuses(void **state)
{
	static const char *const texts[] = {
	    "QUJDREVGR0hJ", "QUJDREVGR0g=", "QUJDREVGRw==", "QQ==",
	    /* As long as what is read at once, and more. */
	    "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVphYmNkZWZnaGlqa2xtbm9wcXJzdA=="};
	char text[80];

	(void)state;
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		size_t length = strlen(texts[i]);

		for (size_t cut = 0; cut <= length; cut++)
			expect_same_verdict(texts[i], cut);
		for (size_t at = 0; at < length * 256; at++) {
			memcpy(text, texts[i], length);
			text[at / 256] = (char)(at % 256);
			expect_same_verdict(text, length);
		}
	}
	expect_same_verdict("QQ==QQ==", 8);
	expect_same_verdict("QUI\nQUI=", 8);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_writes_what_libsodium_writes),
	    cmocka_unit_test(test_refuses_what_libsodium_refuses),
	};

	return sodium_init() < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
