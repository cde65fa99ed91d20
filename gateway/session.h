/* SPDX-License-Identifier: MIT
 *
 * Who asks: the bearer token or the session cookie of a request, verified by auth. Tokens appear in
 * no log and no error.
 */
#ifndef STUDYHALL_GATEWAY_SESSION_H
#define STUDYHALL_GATEWAY_SESSION_H

#include "common/base/status.h"
#include "gateway/session_cache.h"

#include <stdbool.h>

struct answer;
struct gateway;
struct http_request;

#define SESSION_TOKEN_SIZE   513
#define SESSION_INSTANT_SIZE 32

struct session {
	const char *token; /* the request's, or in the room that session_find() was given */
	bool by_cookie;
	struct session_identity identity; /* after session_verify() */
	/* Set by session_verify() in one request of many: the session's end has been moved there.
	 */
	char renewed_until[SESSION_INSTANT_SIZE];
};

/* Finds the token; a bearer wins over the cookie, other schemes (a proxy's Basic) are not looked
 * at. UNAUTHENTICATED if there is none, or it cannot be one; FORBIDDEN_ORIGIN when a cookie would
 * change something for a foreign site. *detail then says why. On the loop or in a task; never
 * waits. */
enum status session_find(const struct gateway *gateway, const struct http_request *request,
                         char room[SESSION_TOKEN_SIZE], struct session *session,
                         const char **detail);
/* From a task: who holds the token, by auth or as remembered for at most a second. Many requests
 * with one token ask auth once. Yields. UNAUTHENTICATED: nobody. Or rpc_call()'s statuses. */
enum status session_verify(const struct gateway *gateway, struct session *session);

/* Adds Set-Cookie for a new session; `expires_at` (RFC 3339) becomes Max-Age. */
void session_set_cookie(struct answer *answer, const char *token, const char *expires_at);
/* Adds Set-Cookie for a session that came as a cookie and whose end has been moved. */
void session_renew_cookie(struct answer *answer, const struct session *session);
/* Adds the Set-Cookie that ends it, unless the browser's cookie is another session. */
void session_clear_cookie(struct answer *answer, const struct session *session);

#endif
