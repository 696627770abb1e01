"""RFC 7606: malformed UPDATEs, each with the weakest treatment that is safe.

The first half says when which treatment is used (2 to 5), the second goes through the attributes
(7).  With RFC 7607 2 (AS 0) and RFC 5065 5 (segments of a confederation).  See wire.py for the lab.
"""

import pytest

from scripted import (
    AGGREGATOR, AS4_AGGREGATOR, AS4_PATH, AS_PATH, ATOMIC_AGGREGATE, BOTH, CLUSTER_LIST,
    COMMUNITIES, CONFED_SEQUENCE, CONFED_SET, EXTENDED_COMMUNITIES, IPV4, IPV6, IPV6_COMMUNITIES,
    LOCAL_PREF, MED, MP_REACH, MP_UNREACH, NEXT_HOP, OPTIONAL, ORIGIN, ORIGINATOR_ID, SEQUENCE,
    TRANSITIVE, address_bytes, as_path, attribute, local_pref, mp_reach, mp_unreach, next_hop,
    origin, prefix_bytes, segment, update)
from wire import *  # noqa: F401,F403  (the fixtures)
from wire import check_discard, check_reset, check_withdraw

GLOBAL = address_bytes("2001:db8::ffff")
PATH = as_path(65002)
HOP = next_hop("10.0.255.1")
BASE = origin() + PATH + HOP
INTERNAL = BASE + local_pref()
NLRI = prefix_bytes("10.160.0.0/24")


def without(kind):
    """The mandatory attributes but one."""
    parts = {ORIGIN: origin(), AS_PATH: PATH, NEXT_HOP: HOP}
    return b"".join(value for other, value in parts.items() if other != kind)


def instead(flags, kind, value, **options):
    """The mandatory attributes, one of them another."""
    return without(kind) + attribute(flags, kind, value, **options)


def each(cases):
    """A parametrization over a dictionary."""
    return pytest.mark.parametrize("case", cases.values(), ids=cases)


@pytest.fixture
def inside(ground):
    """An internal neighbour that announces, and an external one that is passed on what it does."""
    return ground.established("ibgp"), ground.established("observer")


# 2: the treatments


def test_rfc7606_2_treat_as_withdraw_takes_every_prefix_of_the_message(ground, pair):
    """Those of its own field and those of MP_REACH_NLRI; what it withdraws is withdrawn anyhow."""
    neighbour, observer = pair
    prefixes = ["10.161.0.0/24", "10.161.1.0/24", "2001:db8:61::/48", "10.161.2.0/24"]
    neighbour.announce(*prefixes[:2], prefixes[3])
    neighbour.send(update(origin() + PATH + mp_reach(IPV6, GLOBAL, prefixes[2])))
    for prefix in prefixes:
        observer.wait_route(prefix)
    neighbour.send(update(
        instead(TRANSITIVE, ORIGIN, b"\3") + mp_reach(IPV6, GLOBAL, prefixes[2]),
        prefix_bytes(*prefixes[:2]), prefix_bytes(prefixes[3])))
    for prefix in prefixes:
        observer.wait_withdrawn(prefix)
    assert ground.peer(neighbour)["state"] == "Established"


def test_rfc7606_2_discard_leaves_the_other_attributes(ground, pair):
    more = attribute(BOTH, AGGREGATOR, bytes(7)) + attribute(BOTH, COMMUNITIES, bytes(4))
    assert COMMUNITIES in check_discard(ground, pair, more, AGGREGATOR).attributes


# 3: the rules


@each({
    "Withdrawn Routes Length": update(withdrawn=NLRI, withdrawn_length=100),
    "Total Path Attribute Length": update(BASE, NLRI, attributes_length=200),
})
def test_rfc7606_3_b_field_runs_over_the_end_of_the_message(ground, pair, case):
    check_reset(ground, pair, case, 3, 1)


