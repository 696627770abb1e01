"""RFC 4271: UPDATEs, path attributes and what is done to them (4.3, 5, 6.3).

Errors that RFC 7606 treats in another way are in test_rfc7606.py.
"""

import struct

import pytest

from lab import wait_until
from scripted import (
    AGGREGATOR, AS_PATH, ATOMIC_AGGREGATE, BOTH, COMMUNITIES, EXTENDED, EXTENDED_COMMUNITIES,
    IPV6, LARGE_COMMUNITIES, LOCAL_PREF, MED, NEXT_HOP, OPTIONAL, ORIGIN, PARTIAL, SEQUENCE, SET,
    TRANSITIVE, address_bytes, as_path, attribute, local_pref, mp_reach, mp_unreach, next_hop,
    origin, prefix_bytes, segment, update)
from wire import *  # noqa: F401,F403  (the fixtures)
from wire import NODE, NODE_ASN, OWN, check_reset, check_withdraw

BASE = origin() + as_path(65002) + next_hop("10.0.255.1")
GLOBAL = address_bytes("2001:db8::ffff")
NLRI = prefix_bytes("10.160.0.0/24")
INTERNAL = origin() + as_path() + next_hop("10.0.255.1") + local_pref()


# 4.3: the UPDATE


def test_rfc4271_4_3_unused_flags_are_ignored_and_not_sent(ground, pair):
    neighbour, observer = pair
    neighbour.send(update(
        attribute(TRANSITIVE | 0x0f, ORIGIN, b"\0") + as_path(65002) + next_hop("10.0.255.1")
        + attribute(BOTH | 0x05, COMMUNITIES, bytes(4)) + attribute(BOTH | 0x0a, 99, b"x"),
        prefix_bytes(neighbour.prefix)))
    route = observer.wait_route(neighbour.prefix)
    assert route.flags(ORIGIN) == TRANSITIVE
    assert route.flags(COMMUNITIES) == BOTH
    assert route.flags(99) == BOTH | PARTIAL


def test_rfc4271_4_3_partial_bit_where_it_may_not_be(ground, pair):
    """Taken for what it is worth, and never sent on."""
    neighbour, observer = pair
    neighbour.send(update(
        attribute(TRANSITIVE | PARTIAL, ORIGIN, b"\0") + as_path(65002) + next_hop("10.0.255.1"),
        prefix_bytes(neighbour.prefix)))
    assert observer.wait_route(neighbour.prefix).flags(ORIGIN) == TRANSITIVE


def test_rfc4271_4_3_either_form_of_the_length(ground, pair):
    neighbour, observer = pair
    neighbour.send(update(
        attribute(TRANSITIVE | EXTENDED, ORIGIN, b"\1")
        + attribute(TRANSITIVE | EXTENDED, AS_PATH, segment(SEQUENCE, 65002))
        + attribute(TRANSITIVE | EXTENDED, NEXT_HOP, address_bytes("10.0.255.1"))
        + attribute(BOTH | EXTENDED, 99, bytes(300)), prefix_bytes(neighbour.prefix)))
    route = observer.wait_route(neighbour.prefix)
    assert route.value(ORIGIN) == b"\1" and route.value(99) == bytes(300)


def test_rfc4271_4_3_bits_behind_the_prefix_mean_nothing(ground, pair):
    neighbour, observer = pair
    neighbour.send(update(BASE, b"\x15\x0a\xa5\xff"))
    observer.wait_route("10.165.248.0/21")
    neighbour.send(update(withdrawn=b"\x15\x0a\xa5\xf8"))
    observer.wait_withdrawn("10.165.248.0/21")


def test_rfc4271_4_3_withdrawn_and_announced_in_one_message(ground, pair):
    """As if it were announced only."""
    neighbour, observer = pair
    neighbour.announce(neighbour.prefix)
    observer.wait_route(neighbour.prefix)
    neighbour.send(update(BASE + attribute(BOTH, COMMUNITIES, b"\0\1\0\2"),
                          prefix_bytes(neighbour.prefix), prefix_bytes(neighbour.prefix)))
    observer.read_until(lambda: COMMUNITIES in observer.routes[neighbour.prefix].attributes)


def test_rfc4271_4_3_prefix_of_length_zero(ground, pair):
    neighbour, observer = pair
    neighbour.send(update(BASE + mp_reach(IPV6, GLOBAL, "::/0"), prefix_bytes("0.0.0.0/0")))
    observer.wait_route("0.0.0.0/0")
    observer.wait_route("::/0")
    neighbour.send(update(mp_unreach(IPV6, "::/0"), withdrawn=prefix_bytes("0.0.0.0/0")))
    observer.wait_withdrawn("0.0.0.0/0")
    observer.wait_withdrawn("::/0")


