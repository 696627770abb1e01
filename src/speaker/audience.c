/*
 * Which peers an advertisement goes to.  Peers that are in the same lists are a class, and a class
 * is a bit: the set of attributes of a route has the bits of all classes that it is meant for, and
 * an update group the one bit of its peers.  So the routes of a prefix have audiences that do not
 * overlap, and each neighbour is meant by one of them or by none.
 *
 * A class keeps its bit as long as one of those that came first in it is still there: a bit that
 * changes has to be compared for all prefixes that these peers are sent.
 */
#include <string.h>

#include "speaker/private.h"

static uint64_t bit_of_class(const struct audiences *audiences, unsigned class)
{
	return class < PEER_CLASSES_MAX ? (uint64_t)1 << audiences->bits[class] : 0;
}

uint64_t speaker_audiences_of(const struct speaker *speaker, const char *peer)
{
	const struct audiences *audiences = &speaker->audiences;
	const struct peer_class_member *member = peer_classes_find(&audiences->classes, peer);

	return bit_of_class(audiences, member ? member->class : 0);
}

uint64_t speaker_audience_of_list(const struct speaker *speaker, char *const *peers, size_t count)
{
	uint64_t bits = 0;

	if (!count)
		return speaker->audiences.all;
	for (size_t i = 0; i < count; i++)
		bits |= speaker_audiences_of(speaker, peers[i]);
	return bits;
}

/* Gives the class the bit that the peer's class had, if it is free. */
static uint64_t keep_bit(struct audiences *audiences, const struct peer_class_member *member,
    const struct audiences *old, uint64_t taken)
{
	const struct peer_class_member *before = peer_classes_find(&old->classes, member->name);

	if (!before || before->class >= PEER_CLASSES_MAX ||
	    taken & bit_of_class(old, before->class))
		return 0;
	audiences->bits[member->class] = old->bits[before->class];
	return bit_of_class(audiences, member->class);
}

/* Class 0 has bit 0 for ever. */
static void assign_bits(struct audiences *audiences, const struct audiences *old)
{
	const struct peer_classes *classes = &audiences->classes;
	uint64_t done = 1; /* classes, as bits by their number */
	uint64_t taken = 1;

	for (size_t i = 0; i < classes->count; i++) {
		const unsigned class = classes->members[i]->class;
		uint64_t bit;

		if (class >= PEER_CLASSES_MAX || done >> class & 1)
			continue;
		bit = keep_bit(audiences, classes->members[i], old, taken);
		taken |= bit;
		done |= (uint64_t)(bit != 0) << class;
	}
	for (unsigned class = 0; class < classes->class_count && class < PEER_CLASSES_MAX;
	     class ++) {
		if (done >> class & 1)
			continue;
		audiences->bits[class] = (uint8_t)__builtin_ctzll(~taken);
		taken |= bit_of_class(audiences, class);
	}
	audiences->all = taken;
}

void speaker_audiences_make(struct speaker *speaker)
{
	struct audiences old = speaker->audiences;
	struct audiences *audiences = &speaker->audiences;

	memset(audiences, 0, sizeof *audiences);
	for (size_t i = 0; i < speaker->origin_count; i++) {
		const struct config_advertisement *settings = &speaker->origins[i]->settings;

		if (settings->peer_count)
			peer_classes_add(
			    &audiences->classes, settings->peers, settings->peer_count);
	}
	peer_classes_number(&audiences->classes);
	assign_bits(audiences, &old);
	peer_classes_free(&old.classes);
	/* Only while advertisements that are gone are still counted. */
	if (audiences->classes.class_count > PEER_CLASSES_MAX)
		log_write(speaker->log, LOG_LEVEL_ERROR, NULL,
		    "some peers are only sent what goes to all: the lists of peers of the"
		    " advertisements tell more than %d kinds of them apart",
		    PEER_CLASSES_MAX - 1);
}

bool speaker_audiences_relieve(struct speaker *speaker)
{
	struct audiences *audiences = &speaker->audiences;

	audiences->outdated = audiences->classes.class_count > PEER_CLASSES_MAX;
	return audiences->outdated;
}

void speaker_audiences_free(struct speaker *speaker)
{
	peer_classes_free(&speaker->audiences.classes);
}