@each({
    "ORIGIN optional": instead(BOTH, ORIGIN, b"\0"),
    "ORIGIN not transitive": instead(0, ORIGIN, b"\0"),
    "AS_PATH optional": instead(BOTH, AS_PATH, segment(SEQUENCE, 65002)),
    "NEXT_HOP optional": instead(BOTH, NEXT_HOP, address_bytes("10.0.255.1")),
    "MULTI_EXIT_DISC transitive": BASE + attribute(BOTH, MED, bytes(4)),
    "MULTI_EXIT_DISC well-known": BASE + attribute(TRANSITIVE, MED, bytes(4)),
    "ATOMIC_AGGREGATE optional": BASE + attribute(BOTH, ATOMIC_AGGREGATE, b""),
    "AGGREGATOR not transitive": BASE + attribute(OPTIONAL, AGGREGATOR, bytes(4) + b"\1" * 4),
    "AGGREGATOR well-known": BASE + attribute(TRANSITIVE, AGGREGATOR, b"\1" * 8),
    "COMMUNITIES not transitive": BASE + attribute(OPTIONAL, COMMUNITIES, bytes(4)),
    "COMMUNITIES well-known": BASE + attribute(TRANSITIVE, COMMUNITIES, bytes(4)),
    "EXTENDED_COMMUNITIES not transitive": BASE + attribute(
        OPTIONAL, EXTENDED_COMMUNITIES, bytes(8)),
})
def test_rfc7606_3_c_conflicting_flags(ground, pair, case):
    check_withdraw(ground, pair, case)


@each({
    "LOCAL_PREF": BASE + attribute(BOTH, LOCAL_PREF, bytes(4)),
    "ORIGINATOR_ID": INTERNAL + attribute(BOTH, ORIGINATOR_ID, bytes(4)),
    "CLUSTER_LIST": INTERNAL + attribute(BOTH, CLUSTER_LIST, bytes(4)),
})
def test_rfc7606_3_c_conflicting_flags_from_inside(ground, inside, case):
    check_withdraw(ground, inside, case)


@each({"ORIGIN": ORIGIN, "AS_PATH": AS_PATH, "NEXT_HOP": NEXT_HOP})
def test_rfc7606_3_d_missing_mandatory_attribute(ground, pair, case):
    check_withdraw(ground, pair, without(case))


def test_rfc7606_3_d_all_are_missing(ground, pair):
    check_withdraw(ground, pair, b"")


def test_rfc7606_3_d_missing_local_pref_from_inside(ground, inside):
    check_withdraw(ground, inside, BASE)


@each({"ORIGIN": PATH, "AS_PATH": origin()})
def test_rfc7606_3_d_missing_beside_mp_reach(ground, pair, case):
    neighbour, observer = pair
    neighbour.send(update(origin() + PATH + mp_reach(IPV6, GLOBAL, neighbour.prefix6)))
    observer.wait_route(neighbour.prefix6)
    neighbour.send(update(case + mp_reach(IPV6, GLOBAL, neighbour.prefix6)))
    observer.wait_withdrawn(neighbour.prefix6)
    assert ground.peer(neighbour)["state"] == "Established"


@each({"MP_REACH_NLRI": BASE + mp_reach(IPV6, GLOBAL) * 2, "MP_UNREACH_NLRI": mp_unreach(IPV6) * 2,
       "of two families": BASE + mp_reach(IPV6, GLOBAL) + mp_reach(25, GLOBAL, safi=65)})
def test_rfc7606_3_g_second_mp_attribute(ground, pair, case):
    check_reset(ground, pair, update(case), 3, 1)


@each({
    "ORIGIN": (origin(2), ORIGIN, b"\0"),
    "COMMUNITIES": (attribute(BOTH, COMMUNITIES, b"\0\1\0\1") + attribute(BOTH, COMMUNITIES, b"x"),
                    COMMUNITIES, b"\0\1\0\1"),
    "unknown": (attribute(BOTH, 99, b"1") + attribute(BOTH, 99, b"2"), 99, b"1"),
})
def test_rfc7606_3_g_first_of_two_attributes_counts(ground, pair, case):
    """Even if the second is malformed: it is not looked at."""
    neighbour, observer = pair
    more, kind, value = case
    neighbour.announce(neighbour.prefix, more=more)
    assert observer.wait_route(neighbour.prefix).value(kind) == value
    peer = ground.peer(neighbour)
    assert (peer["state"], peer["treatedAsWithdraw"]) == ("Established", 0)


DISCARDED = attribute(TRANSITIVE, ATOMIC_AGGREGATE, b"x")
WITHDRAWN = attribute(OPTIONAL, MED, b"")
RESET = attribute(TRANSITIVE, 99, b"abc")


@each({"discard first": DISCARDED + WITHDRAWN, "withdraw first": WITHDRAWN + DISCARDED})
def test_rfc7606_3_h_withdraw_is_stronger_than_discard(ground, pair, case):
    check_withdraw(ground, pair, BASE + case)


