/*
 * The netlink sockets against the real kernel, in a network namespace of the test's own: packed
 * requests and their answers, notifications, dumps, and lost notifications.
 */
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
#include "fib/netlink.h"
#include "fib/route_message.h"

#define SKIPPED 77
#define DEADLINE_MS 60000

struct fixture {
	struct loop *loop;
	struct fib_netlink *netlink;
	uint32_t interface;
	unsigned messages[RTM_MAX + 1]; /* by type */
	unsigned dumped;
	unsigned incomplete;
	unsigned overruns;
	unsigned idle;
	unsigned accepted;
	unsigned refused;
	uint64_t last_tag;
	uint64_t refused_tag;
	int error;
	char text[128];
};

/* IPv6 routes are left out: the kernel makes some itself when a link-local address settles. */
static void on_message(void *arg, const struct nlmsghdr *message)
{
	const bool is_route =
	    message->nlmsg_type == RTM_NEWROUTE || message->nlmsg_type == RTM_DELROUTE;
	const struct rtmsg *route = NLMSG_DATA(message);
	struct fixture *fixture = arg;

	if (message->nlmsg_type <= RTM_MAX && (!is_route || route->rtm_family == AF_INET))
		fixture->messages[message->nlmsg_type]++;
}

static void on_answered(void *arg, uint64_t tag, int error, const char *text)
{
	struct fixture *fixture = arg;

	fixture->last_tag = tag;
	if (!error) {
		fixture->accepted++;
		return;
	}
	fixture->refused++;
	fixture->refused_tag = tag;
	fixture->error = error;
	snprintf(fixture->text, sizeof(fixture->text), "%s", text ? text : "");
}

static void on_dumped(void *arg, int type, bool complete)
{
	struct fixture *fixture = arg;

	(void)type;
	fixture->dumped += complete;
	fixture->incomplete += !complete;
}

static void on_overrun(void *arg)
{
	((struct fixture *)arg)->overruns++;
}

static void on_idle(void *arg)
{
	((struct fixture *)arg)->idle++;
}

static const struct fib_netlink_ops ops = {
    .message = on_message,
    .answered = on_answered,
    .dumped = on_dumped,
    .overrun = on_overrun,
    .idle = on_idle,
};

static void run(const char *command)
{
	if (system(command))
		fail_msg("failed: %s", command);
}

/* Runs the loop until the counter has the value. */
static void wait_for(struct fixture *fixture, const unsigned *counter, unsigned value)
{
	const uint64_t deadline = loop_now(fixture->loop) + DEADLINE_MS;

	while (*counter < value && loop_now(fixture->loop) < deadline)
		loop_run_once(fixture->loop, 20);
	assert_int_equal(*counter, value);
}

/* Queues the route 10.0.0.0/8 + number * 256 of 24 bits via the gateway. */
static void request(struct fib_netlink *netlink, uint32_t interface, uint32_t number,
    const char *gateway, uint16_t flags, uint64_t tag)
{
	const struct ip_address address = ip_address_from_ipv4((10u << 24) + (number << 8));
	struct kernel_hop hop = {.has_gateway = true, .weight = 1, .interface = interface};
	const struct kernel_route route = {
	    .prefix = ip_prefix_from_address(&address, 24),
	    .table = RT_TABLE_MAIN,
	    .metric = 20,
	    .protocol = 186,
	    .type = RTN_UNICAST,
	    .hop_count = 1,
	    .hops = &hop,
	};
	struct route_message message;

	assert_true(ip_address_parse(gateway, &hop.gateway));
	fib_netlink_request(netlink,
	    flags ? route_message_add(&message, &route, flags)
		  : route_message_remove(&message, &route),
	    tag);
}

static int set_up(void **state)
{
	struct fixture *fixture = memory_allocate_zero(1, sizeof(*fixture));
	struct error error;

	run("ip link set lo up && ip link add d0 type veth peer name d1 && ip link set d0 up && "
	    "ip link set d1 up && ip address add 192.0.2.7/24 dev d0");
	fixture->loop = loop_new();
	fixture->interface = if_nametoindex("d0");
	fixture->netlink = fib_netlink_new(fixture->loop, &ops, fixture, &error);
	if (!fixture->netlink)
		fail_msg("%s", error.text);
	*state = fixture;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *fixture = *state;

	fib_netlink_free(fixture->netlink);
	loop_free(fixture->loop);
	free(fixture);
	run("ip link del d0");
	return 0;
}

