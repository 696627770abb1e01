"""Next hops: paths become unusable when the way to their next hop goes, and come back with it.

The neighbours that announce the routes stand elsewhere: their sessions last through all of this.
"""

import contextlib

import pytest

from fib import (
    POD_CIDRS, LinkSpeaker, address_of, hops_via, is_ipv6, kernel_hops,
    kernel_objects, kernel_route)
from fib_shared import form_of_file, ground_of_file, lab_of_file  # noqa: F401
from lab import stays, wait_until

FOUR, SIX = "10.7.0.0/24", "2001:db8:7::/64"
BOTH = pytest.mark.parametrize("prefix", [FOUR, SIX])


@pytest.fixture
def ground(shared):
    """Whatever a case does to the node is undone by what it gives to undo()."""
    with contextlib.ExitStack() as undone:
        shared.undo = undone.callback
        yield shared
    shared.clean()
    assert shared.lost_no_session()


def ip(ground, words, undo=""):
    """Runs ip on the node; `undo` is run in the end, whether it is still needed or not."""
    if undo:
        ground.undo(ground.node.succeeds, "ip", *undo.split())
    ground.node.ip(words)


def link_down(ground):
    ip(ground, "link set dev r1 down", "link set dev r1 up")


def carrier_lost(ground):
    router = ground.routers["r1"]
    ground.undo(router.ip, "link set dev node up")
    router.ip("link set dev node down")


def address_removed(ground):
    for address in ("10.0.1.2/24", "2001:db8:0:1::2/64"):
        ground.undo(ground.node.succeeds, "ip", "address", "add", address, "dev", "r1", "nodad")
        ground.node.ip(f"address del {address} dev r1")


def link_up(ground):
    ip(ground, "link set dev r1 up")


def carrier_back(ground):
    ground.routers["r1"].ip("link set dev node up")


def address_back(ground):
    ground.node.address("r1", "10.0.1.2/24", "2001:db8:0:1::2/64")


LOSSES = pytest.mark.parametrize("lose, regain", [
    (link_down, link_up), (carrier_lost, carrier_back), (address_removed, address_back)],
    ids=["link", "carrier", "address"])


@BOTH
@LOSSES
def test_one_of_two_next_hops(ground, lose, regain, prefix):
    one, two, _ = ground.speakers
    one.say(prefix, "r1")
    two.say(prefix, "r2")
    ground.wait_via(prefix, "r1", "r2")
    lose(ground)
    ground.wait_via(prefix, "r2")
    ground.wait_unresolved(address_of("r1", prefix))
    wait_until(lambda: states(ground, prefix) == {"best", "unreachable"}, "the states of the paths")
    regain(ground)
    ground.wait_via(prefix, "r1", "r2")
    wait_until(lambda: states(ground, prefix) == {"best", "multipath"}, "the states of the paths")


def states(ground, prefix):
    return {path["state"] for path in ground.kbgpd.ctl("routes", prefix)}


@BOTH
@LOSSES
def test_the_only_next_hop(ground, lose, regain, prefix):
    one = ground.speakers[0]
    one.say(prefix, "r1")
    other = prefix.replace("7", "8", 1)
    one.say(other, "r2")
    ground.wait_via(prefix, "r1")
    ground.wait_via(other, "r2")
    lose(ground)
    ground.wait_gone(prefix)
    wait_until(lambda: states(ground, prefix) == {"unreachable"}, "the state of the path")
    ground.wait_via(other, "r2")
    regain(ground)
    ground.wait_via(prefix, "r1")


@BOTH
@LOSSES
def test_the_next_best_path_takes_over(ground, lose, regain, prefix):
    one, two, _ = ground.speakers
    one.say(prefix, "r1", local_pref=200)
    two.say(prefix, "r2")
    ground.wait_via(prefix, "r1")
    lose(ground)
    ground.wait_via(prefix, "r2")
    regain(ground)
    ground.wait_via(prefix, "r1")


