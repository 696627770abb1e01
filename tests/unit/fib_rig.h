/*
 * The FIB between a real RIB and the real kernel, in a network namespace of the test's own with two
 * links, d0 and d1: the ground of test_fib.c and test_fib_backup.c.  What is in the kernel is what
 * `ip` shows.
 */
#ifndef UNIT_FIB_RIG_H
#define UNIT_FIB_RIG_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "clock.h"
#include "fib/fib.h"
#include "rib/table.h"

#define SKIPPED 77
#define DEADLINE_MS 60000
#define TURN_MS 5
#define SETTLE_TURNS 10
/* The steps of a clock that goes ahead, and how many of them anything may take. */
#define STEP_MS 100
#define STEPS 1000
#define PEERS 3

struct fixture {
	struct loop *loop;
	struct rib *rib;
	struct fib *fib;
	struct rib_peer *peers[PEERS];
	unsigned failed;
	unsigned ready;
	unsigned links_changed;
	unsigned view_changed;
	char text[256];
};

/* Routes point to next-hop objects, or name their hops: tests run in both forms. */
static struct fib_settings default_settings = {
    .install = true,
    .table = RT_TABLE_MAIN,
    .metric = 20,
    .protocol = 186,
    .multipath = 16,
};

static inline void on_failed(void *arg, const struct ip_prefix *prefix, const char *what)
{
	struct fixture *fixture = arg;

	(void)prefix;
	fixture->failed++;
	snprintf(fixture->text, sizeof(fixture->text), "%s", what);
}

static inline void on_ready(void *arg)
{
	((struct fixture *)arg)->ready++;
}

static inline void on_links_changed(void *arg)
{
	((struct fixture *)arg)->links_changed++;
}

static inline void on_view_changed(void *arg)
{
	((struct fixture *)arg)->view_changed++;
}

static const struct fib_ops ops = {.failed = on_failed,
    .ready = on_ready,
    .links_changed = on_links_changed,
    .view_changed = on_view_changed};

/* The kernel */

static inline void run(const char *command)
{
	if (system(command))
		fail_msg("failed: %s", command);
}

/* Takes every "nhid NUMBER " out of the text: routes look the same in both forms. */
static inline void leave_out_objects(char *text)
{
	char *at;

	while ((at = strstr(text, "nhid "))) {
		const char *rest = at + strcspn(at, " ") + 1;

		rest += strspn(rest, "0123456789 ");
		memmove(at, rest, strlen(rest) + 1);
	}
}

/* What `ip` prints for the arguments, but for the ids of next-hop objects, with spaces and ends of lines made one space. */
static inline void show(const char *arguments, char *text, size_t size)
{
	char command[256];
	size_t length = 0;
	FILE *output;
	int c;

	snprintf(command, sizeof(command), "ip %s 2>/dev/null", arguments);
	output = popen(command, "r");
	assert_non_null(output);
	while ((c = getc(output)) != EOF && length + 1 < size) {
		const bool space = c == ' ' || c == '\n' || c == '\t';

		if (!space || (length && text[length - 1] != ' '))
			text[length++] = space ? ' ' : (char)c;
	}
	text[length] = 0;
	pclose(output);
	leave_out_objects(text);
}

/* At least as many turns as there would be with nothing to do: a slow machine needs as many. */
static inline void turn(struct fixture *fixture, unsigned milliseconds)
{
	const uint64_t end = loop_now(fixture->loop) + milliseconds;
	unsigned turns = 0;

	do {
		loop_run_once(fixture->loop, TURN_MS);
	} while (++turns * TURN_MS < milliseconds || loop_now(fixture->loop) < end);
}

/* What the kernel has done it has answered too: the FIB reads that. */
static inline void settle(struct fixture *fixture)
{
	for (unsigned turns = 0; turns < SETTLE_TURNS; turns++)
		loop_run_once(fixture->loop, 0);
}

/* Runs the loop until `ip ARGUMENTS` prints the text (NULL: nothing at all). */
static inline void expect(struct fixture *fixture, const char *arguments, const char *expected)
{
	const uint64_t deadline = loop_now(fixture->loop) + DEADLINE_MS;
	char text[4096];

	do {
		turn(fixture, 10);
		show(arguments, text, sizeof(text));
		if (expected ? strstr(text, expected) != NULL : !text[0]) {
			settle(fixture);
			return;
		}
	} while (loop_now(fixture->loop) < deadline);
	fail_msg("ip %s: wanted \"%s\", got \"%s\"", arguments, expected ? expected : "", text);
}

/* Runs the loop while the clock goes ahead. */
static inline void pass_time(struct fixture *fixture, unsigned milliseconds)
{
	for (unsigned passed = 0; passed < milliseconds; passed += STEP_MS) {
		clock_ahead_ms += STEP_MS;
		turn(fixture, 1);
	}
}

