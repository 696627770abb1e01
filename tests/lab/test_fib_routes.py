"""What is installed: the kernel has what the decision process says, hop by hop."""

import contextlib
import struct

import pytest

from fib import (
    POD_CIDRS, address_of, hops_via, kernel_hops, kernel_route, link_bandwidth)
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


@BOTH
def test_best_path(ground, prefix):
    one, two, _ = ground.speakers
    one.say(prefix, "r1", local_pref=200)
    two.say(prefix, "r2", local_pref=100)
    ground.wait_via(prefix, "r1")
    two.say(prefix, "r2", local_pref=300)
    ground.wait_via(prefix, "r2")
    two.unsay(prefix)
    ground.wait_via(prefix, "r1")
    one.unsay(prefix)
    ground.wait_gone(prefix)


@BOTH
def test_equal_cost_paths(ground, prefix):
    for number, speaker in enumerate(ground.speakers, 1):
        speaker.say(prefix, f"r{number}")
    ground.wait_via(prefix, "r1", "r2", "r3")
    ground.speakers[1].say(prefix, "r2", local_pref=50)
    ground.wait_via(prefix, "r1", "r3")
    # Two neighbours that name the same next hop are one hop.
    ground.speakers[1].say(prefix, "r3")
    ground.wait_via(prefix, "r1", "r3")
    ground.speakers[2].unsay(prefix)
    ground.wait_via(prefix, "r1", "r3")


@BOTH
def test_sets_that_are_shared(ground, prefix):
    """Routes by the same hops use the same object, whoever announced them."""
    other = prefix.replace("7", "8", 1)
    for announced in (prefix, other):
        for speaker, router in zip(ground.speakers, ("r1", "r2")):
            speaker.say(announced, router)
    for announced in (prefix, other):
        ground.wait_via(announced, "r1", "r2")
    if ground.with_objects:
        numbers = {kernel_route(ground.node, each)["nhid"] for each in (prefix, other)}
        assert len(numbers) == 1
    ground.speakers[0].unsay(other)
    ground.wait_via(other, "r2")
    ground.wait_via(prefix, "r1", "r2")


@BOTH
def test_weights(ground, prefix):
    """In the ratio of the link bandwidths, if all paths have one."""
    one, two, _ = ground.speakers
    one.say(prefix, "r1", bandwidth=1e9)
    two.say(prefix, "r2", bandwidth=1e9)
    ground.wait_via(prefix, "r1", "r2")
    two.say(prefix, "r2", bandwidth=3e9)
    wait_until(lambda: ratio(ground, prefix) == pytest.approx(3, 0.02), "a ratio of 3")
    # Others use the same hops in another ratio.
    other = prefix.replace("7", "8", 1)
    one.say(other, "r1", bandwidth=2e9)
    two.say(other, "r2", bandwidth=1e9)
    wait_until(lambda: ratio(ground, other) == pytest.approx(0.5, 0.02), "a ratio of 1 to 2")
    assert ratio(ground, prefix) == pytest.approx(3, 0.02)
    one.say(prefix, "r1", bandwidth=1e15)
    wait_until(lambda: ratio(ground, prefix) == 1 / 256, "the largest and the smallest weight")
    one.say(prefix, "r1")
    ground.wait_via(prefix, "r1", "r2")


def ratio(ground, prefix):
    """Weight of r2 by that of r1."""
    hops = kernel_hops(ground.node, prefix) or ()
    weights = {interface: weight for _, interface, weight in hops}
    return weights["r2"] / weights["r1"]


@pytest.mark.parametrize("bandwidth", [
    0.0, -1e9, float("inf"), float("nan"), struct.pack("!I", 0x7fffffff)])
def test_bandwidth_that_is_none(ground, bandwidth):
    one, two, _ = ground.speakers
    one.say(FOUR, "r1", bandwidth=4e9)
    two.say(FOUR, "r2", bandwidth=1e9)
    wait_until(lambda: ratio(ground, FOUR) == pytest.approx(0.25, 0.02), "a ratio of 4")
    two.say(FOUR, "r2", bandwidth=bandwidth)
    ground.wait_via(FOUR, "r1", "r2")


