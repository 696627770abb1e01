"""kbgpd between scripted neighbours: the rules that no filter decides, on the way in and out.

What a neighbour is sent is compared octet by octet; see wire.py for the lab.
"""

import struct

import pytest

import wire
from lab import wait_until
from scripted import (
    BOTH, CLUSTER_LIST, COMMUNITIES, EXTENDED_COMMUNITIES, IPV6, LOCAL_PREF, MED, OPTIONAL,
    ORIGINATOR_ID, address_bytes, as_path, attribute, local_pref, mp_reach, next_hop, origin,
    prefix_bytes, update)
from wire import *  # noqa: F401,F403  (the fixtures)
from wire import NODE, NODE6, NODE_ASN, WIDE, Ground

AIGP, OTC = 26, 35
OWN4, OWN6 = "10.2.0.0/24", "2001:db8:2::/48"


def number(value):
    return struct.pack("!I", value)


def only_to_customer(asn):
    return attribute(BOTH, OTC, number(asn))


def aigp(metric):
    return attribute(OPTIONAL, AIGP, b"\1\0\x0b" + struct.pack("!Q", metric))


def path_of(ground, neighbour):
    """What kbgpctl shows of the route of this neighbour, once it is there."""
    return wait_until(lambda: ground.kbgpd.ctl("routes", neighbour.prefix)[0], "the route")


def announce_inside(neighbour, more=b""):
    """A route that begins inside of our AS."""
    neighbour.send(update(origin() + as_path() + next_hop(neighbour.address) + local_pref() + more,
                          prefix_bytes(neighbour.prefix)))


def assert_refused(ground, neighbour, **options):
    """The announcement is in the table, for people to see; the session stays."""
    neighbour.announce(neighbour.prefix, **options)
    assert_is_refused(ground, neighbour)


def assert_is_refused(ground, neighbour):
    wait_until(lambda: path_of(ground, neighbour)["state"] == "filtered", "the refusal")
    assert ground.peer(neighbour)["state"] == "Established"


def assert_not_sent(ground, prefix, *neighbours):
    """They have been sent everything up to now, and this was not among it."""
    marker = ground.established()
    marker.announce(marker.prefix)
    for neighbour in neighbours:
        neighbour.wait_route(marker.prefix)
        assert prefix not in neighbour.routes


# Roles (RFC 9234)


def test_rfc9234_5_leak_of_a_customer_is_refused(ground):
    customer, observer = ground.established("customer"), ground.established("observer")
    assert_refused(ground, customer, more=only_to_customer(65009))
    assert_not_sent(ground, customer.prefix, observer)
    customer.announce(customer.prefix)
    assert OTC not in observer.wait_route(customer.prefix).attributes
    customer.announce(customer.prefix, more=only_to_customer(customer.asn))
    observer.wait_withdrawn(customer.prefix)


def test_rfc9234_5_leak_of_a_peer_is_refused(ground):
    equal, observer = ground.established("equal"), ground.established("observer")
    assert_refused(ground, equal, more=only_to_customer(65009))
    equal.announce(equal.prefix, more=only_to_customer(equal.asn))
    assert observer.wait_route(equal.prefix).attributes[OTC] == (BOTH, number(equal.asn))


@pytest.mark.parametrize("kind", ["provider", "equal"])
def test_rfc9234_5_route_from_above_is_for_customers_only(ground, kind):
    source, customer = ground.established(kind), ground.established("customer")
    others = ground.established("provider"), ground.established("equal")
    source.announce(source.prefix)
    assert customer.wait_route(source.prefix).attributes[OTC] == (BOTH, number(source.asn))
    assert_not_sent(ground, source.prefix, *others)


def test_rfc9234_5_mark_of_a_provider_is_kept(ground):
    provider, customer = ground.established("provider"), ground.established("customer")
    provider.announce(provider.prefix, more=only_to_customer(65009))
    assert customer.wait_route(provider.prefix).value(OTC) == number(65009)


def test_rfc9234_5_own_routes_are_marked(ground):
    for kind, marked in ("customer", True), ("equal", True), ("provider", False):
        neighbour = ground.established(kind)
        for prefix in OWN4, OWN6:
            found = neighbour.wait_route(prefix).attributes.get(OTC)
            assert found == ((BOTH, number(NODE_ASN)) if marked else None), kind


# Paths


