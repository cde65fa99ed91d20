/* SPDX-License-Identifier: MIT
 * The processor does most of a long text; GLib what is left of it. GLib leaves out what it does not
 * know, so what it made is counted; libsodium judges the end, where it would take characters that
 * are not ASCII. */
#include "common/base/base64.h"

#include "common/base/base64_private.h"

#include "common/base/buf.h"

#include <glib.h>
#include <sodium.h>
#include <string.h>

void
base64_put(struct buf *out, const void *bytes, size_t length)
{
	char *room;
	size_t done;
	gsize made;
	gint state = 0, save = 0;

	if (length == 0)
		return;
	room = buf_reserve(out, (length / 3 + 2) * 4);
	if (room == NULL)
		return;
	done = base64_put_wide(bytes, length, room);
	made = done / 3 * 4;
	made += g_base64_encode_step((const guchar *)bytes + done, length - done, FALSE,
	                             room + made, &state, &save);
	made += g_base64_encode_close(FALSE, room + made, &state, &save);
	buf_advance(out, made);
}

bool
base64_read(const char *text, size_t length, void *bytes, size_t *size)
{
	size_t most = length >= 4 ? length - 4 : 0, made, done, last;
	unsigned char *to = bytes;
	gint state = 0;
	guint save = 0;

	*size = 0;
	if (length % 4 != 0)
		return false;
	for (size_t i = most; i < length; i++)
		if ((unsigned char)text[i] >= 0x80)
			return false;
	done = base64_read_wide(text, most, to);
	made = done / 4 * 3;
	if (most > done && memchr(text + done, '=', most - done) == NULL)
		made += g_base64_decode_step(text + done, most - done, to + made, &state, &save);
	if (made != most / 4 * 3 ||
	    sodium_base642bin(to + made, 3, text + most, length - most, NULL, &last, NULL,
	                      sodium_base64_VARIANT_ORIGINAL) != 0)
		return false;
	*size = made + last;
	return true;
}
