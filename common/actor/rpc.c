/* SPDX-License-Identifier: MIT
 * The replicas of an actor: found, connected, chosen, ejected, let back.
 *
 * The choice is the less loaded of two random ones (Mitzenmacher, "The Power of Two Choices"), the
 * load being our own calls in flight there. A replica that came back, or let five calls in a row
 * run out of time, gets a few calls at first and one more with each answer. */
#include "common/actor/rpc_private.h"

#include "common/actor/discovery.h"
#include "common/base/clock.h"
#include "common/base/ids.h"
#include "common/base/log.h"
#include "common/base/obj.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RPC_MAX_IN_FLIGHT   4096
#define RPC_FIRST_ALLOWED   8    /* calls at a time for a replica that comes back */
#define RPC_LATE_LIMIT      5    /* calls in a row out of time that eject a replica */
#define RPC_EJECTION_MS     1000 /* the first time; doubles */
#define RPC_EJECTION_MAX_MS 16000

static void
rpc_count_up(struct rpc *rpc, int change)
{
	atomic_fetch_add(&rpc->up, (unsigned)change);
	metric_add(rpc->replicas_up, change);
}

static void
replica_up(void *arg)
{
	struct replica *replica = arg;
	struct rpc *rpc = replica->rpc;

	replica->leaving = replica->refusing = false;
	rpc_count_up(rpc, 1);
	LOG_INFO("replica up", LOG_TEXT("peer", rpc->options.actor), LOG_TEXT("url", replica->url));
}

static void
replica_down(void *arg)
{
	struct replica *replica = arg;
	struct rpc *rpc = replica->rpc;

	rpc_count_up(rpc, -1);
	replica->allowed = RPC_FIRST_ALLOWED;
	LOG_WARN("replica down", LOG_TEXT("peer", rpc->options.actor),
	         LOG_TEXT("url", replica->url));
}

static void
replica_leaving(void *arg)
{
	((struct replica *)arg)->leaving = true;
}

static void
replica_close(struct replica *replica)
{
	struct rpc *rpc = replica->rpc;

	for (struct replica **at = &rpc->replicas; *at != NULL; at = &(*at)->next) {
		if (*at == replica) {
			*at = replica->next;
			break;
		}
	}
	if (link_client_up(replica->link))
		rpc_count_up(rpc, -1);
	link_client_close(&replica->link);
	free(replica->url);
	free(replica);
}

static void
replica_open(struct rpc *rpc, const char *url)
{
	struct replica *replica = calloc(1, sizeof *replica);
	struct link_client_options options = {
	    .io = rpc->options.io,
	    .url = url,
	    .tls = rpc->options.tls,
	    .actor = rpc->options.actor,
	    .max_calls = rpc->options.max_in_flight,
	    .up = replica_up,
	    .down = replica_down,
	    .leaving = replica_leaving,
	    .arg = replica,
	};
	char error[256];

	if (replica == NULL || (replica->url = strdup(url)) == NULL) {
		LOG_ERROR("out of memory for a replica", LOG_TEXT("url", url));
		free(replica);
		return;
	}
	replica->rpc = rpc;
	replica->allowed = rpc->options.max_in_flight;
	options.url = replica->url;
	replica->link = link_client_open(&options, error, sizeof error);
	if (replica->link == NULL) {
		LOG_ERROR("cannot connect", LOG_TEXT("peer", rpc->options.actor),
		          LOG_TEXT("error", error));
		free(replica->url);
		free(replica);
		return;
	}
	replica->next = rpc->replicas;
	rpc->replicas = replica;
}

static void
rpc_reap(struct rpc *rpc)
{
	struct replica *next;

	for (struct replica *replica = rpc->replicas; replica != NULL; replica = next) {
		next = replica->next;
		if (replica->gone && link_client_calls(replica->link) == 0)
			replica_close(replica);
	}
}

/* Posted, because a call ends in the midst of its link's work. */
static void
rpc_reap_fn(struct post *post)
{
	struct rpc *rpc = OBJ_CONTAINER(post, struct rpc, reap);

	rpc->reap_posted = false;
	rpc_reap(rpc);
	rpc_release(rpc);
}

