/*
 * What the update groups take, and what they give back when the table has become small.
 */
#include "base/memory.h"
#include "rib/group_state.h"

static void shrink_stream(struct stream_family *family, uint32_t limit)
{
	struct stream_paths *paths = &family->paths;

	bitmap_shrink(&family->advertised, limit);
	bitmap_shrink(&family->pending, limit);
	family->spared =
	    memory_shrink(family->spared, &family->spared_capacity, limit, sizeof(*family->spared));
	paths->first =
	    memory_shrink(paths->first, &paths->first_capacity, limit, sizeof(*paths->first));
}

void update_groups_shrink(void *arg, enum ip_family family, uint32_t limit)
{
	struct update_groups *groups = arg;

	for (struct update_group *group = groups->groups; group; group = group->next)
		for (struct update_stream *stream = group->streams; stream; stream = stream->next)
			shrink_stream(&stream->state.families[family], limit);
	if (!groups->running)
		update_batch_free(&groups->batch);
}

static size_t stream_memory(const struct stream_family *family)
{
	const struct stream_paths *paths = &family->paths;

	return bitmap_memory(&family->advertised) + bitmap_memory(&family->pending) +
	       family->spared_capacity * sizeof(*family->spared) +
	       family->spared_count_capacity * sizeof(*family->spared_count) +
	       paths->first_capacity * sizeof(*paths->first) +
	       paths->count_from_capacity * sizeof(*paths->count_from) + slab_memory(&paths->sent);
}

static size_t batch_memory(const struct update_batch *batch)
{
	return batch->item_capacity * sizeof(*batch->items) +
	       batch->bucket_capacity * sizeof(*batch->buckets) +
	       batch->index_capacity * sizeof(*batch->index);
}

size_t update_groups_memory(const struct update_groups *groups)
{
	size_t memory = batch_memory(&groups->batch);

	for (const struct update_group *group = groups->groups; group; group = group->next)
		for (const struct update_stream *stream = group->streams; stream;
		     stream = stream->next)
			for (enum ip_family family = 0; family < IP_FAMILIES; family++)
				memory += stream_memory(&stream->state.families[family]);
	return memory;
}
