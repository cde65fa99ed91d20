/* SPDX-License-Identifier: MIT
 *
 * What the HTTP server calls: every request is looked at when its head has come, so that what would
 * be refused anyway is refused before its body is read, and then answered in its task.
 */
#ifndef STUDYHALL_GATEWAY_EDGE_H
#define STUDYHALL_GATEWAY_EDGE_H

#include "common/io/http_server.h"

/* http_head_fn, http_handler_fn and http_error_fn; the argument is a struct gateway. */
enum status edge_head(struct http_request *request, void *gateway);
void edge_handle(struct http_request *request, void *gateway);
void edge_error(struct http_request *request, enum status status, const char *detail,
                void *gateway);

/* Registers the metrics: requests and their times by route. Once; -1 without memory. */
int edge_init(void);

#endif
