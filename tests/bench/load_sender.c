/*
 * An external sender begins its paths with its own AS and sends no LOCAL_PREF, an internal one the
 * other way round.  Everything is kept per family, as a ROUTE-REFRESH asks for one.
 */
#include "load_sender.h"

#include <stdlib.h>

void load_sender_init(struct load_sender *sender, const struct load_options *options,
    const struct bench_table *table, uint32_t number)
{
	uint32_t end = options->prefixes;

	*sender = (struct load_sender){.options = options,
	    .table = table,
	    .identity = {.asn = load_options_asn(options, number),
		.external = load_options_is_external(options, number),
		.extra_hops = options->ranked ? number : 0}};
	if (options->split) {
		sender->first = bench_share_first(options->prefixes, options->senders, number);
		end = bench_share_first(options->prefixes, options->senders, number + 1);
	}
	sender->count = end - sender->first;
	for (enum ip_family family = IPV4; family < IP_FAMILIES; family++) {
		uint32_t first = bench_table_first(table, family) + sender->first;

		if (!options->families[family])
			continue;
		sender->identity.next_hop[family] = load_options_address(options, family, number);
		bench_messages_announce(table, &sender->identity, first, sender->count, BENCH_USUAL,
		    &sender->announce[family]);
		bench_messages_end_of_rib(family, &sender->announce[family]);
		bench_messages_withdraw(table, first, sender->count, &sender->withdraw[family]);
	}
}

void load_sender_free(struct load_sender *sender)
{
	for (enum ip_family family = IPV4; family < IP_FAMILIES; family++) {
		free(sender->announce[family].bytes);
		free(sender->withdraw[family].bytes);
	}
	free(sender->mark.bytes);
}

uint32_t load_sender_last(const struct load_sender *sender, enum ip_family family)
{
	return bench_table_first(sender->table, family) + sender->first + sender->count - 1;
}

void load_sender_make_mark(struct load_sender *sender)
{
	sender->mark_variant = sender->mark_variant == BENCH_MARK_A ? BENCH_MARK_B : BENCH_MARK_A;
	sender->mark.length = 0;
	for (enum ip_family family = IPV4; sender->count && family < IP_FAMILIES; family++)
		if (sender->options->families[family])
			bench_messages_announce(sender->table, &sender->identity,
			    load_sender_last(sender, family), 1, sender->mark_variant,
			    &sender->mark);
}

static void add_changes(const struct load_sender *sender, uint32_t count,
    enum bench_variant variant, struct bench_bytes *round)
{
	for (enum ip_family family = IPV4; family < IP_FAMILIES; family++) {
		uint32_t first = bench_table_first(sender->table, family) + sender->first;

		if (!sender->options->families[family])
			continue;
		bench_messages_withdraw(sender->table, first, count, round);
		bench_messages_announce(
		    sender->table, &sender->identity, first, count, variant, round);
	}
}

void load_sender_make_round(
    const struct load_sender *sender, uint32_t count, struct bench_bytes *round)
{
	add_changes(sender, count, BENCH_FLAPPED, round);
	add_changes(sender, count, BENCH_USUAL, round);
}
