/*
 * The far end of a session, for the tests of the update groups: reads the messages in a shared
 * buffer, which must be well-formed UPDATEs or marks of a refresh of the agreed size, and hands on
 * what they say.
 */
#ifndef TESTS_RECEIVER_H
#define TESTS_RECEIVER_H

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/shared_buffer.h"
#include "bgp/message.h"
#include "bgp/nlri.h"

struct receiver {
	void *arg;
	const struct bgp_codec *codec; /* of the sender */
	/* Path Identifiers are 0 where none are agreed on. */
	void (*announced)(void *arg, const struct ip_prefix *prefix, uint32_t path_id,
	    const struct bgp_attributes *attributes, const struct bgp_next_hop *next_hop);
	void (*withdrawn)(void *arg, const struct ip_prefix *prefix, uint32_t path_id);
	void (*end_of_rib)(void *arg, enum ip_family family);
	void (*mark)(void *arg, enum ip_family family, enum bgp_refresh kind); /* RFC 7313 */
	void (*message)(void *arg); /* after each; may be NULL */
};

static inline void receive_prefixes(const struct receiver *receiver, struct wire_span nlri,
    enum ip_family family, const struct bgp_attributes *attributes,
    const struct bgp_next_hop *next_hop)
{
	struct wire_reader reader = wire_reader_from_span(nlri);
	struct ip_prefix prefix;
	uint32_t path_id;

	while (bgp_nlri_next_path(
	    &reader, family, receiver->codec->add_path_send[family], &prefix, &path_id)) {
		if (attributes)
			receiver->announced(receiver->arg, &prefix, path_id, attributes, next_hop);
		else
			receiver->withdrawn(receiver->arg, &prefix, path_id);
	}
	if (reader.failed)
		abort();
}

static inline void receive_update(const struct receiver *receiver, const struct bgp_update *update)
{
	const struct bgp_attributes *attributes = &update->attributes;

	if (update->treatment != BGP_TREATMENT_ACCEPT)
		abort();
	if (update->end_of_rib) {
		receiver->end_of_rib(receiver->arg, update->end_of_rib_family);
	} else {
		receive_prefixes(receiver, update->withdrawn, IPV4, NULL, NULL);
		receive_prefixes(
		    receiver, update->announced, IPV4, attributes, &attributes->next_hop);
		if (update->mp_unreach.present)
			receive_prefixes(receiver, update->mp_unreach.nlri,
			    update->mp_unreach.family, NULL, NULL);
		if (update->mp_reach.present)
			receive_prefixes(receiver, update->mp_reach.nlri, update->mp_reach.family,
			    attributes, &update->mp_next_hop);
	}
}

static inline void receive_refresh(const struct receiver *receiver, struct wire_span body)
{
	struct bgp_notification notification;
	struct bgp_route_refresh refresh;

	if (!bgp_route_refresh_decode(body, &refresh, &notification) ||
	    refresh.subtype == BGP_REFRESH_REQUEST || !receiver->mark)
		abort();
	receiver->mark(receiver->arg, bgp_family_from_wire(refresh.afi, refresh.safi),
	    (enum bgp_refresh)refresh.subtype);
}

static inline void receive_message(const struct receiver *receiver, const struct bgp_header *header,
    struct wire_span body, struct arena *arena)
{
	struct bgp_codec codec = *receiver->codec;
	struct bgp_update update;

	memcpy(codec.add_path_receive, codec.add_path_send, sizeof(codec.add_path_receive));
	if (header->type == BGP_MESSAGE_ROUTE_REFRESH) {
		receive_refresh(receiver, body);
	} else {
		if (header->type != BGP_MESSAGE_UPDATE)
			abort();
		bgp_update_decode(body, &codec, NULL, arena, &update);
		receive_update(receiver, &update);
	}
	if (receiver->message)
		receiver->message(receiver->arg);
}

static inline void receive_buffer(
    const struct receiver *receiver, const struct shared_buffer *buffer)
{
	struct wire_reader reader = wire_reader_init(buffer->bytes, buffer->length);
	struct arena arena = {NULL};
	unsigned messages = 0;

	while (wire_left(&reader)) {
		const uint8_t *header = wire_get_bytes(&reader, BGP_HEADER_LENGTH);
		struct bgp_notification notification;
		struct bgp_header decoded;
		struct wire_span body;

		if (!header || !bgp_header_decode(header, receiver->codec->extended_message,
				   &decoded, &notification))
			abort();
		body = wire_get_span(&reader, decoded.length - BGP_HEADER_LENGTH);
		if (reader.failed)
			abort();
		receive_message(receiver, &decoded, body, &arena);
		arena_reset(&arena);
		messages++;
	}
	if (messages != buffer->messages)
		abort();
	arena_free(&arena);
}

#endif
