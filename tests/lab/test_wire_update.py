"""kbgpd against a scripted neighbour: UPDATEs, right and wrong, and what another peer is told.

Every answer is compared byte for byte; see wire.py for the lab.
"""

import random
import struct

import pytest

from lab import wait_until
from scripted import (
    AGGREGATOR, AS4_AGGREGATOR, AS4_PATH, AS_PATH, ATOMIC_AGGREGATE, BOTH, CLUSTER_LIST,
    COMMUNITIES, CONFED_SEQUENCE, EXTENDED, EXTENDED_COMMUNITIES, IPV4, IPV6, LARGE_COMMUNITIES,
    LOCAL_PREF, MED, MP_REACH, MP_UNREACH, NEXT_HOP, OPTIONAL, ORIGIN, ORIGINATOR_ID, PARTIAL,
    SEQUENCE, SET, TRANSITIVE, address_bytes, as4, as_path, attribute, local_pref, mp_reach,
    mp_reach_value, mp_unreach, multiprotocol, next_hop, origin, prefix_bytes, segment, update)
from wire import *  # noqa: F401,F403  (the fixtures)
from wire import NODE, NODE_ASN, WIDE


# UPDATE errors (RFC 7606)

LINK_LOCAL = address_bytes("fe80::77")
GLOBAL = address_bytes("2001:db8::ffff")
UNSPECIFIED = bytes(16)
PATH = as_path(65002)
HOP = next_hop("10.0.255.1")
BASE = origin() + PATH + HOP


def without(kind):
    """The mandatory attributes but one."""
    parts = {ORIGIN: origin(), AS_PATH: PATH, NEXT_HOP: HOP}
    return b"".join(value for other, value in parts.items() if other != kind)


def instead(flags, kind, value, **options):
    """The mandatory attributes, one of them another."""
    return without(kind) + attribute(flags, kind, value, **options)


def with_path(value):
    return instead(TRANSITIVE, AS_PATH, value)


TREATED_AS_WITHDRAW = {
    "ORIGIN empty": instead(TRANSITIVE, ORIGIN, b""),
    "ORIGIN long": instead(TRANSITIVE, ORIGIN, b"\0\0"),
    "ORIGIN value": instead(TRANSITIVE, ORIGIN, b"\3"),
    "ORIGIN optional": instead(BOTH, ORIGIN, b"\0"),
    "ORIGIN not transitive": instead(0, ORIGIN, b"\0"),
    "ORIGIN missing": without(ORIGIN),
    "AS_PATH missing": without(AS_PATH),
    "AS_PATH optional": instead(BOTH, AS_PATH, segment(SEQUENCE, 65002)),
    "AS_PATH unknown segment": with_path(segment(5, 65002)),
    "AS_PATH empty segment": with_path(segment(SEQUENCE)),
    "AS_PATH segment overruns": with_path(b"\2\2" + bytes([0, 0, 0xfd, 0xea])),
    "AS_PATH one octet left": with_path(segment(SEQUENCE, 65002) + b"\2"),
    "AS_PATH with 2-octet numbers": with_path(segment(SEQUENCE, 65002, size=2)),
    "AS_PATH with AS 0": with_path(segment(SEQUENCE, 65002, 0)),
    "AS_PATH of a confederation": with_path(
        segment(CONFED_SEQUENCE, 65010) + segment(SEQUENCE, 65002)),
    "NEXT_HOP short": instead(TRANSITIVE, NEXT_HOP, b"\n\0\0"),
    "NEXT_HOP long": instead(TRANSITIVE, NEXT_HOP, bytes(16)),
    "NEXT_HOP optional": instead(BOTH, NEXT_HOP, address_bytes(NODE)),
    "NEXT_HOP missing": without(NEXT_HOP),
    "NEXT_HOP 0.0.0.0": instead(TRANSITIVE, NEXT_HOP, bytes(4)),
    "NEXT_HOP multicast": instead(TRANSITIVE, NEXT_HOP, b"\xe0\0\0\1"),
    "MED short": BASE + attribute(OPTIONAL, MED, bytes(3)),
    "MED transitive": BASE + attribute(BOTH, MED, bytes(4)),
    "MED well-known": BASE + attribute(TRANSITIVE, MED, bytes(4)),
    "ATOMIC_AGGREGATE optional": BASE + attribute(BOTH, ATOMIC_AGGREGATE, b""),
    "COMMUNITIES empty": BASE + attribute(BOTH, COMMUNITIES, b""),
    "COMMUNITIES length": BASE + attribute(BOTH, COMMUNITIES, bytes(6)),
    "COMMUNITIES not transitive": BASE + attribute(OPTIONAL, COMMUNITIES, bytes(4)),
    "EXTENDED_COMMUNITIES length": BASE + attribute(BOTH, EXTENDED_COMMUNITIES, bytes(12)),
    "LARGE_COMMUNITIES empty": BASE + attribute(BOTH, LARGE_COMMUNITIES, b""),
    "LARGE_COMMUNITIES length": BASE + attribute(BOTH, LARGE_COMMUNITIES, bytes(13)),
    "attribute overruns the field": BASE + attribute(BOTH, COMMUNITIES, bytes(4), length=200),
    "header of an attribute is cut": BASE + b"\xc0",
    "the worst error counts": BASE + attribute(TRANSITIVE, ATOMIC_AGGREGATE, b"x")
                              + attribute(OPTIONAL, MED, b""),
}


