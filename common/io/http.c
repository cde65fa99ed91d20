/* SPDX-License-Identifier: MIT
 * Reason phrases, dates, and which characters may stand where. */
#include "common/io/http.h"

#include "common/base/clock.h"
#include "common/base/date.h"
#include "common/base/obj.h"

#include <stdio.h>
#include <string.h>

#define DAY_SECONDS 86400

const char *
http_reason(int status)
{
	static const struct {
		int status;
		const char *reason;
	} reasons[] = {
	    {200, "OK"},
	    {201, "Created"},
	    {202, "Accepted"},
	    {204, "No Content"},
	    {206, "Partial Content"},
	    {301, "Moved Permanently"},
	    {302, "Found"},
	    {303, "See Other"},
	    {304, "Not Modified"},
	    {307, "Temporary Redirect"},
	    {308, "Permanent Redirect"},
	    {400, "Bad Request"},
	    {401, "Unauthorized"},
	    {403, "Forbidden"},
	    {404, "Not Found"},
	    {405, "Method Not Allowed"},
	    {406, "Not Acceptable"},
	    {408, "Request Timeout"},
	    {409, "Conflict"},
	    {410, "Gone"},
	    {411, "Length Required"},
	    {412, "Precondition Failed"},
	    {413, "Content Too Large"},
	    {414, "URI Too Long"},
	    {415, "Unsupported Media Type"},
	    {416, "Range Not Satisfiable"},
	    {422, "Unprocessable Content"},
	    {425, "Too Early"},
	    {428, "Precondition Required"},
	    {429, "Too Many Requests"},
	    {431, "Request Header Fields Too Large"},
	    {499, "Client Closed Request"},
	    {500, "Internal Server Error"},
	    {501, "Not Implemented"},
	    {502, "Bad Gateway"},
	    {503, "Service Unavailable"},
	    {504, "Gateway Timeout"},
	    {505, "HTTP Version Not Supported"},
	};

	for (size_t i = 0; i < COUNT_OF(reasons); i++) {
		if (reasons[i].status == status)
			return reasons[i].reason;
	}
	return "Unknown";
}

/* --- dates --------------------------------------------------------------------------------- */

static const char http_days[7][10] = {"Monday", "Tuesday",  "Wednesday", "Thursday",
                                      "Friday", "Saturday", "Sunday"};
static const char http_months[12][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                        "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

void
http_date_format(int64_t seconds, char out[HTTP_DATE_SIZE])
{
	int32_t day = (int32_t)(seconds / DAY_SECONDS);
	unsigned second = (unsigned)(seconds % DAY_SECONDS);
	char date[DATE_TEXT_SIZE];

	date_format(day, date); /* YYYY-MM-DD */
	snprintf(out, HTTP_DATE_SIZE, "%.3s, %.2s %.3s %.4s %02u:%02u:%02u GMT",
	         http_days[date_weekday(day)], date + 8,
	         http_months[((date[5] - '0') * 10 + date[6] - '0' - 1) % 12], date,
	         second / 3600 % 24, second / 60 % 60, second % 60);
}

const char *
http_date_now(void)
{
	static _Thread_local int64_t formatted = -1;
	static _Thread_local char text[HTTP_DATE_SIZE];
	int64_t now = clock_wall_us() / 1000000;

	if (now != formatted) {
		http_date_format(now, text);
		formatted = now;
	}
	return text;
}

static int
http_month(const char *text)
{
	for (int i = 0; i < 12; i++) {
		if (strcmp(text, http_months[i]) == 0)
			return i + 1;
	}
	return 0;
}

static bool
http_date_from_parts(unsigned year, int month, unsigned day, const unsigned clock[3],
                     int64_t *seconds)
{
	char date[16];
	int32_t days;

	if (month == 0 || year > 9999 || day > 31 || clock[0] > 23 || clock[1] > 59 ||
	    clock[2] > 60)
		return false;
	snprintf(date, sizeof date, "%04u-%02d-%02u", year, month, day);
	if (!date_parse(date, &days))
		return false;
	*seconds = (int64_t)days * DAY_SECONDS + clock[0] * 3600 + clock[1] * 60 + clock[2];
	return true;
}

bool
http_date_parse(const char *text, int64_t *seconds)
{
	unsigned year, day, clock[3];
	char name[10], month[4];
	int end = -1;

	if (text == NULL || strlen(text) > 33)
		return false;
	/* Sun, 06 Nov 1994 08:49:37 GMT */
	sscanf(text, "%3[A-Za-z], %2u %3[A-Za-z] %4u %2u:%2u:%2u GMT%n", name, &day, month, &year,
	       &clock[0], &clock[1], &clock[2], &end);
	if (end == 29 && text[end] == '\0')
		return http_date_from_parts(year, http_month(month), day, clock, seconds);
	/* Sunday, 06-Nov-94 08:49:37 GMT */
	end = -1;
	sscanf(text, "%9[A-Za-z], %2u-%3[A-Za-z]-%2u %2u:%2u:%2u GMT%n", name, &day, month, &year,
	       &clock[0], &clock[1], &clock[2], &end);
	if (end > 0 && text[end] == '\0')
		return http_date_from_parts(year + (year < 70 ? 2000 : 1900), http_month(month),
		                            day, clock, seconds);
	/* Sun Nov  6 08:49:37 1994 */
	end = -1;
	sscanf(text, "%3[A-Za-z] %3[A-Za-z] %2u %2u:%2u:%2u %4u%n", name, month, &day, &clock[0],
	       &clock[1], &clock[2], &year, &end);
	if (end == 24 && text[end] == '\0')
		return http_date_from_parts(year, http_month(month), day, clock, seconds);
	return false;
}

/* --- characters ---------------------------------------------------------------------------- */

#define ALNUM_  ['0' ... '9'] = true, ['A' ... 'Z'] = true, ['a' ... 'z'] = true
#define TOKENS_ ['!'] = true, ['#' ... '\''] = true, ['*'] = true, ['+'] = true, ['-'] = true

bool
http_token_valid(const char *text, size_t length)
{
	static const bool token[256] = {
	    ALNUM_,       TOKENS_,      ['.'] = true, ['^'] = true,
	    ['_'] = true, ['`'] = true, ['|'] = true, ['~'] = true,
	};

	for (size_t i = 0; i < length; i++) {
		if (!token[(unsigned char)text[i]])
			return false;
	}
	return length > 0;
}

bool
http_value_valid(const char *text, size_t length)
{
	for (size_t i = 0; i < length; i++) {
		unsigned char c = (unsigned char)text[i];

		if ((c < ' ' && c != '\t') || c == 0x7f)
			return false;
	}
	return true;
}

static bool
http_hex_valid(const char *text, size_t length, bool not_zero)
{
	bool zero = true;

	for (size_t i = 0; i < length; i++) {
		char c = text[i];

		if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f')))
			return false;
		zero = zero && c == '0';
	}
	return !(zero && not_zero);
}

bool
http_traceparent_valid(const char *text)
{
	return text != NULL && strlen(text) == 55 && memcmp(text, "00-", 3) == 0 &&
	       text[35] == '-' && text[52] == '-' && http_hex_valid(text + 3, 32, true) &&
	       http_hex_valid(text + 36, 16, true) && http_hex_valid(text + 53, 2, false);
}
