/*
 * AS paths.  The attribute's value is a run of segments:
 *
 *	+-------------+--------------+-----------------------------+
 *	| Type (1)    | Count (1)    | Count AS numbers (2 or 4)   |
 *	+-------------+--------------+-----------------------------+
 *
 * A path is kept as it stands on the wire, with 4 octets per AS.  Every question is one walk over
 * a few dozen bytes, which is cheaper than any structure built from it would be to allocate, and
 * hash-consing makes equal paths one object anyway.  Paths of old speakers (RFC 6793) are widened
 * once at the door.  The functions that ask expect a valid path; on bytes that are none they stop
 * early, and never read past the span.
 */
#include "bgp/as_path.h"

#include "bgp/types.h"

enum { SEGMENT_MAX = 255, SEGMENT_HEADER = 2 };

/* One segment; `numbers` points to `count` AS numbers. */
struct segment {
	uint8_t type;
	unsigned count;
	const uint8_t *numbers;
};

static bool next_segment(struct wire_reader *reader, unsigned asn_size, struct segment *segment)
{
	if (!wire_left(reader))
		return false;
	segment->type = wire_get_u8(reader);
	segment->count = wire_get_u8(reader);
	segment->numbers = wire_get_bytes(reader, (size_t)segment->count * asn_size);
	return !reader->failed;
}

static uint32_t segment_asn(const struct segment *segment, unsigned asn_size, unsigned index)
{
	const uint8_t *at = segment->numbers + (size_t)index * asn_size;

	return asn_size == 4 ? wire_load_u32(at) : wire_load_u16(at);
}

static bool is_confederation(uint8_t type)
{
	return type == BGP_SEGMENT_CONFED_SEQUENCE || type == BGP_SEGMENT_CONFED_SET;
}

/* RFC 4271 9.1.2.2 a */
static unsigned segment_length(const struct segment *segment)
{
	return segment->type == BGP_SEGMENT_SET ? 1 : segment->count;
}

unsigned bgp_as_path_inspect(struct wire_span path, unsigned asn_size)
{
	struct wire_reader reader = wire_reader_from_span(path);
	struct segment segment;
	unsigned traits = 0;

	while (next_segment(&reader, asn_size, &segment)) {
		if (segment.type < BGP_SEGMENT_SET || segment.type > BGP_SEGMENT_CONFED_SET ||
		    !segment.count)
			return traits | BGP_AS_PATH_MALFORMED;
		if (is_confederation(segment.type))
			traits |= BGP_AS_PATH_CONFEDERATION;
		for (unsigned i = 0; i < segment.count; i++) {
			uint32_t asn = segment_asn(&segment, asn_size, i);

			if (!asn)
				traits |= BGP_AS_PATH_ZERO;
			if (asn > UINT16_MAX)
				traits |= BGP_AS_PATH_WIDE;
		}
	}
	return reader.failed ? traits | BGP_AS_PATH_MALFORMED : traits;
}

bool bgp_as_path_is_valid(struct wire_span path, unsigned asn_size)
{
	return !(bgp_as_path_inspect(path, asn_size) & BGP_AS_PATH_MALFORMED);
}

unsigned bgp_as_path_length(struct wire_span path)
{
	struct wire_reader reader = wire_reader_from_span(path);
	struct segment segment;
	unsigned length = 0;

	while (next_segment(&reader, 4, &segment))
		length += segment_length(&segment);
	return length;
}

uint32_t bgp_as_path_first(struct wire_span path)
{
	struct wire_reader reader = wire_reader_from_span(path);
	struct segment segment;

	if (!next_segment(&reader, 4, &segment) || segment.type != BGP_SEGMENT_SEQUENCE ||
	    !segment.count)
		return 0;
	return segment_asn(&segment, 4, 0);
}

uint32_t bgp_as_path_origin(struct wire_span path)
{
	struct wire_reader reader = wire_reader_from_span(path);
	struct segment segment;
	uint32_t origin = 0;

	while (next_segment(&reader, 4, &segment)) {
		origin = 0;
		if (segment.type == BGP_SEGMENT_SEQUENCE && segment.count)
			origin = segment_asn(&segment, 4, segment.count - 1);
	}
	return origin;
}

