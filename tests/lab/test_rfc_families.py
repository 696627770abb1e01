"""IPv6 and IPv4 in MP_REACH_NLRI and MP_UNREACH_NLRI: RFC 4760, 2545 and 8950."""

import struct

import pytest

from lab import wait_until
from scripted import (
    EXTENDED_NEXT_HOP, IPV4, IPV6, MP_REACH, NEXT_HOP, OPTIONAL, TRANSITIVE, address_bytes, as4,
    as_path, attribute, capability, local_pref, mp_reach, mp_unreach, multiprotocol, next_hop,
    origin, parse_capabilities, prefix_bytes, update)
from wire import *  # noqa: F401,F403  (the fixtures)
from wire import NODE, NODE6, check_reset

BASE = origin() + as_path(65002)
GLOBAL = address_bytes("2001:db8::ffff")
LINK_LOCAL = address_bytes("fe80::77")
UNSPECIFIED = bytes(16)
BOTH_FAMILIES = multiprotocol(IPV4) + multiprotocol(IPV6) + as4(65002)


# RFC 4760


def test_rfc4760_3_next_hop_attribute_beside_mp_reach_is_ignored(ground, pair):
    """Even one that would be malformed."""
    neighbour, observer = pair
    for value in (address_bytes("10.9.9.9"), b"", bytes(16)):
        neighbour.send(update(BASE + attribute(TRANSITIVE, NEXT_HOP, value)
                              + mp_reach(IPV6, GLOBAL, neighbour.prefix6)))
        observer.wait_route(neighbour.prefix6)
        assert ground.path(neighbour.prefix6, neighbour)["nextHop"] == "2001:db8::ffff"
        neighbour.send(update(mp_unreach(IPV6, neighbour.prefix6)))
        observer.wait_withdrawn(neighbour.prefix6)


def test_rfc4760_3_next_hop_attribute_is_not_sent_with_mp_reach(ground):
    assert NEXT_HOP not in ground.established().routes["2001:db8:2::/48"].attributes


def test_rfc4760_3_reserved_octet_is_ignored(ground, pair):
    neighbour, observer = pair
    value = b"\0\2\1\x10" + GLOBAL + b"\xff" + prefix_bytes(neighbour.prefix6)
    neighbour.send(update(BASE + attribute(OPTIONAL, MP_REACH, value)))
    observer.wait_route(neighbour.prefix6)


def test_rfc4760_3_mp_reach_without_prefixes(ground, pair):
    """It is well-formed, and says nothing."""
    neighbour, observer = pair
    neighbour.send(update(BASE + mp_reach(IPV6, GLOBAL)))
    neighbour.announce(neighbour.prefix)
    observer.wait_route(neighbour.prefix)


def test_rfc4760_4_withdrawal_needs_no_other_attributes(ground, pair):
    neighbour, observer = pair
    neighbour.send(update(BASE + mp_reach(IPV6, GLOBAL, neighbour.prefix6)))
    observer.wait_route(neighbour.prefix6)
    neighbour.send(update(mp_unreach(IPV6, neighbour.prefix6)))
    observer.wait_withdrawn(neighbour.prefix6)


def test_rfc4760_4_routes_of_one_family_do_not_touch_the_other(ground, pair):
    neighbour, observer = pair
    neighbour.send(update(neighbour.attributes(mp_reach(IPV6, GLOBAL, neighbour.prefix6)),
                          prefix_bytes(neighbour.prefix)))
    observer.wait_route(neighbour.prefix)
    observer.wait_route(neighbour.prefix6)
    neighbour.send(update(mp_unreach(IPV6, neighbour.prefix6)))
    observer.wait_withdrawn(neighbour.prefix6)
    assert neighbour.prefix in observer.routes


def test_rfc4760_5_next_hop_of_ipv4_in_mp_reach(ground, pair):
    """IPv4 unicast is a family like any other."""
    neighbour, observer = pair
    neighbour.send(update(BASE + mp_reach(IPV4, address_bytes(neighbour.address),
                                          neighbour.prefix)))
    observer.wait_route(neighbour.prefix)
    neighbour.send(update(mp_unreach(IPV4, neighbour.prefix)))
    observer.wait_withdrawn(neighbour.prefix)


@pytest.mark.parametrize("bad", [
    attribute(OPTIONAL, MP_REACH, b"\0\2\1\x05" + bytes(6)),
    attribute(OPTIONAL, MP_REACH, b"\0\2\1\x10" + GLOBAL + b"\0\x81" + bytes(17)),
    attribute(OPTIONAL, 15, b"\0\2\1\x81" + bytes(17)),
], ids=["next hop", "NLRI", "withdrawn"])
def test_rfc4760_7_incorrect_attribute_is_an_optional_attribute_error(ground, pair, bad):
    check_reset(ground, pair, update(BASE + bad), 3, 9, bad)


# RFC 2545: the next hop of IPv6


@pytest.mark.parametrize("hops, shown", [
    (GLOBAL, "2001:db8::ffff"), (GLOBAL + LINK_LOCAL, "2001:db8::ffff"),
    (UNSPECIFIED + LINK_LOCAL, "fe80::77"), (LINK_LOCAL, "fe80::77"),
    (LINK_LOCAL + LINK_LOCAL, "fe80::77"),
], ids=["global", "both", "unspecified and link-local", "link-local", "link-local twice"])
def test_rfc2545_3_next_hop_of_16_or_32_octets(ground, hops, shown):
    neighbour = ground.established()
    neighbour.send(update(BASE + mp_reach(IPV6, hops, neighbour.prefix6)))
    wait_until(lambda: ground.path(neighbour.prefix6, neighbour)["nextHop"] == shown, "next hop")