@each({"withdraw first": WITHDRAWN + RESET, "reset first": RESET + WITHDRAWN,
       "discard first": DISCARDED + RESET})
def test_rfc7606_3_h_reset_is_stronger_than_all(ground, pair, case):
    check_reset(ground, pair, update(BASE + case, NLRI), 3, 2, RESET)


@each({"33 bits": b"\x21" + bytes(5), "cut": b"\x18\n\1", "second": NLRI + b"\x20\n"})
def test_rfc7606_3_i_withdrawn_routes_are_checked_like_nlri(ground, pair, case):
    check_reset(ground, pair, update(withdrawn=case), 3, 10)


@each({
    "missing attribute and bad NLRI": (update(without(ORIGIN), b"\x21"), 10, b""),
    "bad attribute and bad MP_REACH_NLRI": (
        update(BASE + WITHDRAWN + attribute(OPTIONAL, MP_REACH, b"\0\2\1")), 9,
        attribute(OPTIONAL, MP_REACH, b"\0\2\1")),
})
def test_rfc7606_3_j_prefixes_that_cannot_be_found_reset_the_session(ground, pair, case):
    bad, subcode, data = case
    check_reset(ground, pair, bad, 3, subcode, data)


# 4: attribute lengths


@each({
    "overruns": BASE + attribute(BOTH, COMMUNITIES, bytes(4), length=200),
    "overruns by one": BASE + attribute(BOTH, COMMUNITIES, bytes(4), length=5),
    "flags alone": BASE + b"\xc0",
    "flags and type": BASE + b"\xc0\x08",
    "half of a long length": BASE + b"\xd0\x08\0",
})
def test_rfc7606_4_attribute_runs_over_the_end_of_the_field(ground, pair, case):
    """The prefixes are found by Total Path Attribute Length all the same."""
    check_withdraw(ground, pair, case)


@each({"MP_REACH_NLRI": attribute(OPTIONAL, MP_REACH, b"\0\2\1\x10" + GLOBAL, length=200),
       "MP_UNREACH_NLRI": attribute(OPTIONAL, MP_UNREACH, b"\0\2\1\x20", length=5)})
def test_rfc7606_4_mp_attribute_runs_over_the_end_of_the_field(ground, pair, case):
    """Its prefixes are lost (3 j); the data is the attribute as far as it is there."""
    check_reset(ground, pair, update(BASE + case, NLRI), 3, 9, case)


@each({"ORIGIN": instead(TRANSITIVE, ORIGIN, b""), "NEXT_HOP": instead(TRANSITIVE, NEXT_HOP, b""),
       "MULTI_EXIT_DISC": BASE + attribute(OPTIONAL, MED, b""),
       "COMMUNITIES": BASE + attribute(BOTH, COMMUNITIES, b""),
       "EXTENDED_COMMUNITIES": BASE + attribute(BOTH, EXTENDED_COMMUNITIES, b"")})
def test_rfc7606_4_empty_attribute_is_malformed(ground, pair, case):
    check_withdraw(ground, pair, case)


def test_rfc7606_4_as_path_and_atomic_aggregate_may_be_empty(ground, inside):
    neighbour, observer = inside
    neighbour.send(update(origin() + as_path() + HOP + local_pref()
                          + attribute(TRANSITIVE, ATOMIC_AGGREGATE, b""),
                          prefix_bytes(neighbour.prefix)))
    assert ATOMIC_AGGREGATE in observer.wait_route(neighbour.prefix).attributes


# 5: where prefixes are


def test_rfc7606_5_1_one_place_for_prefixes_and_the_mp_attribute_first(ground, pair):
    """Neighbour looks at every UPDATE that it is sent; here is one of each kind, and more."""
    neighbour, observer = pair
    base = neighbour.attributes()
    first, second = "10.162.0.0/24", "2001:db8:62::/48"
    neighbour.send(update(mp_reach(IPV6, GLOBAL, neighbour.prefix6) + base,
                          prefix_bytes(neighbour.prefix)))
    observer.wait_route(neighbour.prefix)
    observer.wait_route(neighbour.prefix6)
    neighbour.send(update(mp_reach(IPV6, GLOBAL, second) + base, prefix_bytes(first),
                          prefix_bytes(neighbour.prefix)),
                   update(mp_unreach(IPV6, neighbour.prefix6)))
    observer.wait_withdrawn(neighbour.prefix)
    observer.wait_withdrawn(neighbour.prefix6)
    observer.wait_route(first)
    observer.wait_route(second)