/* As expect_success(), for what the FIB puts off: the clock goes ahead. */
static inline void expect_success_later(struct fixture *fixture, const char *command)
{
	for (unsigned step = 0; step < STEPS; step++) {
		pass_time(fixture, STEP_MS);
		if (!system(command)) {
			settle(fixture);
			return;
		}
	}
	fail_msg("failed: %s", command);
}

/* Runs the loop until the command succeeds. */
static inline void expect_success(struct fixture *fixture, const char *command)
{
	const uint64_t deadline = loop_now(fixture->loop) + DEADLINE_MS;

	while (system(command) && loop_now(fixture->loop) < deadline)
		turn(fixture, 10);
	run(command);
	settle(fixture);
}

/* Runs the loop until the kernel has so many routes of ours over the link. */
static inline void expect_count(struct fixture *fixture, const char *link, unsigned count)
{
	char command[128];

	snprintf(command, sizeof(command), "test $(ip route show proto bgp dev %s | wc -l) = %u",
	    link, count);
	expect_success(fixture, command);
}

/* The RIB */

static inline void announce_with_metric(struct fixture *fixture, unsigned peer,
    const char *prefix_text, const char *next_hop, uint32_t kernel_metric)
{
	struct attribute_set_extra extra = {.kernel_metric = kernel_metric};
	struct attribute_store *store = rib_attribute_store(fixture->rib);
	struct bgp_attributes attributes;
	struct ip_prefix prefix;
	struct attribute_set *set;
	char address[IP_TEXT_MAX];
	const char *zone = strchr(next_hop, '%');

	bgp_attributes_init(&attributes);
	snprintf(address, sizeof(address), "%.*s",
	    (int)(zone ? zone - next_hop : (long)strlen(next_hop)), next_hop);
	assert_true(ip_address_parse(address, &attributes.next_hop.address));
	if (zone) {
		attributes.next_hop.link_local = attributes.next_hop.address;
		extra.scope = if_nametoindex(zone + 1);
		assert_int_not_equal(extra.scope, 0);
	}
	assert_true(ip_prefix_parse(prefix_text, &prefix, NULL));
	set = attribute_set_intern(store, &attributes, &extra);
	rib_update(fixture->rib, fixture->peers[peer], &prefix, 0, set, 0);
	attribute_set_release(store, set);
}

static inline void announce(
    struct fixture *fixture, unsigned peer, const char *prefix, const char *next_hop)
{
	announce_with_metric(fixture, peer, prefix, next_hop, 0);
}

static inline void withdraw(struct fixture *fixture, unsigned peer, const char *text)
{
	struct ip_prefix prefix;

	assert_true(ip_prefix_parse(text, &prefix, NULL));
	assert_true(rib_withdraw(fixture->rib, fixture->peers[peer], &prefix, 0));
}

/* What the FIB shows of a prefix */

struct found {
	struct ip_prefix prefix;
	bool backup;
	bool found;
	enum fib_state state;
	char error[256];
	size_t hop_count;
	unsigned count;
};

static inline void on_route(void *arg, const struct fib_route *route)
{
	struct found *found = arg;

	found->count++;
	if (!ip_prefix_equal(&route->prefix, &found->prefix) || route->backup != found->backup)
		return;
	found->found = true;
	found->state = route->state;
	found->hop_count = route->hop_count;
	snprintf(found->error, sizeof(found->error), "%s", route->error ? route->error : "");
}

static inline struct found find_route(struct fixture *fixture, const char *prefix, bool backup)
{
	struct fib_cursor cursor = {0};
	struct found found = {.backup = backup};

	assert_true(ip_prefix_parse(prefix, &found.prefix, NULL));
	while (fib_walk(fixture->fib, &cursor, 100, on_route, &found))
		;
	return found;
}

static inline struct found find(struct fixture *fixture, const char *prefix)
{
	return find_route(fixture, prefix, false);
}

/* Runs the loop until the route is shown as failed, with this text (NULL: any). */
static inline void expect_route_failure(
    struct fixture *fixture, const char *prefix, bool backup, const char *text)
{
	const uint64_t deadline = loop_now(fixture->loop) + DEADLINE_MS;
	struct found found;

	do {
		turn(fixture, 10);
		found = find_route(fixture, prefix, backup);
	} while (!(found.found && found.state == FIB_FAILED) && loop_now(fixture->loop) < deadline);
	settle(fixture);
	assert_int_equal(found.state, FIB_FAILED);
	assert_true(found.error[0]);
	if (text)
		assert_string_equal(found.error, text);
}

static inline void expect_failure(struct fixture *fixture, const char *prefix, const char *text)
{
	expect_route_failure(fixture, prefix, false, text);
}