@pytest.mark.parametrize("hops", [UNSPECIFIED, address_bytes("ff02::1"), address_bytes("::1")],
                         ids=["::", "multicast", "loopback"])
def test_rfc2545_3_next_hop_that_is_no_address_of_a_host(ground, pair, hops):
    """RFC 7606: the prefixes can be found, so they are withdrawn."""
    neighbour, observer = pair
    neighbour.send(update(BASE + mp_reach(IPV6, GLOBAL, neighbour.prefix6)))
    observer.wait_route(neighbour.prefix6)
    neighbour.send(update(BASE + mp_reach(IPV6, hops, neighbour.prefix6)))
    observer.wait_withdrawn(neighbour.prefix6)
    assert ground.peer(neighbour)["state"] == "Established"


def test_rfc2545_2_global_address_of_the_node_over_either_transport(ground):
    for kind in ("ebgp", "six"):
        route = ground.established(kind).routes["2001:db8:2::/48"]
        assert route.next_hop[:16] == address_bytes(NODE6) and len(route.next_hop) in (16, 32)
        assert ground.established(kind).routes["10.2.0.0/24"].next_hop == address_bytes(NODE)


def test_rfc2545_3_link_local_address_is_not_passed_on(ground):
    """Inside of the AS the next hop is not modified, but the link is not the others'."""
    neighbour, inner = ground.established(), ground.established("inner")
    neighbour.send(update(BASE + mp_reach(IPV6, GLOBAL + LINK_LOCAL, neighbour.prefix6)))
    assert inner.wait_route(neighbour.prefix6).next_hop == GLOBAL


# RFC 8950: IPv4 over IPv6 next hops


def test_rfc8950_4_capability_is_announced_for_ipv4(ground):
    opened = ground.neighbour().to_open_sent().open
    assert [value for code, value in parse_capabilities(opened) if code == 5] == [
        struct.pack("!HHH", 1, 1, 2)]


@pytest.mark.parametrize("hops, shown", [
    (GLOBAL, "2001:db8::ffff"), (GLOBAL + LINK_LOCAL, "2001:db8::ffff"), (LINK_LOCAL, "fe80::77"),
    (UNSPECIFIED + LINK_LOCAL, "fe80::77")],
    ids=["global", "both", "link-local", "unspecified and link-local"])
def test_rfc8950_3_ipv4_with_a_next_hop_of_16_or_32_octets(ground, hops, shown):
    neighbour = ground.established()
    neighbour.send(update(BASE + mp_reach(IPV4, hops, neighbour.prefix)))
    wait_until(lambda: ground.path(neighbour.prefix, neighbour)["nextHop"] == shown, "next hop")
    neighbour.send(update(mp_unreach(IPV4, neighbour.prefix)))
    wait_until(lambda: not ground.kbgpd.ctl("routes", neighbour.prefix), "the withdrawal")


@pytest.mark.parametrize("more", [
    b"", capability(5, struct.pack("!HHH", IPV4, 128, IPV6)),
    capability(5, struct.pack("!HHH", IPV6, 1, IPV4))], ids=["none", "VPN", "the other way"])
def test_rfc8950_4_ipv6_next_hop_that_was_not_agreed_upon(ground, more):
    """Then its length is wrong."""
    neighbour = ground.neighbour()
    neighbour.to_established(capabilities=BOTH_FAMILIES + more)
    bad = mp_reach(IPV4, GLOBAL, neighbour.prefix)
    neighbour.send(update(BASE + bad))
    neighbour.expect_notification(3, 9, bad)


@pytest.mark.parametrize("agreed", [True, False])
def test_rfc8950_4_ipv6_next_hop_is_sent_only_if_agreed_upon(ground, agreed):
    neighbour = ground.established()
    inner = ground.neighbour("inner")
    inner.to_established(capabilities=multiprotocol(IPV4) + multiprotocol(IPV6) + as4(65001)
                         + (EXTENDED_NEXT_HOP if agreed else b""))
    neighbour.send(update(BASE + mp_reach(IPV4, GLOBAL, neighbour.prefix)))
    neighbour.announce("10.166.0.0/24")
    inner.wait_route("10.166.0.0/24")
    if agreed:
        assert inner.wait_route(neighbour.prefix).next_hop == GLOBAL
    else:
        assert neighbour.prefix not in inner.routes
    neighbour.withdraw("10.166.0.0/24")
    inner.wait_withdrawn("10.166.0.0/24")


def test_rfc8950_4_several_entries_of_the_capability(ground):
    entries = struct.pack("!HHHHHH", IPV4, 128, IPV6, IPV4, 1, IPV6)
    neighbour = ground.neighbour()
    neighbour.to_established(capabilities=BOTH_FAMILIES + capability(5, entries))
    neighbour.send(update(BASE + mp_reach(IPV4, GLOBAL, neighbour.prefix)))
    wait_until(lambda: ground.path(neighbour.prefix, neighbour), "the route")


def test_rfc8950_3_plain_ipv4_still_works(ground, pair):
    neighbour, observer = pair
    neighbour.send(update(origin() + as_path(65002) + next_hop(neighbour.address) + local_pref(),
                          prefix_bytes(neighbour.prefix)))
    assert len(observer.wait_route(neighbour.prefix).next_hop) == 4
