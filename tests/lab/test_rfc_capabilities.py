"""What two ends agree on in their OPENs: RFC 5492, 9072, 2918, 4724 2, and of 4760, 6793 and 8950.

Every answer is compared byte for byte; see wire.py for the lab.
"""

import struct

import pytest

import scripted
from lab import CommandFailed, wait_until
from scripted import (
    EXTENDED_NEXT_HOP, IPV4, IPV6, KEEPALIVE, OPEN, REFRESH, ROUTE_REFRESH, address_bytes, as4,
    as_path, capability, message, mp_reach, multiprotocol, notification, open_body, origin,
    parameter, parse_capabilities, refresh, update)
from wire import *  # noqa: F401,F403  (the fixtures)
from wire import KEEP, NODE6, NODE_ASN, OWN, WIDE

USUAL = scripted.usual_capabilities(65002)


def an_open(parameters=b"", asn=65002):
    return message(OPEN, open_body(asn, "10.1.1.1", parameters=parameters))


def extended_parameters(value, length=None, front=255):
    """RFC 9072: behind the fixed part of an OPEN, in place of length and parameters."""
    return bytes([front, 255]) + struct.pack("!H", len(value) if length is None else length) + value


def extended_open(parameters):
    return message(OPEN, open_body(65002, "10.1.1.1")[:-1] + parameters)


def extended_parameter(value, kind=2):
    return struct.pack("!BH", kind, len(value)) + value


def check_accepted(ground, said, families=(IPV4, IPV6)):
    """The session comes up, with these families."""
    neighbour = ground.neighbour().to_open_sent()
    neighbour.send(said)
    neighbour.expect(KEEPALIVE)
    neighbour.send(KEEP)
    neighbour.read_until(lambda: set(neighbour.ended) == set(families), "End-of-RIB")
    return neighbour


def check_refused(ground, said, subcode, data=b""):
    neighbour = ground.neighbour().to_open_sent()
    neighbour.send(said)
    neighbour.expect_notification(2, subcode, data)
    ground.wait_failure(neighbour, "sent", 2, subcode)


# RFC 5492


@pytest.mark.parametrize("unknown", [
    capability(77, b"abc"), capability(200), capability(255, b"x")])
def test_rfc5492_3_unknown_capability_is_ignored(ground, unknown):
    check_accepted(ground, an_open(parameter(unknown + USUAL + unknown)))


@pytest.mark.parametrize("more", [
    capability(2, b"\0"), capability(65, b"\0\0\0"), capability(5, b"\0\1"), capability(1, b"\0\1"),
    capability(64, b"\0")], ids=["refresh", "AS", "next hop", "multiprotocol", "restart"])
def test_rfc5492_3_capability_of_a_wrong_length_is_ignored(ground, more):
    check_accepted(ground, an_open(parameter(USUAL + more)))


def test_rfc5492_4_same_capability_twice(ground):
    check_accepted(ground, an_open(parameter(USUAL * 2)))


def test_rfc5492_4_several_parameters(ground):
    """Each of one or more capabilities."""
    parts = [multiprotocol(IPV4), multiprotocol(IPV6) + REFRESH, EXTENDED_NEXT_HOP, as4(65002)]
    check_accepted(ground, an_open(b"".join(map(parameter, parts))))


def test_rfc5492_4_ours_are_in_one_parameter_and_none_twice(ground):
    opened = ground.neighbour().to_open_sent().open
    assert opened[9] == len(opened) - 10 and opened[10] == 2 and opened[11] == len(opened) - 12
    capabilities = parse_capabilities(opened)
    assert len(set(capabilities)) == len(capabilities)


@pytest.mark.parametrize("theirs", [multiprotocol(25), multiprotocol(IPV4, 128)],
                         ids=["AFI", "SAFI"])
def test_rfc5492_5_capabilities_that_we_miss_are_listed(ground, theirs):
    """In the form in which an OPEN has them."""
    check_refused(ground, an_open(parameter(theirs + as4(65002))), 7,
                  multiprotocol(IPV4) + multiprotocol(IPV6))


# RFC 9072


@pytest.mark.parametrize("front", [255, 1, 5])
def test_rfc9072_2_first_length_is_ignored(ground, front):
    value = extended_parameter(USUAL)
    check_accepted(ground, extended_open(extended_parameters(value, front=front)))


def test_rfc9072_2_more_than_255_octets(ground):
    filling = capability(99, bytes(200)) * 3
    value = extended_parameter(filling + USUAL)
    check_accepted(ground, extended_open(extended_parameters(value)))


def test_rfc9072_2_open_of_4096_octets(ground):
    """As long as an OPEN may be (RFC 8654 4)."""
    filling = extended_parameter(capability(99, bytes(200))) * 19
    rest = 4096 - 29 - 3 - len(extended_parameter(USUAL)) - len(filling)
    filling += extended_parameter(capability(98, bytes(rest - 5)))
    said = extended_open(extended_parameters(extended_parameter(USUAL) + filling))
    assert len(said) == 4096
    check_accepted(ground, said)