/* Rules of a family that has none: an empty dump, which need not be asked for again. */
static void test_dump_of_what_the_kernel_has_not_is_complete(void **state)
{
	struct fixture *fixture = *state;

	fib_netlink_dump(fixture->netlink, RTM_GETRULE, AF_UNSPEC);
	fib_netlink_dump(fixture->netlink, RTM_GETRULE, AF_BLUETOOTH);
	wait_for(fixture, &fixture->dumped, 2);
	assert_int_equal(fixture->incomplete, 0);
	assert_true(fixture->messages[RTM_NEWRULE] >= 3);
}

static void test_dumps_run_one_after_the_other(void **state)
{
	struct fixture *fixture = *state;

	fib_netlink_dump(fixture->netlink, RTM_GETLINK, AF_UNSPEC);
	fib_netlink_dump(fixture->netlink, RTM_GETADDR, AF_UNSPEC);
	fib_netlink_dump(fixture->netlink, RTM_GETROUTE, AF_INET);
	fib_netlink_dump(fixture->netlink, RTM_GETROUTE, AF_INET6);
	wait_for(fixture, &fixture->dumped, 4);
	assert_int_equal(fixture->incomplete, 0);
	assert_true(fixture->messages[RTM_NEWLINK] >= 2);
	assert_true(fixture->messages[RTM_NEWADDR] >= 2);
	assert_true(fixture->messages[RTM_NEWROUTE] >= 1);
}

static void test_many_requests_are_all_answered(void **state)
{
	struct fixture *fixture = *state;
	const unsigned count = 5000;
	uint32_t i;

	for (i = 0; i < count; i++)
		request(fixture->netlink, fixture->interface, i, "192.0.2.1",
		    NLM_F_CREATE | NLM_F_EXCL, i);
	assert_int_equal(fib_netlink_pending(fixture->netlink), count);
	wait_for(fixture, &fixture->idle, 1);
	assert_int_equal(fixture->accepted, count);
	assert_int_equal(fixture->last_tag, count - 1);
	assert_int_equal(fib_netlink_pending(fixture->netlink), 0);
	run("test $(ip route show proto bgp | wc -l) -eq 5000");
}

static void test_error_belongs_to_its_request_and_has_the_kernels_text(void **state)
{
	struct fixture *fixture = *state;
	uint32_t i;

	for (i = 0; i < 100; i++)
		request(fixture->netlink, fixture->interface, i,
		    i == 42 ? "203.0.113.9" : "192.0.2.1", NLM_F_CREATE | NLM_F_EXCL, 1000 + i);
	wait_for(fixture, &fixture->idle, 1);
	assert_int_equal(fixture->accepted, 99);
	assert_int_equal(fixture->refused, 1);
	assert_int_equal(fixture->refused_tag, 1042);
	assert_int_equal(fixture->error, ENETUNREACH);
	assert_string_equal(fixture->text, "Nexthop has invalid gateway");
}

static void test_error_of_the_last_request_ends_the_batch(void **state)
{
	struct fixture *fixture = *state;

	request(fixture->netlink, fixture->interface, 1, "192.0.2.1", NLM_F_CREATE | NLM_F_EXCL, 1);
	request(fixture->netlink, fixture->interface, 1, "192.0.2.2", NLM_F_CREATE | NLM_F_EXCL, 2);
	wait_for(fixture, &fixture->idle, 1);
	assert_int_equal(fixture->accepted, 1);
	assert_int_equal(fixture->refused_tag, 2);
	assert_int_equal(fixture->error, EEXIST);
}

static void test_own_requests_are_not_notified_and_those_of_others_are(void **state)
{
	struct fixture *fixture = *state;

	request(fixture->netlink, fixture->interface, 1, "192.0.2.1", NLM_F_CREATE | NLM_F_EXCL, 1);
	wait_for(fixture, &fixture->idle, 1);
	run("ip route add 198.51.100.0/24 via 192.0.2.1");
	wait_for(fixture, &fixture->messages[RTM_NEWROUTE], 1);
	run("ip route del 10.0.1.0/24 proto bgp");
	wait_for(fixture, &fixture->messages[RTM_DELROUTE], 1);
	loop_run_once(fixture->loop, 50);
	assert_int_equal(fixture->messages[RTM_NEWROUTE], 1);
}

