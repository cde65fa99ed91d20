/* SPDX-License-Identifier: MIT
 * From a request's head to what answers it. */
#include "gateway/edge.h"

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/metrics.h"
#include "common/base/obj.h"
#include "common/task/task.h"
#include "gateway/answer.h"
#include "gateway/forward.h"
#include "gateway/gateway.h"
#include "gateway/negotiate.h"
#include "gateway/pages.h"
#include "gateway/problem.h"
#include "gateway/routes.h"
#include "gateway/session.h"

#include <stdlib.h>
#include <string.h>

#define EDGE_SHORT_MS         5000 /* a route's usual deadline */
#define EDGE_PAGE_DEADLINE_MS 5000
#define EDGE_PAGE_BODY        ((size_t)64 << 10) /* not looked at */
#define EDGE_CLASSES          4                  /* 2xx, 3xx, 4xx, 5xx */
#define EDGE_ALLOW_SIZE       64

/* By route; the last is for pages and what finds no route. */
struct edge_metrics {
	struct metric *seconds;
	struct metric *requests[EDGE_CLASSES];
};
static struct edge_metrics *edge_metrics;

int
edge_init(void)
{
	edge_metrics = calloc(route_count + 1, sizeof *edge_metrics);
	for (unsigned i = 0; edge_metrics != NULL && i <= route_count; i++) {
		const char *method = i < route_count ? routes[i].method : "";
		const char *pattern = i < route_count ? routes[i].pattern : "other";
		edge_metrics[i].seconds =
		    metric_new(METRIC_HISTOGRAM, "studyhall_gateway_request_seconds",
		               "Time from a request's head to its answer",
		               "method=\"%s\",route=\"%s\"", method, pattern);
		if (edge_metrics[i].seconds == NULL)
			return -1;
		for (int j = 0; j < EDGE_CLASSES; j++) {
			edge_metrics[i].requests[j] = metric_new(
			    METRIC_COUNTER, "studyhall_gateway_requests_total", "Requests answered",
			    "method=\"%s\",route=\"%s\",code=\"%dxx\"", method, pattern, j + 2);
			if (edge_metrics[i].requests[j] == NULL)
				return -1;
		}
	}
	return edge_metrics == NULL ? -1 : 0;
}

static void
edge_count(const struct http_request *request, const struct route *route)
{
	const struct edge_metrics *metrics =
	    &edge_metrics[route == NULL ? route_count : (unsigned)(route - routes)];
	int class = http_request_replied(request) / 100 - 2;
	uint64_t started_us = http_request_started_us(request);
	if (started_us != 0)
		metric_observe_us(metrics->seconds, clock_us() - started_us);
	if (class >= 0 && class < EDGE_CLASSES)
		metric_add(metrics->requests[class], 1);
	LOG_DEBUG("request", LOG_TEXT("method", http_request_method(request)),
	          LOG_TEXT("route", route == NULL ? "" : route->pattern),
	          LOG_INT("status", http_request_replied(request)));
}

/* An answer at the head, where nothing may wait. */
static enum status
edge_refuse(const struct gateway *gateway, struct http_request *request, enum status status,
            const char *detail, const char *allow)
{
	struct answer answer;
	answer_init(&answer, gateway, request);
	if (allow != NULL)
		answer_header(&answer, "Allow", allow);
	problem_send(&answer, &(struct problem){.status = status, .detail = detail});
	edge_count(request, NULL);
	return status;
}

static enum status
edge_options(const struct gateway *gateway, struct http_request *request, const char *allow)
{
	struct answer answer;
	answer_init(&answer, gateway, request);
	answer_options(&answer, allow);
	edge_count(request, NULL);
	return STATUS_CANCELLED; /* answered; the value is not looked at */
}