def test_rfc7606_5_1_prefixes_in_every_place_of_one_message(ground, pair):
    """Older speakers do so: in any position and combination."""
    neighbour, observer = pair
    gone, new = "10.163.0.0/24", "10.163.1.0/24"
    gone6, new6 = "2001:db8:63::/48", "2001:db8:64::/48"
    neighbour.send(update(neighbour.attributes(mp_reach(IPV6, GLOBAL, gone6)), prefix_bytes(gone)))
    observer.wait_route(gone)
    observer.wait_route(gone6)
    neighbour.send(update(
        mp_unreach(IPV6, gone6) + neighbour.attributes() + mp_reach(IPV6, GLOBAL, new6),
        prefix_bytes(new), prefix_bytes(gone)))
    observer.wait_route(new)
    observer.wait_route(new6)
    observer.wait_withdrawn(gone)
    observer.wait_withdrawn(gone6)


BAD_ORIGIN = attribute(TRANSITIVE, ORIGIN, b"\3")


@each({
    "bad ORIGIN": (update(BAD_ORIGIN + PATH + HOP), 6, BAD_ORIGIN),
    "bad MULTI_EXIT_DISC": (update(BASE + WITHDRAWN), 5, WITHDRAWN),
    "beside withdrawn routes": (update(BAD_ORIGIN + PATH + HOP, withdrawn=NLRI), 6, BAD_ORIGIN),
    "beside MP_UNREACH_NLRI": (update(mp_unreach(IPV6) + BAD_ORIGIN), 6, BAD_ORIGIN),
})
def test_rfc7606_5_2_error_without_reachable_prefixes(ground, pair, case):
    """There is nothing to withdraw in its place."""
    bad, subcode, data = case
    check_reset(ground, pair, bad, 3, subcode, data)


def test_rfc7606_5_2_discard_without_reachable_prefixes(ground, pair):
    neighbour, observer = pair
    neighbour.send(update(BASE + DISCARDED))
    neighbour.announce(neighbour.prefix)
    observer.wait_route(neighbour.prefix)
    assert ground.peer(neighbour)["attributesDiscarded"] == 1


@each({"33 bits": b"\x21" + bytes(5), "cut": NLRI + b"\x18\n", "length alone": b"\x20",
       "255 bits": b"\xff" + bytes(32)})
def test_rfc7606_5_3_nlri_field(ground, pair, case):
    check_reset(ground, pair, update(BASE, case), 3, 10)


HEAD = b"\0\2\1\x10" + GLOBAL + b"\0"
BAD_MP = {
    "MP_REACH_NLRI of 129 bits": attribute(OPTIONAL, MP_REACH, HEAD + b"\x81" + bytes(17)),
    "MP_REACH_NLRI of 33 bits in IPv4": attribute(
        OPTIONAL, MP_REACH, b"\0\1\1\x04\n\0\xff\1\0\x21" + bytes(5)),
    "MP_REACH_NLRI cut": attribute(OPTIONAL, MP_REACH, HEAD + b"\x40\x20"),
    "MP_REACH_NLRI of 4 octets": attribute(OPTIONAL, MP_REACH, b"\0\2\1\x10"),
    "MP_REACH_NLRI empty": attribute(OPTIONAL, MP_REACH, b""),
    "MP_REACH_NLRI without reserved octet": attribute(OPTIONAL, MP_REACH, HEAD[:-1]),
    "MP_UNREACH_NLRI of 129 bits": attribute(OPTIONAL, MP_UNREACH, b"\0\2\1\x81" + bytes(17)),
    "MP_UNREACH_NLRI cut": attribute(OPTIONAL, MP_UNREACH, b"\0\2\1\x40\x20"),
    "MP_UNREACH_NLRI of 2 octets": attribute(OPTIONAL, MP_UNREACH, b"\0\2"),
}


@each(BAD_MP)
def test_rfc7606_5_3_mp_attribute(ground, pair, case):
    check_reset(ground, pair, update(BASE + case), 3, 9, case)


# 6: what an operator sees


def test_rfc7606_6_error_is_shown(ground, pair):
    neighbour, observer = pair
    neighbour.announce(neighbour.prefix)
    observer.wait_route(neighbour.prefix)
    neighbour.send(update(BASE + attribute(OPTIONAL, MED, b"xyz"), prefix_bytes(neighbour.prefix)))
    observer.wait_withdrawn(neighbour.prefix)
    said = ground.peer(neighbour)["lastError"]
    assert said.startswith("UPDATE treated as withdraw") and "MULTI_EXIT_DISC" in said