void
rpc_discovered(void *arg, const char *const *urls, size_t count)
{
	OBJ_CAST(struct rpc, rpc, arg, RPC_MAGIC);

	for (struct replica *replica = rpc->replicas; replica != NULL; replica = replica->next)
		replica->gone = true;
	for (size_t i = 0; i < count; i++) {
		struct replica *replica = rpc->replicas;

		while (replica != NULL && strcmp(replica->url, urls[i]) != 0)
			replica = replica->next;
		if (replica != NULL)
			replica->gone = false;
		else
			replica_open(rpc, urls[i]);
	}
	rpc_reap(rpc);
}

/* --- choosing ----------------------------------------------------------------------------------
 */

static bool
replica_usable(const struct replica *replica, uint64_t now)
{
	return !replica->leaving && replica->ejected_until_ms <= now;
}

static bool
replica_has_room(const struct replica *replica)
{
	return link_client_has_room(replica->link) &&
	       link_client_calls(replica->link) < replica->allowed;
}

/* Among the usable ones with room; among all that are connected when those are none, for a
 * careful choice must not become an outage. */
static struct replica *
rpc_pick(struct rpc *rpc, bool *any_up)
{
	struct replica *good[DISCOVERY_MAX], *rest[DISCOVERY_MAX];
	size_t good_count = 0, rest_count = 0;
	uint64_t now = clock_ms();
	uint32_t first, second;
	struct replica *a, *b;

	*any_up = false;
	for (struct replica *replica = rpc->replicas; replica != NULL; replica = replica->next) {
		if (replica->gone || replica->refusing || !link_client_up(replica->link))
			continue;
		*any_up = true;
		if (replica_usable(replica, now) && replica_has_room(replica) &&
		    good_count < DISCOVERY_MAX)
			good[good_count++] = replica;
		else if (link_client_has_room(replica->link) && rest_count < DISCOVERY_MAX)
			rest[rest_count++] = replica;
	}
	if (good_count == 0 && rest_count == 0)
		return NULL;
	if (good_count == 0) {
		memcpy(good, rest, rest_count * sizeof good[0]);
		good_count = rest_count;
	}
	if (good_count == 1)
		return good[0];
	first = ids_below((uint32_t)good_count);
	second = (first + 1 + ids_below((uint32_t)good_count - 1)) % (uint32_t)good_count;
	a = good[first];
	b = good[second];
	return link_client_calls(a->link) <= link_client_calls(b->link) ? a : b;
}

/* The one process that will do, gone from the addresses or not, as long as it is connected. */
static struct replica *
rpc_pick_boot(struct rpc *rpc, uint64_t boot_id, bool *any_up)
{
	struct replica *replica = rpc->replicas;

	while (replica != NULL &&
	       !(link_client_up(replica->link) && link_client_boot(replica->link) == boot_id &&
	         !replica->refusing))
		replica = replica->next;
	*any_up = replica != NULL;
	return replica != NULL && link_client_has_room(replica->link) ? replica : NULL;
}

void
rpc_place(struct rpc_call *call)
{
	bool any_up;
	struct replica *replica = call->boot_id != 0
	                              ? rpc_pick_boot(call->rpc, call->boot_id, &any_up)
	                              : rpc_pick(call->rpc, &any_up);
	struct wire_item *request = call->request;

	if (replica == NULL) {
		rpc_call_fail(call, any_up ? RPC_FULL : RPC_NOBODY);
		rpc_call_release(call);
		return;
	}
	call->request = NULL;
	call->replica = replica;
	link_client_start(replica->link, &call->link, request);
}