static enum status
edge_head_page(const struct gateway *gateway, struct http_request *request)
{
	static const char allow[] = "GET, HEAD, OPTIONS";
	const char *method = http_request_method(request);
	const struct http_target *target = http_request_target(request);
	bool is_star = target->path_length == 1 && target->path[0] == '*';
	if (!is_star && !page_exists(gateway, target))
		return edge_refuse(gateway, request, STATUS_NOT_FOUND,
		                   "there is nothing at this path", NULL);
	if (strcmp(method, "OPTIONS") == 0)
		return edge_options(gateway, request, allow);
	if (strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0)
		return edge_refuse(gateway, request, STATUS_METHOD_NOT_ALLOWED,
		                   "this is a page: GET it", allow);
	http_request_set_body_limit(request, EDGE_PAGE_BODY);
	http_request_set_task(request, "page", EDGE_PAGE_DEADLINE_MS, 0);
	return STATUS_OK;
}

/* Short calls of one service share a lane, so that a crowd of them waits where waiting is cheap.
 * Those of auth do not: sessions are verified there, and passwords have a queue of their own. */
static bool
edge_is_short(const struct route *route, const struct negotiation *negotiation)
{
	return route->actor_index != ROUTE_ACTOR_AUTH && route->deadline_ms <= EDGE_SHORT_MS &&
	       route->answer == ROUTE_ANSWER_JSON && !negotiation->wants_events &&
	       (route->flags & (ROUTE_KEYED | ROUTE_CANCELS)) == 0;
}

/* What can be refused before the body is read. */
static enum status
edge_head_route(const struct gateway *gateway, struct http_request *request,
                const struct route *route)
{
	struct negotiation negotiation;
	const char *detail = NULL;
	enum status status = STATUS_OK;
	struct answer answer;
	if ((route->flags & ROUTE_PUBLIC) == 0) {
		struct session session;
		char room[SESSION_TOKEN_SIZE];
		status = session_find(gateway, request, room, &session, &detail);
	}
	if (status == STATUS_OK)
		status = negotiate(route, request, &negotiation, &detail);
	if (status == STATUS_OK) {
		http_request_set_context(request, (void *)(uintptr_t)route);
		http_request_set_body_limit(request, negotiate_body_limit(route, &negotiation));
		http_request_set_task(request, route->rpc_name,
		                      negotiation.wants_events ? 0 : route->deadline_ms, 0);
		if (edge_is_short(route, &negotiation))
			http_request_set_lane(request, route->actor_index);
		return STATUS_OK;
	}
	answer_init(&answer, gateway, request);
	if (status == STATUS_UNSUPPORTED_MEDIA)
		negotiate_add_accepted(route, &answer);
	problem_send(&answer, &(struct problem){.status = status, .detail = detail});
	edge_count(request, route);
	return status;
}

enum status
edge_head(struct http_request *request, void *arg)
{
	const struct gateway *gateway = arg;
	const struct http_target *target = http_request_target(request);
	const char *method = http_request_method(request);
	const struct route *known;
	char allow[EDGE_ALLOW_SIZE];
	if (target->segment_count == 0 || strcmp(target->segments[0], "v1") != 0)
		return edge_head_page(gateway, request);
	const struct route *route = routes_find(method, target, &known);
	if (route != NULL)
		return edge_head_route(gateway, request, route);
	if (known == NULL)
		return edge_refuse(gateway, request, STATUS_NOT_FOUND,
		                   "there is nothing at this path", NULL);
	routes_allow(known, allow, sizeof allow);
	if (strcmp(method, "OPTIONS") == 0)
		return edge_options(gateway, request, allow);
	return edge_refuse(gateway, request, STATUS_METHOD_NOT_ALLOWED,
	                   "the Allow field lists the methods of this path", allow);
}

/* Not inlined, here and below: what a task keeps on its stack while it waits is memory that every
 * waiting client costs. */
static __attribute__((noinline)) void
edge_send_page(const struct gateway *gateway, struct http_request *request)
{
	struct answer answer;
	answer_init(&answer, gateway, request);
	page_send(gateway, &answer);
}

void
edge_handle(struct http_request *request, void *arg)
{
	const struct gateway *gateway = arg;
	const struct route *route = http_request_context(request);
	if (route != NULL)
		forward(gateway, route, request);
	else
		edge_send_page(gateway, request);
	edge_count(request, route);
}

void
edge_error(struct http_request *request, enum status status, const char *detail, void *gateway)
{
	struct answer answer;
	answer_init(&answer, gateway, request);
	problem_send(&answer, &(struct problem){.status = status, .detail = detail});
	edge_count(request, http_request_context(request));
}
