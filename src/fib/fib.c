/*
 * The FIB's life and its events.  It listens to three sides: the RIB (prefixes that changed), the
 * kernel (through netlink into the kernel view), and the speaker (settings).  Events only note what
 * is to be done; it is done at the end of the turn, in two tasks: one resolves next hops, the other
 * looks at entries and sends requests (install.c).
 *
 * A dump of links, addresses and routes fills the view at first.  It is repeated when
 * notifications were lost, and every few minutes as an audit, which finds what no notification
 * told of.  Until the first one is complete nothing resolves and nothing is sent.
 *
 * Routes of a previous run are leftovers: prefixes of the RIB adopt theirs as they come, and what
 * is left is removed some time after the speaker has said that the tables are complete and the RIB
 * has come to rest.
 *
 * A move to another table or protocol makes a leftover of every route, in slices: what is out is
 * answered, all routes leave, the kernel is read again with the new place in view, and then all are
 * installed there.  What differs in its protocol only is adopted, and so replaced in one request.
 */
#include "fib/fib.h"

#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "fib/fib_state.h"

#define DUMP_RETRY_MS 100
#define DUMP_RETRY_LAST_MS 10000
/* How long the RIB must rest before leftovers are swept, and how long that is waited for. */
#define SWEEP_REST_MS 500
#define SWEEP_LIMIT_MS 10000
/* Less than the 30 s that Kubernetes lets pass before it kills. */
#define WITHDRAW_LIMIT_MS 20000

static const struct {
	int type;
	int family;
} dumps[] = {
    {RTM_GETNEXTHOP, AF_UNSPEC}, /* before the routes, which say what of these they use */
    {RTM_GETLINK, AF_UNSPEC},
    {RTM_GETADDR, AF_UNSPEC},
    {RTM_GETRULE, AF_UNSPEC},
    {RTM_GETROUTE, AF_INET},
    {RTM_GETROUTE, AF_INET6},
    {RTM_GETNEIGH, AF_INET6},
};

#define DUMPS (sizeof(dumps) / sizeof(dumps[0]))

/* Dumps */

static bool is_dumped(const struct fib *fib, int type)
{
	if (type == RTM_GETNEXTHOP)
		return fib->objects_supported;
	return type != RTM_GETNEIGH || fib->hears_neighbours;
}

static void start_dumps(void *arg)
{
	struct fib *fib = arg;
	size_t i;

	if (fib->dumps_left || fib->checking) {
		fib->dump_again = true;
		return;
	}
	fib_walk_forget_missing(fib);
	fib->forgetting = false;
	fib->generation++;
	fib->dump_failed = false;
	fib->dump_again = false;
	kernel_view_begin_dump(fib->view);
	fib_objects_begin_round(fib);
	for (i = 0; i < DUMPS; i++) {
		if (!is_dumped(fib, dumps[i].type))
			continue;
		fib->dumps_left++;
		fib_netlink_dump(fib->netlink, dumps[i].type, dumps[i].family);
	}
}

static uint64_t dump_retry_ms(const struct fib *fib)
{
	const unsigned doublings = fib->dump_failures < 7 ? fib->dump_failures : 7;
	const uint64_t delay = (uint64_t)DUMP_RETRY_MS << doublings;

	return delay < DUMP_RETRY_LAST_MS ? delay : DUMP_RETRY_LAST_MS;
}

static void start_sweep_timer(struct fib *fib)
{
	if (!fib->ready || !fib->converged || fib->swept)
		return;
	fib->sweep_deadline = loop_now(fib->loop) + SWEEP_LIMIT_MS;
	loop_timer_start(&fib->sweep_timer, SWEEP_REST_MS);
}

static void finish_dumps(struct fib *fib)
{
	if (fib->dump_failed || fib->dump_again) {
		loop_timer_start(&fib->dump_timer, dump_retry_ms(fib));
		fib->dump_failures++;
		return;
	}
	fib->dump_failures = 0;
	kernel_view_end_dump(fib->view);
	fib->forgetting = true;
	if (fib->move == FIB_ARRIVES)
		fib->move = FIB_STAYS;
	fib_walk_start(fib, FIB_WALK_MISSING | FIB_WALK_FAILED);
	loop_timer_start(&fib->dump_timer, FIB_AUDIT_MS);
	fib_objects_end_round(fib);
	if (fib->ready)
		return;
	fib->ready = true;
	loop_task_schedule(fib->loop, &fib->install_task);
	start_sweep_timer(fib);
	if (!fib->told_ready && fib->ops->ready)
		fib->ops->ready(fib->arg);
	fib->told_ready = true;
}

