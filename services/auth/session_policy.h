/* SPDX-License-Identifier: MIT
 *
 * How long sessions last and how sign-ins are slowed down: the numbers and their arithmetic. Pure.
 * Times are milliseconds since 1970 unless they say otherwise.
 */
#ifndef STUDYHALL_AUTH_SESSION_POLICY_H
#define STUDYHALL_AUTH_SESSION_POLICY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SESSION_MAX_MS   ((int64_t)90 * 24 * 3600 * 1000)
#define SESSION_TOUCH_MS 60000 /* greatest age of last_seen_at while a session is used */

/* When a session that was made at `created` and used at `now` ends. */
int64_t session_expiry(int64_t created, int64_t now, int64_t ttl_ms);
/* How often a session's last_seen_at (and so its expiry) is written while it is used. */
int64_t session_touch_interval(int64_t ttl_ms);
bool session_touch_due(int64_t last_seen, int64_t now, int64_t ttl_ms);

/* After `failures` of which `allowance` were free, an attempt is let through once in that many
 * seconds; 0: at once. Doubles from 2 up to THROTTLE_SLOWEST_S, so nobody is ever locked out. */
#define THROTTLE_SLOWEST_S 60
uint32_t throttle_period_s(int64_t failures, int64_t allowance);

/* What counts as one address: an IPv4 address, or the /64 that an IPv6 customer gets; "unknown" for
 * anything else. */
#define ADDRESS_SIZE 52
void address_network(const char *address, char out[ADDRESS_SIZE]);

#endif
