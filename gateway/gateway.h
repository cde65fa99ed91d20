/* SPDX-License-Identifier: MIT
 *
 * The gateway's state, shared by its workers: written at start, read by all; what changes later
 * is inside objects that lock.
 */
#ifndef STUDYHALL_GATEWAY_GATEWAY_H
#define STUDYHALL_GATEWAY_GATEWAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GATEWAY_MAX_ACTORS 16

struct address_list;
struct flight;
struct http_request;
struct openapi;
struct process;
struct rpc;
struct session_cache;
struct static_files;

struct gateway {
	/* Settings. */
	const char *listen;
	const char *handover; /* socket file; NULL: none */
	const char *public_url;
	const char *trusted_proxies;
	const char *cors_origins; /* separated by commas; NULL: off */
	const char *web_root;
	const char *web_root_previous;
	int64_t threads;
	int64_t max_connections;
	int64_t address_connections;
	int64_t keepalive_s;
	const char *actor_urls[GATEWAY_MAX_ACTORS]; /* in the order of route_actors */

	uint32_t quiet_ms; /* after which an event stream gets a comment, and its session is asked
	                    * about; no setting */

	/* Made of them. */
	bool is_https;           /* PUBLIC_URL is https: cookies are Secure, HSTS */
	char public_origin[256]; /* "https://study.example"; "" without PUBLIC_URL */
	const char *cookie_name;
	struct address_list *proxies;
	struct process *process;
	struct rpc *rpcs[GATEWAY_MAX_ACTORS];
	struct session_cache *sessions;
	struct flight *verifications;
	struct static_files *files;
	struct openapi *openapi;
};

#endif
