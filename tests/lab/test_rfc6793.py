"""RFC 6793: AS numbers of four octets, with neighbours that know them and with others."""

import struct

import pytest

from lab import wait_until
from scripted import (
    AGGREGATOR, AS4_AGGREGATOR, AS4_PATH, AS_PATH, BOTH, CONFED_SEQUENCE, IPV4, SEQUENCE, SET,
    TRANSITIVE, address_bytes, attribute, multiprotocol, next_hop, origin, prefix_bytes, segment,
    update)
from wire import *  # noqa: F401,F403  (the fixtures)
from wire import NODE_ASN, WIDE, check_discard

OLD = {"capabilities": multiprotocol(IPV4), "families": [IPV4], "size": 2}


@pytest.fixture
def for_old(ground):
    """A neighbour that announces, and an old speaker that is passed on what it does."""
    return ground.established(), ground.neighbour("observer").to_established(**OLD)


# 4.1: between new speakers


def test_rfc6793_4_1_four_octets_between_new_speakers(ground, pair):
    neighbour, observer = pair
    neighbour.announce(neighbour.prefix, path=[65002, WIDE])
    assert observer.wait_route(neighbour.prefix).asns() == [NODE_ASN, 65002, WIDE]


@pytest.mark.parametrize("kind, value", [
    (AS4_PATH, segment(SEQUENCE, 1)), (AS4_AGGREGATOR, b"\1" * 8)], ids=["path", "aggregator"])
def test_rfc6793_4_1_as4_attributes_of_a_new_speaker_are_discarded(ground, pair, kind, value):
    route = check_discard(ground, pair, attribute(BOTH, kind, value), kind)
    assert route.asns() == [NODE_ASN, 65002]


def test_rfc6793_4_1_as4_attributes_are_not_sent_to_a_new_speaker(ground, pair):
    neighbour, observer = pair
    neighbour.announce(neighbour.prefix, path=[65002, WIDE], more=attribute(
        BOTH, AGGREGATOR, struct.pack("!I", WIDE) + address_bytes("10.9.9.9")))
    route = observer.wait_route(neighbour.prefix)
    assert not {AS4_PATH, AS4_AGGREGATOR} & set(route.attributes)


# 4.2.2: what an old speaker is sent


def test_rfc6793_4_2_2_long_numbers_are_as_trans_and_stand_in_as4_path(ground, for_old):
    neighbour, observer = for_old
    neighbour.announce(neighbour.prefix, path=[65002, WIDE])
    route = observer.wait_route(neighbour.prefix)
    assert route.asns() == [NODE_ASN, 65002, 23456]
    assert route.attributes[AS4_PATH] == (BOTH, segment(SEQUENCE, NODE_ASN, 65002, WIDE))


def test_rfc6793_4_2_2_as4_path_keeps_sets(ground, for_old):
    neighbour, observer = for_old
    path = segment(SEQUENCE, 65002) + segment(SET, WIDE, 65010)
    neighbour.send(update(origin() + attribute(TRANSITIVE, AS_PATH, path)
                          + next_hop(neighbour.address), prefix_bytes(neighbour.prefix)))
    route = observer.wait_route(neighbour.prefix)
    assert route.value(AS4_PATH)[:10] == segment(SEQUENCE, NODE_ASN, 65002)
    assert route.value(AS4_PATH)[10:12] == bytes([SET, 2])


def test_rfc6793_4_2_2_no_as4_path_if_all_numbers_are_short(ground, for_old):
    neighbour, observer = for_old
    neighbour.announce(neighbour.prefix, path=[65002, 65010])
    assert AS4_PATH not in observer.wait_route(neighbour.prefix).attributes


@pytest.mark.parametrize("asn", [WIDE, 65010])
def test_rfc6793_4_2_2_aggregator(ground, for_old, asn):
    """AS4_AGGREGATOR is for a long number only."""
    neighbour, observer = for_old
    address = address_bytes("10.9.9.9")
    neighbour.announce(neighbour.prefix, more=attribute(
        BOTH, AGGREGATOR, struct.pack("!I", asn) + address))
    route = observer.wait_route(neighbour.prefix)
    if asn == WIDE:
        assert route.value(AGGREGATOR) == struct.pack("!H", 23456) + address
        assert route.attributes[AS4_AGGREGATOR] == (BOTH, struct.pack("!I", WIDE) + address)
    else:
        assert route.value(AGGREGATOR) == struct.pack("!H", asn) + address
        assert AS4_AGGREGATOR not in route.attributes


# 4.2.3: what an old speaker sends