unsigned bgp_as_path_count(struct wire_span path, uint32_t asn)
{
	struct wire_reader reader = wire_reader_from_span(path);
	struct segment segment;
	unsigned count = 0;

	while (next_segment(&reader, 4, &segment))
		for (unsigned i = 0; i < segment.count; i++)
			count += segment_asn(&segment, 4, i) == asn;
	return count;
}

static void put_segment_header(struct wire_writer *writer, uint8_t type, unsigned count)
{
	wire_put_u8(writer, type);
	wire_put_u8(writer, (uint8_t)count);
}

static void put_copies(struct wire_writer *writer, uint32_t asn, unsigned times)
{
	for (unsigned i = 0; i < times; i++)
		wire_put_u32(writer, asn);
}

struct wire_span bgp_as_path_prepend(
    struct arena *arena, struct wire_span path, uint32_t asn, unsigned times)
{
	struct wire_reader reader = wire_reader_from_span(path);
	size_t size = path.length + (size_t)times * 4 + (times / SEGMENT_MAX + 2) * SEGMENT_HEADER;
	struct wire_writer writer;
	struct segment leading;
	unsigned joined = 0; /* copies that go into the leading sequence */

	if (!times)
		return path;
	writer = wire_writer_init(arena_allocate(arena, size), size);
	/* RFC 4271 5.1.2 b: a full sequence is left alone and a new one begins in front of it. */
	if (next_segment(&reader, 4, &leading) && leading.type == BGP_SEGMENT_SEQUENCE) {
		joined = SEGMENT_MAX - leading.count;
		if (joined > times)
			joined = times;
	}
	for (unsigned rest = times - joined; rest;) {
		unsigned count = rest < SEGMENT_MAX ? rest : SEGMENT_MAX;

		put_segment_header(&writer, BGP_SEGMENT_SEQUENCE, count);
		put_copies(&writer, asn, count);
		rest -= count;
	}
	if (!joined) {
		wire_put_span(&writer, path);
		return wire_writer_span(&writer);
	}
	put_segment_header(&writer, BGP_SEGMENT_SEQUENCE, leading.count + joined);
	put_copies(&writer, asn, joined);
	wire_put_bytes(&writer, leading.numbers, (size_t)leading.count * 4);
	wire_put_bytes(&writer, reader.at, wire_left(&reader));
	return wire_writer_span(&writer);
}

struct wire_span bgp_as_path_widen(struct arena *arena, struct wire_span path)
{
	struct wire_reader reader = wire_reader_from_span(path);
	size_t size = path.length * 2;
	struct wire_writer writer = wire_writer_init(arena_allocate(arena, size), size);
	struct segment segment;

	while (next_segment(&reader, 2, &segment)) {
		put_segment_header(&writer, segment.type, segment.count);
		for (unsigned i = 0; i < segment.count; i++)
			wire_put_u32(&writer, segment_asn(&segment, 2, i));
	}
	return wire_writer_span(&writer);
}

struct wire_span bgp_as_path_narrow(struct arena *arena, struct wire_span path, bool *lossy)
{
	struct wire_reader reader = wire_reader_from_span(path);
	struct wire_writer writer =
	    wire_writer_init(arena_allocate(arena, path.length), path.length);
	struct segment segment;

	*lossy = false;
	while (next_segment(&reader, 4, &segment)) {
		put_segment_header(&writer, segment.type, segment.count);
		for (unsigned i = 0; i < segment.count; i++) {
			uint32_t asn = segment_asn(&segment, 4, i);

			if (asn > UINT16_MAX) {
				*lossy = true;
				asn = BGP_AS_TRANS; /* RFC 6793 4.2.2 */
			}
			wire_put_u16(&writer, (uint16_t)asn);
		}
	}
	return wire_writer_span(&writer);
}

struct wire_span bgp_as_path_without_confederation(struct arena *arena, struct wire_span path)
{
	struct wire_reader reader = wire_reader_from_span(path);
	struct wire_writer writer;
	struct segment segment;

