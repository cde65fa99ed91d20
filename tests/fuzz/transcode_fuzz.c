/* SPDX-License-Identifier: MIT
 * libFuzzer: any bytes as a body for any message, whatever is read must be checked, written,
 * packed, streamed and read again without fault. */
#include "auth.pb-c.h"
#include "common/base/arena.h"
#include "common/base/buf.h"
#include "common/base/json.h"
#include "common/base/obj.h"
#include "gateway/transcode.h"
#include "history.pb-c.h"
#include "planner.pb-c.h"
#include "proto/auth_rules.h"
#include "proto/history_rules.h"
#include "proto/planner_rules.h"
#include "proto/voice_rules.h"
#include "voice.pb-c.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

static const struct {
	const ProtobufCMessageDescriptor *type;
	struct rule_table rules;
} fuzz_types[] = {
    {&planner__create_plan_request__descriptor, {planner_rules, PLANNER_RULE_COUNT}},
    {&planner__update_item_request__descriptor, {planner_rules, PLANNER_RULE_COUNT}},
    {&planner__plan__descriptor, {planner_rules, PLANNER_RULE_COUNT}},
    {&auth__sign_up_request__descriptor, {auth_rules, AUTH_RULE_COUNT}},
    {&auth__update_me_request__descriptor, {auth_rules, AUTH_RULE_COUNT}},
    {&auth__export__descriptor, {auth_rules, AUTH_RULE_COUNT}},
    {&history__record_request__descriptor, {history_rules, HISTORY_RULE_COUNT}},
    {&common__events__descriptor, {history_rules, HISTORY_RULE_COUNT}},
    {&voice__turn__descriptor, {voice_rules, VOICE_RULE_COUNT}},
};

/* What was written must be JSON. */
static void
fuzz_written(const ProtobufCMessage *message)
{
	struct buf out;
	char error[200];
	buf_init(&out, 0);
	transcode_write(&out, message);
	json_t *value =
	    buf_failed(&out) ? NULL : json_parse(out.bytes, out.length, error, sizeof error);
	assert(value != NULL);
	json_decref(value);
	buf_fini(&out);
}

static void
fuzz_packed(const ProtobufCMessage *message, struct arena *arena)
{
	size_t size = protobuf_c_message_get_packed_size(message);
	uint8_t *packed = malloc(size + 1);
	assert(packed != NULL);
	protobuf_c_message_pack(message, packed);
	ProtobufCMessage *again =
	    protobuf_c_message_unpack(message->descriptor, arena_allocator(arena), size, packed);
	assert(again != NULL);
	free(packed);
}

/* The raw bytes as a stream, in two pieces. */
static void
fuzz_stream(const uint8_t *bytes, size_t length)
{
	struct transcode_stream *stream = transcode_stream_new(&auth__export__descriptor);
	struct buf out;
	size_t cut = length / 3;
	buf_init(&out, 0);
	assert(stream != NULL);
	if (transcode_stream_feed(stream, bytes, cut, &out) == 0 &&
	    transcode_stream_feed(stream, bytes + cut, length - cut, &out) == 0)
		(void)transcode_stream_end(stream, &out);
	transcode_stream_free(&stream);
	buf_fini(&out);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	if (length == 0)
		return 0;
	size_t pick = bytes[0] % COUNT_OF(fuzz_types);
	struct arena *arena = arena_new(0);
	struct transcode in;
	struct violation *violations;
	assert(arena != NULL);
	assert(transcode_init(&in, fuzz_types[pick].type, "id", arena) == 0);
	if (transcode_json(&in, (const char *)bytes + 1, length - 1) == STATUS_OK) {
		(void)rules_check(&fuzz_types[pick].rules, in.message, arena, &violations);
		fuzz_written(in.message);
		fuzz_packed(in.message, arena);
	}
	fuzz_stream(bytes + 1, length - 1);
	arena_free(&arena);
	return 0;
}
