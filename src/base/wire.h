/*
 * A bounds-checked reader and writer for bytes in network order.  Both have a sticky error: a
 * run of calls is made without a look at each, and `failed` is checked once after it.  A failed
 * reader yields zeros and NULL, a failed writer writes nothing more.  No other code of this tree
 * does pointer arithmetic over bytes from outside.  Everything is inline: this is the hot path.
 */
#ifndef BASE_WIRE_H
#define BASE_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Bytes that belong to somebody else; `length` 0 with any `bytes` is empty. */
struct wire_span {
	const uint8_t *bytes;
	size_t length;
};

struct wire_reader {
	const uint8_t *at;
	const uint8_t *end;
	bool failed;
};

struct wire_writer {
	uint8_t *start;
	uint8_t *at;
	uint8_t *end;
	bool failed;
};

static inline struct wire_reader wire_reader_init(const void *bytes, size_t length)
{
	const uint8_t *start = bytes;

	return (struct wire_reader){start, length ? start + length : start, false};
}

static inline struct wire_reader wire_reader_from_span(struct wire_span span)
{
	return wire_reader_init(span.bytes, span.length);
}

static inline size_t wire_left(const struct wire_reader *reader)
{
	return (size_t)(reader->end - reader->at);
}

/* The next `length` bytes, or NULL and the sticky error. */
static inline const uint8_t *wire_get_bytes(struct wire_reader *reader, size_t length)
{
	const uint8_t *bytes = reader->at;

	if (reader->failed || wire_left(reader) < length) {
		reader->failed = true;
		return NULL;
	}
	if (length)
		reader->at += length;
	return bytes;
}

static inline uint8_t wire_get_u8(struct wire_reader *reader)
{
	const uint8_t *b = wire_get_bytes(reader, 1);

	return b ? b[0] : 0;
}

static inline uint16_t wire_load_u16(const uint8_t *b)
{
	return (uint16_t)(b[0] << 8 | b[1]);
}

static inline uint32_t wire_load_u32(const uint8_t *b)
{
	return (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
}

static inline void wire_store_u16(uint8_t *b, uint16_t value)
{
	b[0] = (uint8_t)(value >> 8);
	b[1] = (uint8_t)value;
}

static inline void wire_store_u32(uint8_t *b, uint32_t value)
{
	wire_store_u16(b, (uint16_t)(value >> 16));
	wire_store_u16(b + 2, (uint16_t)value);
}

static inline uint16_t wire_get_u16(struct wire_reader *reader)
{
	const uint8_t *b = wire_get_bytes(reader, 2);

	return b ? wire_load_u16(b) : 0;
}

static inline uint32_t wire_get_u32(struct wire_reader *reader)
{
	const uint8_t *b = wire_get_bytes(reader, 4);

	return b ? wire_load_u32(b) : 0;
}

/* The next `length` bytes as a span; empty and the sticky error if there are fewer. */
static inline struct wire_span wire_get_span(struct wire_reader *reader, size_t length)
{
	const uint8_t *bytes = wire_get_bytes(reader, length);

	return (struct wire_span){bytes, bytes ? length : 0};
}

/* A reader of the next `length` bytes only; the outer one moves past them at once. */
static inline struct wire_reader wire_get_reader(struct wire_reader *reader, size_t length)
{
	struct wire_reader inner = wire_reader_from_span(wire_get_span(reader, length));

	inner.failed = reader->failed;
	return inner;
}

static inline bool wire_span_equal(struct wire_span a, struct wire_span b)
{
	if (a.length != b.length)
		return false;
	return !a.length || (a.bytes && b.bytes && !memcmp(a.bytes, b.bytes, a.length));
}

static inline struct wire_writer wire_writer_init(void *buffer, size_t size)
{
	uint8_t *start = buffer;

	return (struct wire_writer){start, start, start + size, false};
}

static inline size_t wire_written(const struct wire_writer *writer)
{
	return (size_t)(writer->at - writer->start);
}

static inline size_t wire_room(const struct wire_writer *writer)
{
	return (size_t)(writer->end - writer->at);
}

static inline struct wire_span wire_writer_span(const struct wire_writer *writer)
{
	return (struct wire_span){writer->start, wire_written(writer)};
}

/* Room for `length` bytes that the caller fills in, or NULL and the sticky error. */
static inline uint8_t *wire_reserve(struct wire_writer *writer, size_t length)
{
	uint8_t *at = writer->at;

	if (writer->failed || wire_room(writer) < length) {
		writer->failed = true;
		return NULL;
	}
	writer->at += length;
	return at;
}

static inline void wire_put_u8(struct wire_writer *writer, uint8_t value)
{
	uint8_t *at = wire_reserve(writer, 1);

	if (at)
		*at = value;
}

static inline void wire_put_u16(struct wire_writer *writer, uint16_t value)
{
	uint8_t *at = wire_reserve(writer, 2);

	if (at)
		wire_store_u16(at, value);
}

static inline void wire_put_u32(struct wire_writer *writer, uint32_t value)
{
	uint8_t *at = wire_reserve(writer, 4);

	if (at)
		wire_store_u32(at, value);
}

static inline void wire_put_bytes(struct wire_writer *writer, const void *bytes, size_t length)
{
	uint8_t *at = wire_reserve(writer, length);

	if (at && length)
		memcpy(at, bytes, length);
}

static inline void wire_put_span(struct wire_writer *writer, struct wire_span span)
{
	wire_put_bytes(writer, span.bytes, span.length);
}

#endif