/* Netlink */

static void netlink_message(void *arg, const struct nlmsghdr *message)
{
	struct fib *fib = arg;

	kernel_view_message(fib->view, message);
	fib_objects_message(fib, message);
}

/* The tag of a leftover is its address, that of an entry has the lowest bit set; see also objects. */
static void netlink_answered(void *arg, uint64_t tag, int error, const char *text)
{
	if ((tag & NEXT_HOP_OBJECT_TAG_MASK) == NEXT_HOP_OBJECT_TAG)
		fib_objects_answered(arg, tag, error);
	else if (tag & 1)
		fib_answered(arg, tag, error, text);
	else
		fib_leftover_answered(arg, (struct leftover *)(uintptr_t)tag, error, text);
}

static void netlink_dumped(void *arg, int type, bool complete)
{
	struct fib *fib = arg;

	if (type == RTM_GETNEXTHOP && fib_objects_dumped(fib, complete)) {
		if (fib->dump_again)
			start_dumps(fib);
		return;
	}
	if (!fib->dumps_left)
		return;
	/* Our own requests interrupt a dump of objects: they have checks of their own. */
	if (!complete && type != RTM_GETNEXTHOP)
		fib->dump_failed = true;
	if (!--fib->dumps_left)
		finish_dumps(fib);
}

static void netlink_overrun(void *arg)
{
	start_dumps(arg);
}

static void netlink_idle(void *arg)
{
	struct fib *fib = arg;

	loop_task_schedule(fib->loop, &fib->install_task);
}

static const struct fib_netlink_ops netlink_ops = {
    .message = netlink_message,
    .answered = netlink_answered,
    .dumped = netlink_dumped,
    .overrun = netlink_overrun,
    .idle = netlink_idle,
};

/* The kernel view */

static void wake_resolver(void *arg)
{
	struct fib *fib = arg;

	loop_task_schedule(fib->loop, &fib->resolve_task);
}

static void note_view_change(void *arg)
{
	struct fib *fib = arg;

	next_hop_tracker_start(&fib->tracker);
	fib->view_changed = true;
	wake_resolver(fib);
}

static void view_prefix_changed(void *arg, const struct ip_prefix *prefix)
{
	struct fib *fib = arg;

	next_hop_tracker_concern(&fib->tracker, prefix);
	fib->view_changed = true;
	wake_resolver(fib);
}

static void find_sources(struct fib *fib)
{
	if (fib_find_sources(fib))
		fib_walk_start(fib, FIB_WALK_PREFIXES);
}

static void view_links_changed(void *arg)
{
	struct fib *fib = arg;

	find_sources(fib);
	fib->links_changed = true;
	fib->view_changed = true;
	loop_task_schedule(fib->loop, &fib->resolve_task);
}

/*
 * With their preferred source the kernel removes IPv4 routes, and takes it out of IPv6 routes,
 * without a word.  The address may be back before we look.
 */
static void lose_source(struct fib *fib, const struct ip_address *address)
{
	hop_sets_mark_source(&fib->sets, address);
	fib_walk_start(fib, FIB_WALK_SETS);
}

static void view_address(void *arg, const struct ip_address *address)
{
	struct fib *fib = arg;
	const struct ip_prefix host =
	    ip_prefix_from_address(address, ip_family_bits(address->family));
	uint32_t id;

	if (ip_address_equal(address, &fib->sources[address->family]) &&
	    !kernel_view_is_local_address(fib->view, address, 0))
		lose_source(fib, address);
	if (rib_find(fib->rib, &host, &id))
		fib_queue_all(fib, host.family, id);
}

static void view_interface_lost(void *arg, uint32_t interface)
{
	struct fib *fib = arg;

	hop_sets_mark_interface(&fib->sets, interface);
	fib->interface_lost = true;
	loop_task_schedule(fib->loop, &fib->resolve_task);
}

static const struct kernel_view_ops view_ops = {
    .changed = note_view_change,
    .prefix_changed = view_prefix_changed,
    .links_changed = view_links_changed,
    .address = view_address,
    .interface_lost = view_interface_lost,
    .own_route = fib_own_route,
    .foreign_route = fib_foreign_route,
    .replaced = fib_route_replaced,
    .incomplete = start_dumps,
    .object_used = fib_objects_used,
};