@pytest.mark.parametrize("attributes", TREATED_AS_WITHDRAW.values(), ids=TREATED_AS_WITHDRAW)
def test_treated_as_withdraw(ground, pair, attributes):
    """The route that was there is gone at the other peer, and the session stays."""
    neighbour, observer = pair
    neighbour.announce(neighbour.prefix)
    observer.wait_route(neighbour.prefix)
    neighbour.send(update(attributes, prefix_bytes(neighbour.prefix)))
    observer.wait_withdrawn(neighbour.prefix)
    peer = ground.peer(neighbour)
    assert (peer["state"], peer["treatedAsWithdraw"], peer["families"]["ipv4"]["received"]) == (
        "Established", 1, 0)
    assert peer["lastError"].startswith("UPDATE treated as withdraw")
    neighbour.announce(neighbour.prefix)
    observer.wait_route(neighbour.prefix)


INTERNAL = BASE + local_pref()

TREATED_AS_WITHDRAW_INTERNAL = {
    "LOCAL_PREF missing": BASE,
    "LOCAL_PREF short": BASE + attribute(TRANSITIVE, LOCAL_PREF, bytes(3)),
    "LOCAL_PREF optional": BASE + attribute(BOTH, LOCAL_PREF, bytes(4)),
    "ORIGINATOR_ID long": INTERNAL + attribute(OPTIONAL, ORIGINATOR_ID, bytes(5)),
    "CLUSTER_LIST empty": INTERNAL + attribute(OPTIONAL, CLUSTER_LIST, b""),
    "CLUSTER_LIST length": INTERNAL + attribute(OPTIONAL, CLUSTER_LIST, bytes(7)),
}


@pytest.mark.parametrize("attributes", TREATED_AS_WITHDRAW_INTERNAL.values(),
                         ids=TREATED_AS_WITHDRAW_INTERNAL)
def test_treated_as_withdraw_from_an_internal_peer(ground, attributes):
    neighbour, observer = ground.established("ibgp"), ground.established("observer")
    neighbour.send(update(INTERNAL, prefix_bytes(neighbour.prefix)))
    observer.wait_route(neighbour.prefix)
    neighbour.send(update(attributes, prefix_bytes(neighbour.prefix)))
    observer.wait_withdrawn(neighbour.prefix)
    assert ground.peer(neighbour)["state"] == "Established"


@pytest.mark.parametrize("attributes", [
    attribute(TRANSITIVE, MP_REACH, mp_reach_value(IPV6, GLOBAL, "2001:db8:77::/48")),
    mp_reach(IPV6, UNSPECIFIED, "2001:db8:77::/48"),
    mp_reach(IPV6, address_bytes("ff02::1"), "2001:db8:77::/48"),
    mp_reach(IPV6, address_bytes("::1"), "2001:db8:77::/48"),
    mp_reach(IPV6, GLOBAL, "2001:db8:77::/48") + attribute(OPTIONAL, MED, b"x"),
], ids=["flags", "::", "multicast", "loopback", "another attribute"])
def test_ipv6_is_treated_as_withdraw(ground, pair, attributes):
    neighbour, observer = pair
    prefix = "2001:db8:77::/48"
    neighbour.send(update(origin() + PATH + mp_reach(IPV6, GLOBAL, prefix)))
    observer.wait_route(prefix)
    neighbour.send(update(origin() + PATH + attributes))
    observer.wait_withdrawn(prefix)
    assert ground.peer(neighbour)["state"] == "Established"


