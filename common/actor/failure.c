/* SPDX-License-Identifier: MIT
 * A failure as a wire.Reply of its own. */
#include "common/actor/failure.h"

#include "common/base/arena.h"
#include "envelope.pb-c.h"

static char *
failure_text(const char *text)
{
	return (char *)(uintptr_t)text; /* messages are only read from here on */
}

const void *
failure_pack(const struct reply *reply, struct arena *arena, size_t *length)
{
	Wire__Reply wire = WIRE__REPLY__INIT;
	Wire__Violation *items;
	size_t count = 0;
	void *bytes;

	for (const struct violation *v = reply->violations; v != NULL; v = v->next)
		count++;
	items = arena_calloc(arena, count + 1, sizeof *items);
	wire.violations = arena_calloc(arena, count + 1, sizeof *wire.violations);
	if (items == NULL || wire.violations == NULL)
		return NULL;
	for (const struct violation *v = reply->violations; v != NULL; v = v->next) {
		Wire__Violation *item = &items[wire.n_violations];

		wire__violation__init(item);
		item->pointer = failure_text(v->pointer);
		item->detail = failure_text(v->detail);
		wire.violations[wire.n_violations++] = item;
	}
	wire.has_status = true;
	wire.status = status_grpc(reply->status);
	wire.problem = failure_text(status_slug(reply->status));
	wire.detail = failure_text(reply->detail);
	*length = wire__reply__get_packed_size(&wire);
	bytes = arena_alloc(arena, *length + 1);
	if (bytes != NULL)
		wire__reply__pack(&wire, bytes);
	return bytes;
}

enum status
failure_unpack(const void *bytes, size_t length, struct arena *arena, struct reply *reply)
{
	Wire__Reply *wire = wire__reply__unpack(arena_allocator(arena), length, bytes);

	*reply = (struct reply){0};
	if (wire == NULL || wire->status == 0)
		return STATUS_INTERNAL;
	reply->status = status_from_wire(wire->problem, wire->status);
	reply->detail = wire->detail;
	for (size_t i = wire->n_violations; i > 0; i--) {
		struct violation *violation = arena_alloc(arena, sizeof *violation);

		if (violation == NULL)
			return STATUS_OVERLOADED;
		*violation = (struct violation){.pointer = wire->violations[i - 1]->pointer,
		                                .detail = wire->violations[i - 1]->detail,
		                                .next = reply->violations};
		reply->violations = violation;
	}
	return STATUS_OK;
}
