/* SPDX-License-Identifier: MIT
 * Requests of one lane: as many tasks as it has places, the others wait as what was read. */
#include "common/io/http_private.h"

#include "common/base/clock.h"
#include "common/base/obj.h"

#define LANE_WAIT_US 2000000u /* who would wait longer is refused */

static struct http_lane *
http_lane_of(struct http_request *request)
{
	assert(request->lane > 0 && request->lane <= HTTP_LANES);
	return &request->connection->server->lanes[request->lane - 1];
}

static uint64_t
http_lane_waited_us(const struct http_request *request)
{
	return clock_us() - request->complete_us;
}

static void
http_lane_link(struct http_lane *lane, struct http_request *request)
{
	request->waiting = true;
	request->next = NULL;
	request->prev = lane->last;
	if (lane->last != NULL)
		lane->last->next = request;
	else
		lane->first = request;
	lane->last = request;
}

void
http_lane_withdraw(struct http_request *request)
{
	struct http_lane *lane = http_lane_of(request);

	assert(request->waiting);
	request->waiting = false;
	if (request->prev != NULL)
		request->prev->next = request->next;
	else
		lane->first = request->next;
	if (request->next != NULL)
		request->next->prev = request->prev;
	else
		lane->last = request->prev;
	request->prev = request->next = NULL;
}

bool
http_lane_enter(struct http_request *request)
{
	const struct http_server *server = request->connection->server;
	struct http_lane *lane;

	if (request->lane == 0 || server->options.lane_requests == 0)
		return true;
	lane = http_lane_of(request);
	if (lane->first != NULL || lane->running >= server->options.lane_requests)
		return false;
	lane->running++;
	return true;
}

void
http_lane_leave(struct http_request *request)
{
	struct http_server *server = request->connection->server;
	struct http_lane *lane;

	if (request->lane == 0 || server->options.lane_requests == 0)
		return;
	lane = http_lane_of(request);
	assert(lane->running > 0);
	lane->running--;
	request->lane = 0;
	if (lane->first != NULL)
		http_server_resume(server);
}

bool
http_lane_wait(struct http_request *request)
{
	struct http_lane *lane = http_lane_of(request);

	request->complete_us = clock_us();
	if (lane->first != NULL && http_lane_waited_us(lane->first) >= LANE_WAIT_US)
		return false;
	http_lane_link(lane, request);
	return true;
}

/* Each that leaves the queue begins, or is refused because that is too late. */
static void
http_lane_run(struct http_server *server, struct http_lane *lane)
{
	struct http_request *request;

	while ((request = lane->first) != NULL) {
		bool late = http_lane_waited_us(request) >= LANE_WAIT_US;

		if (!late && lane->running >= server->options.lane_requests)
			return;
		http_lane_withdraw(request);
		lane->running += !late;
		http_connection_begin(request->connection, !late);
	}
}

void
http_lanes_run(struct http_server *server)
{
	for (size_t i = 0; i < HTTP_LANES; i++)
		http_lane_run(server, &server->lanes[i]);
}