def test_bad_flags_of_mp_unreach(ground, pair):
    """RFC 7606 3 c: what it withdraws is withdrawn all the same."""
    neighbour, observer = pair
    neighbour.send(update(origin() + PATH + mp_reach(IPV6, GLOBAL, neighbour.prefix6)))
    observer.wait_route(neighbour.prefix6)
    value = struct.pack("!HB", IPV6, 1) + prefix_bytes(neighbour.prefix6)
    neighbour.send(update(attribute(BOTH, MP_UNREACH, value)))
    observer.wait_withdrawn(neighbour.prefix6)
    assert ground.peer(neighbour)["treatedAsWithdraw"] == 1


DISCARDED = {
    "ATOMIC_AGGREGATE length": (attribute(TRANSITIVE, ATOMIC_AGGREGATE, b"x"), ATOMIC_AGGREGATE),
    "AGGREGATOR length": (attribute(BOTH, AGGREGATOR, bytes(7)), AGGREGATOR),
    "AGGREGATOR of an old speaker": (attribute(BOTH, AGGREGATOR, b"\xfd\xea" + bytes(4)),
                                     AGGREGATOR),
    "AGGREGATOR with AS 0": (attribute(BOTH, AGGREGATOR, bytes(8)), AGGREGATOR),
    "AS4_PATH from a new speaker": (attribute(BOTH, AS4_PATH, segment(SEQUENCE, 1)), AS4_PATH),
    "AS4_AGGREGATOR from a new speaker": (attribute(BOTH, AS4_AGGREGATOR, bytes(8)),
                                          AS4_AGGREGATOR),
    "LOCAL_PREF from outside": (local_pref(500), LOCAL_PREF),
    "LOCAL_PREF from outside, short": (attribute(TRANSITIVE, LOCAL_PREF, b""), LOCAL_PREF),
    "ORIGINATOR_ID from outside": (attribute(OPTIONAL, ORIGINATOR_ID, bytes(4)), ORIGINATOR_ID),
    "CLUSTER_LIST from outside": (attribute(OPTIONAL, CLUSTER_LIST, b"x"), CLUSTER_LIST),
    "second ORIGIN": (origin(2), None),
    "second COMMUNITIES": (attribute(BOTH, COMMUNITIES, b"\0\1\0\1")
                           + attribute(BOTH, COMMUNITIES, b"x"), None),
    "MP_REACH_NLRI of another family": (mp_reach(25, GLOBAL, safi=65), MP_REACH),
    "MP_UNREACH_NLRI of another family": (mp_unreach(IPV4, safi=128), MP_UNREACH),
}


@pytest.mark.parametrize("more, kind", DISCARDED.values(), ids=DISCARDED)
def test_attribute_is_discarded(ground, pair, more, kind):
    """The route lives without it; of two attributes of a type the first counts."""
    neighbour, observer = pair
    neighbour.announce(neighbour.prefix, more=more)
    route = observer.wait_route(neighbour.prefix)
    assert kind not in route.attributes
    assert route.value(ORIGIN) == b"\0"
    if COMMUNITIES in route.attributes:
        assert route.value(COMMUNITIES) == b"\0\1\0\1"
    peer = ground.peer(neighbour)
    assert (peer["state"], peer["attributesDiscarded"]) == ("Established", 1)


UNKNOWN = attribute(TRANSITIVE, 99, b"abc")
BAD_NEXT_HOP_LENGTH = attribute(OPTIONAL, MP_REACH, b"\0\2\1\x05" + bytes(6))
BAD_MP_NLRI = attribute(OPTIONAL, MP_REACH, b"\0\2\1\x10" + GLOBAL + b"\0\x81" + bytes(17))
CUT_MP_NLRI = attribute(OPTIONAL, MP_REACH, b"\0\2\1\x10" + GLOBAL + b"\0\x40\x20")
SHORT_MP_REACH = attribute(OPTIONAL, MP_REACH, b"\0\2\1")
CUT_MP_HOP = attribute(OPTIONAL, MP_REACH, b"\0\2\1\x10" + bytes(10))
BAD_MP_UNREACH = attribute(OPTIONAL, MP_UNREACH, b"\0\2\1\x81")
SHORT_MP_UNREACH = attribute(OPTIONAL, MP_UNREACH, b"\0\2")
NLRI = prefix_bytes("10.160.0.0/24")