def test_longer_paths_than_configured_are_refused(ground):
    short, observer = ground.established("short"), ground.established("observer")
    short.announce(short.prefix, path=[65015, 1, 2])
    assert observer.wait_route(short.prefix).asns() == [NODE_ASN, 65015, 1, 2]
    assert_refused(ground, short, path=[65015, 1, 2, 3])
    observer.wait_withdrawn(short.prefix)


@pytest.mark.parametrize("kind,sent,received", [
    ("wide", [WIDE, NODE_ASN], [WIDE, 4200000000]),
    ("hidden", [WIDE, NODE_ASN], [65014]),
    ("replaced", [WIDE], [65013]),
], ids=["prepend", "no-prepend", "replace"])
def test_rfc7705_3_local_as(ground, kind, sent, received):
    """It is in front of what they get; and of what they send, and alone, as configured."""
    neighbour = ground.established(kind)
    assert neighbour.wait_route(OWN4).asns() == sent
    neighbour.announce(neighbour.prefix)
    assert path_of(ground, neighbour)["asPath"] == received


def test_rfc7705_3_both_of_our_as_numbers_are_a_loop(ground):
    for own in WIDE, NODE_ASN:
        neighbour = ground.established("hidden")
        assert_refused(ground, neighbour, path=[neighbour.asn, own])


# Communities


def test_rfc8326_4_graceful_shutdown_is_least_preferred(ground):
    neighbour, inner = ground.established(), ground.established("inner")
    neighbour.announce(neighbour.prefix)
    assert inner.wait_route(neighbour.prefix).value(LOCAL_PREF) == number(100)
    neighbour.announce(neighbour.prefix, more=attribute(BOTH, COMMUNITIES, b"\xff\xff\0\0"))
    inner.read_until(lambda: inner.routes[neighbour.prefix].value(LOCAL_PREF) == number(0),
                     "the lowest preference")
    assert inner.routes[neighbour.prefix].value(COMMUNITIES) == b"\xff\xff\0\0"


def test_rfc4360_6_non_transitive_communities_stay_inside(ground):
    neighbour, inner = ground.established(), ground.established("inner")
    observer = ground.established("observer")
    transitive, other = b"\0\2\xfd\xea\0\0\0\1", b"\x40\4\xfd\xea\0\0\0\1"
    neighbour.announce(neighbour.prefix,
                       more=attribute(BOTH, EXTENDED_COMMUNITIES, other + transitive))
    assert sorted([transitive, other]) == sorted(
        inner.wait_route(neighbour.prefix).value(EXTENDED_COMMUNITIES)[at:at + 8] for at in (0, 8))
    assert observer.wait_route(neighbour.prefix).value(EXTENDED_COMMUNITIES) == transitive


def test_rfc4271_5_1_4_med_of_a_neighbour_goes_no_further(ground):
    neighbour, inner = ground.established(), ground.established("inner")
    observer = ground.established("observer")
    neighbour.announce(neighbour.prefix, more=attribute(OPTIONAL, MED, number(7)))
    assert inner.wait_route(neighbour.prefix).value(MED) == number(7)
    assert MED not in observer.wait_route(neighbour.prefix).attributes


# Next hops


def announce_by(neighbour, address):
    neighbour.send(update(origin() + as_path(neighbour.asn) + next_hop(address),
                          prefix_bytes(neighbour.prefix)))


def test_rfc4271_5_1_3_third_party_next_hop(ground):
    """On a shared segment packets go straight to the router that announced the route."""
    neighbour, observer, far = (ground.established(kind) for kind in ("ebgp", "observer", "far"))
    neighbour.announce(neighbour.prefix)
    assert observer.wait_route(neighbour.prefix).next_hop == address_bytes(neighbour.address)
    assert far.wait_route(neighbour.prefix).next_hop == address_bytes(NODE)


def test_rfc4271_5_1_3_no_neighbour_is_its_own_next_hop(ground):
    neighbour, observer = ground.established(), ground.established("observer")
    announce_by(neighbour, observer.address)
    assert observer.wait_route(neighbour.prefix).next_hop == address_bytes(NODE)
    announce_by(neighbour, "10.0.255.1")  # that of nobody whom kbgpd speaks with
    observer.read_until(lambda: observer.routes[neighbour.prefix].next_hop
                        == address_bytes("10.0.255.1"), "the third party")


