/*
 * What must hold for every UPDATE that was decoded and not refused: what is in it can be written
 * down again, and means the same.  In the canonical form the attributes come back as the same
 * bytes, for a session as a set that means the same; prefixes fill messages that hold them.
 */
#ifndef FUZZ_UPDATE_CHECK_H
#define FUZZ_UPDATE_CHECK_H

#include <stdlib.h>

#include "bgp/as_path.h"
#include "bgp/message.h"
#include "bgp/nlri.h"

enum { BUFFER_SIZE = 1 << 18 }; /* an old speaker's longest path, widened, and all the rest */

static inline void require(bool holds)
{
	if (!holds)
		abort();
}

static inline void check_canonical(const struct bgp_attributes *attributes, struct arena *arena)
{
	static uint8_t first[BUFFER_SIZE], second[BUFFER_SIZE];
	struct wire_writer writer = wire_writer_init(first, sizeof(first));
	struct wire_writer again = wire_writer_init(second, sizeof(second));
	struct bgp_attributes decoded;

	bgp_attributes_encode_canonical(&writer, attributes, arena);
	if (writer.failed)
		return; /* a path that widening made longer than an attribute can be */
	bgp_attributes_decode_canonical(wire_writer_span(&writer), &decoded);
	bgp_attributes_encode_canonical(&again, &decoded, arena);
	require(!again.failed);
	require(wire_span_equal(wire_writer_span(&writer), wire_writer_span(&again)));
}

/* What is sent to a peer of the same codec is what that peer would have us believe. */
static inline void check_session(
    const struct bgp_attributes *attributes, const struct bgp_codec *codec, struct arena *arena)
{
	static uint8_t wire[BUFFER_SIZE], first[BUFFER_SIZE], second[BUFFER_SIZE];
	struct wire_writer writer = wire_writer_init(wire, sizeof(wire));
	struct wire_writer before = wire_writer_init(first, sizeof(first));
	struct wire_writer after = wire_writer_init(second, sizeof(second));
	struct bgp_attributes sent = *attributes, received;
	struct bgp_attributes_result result;

	require(!(bgp_as_path_inspect(sent.as_path, 4) & BGP_AS_PATH_CONFEDERATION));
	sent.next_hop.address = ip_address_from_ipv4(0xc0000201);
	bgp_attributes_encode(&writer, &sent, codec, true, arena);
	bgp_attributes_encode_canonical(&before, &sent, arena);
	if (writer.failed || before.failed)
		return;
	bgp_attributes_decode(
	    wire_writer_span(&writer), codec, NULL, true, arena, &received, &result);
	require(result.treatment == BGP_TREATMENT_ACCEPT);
	bgp_attributes_encode_canonical(&after, &received, arena);
	require(wire_span_equal(wire_writer_span(&before), wire_writer_span(&after)));
}

/* Walks the prefixes, and builds messages of them that hold the same prefixes. */
static inline void check_nlri(
    struct wire_span span, enum ip_family family, const struct bgp_codec *codec)
{
	static uint8_t buffer[BGP_EXTENDED_MESSAGE_MAX];
	const bool add_path = codec->add_path_receive[family];
	struct wire_reader reader = wire_reader_from_span(span);
	struct wire_writer writer = wire_writer_init(buffer, sizeof(buffer));
	struct bgp_update_builder builder;
	struct bgp_update update;
	struct arena arena = {0};
	struct ip_prefix prefix;
	struct wire_reader built;
	uint32_t path_id;

	require(bgp_update_begin_unreach(&builder, &writer, codec, family));
	while (bgp_nlri_next_path(&reader, family, add_path, &prefix, &path_id) &&
	       (add_path ? bgp_update_put_path(&builder, path_id, &prefix)
			 : bgp_update_put(&builder, &prefix)))
		;
	require(!reader.failed);
	bgp_update_finish(&builder);
	require(!writer.failed);
	if (!wire_written(&writer))
		return;
	bgp_update_decode((struct wire_span){buffer + BGP_HEADER_LENGTH,
			      wire_written(&writer) - BGP_HEADER_LENGTH},
	    codec, NULL, &arena, &update);
	require(update.treatment == BGP_TREATMENT_ACCEPT);
	built = wire_reader_from_span(family == IPV4 ? update.withdrawn : update.mp_unreach.nlri);
	reader = wire_reader_from_span(span);
	while (wire_left(&built)) {
		struct ip_prefix want;
		uint32_t wanted_id;

		require(bgp_nlri_next_path(&built, family, add_path, &prefix, &path_id));
		require(bgp_nlri_next_path(&reader, family, add_path, &want, &wanted_id));
		require(ip_prefix_equal(&prefix, &want) && path_id == wanted_id);
	}
	arena_free(&arena);
}

/* `update` is not one that resets the session. */
static inline void check_decoded_update(
    const struct bgp_update *update, const struct bgp_codec *codec)
{
	struct arena arena = {0};

	check_nlri(update->withdrawn, IPV4, codec);
	check_nlri(update->announced, IPV4, codec);
	if (update->mp_reach.present)
		check_nlri(update->mp_reach.nlri, update->mp_reach.family, codec);
	if (update->mp_unreach.present)
		check_nlri(update->mp_unreach.nlri, update->mp_unreach.family, codec);
	if (update->treatment > BGP_TREATMENT_DISCARD_ATTRIBUTE)
		return;
	check_canonical(&update->attributes, &arena);
	if (bgp_attributes_has(&update->attributes, BGP_ATTRIBUTE_ORIGIN) &&
	    bgp_attributes_has(&update->attributes, BGP_ATTRIBUTE_AS_PATH) &&
	    (codec->external || bgp_attributes_has(&update->attributes, BGP_ATTRIBUTE_LOCAL_PREF)))
		check_session(&update->attributes, codec, &arena);
	arena_free(&arena);
}

#endif
