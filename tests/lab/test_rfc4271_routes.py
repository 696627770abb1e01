"""RFC 4271 section 9: which routes count, which one is best, and who is told of it."""

import struct

import pytest

from lab import wait_until
from scripted import (
    BOTH, COMMUNITIES, MED, OPTIONAL, as_path, attribute, local_pref, next_hop, origin,
    prefix_bytes, update)
from wire import *  # noqa: F401,F403  (the fixtures)
from wire import NODE_ASN

SHARED = "10.175.0.0/24"


# 9: what an UPDATE does to the routes of before


def test_rfc4271_9_new_route_replaces_the_old_one(ground, pair):
    neighbour, observer = pair
    for value in (b"\0\1\0\1", b"\0\1\0\2"):
        neighbour.announce(neighbour.prefix, more=attribute(BOTH, COMMUNITIES, value))
        observer.read_until(lambda v=value: neighbour.prefix in observer.routes and
                            observer.routes[neighbour.prefix].value(COMMUNITIES) == v)
    assert ground.peer(neighbour)["families"]["ipv4"]["received"] == 1
    # A route is replaced by the next; nobody withdraws it in between (9.2).
    assert neighbour.prefix not in observer.withdrawn


def test_rfc4271_9_withdrawal_of_what_was_never_announced(ground, pair):
    neighbour, observer = pair
    neighbour.withdraw("10.176.0.0/24")
    neighbour.announce(neighbour.prefix)
    observer.wait_route(neighbour.prefix)
    assert "10.176.0.0/24" not in observer.withdrawn
    assert ground.peer(neighbour)["state"] == "Established"


# 9.1.2: routes that are no candidates


@pytest.mark.parametrize("path", [
    [65002, NODE_ASN], [65002, NODE_ASN, 65010], [65002, 65010, NODE_ASN, NODE_ASN]],
    ids=["origin", "transit", "twice"])
def test_rfc4271_9_1_2_own_as_in_the_path(ground, pair, path):
    neighbour, observer = pair
    neighbour.announce(neighbour.prefix, path=path)
    neighbour.announce("10.171.0.0/24")
    observer.wait_route("10.171.0.0/24")
    assert neighbour.prefix not in observer.routes
    families = ground.peer(neighbour)["families"]["ipv4"]
    assert (families["received"], families["accepted"]) == (2, 1)


def test_rfc4271_9_1_2_route_with_a_loop_takes_the_place_of_the_good_one(ground, pair):
    neighbour, observer = pair
    neighbour.announce(neighbour.prefix)
    observer.wait_route(neighbour.prefix)
    neighbour.announce(neighbour.prefix, path=[65002, NODE_ASN])
    observer.wait_withdrawn(neighbour.prefix)


def test_rfc4271_9_1_2_1_next_hop_that_is_not_resolvable(ground, pair):
    """Excluded until there is a route to it, and from when there is none any more."""
    neighbour, observer = pair
    hop = next_hop("192.168.77.7")
    neighbour.send(update(origin() + as_path(65002) + hop, prefix_bytes(neighbour.prefix)))
    neighbour.announce("10.177.0.0/24")
    observer.wait_route("10.177.0.0/24")
    assert neighbour.prefix not in observer.routes
    assert ground.path(neighbour.prefix, neighbour)["state"] == "unreachable"
    ground.node.ip("route add 192.168.77.0/24 via 10.0.255.1")
    try:
        observer.wait_route(neighbour.prefix)
    finally:
        ground.node.ip("route del 192.168.77.0/24")
    observer.wait_withdrawn(neighbour.prefix)


# 9.1.1 and 9.1.2.2: degree of preference and tie-breaks


def announce_shared(ground, neighbour, **said):
    attributes = {"origin": origin(), "path": as_path(*([neighbour.asn] if neighbour.asn != NODE_ASN
                                                        else [65020])),
                  "hop": next_hop(neighbour.address),
                  "pref": local_pref() if neighbour.asn == NODE_ASN else b"", "med": b""}
    attributes.update(said)
    neighbour.send(update(b"".join(attributes.values()), prefix_bytes(SHARED)))
    wait_until(lambda: ground.path(SHARED, neighbour), "the path")


def check_winner(ground, winner, loser, reason):
    """Whichever comes first; kbgpctl names the step at which the loser lost.

    What is equal up to the cost of the next hop is used side by side; one of them is the best.
    """
    for order in ((winner, loser), (loser, winner)):
        for neighbour, said in order:
            announce_shared(ground, neighbour, **said)
        # A path may be there before its next hop is resolved.
        wait_until(lambda: ground.path(SHARED, winner[0])["best"]
                   and ground.path(SHARED, loser[0])["reason"] == reason, "the best path")
        for neighbour, _ in order:
            neighbour.withdraw(SHARED)
            wait_until(lambda n=neighbour: n.name not in [
                path["peer"] for path in ground.kbgpd.ctl("routes", SHARED)], "the withdrawal")


def med(value):
    return attribute(OPTIONAL, MED, struct.pack("!I", value))


def test_rfc4271_9_1_1_higher_local_pref_wins(ground):
    first, second = ground.established("ibgp"), ground.established("ibgp")
    check_winner(ground, (second, {"pref": local_pref(101), "path": as_path(1, 2, 3)}),
                 (first, {"pref": local_pref(100)}), "local preference")