# 7: attribute by attribute


@each({"of 2 octets": b"\0\0", "3": b"\3", "255": b"\xff"})
def test_rfc7606_7_1_origin(ground, pair, case):
    check_withdraw(ground, pair, instead(TRANSITIVE, ORIGIN, case))


@each({
    "segment overruns": b"\2\2" + bytes([0, 0, 0xfd, 0xea]),
    "one octet is left": segment(SEQUENCE, 65002) + b"\2",
    "empty segment": segment(SEQUENCE),
    "empty segment behind a good one": segment(SEQUENCE, 65002) + segment(SEQUENCE),
    "unknown segment": segment(5, 65002),
    "segment 0": segment(0, 65002),
    "2-octet numbers": segment(SEQUENCE, 65002, size=2),
})
def test_rfc7606_7_2_as_path(ground, pair, case):
    check_withdraw(ground, pair, instead(TRANSITIVE, AS_PATH, case))


@each({"of 3 octets": b"\n\0\0", "of 5 octets": b"\n\0\xff\1\0", "of 16 octets": bytes(16)})
def test_rfc7606_7_3_next_hop(ground, pair, case):
    check_withdraw(ground, pair, instead(TRANSITIVE, NEXT_HOP, case))


@each({"3": bytes(3), "5": bytes(5)})
def test_rfc7606_7_4_multi_exit_disc(ground, pair, case):
    check_withdraw(ground, pair, BASE + attribute(OPTIONAL, MED, case))


@each({"good": local_pref(500), "empty": attribute(TRANSITIVE, LOCAL_PREF, b""),
       "wrong flags": attribute(BOTH, LOCAL_PREF, bytes(4))})
def test_rfc7606_7_5_local_pref_from_outside_is_discarded(ground, pair, case):
    check_discard(ground, pair, case, LOCAL_PREF)


@each({"3": bytes(3), "5": bytes(5)})
def test_rfc7606_7_5_local_pref_from_inside(ground, inside, case):
    check_withdraw(ground, inside, BASE + attribute(TRANSITIVE, LOCAL_PREF, case))


def test_rfc7606_7_6_atomic_aggregate(ground, pair):
    check_discard(ground, pair, attribute(TRANSITIVE, ATOMIC_AGGREGATE, b"x"), ATOMIC_AGGREGATE)


@each({"of 7 octets": bytes(7), "of an old speaker": b"\xfd\xea" + bytes(4), "empty": b"",
       "of 9 octets": bytes(9)})
def test_rfc7606_7_7_aggregator(ground, pair, case):
    check_discard(ground, pair, attribute(BOTH, AGGREGATOR, case), AGGREGATOR)


def test_rfc7606_7_7_aggregator_of_8_octets_from_an_old_speaker(ground, old):
    check_discard(ground, old, attribute(BOTH, AGGREGATOR, b"\0\0\xfd\xea" + bytes(4)), AGGREGATOR)


@each({"3": bytes(3), "6": bytes(6), "9": bytes(9)})
def test_rfc7606_7_8_communities(ground, pair, case):
    check_withdraw(ground, pair, BASE + attribute(BOTH, COMMUNITIES, case))


@each({"good": bytes(4), "malformed": b"x"})
def test_rfc7606_7_9_originator_id_from_outside_is_discarded(ground, pair, case):
    check_discard(ground, pair, attribute(OPTIONAL, ORIGINATOR_ID, case), ORIGINATOR_ID)


@each({"3": bytes(3), "5": bytes(5), "empty": b""})
def test_rfc7606_7_9_originator_id_from_inside(ground, inside, case):
    check_withdraw(ground, inside, INTERNAL + attribute(OPTIONAL, ORIGINATOR_ID, case))


@each({"good": bytes(4), "malformed": b"x"})
def test_rfc7606_7_10_cluster_list_from_outside_is_discarded(ground, pair, case):
    check_discard(ground, pair, attribute(OPTIONAL, CLUSTER_LIST, case), CLUSTER_LIST)


@each({"7": bytes(7), "empty": b""})
def test_rfc7606_7_10_cluster_list_from_inside(ground, inside, case):
    check_withdraw(ground, inside, INTERNAL + attribute(OPTIONAL, CLUSTER_LIST, case))


