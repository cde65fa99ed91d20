/* SPDX-License-Identifier: MIT
 * The settings of AI providers, and the limits that come of them. */
#include "common/ai/settings.h"

#include <string.h>

#define AI_BACKOFF_MS     250
#define AI_BACKOFF_MAX_MS 8000

struct ai_settings ai_settings;

bool
ai_has_key(const char *keys)
{
	return keys != NULL && keys[strspn(keys, ", \t\r\n")] != '\0';
}

char *
ai_base_url(const char *url, const char *version)
{
	size_t length = strlen(url), extra = strlen(version);

	while (length > 0 && url[length - 1] == '/')
		length--;
	if (length > extra && memcmp(url + length - extra, version, extra) == 0)
		length -= extra;
	return strndup(url, length);
}

void
ai_provider_options(const struct ai_settings *settings, struct provider_options *options)
{
	options->ca_file = settings->ca_file;
	options->attempts = (unsigned)settings->attempts;
	options->wait_ms = (uint32_t)settings->wait_s * 1000;
	options->retry_after_ms = (uint32_t)settings->retry_after_s * 1000;
	options->connect_ms = (uint32_t)settings->connect_s * 1000;
	options->first_byte_ms = (uint32_t)settings->first_byte_s * 1000;
	options->silence_ms = (uint32_t)settings->silence_s * 1000;
	options->backoff_ms = AI_BACKOFF_MS;
	options->backoff_max_ms = AI_BACKOFF_MAX_MS;
}