SESSION_RESET = {
    "Withdrawn Routes Length": (update(withdrawn=NLRI, withdrawn_length=100), 1, b""),
    "Total Path Attribute Length": (update(BASE, NLRI, attributes_length=200), 1, b""),
    "unknown well-known": (update(BASE + UNKNOWN, NLRI), 2, UNKNOWN),
    "unknown well-known without prefixes": (update(UNKNOWN), 2, UNKNOWN),
    "NLRI of 33 bits": (update(BASE, b"\x21" + bytes(5)), 10, b""),
    "NLRI cut": (update(BASE, NLRI + b"\x18\n"), 10, b""),
    "withdrawn of 33 bits": (update(withdrawn=b"\x21" + bytes(5)), 10, b""),
    "withdrawn cut": (update(withdrawn=b"\x18\n\1"), 10, b""),
    "MP_REACH_NLRI twice": (update(BASE + mp_reach(IPV6, GLOBAL) * 2), 1, b""),
    "MP_UNREACH_NLRI twice": (update(mp_unreach(IPV6) * 2), 1, b""),
    "next hop length": (update(BASE + BAD_NEXT_HOP_LENGTH), 9, BAD_NEXT_HOP_LENGTH),
    "IPv6 NLRI of 129 bits": (update(BASE + BAD_MP_NLRI), 9, BAD_MP_NLRI),
    "IPv6 NLRI cut": (update(BASE + CUT_MP_NLRI), 9, CUT_MP_NLRI),
    "MP_REACH_NLRI short": (update(BASE + SHORT_MP_REACH), 9, SHORT_MP_REACH),
    "MP_REACH_NLRI next hop cut": (update(BASE + CUT_MP_HOP), 9, CUT_MP_HOP),
    "MP_UNREACH_NLRI of 129 bits": (update(BAD_MP_UNREACH), 9, BAD_MP_UNREACH),
    "MP_UNREACH_NLRI short": (update(SHORT_MP_UNREACH), 9, SHORT_MP_UNREACH),
    # RFC 7606 5.2: there is nothing to withdraw in its place.
    "bad ORIGIN without prefixes": (update(instead(TRANSITIVE, ORIGIN, b"\3")), 6,
                                    attribute(TRANSITIVE, ORIGIN, b"\3")),
    "bad NLRI and bad attribute": (update(without(ORIGIN), b"\x21"), 10, b""),
}


@pytest.mark.parametrize("bad, subcode, data", SESSION_RESET.values(), ids=SESSION_RESET)
def test_session_is_reset(ground, pair, bad, subcode, data):
    neighbour, observer = pair
    neighbour.announce(neighbour.prefix)
    observer.wait_route(neighbour.prefix)
    neighbour.send(bad)
    neighbour.expect_notification(3, subcode, data)
    observer.wait_withdrawn(neighbour.prefix)
    ground.wait_failure(neighbour, "sent", 3, subcode)


# Attributes on their way through


def test_unknown_attributes(ground, pair):
    """RFC 4271 5: transitive ones go on with the Partial bit, in their place; others do not."""
    neighbour, observer = pair
    neighbour.announce(neighbour.prefix, more=(
        attribute(BOTH, 99, b"abc") + attribute(OPTIONAL, 98, b"no") + attribute(BOTH, 20, b"")
        + attribute(BOTH | PARTIAL, 200, b"x" * 3)
        + attribute(BOTH | EXTENDED, 201, bytes(300))))
    route = observer.wait_route(neighbour.prefix)
    assert 98 not in route.attributes
    for kind, value in ((20, b""), (99, b"abc"), (200, b"x" * 3), (201, bytes(300))):
        assert route.attributes[kind] == (BOTH | PARTIAL, value)
    assert list(route.attributes) == sorted(route.attributes)
    shown = [path for path in ground.kbgpd.ctl("routes", neighbour.prefix) if path["best"]][0]
    assert [unknown["type"] for unknown in shown["unknownAttributes"]] == [20, 99, 200, 201]