def test_rfc9072_2_several_extended_parameters(ground):
    parts = [multiprotocol(IPV4), multiprotocol(IPV6), as4(65002)]
    value = b"".join(map(extended_parameter, parts))
    check_accepted(ground, extended_open(extended_parameters(value)))


def test_rfc9072_2_short_parameters_keep_the_form_of_rfc4271(ground):
    """Ours are shorter than 255 octets."""
    opened = ground.neighbour().to_open_sent().open
    assert opened[9] < 255 and opened[10] == 2


def test_rfc9072_2_length_of_255_alone_means_nothing(ground):
    """The type behind it tells the two forms apart."""
    filling = capability(99, bytes(255 - 2 - len(USUAL) - 2))
    parameters = parameter(USUAL + filling)
    assert len(parameters) == 255
    check_accepted(ground, an_open(parameters))


@pytest.mark.parametrize("bad, subcode", [
    (extended_parameters(extended_parameter(REFRESH), length=9), 0),
    (extended_parameters(extended_parameter(REFRESH), length=4), 0),
    (extended_parameters(b"\2\0"), 0),
    (extended_parameters(extended_parameter(b"", kind=1)), 4),
], ids=["longer", "shorter", "cut", "unknown parameter"])
def test_rfc9072_2_malformed_extended_parameters(ground, bad, subcode):
    check_refused(ground, extended_open(bad), subcode)


# RFC 4760 8: families


def test_rfc4760_8_our_families_are_announced_one_by_one(ground):
    for kind, families in (("ebgp", [b"\0\1\0\1", b"\0\2\0\1"]), ("ipv4", [b"\0\1\0\1"])):
        opened = ground.neighbour(kind).to_open_sent().open
        assert [value for code, value in parse_capabilities(opened) if code == 1] == families


def test_rfc4760_8_reserved_octet_of_the_capability_is_ignored(ground):
    theirs = capability(1, b"\0\1\xff\1") + capability(1, b"\0\2\1\1") + as4(65002)
    check_accepted(ground, an_open(parameter(theirs)))


def test_rfc4760_8_no_capability_means_ipv4(ground):
    neighbour = ground.established(capabilities=b"", families=[IPV4], size=2)
    assert set(neighbour.routes) == {"10.2.0.0/24"}
    assert neighbour.routes["10.2.0.0/24"].asns() == [NODE_ASN]
    families = ground.peer(neighbour)["families"]
    assert [families[family]["negotiated"] for family in ("ipv4", "ipv6")] == [True, False]


def test_rfc4760_8_family_that_was_not_agreed_upon_is_ignored(ground):
    """In both directions; the session stays."""
    neighbour = ground.established(capabilities=multiprotocol(IPV4) + as4(65002), families=[IPV4])
    assert set(neighbour.routes) == {"10.2.0.0/24"}
    neighbour.send(update(origin() + as_path(65002)
                          + mp_reach(IPV6, address_bytes(NODE6), neighbour.prefix6)))
    neighbour.announce(neighbour.prefix)
    wait_until(lambda: ground.peer(neighbour)["families"]["ipv4"]["accepted"] == 1, "the route")
    assert ground.peer(neighbour)["families"]["ipv6"]["received"] == 0


def test_rfc4760_8_ipv6_alone(ground):
    """The message's own fields are IPv4, which was not agreed upon."""
    neighbour = ground.established(capabilities=multiprotocol(IPV6) + as4(65002), families=[IPV6])
    assert set(neighbour.routes) == {"2001:db8:2::/48"}
    neighbour.announce(neighbour.prefix)
    neighbour.send(update(origin() + as_path(65002)
                          + mp_reach(IPV6, address_bytes("2001:db8::ffff"), neighbour.prefix6)))
    wait_until(lambda: ground.peer(neighbour)["families"]["ipv6"]["accepted"] == 1, "the route")
    assert ground.peer(neighbour)["families"]["ipv4"]["received"] == 0


# RFC 6793 4.1 and 4.2.1: AS numbers in the OPEN


def test_rfc6793_4_1_capability_has_our_as(ground):
    for kind, asn in (("ebgp", NODE_ASN), ("wide", WIDE)):
        opened = ground.neighbour(kind).to_open_sent().open
        assert (65, struct.pack("!I", asn)) in parse_capabilities(opened)


def test_rfc6793_4_1_capability_counts_and_not_the_field(ground):
    """A field that says another AS is not looked at."""
    neighbour = ground.neighbour().to_open_sent()
    neighbour.send(an_open(parameter(as4(65002)), asn=65009))
    neighbour.expect(KEEPALIVE)


def test_rfc6793_4_2_1_as_trans_stands_for_a_long_number(ground):
    neighbour = ground.neighbour("wide").to_open_sent()
    assert neighbour.open[1:3] == struct.pack("!H", 23456)
    assert ground.established("wide").routes["10.2.0.0/24"].asns()[0] == WIDE


# RFC 2918: route refresh


