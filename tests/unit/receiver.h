/*
 * The far end of a session, for the tests of the update groups: reads the messages in a shared
 * buffer, which must be well-formed UPDATEs of the agreed size, and hands on what they say.
 */
#ifndef TESTS_RECEIVER_H
#define TESTS_RECEIVER_H

#include <stdbool.h>
#include <stdlib.h>

#include "base/shared_buffer.h"
#include "bgp/message.h"
#include "bgp/nlri.h"

struct receiver {
	void *arg;
	void (*announced)(void *arg, const struct ip_prefix *prefix,
	    const struct bgp_attributes *attributes, const struct bgp_next_hop *next_hop);
	void (*withdrawn)(void *arg, const struct ip_prefix *prefix);
	void (*end_of_rib)(void *arg, enum ip_family family);
	void (*message)(void *arg); /* after each; may be NULL */
};

static inline void receive_prefixes(const struct receiver *receiver, const struct bgp_codec *codec,
    struct wire_span nlri, enum ip_family family, const struct bgp_attributes *attributes,
    const struct bgp_next_hop *next_hop)
{
	const bool add_path = codec->add_path_receive[family];
	struct wire_reader reader = wire_reader_from_span(nlri);
	struct ip_prefix prefix;
	uint32_t path_id;

	while (bgp_nlri_next_path(&reader, family, add_path, &prefix, &path_id)) {
		if (attributes)
			receiver->announced(receiver->arg, &prefix, attributes, next_hop);
		else
			receiver->withdrawn(receiver->arg, &prefix);
	}
	if (reader.failed)
		abort();
}

static inline void receive_update(
    const struct receiver *receiver, const struct bgp_codec *codec, const struct bgp_update *update)
{
	const struct bgp_attributes *attributes = &update->attributes;

	if (update->treatment != BGP_TREATMENT_ACCEPT)
		abort();
	if (update->end_of_rib) {
		receiver->end_of_rib(receiver->arg, update->end_of_rib_family);
	} else {
		receive_prefixes(receiver, codec, update->withdrawn, IPV4, NULL, NULL);
		receive_prefixes(
		    receiver, codec, update->announced, IPV4, attributes, &attributes->next_hop);
		if (update->mp_unreach.present)
			receive_prefixes(receiver, codec, update->mp_unreach.nlri,
			    update->mp_unreach.family, NULL, NULL);
		if (update->mp_reach.present)
			receive_prefixes(receiver, codec, update->mp_reach.nlri,
			    update->mp_reach.family, attributes, &update->mp_next_hop);
	}
	if (receiver->message)
		receiver->message(receiver->arg);
}

static inline void receive_buffer(const struct receiver *receiver,
    const struct shared_buffer *buffer, const struct bgp_codec *codec)
{
	struct wire_reader reader = wire_reader_init(buffer->bytes, buffer->length);
	struct bgp_codec far_end = *codec;
	struct arena arena = {NULL};
	unsigned messages = 0;

	/* What this end sends with Path Identifiers, that one receives with them. */
	memcpy(far_end.add_path_receive, codec->add_path_send, sizeof(far_end.add_path_receive));
	while (wire_left(&reader)) {
		const uint8_t *header = wire_get_bytes(&reader, BGP_HEADER_LENGTH);
		struct bgp_notification notification;
		struct bgp_header decoded;
		struct bgp_update update;

		if (!header ||
		    !bgp_header_decode(header, codec->extended_message, &decoded, &notification) ||
		    decoded.type != BGP_MESSAGE_UPDATE)
			abort();
		bgp_update_decode(wire_get_span(&reader, decoded.length - BGP_HEADER_LENGTH),
		    &far_end, NULL, &arena, &update);
		if (reader.failed)
			abort();
		receive_update(receiver, &far_end, &update);
		arena_reset(&arena);
		messages++;
	}
	if (messages != buffer->messages)
		abort();
	arena_free(&arena);
}

#endif