def test_known_attributes(ground, pair):
    neighbour, observer = pair
    more = {
        COMMUNITIES: (BOTH | PARTIAL, b"\xfc\0\0\1\xfc\0\0\2"),
        EXTENDED_COMMUNITIES: (BOTH, b"\0\2\xfc\0\0\0\0\1"),
        LARGE_COMMUNITIES: (BOTH, bytes(range(12))),
        ATOMIC_AGGREGATE: (TRANSITIVE, b""),
        AGGREGATOR: (BOTH, struct.pack("!I", WIDE) + address_bytes("10.9.9.9")),
    }
    # In no order, and with a long length field where none is needed.
    neighbour.send(update(
        attribute(OPTIONAL, MED, bytes(4))
        + b"".join(attribute(flags | EXTENDED, kind, value)
                   for kind, (flags, value) in more.items())
        + HOP + attribute(TRANSITIVE, AS_PATH, segment(SEQUENCE, 65002) + segment(SET, 65010))
        + origin(1), prefix_bytes(neighbour.prefix)))
    route = observer.wait_route(neighbour.prefix)
    assert MED not in route.attributes
    for kind, expected in more.items():
        assert route.attributes[kind] == expected
    assert route.attributes[ORIGIN] == (TRANSITIVE, b"\1")
    assert route.value(AS_PATH) == segment(SEQUENCE, NODE_ASN, 65002) + segment(SET, 65010)
    assert list(route.attributes) == sorted(route.attributes)


@pytest.mark.parametrize("more, forbidden", [
    (b"\xff\xff\xff\x01", True), (b"\xff\xff\xff\x02", True), (b"\xff\xff\xff\x03", True),
    (b"\xff\xff\0\0", False)], ids=["no-export", "no-advertise", "no-export-subconfed", "other"])
def test_communities_that_forbid(ground, pair, more, forbidden):
    neighbour, observer = pair
    neighbour.announce(neighbour.prefix, more=attribute(BOTH, COMMUNITIES, more))
    neighbour.announce("10.170.0.0/24")
    observer.wait_route("10.170.0.0/24")
    if forbidden:
        assert neighbour.prefix not in observer.routes
    else:
        observer.wait_route(neighbour.prefix)


def test_flags_without_meaning(ground, pair):
    """RFC 4271 4.3: the lower four bits are ignored, and not passed on; nor is a wrong Partial."""
    neighbour, observer = pair
    neighbour.send(update(
        attribute(TRANSITIVE | PARTIAL | 0x0f, ORIGIN, b"\0") + PATH + HOP
        + attribute(BOTH | 0x05, COMMUNITIES, bytes(4)) + attribute(BOTH | 0x0a, 99, b"x"),
        prefix_bytes(neighbour.prefix)))
    route = observer.wait_route(neighbour.prefix)
    assert route.flags(ORIGIN) == TRANSITIVE
    assert route.flags(COMMUNITIES) == BOTH
    assert route.flags(99) == BOTH | PARTIAL


def test_default_routes(ground, pair):
    neighbour, observer = pair
    neighbour.send(update(BASE + mp_reach(IPV6, GLOBAL, "::/0"), prefix_bytes("0.0.0.0/0")))
    observer.wait_route("0.0.0.0/0")
    observer.wait_route("::/0")


@pytest.mark.parametrize("prefix", ["127.0.0.0/8", "224.0.0.0/4", "169.254.1.0/24"])
def test_martian_prefix_is_not_accepted(ground, pair, prefix):
    neighbour, observer = pair
    neighbour.announce(prefix)
    neighbour.announce(neighbour.prefix)
    observer.wait_route(neighbour.prefix)
    assert prefix not in observer.routes
    assert ground.peer(neighbour)["families"]["ipv4"]["received"] == 2


def test_own_as_number_in_the_path(ground, pair):
    neighbour, observer = pair
    neighbour.announce(neighbour.prefix, path=[65002, NODE_ASN, 65010])
    neighbour.announce("10.171.0.0/24")
    observer.wait_route("10.171.0.0/24")
    assert neighbour.prefix not in observer.routes
    families = ground.peer(neighbour)["families"]["ipv4"]
    assert (families["received"], families["accepted"]) == (2, 1)


def test_our_own_address_as_next_hop(ground, pair):
    neighbour, observer = pair
    neighbour.send(update(without(NEXT_HOP) + next_hop(NODE), prefix_bytes(neighbour.prefix)))
    neighbour.announce("10.172.0.0/24")
    observer.wait_route("10.172.0.0/24")
    assert neighbour.prefix not in observer.routes


