/* SPDX-License-Identifier: MIT
 * A cursor's text is base64url of: checksum (8 bytes), sort key (8, big-endian), id. */
#include "common/service/cursor.h"

#include "common/base/ids.h"

#include <assert.h>
#include <sodium.h>
#include <string.h>

#define CURSOR_SEAL_BYTES  8
#define CURSOR_KEY_BYTES   8
#define CURSOR_BYTES_LIMIT (CURSOR_SEAL_BYTES + CURSOR_KEY_BYTES + CURSOR_ID_SIZE)

/* BLAKE2b, shortened, over what the cursor says and where it belongs. */
static void
cursor_seal(const unsigned char *payload, size_t length, const char *list, const char *user,
            unsigned char seal[CURSOR_SEAL_BYTES])
{
	unsigned char hash[crypto_generichash_BYTES_MIN];
	crypto_generichash_state state;

	crypto_generichash_init(&state, NULL, 0, sizeof hash);
	crypto_generichash_update(&state, (const unsigned char *)list, strlen(list) + 1);
	crypto_generichash_update(&state, (const unsigned char *)user, strlen(user) + 1);
	crypto_generichash_update(&state, payload, length);
	crypto_generichash_final(&state, hash, sizeof hash);
	memcpy(seal, hash, CURSOR_SEAL_BYTES);
}

void
cursor_format(const struct cursor *cursor, const char *list, const char *user,
              char out[CURSOR_TEXT_SIZE])
{
	unsigned char bytes[CURSOR_BYTES_LIMIT];
	unsigned char *payload = bytes + CURSOR_SEAL_BYTES;
	size_t id_length = strlen(cursor->id);
	size_t length = CURSOR_KEY_BYTES + id_length;

	assert(id_length < CURSOR_ID_SIZE);
	for (unsigned i = 0; i < CURSOR_KEY_BYTES; i++)
		payload[i] = (unsigned char)((uint64_t)cursor->key >> (56 - 8 * i));
	memcpy(payload + CURSOR_KEY_BYTES, cursor->id, id_length);
	cursor_seal(payload, length, list, user, bytes);
	sodium_bin2base64(out, CURSOR_TEXT_SIZE, bytes, CURSOR_SEAL_BYTES + length,
	                  sodium_base64_VARIANT_URLSAFE_NO_PADDING);
}

bool
cursor_parse(const char *text, const char *list, const char *user, struct cursor *cursor)
{
	unsigned char bytes[CURSOR_BYTES_LIMIT];
	unsigned char seal[CURSOR_SEAL_BYTES];
	const unsigned char *payload = bytes + CURSOR_SEAL_BYTES;
	size_t length, id_length;
	uint64_t key = 0;

	if (sodium_base642bin(bytes, sizeof bytes, text, strlen(text), NULL, &length, NULL,
	                      sodium_base64_VARIANT_URLSAFE_NO_PADDING) != 0 ||
	    length <= CURSOR_SEAL_BYTES + CURSOR_KEY_BYTES)
		return false;
	length -= CURSOR_SEAL_BYTES;
	id_length = length - CURSOR_KEY_BYTES;
	cursor_seal(payload, length, list, user, seal);
	if (id_length >= CURSOR_ID_SIZE || memcmp(seal, bytes, sizeof seal) != 0)
		return false;
	for (unsigned i = 0; i < CURSOR_KEY_BYTES; i++)
		key = key << 8 | payload[i];
	cursor->key = (int64_t)key;
	memcpy(cursor->id, payload + CURSOR_KEY_BYTES, id_length);
	cursor->id[id_length] = '\0';
	return ids_valid(cursor->id);
}