/* While a view is being read for the first time the next hops stay as they were. */
static void run_resolve_task(void *arg)
{
	struct fib *fib = arg;
	const bool links_changed = fib->links_changed;
	const bool view_changed = fib->view_changed;
	bool moved;

	loop_name_work(fib->loop, "next hops");
	if (!fib->ready)
		return;
	if (!next_hop_tracker_resolve(&fib->tracker, fib->loop, &moved)) {
		loop_task_schedule(fib->loop, &fib->resolve_task);
		return;
	}
	fib->links_changed = false;
	fib->view_changed = false;
	if (moved)
		hop_sets_refresh(&fib->sets);
	if (moved && fib->settings.backup)
		hop_sets_remove_unreachable(&fib->sets);
	next_hop_objects_sync(&fib->objects);
	loop_task_schedule(fib->loop, &fib->install_task);
	if (moved || fib->interface_lost)
		fib_walk_start(fib, FIB_WALK_SETS);
	fib->interface_lost = false;
	if (links_changed && fib->ops->links_changed)
		fib->ops->links_changed(fib->arg);
	if (view_changed && fib->ops->view_changed)
		fib->ops->view_changed(fib->arg);
}

/* A backup may be any path, and not only those that the RIB has chosen. */
static void listen_to_paths(struct fib *fib)
{
	fib->listener.every_path = fib->settings.install && fib->settings.backup;
}

/* What may be installed is another thing now, and so is what resolves next hops. */
static void look_at_all(struct fib *fib)
{
	fib_walk_start(fib, FIB_WALK_PREFIXES);
	next_hop_tracker_start(&fib->tracker);
	wake_resolver(fib);
}

static void take_settings(struct fib *fib, const struct fib_settings *settings)
{
	fib->settings = *settings;
	listen_to_paths(fib);
	fib_find_sources(fib);
	fib_objects_apply(fib);
	look_at_all(fib);
}

/* The place of all routes is another one as soon as none of the old one is counted as right. */
static void move_on(struct fib *fib)
{
	const struct fib_settings *old = &fib->settings;
	const struct fib_settings *new = &fib->next_settings;

	/* Answers are about the old place: the last one brings us back here. */
	if (fib_netlink_pending(fib->netlink))
		return;
	if (!fib_leave_some(fib)) {
		loop_task_schedule(fib->loop, &fib->install_task);
		return;
	}
	/* In the same table the routes that we leave are still ours. */
	fib->left_protocol =
	    old->table == new->table && old->protocol != new->protocol ? old->protocol : 0;
	fib->move = FIB_ARRIVES;
	hop_sets_use_objects(&fib->sets, fib->sets.objects);
	next_hop_objects_change_protocol(&fib->objects, new->protocol);
	kernel_view_move(fib->view, new->protocol, fib->left_protocol, new->table);
	start_dumps(fib);
	take_settings(fib, new);
	fib_walk_start(fib, FIB_WALK_FAILED);
}

static void remove_leftovers(struct fib *fib)
{
	fib_remove_leftovers(fib);
	if (!fib->left_protocol || !fib->swept || fib->leftovers.table.count)
		return;
	/* Whoever has a route of that protocol now is somebody else. */
	fib->left_protocol = 0;
	kernel_view_move(fib->view, fib->settings.protocol, 0, fib->settings.table);
}

static void run_install_task(void *arg)
{
	struct fib *fib = arg;

	loop_name_work(fib->loop, "routes to the kernel");
	fib_walk_some(fib);
	fib_forget_gone_leftovers(fib);
	if (fib->move == FIB_LEAVES)
		move_on(fib);
	else if (fib->move == FIB_STAYS && fib_install_some(fib))
		remove_leftovers(fib);
	fib_objects_plan(fib);
}

/* The RIB */

static void rib_changed(void *arg, const struct rib_change *change)
{
	struct fib *fib = arg;
	size_t i;

	fib->rib_changed_at = loop_now(fib->loop);
	for (i = 0; i < change->count; i++)
		fib_queue_all(fib, change->family, change->ids[i]);
}

/* What waits in the queue, and what the kernel has, holds its prefix: it is below the limit. */
static void rib_shrunk(void *arg, enum ip_family family, uint32_t limit)
{
	struct fib *fib = arg;
	enum fib_rank rank;

	for (rank = 0; rank < FIB_RANKS; rank++) {
		struct fib_table *table = fib_table_of(fib, family, rank);

		table->entries =
		    memory_shrink(table->entries, &table->capacity, limit, sizeof(*table->entries));
		table->queue = memory_shrink(
		    table->queue, &table->queue_capacity, table->queue_tail, sizeof(*table->queue));
	}
}