# 5: attributes on their way through


def test_rfc4271_5_unrecognized_transitive_attribute_goes_on_as_partial(ground, pair):
    neighbour, observer = pair
    neighbour.announce(neighbour.prefix, more=(
        attribute(BOTH, 99, b"abc") + attribute(BOTH, 20, b"")
        + attribute(BOTH | PARTIAL, 200, b"x" * 3)
        + attribute(BOTH | EXTENDED, 201, bytes(300))))
    route = observer.wait_route(neighbour.prefix)
    for kind, value in ((20, b""), (99, b"abc"), (200, b"x" * 3), (201, bytes(300))):
        assert route.attributes[kind] == (BOTH | PARTIAL, value)
    shown = ground.path(neighbour.prefix, neighbour)
    assert [unknown["type"] for unknown in shown["unknownAttributes"]] == [20, 99, 200, 201]


def test_rfc4271_5_unrecognized_transitive_attributes_of_every_type(ground, pair):
    """There is no number of them beyond which one could be left out."""
    neighbour, observer = pair
    types = set(range(36, 256))
    neighbour.announce(neighbour.prefix, more=b"".join(
        attribute(BOTH, kind, bytes([kind])) for kind in sorted(types, reverse=True)))
    route = observer.wait_route(neighbour.prefix)
    assert {kind: value for kind, value in route.attributes.items() if kind in types} == {
        kind: (BOTH | PARTIAL, bytes([kind])) for kind in types}
    assert ground.peer(neighbour)["attributesDiscarded"] == 0


def test_rfc4271_5_unrecognized_non_transitive_attribute_is_dropped(ground, pair):
    neighbour, observer = pair
    neighbour.announce(neighbour.prefix, more=attribute(OPTIONAL, 98, b"no"))
    assert 98 not in observer.wait_route(neighbour.prefix).attributes
    assert ground.peer(neighbour)["attributesDiscarded"] == 0


def test_rfc4271_5_partial_bit_is_not_taken_away(ground, pair):
    neighbour, observer = pair
    neighbour.announce(neighbour.prefix, more=attribute(BOTH | PARTIAL, COMMUNITIES, bytes(4)))
    assert observer.wait_route(neighbour.prefix).flags(COMMUNITIES) == BOTH | PARTIAL


def test_rfc4271_5_attributes_in_any_order(ground, pair):
    """What goes out is in order: Neighbour looks at every UPDATE."""
    neighbour, observer = pair
    more = {
        COMMUNITIES: (BOTH, b"\xfc\0\0\1\xfc\0\0\2"),
        EXTENDED_COMMUNITIES: (BOTH, b"\0\2\xfc\0\0\0\0\1"),
        LARGE_COMMUNITIES: (BOTH, bytes(range(12))),
        ATOMIC_AGGREGATE: (TRANSITIVE, b""),
        AGGREGATOR: (BOTH, struct.pack("!I", 65010) + address_bytes("10.9.9.9")),
    }
    neighbour.send(update(
        b"".join(attribute(flags, kind, value) for kind, (flags, value) in reversed(more.items()))
        + next_hop("10.0.255.1") + as_path(65002) + origin(1), prefix_bytes(neighbour.prefix)))
    route = observer.wait_route(neighbour.prefix)
    for kind, expected in more.items():
        assert route.attributes[kind] == expected
    assert list(route.attributes) == sorted(route.attributes)


# 5.1.1: ORIGIN


@pytest.mark.parametrize("value", [0, 1, 2])
def test_rfc4271_5_1_1_origin_is_not_changed(ground, pair, value):
    neighbour, observer = pair
    neighbour.send(update(origin(value) + as_path(65002) + next_hop("10.0.255.1"),
                          prefix_bytes(neighbour.prefix)))
    assert observer.wait_route(neighbour.prefix).value(ORIGIN) == bytes([value])


# 5.1.2: AS_PATH

FULL = range(64600, 64600 + 255)
PREPENDED = {
    "sequence": (segment(SEQUENCE, 65002, 65010), segment(SEQUENCE, NODE_ASN, 65002, 65010)),
    "sequence and set": (segment(SEQUENCE, 65002) + segment(SET, 65010, 65011),
                         segment(SEQUENCE, NODE_ASN, 65002) + segment(SET, 65010, 65011)),
    "full sequence": (segment(SEQUENCE, 65002, *FULL[1:]),
                      segment(SEQUENCE, NODE_ASN) + segment(SEQUENCE, 65002, *FULL[1:])),
}


