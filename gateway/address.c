/* SPDX-License-Identifier: MIT
 * Networks of trusted proxies, and X-Forwarded-For read from its end. */
#include "gateway/address.h"

#include "common/base/obj.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ADDRESS_LIST_MAGIC 0xadd4e550u
#define ADDRESS_LIST_MAX   64

/* IPv4 is kept as ::ffff:a.b.c.d. */
struct address_network {
	uint8_t bytes[16];
	unsigned bits;
};

struct address_list {
	unsigned magic;
	bool has_unix;
	size_t count;
	struct address_network networks[ADDRESS_LIST_MAX];
};

/* *v4 tells whether it was written as IPv4. */
static bool
address_parse(const char *text, uint8_t out[16], bool *v4)
{
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
	memcpy(out, mapped, sizeof mapped);
	*v4 = inet_pton(AF_INET, text, out + 12) == 1;
	return *v4 || inet_pton(AF_INET6, text, out) == 1;
}

static bool
address_parse_network(const char *text, size_t length, struct address_network *network)
{
	char copy[ADDRESS_SIZE];
	if (length >= sizeof copy)
		return false;
	memcpy(copy, text, length);
	copy[length] = '\0';
	char *slash = strchr(copy, '/');
	if (slash != NULL)
		*slash = '\0';
	bool v4;
	if (!address_parse(copy, network->bytes, &v4))
		return false;
	network->bits = 128;
	if (slash == NULL)
		return true;
	size_t digits = strspn(slash + 1, "0123456789");
	if (digits == 0 || digits > 3 || slash[1 + digits] != '\0')
		return false;
	unsigned bits = (unsigned)strtoul(slash + 1, NULL, 10);
	if (bits > (v4 ? 32u : 128u))
		return false;
	network->bits = v4 ? bits + 96 : bits;
	return true;
}

struct address_list *
address_list_parse(const char *text, char *error, size_t error_size)
{
	struct address_list *list = calloc(1, sizeof *list);
	if (list == NULL) {
		snprintf(error, error_size, "out of memory");
		return NULL;
	}
	OBJ_INIT(list, ADDRESS_LIST_MAGIC);
	for (const char *at = text; at != NULL;) {
		at += strspn(at, ", \t");
		size_t length = strcspn(at, ", \t");
		if (length == 0)
			break;
		if (length == 4 && memcmp(at, "unix", 4) == 0) {
			list->has_unix = true;
		} else if (list->count == ADDRESS_LIST_MAX ||
		           !address_parse_network(at, length, &list->networks[list->count++])) {
			snprintf(error, error_size, "'%.*s' is not a network such as 10.0.0.0/8",
			         (int)length, at);
			address_list_free(&list);
			return NULL;
		}
		at += length;
	}
	return list;
}

void
address_list_free(struct address_list **list)
{
	if (*list != NULL)
		OBJ_FINI(*list);
	free(*list);
	*list = NULL;
}

static bool
address_in(const struct address_network *network, const uint8_t bytes[16])
{
	unsigned whole = network->bits / 8, rest = network->bits % 8;
	if (memcmp(network->bytes, bytes, whole) != 0)
		return false;
	uint8_t mask = (uint8_t)(0xff00u >> rest);
	return rest == 0 || ((network->bytes[whole] ^ bytes[whole]) & mask) == 0;
}

static bool
address_list_has_bytes(const struct address_list *list, const uint8_t bytes[16])
{
	for (size_t i = 0; i < list->count; i++)
		if (address_in(&list->networks[i], bytes))
			return true;
	return false;
}

bool
address_list_has(const struct address_list *list, const char *address)
{
	OBJ_CHECK(list, ADDRESS_LIST_MAGIC);
	uint8_t bytes[16];
	bool v4;
	if (strcmp(address, "unix") == 0)
		return list->has_unix;
	return address_parse(address, bytes, &v4) && address_list_has_bytes(list, bytes);
}

bool
address_list_has_socket(const struct address_list *list, const struct sockaddr *address)
{
	OBJ_CHECK(list, ADDRESS_LIST_MAGIC);
	uint8_t bytes[16] = {[10] = 0xff, [11] = 0xff};
	if (address->sa_family == AF_INET)
		memcpy(bytes + 12, &((const struct sockaddr_in *)(const void *)address)->sin_addr,
		       4);
	else if (address->sa_family == AF_INET6)
		memcpy(bytes, &((const struct sockaddr_in6 *)(const void *)address)->sin6_addr, 16);
	else
		return list->has_unix;
	return address_list_has_bytes(list, bytes);
}

/* One element of X-Forwarded-For: an address, some proxies add a port: "1.2.3.4:5", "[::1]:5". */
static bool
address_element(const char *text, size_t length, char out[ADDRESS_SIZE])
{
	uint8_t bytes[16];
	bool v4;
	if (length > 0 && text[0] == '[') {
		text++;
		length = strcspn(text, "]");
	} else if (memchr(text, '.', length) != NULL && memchr(text, ':', length) != NULL &&
	           memchr(text, ':', length) == strrchr(text, ':')) {
		length = strcspn(text, ":");
	}
	if (length == 0 || length >= ADDRESS_SIZE)
		return false;
	memcpy(out, text, length);
	out[length] = '\0';
	return address_parse(out, bytes, &v4);
}

void
address_client(const struct address_list *proxies, const char *peer, const char *forwarded,
               char out[ADDRESS_SIZE])
{
	snprintf(out, ADDRESS_SIZE, "%s", peer);
	if (forwarded == NULL || !address_list_has(proxies, peer))
		return;
	const char *end = forwarded + strlen(forwarded);
	while (end > forwarded) {
		const char *start = end;
		while (start > forwarded && start[-1] != ',')
			start--;
		const char *text = start, *last = end;
		text += strspn(text, " \t");
		while (last > text && (last[-1] == ' ' || last[-1] == '\t'))
			last--;
		char element[ADDRESS_SIZE], copy[ADDRESS_SIZE];
		size_t length = last > text ? (size_t)(last - text) : 0;
		if (length >= sizeof copy)
			return;
		memcpy(copy, text, length);
		copy[length] = '\0';
		if (!address_element(copy, length, element))
			return; /* whoever wrote this, the proxy before it is the last we know */
		memcpy(out, element, sizeof element);
		if (!address_list_has(proxies, element))
			return;
		end = start > forwarded ? start - 1 : start;
	}
}
