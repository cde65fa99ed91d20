/* SPDX-License-Identifier: MIT
 * Tokens from requests, cookies to answers, and auth's word on them. */
#include "gateway/session.h"

#include "auth.pb-c.h"
#include "common/actor/rpc.h"
#include "common/base/clock.h"
#include "common/base/date.h"
#include "common/io/http_request.h"
#include "common/task/flight.h"
#include "common/task/task.h"
#include "gateway/address.h"
#include "gateway/answer.h"
#include "gateway/gateway.h"
#include "gateway/routes.h"

#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

/* What RFC 6750 lets a token be, and a cookie can carry. */
static bool
session_token_valid(const char *token)
{
	size_t length =
	    strspn(token, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~+/");
	length += strspn(token + length, "=");
	return length > 0 && length < SESSION_TOKEN_SIZE && token[length] == '\0';
}

/* Was the request made over https, or http? By the word of a trusted proxy; NULL: nobody knows. */
static const char *
session_scheme(const struct gateway *gateway, const struct http_request *request)
{
	const char *proto = http_request_header(request, "x-forwarded-proto");
	return proto != NULL &&
	               address_list_has_socket(gateway->proxies, http_request_sockaddr(request))
	           ? proto
	           : NULL;
}

/* Is an Origin the site that was asked? By PUBLIC_URL where we know it, else by Host. */
static bool
session_origin_own(const struct gateway *gateway, const struct http_request *request,
                   const char *origin)
{
	if (gateway->public_origin[0] != '\0')
		return strcasecmp(origin, gateway->public_origin) == 0;
	const char *host = http_request_header(request, "host");
	const char *scheme = session_scheme(gateway, request);
	const char *rest = strstr(origin, "://");
	if (host == NULL || rest == NULL || strcasecmp(rest + 3, host) != 0)
		return false;
	size_t length = (size_t)(rest - origin);
	return scheme == NULL ||
	       (strlen(scheme) == length && strncasecmp(scheme, origin, length) == 0);
}

/* A browser sends the cookie whoever made the request; these two fields tell who did, and no page
 * can forge them. */
static bool
session_from_here(const struct gateway *gateway, const struct http_request *request)
{
	const char *method = http_request_method(request);
	if (strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0 ||
	    strcmp(method, "OPTIONS") == 0)
		return true;
	const char *origin = http_request_header(request, "origin");
	const char *site = http_request_header(request, "sec-fetch-site");
	if (origin != NULL && !session_origin_own(gateway, request, origin))
		return false;
	if (site != NULL && strcmp(site, "same-origin") != 0 && strcmp(site, "none") != 0)
		return false;
	return origin != NULL || site != NULL;
}

/* What follows "Bearer" in an Authorization field; NULL: another scheme, which says nothing here.
 */
static const char *
session_bearer(const char *authorization)
{
	if (authorization == NULL || strncasecmp(authorization, "Bearer", 6) != 0 ||
	    (authorization[6] != ' ' && authorization[6] != '\0'))
		return NULL;
	return authorization + 6 + strspn(authorization + 6, " ");
}

enum status
session_find(const struct gateway *gateway, const struct http_request *request,
             char room[SESSION_TOKEN_SIZE], struct session *session, const char **detail)
{
	const char *token = session_bearer(http_request_header(request, "authorization"));
	session->by_cookie = token == NULL;
	if (token != NULL) {
		*detail = "Authorization must be: Bearer TOKEN";
		if (!session_token_valid(token))
			return STATUS_UNAUTHENTICATED;
		session->token = token;
		return STATUS_OK;
	}
	*detail = "this needs a session: a bearer token or the session cookie";
	if (!http_cookie_find(http_request_header(request, "cookie"), gateway->cookie_name, room,
	                      SESSION_TOKEN_SIZE) ||
	    !session_token_valid(room))
		return STATUS_UNAUTHENTICATED;
	session->token = room;
	*detail = "a change by cookie must come from this site, shown by Origin or Sec-Fetch-Site";
	return session_from_here(gateway, request) ? STATUS_OK : STATUS_FORBIDDEN_ORIGIN;
}

/* What tasks join in: the generation is part of it, so that who asks after a sign-out joins nobody
 * who asked before. */
struct session_key {
	uint8_t digest[SESSION_DIGEST_SIZE];
	uint64_t generation;
};

struct session_question {
	const struct gateway *gateway;
	const char *token;
	const struct session_key *key;
};

static void
session_copy(char *out, size_t size, const char *text)
{
	snprintf(out, size, "%s", text == NULL ? "" : text);
}

struct session_verified {
	struct session_identity identity;
	char renewed_until[SESSION_INSTANT_SIZE];
};

/* flight_fn: asks auth; the bytes are a struct session_verified. */
static enum status
session_ask(void *arg, const void **bytes, size_t *length)
{
	const struct session_question *question = arg;
	const struct gateway *gateway = question->gateway;
	uint64_t asked_ms = clock_ms();
	Auth__VerifyRequest message = AUTH__VERIFY_REQUEST__INIT;
	message.token = (char *)question->token;
	struct rpc_request request = {
	    .method = "auth.Auth/Verify", .message = &message.base, .idempotent = true};
	struct reply reply = {0};
	ProtobufCMessage *answer = NULL;
	enum status status = rpc_invoke(gateway->rpcs[ROUTE_ACTOR_AUTH], &request,
	                                &auth__identity__descriptor, &answer, &reply);
	if (status != STATUS_OK)
		return status;
	const Auth__Identity *found = (const Auth__Identity *)answer;
	struct session_verified *verified = arena_alloc(task_arena(), sizeof *verified);
	if (verified == NULL)
		return STATUS_OVERLOADED;
	struct session_identity *identity = &verified->identity;
	if (found->user_id == NULL || strlen(found->user_id) >= sizeof identity->user)
		return STATUS_INTERNAL;
	session_copy(identity->user, sizeof identity->user, found->user_id);
	session_copy(identity->session, sizeof identity->session, found->session_id);
	session_copy(identity->locale, sizeof identity->locale, found->locale);
	session_copy(identity->time_zone, sizeof identity->time_zone, found->time_zone);
	session_cache_put(gateway->sessions, question->key->digest, asked_ms, identity,
	                  question->key->generation);
	session_copy(verified->renewed_until, sizeof verified->renewed_until, found->renewed_until);
	*bytes = verified;
	*length = sizeof *verified;
	return STATUS_OK;
}

enum status
session_verify(const struct gateway *gateway, struct session *session)
{
	struct session_key key;
	struct session_question question = {gateway, session->token, &key};
	const void *bytes;
	size_t length;
	session->renewed_until[0] = '\0';
	session_cache_digest(gateway->sessions, session->token, key.digest);
	if (session_cache_get(gateway->sessions, key.digest, clock_ms(), &session->identity,
	                      &key.generation))
		return STATUS_OK;
	enum status status = flight_join(gateway->verifications, &key, sizeof key, session_ask,
	                                 &question, &bytes, &length);
	if (status == STATUS_OK) {
		struct session_verified verified;
		memcpy(&verified, bytes, sizeof verified);
		session->identity = verified.identity;
		session_copy(session->renewed_until, sizeof session->renewed_until,
		             verified.renewed_until);
	}
	return status;
}

static void
session_put_cookie(struct answer *answer, const char *token, int64_t max_age_s)
{
	answer_headerf(answer, "Set-Cookie",
	               "%s=%s; Path=/; HttpOnly; SameSite=Lax; Max-Age=%" PRId64 "%s",
	               answer->gateway->cookie_name, token, max_age_s,
	               answer->gateway->is_https ? "; Secure" : "");
}

void
session_set_cookie(struct answer *answer, const char *token, const char *expires_at)
{
	int64_t expires_us;
	if (token == NULL || !session_token_valid(token) || expires_at == NULL ||
	    !instant_parse(expires_at, &expires_us))
		return;
	int64_t left_s = (expires_us - clock_wall_us()) / 1000000;
	if (left_s > 0)
		session_put_cookie(answer, token, left_s);
}

void
session_renew_cookie(struct answer *answer, const struct session *session)
{
	if (session->by_cookie && session->renewed_until[0] != '\0')
		session_set_cookie(answer, session->token, session->renewed_until);
}

void
session_clear_cookie(struct answer *answer, const struct session *session)
{
	char token[SESSION_TOKEN_SIZE];
	const char *cookies = http_request_header(answer->request, "cookie");
	if (session->by_cookie ||
	    !http_cookie_find(cookies, answer->gateway->cookie_name, token, sizeof token) ||
	    strcmp(token, session->token) == 0)
		session_put_cookie(answer, "", 0);
}
