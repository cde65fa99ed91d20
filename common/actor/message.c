/* SPDX-License-Identifier: MIT
 * Look-ups in what travels beside a message. */
#include "common/actor/message.h"

#include <string.h>

const char *
header_find(const struct header *headers, size_t count, const char *name)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(headers[i].name, name) == 0)
			return headers[i].value;
	return NULL;
}