@pytest.mark.parametrize("loss", ["down", "deleted"])
def test_a_link_that_flaps(ground, lab, loss):
    """Down and up so fast that the kernel has dropped routes before anybody can look."""
    one, two, _ = ground.speakers
    for number in range(20):
        one.say(f"10.7.{number}.0/24", "r1")
        two.say(f"10.7.{number}.0/24", "r2")
        one.say(f"10.8.{number}.0/24", "r1")
        one.say(f"2001:db8:7:{number + 256:x}::/64", "r1")
    ground.wait_via("2001:db8:7:113::/64", "r1")
    if loss == "down":
        ground.node.run("sh", "-c", "for each in 1 2 3 4 5; do ip link set dev r1 down;"
                        " ip link set dev r1 up; done")
    else:
        ground.node.ip("link del dev r1")
        lab.link(ground.node, ground.routers["r1"], ["10.0.1.2/24", "2001:db8:0:1::2/64"],
                 ["10.0.1.1/24", "2001:db8:0:1::1/64"])
        ground.keep_addresses("r1")
    for number in range(20):
        ground.wait_via(f"10.7.{number}.0/24", "r1", "r2")
        ground.wait_via(f"10.8.{number}.0/24", "r1")
        ground.wait_via(f"2001:db8:7:{number + 256:x}::/64", "r1")


def far_address(prefix):
    """A next hop that is on no link, and the network that it is in."""
    return ("2001:db8:f::9", "2001:db8:f::/64") if is_ipv6(prefix) else ("10.9.0.9", "10.9.0.0/24")


@BOTH
def test_route_to_the_next_hop(ground, prefix):
    """It appears, changes and goes, and a better or longer one comes."""
    address, network = far_address(prefix)
    first, second, third = (address_of(router, prefix) for router in ("r1", "r2", "r3"))
    ground.speakers[0].say(prefix, address)
    ground.wait_unresolved(address, "no route")
    assert kernel_route(ground.node, prefix) is None
    assert ground.shown(prefix) is None
    ip(ground, f"route add {network} via {first} metric 50", f"route del {network} metric 50")
    ground.wait_via(prefix, "r1")
    assert ground.next_hop(address)["gateway"] == first
    ip(ground, f"route change {network} via {second} metric 50")
    ground.wait_via(prefix, "r2")
    # A better metric, then a longer prefix.
    ip(ground, f"route add {network} via {third} metric 7", f"route del {network} metric 7")
    ground.wait_via(prefix, "r3")
    ip(ground, f"route add {address} via {first}", f"route del {address}")
    ground.wait_via(prefix, "r1")
    ip(ground, f"route del {address}")
    ground.wait_via(prefix, "r3")
    ip(ground, f"route del {network} metric 7")
    ground.wait_via(prefix, "r2")
    ip(ground, f"route del {network} metric 50")
    ground.wait_gone(prefix)
    ground.wait_unresolved(address, "no route")


@BOTH
@pytest.mark.parametrize("kind", ["blackhole", "unreachable", "prohibit"])
def test_route_that_refuses_the_next_hop(ground, prefix, kind):
    address, network = far_address(prefix)
    ip(ground, f"route add {network} via {address_of('r1', prefix)}", f"route del {network}")
    ground.speakers[0].say(prefix, address)
    ground.wait_via(prefix, "r1")
    ip(ground, f"route add {kind} {address}", f"route del {kind} {address}")
    ground.wait_gone(prefix)
    ground.wait_unresolved(address)
    ip(ground, f"route del {kind} {address}")
    ground.wait_via(prefix, "r1")


@BOTH
def test_default_route_to_the_next_hop(ground, prefix):
    address, _ = far_address(prefix)
    family = "-6" if is_ipv6(prefix) else "-4"
    ground.speakers[0].say(prefix, address)
    ground.wait_unresolved(address, "no route")
    ip(ground, f"{family} route add default via {address_of('r2', prefix)}",
       f"{family} route del default")
    ground.wait_via(prefix, "r2")
    ip(ground, f"{family} route del default")
    ground.wait_gone(prefix)


@BOTH
def test_many_prefixes_of_one_next_hop(ground, prefix):
    """All move together; with objects by one change that no route takes part in."""
    address, network = far_address(prefix)
    ip(ground, f"route add {network} via {address_of('r1', prefix)}", f"route del {network}")
    prefixes = [(f"2001:db8:7:{number + 256:x}::/64" if is_ipv6(prefix) else f"10.7.{number}.0/24")
                for number in range(100)]
    for each in prefixes:
        ground.speakers[0].say(each, address)
    wait_until(lambda: len(moved(ground, prefixes, "r1")) == 100, "all of them")
    before = {each: kernel_route(ground.node, each).get("nhid") for each in prefixes[::20]}
    requests = ground.sample("kbgpd_fib_requests_total")
    ip(ground, f"route change {network} via {address_of('r2', prefix)}")
    wait_until(lambda: len(moved(ground, prefixes, "r2")) == 100, "all of them have moved")
    if ground.with_objects:
        assert {each: kernel_route(ground.node, each)["nhid"] for each in before} == before
        assert ground.sample("kbgpd_fib_requests_total") - requests < 10
    ip(ground, f"route del {network}")
    ground.wait_gone(*prefixes[::20])