/* Life */

static inline void start_fib(struct fixture *fixture, const struct fib_settings *settings)
{
	const uint64_t deadline = loop_now(fixture->loop) + DEADLINE_MS;
	struct error error;

	fixture->ready = 0;
	fixture->fib = fib_new(fixture->loop, fixture->rib, settings, 7, &ops, fixture, &error);
	if (!fixture->fib)
		fail_msg("%s", error.text);
	while (!fixture->ready && loop_now(fixture->loop) < deadline)
		loop_run_once(fixture->loop, 20);
	assert_int_equal(fixture->ready, 1);
}

static inline void start_rib(struct fixture *fixture)
{
	const struct rib_options options = {.hash_seed = 7, .multipath = 16};
	unsigned i;

	fixture->rib = rib_new(fixture->loop, &options);
	for (i = 0; i < PEERS; i++) {
		struct rib_peer *peer = rib_peer_new(fixture->rib);

		peer->source = POLICY_SOURCE_EBGP;
		peer->identifier = i + 1;
		peer->address = ip_address_from_ipv4(0xc0000201 + i);
		fixture->peers[i] = peer;
	}
}

static inline void stop(struct fixture *fixture)
{
	fib_free(fixture->fib);
	rib_free(fixture->rib);
}

static inline void start(struct fixture *fixture, const struct fib_settings *settings)
{
	start_rib(fixture);
	start_fib(fixture, settings);
}

static inline void stop_and_withdraw(struct fixture *fixture, struct fib_settings settings)
{
	settings.withdraw_on_stop = true;
	fib_change(fixture->fib, &settings);
	stop(fixture);
}

static bool in_slices; /* the turns of the loop have no time */

static inline int set_up(void **state)
{
	struct fixture *fixture = memory_allocate_zero(1, sizeof(*fixture));

	/* The far ends of the links are up too, and lead nowhere. */
	run("ip link set lo up && "
	    "ip link add d0 type veth peer name p0 && ip link add d1 type veth peer name p1 && "
	    "for i in d0 p0 d1 p1; do "
	    "ip link set $i addrgenmode none && ip link set $i up; done && "
	    "ip address add 192.0.2.7/24 dev d0 && ip address add 198.51.100.7/24 dev d1 && "
	    "ip address add 2001:db8::7/64 dev d0 nodad && "
	    "ip address add 2001:db8:1::7/64 dev d1 nodad");
	fixture->loop = loop_new();
	if (in_slices)
		loop_set_share(fixture->loop, 0);
	start(fixture, &default_settings);
	*state = fixture;
	return 0;
}

static inline int tear_down(void **state)
{
	struct fixture *fixture = *state;

	stop(fixture);
	loop_free(fixture->loop);
	free(fixture);
	/* Routes that lead nowhere do not go with the links, nor do addresses of lo. */
	run("{ ip link del d0; ip link del d1; ip address flush dev lo scope global; "
	    "for i in -4 -6; do for j in main 100; do ip $i route flush table $j; done; done; "
	    "} 2>/dev/null; true");
	return 0;
}

#define fib_test(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

/* False, and says so, if the kernel does not let the test have a network namespace of its own. */
static inline bool enter_own_network(void)
{
	if (!unshare(CLONE_NEWNET))
		return true;
	printf("skipped: no network namespace of its own: %s\n", strerror(errno));
	return false;
}

struct form {
	const char *name;
	bool objects;
	bool slices;
};

static inline int run_in_forms(
    const struct form *forms, size_t form_count, const struct CMUnitTest *tests, size_t count)
{
	int failed = 0;

	if (!enter_own_network())
		return SKIPPED;
	for (size_t i = 0; i < form_count; i++) {
		default_settings.next_hop_objects = forms[i].objects;
		in_slices = forms[i].slices;
		failed += _cmocka_run_group_tests(forms[i].name, tests, count, NULL, NULL);
	}
	return failed;
}

/* With plain routes and with next-hop objects, with time in the turns of the loop and without. */
static inline int run_in_every_form(const struct CMUnitTest *tests, size_t count)
{
	static const struct form forms[] = {
	    {"hops, turns with time", false, false},
	    {"objects, turns with time", true, false},
	    {"objects, turns without time", true, true},
	    {"hops, turns without time", false, true},
	};

	return run_in_forms(forms, sizeof(forms) / sizeof(forms[0]), tests, count);
}

/* Of these, those with next-hop objects. */
static inline int run_with_objects(const struct CMUnitTest *tests, size_t count)
{
	static const struct form forms[] = {
	    {"turns with time", true, false},
	    {"turns without time", true, true},
	};

	return run_in_forms(forms, sizeof(forms) / sizeof(forms[0]), tests, count);
}

#endif