	if (!(bgp_as_path_inspect(path, 4) & BGP_AS_PATH_CONFEDERATION))
		return path;
	writer = wire_writer_init(arena_allocate(arena, path.length), path.length);
	while (next_segment(&reader, 4, &segment)) {
		if (is_confederation(segment.type))
			continue;
		put_segment_header(&writer, segment.type, segment.count);
		wire_put_bytes(&writer, segment.numbers, (size_t)segment.count * 4);
	}
	return wire_writer_span(&writer);
}

/*
 * Puts the end of a merge: `taken` AS numbers of a sequence that was cut, then AS4_PATH, as one
 * segment where both are sequences and fit.
 */
static void put_merged(struct wire_writer *writer, const struct segment *cut, unsigned taken,
    struct wire_span as4_path)
{
	struct wire_reader reader = wire_reader_from_span(as4_path);
	struct segment first;

	if (taken && next_segment(&reader, 4, &first) && first.type == BGP_SEGMENT_SEQUENCE &&
	    taken + first.count <= SEGMENT_MAX) {
		put_segment_header(writer, BGP_SEGMENT_SEQUENCE, taken + first.count);
		wire_put_bytes(writer, cut->numbers, (size_t)taken * 4);
		wire_put_bytes(writer, first.numbers, (size_t)first.count * 4);
		wire_put_bytes(writer, reader.at, wire_left(&reader));
		return;
	}
	if (taken) {
		put_segment_header(writer, BGP_SEGMENT_SEQUENCE, taken);
		wire_put_bytes(writer, cut->numbers, (size_t)taken * 4);
	}
	wire_put_span(writer, as4_path);
}

struct wire_span bgp_as_path_merge(
    struct arena *arena, struct wire_span path, struct wire_span as4_path)
{
	struct wire_reader reader = wire_reader_from_span(path);
	unsigned length = bgp_as_path_length(path);
	unsigned as4_length = bgp_as_path_length(as4_path);
	size_t size = path.length + as4_path.length + SEGMENT_HEADER;
	struct wire_writer writer;
	struct segment segment = {0};
	unsigned missing, taken = 0;

	if (length < as4_length) /* RFC 6793 4.2.3: AS4_PATH is ignored */
		return path;
	writer = wire_writer_init(arena_allocate(arena, size), size);
	missing = length - as4_length;
	/* Leading segments are taken over until the lengths agree. */
	while (next_segment(&reader, 4, &segment)) {
		unsigned counts = segment_length(&segment);

		if (counts > missing) {
			taken = missing;
			break;
		}
		put_segment_header(&writer, segment.type, segment.count);
		wire_put_bytes(&writer, segment.numbers, (size_t)segment.count * 4);
		missing -= counts;
	}
	put_merged(&writer, &segment, taken, as4_path);
	return wire_writer_span(&writer);
}

void bgp_as_path_print(struct wire_span path, struct text *text)
{
	struct wire_reader reader = wire_reader_from_span(path);
	struct segment segment;
	const char *separator = "";

	while (next_segment(&reader, 4, &segment)) {
		bool set = segment.type == BGP_SEGMENT_SET;

		text_append(text, set ? "%s{" : "%s", separator);
		for (unsigned i = 0; i < segment.count; i++)
			text_append(text, i ? " %u" : "%u", segment_asn(&segment, 4, i));
		if (set)
			text_append(text, "}");
		separator = " ";
	}
}

struct bgp_as_path_walk bgp_as_path_walk_start(struct wire_span path)
{
	return (struct bgp_as_path_walk){.reader = wire_reader_from_span(path)};
}

bool bgp_as_path_walk_next(struct bgp_as_path_walk *walk, uint32_t *asn)
{
	while (!walk->left) {
		if (!wire_left(&walk->reader))
			return false;
		walk->type = wire_get_u8(&walk->reader);
		walk->left = wire_get_u8(&walk->reader);
		if (walk->reader.failed)
			return false;
	}
	walk->left--;
	*asn = wire_get_u32(&walk->reader);
	return !walk->reader.failed;
}
