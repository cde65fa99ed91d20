/* SPDX-License-Identifier: MIT
 * GLib leaves out what it does not know, so what it made is counted; libsodium judges the end,
 * where it would take characters that are not ASCII. */
#include "common/base/base64.h"

#include "common/base/buf.h"

#include <glib.h>
#include <sodium.h>
#include <string.h>

void
base64_put(struct buf *out, const void *bytes, size_t length)
{
	char *room;
	gsize made;
	gint state = 0, save = 0;

	if (length == 0)
		return;
	room = buf_reserve(out, (length / 3 + 2) * 4);
	if (room == NULL)
		return;
	made = g_base64_encode_step(bytes, length, FALSE, room, &state, &save);
	made += g_base64_encode_close(FALSE, room + made, &state, &save);
	buf_advance(out, made);
}

bool
base64_read(const char *text, size_t length, void *bytes, size_t *size)
{
	size_t most = length >= 4 ? length - 4 : 0, made = 0, last;
	unsigned char *to = bytes;
	gint state = 0;
	guint save = 0;

	*size = 0;
	if (length % 4 != 0)
		return false;
	for (size_t i = most; i < length; i++)
		if ((unsigned char)text[i] >= 0x80)
			return false;
	if (most > 0 && memchr(text, '=', most) == NULL)
		made = g_base64_decode_step(text, most, to, &state, &save);
	if (made != most / 4 * 3 ||
	    sodium_base642bin(to + made, 3, text + most, length - most, NULL, &last, NULL,
	                      sodium_base64_VARIANT_ORIGINAL) != 0)
		return false;
	*size = made + last;
	return true;
}
