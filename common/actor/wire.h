/* SPDX-License-Identifier: MIT
 *
 * How envelopes lie in one nng message: wire.Batch of proto/envelope.proto, written and read field
 * by field, so that nothing is held twice and a stranger's bytes cost nothing before they are
 * believed. Pure; thread-safe.
 */
#ifndef STUDYHALL_ACTOR_WIRE_H
#define STUDYHALL_ACTOR_WIRE_H

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WIRE_VERSION     1
#define WIRE_BATCH_LIMIT ((size_t)256 << 10) /* a batch is closed when it has grown to this */
#define WIRE_PIECE       ((size_t)32 << 10)  /* greatest body part in one envelope */
#define WIRE_WINDOW      ((size_t)64 << 10)  /* bytes of a stream that may be on the way */
#define WIRE_BODY_WINDOW ((size_t)256 << 10) /* of a body, for which the other side has room */
/* A batch and one more envelope: what a socket accepts. */
#define WIRE_MESSAGE_LIMIT (WIRE_BATCH_LIMIT + WIRE_PIECE + (64u << 10))

/* Field numbers of Envelope.kind. */
enum wire_kind {
	WIRE_HELLO = 2,
	WIRE_REQUEST = 3,
	WIRE_REPLY = 4,
	WIRE_PIECE_OF = 5,
	WIRE_CANCEL = 6,
	WIRE_WINDOW_OF = 7,
};

enum wire_role {
	WIRE_POST,
	WIRE_POLL,
	WIRE_NUMBERED
};

/* One encoded envelope on its way out; freed with free(). */
struct wire_item {
	struct wire_item *next;
	uint64_t call;
	bool dropped; /* cancelled before it was sent */
	size_t length;
	uint8_t bytes[];
};

/* NULL without memory, or when the payload is larger than a socket accepts. */
struct wire_item *wire_item_new(uint64_t call, enum wire_kind kind,
                                const ProtobufCMessage *payload);
/* The same item for another call id: a request is encoded before its link gives it an id, with
 * WIRE_NO_CALL, and numbered here. Ids take nine bytes at most; room is kept. */
void wire_item_number(struct wire_item *item, uint64_t call);
#define WIRE_NO_CALL 0

/* First in, first out. */
struct wire_queue {
	struct wire_item *head, *tail;
	size_t bytes;
};
void wire_queue_put(struct wire_queue *queue, struct wire_item *item);
/* The oldest item, or NULL. */
struct wire_item *wire_queue_take(struct wire_queue *queue);
void wire_queue_clear(struct wire_queue *queue);

struct buf;
void wire_batch_begin(struct buf *batch, enum wire_role role, uint64_t boot);
/* The head of a numbered batch. */
void wire_batch_begin_numbered(struct buf *batch, uint64_t boot, uint64_t number);
void wire_batch_add(struct buf *batch, const struct wire_item *item);

struct wire_reader {
	const uint8_t *at, *end;
	enum wire_role role;
	uint64_t boot;
	uint64_t number; /* of a numbered batch */
};
struct wire_envelope {
	uint64_t call;
	enum wire_kind kind;
	const uint8_t *payload; /* the packed message of that kind, within the batch */
	size_t length;
};
/* Reads the head of a batch. False if malformed. */
bool wire_read(struct wire_reader *reader, const void *bytes, size_t length);
/* 1: an envelope; 0: the end; -1: malformed. Kinds this version does not know are skipped. */
int wire_next(struct wire_reader *reader, struct wire_envelope *envelope);

/* The last value of the varint field `field` of a packed message; `fallback` where there is none.
 * False if malformed. Costs no memory, whatever the message claims. */
bool wire_peek(const void *message, size_t length, unsigned field, uint64_t fallback,
               uint64_t *value);

/* wire.Piece where it lies: `bytes` and `problem` (not NUL-terminated) point into the message. */
struct wire_piece {
	const uint8_t *bytes;
	size_t length;
	bool end;
	int status; /* gRPC's code, with end */
	const char *problem;
	size_t problem_length;
};
/* False if malformed. */
bool wire_read_piece(const void *message, size_t length, struct wire_piece *piece);

#endif