static void test_flush_answers_everything_before_it_returns(void **state)
{
	struct fixture *fixture = *state;
	uint32_t i;

	for (i = 0; i < 3000; i++)
		request(fixture->netlink, fixture->interface, i, "192.0.2.1",
		    NLM_F_CREATE | NLM_F_EXCL, i);
	for (i = 0; i < 3000; i++)
		request(fixture->netlink, fixture->interface, i, "192.0.2.1", 0, i);
	fib_netlink_flush(fixture->netlink, DEADLINE_MS);
	assert_int_equal(fixture->accepted, 6000);
	run("test $(ip route show proto bgp | wc -l) -eq 0");
}

/* The first netlink socket of the process: that of the requests. */
static int request_descriptor(void)
{
	for (int fd = 0; fd < 64; fd++) {
		int domain;
		socklen_t length = sizeof(domain);

		if (!getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &length) &&
		    domain == AF_NETLINK)
			return fd;
	}
	return -1;
}

/* Once its buffer was full, the socket hears of nothing before it has been read to its end. */
static void test_lost_answers_are_told_and_the_next_ones_come(void **state)
{
	struct fixture *fixture = *state;
	const int least = 1;

	assert_int_equal(
	    setsockopt(request_descriptor(), SOL_SOCKET, SO_RCVBUF, &least, sizeof(least)), 0);
	/* Each is refused, and each refusal is as long as the half of what there is room for. */
	for (uint32_t i = 0; i < 32; i++)
		request(fixture->netlink, fixture->interface, i, "203.0.113.9",
		    NLM_F_CREATE | NLM_F_EXCL, i);
	for (uint32_t i = 0; i < 32; i++)
		request(fixture->netlink, fixture->interface, i, "192.0.2.1",
		    NLM_F_CREATE | NLM_F_EXCL, 100 + i);
	wait_for(fixture, &fixture->idle, 1);
	assert_int_equal(fixture->refused, 32);
	assert_int_equal(fixture->refused_tag, 31);
	assert_int_equal(fixture->error, ENOBUFS);
	assert_string_equal(fixture->text, "the kernel's answer is lost");
	assert_int_equal(fixture->accepted, 32);
}

static void test_lost_notifications_are_an_overrun(void **state)
{
	struct fixture *fixture = *state;
	struct fixture other = {.loop = fixture->loop};
	uint64_t deadline;
	uint32_t i;

	other.netlink = fib_netlink_new(fixture->loop, &ops, &other, NULL);
	assert_non_null(other.netlink);
	/* The flush sends all without the loop, so nobody reads what is notified. */
	for (i = 0; i < 60000; i++)
		request(other.netlink, fixture->interface, i, "192.0.2.1",
		    NLM_F_CREATE | NLM_F_EXCL, i);
	fib_netlink_flush(other.netlink, DEADLINE_MS);
	assert_int_equal(other.accepted, 60000);
	deadline = loop_now(fixture->loop) + DEADLINE_MS;
	while (!fixture->overruns && fixture->messages[RTM_NEWROUTE] < 60000 &&
	       loop_now(fixture->loop) < deadline)
		loop_run_once(fixture->loop, 20);
	assert_int_equal(fixture->overruns, 1);
	fib_netlink_free(other.netlink);
	fib_netlink_dump(fixture->netlink, RTM_GETROUTE, AF_INET);
	wait_for(fixture, &fixture->dumped, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(
		test_dump_of_what_the_kernel_has_not_is_complete, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_dumps_run_one_after_the_other, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_many_requests_are_all_answered, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(
		test_error_belongs_to_its_request_and_has_the_kernels_text, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(
		test_error_of_the_last_request_ends_the_batch, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(
		test_own_requests_are_not_notified_and_those_of_others_are, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(
		test_flush_answers_everything_before_it_returns, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(
		test_lost_answers_are_told_and_the_next_ones_come, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(
		test_lost_notifications_are_an_overrun, set_up, tear_down),
	};

	if (unshare(CLONE_NEWNET) < 0) {
		printf("skipped: no network namespace of its own: %s\n", strerror(errno));
		return SKIPPED;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
