/* SPDX-License-Identifier: MIT
 * Splits a URL in place and decodes its parts. */
#include "common/io/url.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int
url_hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* In place. -1 for a broken escape, or an escaped NUL. */
static int
url_decode(char *part)
{
	char *out = part;

	for (; *part != '\0'; part++) {
		if (*part == '%') {
			int high = url_hex(part[1]);
			int low = high < 0 ? -1 : url_hex(part[2]);

			if (low < 0 || high * 16 + low == 0)
				return -1;
			*out++ = (char)(high * 16 + low);
			part += 2;
		} else {
			*out++ = *part;
		}
	}
	*out = '\0';
	return 0;
}

/* Cuts `text` at the first `mark` and returns what is behind it, or NULL. */
static char *
url_cut(char *text, char mark)
{
	char *at = strchr(text, mark);

	if (at == NULL)
		return NULL;
	*at = '\0';
	return at + 1;
}

static int
url_parse_port(struct url *url, const char *port)
{
	char *end;
	unsigned long number;

	if (port == NULL || *port == '\0')
		return 0;
	number = strtoul(port, &end, 10);
	if (*end != '\0' || *port < '0' || *port > '9' || number == 0 || number > 65535)
		return -1;
	url->port = (unsigned)number;
	return 0;
}

/* host, host:port, [address], [address]:port */
static int
url_parse_host(struct url *url, char *host)
{
	char *port;

	if (*host == '[') {
		port = url_cut(++host, ']');
		if (port == NULL || (*port != '\0' && *port != ':'))
			return -1;
		if (*port == ':')
			port++;
	} else {
		port = url_cut(host, ':');
	}
	if (url_decode(host) != 0)
		return -1;
	url->host = *host != '\0' ? host : NULL;
	return url_parse_port(url, port);
}

static int
url_parse_authority(struct url *url, char *authority)
{
	char *at = strrchr(authority, '@');
	char *password;

	if (at == NULL)
		return url_parse_host(url, authority);
	*at = '\0';
	password = url_cut(authority, ':');
	if (url_decode(authority) != 0 || (password != NULL && url_decode(password) != 0))
		return -1;
	url->user = *authority != '\0' ? authority : NULL;
	url->password = password;
	return url_parse_host(url, at + 1);
}

static int
url_parse_params(struct url *url, char *query)
{
	while (query != NULL && *query != '\0') {
		char *next = url_cut(query, '&');
		char *value = url_cut(query, '=');

		if (url->param_count == URL_PARAMS)
			return -1;
		if (url_decode(query) != 0 || (value != NULL && url_decode(value) != 0))
			return -1;
		url->params[url->param_count].name = query;
		url->params[url->param_count++].value = value != NULL ? value : "";
		query = next;
	}
	return 0;
}

int
url_parse(struct url *url, const char *text, char *error, size_t error_size)
{
	char *rest, *path, *query;
	size_t length = strlen(text);

	*url = (struct url){.path = ""};
	url->text = malloc(length + 1);
	if (url->text == NULL) {
		snprintf(error, error_size, "no memory");
		return -1;
	}
	memcpy(url->text, text, length + 1);
	rest = strstr(url->text, "://");
	if (rest == NULL || rest == url->text) {
		snprintf(error, error_size, "not a URL (scheme://host/...)");
		goto fail;
	}
	*rest = '\0';
	url->scheme = url->text;
	rest += 3;
	(void)url_cut(rest, '#');
	query = url_cut(rest, '?');
	path = url_cut(rest, '/');
	if (path != NULL)
		url->path = path;
	if (url_parse_authority(url, rest) != 0 || (path != NULL && url_decode(path) != 0) ||
	    url_parse_params(url, query) != 0) {
		snprintf(error, error_size, "a part of the URL is malformed");
		goto fail;
	}
	return 0;
fail:
	url_fini(url);
	return -1;
}

void
url_fini(struct url *url)
{
	free(url->text);
	*url = (struct url){.path = ""};
}

const char *
url_param(const struct url *url, const char *name)
{
	for (size_t i = 0; i < url->param_count; i++)
		if (strcmp(url->params[i].name, name) == 0)
			return url->params[i].value;
	return NULL;
}