@pytest.mark.parametrize("came, goes", PREPENDED.values(), ids=PREPENDED)
def test_rfc4271_5_1_2_own_as_is_prepended_for_an_external_peer(ground, pair, came, goes):
    neighbour, observer = pair
    neighbour.send(update(origin() + attribute(TRANSITIVE | EXTENDED, AS_PATH, came)
                          + next_hop("10.0.255.1"), prefix_bytes(neighbour.prefix)))
    assert observer.wait_route(neighbour.prefix).value(AS_PATH) == goes


@pytest.mark.parametrize("came, goes", [
    (b"", segment(SEQUENCE, NODE_ASN)),
    (segment(SET, 65010), segment(SEQUENCE, NODE_ASN) + segment(SET, 65010)),
], ids=["empty", "set"])
def test_rfc4271_5_1_2_new_segment_for_the_own_as(ground, came, goes):
    """What comes from inside need not begin with the neighbour's AS."""
    neighbour, observer = ground.established("ibgp"), ground.established("observer")
    neighbour.send(update(origin() + attribute(TRANSITIVE, AS_PATH, came)
                          + next_hop("10.0.255.1") + local_pref(), prefix_bytes(neighbour.prefix)))
    assert observer.wait_route(neighbour.prefix).value(AS_PATH) == goes


def test_rfc4271_5_1_2_path_is_not_modified_inside_of_the_as(ground):
    neighbour, inner = ground.established(), ground.established("inner")
    neighbour.announce(neighbour.prefix, path=[65002, 65010])
    assert inner.wait_route(neighbour.prefix).asns() == [65002, 65010]


def test_rfc4271_5_1_2_path_of_what_we_originate(ground):
    """Our AS alone for an external peer; there, but empty, for an internal one."""
    assert ground.established().routes["10.2.0.0/24"].asns() == [NODE_ASN]
    assert ground.established("inner").routes["10.2.0.0/24"].value(AS_PATH) == b""


# 5.1.3: NEXT_HOP


def test_rfc4271_5_1_3_own_address_for_what_we_originate(ground):
    for kind in ("ebgp", "inner"):
        route = ground.established(kind).routes["10.2.0.0/24"]
        assert route.attributes[NEXT_HOP] == (TRANSITIVE, address_bytes(NODE))


def test_rfc4271_5_1_3_next_hop_is_not_modified_inside_of_the_as(ground):
    neighbour, inner = ground.established(), ground.established("inner")
    neighbour.announce(neighbour.prefix)
    assert inner.wait_route(neighbour.prefix).next_hop == address_bytes(neighbour.address)


def test_rfc4271_5_1_3_our_own_address_is_no_next_hop(ground, pair):
    neighbour, observer = pair
    neighbour.send(update(origin() + as_path(65002) + next_hop(NODE),
                          prefix_bytes(neighbour.prefix)))
    neighbour.announce("10.172.0.0/24")
    observer.wait_route("10.172.0.0/24")
    assert neighbour.prefix not in observer.routes
    assert ground.peer(neighbour)["state"] == "Established"


# 5.1.4: MULTI_EXIT_DISC


def test_rfc4271_5_1_4_med_of_a_neighbour_is_not_for_another_as(ground, pair):
    neighbour, observer = pair
    inner = ground.established("inner")
    neighbour.announce(neighbour.prefix, more=attribute(OPTIONAL, MED, struct.pack("!I", 7)))
    assert MED not in observer.wait_route(neighbour.prefix).attributes
    assert inner.wait_route(neighbour.prefix).value(MED) == struct.pack("!I", 7)


# 5.1.5: LOCAL_PREF


def test_rfc4271_5_1_5_internal_peer_gets_local_pref(ground):
    neighbour, inner = ground.established(), ground.established("inner")
    neighbour.announce(neighbour.prefix)
    for prefix in (neighbour.prefix, *OWN):
        assert inner.wait_route(prefix).value(LOCAL_PREF) == struct.pack("!I", 100)


def test_rfc4271_5_1_5_external_peer_gets_no_local_pref(ground):
    neighbour, observer = ground.established("ibgp"), ground.established("observer")
    neighbour.send(update(INTERNAL, prefix_bytes(neighbour.prefix)))
    for prefix in (neighbour.prefix, *OWN):
        assert LOCAL_PREF not in observer.wait_route(prefix).attributes


