/* SPDX-License-Identifier: MIT
 * Field values that are lists: elements and parameters, quality, entity tags, cookies. One cursor
 * walks them all and knows quoted strings. */
#include "common/io/http.h"

#include <string.h>
#include <strings.h>

/* A piece of a field value; `at` NULL when there is none. */
struct http_piece {
	const char *at;
	size_t length;
};

static bool
http_is_space(char c)
{
	return c == ' ' || c == '\t';
}

/* The next piece up to `separator`, white space cut; quoted strings are not looked into. False at
 * the end. */
static bool
http_piece_next(const char **cursor, const char *end, char separator, struct http_piece *piece)
{
	const char *at = *cursor, *stop;
	bool quoted = false;

	if (at == NULL || at > end)
		return false;
	for (stop = at; stop < end && (quoted || *stop != separator); stop++) {
		if (*stop == '"')
			quoted = !quoted;
		else if (quoted && *stop == '\\' && stop + 1 < end)
			stop++;
	}
	*cursor = stop < end ? stop + 1 : NULL;
	while (at < stop && http_is_space(*at))
		at++;
	while (stop > at && http_is_space(stop[-1]))
		stop--;
	*piece = (struct http_piece){at, (size_t)(stop - at)};
	return true;
}

static bool
http_piece_is(struct http_piece piece, const char *text)
{
	return strlen(text) == piece.length && strncasecmp(piece.at, text, piece.length) == 0;
}

/* Cuts `piece` at the first "=" and gives what stands behind it. */
static struct http_piece
http_piece_cut(struct http_piece *piece)
{
	const char *equals = piece->length > 0 ? memchr(piece->at, '=', piece->length) : NULL;
	struct http_piece value = {NULL, 0};

	if (equals == NULL)
		return value;
	value.at = equals + 1;
	value.length = piece->length - (size_t)(value.at - piece->at);
	piece->length = (size_t)(equals - piece->at);
	while (piece->length > 0 && http_is_space(piece->at[piece->length - 1]))
		piece->length--;
	while (value.length > 0 && http_is_space(*value.at)) {
		value.at++;
		value.length--;
	}
	return value;
}

/* Copies a value without its quotes and their backslashes. */
static bool
http_piece_copy(struct http_piece piece, char *out, size_t size)
{
	size_t length = 0;
	bool quoted = piece.length >= 2 && piece.at[0] == '"' && piece.at[piece.length - 1] == '"';

	if (quoted) {
		piece.at++;
		piece.length -= 2;
	}
	for (size_t i = 0; i < piece.length; i++) {
		if (quoted && piece.at[i] == '\\' && i + 1 < piece.length)
			i++;
		if (length + 1 >= size)
			return false;
		out[length++] = piece.at[i];
	}
	if (size == 0)
		return false;
	out[length] = '\0';
	return true;
}

bool
http_list_find(const char *list, const char *name, char *value, size_t size)
{
	const char *cursor = list, *end = list != NULL ? list + strlen(list) : NULL;
	struct http_piece element, first;

	while (http_piece_next(&cursor, end, ',', &element)) {
		const char *inside = element.at;
		struct http_piece found;

		if (!http_piece_next(&inside, element.at + element.length, ';', &first))
			continue;
		found = http_piece_cut(&first);
		if (!http_piece_is(first, name))
			continue;
		return size == 0 || http_piece_copy(found, value, size);
	}
	return false;
}

/* --- media types and quality --------------------------------------------------------------- */

bool
http_media_type_is(const char *content_type, const char *type)
{
	const char *cursor = content_type;
	struct http_piece piece;

	return content_type != NULL &&
	       http_piece_next(&cursor, content_type + strlen(content_type), ';', &piece) &&
	       http_piece_is(piece, type);
}

bool
http_media_type_parameter(const char *content_type, const char *name, char *value, size_t size)
{
	const char *cursor = content_type;
	const char *end = content_type != NULL ? content_type + strlen(content_type) : NULL;
	struct http_piece piece;

	if (!http_piece_next(&cursor, end, ';', &piece))
		return false;
	while (http_piece_next(&cursor, end, ';', &piece)) {
		struct http_piece found = http_piece_cut(&piece);

		if (found.at != NULL && http_piece_is(piece, name))
			return http_piece_copy(found, value, size);
	}
	return false;
}

/* "0.8" as 800; 0 if malformed. */
static unsigned
http_quality(struct http_piece text)
{
	unsigned quality = 0, digit = 100;

	if (text.length == 0 || text.length > 5 || (text.at[0] != '0' && text.at[0] != '1') ||
	    (text.length > 1 && text.at[1] != '.'))
		return 0;
	quality = (unsigned)(text.at[0] - '0') * 1000;
	for (size_t i = 2; i < text.length; i++, digit /= 10) {
		if (text.at[i] < '0' || text.at[i] > '9')
			return 0;
		quality += (unsigned)(text.at[i] - '0') * digit;
	}
	return quality > 1000 ? 0 : quality;
}

