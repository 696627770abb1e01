/*
 * Packing.  Prefixes that share a path's attributes, the rule that accepted them, and the audience
 * go into one bucket; the attributes are encoded once per bucket and followed by as many prefixes
 * as a message takes.  The source peer is part of the bucket too, because reflection writes it into
 * ORIGINATOR_ID.  Buckets are found by a small hash table over the batch; routes come in runs of
 * equal attributes, so the last bucket is tried first.
 *
 * Messages go one after the other into a shared buffer; it is handed over when it is full or the
 * audience changes.  Nearly always there is one audience, so buckets are only sorted by it if
 * another one occurs.
 */
#include "rib/update_batch.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "bgp/message.h"

/* A buffer is handed over when it holds more than this. */
#define BUFFER_FILL 61440
#define ATTRIBUTES_MAX UINT16_MAX

/* One encoding in progress. */
struct encoder {
	struct update_batch *batch;
	const struct rib *rib;
	const struct export_key *key;
	enum ip_family family;
	size_t longest; /* message */
	update_batch_emit *emit;
	void *arg;
	struct shared_buffer *buffer; /* being filled; NULL: none */
	struct wire_writer writer;
	struct update_audience audience; /* of the buffer */
};

static bool same_audience(struct update_audience a, struct update_audience b)
{
	return a.except == b.except && a.only == b.only;
}

static bool same_bucket(const struct update_bucket *bucket, const struct export_route *route,
    struct update_audience audience)
{
	if (!same_audience(bucket->audience, audience) || !bucket->route.path != !route->path)
		return false;
	return !route->path || (bucket->route.path->attributes == route->path->attributes &&
				   bucket->route.rule == route->rule &&
				   bucket->route.path->peer == route->path->peer);
}

static uint64_t bucket_hash(const struct export_route *route, struct update_audience audience)
{
	uint64_t hash = (uint64_t)audience.except << 16 | audience.only;

	if (route->path)
		hash ^= hash_u64((uintptr_t)route->path->attributes + route->path->peer) ^
			(uintptr_t)route->rule;
	return hash_u64(hash);
}

static size_t index_slot(const struct update_batch *batch, const struct export_route *route,
    struct update_audience audience)
{
	size_t mask = batch->index_capacity - 1;
	size_t at = bucket_hash(route, audience) & mask;

	while (batch->index[at] &&
	       !same_bucket(&batch->buckets[batch->index[at] - 1], route, audience))
		at = (at + 1) & mask;
	return at;
}

static void put_into_index(struct update_batch *batch, size_t slot, size_t bucket)
{
	batch->index[slot] = (uint32_t)bucket + 1;
	batch->buckets[bucket].slot = (uint32_t)slot;
}

static void grow_index(struct update_batch *batch)
{
	batch->index_capacity = batch->index_capacity ? batch->index_capacity * 2 : 64;
	free(batch->index);
	batch->index = memory_allocate_zero(batch->index_capacity, sizeof(*batch->index));
	for (size_t i = 0; i < batch->bucket_count; i++)
		put_into_index(batch,
		    index_slot(batch, &batch->buckets[i].route, batch->buckets[i].audience), i);
}

static struct update_bucket *find_bucket(
    struct update_batch *batch, const struct export_route *route, struct update_audience audience)
{
	struct update_bucket *bucket;
	size_t at;

	if (batch->bucket_count) {
		bucket = &batch->buckets[batch->bucket_count - 1];
		if (same_bucket(bucket, route, audience))
			return bucket;
	}
	if (batch->bucket_count * 2 >= batch->index_capacity)
		grow_index(batch);
	at = index_slot(batch, route, audience);
	if (batch->index[at])
		return &batch->buckets[batch->index[at] - 1];
	batch->buckets = memory_grow(batch->buckets, &batch->bucket_capacity,
	    batch->bucket_count + 1, sizeof(*batch->buckets));
	bucket = &batch->buckets[batch->bucket_count];
	if (!batch->bucket_count || !same_audience(bucket[-1].audience, audience))
		batch->audience_changes++;
	*bucket = (struct update_bucket){.route = *route, .audience = audience};
	if (route->path)
		batch->attribute_bytes += route->path->attributes->wire_length;
	put_into_index(batch, at, batch->bucket_count++);
	return bucket;
}

void update_batch_add(struct update_batch *batch, struct update_item item,
    const struct export_route *route, struct update_audience audience)
{
	static const struct export_route withdrawal;
	struct update_bucket *bucket = find_bucket(batch, route ? route : &withdrawal, audience);
	uint32_t at = (uint32_t)++batch->item_count;

	batch->items = memory_grow(
	    batch->items, &batch->item_capacity, batch->item_count + 1, sizeof(*batch->items));
	batch->items[at] = item;
	batch->items[at].next = 0;
	if (bucket->first)
		batch->items[bucket->last].next = at;
	else
		bucket->first = at;
	bucket->last = at;
}

static void flush_buffer(struct encoder *encoder)
{
	struct shared_buffer *buffer = encoder->buffer;

	if (!buffer)
		return;
	encoder->buffer = NULL;
	buffer->length = wire_written(&encoder->writer);
	if (!buffer->length) {
		shared_buffer_release(buffer);
		return;
	}
	encoder->emit(encoder->arg, shared_buffer_trim(buffer), encoder->audience);
}

