"""Communities of all kinds: RFC 1997, 4360, 5668, 8092 and 7999."""

import struct

import pytest

from scripted import (
    BOTH, COMMUNITIES, EXTENDED_COMMUNITIES, IPV6_COMMUNITIES, LARGE_COMMUNITIES, address_bytes,
    attribute)
from wire import *  # noqa: F401,F403  (the fixtures)
from wire import check_withdraw

NO_EXPORT, NO_ADVERTISE, NO_EXPORT_SUBCONFED = (struct.pack("!I", 0xffffff01 + n) for n in range(3))


def check_kept_from(ground, kind, value, kept):
    """A route of an external neighbour with this community, and another without it."""
    neighbour, listener = ground.established(), ground.established(kind)
    neighbour.announce(neighbour.prefix, more=attribute(BOTH, COMMUNITIES, value))
    neighbour.announce("10.170.0.0/24")
    listener.wait_route("10.170.0.0/24")
    if kept:
        assert neighbour.prefix not in listener.routes
    else:
        assert listener.wait_route(neighbour.prefix).value(COMMUNITIES) == value
    neighbour.withdraw("10.170.0.0/24")
    listener.wait_withdrawn("10.170.0.0/24")


# RFC 1997, "Well-known Communities": it has no section numbers


@pytest.mark.parametrize("kind, kept", [("observer", True), ("inner", False)])
def test_rfc1997_well_known_no_export_is_for_our_own_as(ground, kind, kept):
    check_kept_from(ground, kind, NO_EXPORT, kept)


@pytest.mark.parametrize("kind", ["observer", "inner"])
def test_rfc1997_well_known_no_advertise_is_for_nobody_else(ground, kind):
    check_kept_from(ground, kind, NO_ADVERTISE, True)


def test_rfc1997_well_known_no_export_subconfed_is_not_for_external_peers(ground):
    check_kept_from(ground, "observer", NO_EXPORT_SUBCONFED, True)


@pytest.mark.parametrize("value", [b"\xff\xff\0\0", b"\0\0\0\0", b"\xff\xff\xff\xff"],
                         ids=["65535:0", "0:0", "65535:65535"])
def test_rfc1997_well_known_other_communities_forbid_nothing_and_go_on(ground, value):
    check_kept_from(ground, "observer", value, False)


def test_rfc1997_well_known_one_of_many_is_enough(ground):
    check_kept_from(ground, "observer", b"\0\1\0\1" + NO_EXPORT + b"\0\2\0\2", True)


# RFC 4360 and 5668: extended communities


def test_rfc4360_2_transitive_communities_go_on(ground, pair):
    neighbour, observer = pair
    value = b"\0\2\xfd\xea\0\0\0\1" + b"\1\3\n\0\0\1\0\7" + b"\3\x0b" + bytes(6)
    neighbour.announce(neighbour.prefix, more=attribute(BOTH, EXTENDED_COMMUNITIES, value))
    assert observer.wait_route(neighbour.prefix).attributes[EXTENDED_COMMUNITIES] == (BOTH, value)


def test_rfc5668_2_four_octet_as_specific_communities_go_on(ground, pair):
    neighbour, observer = pair
    value = b"\2\2" + struct.pack("!IH", 4200000001, 7)
    neighbour.announce(neighbour.prefix, more=attribute(BOTH, EXTENDED_COMMUNITIES, value))
    assert observer.wait_route(neighbour.prefix).value(EXTENDED_COMMUNITIES) == value
    shown = ground.path(neighbour.prefix, neighbour)["extendedCommunities"]
    assert len(shown) == 1 and "4200000001:7" in shown[0]


# RFC 8092: large communities


def test_rfc8092_3_large_communities_go_on(ground, pair):
    neighbour, observer = pair
    value = struct.pack("!III", 4200000001, 0, 7)
    neighbour.announce(neighbour.prefix, more=attribute(BOTH, LARGE_COMMUNITIES, value))
    assert observer.wait_route(neighbour.prefix).attributes[LARGE_COMMUNITIES] == (BOTH, value)


def test_rfc8092_3_duplicates_are_removed(ground, pair):
    """In silence: they are no error (6)."""
    neighbour, observer = pair
    first, second = struct.pack("!III", 1, 2, 3), struct.pack("!III", 1, 2, 4)
    neighbour.announce(neighbour.prefix, more=attribute(
        BOTH, LARGE_COMMUNITIES, first + second + first))
    assert observer.wait_route(neighbour.prefix).value(LARGE_COMMUNITIES) == first + second


def test_rfc8092_5_canonical_form(ground, pair):
    neighbour, observer = pair
    value = struct.pack("!IIIIII", 64496, 0, 0, 64496, 4294967295, 2)
    neighbour.announce(neighbour.prefix, more=attribute(BOTH, LARGE_COMMUNITIES, value))
    observer.wait_route(neighbour.prefix)
    assert ground.path(neighbour.prefix, neighbour)["largeCommunities"] == [
        "64496:0:0", "64496:4294967295:2"]


@pytest.mark.parametrize("length", [0, 4, 8, 11, 13, 20])
def test_rfc8092_6_wrong_length_is_treated_as_withdraw(ground, pair, length):
    base = pair[0].attributes()
    check_withdraw(ground, pair, base + attribute(BOTH, LARGE_COMMUNITIES, bytes(length)))


@pytest.mark.parametrize("asn", [0, 65535, 4294967295])
def test_rfc8092_6_reserved_as_is_no_error(ground, pair, asn):
    neighbour, observer = pair
    value = struct.pack("!III", asn, 1, 2)
    neighbour.announce(neighbour.prefix, more=attribute(BOTH, LARGE_COMMUNITIES, value))
    assert observer.wait_route(neighbour.prefix).value(LARGE_COMMUNITIES) == value


# RFC 7999: BLACKHOLE


def test_rfc7999_3_1_blackhole_says_nothing_by_itself(ground, pair):
    """The route is used and passed on like any other, unless a filter says what to do with it."""
    neighbour, observer = pair
    value = b"\xff\xff\x02\x9a"
    neighbour.announce(neighbour.prefix, more=attribute(BOTH, COMMUNITIES, value))
    assert observer.wait_route(neighbour.prefix).value(COMMUNITIES) == value
    assert ground.path(neighbour.prefix, neighbour)["communities"] in (["65535:666"], ["blackhole"])


# RFC 5701: extended communities with IPv6 addresses


def test_rfc5701_2_ipv6_communities_go_on(ground, pair):
    neighbour, observer = pair
    value = b"\0\2" + address_bytes("2001:db8::1") + b"\0\7"
    neighbour.announce(neighbour.prefix, more=attribute(BOTH, IPV6_COMMUNITIES, value))
    assert observer.wait_route(neighbour.prefix).attributes[IPV6_COMMUNITIES] == (BOTH, value)


def test_rfc5701_2_non_transitive_ones_stay_inside(ground, pair):
    neighbour, observer = pair
    inner = ground.established("inner")
    values = [first + b"\2" + address_bytes("2001:db8::1") + b"\0\7"
              for first in (b"\0", b"\x40")]
    neighbour.announce(neighbour.prefix, more=attribute(BOTH, IPV6_COMMUNITIES, b"".join(values)))
    assert observer.wait_route(neighbour.prefix).value(IPV6_COMMUNITIES) == values[0]
    assert len(inner.wait_route(neighbour.prefix).value(IPV6_COMMUNITIES)) == 40