def moved(ground, prefixes, router):
    """Those of the prefixes whose route leads to this router only."""
    found = {prefix for prefix, hops in ground.all_hops().items()
             if hops == hops_via(prefix, router)}
    return found & set(prefixes)


# Through routes of our own


@BOTH
def test_recursion_through_a_route_of_bgp(ground, prefix):
    address, network = far_address(prefix)
    one, two, _ = ground.speakers
    one.say(prefix, address)
    ground.wait_unresolved(address)
    two.say(network, "r1")
    ground.wait_via(network, "r1")
    ground.wait_via(prefix, "r1")
    assert ground.next_hop(address)["reachable"]
    two.say(network, "r2")
    ground.wait_via(prefix, "r2")
    ip(ground, "link set dev r2 down", "link set dev r2 up")
    ground.wait_gone(prefix, network)
    ip(ground, "link set dev r2 up")
    ground.wait_via(prefix, "r2")
    two.unsay()
    ground.wait_gone(prefix)


@BOTH
def test_recursion_in_steps(ground, prefix):
    """Each of the next hops is behind the prefix before."""
    one = ground.speakers[0]
    steps = [(f"2001:db8:f{number}::/64", f"2001:db8:f{number}::1") if is_ipv6(prefix)
             else (f"10.9.{number}.0/24", f"10.9.{number}.1") for number in range(5)]
    one.say(prefix, steps[4][1])
    for number in range(4, 0, -1):
        one.say(steps[number][0], steps[number - 1][1])
    ground.wait_unresolved(steps[4][1])
    one.say(steps[0][0], "r3")
    for network, _ in steps:
        ground.wait_via(network, "r3")
    ground.wait_via(prefix, "r3")
    one.say(steps[0][0], "r1")
    ground.wait_via(prefix, "r1")
    one.unsay(steps[2][0])
    ground.wait_gone(prefix, steps[4][0], steps[3][0])
    ground.wait_via(steps[1][0], "r1")


@BOTH
def test_a_loop_of_next_hops(ground, prefix):
    """Each behind the other: none is installed, nothing oscillates, and it is said."""
    address, network = far_address(prefix)
    inside = "2001:db8:7::1" if is_ipv6(prefix) else "10.7.0.1"
    one, two, three = ground.speakers
    one.say(prefix, address)
    two.say(network, inside)
    ground.wait_unresolved(address)
    ground.wait_unresolved(inside)
    stays(lambda: kernel_hops(ground.node, prefix) is None
          and kernel_hops(ground.node, network) is None, 0.5, "not installed")
    # One of them comes by a better way: both are there.
    three.say(network, "r1", local_pref=200)
    ground.wait_via(network, "r1")
    ground.wait_via(prefix, "r1")
    three.unsay()
    ground.wait_gone(network, prefix)


@BOTH
def test_a_next_hop_within_its_own_prefix(ground, prefix):
    """Its own route does not lead to it, but a shorter one does."""
    one, two, _ = ground.speakers
    inside = "2001:db8:7::1" if is_ipv6(prefix) else "10.7.0.1"
    cover = "2001:db8::/33" if is_ipv6(prefix) else "10.6.0.0/15"
    one.say(prefix, inside)
    ground.wait_unresolved(inside)
    assert kernel_route(ground.node, prefix) is None
    two.say(cover, "r2")
    ground.wait_via(prefix, "r2")
    stays(lambda: kernel_hops(ground.node, prefix) == hops_via(prefix, "r2"), 0.5, "installed")
    two.unsay()
    ground.wait_gone(prefix)


# Policy rules