/* Makes sure that there is a buffer for the audience with room for one more message. */
static void need_buffer(struct encoder *encoder, struct update_audience audience)
{
	if (encoder->buffer && (!same_audience(encoder->audience, audience) ||
				   wire_room(&encoder->writer) < encoder->longest))
		flush_buffer(encoder);
	if (encoder->buffer)
		return;
	encoder->buffer = shared_buffer_new(BUFFER_FILL + encoder->longest);
	encoder->writer = wire_writer_init(encoder->buffer->bytes, encoder->buffer->capacity);
	encoder->audience = audience;
}

static const struct ip_prefix *item_prefix(const struct encoder *encoder, uint32_t item)
{
	/* A prefix without paths is still there: its id is held. */
	return rib_held_prefix(
	    encoder->rib, encoder->family, encoder->batch->items[item].prefix_id);
}

/*
 * Fills a begun message, with Path Identifiers where they were agreed upon (RFC 7911 3); returns
 * the first item that did not fit, or 0.
 */
static uint32_t fill_message(
    struct encoder *encoder, struct bgp_update_builder *builder, uint32_t item)
{
	const struct update_item *items = encoder->batch->items;

	if (encoder->key->codec.add_path_send[encoder->family]) {
		while (item && bgp_update_put_path(
				   builder, items[item].path_id, item_prefix(encoder, item)))
			item = items[item].next;
	} else {
		while (item && bgp_update_put(builder, item_prefix(encoder, item)))
			item = items[item].next;
	}
	bgp_update_finish(builder);
	encoder->buffer->messages++;
	return item;
}

static void encode_withdrawals(
    struct encoder *encoder, uint32_t item, struct update_audience audience)
{
	struct bgp_update_builder builder;

	while (item) {
		need_buffer(encoder, audience);
		bgp_update_begin_unreach(
		    &builder, &encoder->writer, &encoder->key->codec, encoder->family);
		item = fill_message(encoder, &builder, item);
	}
}

static void encode_bucket(struct encoder *encoder, const struct update_bucket *bucket)
{
	struct wire_writer field = wire_writer_init(encoder->batch->scratch, ATTRIBUTES_MAX);
	struct bgp_update_builder builder;
	struct bgp_attributes attributes;
	uint32_t item = bucket->first;

	arena_reset(&encoder->batch->arena);
	export_attributes(encoder->rib, encoder->key, encoder->family, &bucket->route,
	    &encoder->batch->arena, &attributes);
	bgp_attributes_encode(
	    &field, &attributes, &encoder->key->codec, false, &encoder->batch->arena);
	while (item) {
		need_buffer(encoder, bucket->audience);
		bgp_update_begin_reach(&builder, &encoder->writer, &encoder->key->codec,
		    encoder->family, wire_writer_span(&field), &attributes.next_hop);
		item = fill_message(encoder, &builder, item);
	}
}

static int compare_audiences(const void *a, const void *b)
{
	const struct update_bucket *x = a, *y = b;
	uint32_t p = (uint32_t)x->audience.except << 16 | x->audience.only;
	uint32_t q = (uint32_t)y->audience.except << 16 | y->audience.only;

	return p < q ? -1 : p > q;
}

static void sort_by_audience(struct update_batch *batch)
{
	for (size_t i = 1; i < batch->bucket_count; i++) {
		if (compare_audiences(&batch->buckets[i - 1], &batch->buckets[i]) > 0) {
			qsort(batch->buckets, batch->bucket_count, sizeof(*batch->buckets),
			    compare_audiences);
			return;
		}
	}
}

/* A small batch after a large one does not pay for the large one's index. */
static void clear_batch(struct update_batch *batch)
{
	if (batch->bucket_count < batch->index_capacity / 16)
		for (size_t i = 0; i < batch->bucket_count; i++)
			batch->index[batch->buckets[i].slot] = 0;
	else if (batch->index)
		memset(batch->index, 0, batch->index_capacity * sizeof(*batch->index));
	batch->item_count = 0;
	batch->bucket_count = 0;
	batch->attribute_bytes = 0;
	batch->audience_changes = 0;
}

void update_batch_encode(struct update_batch *batch, const struct rib *rib,
    const struct export_key *key, enum ip_family family, update_batch_emit *emit, void *arg)
{
	struct encoder encoder = {.batch = batch,
	    .rib = rib,
	    .key = key,
	    .family = family,
	    .longest = key->codec.extended_message ? BGP_EXTENDED_MESSAGE_MAX : BGP_MESSAGE_MAX,
	    .emit = emit,
	    .arg = arg};

	if (!batch->bucket_count)
		return;
	if (!batch->scratch)
		batch->scratch = memory_allocate(ATTRIBUTES_MAX);
	sort_by_audience(batch);
	for (size_t i = 0; i < batch->bucket_count; i++)
		if (!batch->buckets[i].route.path)
			encode_withdrawals(
			    &encoder, batch->buckets[i].first, batch->buckets[i].audience);
	for (size_t i = 0; i < batch->bucket_count; i++)
		if (batch->buckets[i].route.path)
			encode_bucket(&encoder, &batch->buckets[i]);
	flush_buffer(&encoder);
	clear_batch(batch);
}

void update_batch_free(struct update_batch *batch)
{
	free(batch->items);
	free(batch->buckets);
	free(batch->index);
	free(batch->scratch);
	arena_free(&batch->arena);
	memset(batch, 0, sizeof(*batch));
}