@each({
    "5": attribute(OPTIONAL, MP_REACH, b"\0\2\1\x05" + bytes(6)),
    "0": attribute(OPTIONAL, MP_REACH, b"\0\2\1\0\0" + prefix_bytes("2001:db8:65::/48")),
    "IPv4 for IPv6": mp_reach(IPV6, address_bytes("10.0.255.1"), "2001:db8:65::/48"),
    "cut": attribute(OPTIONAL, MP_REACH, b"\0\2\1\x10" + bytes(10)),
    "12 for IPv4": mp_reach(IPV4, bytes(8) + address_bytes("10.0.255.1"), "10.165.0.0/24"),
})
def test_rfc7606_7_11_mp_reach_next_hop_length(ground, pair, case):
    check_reset(ground, pair, update(BASE + case), 3, 9, case)


def test_rfc7606_7_12_mp_unreach_needs_no_other_attributes(ground, pair):
    neighbour, observer = pair
    neighbour.send(update(origin() + PATH + mp_reach(IPV6, GLOBAL, neighbour.prefix6)))
    observer.wait_route(neighbour.prefix6)
    neighbour.send(update(mp_unreach(IPV6, neighbour.prefix6)))
    observer.wait_withdrawn(neighbour.prefix6)


@each({"7": bytes(7), "12": bytes(12)})
def test_rfc7606_7_14_extended_communities(ground, pair, case):
    check_withdraw(ground, pair, BASE + attribute(BOTH, EXTENDED_COMMUNITIES, case))


def test_rfc7606_7_14_unknown_type_of_extended_community_is_no_error(ground, pair):
    neighbour, observer = pair
    value = b"\x3f\xee" + bytes(range(6))
    neighbour.announce(neighbour.prefix, more=attribute(BOTH, EXTENDED_COMMUNITIES, value))
    assert observer.wait_route(neighbour.prefix).value(EXTENDED_COMMUNITIES) == value


@pytest.mark.parametrize("length", [0, 8, 19, 21])
def test_rfc7606_7_15_ipv6_communities(ground, pair, length):
    check_withdraw(ground, pair, pair[0].attributes() + attribute(
        BOTH, IPV6_COMMUNITIES, bytes(length)))


def test_rfc7606_7_15_unknown_type_of_ipv6_community_is_no_error(ground, pair):
    neighbour, observer = pair
    value = b"\x3f\xee" + bytes(18)
    neighbour.announce(neighbour.prefix, more=attribute(BOTH, IPV6_COMMUNITIES, value))
    assert observer.wait_route(neighbour.prefix).value(IPV6_COMMUNITIES) == value


# RFC 7607: AS 0


@each({"alone": (0,), "at the end": (65002, 0), "inside": (65002, 0, 65010)})
def test_rfc7607_2_as_0_in_the_path(ground, pair, case):
    check_withdraw(ground, pair, instead(TRANSITIVE, AS_PATH, segment(SEQUENCE, *case)))


def test_rfc7607_2_as_0_in_the_aggregator(ground, pair):
    check_discard(ground, pair, attribute(BOTH, AGGREGATOR, bytes(4) + b"\1" * 4), AGGREGATOR)


def test_rfc7607_2_as_0_in_as4_aggregator(ground, old):
    check_discard(ground, old, attribute(BOTH, AS4_AGGREGATOR, bytes(4) + b"\1" * 4),
                  AS4_AGGREGATOR)


def test_rfc7607_2_as_0_in_as4_path(ground, old):
    check_discard(ground, old, attribute(BOTH, AS4_PATH, segment(SEQUENCE, 0)), AS4_PATH)


# RFC 5065: we are no member of a confederation


@each({
    "sequence": segment(CONFED_SEQUENCE, 65010) + segment(SEQUENCE, 65002),
    "set": segment(CONFED_SET, 65010) + segment(SEQUENCE, 65002),
    "behind": segment(SEQUENCE, 65002) + segment(CONFED_SEQUENCE, 65010),
})
def test_rfc5065_5_segments_of_a_confederation_from_outside(ground, pair, case):
    check_withdraw(ground, pair, instead(TRANSITIVE, AS_PATH, case))


@each({"alone": segment(CONFED_SEQUENCE, 65010),
       "behind": segment(SEQUENCE, 65020) + segment(CONFED_SET, 65010)})
def test_rfc5065_5_segments_of_a_confederation_from_inside(ground, inside, case):
    check_withdraw(ground, inside, origin() + attribute(TRANSITIVE, AS_PATH, case) + HOP
                   + local_pref())
