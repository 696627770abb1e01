/*
 * What the FIB shows of itself: walks over its entries and next hops, without any copy of them.
 */
#include "fib/fib_state.h"

#include <linux/rtnetlink.h>
#include <stdio.h>
#include <string.h>

static const char *const state_names[] = {
    [FIB_QUEUED] = "queued",
    [FIB_INSTALLED] = "installed",
    [FIB_FAILED] = "failed",
    [FIB_STALE] = "stale",
};

const char *fib_state_name(enum fib_state state)
{
	return state_names[state];
}

static void copy_interface_name(const struct fib *fib, uint32_t index, char name[static 16])
{
	const struct kernel_link *link = kernel_view_link(fib->view, index);

	if (link)
		snprintf(name, 16, "%s", link->name);
	else
		snprintf(name, 16, "%u", index);
}

static size_t copy_hops(const struct fib *fib, const struct hop_set *set,
    struct fib_route_hop hops[static FIB_HOPS_MAX])
{
	size_t i;

	for (i = 0; set && i < set->hop_count; i++) {
		const struct kernel_hop *hop = &set->hops[i];

		hops[i] = (struct fib_route_hop){.address = hop->gateway, .weight = hop->weight};
		copy_interface_name(fib, hop->interface, hops[i].interface);
	}
	return i;
}

/* False if the entry is none that a route stands for. */
static bool find_state(const struct fib_entry *entry, enum fib_state *state)
{
	*state = entry->error						    ? FIB_FAILED
		 : entry->flags & (FIB_ENTRY_WAITING | FIB_ENTRY_IN_FLIGHT) ? FIB_QUEUED
									    : FIB_INSTALLED;
	return entry->error || entry->flags & (FIB_ENTRY_PRESENT | FIB_ENTRY_IN_FLIGHT) ||
	       (entry->flags & FIB_ENTRY_WAITING && entry->set);
}

static const char *type_name(const struct hop_set *set)
{
	return set->type == RTN_BLACKHOLE     ? "blackhole"
	       : set->type == RTN_UNREACHABLE ? "unreachable"
					      : "unicast";
}

static void show_entry(const struct fib *fib, const struct fib_table *table, uint32_t id,
    fib_route_callback *callback, void *arg)
{
	const struct fib_entry *entry = &table->entries[id];
	struct fib_route_hop hops[FIB_HOPS_MAX];
	struct fib_route route = {
	    .table = fib->settings.table,
	    .backup = table->rank == FIB_BACKUP,
	    .hops = hops,
	};

	if (!find_state(entry, &route.state))
		return;
	route.prefix = *rib_held_prefix(fib->rib, table->family, id);
	route.metric = entry->metric ? entry->metric : fib->settings.metric;
	route.error = entry->error ? fib->errors[entry->error - 1] : NULL;
	route.object = entry->set ? next_hop_group_id(entry->set->group) : 0;
	route.hop_count = copy_hops(fib, entry->set, hops);
	if (entry->set) {
		route.type = type_name(entry->set);
		route.source = entry->set->source;
	}
	callback(arg, &route);
}

static void show_leftover(
    const struct fib *fib, const struct leftover *leftover, fib_route_callback *callback, void *arg)
{
	const struct fib_route route = {
	    .prefix = leftover->prefix,
	    .table = leftover->table,
	    .metric = leftover->metric,
	    .state = FIB_STALE,
	    .error = leftover->error ? fib->errors[leftover->error - 1] : NULL,
	};

	callback(arg, &route);
}

bool fib_walk(const struct fib *fib, struct fib_cursor *cursor, size_t steps,
    fib_route_callback *callback, void *arg)
{
	for (; steps && cursor->table < FIB_TABLES; steps--) {
		const struct fib_table *table = &fib->tables[cursor->table];

		if (cursor->id < table->capacity) {
			show_entry(fib, table, cursor->id++, callback, arg);
		} else {
			cursor->table++;
			cursor->id = 0;
		}
	}
	for (; steps; steps--) {
		const struct leftover *leftover = leftover_next(&fib->leftovers, &cursor->leftover);

		if (!leftover)
			return false;
		show_leftover(fib, leftover, callback, arg);
	}
	return true;
}

void fib_walk_next_hops(const struct fib *fib, fib_next_hop_callback *callback, void *arg)
{
	const struct next_hop *next_hop = NULL;

	while ((next_hop = next_hop_tracker_next(&fib->tracker, next_hop))) {
		const struct kernel_resolution *resolution = &next_hop->resolution;
		const struct bgp_next_hop *key = &next_hop->rib->key;
		struct fib_next_hop shown = {
		    .address =
			ip_address_is_unspecified(&key->address) ? key->link_local : key->address,
		    .reachable = resolution->reachable,
		    .on_link = resolution->on_link,
		    .cost = resolution->cost,
		    .depth = resolution->reachable ? resolution->depth : 0,
		    .via = resolution->via,
		    .users = next_hop->rib->references,
		    .reason = resolution->reachable ? NULL : resolution->reason,
		};

		if (resolution->reachable) {
			copy_interface_name(fib, resolution->hop.interface, shown.interface);
			shown.object = hop_sets_find_object(&fib->sets, next_hop->rib->tracker_data,
			    &fib->sources[shown.address.family]);
			if (!resolution->on_link)
				shown.gateway = resolution->hop.gateway;
		}
		callback(arg, &shown);
	}
}

size_t fib_next_hop_objects(const struct fib *fib)
{
	return next_hop_objects_count(&fib->objects);
}
