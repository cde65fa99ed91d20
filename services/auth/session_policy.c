/* SPDX-License-Identifier: MIT
 * Sliding expiry with an end, doubling pauses, and addresses cut to networks. */
#include "services/auth/session_policy.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

int64_t
session_expiry(int64_t created, int64_t now, int64_t ttl_ms)
{
	int64_t end = created + SESSION_MAX_MS;

	return now + ttl_ms < end ? now + ttl_ms : end;
}

int64_t
session_touch_interval(int64_t ttl_ms)
{
	int64_t interval = ttl_ms / 10;

	return interval < SESSION_TOUCH_MS ? interval : SESSION_TOUCH_MS;
}

bool
session_touch_due(int64_t last_seen, int64_t now, int64_t ttl_ms)
{
	return now - last_seen >= session_touch_interval(ttl_ms);
}

uint32_t
throttle_period_s(int64_t failures, int64_t allowance)
{
	uint32_t period;

	if (failures < allowance)
		return 0;
	if (failures - allowance > 5)
		return THROTTLE_SLOWEST_S;
	period = (uint32_t)2 << (failures - allowance);
	return period < THROTTLE_SLOWEST_S ? period : THROTTLE_SLOWEST_S;
}

void
address_network(const char *address, char out[ADDRESS_SIZE])
{
	struct in_addr four;
	struct in6_addr six;
	char text[INET6_ADDRSTRLEN];

	if (address != NULL && inet_pton(AF_INET, address, &four) == 1) {
		inet_ntop(AF_INET, &four, out, ADDRESS_SIZE);
		return;
	}
	if (address == NULL || inet_pton(AF_INET6, address, &six) != 1) {
		snprintf(out, ADDRESS_SIZE, "unknown");
		return;
	}
	if (IN6_IS_ADDR_V4MAPPED(&six)) {
		memcpy(&four, six.s6_addr + 12, sizeof four);
		inet_ntop(AF_INET, &four, out, ADDRESS_SIZE);
		return;
	}
	memset(six.s6_addr + 8, 0, 8);
	inet_ntop(AF_INET6, &six, text, sizeof text);
	snprintf(out, ADDRESS_SIZE, "%.45s/64", text);
}