void
rpc_replica_result(struct replica *replica, bool answered, bool late)
{
	struct rpc *rpc = replica->rpc;

	if (replica->gone && !rpc->reap_posted) {
		rpc->reap_posted = true;
		rpc_hold(rpc);
		worker_post(rpc->options.io, &rpc->reap);
	}
	if (answered) {
		replica->late = 0;
		replica->ejection_ms = 0;
		if (replica->allowed < rpc->options.max_in_flight)
			replica->allowed++;
	} else if (late && ++replica->late >= RPC_LATE_LIMIT) {
		replica->late = 0;
		replica->ejection_ms =
		    replica->ejection_ms == 0 ? RPC_EJECTION_MS : replica->ejection_ms * 2;
		if (replica->ejection_ms > RPC_EJECTION_MAX_MS)
			replica->ejection_ms = RPC_EJECTION_MAX_MS;
		replica->ejected_until_ms = clock_ms() + replica->ejection_ms;
		replica->allowed = RPC_FIRST_ALLOWED;
		LOG_WARN("replica ejected", LOG_TEXT("peer", rpc->options.actor),
		         LOG_TEXT("url", replica->url), LOG_INT("ms", replica->ejection_ms));
	}
}

void
rpc_hold(struct rpc *rpc)
{
	atomic_fetch_add(&rpc->references, 1);
}

void
rpc_release(struct rpc *rpc)
{
	if (atomic_fetch_sub(&rpc->references, 1) != 1)
		return;
	OBJ_FINI(rpc);
	free(rpc);
}

/* --- opening and closing -------------------------------------------------------------------------
 */

static bool
rpc_make_metrics(struct rpc *rpc)
{
	const char *actor = rpc->options.actor;

	rpc->calls = metric_new(METRIC_COUNTER, "studyhall_rpc_calls_total",
	                        "Calls of another actor", "actor=\"%s\"", actor);
	rpc->failures = metric_new(METRIC_COUNTER, "studyhall_rpc_failures_total",
	                           "Calls that no replica answered", "actor=\"%s\"", actor);
	rpc->retries =
	    metric_new(METRIC_COUNTER, "studyhall_rpc_retries_total",
	               "Calls sent again within the retry budget", "actor=\"%s\"", actor);
	rpc->latency = metric_new(METRIC_HISTOGRAM, "studyhall_rpc_seconds",
	                          "Time until the answer of another actor", "actor=\"%s\"", actor);
	rpc->replicas_up = metric_new(METRIC_GAUGE, "studyhall_rpc_replicas_up",
	                              "Replicas connected", "actor=\"%s\"", actor);
	return rpc->calls != NULL && rpc->failures != NULL && rpc->retries != NULL &&
	       rpc->latency != NULL && rpc->replicas_up != NULL;
}

struct rpc *
rpc_open(const struct rpc_options *options, char *error, size_t error_size)
{
	struct rpc *rpc = calloc(1, sizeof *rpc);

	if (rpc == NULL) {
		snprintf(error, error_size, "out of memory");
		return NULL;
	}
	OBJ_INIT(rpc, RPC_MAGIC);
	rpc->references = 1;
	rpc->retry_tokens = RPC_RETRY_LIMIT;
	rpc->reap.fn = rpc_reap_fn;
	rpc->options = *options;
	if (rpc->options.max_in_flight == 0)
		rpc->options.max_in_flight = RPC_MAX_IN_FLIGHT;
	if (!rpc_make_metrics(rpc)) {
		snprintf(error, error_size, "out of memory");
		free(rpc);
		return NULL;
	}
	rpc->discovery = discovery_open(options->urls, rpc_discovered, rpc, error, error_size);
	if (rpc->discovery == NULL)
		rpc_close(&rpc);
	return rpc;
}

void
rpc_close(struct rpc **rpcp)
{
	struct rpc *rpc = *rpcp;

	if (rpc == NULL)
		return;
	OBJ_CHECK(rpc, RPC_MAGIC);
	*rpcp = NULL;
	discovery_close(&rpc->discovery);
	while (rpc->replicas != NULL)
		replica_close(rpc->replicas);
	rpc_release(rpc);
}

bool
rpc_ready(const struct rpc *rpc)
{
	return atomic_load(&rpc->up) > 0;
}

unsigned
rpc_replicas_up(const struct rpc *rpc)
{
	return atomic_load(&rpc->up);
}

const char *
rpc_actor(const struct rpc *rpc)
{
	return rpc->options.actor;
}
