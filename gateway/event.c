/* SPDX-License-Identifier: MIT
 * Events from the messages of a service. */
#include "gateway/event.h"

#include "common/base/buf.h"
#include "common/base/obj.h"
#include "gateway/problem.h"
#include "gateway/sse.h"
#include "gateway/transcode.h"
#include "planner.pb-c.h"

#include <string.h>

#define EVENT_DATA_LIMIT ((size_t)64 << 20)

/* The member of the oneof that is set; NULL: none. */
static const ProtobufCFieldDescriptor *
event_field(const ProtobufCMessage *message)
{
	const ProtobufCMessageDescriptor *type = message->descriptor;
	for (unsigned i = 0; i < type->n_fields; i++) {
		const ProtobufCFieldDescriptor *field = &type->fields[i];
		const char *set = (const char *)message + field->quantifier_offset;
		if ((field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) != 0 &&
		    *(const uint32_t *)(const void *)set == field->id)
			return field;
	}
	return NULL;
}

static const char *
event_id(const ProtobufCMessage *message)
{
	const ProtobufCFieldDescriptor *field =
	    protobuf_c_message_descriptor_get_field_by_name(message->descriptor, "id");
	assert(field != NULL && field->type == PROTOBUF_C_TYPE_STRING);
	return *(const char *const *)(const void *)((const char *)message + field->offset);
}

static void
event_put_problem(struct buf *data, const Planner__Problem *from, const char *trace)
{
	struct problem problem = {.status = status_from_wire(from->code, -1),
	                          .detail = from->detail,
	                          .retry_after_s = from->retry_after_s};
	problem_write(data, &problem, trace);
}

static enum status
event_put_message(struct buf *out, const ProtobufCMessage *message, const char *trace)
{
	const ProtobufCFieldDescriptor *field = event_field(message);
	const char *id = event_id(message);
	if (field == NULL)
		return STATUS_OK;
	if (id != NULL && !sse_id_valid(id))
		return STATUS_INTERNAL;
	const ProtobufCMessage *part =
	    *(const ProtobufCMessage *const *)(const void *)((const char *)message + field->offset);
	struct buf data;
	buf_init(&data, EVENT_DATA_LIMIT);
	if (part->descriptor == &planner__problem__descriptor)
		event_put_problem(&data, (const Planner__Problem *)part, trace);
	else
		transcode_write(&data, part);
	if (!buf_failed(&data))
		sse_put_event(out, id, field->name, data.bytes, data.length);
	bool failed = buf_failed(&data) || buf_failed(out);
	buf_fini(&data);
	return failed ? STATUS_OVERLOADED : STATUS_OK;
}

enum status
event_put(struct buf *out, const ProtobufCMessageDescriptor *type, const void *bytes, size_t length,
          const char *trace)
{
	ProtobufCMessage *message = protobuf_c_message_unpack(type, NULL, length, bytes);
	if (message == NULL)
		return STATUS_INTERNAL;
	enum status status = event_put_message(out, message, trace);
	protobuf_c_message_free_unpacked(message, NULL);
	return status;
}
