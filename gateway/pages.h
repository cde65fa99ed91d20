/* SPDX-License-Identifier: MIT
 *
 * What is not the API: /healthz, /readyz, /openapi.json, /problems/CODE, and the web app's files.
 */
#ifndef STUDYHALL_GATEWAY_PAGES_H
#define STUDYHALL_GATEWAY_PAGES_H

#include <stdbool.h>

struct answer;
struct gateway;
struct http_target;

/* Is there a page at this path? On the loop or in a task. */
bool page_exists(const struct gateway *gateway, const struct http_target *target);
/* Sends it, as GET does. From a handler. */
void page_send(const struct gateway *gateway, struct answer *answer);

#endif