/* Takes an element of an Accept field apart: the range stays in `element`. A range with other
 * parameters than q is more specific than anything we offer and counts as its bare type. */
static unsigned
http_element_quality(struct http_piece *element)
{
	const char *cursor = element->at, *end = element->at + element->length;
	struct http_piece piece;
	unsigned quality = 1000;

	if (!http_piece_next(&cursor, end, ';', element))
		return 0;
	while (http_piece_next(&cursor, end, ';', &piece)) {
		struct http_piece value = http_piece_cut(&piece);

		if (value.at != NULL && http_piece_is(piece, "q"))
			quality = http_quality(value);
	}
	return quality;
}

/* 0: does not match; 1: star/star; 2: type/star; 3: the type itself. */
static int
http_range_match(struct http_piece range, const char *type)
{
	size_t major = strcspn(type, "/") + 1;

	if (http_piece_is(range, type))
		return 3;
	if (http_piece_is(range, "*/*"))
		return 1;
	if (range.length == major + 1 && range.at[major] == '*' &&
	    strncasecmp(range.at, type, major) == 0)
		return 2;
	return 0;
}

unsigned
http_accept_quality(const char *accept, const char *type)
{
	const char *cursor = accept, *end = accept != NULL ? accept + strlen(accept) : NULL;
	struct http_piece element;
	unsigned quality = 0;
	int best = 0;

	if (accept == NULL || accept[strspn(accept, " \t")] == '\0')
		return 1000;
	while (http_piece_next(&cursor, end, ',', &element)) {
		unsigned wanted = http_element_quality(&element);
		int match = http_range_match(element, type);

		if (match > best || (match == best && match > 0 && wanted > quality)) {
			best = match;
			quality = wanted;
		}
	}
	return quality;
}

int
http_accept_best(const char *accept, const char *const *offers, size_t count)
{
	unsigned best_quality = 0;
	int best = -1;

	for (size_t i = 0; i < count; i++) {
		unsigned quality = http_accept_quality(accept, offers[i]);

		if (quality > best_quality) {
			best_quality = quality;
			best = (int)i;
		}
	}
	return best;
}

unsigned
http_coding_quality(const char *accept, const char *coding)
{
	const char *cursor = accept, *end = accept != NULL ? accept + strlen(accept) : NULL;
	bool identity = strcasecmp(coding, "identity") == 0;
	struct http_piece element;
	unsigned any = 0;
	bool star = false;

	while (http_piece_next(&cursor, end, ',', &element)) {
		unsigned wanted = http_element_quality(&element);

		if (http_piece_is(element, coding))
			return wanted;
		if (http_piece_is(element, "*")) {
			star = true;
			any = wanted;
		}
	}
	if (identity)
		return star && any == 0 ? 0 : 1000;
	return star ? any : 0;
}

/* --- entity tags --------------------------------------------------------------------------- */

static bool
http_etag_match(const char *list, const char *etag, bool weak)
{
	const char *cursor = list, *end = list != NULL ? list + strlen(list) : NULL;
	struct http_piece element;
	bool etag_weak;

	if (list == NULL || etag == NULL)
		return false;
	etag_weak = strncmp(etag, "W/", 2) == 0;
	if (etag_weak)
		etag += 2;
	while (http_piece_next(&cursor, end, ',', &element)) {
		bool element_weak = element.length > 2 && memcmp(element.at, "W/", 2) == 0;

		if (http_piece_is(element, "*"))
			return true;
		if (element_weak) {
			element.at += 2;
			element.length -= 2;
		}
		if ((weak || (!element_weak && !etag_weak)) && strlen(etag) == element.length &&
		    memcmp(element.at, etag, element.length) == 0)
			return true;
	}
	return false;
}

bool
http_etag_match_weak(const char *list, const char *etag)
{
	return http_etag_match(list, etag, true);
}

bool
http_etag_match_strong(const char *list, const char *etag)
{
	return http_etag_match(list, etag, false);
}

/* --- cookies ------------------------------------------------------------------------------- */

bool
http_cookie_find(const char *cookies, const char *name, char *value, size_t size)
{
	const char *cursor = cookies, *end = cookies != NULL ? cookies + strlen(cookies) : NULL;
	struct http_piece piece, found = {NULL, 0};

	while (http_piece_next(&cursor, end, ';', &piece)) {
		struct http_piece text = http_piece_cut(&piece);

		if (text.at == NULL || strlen(name) != piece.length ||
		    memcmp(piece.at, name, piece.length) != 0)
			continue;
		if (found.at != NULL)
			return false;
		found = text;
	}
	return found.at != NULL && http_piece_copy(found, value, size);
}