@pytest.mark.parametrize("came, as4, merged", [
    ([65002, 23456, 65010], [WIDE, 65010], [65002, WIDE, 65010]),
    ([65002, 23456, 23456], [WIDE + 1, WIDE], [65002, WIDE + 1, WIDE]),
    ([65002, 23456], [65002, WIDE], [65002, WIDE]),
    ([65002, 23456], [], [65002, 23456]),
], ids=["merged", "two", "of equal length", "none"])
def test_rfc6793_4_2_3_paths_are_merged(ground, old, came, as4, merged):
    neighbour, observer = old
    more = attribute(BOTH, AS4_PATH, segment(SEQUENCE, *as4)) if as4 else b""
    neighbour.announce(neighbour.prefix, path=came, more=more)
    route = observer.wait_route(neighbour.prefix)
    assert route.asns() == [NODE_ASN, *merged]
    assert AS4_PATH not in route.attributes
    assert ground.path(neighbour.prefix, neighbour)["asPath"] == merged


@pytest.mark.parametrize("came, as4, merged", [
    ([(SEQUENCE, 65002), (SET, 23456, 5)], [(SET, WIDE, 5)], [(SEQUENCE, 65002), (SET, WIDE, 5)]),
    ([(SEQUENCE, 65002, 23456), (SET, 23456, 5)], [(SEQUENCE, WIDE), (SET, WIDE, 5, 6, 7)],
     [(SEQUENCE, 65002, WIDE), (SET, WIDE, 5, 6, 7)]),
], ids=["set alone", "longer set"])
def test_rfc6793_4_2_3_set_counts_as_one(old, came, as4, merged):
    """As in RFC 4271 9.1.2.2: the length of a path is not its number of AS numbers."""
    neighbour, observer = old
    path = b"".join(segment(*part, size=2) for part in came)
    more = attribute(BOTH, AS4_PATH, b"".join(segment(*part) for part in as4))
    neighbour.send(update(origin() + attribute(TRANSITIVE, AS_PATH, path)
                          + next_hop(neighbour.address) + more, prefix_bytes(neighbour.prefix)))
    found = observer.wait_route(neighbour.prefix).value(AS_PATH)
    kind, *asns = merged[0]
    assert found == segment(kind, NODE_ASN, *asns) + segment(*merged[1])


def test_rfc6793_4_2_3_longer_as4_path_is_ignored(old):
    neighbour, observer = old
    neighbour.announce(neighbour.prefix, path=[65002, 23456], more=attribute(
        BOTH, AS4_PATH, segment(SEQUENCE, 65010, 65002, WIDE)))
    assert observer.wait_route(neighbour.prefix).asns() == [NODE_ASN, 65002, 23456]


def announce_aggregate(old, asn):
    neighbour, observer = old
    neighbour.announce(neighbour.prefix, path=[65002, 23456], more=(
        attribute(BOTH, AGGREGATOR, struct.pack("!H", asn) + bytes(4))
        + attribute(BOTH, AS4_PATH, segment(SEQUENCE, WIDE))
        + attribute(BOTH, AS4_AGGREGATOR, struct.pack("!I", WIDE) + bytes(4))))
    return observer.wait_route(neighbour.prefix)


def test_rfc6793_4_2_3_aggregator_of_as_trans_is_replaced(old):
    route = announce_aggregate(old, 23456)
    assert route.value(AGGREGATOR) == struct.pack("!I", WIDE) + bytes(4)
    assert route.asns() == [NODE_ASN, 65002, WIDE]


def test_rfc6793_4_2_3_other_aggregator_makes_both_as4_attributes_stale(old):
    route = announce_aggregate(old, 65010)
    assert route.value(AGGREGATOR) == struct.pack("!I", 65010) + bytes(4)
    assert route.asns() == [NODE_ASN, 65002, 23456]


# 6: error handling


@pytest.mark.parametrize("value", [
    b"\2\2" + bytes(4), b"", b"\2\1\0\0", segment(SEQUENCE, 1) + b"\2", b"\2\0" + segment(SET, 1),
    segment(5, 1)], ids=["overruns", "empty", "too short", "odd", "empty segment", "segment 5"])
def test_rfc6793_6_malformed_as4_path_is_discarded(ground, old, value):
    route = check_discard(ground, old, attribute(BOTH, AS4_PATH, value), AS4_PATH)
    assert route.asns() == [NODE_ASN, 65002]


@pytest.mark.parametrize("length", [0, 6, 7, 9])
def test_rfc6793_6_malformed_as4_aggregator_is_discarded(ground, old, length):
    check_discard(ground, old, attribute(BOTH, AS4_AGGREGATOR, b"\1" * length), AS4_AGGREGATOR)


def test_rfc6793_6_segments_of_a_confederation_in_as4_path_are_dropped(old):
    neighbour, observer = old
    neighbour.announce(neighbour.prefix, path=[65002, 23456], more=attribute(
        BOTH, AS4_PATH, segment(CONFED_SEQUENCE, 65030) + segment(SEQUENCE, WIDE)))
    assert observer.wait_route(neighbour.prefix).asns() == [NODE_ASN, 65002, WIDE]


def test_rfc6793_4_2_3_long_path_on_both_sides(ground):
    neighbour = ground.established("wide")
    neighbour.announce(neighbour.prefix)
    wait_until(lambda: ground.path(neighbour.prefix, neighbour)["asPath"][-1] == 4200000000,
               "the route")