@pytest.mark.parametrize("hops, shown", [
    (GLOBAL, "2001:db8::ffff"), (GLOBAL + LINK_LOCAL, "2001:db8::ffff"),
    (UNSPECIFIED + LINK_LOCAL, "fe80::77"), (LINK_LOCAL, "fe80::77"),
    (LINK_LOCAL + LINK_LOCAL, "fe80::77"),
], ids=["global", "both", "unspecified and link-local", "link-local", "link-local twice"])
@pytest.mark.parametrize("afi", [IPV4, IPV6], ids=["IPv4 NLRI", "IPv6 NLRI"])
def test_next_hop_of_ipv6(ground, afi, hops, shown):
    """RFC 2545 3, RFC 8950 3, with any NEXT_HOP attribute beside it ignored."""
    neighbour = ground.established()
    prefix = neighbour.prefix if afi == IPV4 else neighbour.prefix6
    neighbour.send(update(origin() + PATH + attribute(TRANSITIVE, NEXT_HOP, b"")
                          + mp_reach(afi, hops, prefix)))
    wait_until(lambda: ground.kbgpd.ctl("routes", prefix)[0]["nextHop"] == shown, "the next hop")


def test_next_hop_of_ipv4_in_mp_reach(ground, pair):
    neighbour, observer = pair
    neighbour.send(update(origin() + PATH + mp_reach(IPV4, address_bytes(neighbour.address),
                                                     neighbour.prefix)))
    observer.wait_route(neighbour.prefix)
    neighbour.send(update(mp_unreach(IPV4, neighbour.prefix)))
    observer.wait_withdrawn(neighbour.prefix)


def test_ipv6_next_hop_of_ipv4_that_was_not_agreed(ground):
    """Without RFC 8950 that length is wrong."""
    neighbour = ground.neighbour()
    neighbour.to_established(capabilities=multiprotocol(IPV4) + multiprotocol(IPV6) + as4(65002))
    bad = mp_reach(IPV4, GLOBAL, neighbour.prefix)
    neighbour.send(update(origin() + PATH + bad))
    neighbour.expect_notification(3, 9, bad)


def test_both_ways_of_announcing_in_one_message(ground, pair):
    neighbour, observer = pair
    neighbour.send(update(neighbour.attributes(mp_reach(IPV6, GLOBAL, neighbour.prefix6)),
                          prefix_bytes(neighbour.prefix)))
    observer.wait_route(neighbour.prefix)
    observer.wait_route(neighbour.prefix6)
    neighbour.send(update(mp_unreach(IPV6, neighbour.prefix6),
                          withdrawn=prefix_bytes(neighbour.prefix)))
    observer.wait_withdrawn(neighbour.prefix)
    observer.wait_withdrawn(neighbour.prefix6)


def test_bits_behind_the_prefix_mean_nothing(ground, pair):
    neighbour, observer = pair
    neighbour.send(update(BASE, b"\x15\x0a\xa5\xff"))
    observer.wait_route("10.165.248.0/21")
    neighbour.send(update(withdrawn=b"\x15\x0a\xa5\xf8"))
    observer.wait_withdrawn("10.165.248.0/21")


def test_withdrawn_and_announced_in_one_message(ground, pair):
    """RFC 4271 4.3: as if it were announced only."""
    neighbour, observer = pair
    neighbour.announce(neighbour.prefix)
    observer.wait_route(neighbour.prefix)
    neighbour.send(update(BASE + attribute(BOTH, COMMUNITIES, b"\0\1\0\2"),
                          prefix_bytes(neighbour.prefix), prefix_bytes(neighbour.prefix)))
    observer.read_until(lambda: COMMUNITIES in observer.routes[neighbour.prefix].attributes)