@BOTH
def test_policy_rules(ground, prefix):
    """The next hop is where the kernel would look for it."""
    address, network = far_address(prefix)
    family = "-6" if is_ipv6(prefix) else "-4"
    first, second = (address_of(router, prefix) for router in ("r1", "r2"))
    ip(ground, f"route add {network} via {first}", f"route del {network}")
    ground.speakers[0].say(prefix, address)
    ground.wait_via(prefix, "r1")
    ip(ground, f"{family} rule add to {network} lookup 77 priority 100",
       f"{family} rule del priority 100")
    ip(ground, f"{family} route add default via {second} table 77",
       f"{family} route flush table 77")
    ground.wait_via(prefix, "r2")
    ip(ground, f"{family} rule add to {address} unreachable priority 90",
       f"{family} rule del priority 90")
    ground.wait_gone(prefix)
    ground.wait_unresolved(address)
    ip(ground, f"{family} rule del priority 90")
    ground.wait_via(prefix, "r2")
    # A rule that no packet of this node to there can match changes nothing.
    ip(ground, f"{family} rule add fwmark 7 unreachable priority 91",
       f"{family} rule del priority 91")
    ip(ground, f"{family} rule add iif r1 unreachable priority 92",
       f"{family} rule del priority 92")
    stays(lambda: kernel_hops(ground.node, prefix) == hops_via(prefix, "r2"), 0.3)
    ip(ground, f"{family} route del default table 77")
    ground.wait_via(prefix, "r1")
    ip(ground, f"{family} route add default via {second} table 77")
    ground.wait_via(prefix, "r2")
    ip(ground, f"{family} rule del priority 100")
    ground.wait_via(prefix, "r1")


@BOTH
def test_rule_that_passes_over_the_default_route(ground, prefix):
    """suppress_prefixlength, as tunnels have it."""
    address, network = far_address(prefix)
    family = "-6" if is_ipv6(prefix) else "-4"
    first, second = (address_of(router, prefix) for router in ("r1", "r2"))
    ip(ground, f"{family} route add default via {second} table 77",
       f"{family} route flush table 77")
    ip(ground, f"{family} route add default via {first}", f"{family} route del default")
    ground.speakers[0].say(prefix, address)
    ground.wait_via(prefix, "r1")
    ip(ground, f"{family} rule add lookup main suppress_prefixlength 0 priority 100",
       f"{family} rule del priority 100")
    ip(ground, f"{family} rule add lookup 77 priority 101", f"{family} rule del priority 101")
    ground.wait_via(prefix, "r2")
    ip(ground, f"route add {network} via {first}", f"route del {network}")
    ground.wait_via(prefix, "r1")


# Link-local next hops


@pytest.fixture
def twins(ground):
    """An eBGP neighbour on the link of r1 and one on that of r2, both with the same address."""
    twins = []
    for number, router in enumerate(("r1", "r2"), 1):
        host = ground.routers[router]
        host.ip(f"address del {host.link_local('node')}/64 dev node")
        host.address("node", "fe80::77/64")
        twins.append(LinkSpeaker(f"e{number}", host, "fe80::77",
                                 ground.node.link_local(router), 65100 + number))
    ground.rest = "".join(
        f"- {{name: e{number}, interface: r{number}, asn: external, passive: true,"
        " import: [all]}\n" for number in (1, 2))
    try:
        ground.reconfigure()
        for twin in twins:
            twin.come()
        yield twins
    finally:
        ground.rest = ""
        ground.reconfigure()
        for twin in twins:
            twin.go()


@BOTH
def test_link_local_next_hops(ground, twins, prefix):
    """RFC 2545 3: the address is one of the interface; another link may have the same."""
    one, two = twins
    one.say(prefix, "fe80::77")
    ground.wait_hops(prefix, {("fe80::77", "r1", 1)})
    two.say(prefix, ("::", "fe80::77"))
    ground.wait_hops(prefix, {("fe80::77", "r1", 1), ("fe80::77", "r2", 1)})
    ip(ground, "link set dev r1 down", "link set dev r1 up")
    ground.wait_hops(prefix, {("fe80::77", "r2", 1)})
    two.unsay()
    ground.wait_gone(prefix)


def test_objects_are_all_gone_in_the_end(ground):
    """Of many sets; each was used by few."""
    one, two, _ = ground.speakers
    for number in range(60):
        one.say(f"10.7.{number}.0/24", f"10.0.1.{number + 100}")
        two.say(f"10.7.{number}.0/24", f"10.0.2.{number + 100}")
    wait_until(lambda: len(ground.all_hops()) == 60, "all routes")
    if ground.with_objects:
        wait_until(lambda: len(kernel_objects(ground.node)) == 180, "all objects, and no other")
    two.unsay()
    ground.wait_hops("10.7.59.0/24", {("10.0.1.159", "r1", 1)})
    one.unsay()
    ground.wait_gone("10.7.59.0/24")
    wait_until(lambda: not kernel_objects(ground.node), "no objects")
    assert not any(POD_CIDRS[0] == row["prefix"] for row in ground.kbgpd.ctl("fib"))