def test_rfc4271_5_1_5_local_pref_of_an_external_peer_is_ignored(ground):
    first, second = ground.established(), ground.established()
    for neighbour, more in ((first, b""), (second, local_pref(500))):
        neighbour.announce("10.174.0.0/24", more=more, path=[65002] * (1 + bool(more)))
        wait_until(lambda n=neighbour: ground.path("10.174.0.0/24", n), "the route")
    wait_until(lambda: ground.path("10.174.0.0/24", first)["best"], "the best route")
    assert ground.path("10.174.0.0/24", second)["localPref"] == 100


# 5.1.6 and 5.1.7: aggregates of others


def test_rfc4271_5_1_6_atomic_aggregate_is_not_removed(ground, pair):
    neighbour, observer = pair
    neighbour.announce(neighbour.prefix, more=attribute(TRANSITIVE, ATOMIC_AGGREGATE, b""))
    assert observer.wait_route(neighbour.prefix).attributes[ATOMIC_AGGREGATE] == (TRANSITIVE, b"")


def test_rfc4271_5_1_7_aggregator_goes_on(ground, pair):
    neighbour, observer = pair
    value = struct.pack("!I", 4200000001) + address_bytes("10.9.9.9")
    neighbour.announce(neighbour.prefix, more=attribute(BOTH, AGGREGATOR, value))
    assert observer.wait_route(neighbour.prefix).attributes[AGGREGATOR] == (BOTH, value)


# 6.3: what still ends the session

UNKNOWN = attribute(TRANSITIVE, 99, b"abc")


@pytest.mark.parametrize("bad", [
    update(withdrawn=NLRI, withdrawn_length=100), update(BASE, NLRI, attributes_length=200),
    update(withdrawn=NLRI, withdrawn_length=65535), update(attributes_length=1),
], ids=["Withdrawn Routes Length", "Total Path Attribute Length", "65535", "nothing behind it"])
def test_rfc4271_6_3_malformed_attribute_list(ground, pair, bad):
    check_reset(ground, pair, bad, 3, 1)


@pytest.mark.parametrize("bad", [
    update(BASE + UNKNOWN, NLRI), update(UNKNOWN + BASE, NLRI), update(UNKNOWN)],
    ids=["last", "first", "without prefixes"])
def test_rfc4271_6_3_unrecognized_well_known_attribute(ground, pair, bad):
    """The data is the attribute."""
    check_reset(ground, pair, bad, 3, 2, UNKNOWN)


@pytest.mark.parametrize("bad", [
    update(BASE, b"\x21" + bytes(5)), update(BASE, NLRI + b"\x18\n"),
    update(BASE, NLRI + b"\xff" + bytes(32)), update(withdrawn=b"\x21" + bytes(5)),
    update(withdrawn=b"\x18\n\1")],
    ids=["33 bits", "cut", "255 bits", "withdrawn of 33 bits", "withdrawn cut"])
def test_rfc4271_6_3_invalid_network_field(ground, pair, bad):
    check_reset(ground, pair, bad, 3, 10)


@pytest.mark.parametrize("prefix", ["127.0.0.0/8", "224.0.0.0/4", "169.254.1.0/24"])
def test_rfc4271_6_3_semantically_incorrect_prefix_is_ignored(ground, pair, prefix):
    """The session stays, and the others of the message count."""
    neighbour, observer = pair
    neighbour.announce(prefix, neighbour.prefix)
    observer.wait_route(neighbour.prefix)
    assert prefix not in observer.routes
    assert ground.peer(neighbour)["families"]["ipv4"]["received"] == 2


# 6.3: the first AS, an error that RFC 7606 7.2 treats as withdraw


@pytest.mark.parametrize("value", [
    segment(SEQUENCE, 65010), segment(SEQUENCE, 65010, 65002), segment(SET, 65002), b"",
    segment(SET, 65010) + segment(SEQUENCE, 65002)],
    ids=["another", "behind another", "set", "empty", "behind a set"])
def test_rfc4271_6_3_path_does_not_begin_with_the_neighbour(ground, pair, value):
    check_withdraw(ground, pair, origin() + attribute(TRANSITIVE, AS_PATH, value)
                   + next_hop("10.0.255.1"))


def test_rfc4271_6_3_first_as_of_a_route_server_is_not_looked_at(ground):
    server, observer = ground.established("server"), ground.established("observer")
    server.announce(server.prefix, path=[65010])
    assert observer.wait_route(server.prefix).asns() == [NODE_ASN, 65010]


def test_rfc4271_6_3_first_as_of_an_internal_peer_is_not_looked_at(ground):
    neighbour, observer = ground.established("ibgp"), ground.established("observer")
    neighbour.announce(neighbour.prefix, path=[65010])
    assert observer.wait_route(neighbour.prefix).asns() == [NODE_ASN, 65010]