size_t fib_memory(const struct fib *fib)
{
	const struct fib_table *table;
	size_t memory = hash_table_memory(&fib->leftovers.table) +
			fib->leftovers.table.count * sizeof(struct leftover);

	for (table = fib->tables; table < fib->tables + FIB_TABLES; table++) {
		memory += table->capacity * sizeof(*table->entries) +
			  table->queue_capacity * sizeof(*table->queue);
	}
	return memory;
}

static void sweep(void *arg)
{
	struct fib *fib = arg;
	const uint64_t now = loop_now(fib->loop);

	if (now < fib->sweep_deadline && now - fib->rib_changed_at < SWEEP_REST_MS) {
		loop_timer_start(&fib->sweep_timer, SWEEP_REST_MS);
		return;
	}
	fib->swept = true;
	leftovers_queue_all(&fib->leftovers);
	loop_task_schedule(fib->loop, &fib->install_task);
}

static void retry(void *arg)
{
	struct fib *fib = arg;

	leftovers_retry(&fib->leftovers);
	fib_walk_start(fib, FIB_WALK_FAILED);
}

/* Life */

static void name_tables(struct fib *fib)
{
	size_t i;

	for (i = 0; i < FIB_TABLES; i++) {
		fib->tables[i].family = (enum ip_family)(i % IP_FAMILIES);
		fib->tables[i].rank = (enum fib_rank)(i / IP_FAMILIES);
	}
}

struct fib *fib_new(struct loop *loop, struct rib *rib, const struct fib_settings *settings,
    uint64_t hash_seed, const struct fib_ops *ops, void *arg, struct error *error)
{
	struct fib *fib = memory_allocate_zero(1, sizeof(*fib));
	const struct installed_routes installed = {fib_would_install, fib};

	fib->netlink = fib_netlink_new(loop, &netlink_ops, fib, error);
	if (!fib->netlink) {
		free(fib);
		return NULL;
	}
	fib->loop = loop;
	fib->rib = rib;
	fib->settings = *settings;
	fib->ops = ops;
	fib->arg = arg;
	fib->hash_seed = hash_seed;
	fib->sets.seed = hash_seed;
	leftovers_init(&fib->leftovers, hash_seed);
	fib_objects_init(fib);
	name_tables(fib);
	loop_task_init(&fib->resolve_task, run_resolve_task, fib);
	loop_task_init(&fib->install_task, run_install_task, fib);
	loop_timer_init(loop, &fib->retry_timer, retry, fib);
	loop_timer_init(loop, &fib->dump_timer, start_dumps, fib);
	loop_timer_init(loop, &fib->sweep_timer, sweep, fib);
	fib->view =
	    kernel_view_new(loop, hash_seed, settings->protocol, settings->table, &view_ops, fib);
	next_hop_tracker_init(&fib->tracker, rib, fib->view, &installed, wake_resolver, fib);
	fib->listener = (struct rib_listener){
	    .changed = rib_changed, .shrunk = rib_shrunk, .arg = fib, .multipath = true};
	listen_to_paths(fib);
	rib_add_listener(rib, &fib->listener);
	start_dumps(fib);
	return fib;
}

void fib_free(struct fib *fib)
{
	/* Those above, whom the answers to removals would be told, may be half gone. */
	static const struct fib_ops no_ops;

	if (!fib)
		return;
	fib->ops = &no_ops;
	if (fib->settings.withdraw_on_stop) {
		/* An object takes the routes along that point to it, however many they are. */
		fib_objects_withdraw(fib);
		fib_withdraw_all(fib, WITHDRAW_LIMIT_MS);
	}
	rib_remove_listener(fib->rib, &fib->listener);
	loop_task_cancel(fib->loop, &fib->resolve_task);
	loop_task_cancel(fib->loop, &fib->install_task);
	loop_timer_free(&fib->retry_timer);
	loop_timer_free(&fib->dump_timer);
	loop_timer_free(&fib->sweep_timer);
	fib_netlink_free(fib->netlink);
	fib_release_entries(fib);
	fib_objects_release(fib);
	next_hop_tracker_release(&fib->tracker);
	leftovers_free(&fib->leftovers);
	kernel_view_free(fib->view);
	free(fib->own_prefixes);
	free(fib);
}