@BOTH
def test_weights_of_one_hop_add_up(ground, prefix):
    one, two, three = ground.speakers
    one.say(prefix, "r1", bandwidth=1e9)
    two.say(prefix, "r2", bandwidth=1e9)
    three.say(prefix, "r2", bandwidth=1e9)
    wait_until(lambda: ratio(ground, prefix) == pytest.approx(2, 0.02), "two of three")


def test_ipv4_by_ipv6_next_hops(ground):
    one, two, _ = ground.speakers
    gateways = [address_of(router, SIX) for router in ("r1", "r2")]
    one.say(FOUR, gateways[0])
    ground.wait_hops(FOUR, {(gateways[0], "r1", 1)})
    two.say(FOUR, gateways[1])
    ground.wait_hops(FOUR, {(gateways[0], "r1", 1), (gateways[1], "r2", 1)})
    # One of each kind in a set: on a link all are equally near.
    two.say(FOUR, "r2")
    ground.wait_hops(FOUR, {(gateways[0], "r1", 1), *hops_via(FOUR, "r2")})
    one.say(FOUR, "r1")
    ground.wait_via(FOUR, "r1", "r2")


def test_default_routes(ground):
    """A filter that accepts everything accepts them too; the kernel's own stays beside them."""
    ground.undo(ground.node.succeeds, *"ip route del default via 10.0.3.1 metric 100".split())
    ground.node.ip("route add default via 10.0.3.1 metric 100")
    ground.speakers[0].say("0.0.0.0/0", "r1")
    ground.speakers[0].say("::/0", "r1")
    ground.wait_via("0.0.0.0/0", "r1")
    ground.wait_via("::/0", "r1")
    ground.speakers[0].unsay()
    ground.wait_gone("0.0.0.0/0", "::/0")
    assert kernel_hops(ground.node, "0.0.0.0/0", "metric 100") == hops_via(FOUR, "r3")


NEVER = [
    *POD_CIDRS, "10.244.1.128/25", "fd00:244:1:0:8000::/65",  # the node's own pods
    "10.0.1.2/32", "2001:db8:0:1::2/128", "10.0.0.2/32",  # its own addresses
    "10.0.1.1/32", "2001:db8:0:1::1/128",  # the next hop itself
    "10.0.1.0/24", "10.0.1.0/25", "2001:db8:0:1::/64",  # what it is on the link by
    "127.3.0.0/16", "169.254.3.0/24", "fe80::/64", "ff05::/16", "224.3.0.0/16",
]


def test_what_is_never_installed(ground):
    one = ground.speakers[0]
    for prefix in NEVER:
        one.say(prefix, "r1")
    # The whole that the node's pods are a part of is another matter.
    for prefix in ("10.244.0.0/16", "fd00:244::/32", FOUR, SIX):
        one.say(prefix, "r1")
    for prefix in ("10.244.0.0/16", "fd00:244::/32", FOUR, SIX):
        ground.wait_via(prefix, "r1")
    installed = {row["prefix"] for row in ground.kbgpd.ctl("fib")}
    assert installed == {"10.244.0.0/16", "fd00:244::/32", FOUR, SIX}
    for prefix in NEVER:
        assert kernel_route(ground.node, prefix) is None, prefix
    assert ground.kbgpd.peer("p1")["state"] == "Established"


def test_route_to_a_neighbour_by_another_way(ground):
    """Nothing leads to a next hop through itself, but another router may lead there."""
    one, two, _ = ground.speakers
    one.say("10.0.1.1/32", "r1")
    two.say("10.0.1.1/32", "r2")
    ground.wait_via("10.0.1.1/32", "r2")
    two.unsay()
    ground.wait_gone("10.0.1.1/32")