def test_rfc4271_9_1_2_2_a_shorter_path_wins(ground):
    first, second = ground.established(), ground.established()
    check_winner(ground, (second, {"origin": origin(2)}), (first, {"path": as_path(65002, 65010)}),
                 "AS path length")


def test_rfc4271_9_1_2_2_b_lower_origin_wins(ground):
    first, second = ground.established(), ground.established()
    check_winner(ground, (second, {"origin": origin(1), "med": med(9)}), (first, {
        "origin": origin(2)}), "origin")


@pytest.mark.parametrize("better", [b"", med(0), med(9)], ids=["missing", "0", "9"])
def test_rfc4271_9_1_2_2_c_lower_med_of_one_as_wins(ground, better):
    """A missing one is the lowest."""
    first, second = ground.established(), ground.established()
    check_winner(ground, (second, {"med": better}), (first, {"med": med(10)}), "MED")


def test_rfc4271_9_1_2_2_c_med_of_different_ases_is_not_compared(ground):
    first, second = ground.established("ibgp"), ground.established("ibgp")
    check_winner(ground, (first, {"med": med(10), "path": as_path(65020)}),
                 (second, {"med": med(1), "path": as_path(65021)}), "multipath")


def test_rfc4271_9_1_2_2_d_external_route_wins(ground):
    external, internal = ground.established("ebgp", identifier="10.255.9.9"), ground.established(
        "ibgp", identifier="10.0.0.9")
    check_winner(ground, (external, {}), (internal, {}), "eBGP before iBGP")


def test_rfc4271_9_1_2_2_e_lower_interior_cost_wins(ground):
    first, second = ground.established("ibgp"), ground.established("ibgp")
    ground.node.ip("route add 192.168.78.0/24 via 10.0.255.1 metric 50")
    try:
        check_winner(ground, (second, {}), (first, {"hop": next_hop("192.168.78.8")}),
                     "cost of the next hop")
    finally:
        ground.node.ip("route del 192.168.78.0/24")


def test_rfc4271_9_1_2_2_f_lower_identifier_wins(ground):
    second = ground.established("ibgp", identifier="10.255.0.2")
    first = ground.established("ibgp", identifier="10.255.0.1")
    check_winner(ground, (first, {}), (second, {}), "multipath")


def test_rfc4271_9_1_2_2_g_lower_address_wins(ground):
    first, second = (ground.established("ebgp", identifier="10.255.0.3") for _ in range(2))
    check_winner(ground, (first, {}), (second, {}), "multipath")


# 9.1.4: overlapping routes


def test_rfc4271_9_1_4_more_and_less_specific_route_live_side_by_side(ground, pair):
    neighbour, observer = pair
    neighbour.announce("10.178.0.0/16", "10.178.1.0/24")
    observer.wait_route("10.178.0.0/16")
    observer.wait_route("10.178.1.0/24")
    neighbour.withdraw("10.178.1.0/24")
    observer.wait_withdrawn("10.178.1.0/24")
    assert "10.178.0.0/16" in observer.routes


# 9.2: who is told


def test_rfc4271_9_2_internal_routes_are_not_for_internal_peers(ground):
    neighbour, inner = ground.established("ibgp"), ground.established("inner")
    external = ground.established("observer")
    neighbour.send(update(origin() + as_path() + next_hop(neighbour.address) + local_pref(),
                          prefix_bytes(neighbour.prefix)))
    external.wait_route(neighbour.prefix)
    marker = ground.established()
    marker.announce(marker.prefix)
    inner.wait_route(marker.prefix)
    assert neighbour.prefix not in inner.routes


def test_rfc4271_9_2_withdrawn_route_is_withdrawn_from_those_that_have_it(ground, pair):
    neighbour, observer = pair
    neighbour.announce(neighbour.prefix)
    observer.wait_route(neighbour.prefix)
    neighbour.withdraw(neighbour.prefix)
    observer.wait_withdrawn(neighbour.prefix)


def test_rfc4271_9_2_nothing_is_sent_twice(ground, pair):
    """The same again, and a second path that is not better, are no news."""
    neighbour, observer = pair
    second = ground.established("ebgp", identifier="10.255.9.1")
    neighbour.announce(neighbour.prefix)
    observer.wait_route(neighbour.prefix)
    before = observer.updates
    neighbour.announce(neighbour.prefix)
    second.announce(neighbour.prefix)
    wait_until(lambda: ground.path(neighbour.prefix, second), "the second path")
    second.announce("10.179.0.0/24")
    observer.wait_route("10.179.0.0/24")
    assert observer.updates == before + 1


def test_rfc4271_9_2_route_that_may_not_be_sent_any_more_is_withdrawn(ground, pair):
    """A better path that the observer must not have takes the place of the one that it had."""
    neighbour, observer = pair
    better = ground.established("ibgp")
    neighbour.announce(neighbour.prefix)
    observer.wait_route(neighbour.prefix)
    better.send(update(
        origin() + as_path() + next_hop(better.address) + local_pref(200)
        + attribute(BOTH, COMMUNITIES, b"\xff\xff\xff\x02"), prefix_bytes(neighbour.prefix)))
    observer.wait_withdrawn(neighbour.prefix)