def test_rfc4271_5_1_3_unchanged_next_hop_is_not_the_neighbour(ground):
    neighbour, one, other = (ground.established(kind) for kind in ("ebgp", "unchanged", "unchanged"))
    announce_by(neighbour, one.address)
    assert other.wait_route(neighbour.prefix).next_hop == address_bytes(one.address)
    assert_not_sent(ground, neighbour.prefix, one)
    announce_by(neighbour, other.address)
    assert one.wait_route(neighbour.prefix).next_hop == address_bytes(other.address)
    other.wait_withdrawn(neighbour.prefix)


def test_rfc2545_3_link_local_next_hop_on_a_shared_link(ground):
    link_local = ground.node.link_local("peers")
    over6, neighbour = ground.established("over6"), ground.established("observer")
    wanted = address_bytes(NODE6) + address_bytes(link_local)
    over6.read_until(lambda: over6.routes[OWN6].next_hop == wanted, "both next hops")
    assert over6.routes[OWN4].next_hop == address_bytes(NODE)
    # Not beside the next hop of somebody else, nor on a session of IPv4.
    neighbour6 = ground.established()
    prefix = neighbour6.prefix6
    neighbour6.send(update(origin() + as_path(65002)
                           + mp_reach(IPV6, address_bytes("2001:db8::ffff"), prefix)))
    assert over6.wait_route(prefix).next_hop == address_bytes("2001:db8::ffff")
    assert neighbour.wait_route(OWN6).next_hop == address_bytes(NODE6)


def test_rfc7311_3_aigp_grows_with_a_new_next_hop(ground):
    source, far = ground.established("far"), ground.established("far")
    inner, observer = ground.established("inner"), ground.established("observer")
    source.announce(source.prefix, more=aigp(100))
    assert inner.wait_route(source.prefix).value(AIGP) == aigp(100)[3:]
    assert far.wait_route(source.prefix).value(AIGP) == aigp(101)[3:]
    assert AIGP not in observer.wait_route(source.prefix).attributes


# Reflection


def test_rfc4456_8_cluster_id_is_the_configured_one(own_lab, build, monkeypatch):
    cluster = address_bytes("10.9.9.9")
    monkeypatch.setattr(wire, "ROUTER", f"router: {{asn: {NODE_ASN}, routerID: {NODE}, "
                                        "clusterID: 10.9.9.9}\n")
    ground = Ground(own_lab, build, {"client": 2, "inner": 1})
    source, client = ground.established("client"), ground.established("client")
    inner = ground.established("inner")
    announce_inside(source)
    for route in client.wait_route(source.prefix), inner.wait_route(source.prefix):
        assert route.value(CLUSTER_LIST) == cluster
        assert route.value(ORIGINATOR_ID) == address_bytes(source.identifier)
    # Our router ID is no cluster then, but still an originator.
    others = attribute(OPTIONAL, CLUSTER_LIST, address_bytes(NODE))
    announce_inside(inner, others)
    assert client.wait_route(inner.prefix).value(CLUSTER_LIST) == cluster + address_bytes(NODE)
    for own in (attribute(OPTIONAL, CLUSTER_LIST, b"\1\1\1\1" + cluster),
                attribute(OPTIONAL, ORIGINATOR_ID, address_bytes(NODE))):
        announce_inside(inner)
        client.wait_route(inner.prefix)
        announce_inside(inner, own)
        client.wait_withdrawn(inner.prefix)
        assert_is_refused(ground, inner)
    ground.clean()


# Limits


def test_warning_comes_before_the_limit(ground):
    neighbour = ground.established("warned")
    neighbour.announce("10.126.0.0/24")
    path = wait_until(lambda: ground.kbgpd.ctl("routes", "10.126.0.0/24"), "the route")
    assert path and not ground.peer(neighbour)["lastError"]
    neighbour.announce("10.126.1.0/24")
    wait_until(lambda: ground.peer(neighbour)["lastError"]
               == "has sent 2 ipv4 prefixes, of maxPrefixes 4", "the warning")
    neighbour.announce("10.126.2.0/24", "10.126.3.0/24")
    wait_until(lambda: ground.peer(neighbour)["families"]["ipv4"]["received"] == 4, "the limit")
    assert ground.peer(neighbour)["state"] == "Established"
    log = ground.kbgpd.process.output()
    assert log.count("has sent") == log.count(f" warning {neighbour.name}: has sent") == 1
