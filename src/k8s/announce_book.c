/*
 * An entry is a prefix with those who ask for it, nearly always one.  `told` says of each whether
 * it was among them when the prefix was told last; an entry that nobody asks for stays until that
 * has been told.  Invariant: an entry with a difference is in one of the two lists.
 */
#include "k8s/announce_book.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

struct asker {
	uint32_t advertisement;
	uint32_t references;
	bool told;
};

struct announce_entry {
	struct ip_prefix prefix;
	uint64_t hash;
	struct asker *askers; /* ascending */
	size_t count;
	size_t capacity;
	bool touched; /* is in that list */
	bool leaving; /* likewise */
};

void announce_book_init(
    struct announce_book *book, uint64_t seed, announce_book_changed *changed, void *arg)
{
	*book = (struct announce_book){.seed = seed, .changed = changed, .arg = arg};
}

static void free_entry(struct announce_entry *entry)
{
	free(entry->askers);
	free(entry);
}

void announce_book_release(struct announce_book *book)
{
	struct announce_entry *entry;

	for (size_t cursor = 0; (entry = hash_table_next(&book->entries, &cursor));)
		free_entry(entry);
	hash_table_free(&book->entries);
	free(book->touched);
	free(book->leaving);
	free(book->ids);
}

static bool entry_has_prefix(const void *item, const void *key)
{
	const struct announce_entry *entry = item;

	return ip_prefix_equal(&entry->prefix, key);
}

static struct announce_entry *find_entry(
    const struct announce_book *book, const struct ip_prefix *prefix, uint64_t *hash)
{
	*hash = hash_bytes(prefix, sizeof(*prefix), book->seed);
	return hash_table_find(&book->entries, *hash, entry_has_prefix, prefix);
}

static struct announce_entry *make_entry(struct announce_book *book, const struct ip_prefix *prefix)
{
	uint64_t hash;
	struct announce_entry *entry = find_entry(book, prefix, &hash);

	if (entry)
		return entry;
	entry = memory_allocate_zero(1, sizeof(*entry));
	entry->prefix = *prefix;
	entry->hash = hash;
	hash_table_insert(&book->entries, hash, entry);
	return entry;
}

/* The place of the advertisement among those who ask, or where it would be. */
static size_t find_asker(const struct announce_entry *entry, uint32_t advertisement)
{
	size_t i = 0;

	while (i < entry->count && entry->askers[i].advertisement < advertisement)
		i++;
	return i;
}

static struct asker *make_asker(struct announce_entry *entry, uint32_t advertisement)
{
	const size_t at = find_asker(entry, advertisement);

	if (at < entry->count && entry->askers[at].advertisement == advertisement)
		return &entry->askers[at];
	entry->askers =
	    memory_grow(entry->askers, &entry->capacity, entry->count + 1, sizeof(*entry->askers));
	memmove(&entry->askers[at + 1], &entry->askers[at],
	    (entry->count - at) * sizeof(*entry->askers));
	entry->askers[at] = (struct asker){.advertisement = advertisement};
	entry->count++;
	return &entry->askers[at];
}

static void touch(struct announce_book *book, struct announce_entry *entry)
{
	if (entry->touched)
		return;
	entry->touched = true;
	book->touched = memory_grow(book->touched, &book->touched_capacity, book->touched_count + 1,
	    sizeof(struct announce_entry *));
	book->touched[book->touched_count++] = entry;
}

static void add_leaving(struct announce_book *book, struct announce_entry *entry)
{
	if (entry->leaving)
		return;
	entry->leaving = true;
	book->leaving = memory_grow(book->leaving, &book->leaving_capacity, book->leaving_count + 1,
	    sizeof(struct announce_entry *));
	book->leaving[book->leaving_count++] = entry;
}

void announce_book_ask(
    struct announce_book *book, const struct ip_prefix *prefix, uint32_t advertisement)
{
	struct announce_entry *entry = make_entry(book, prefix);

	if (!make_asker(entry, advertisement)->references++)
		touch(book, entry);
}

void announce_book_give_up(
    struct announce_book *book, const struct ip_prefix *prefix, uint32_t advertisement)
{
	uint64_t hash;
	struct announce_entry *entry = find_entry(book, prefix, &hash);

	if (!--entry->askers[find_asker(entry, advertisement)].references)
		touch(book, entry);
}

/* What is to be told of an entry. */
struct news {
	bool asked; /* by anybody */
	bool changed; /* others than was told last */
};

static struct news look_at(const struct announce_entry *entry)
{
	struct news news = {false, false};

	for (size_t i = 0; i < entry->count; i++) {
		news.asked |= entry->askers[i].references > 0;
		news.changed |= (entry->askers[i].references > 0) != entry->askers[i].told;
	}
	return news;
}

/* Drops who does not ask any more, and tells of the others. */
static void tell_entry(struct announce_book *book, struct announce_entry *entry)
{
	size_t kept = 0;

	book->ids = memory_grow(book->ids, &book->id_capacity, entry->count, sizeof(*book->ids));
	for (size_t i = 0; i < entry->count; i++) {
		if (!entry->askers[i].references)
			continue;
		entry->askers[kept] = entry->askers[i];
		entry->askers[kept].told = true;
		book->ids[kept++] = entry->askers[i].advertisement;
	}
	entry->count = kept;
	book->changed(book->arg, &entry->prefix, book->ids, kept);
}

static void drop_entry(struct announce_book *book, struct announce_entry *entry)
{
	hash_table_remove(&book->entries, entry->hash, entry);
	free_entry(entry);
}

void announce_book_tell(struct announce_book *book)
{
	for (size_t i = 0; i < book->touched_count; i++) {
		struct announce_entry *entry = book->touched[i];
		const struct news news = look_at(entry);

		entry->touched = false;
		if (news.asked && news.changed)
			tell_entry(book, entry);
		else if (!news.asked)
			add_leaving(book, entry);
	}
	book->touched_count = 0;
}

bool announce_book_tell_leaving(struct announce_book *book)
{
	struct announce_entry *entry;
	struct news news;

	if (!book->leaving_count)
		return false;
	entry = book->leaving[--book->leaving_count];
	entry->leaving = false;
	news = look_at(entry);
	if (news.asked)
		return true;
	if (news.changed)
		tell_entry(book, entry);
	drop_entry(book, entry);
	return true;
}