def test_a_message_of_4096_octets(ground, pair):
    neighbour, observer = pair
    room = 4096 - 23 - len(BASE) - len(prefix_bytes(neighbour.prefix)) - 4
    neighbour.send(update(BASE + attribute(BOTH | EXTENDED, COMMUNITIES,
                                           bytes(room // 4 * 4)), prefix_bytes(neighbour.prefix)))
    wait_until(lambda: ground.peer(neighbour)["families"]["ipv4"]["accepted"] == 1, "the route")
    # A second AS number does not fit any more: it cannot be sent, and harms nobody.
    neighbour.announce("10.173.0.0/24")
    observer.wait_route("10.173.0.0/24")


# Neighbours of 2-octet AS numbers (RFC 6793)


@pytest.mark.parametrize("old, new, merged", [
    ([65002, 23456, 65010], [WIDE, 65010], [65002, WIDE, 65010]),
    ([65002, 23456, 23456], [WIDE + 1, WIDE], [65002, WIDE + 1, WIDE]),
    ([65002, 23456], [65010, 65002, WIDE], [65002, 23456]),
    ([65002, 23456], [], [65002, 23456]),
], ids=["merged", "two", "longer is ignored", "none"])
def test_path_of_an_old_speaker(ground, old, new, merged):
    neighbour = ground.established(capabilities=multiprotocol(IPV4), families=[IPV4], size=2)
    observer = ground.established("observer")
    more = attribute(BOTH, AS4_PATH, segment(SEQUENCE, *new)) if new else b""
    neighbour.announce(neighbour.prefix, path=old, more=more)
    route = observer.wait_route(neighbour.prefix)
    assert route.asns() == [NODE_ASN, *merged]
    assert AS4_PATH not in route.attributes
    assert ground.kbgpd.ctl("routes", neighbour.prefix)[0]["asPath"] == merged


@pytest.mark.parametrize("asn, path, expected", [
    (23456, [65002, WIDE], WIDE), (65010, [65002, 23456], 65010)], ids=["AS_TRANS", "its own"])
def test_aggregator_of_an_old_speaker(ground, asn, path, expected):
    """RFC 6793 4.2.3: an AGGREGATOR that is not AS_TRANS makes what is beside it stale."""
    neighbour = ground.established(capabilities=multiprotocol(IPV4), families=[IPV4], size=2)
    observer = ground.established("observer")
    neighbour.announce(neighbour.prefix, path=[65002, 23456], more=(
        attribute(BOTH, AGGREGATOR, struct.pack("!H", asn) + bytes(4))
        + attribute(BOTH, AS4_PATH, segment(SEQUENCE, WIDE))
        + attribute(BOTH, AS4_AGGREGATOR, struct.pack("!I", WIDE) + bytes(4))))
    route = observer.wait_route(neighbour.prefix)
    assert route.value(AGGREGATOR) == struct.pack("!I", expected) + bytes(4)
    assert route.asns() == [NODE_ASN, *path]


@pytest.mark.parametrize("more, treated, discarded", [
    (attribute(BOTH, AS4_PATH, b"\2\2" + bytes(4)), 0, 1),
    (attribute(BOTH, AS4_PATH, b""), 0, 1),
    (attribute(BOTH, AS4_AGGREGATOR, bytes(7)), 0, 1),
    (attribute(TRANSITIVE, AS4_PATH, segment(SEQUENCE, 1)), 1, 0),
], ids=["AS4_PATH overruns", "AS4_PATH empty", "AS4_AGGREGATOR length", "AS4_PATH flags"])
def test_bad_as4_attribute(ground, more, treated, discarded):
    neighbour = ground.established(capabilities=multiprotocol(IPV4), families=[IPV4], size=2)
    neighbour.announce(neighbour.prefix, more=more)
    def is_counted():
        peer = ground.peer(neighbour)
        return (peer["treatedAsWithdraw"], peer["attributesDiscarded"]) == (treated, discarded)
    wait_until(is_counted, "the verdict")
    assert ground.peer(neighbour)["families"]["ipv4"]["accepted"] == discarded


def test_path_for_an_old_speaker(ground):
    neighbour, observer = ground.established(), ground.neighbour("observer")
    observer.to_established(capabilities=multiprotocol(IPV4), families=[IPV4], size=2)
    neighbour.announce(neighbour.prefix, path=[65002, WIDE], more=attribute(
        BOTH, AGGREGATOR, struct.pack("!I", WIDE) + address_bytes("10.9.9.9")))
    route = observer.wait_route(neighbour.prefix)
    assert route.asns() == [NODE_ASN, 65002, 23456]
    assert route.attributes[AS4_PATH] == (BOTH, segment(SEQUENCE, NODE_ASN, 65002, WIDE))
    assert route.value(AGGREGATOR) == struct.pack("!H", 23456) + address_bytes("10.9.9.9")
    assert route.value(AS4_AGGREGATOR) == struct.pack("!I", WIDE) + address_bytes("10.9.9.9")


def test_narrow_path_needs_no_as4_path(ground):
    neighbour, observer = ground.established(), ground.neighbour("observer")
    observer.to_established(capabilities=multiprotocol(IPV4), families=[IPV4], size=2)
    neighbour.announce(neighbour.prefix)
    assert AS4_PATH not in observer.wait_route(neighbour.prefix).attributes


def test_long_as_numbers_on_both_sides(ground):
    neighbour = ground.established("wide")
    assert neighbour.routes["10.2.0.0/24"].asns()[0] == WIDE
    neighbour.announce(neighbour.prefix)
    # RFC 7705 3: the number that they know us by is in front of what they send, too.
    wait_until(lambda: ground.kbgpd.ctl("routes", neighbour.prefix)[0]["asPath"]
               == [WIDE, 4200000000], "the route")


# Anything


def some_attributes(dice, neighbour):
    """Attributes of every kind, each there or not, with lists of any length."""
    size, top = neighbour.size, 256 ** neighbour.size - 1

    def numbers(count, width, limit=None):
        return b"".join(dice.randint(1, limit or 256 ** width - 1).to_bytes(width, "big")
                        for _ in range(count))

    path = b"".join(bytes([dice.choice((SEQUENCE, SEQUENCE, SET)), count])
                    + numbers(count, size, top)
                    for count in (dice.randint(1, 200) for _ in range(dice.randint(1, 3))))
    more = [
        attribute(OPTIONAL, MED, numbers(1, 4)),
        attribute(TRANSITIVE, ATOMIC_AGGREGATE, b""),
        attribute(BOTH, AGGREGATOR, numbers(1, size) + numbers(1, 4)),
        attribute(BOTH | EXTENDED, COMMUNITIES, numbers(dice.randint(1, 90), 4)),
        attribute(BOTH | EXTENDED, EXTENDED_COMMUNITIES, numbers(dice.randint(1, 40), 8)),
        attribute(BOTH | EXTENDED, LARGE_COMMUNITIES, numbers(dice.randint(1, 20), 12)),
        attribute(BOTH, AS4_PATH, segment(SEQUENCE, WIDE, 65010)),
        attribute(BOTH, AS4_AGGREGATOR, numbers(2, 4)),
        attribute(BOTH | EXTENDED, dice.randint(100, 255), bytes(dice.randint(0, 300))),
    ]
    chosen = [origin(dice.randint(0, 2)),
              attribute(TRANSITIVE | EXTENDED, AS_PATH, path),
              next_hop(neighbour.address),
              *dice.sample(more, dice.randint(0, len(more)))]
    dice.shuffle(chosen)
    return b"".join(chosen)


def spoil(dice, data):
    """One octet is another, one time in three."""
    if dice.random() > 0.3:
        return data
    at = dice.randrange(len(data))
    return data[:at] + bytes([dice.randrange(256)]) + data[at + 1:]


@pytest.mark.parametrize("seed", range(8))
def test_what_is_passed_on_is_well_formed(ground, seed):
    """Whatever comes in; Neighbour takes apart strictly what goes out, in both forms."""
    dice, sent = random.Random(seed), 0
    old = {"capabilities": multiprotocol(IPV4), "families": [IPV4], "size": 2}
    observers = [ground.established("observer"), ground.neighbour("observer").to_established(**old)]
    neighbour = ground.established(**(old if seed % 2 else {}))
    end = f"10.180.{seed}.0/24"
    while sent < 150:
        try:
            for _ in range(10):
                prefixes = prefix_bytes(*(f"10.{181 + seed}.{dice.randrange(64)}.0/24"
                                          for _ in range(dice.randint(1, 20))))
                neighbour.send(update(spoil(dice, some_attributes(dice, neighbour)), prefixes))
                sent += 1
            assert ground.peer(neighbour)["state"] == "Established"
        except (AssertionError, OSError):   # it was too bad for this session
            neighbour = ground.established(**(old if seed % 2 else {}))
    neighbour.announce(end)
    for observer in observers:
        route = observer.wait_route(end)
        assert route.asns() == [NODE_ASN, neighbour.asn]
        assert observer.updates > 30
    neighbour.close()
    for observer in observers:
        observer.wait_withdrawn(end)