void fib_change(struct fib *fib, const struct fib_settings *settings)
{
	const struct fib_settings *last =
	    fib->move == FIB_LEAVES ? &fib->next_settings : &fib->settings;

	if (memcmp(settings, last, sizeof(*settings)) == 0)
		return;
	if (fib->move == FIB_LEAVES || settings->table != fib->settings.table ||
	    settings->protocol != fib->settings.protocol) {
		if (fib->move != FIB_LEAVES) {
			fib->leaving_table = 0;
			fib->leaving_id = 0;
		}
		fib->move = FIB_LEAVES;
		fib->next_settings = *settings;
		fib->settings.withdraw_on_stop = settings->withdraw_on_stop;
		loop_task_schedule(fib->loop, &fib->install_task);
		return;
	}
	take_settings(fib, settings);
}

void fib_set_own_prefixes(struct fib *fib, const struct ip_prefix *prefixes, size_t count)
{
	size_t i;

	for (i = 0; count == fib->own_prefix_count && i < count; i++) {
		if (!ip_prefix_equal(&prefixes[i], &fib->own_prefixes[i]))
			break;
	}
	if (count == fib->own_prefix_count && i == count)
		return;
	free(fib->own_prefixes);
	fib->own_prefixes = count ? memory_copy(prefixes, count * sizeof(*prefixes)) : NULL;
	fib->own_prefix_count = count;
	look_at_all(fib);
}

void fib_converged(struct fib *fib)
{
	if (fib->converged)
		return;
	fib->converged = true;
	start_sweep_timer(fib);
}

/* Questions */

static uint32_t interface_towards(
    const struct fib *fib, const struct ip_address *address, uint32_t scope)
{
	struct kernel_resolution resolution;

	if (scope && ip_address_is_link_local(address))
		return scope;
	if (kernel_view_is_local_address(fib->view, address, 0))
		return kernel_view_interface_of(fib->view, address);
	kernel_view_resolve(fib->view, address, 0, &resolution);
	return resolution.reachable ? resolution.hop.interface : 0;
}

bool fib_local_address(const struct fib *fib, const struct ip_address *on_interface_of,
    uint32_t scope, enum ip_family family, struct ip_address *address)
{
	const uint32_t interface = interface_towards(fib, on_interface_of, scope);

	return interface && kernel_view_interface_address(fib->view, interface, family, address);
}

bool fib_is_own_address(const struct fib *fib, const struct ip_address *address, uint32_t scope)
{
	return kernel_view_is_local_address(fib->view, address, scope);
}

bool fib_link_local_address(const struct fib *fib, const struct ip_address *on_interface_of,
    uint32_t scope, struct ip_address *link_local)
{
	const uint32_t interface = interface_towards(fib, on_interface_of, scope);

	return interface && kernel_view_link_local_address(fib->view, interface, link_local);
}

bool fib_shared_segment(const struct fib *fib, const struct ip_address *local, uint32_t scope,
    const struct ip_address *neighbour, enum ip_family family, struct ip_prefix *segment)
{
	const uint32_t interface = interface_towards(fib, local, scope);

	return interface && kernel_view_segment(fib->view, interface, family, neighbour, segment);
}

bool fib_is_connected(const struct fib *fib, const struct ip_address *address, struct error *why)
{
	struct kernel_resolution resolution;
	char text[IP_TEXT_MAX];

	/* Of 127.0.0.0/8 the kernel has an address or two: the rest is in its table of the local. */
	if (ip_address_is_loopback(address))
		return true;
	kernel_view_resolve(fib->view, address, 0, &resolution);
	if (resolution.local || (resolution.reachable && resolution.on_link))
		return true;
	if (!resolution.reachable)
		return error_set(why, "%s", resolution.reason);
	return error_set(
	    why, "it is behind the gateway %s", ip_address_print(&resolution.hop.gateway, text));
}

uint32_t fib_interface(const struct fib *fib, const char *name, bool *up)
{
	const struct kernel_link *link = kernel_view_link_by_name(fib->view, name);

	*up = link && link->up;
	return link ? link->index : 0;
}

bool fib_interface_link_local(
    const struct fib *fib, uint32_t interface, struct ip_address *link_local)
{
	return kernel_view_link_local_address(fib->view, interface, link_local);
}

void fib_hear_neighbours(struct fib *fib, bool hear)
{
	if (fib->hears_neighbours == hear)
		return;
	fib->hears_neighbours = hear;
	fib_netlink_hear_neighbours(fib->netlink, hear);
	/* What has been there before is told by a dump; that of a start is under way. */
	if (hear)
		start_dumps(fib);
}

bool fib_neighbour(const struct fib *fib, uint32_t interface, struct ip_address *address)
{
	return kernel_view_neighbour(fib->view, interface, address);
}

const struct fib_counters *fib_counters(const struct fib *fib)
{
	return &fib->counters;
}