@pytest.mark.parametrize("prefix", ["10.77.0.1/32", "2001:db8:77::1/128"])
def test_an_address_becomes_our_own(ground, prefix):
    ground.speakers[0].say(prefix, "r1")
    ground.wait_via(prefix, "r1")
    ground.undo(ground.node.succeeds, "ip", "address", "del", prefix, "dev", "lo")
    ground.node.address("lo", prefix)
    ground.wait_gone(prefix)
    ground.node.ip(f"address del {prefix} dev lo")
    ground.wait_via(prefix, "r1")


def test_own_pods_become_others(ground):
    ground.speakers[0].say(POD_CIDRS[0], "r1")
    ground.speakers[0].say(FOUR, "r1")
    ground.wait_via(FOUR, "r1")
    assert kernel_route(ground.node, POD_CIDRS[0]) is None
    ground.undo(ground.manifests.node, "node", 0, POD_CIDRS)
    ground.manifests.node("node", 0, ["10.244.9.0/24", POD_CIDRS[1]])
    ground.wait_via(POD_CIDRS[0], "r1")
    ground.manifests.node("node", 0, POD_CIDRS)
    ground.wait_gone(POD_CIDRS[0])


def test_own_advertisement_is_no_route(ground):
    """What this node announces itself is not sent to somebody else."""
    ground.speakers[0].say(FOUR, "r1")
    ground.wait_via(FOUR, "r1")
    ground.rest = f"advertisements: [{{name: own, type: Prefix, prefixes: [{FOUR}]}}]\n"
    try:
        ground.reconfigure()
        ground.wait_gone(FOUR)
    finally:
        ground.rest = ""
        ground.reconfigure()
    ground.wait_via(FOUR, "r1")


def test_next_hop_that_is_this_node(ground):
    """A packet to there has arrived: such a path is not used, and it is said why."""
    ground.speakers[0].say(FOUR, "10.0.1.2")
    ground.speakers[1].say(FOUR, "r2", local_pref=50)
    ground.wait_via(FOUR, "r2")
    ground.speakers[1].unsay()
    ground.wait_gone(FOUR)
    states = [(path["nextHop"], path["state"]) for path in ground.kbgpd.ctl("routes", FOUR)]
    assert all(state != "best" for _, state in states), states


def test_many_hops(ground):
    """As many next hops of one prefix as come; each is on the link of one router."""
    addresses = [f"10.0.1.{number}" for number in range(100, 108)]
    for number, address in enumerate(addresses):
        prefix = f"10.7.{number}.0/24"
        ground.speakers[0].say(prefix, address)
        ground.speakers[1].say(prefix, "r2")
    for number, address in enumerate(addresses):
        ground.wait_hops(f"10.7.{number}.0/24", {(address, "r1", 1), *hops_via(FOUR, "r2")})


def test_a_path_flaps(ground):
    """However often it went and came, what is there in the end is right, and nothing is left."""
    one, two, _ = ground.speakers
    for number in range(50):
        one.say(FOUR, f"r{number % 3 + 1}")
        two.say(FOUR, f"r{number % 2 + 1}")
        if number % 7 == 3:
            one.unsay(FOUR)
    one.say(FOUR, "r3")
    two.say(FOUR, "r1")
    # The same two were there before: what comes last says that all has been read.
    one.say("10.8.1.0/24", "r1")
    two.say("10.8.2.0/24", "r2")
    ground.wait_via("10.8.1.0/24", "r1")
    ground.wait_via("10.8.2.0/24", "r2")
    ground.wait_via(FOUR, "r1", "r3")
    stays(lambda: kernel_hops(ground.node, FOUR) == hops_via(FOUR, "r1", "r3"), 0.3)


def test_link_bandwidth_of_another_as(ground):
    """The AS number in the community is that of whoever set it: any will do (section 3)."""
    one, two, _ = ground.speakers
    one.say(FOUR, "r1", more=link_bandwidth(1e9, asn=64999))
    two.say(FOUR, "r2", more=link_bandwidth(2e9, asn=64998))
    wait_until(lambda: ratio(ground, FOUR) == pytest.approx(2, 0.02), "a ratio of 2")