def test_rfc2918_2_capability_is_announced(ground):
    assert (2, b"") in parse_capabilities(ground.neighbour().to_open_sent().open)


def test_rfc2918_4_routes_of_the_family_are_sent_again(ground):
    """And of no other."""
    neighbour = ground.established()
    for afi, prefix in ((IPV4, "10.2.0.0/24"), (IPV6, "2001:db8:2::/48")):
        neighbour.routes = {}
        neighbour.send(refresh(afi))
        neighbour.wait_route(prefix)
        assert not OWN - {prefix} & set(neighbour.routes)


@pytest.mark.parametrize("request_", [refresh(25), refresh(IPV4, safi=128)], ids=["AFI", "SAFI"])
def test_rfc2918_4_family_that_was_not_announced_is_ignored(ground, request_):
    neighbour = ground.established()
    neighbour.send(request_)
    neighbour.stays_silent(0.5)
    assert ground.peer(neighbour)["state"] == "Established"


def test_rfc2918_4_refresh_is_not_sent_to_who_cannot_do_it(ground):
    neighbour = ground.established(capabilities=multiprotocol(IPV4) + as4(65002), families=[IPV4])
    with pytest.raises(CommandFailed, match="route refresh"):
        ground.kbgpd.ctl_text("clear", neighbour.name, "--soft-in")
    neighbour.stays_silent(0.3)


def test_rfc2918_4_refresh_is_sent_for_each_family(ground):
    neighbour = ground.established()
    ground.kbgpd.ctl_text("clear", neighbour.name, "--soft-in")
    assert [neighbour.expect(ROUTE_REFRESH) for _ in range(2)] == [b"\0\1\0\1", b"\0\2\0\1"]


@pytest.mark.parametrize("body", [b"", b"\0\1\0", b"\0\1\0\1\0"], ids=len)
def test_rfc2918_3_refresh_of_a_wrong_length(ground, body):
    neighbour = ground.established()
    neighbour.send(message(ROUTE_REFRESH, body))
    neighbour.expect_notification(1, 2, struct.pack("!H", 19 + len(body)))


# RFC 4724 2: End-of-RIB


@pytest.mark.parametrize("kind", ["ebgp", "ibgp", "observer"])
def test_rfc4724_2_end_of_rib_comes_once_and_last(ground, kind):
    neighbour = ground.established(kind)
    assert set(neighbour.routes) >= OWN
    assert sorted(neighbour.ended) == [IPV4, IPV6]
    neighbour.stays_silent(0.3)


def test_rfc4724_2_end_of_rib_of_an_empty_table(ground):
    """The observer of nothing: all its routes are filtered."""
    neighbour = ground.established(capabilities=multiprotocol(IPV4) + as4(65002), families=[IPV4])
    assert neighbour.ended == [IPV4]


@pytest.mark.parametrize("marker", [
    update(), update(scripted.mp_unreach(IPV6)), update(scripted.attribute(
        scripted.OPTIONAL | scripted.EXTENDED, 15, b"\0\2\1"))],
    ids=["IPv4", "IPv6", "IPv6 with a long length"])
def test_rfc4724_2_end_of_rib_of_a_neighbour(ground, pair, marker):
    """Without the capability too; it is no error and changes nothing."""
    neighbour, observer = pair
    neighbour.announce(neighbour.prefix)
    neighbour.send(marker)
    observer.wait_route(neighbour.prefix)
    peer = ground.peer(neighbour)
    assert (peer["state"], peer["treatedAsWithdraw"]) == ("Established", 0)


# RFC 5492 3: less in the OPEN for who does not know capabilities


def again(ground, first):
    """The next connection of the same neighbour, as soon as it is let in."""
    number = int(first.name.removeprefix("ebgp"))

    def is_let_in():
        neighbour = ground.neighbour("ebgp", number)
        try:
            return neighbour.to_open_sent()
        except (scripted.Closed, OSError):
            return None
    return wait_until(is_let_in, "the next connection")


def test_rfc5492_3_open_without_capabilities_after_unsupported_optional_parameter(ground):
    first = ground.neighbour().to_open_sent()
    first.send(notification(2, 4))
    first.expect_close()
    second = again(ground, first)
    assert second.open[9:] == b"\0"
    second.send(second.open_message(capabilities=b""))
    second.expect(KEEPALIVE)
    second.size = 2
    second.send(KEEP)
    second.read_until(lambda: second.ended, "End-of-RIB")


# RFC 4724 3, RFC 9494 3.1: capabilities of restarts


def test_rfc4724_3_graceful_restart_without_families(ground):
    """Routes are not kept yet, but End-of-RIB is sent."""
    opened = ground.neighbour().to_open_sent().open
    found = [value for code, value in parse_capabilities(opened) if code == 64]
    assert len(found) == 1 and len(found[0]) == 2 and not found[0][0] & 0x80


def test_rfc9494_3_1_not_without_graceful_restart_of_a_family(ground):
    opened = ground.neighbour().to_open_sent().open
    assert 71 not in [code for code, _ in parse_capabilities(opened)]
