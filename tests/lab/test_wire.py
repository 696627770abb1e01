"""kbgpd against a scripted neighbour: how a session comes up, what ends it, and with which words.

Every answer is compared byte for byte; see wire.py for the lab.
"""

import contextlib
import itertools
import os
import random
import signal
import socket
import struct
import time

import pytest

import scripted
from lab import CommandFailed, wait_until
from scripted import (
    AS_PATH, BOTH, EXTENDED, EXTENDED_NEXT_HOP, IPV4, IPV6, KEEPALIVE, LOCAL_PREF, NEXT_HOP,
    NOTIFICATION, OPEN, ORIGIN, REFRESH, ROUTE_REFRESH, SEQUENCE, TRANSITIVE, UPDATE, address_bytes,
    as4, as_path, attribute, capability, message, mp_reach, multiprotocol, notification, open_body,
    origin, parameter, parse_capabilities, prefix_bytes, refresh, segment, update)
from wire import *  # noqa: F401,F403  (the fixtures)
from wire import KEEP, NODE, NODE6, NODE_ASN, OWN, STATES, WIDE, Ground, address_of, peer_entry


# OPEN as kbgpd sends it


def test_open_of_kbgpd(ground):
    neighbour = ground.neighbour().to_open_sent()
    capabilities = (multiprotocol(IPV4) + multiprotocol(IPV6) + REFRESH + EXTENDED_NEXT_HOP
                    + as4(NODE_ASN))
    assert neighbour.open == open_body(NODE_ASN, NODE, 90, parameter(capabilities))


def test_open_with_a_long_as_number(ground):
    """RFC 6793 4.2.1: AS_TRANS in the field of 2 octets."""
    neighbour = ground.neighbour("wide").to_open_sent()
    assert neighbour.open[1:3] == struct.pack("!H", 23456)
    assert (65, struct.pack("!I", WIDE)) in parse_capabilities(neighbour.open)


def test_open_for_one_family(ground):
    neighbour = ground.neighbour("ipv4").to_open_sent()
    assert [value for code, value in parse_capabilities(neighbour.open) if code == 1] == [
        b"\0\1\0\1"]


# Message header (RFC 4271 6.1)


BAD_HEADERS = {
    "marker at its end": (message(KEEPALIVE, marker=b"\xff" * 15 + b"\xfe"), 1, b""),
    "marker of zeros": (message(KEEPALIVE, marker=bytes(16)), 1, b""),
    "length 18": (message(KEEPALIVE, length=18), 2, b"\0\x12"),
    "length 0": (message(KEEPALIVE, length=0), 2, b"\0\0"),
    "KEEPALIVE of 20": (message(KEEPALIVE, b"\0"), 2, b"\0\x14"),
    "OPEN of 28": (message(OPEN, bytes(9)), 2, b"\0\x1c"),
    "OPEN of 4097": (message(OPEN, length=4097), 2, b"\x10\x01"),
    "UPDATE of 22": (message(UPDATE, bytes(3)), 2, b"\0\x16"),
    "UPDATE of 4097": (message(UPDATE, length=4097), 2, b"\x10\x01"),
    "NOTIFICATION of 20": (message(NOTIFICATION, b"\6"), 2, b"\0\x14"),
    "type 0": (message(0), 3, b"\0"),
    "type 6": (message(6), 3, b"\6"),
    "type 255": (message(255, bytes(40)), 3, b"\xff"),
}


@pytest.mark.parametrize("bad, subcode, data", BAD_HEADERS.values(), ids=BAD_HEADERS)
def test_bad_header(ground, state, bad, subcode, data):
    neighbour = ground.neighbour()
    STATES[state](neighbour)
    neighbour.send(bad)
    neighbour.expect_notification(1, subcode, data)
    ground.wait_failure(neighbour, "sent", 1, subcode)


def test_bad_length_is_told_before_the_body_comes(ground):
    neighbour = ground.established()
    neighbour.send(message(UPDATE, length=5000))
    neighbour.expect_notification(1, 2, struct.pack("!H", 5000))


# OPEN errors (RFC 4271 6.2)


def bad_open(asn=65002, identifier="10.1.1.1", hold=90, parameters=None, version=4, tail=b""):
    if parameters is None:
        parameters = parameter(scripted.usual_capabilities(asn))
    return message(OPEN, open_body(asn, identifier, hold, parameters, version) + tail)


def extended_parameters(value, length=None, front=255):
    """RFC 9072: behind the fixed part of an OPEN, in place of length and parameters."""
    return bytes([front, 255]) + struct.pack("!H", len(value) if length is None else length) + value


def extended_open(parameters, asn=65002, identifier="10.1.1.1"):
    return message(OPEN, open_body(asn, identifier)[:-1] + parameters)


def extended_parameter(value, kind=2):
    return struct.pack("!BH", kind, len(value)) + value


BAD_OPENS = {
    "version 3": (bad_open(version=3), 1, b"\0\4"),
    "version 5": (bad_open(version=5), 1, b"\0\4"),
    "another AS": (bad_open(asn=65009), 2, b""),
    "our AS": (bad_open(asn=NODE_ASN), 2, b""),
    "AS 0": (bad_open(asn=0), 2, b""),
    "AS 0 in the capability": (bad_open(parameters=parameter(as4(0))), 2, b""),
    "another AS in the capability": (bad_open(parameters=parameter(as4(65009))), 2, b""),
    "AS_TRANS alone": (bad_open(asn=23456, parameters=b""), 2, b""),
    "identifier 0": (bad_open(identifier="0.0.0.0"), 3, b""),
    "parameter 1": (bad_open(parameters=parameter(b"", kind=1)), 4, b""),
    "parameter 99": (bad_open(parameters=parameter(bytes(4), kind=99)), 4, b""),
    "hold time 1": (bad_open(hold=1), 6, b""),
    "hold time 2": (bad_open(hold=2), 6, b""),
    "parameter without length": (bad_open(parameters=b"\2"), 0, b""),
    "parameter overruns": (bad_open(parameters=b"\2\4\2\0"), 0, b""),
    "capability without length": (bad_open(parameters=parameter(b"\1")), 0, b""),
    "capability overruns": (bad_open(parameters=parameter(b"\1\5\0\1\0\1")), 0, b""),
    "octet behind the end": (bad_open(tail=b"\0"), 0, b""),
    "RFC 9072 length": (
        extended_open(extended_parameters(extended_parameter(REFRESH), length=9)), 0, b""),
    "RFC 9072 parameter cut": (extended_open(extended_parameters(b"\2\0")), 0, b""),
    "RFC 9072 parameter 1": (
        extended_open(extended_parameters(extended_parameter(b"", kind=1))), 4, b""),
    # RFC 5492 3: the data lists what we miss.
    "another AFI": (bad_open(parameters=parameter(multiprotocol(25) + as4(65002))), 7,
                    multiprotocol(IPV4) + multiprotocol(IPV6)),
    "another SAFI": (bad_open(parameters=parameter(multiprotocol(IPV4, 128) + as4(65002))), 7,
                     multiprotocol(IPV4) + multiprotocol(IPV6)),
}


@pytest.mark.parametrize("bad, subcode, data", BAD_OPENS.values(), ids=BAD_OPENS)
def test_bad_open(ground, bad, subcode, data):
    neighbour = ground.neighbour().to_open_sent()
    neighbour.send(bad)
    neighbour.expect_notification(2, subcode, data)
    ground.wait_failure(neighbour, "sent", 2, subcode)


@pytest.mark.parametrize("kind, asn, accepted", [("ibgp", NODE_ASN, False), ("ebgp", 65002, True)])
def test_identifier_that_is_ours(ground, kind, asn, accepted):
    """RFC 6286: inside of an AS it must be another's, outside it does not matter."""
    neighbour = ground.neighbour(kind).to_open_sent()
    neighbour.send(bad_open(asn, NODE))
    if accepted:
        neighbour.expect(KEEPALIVE)
    else:
        neighbour.expect_notification(2, 3)


@pytest.mark.parametrize("capabilities", [
    [capability(77, b"abc"), capability(200), scripted.usual_capabilities(65002)],
    [scripted.usual_capabilities(65002) * 2],
    # A length that is wrong makes it unknown, not the OPEN bad.
    [scripted.usual_capabilities(65002), capability(2, b"\0"), capability(65, b"\0\0\0")],
    [capability(64, struct.pack("!H", 120)), capability(6), capability(70),
     scripted.usual_capabilities(65002)],
], ids=["unknown", "twice", "bad lengths", "more than ours"])
@pytest.mark.parametrize("form", ["one parameter", "several", "RFC 9072"])
def test_capabilities_of_any_form(ground, capabilities, form):
    neighbour = ground.neighbour().to_open_sent()
    if form == "RFC 9072":
        value = b"".join(map(extended_parameter, capabilities))
        neighbour.send(extended_open(extended_parameters(value)))
    elif form == "several":
        neighbour.send(bad_open(parameters=b"".join(map(parameter, capabilities))))
    else:
        neighbour.send(bad_open(parameters=parameter(b"".join(capabilities))))
    neighbour.expect(KEEPALIVE)
    neighbour.send(KEEP)
    neighbour.read_until(lambda: set(neighbour.ended) == {IPV4, IPV6}, "End-of-RIB")
    assert "4-octet AS" in ground.peer(neighbour)["capabilities"]["received"]


def test_parameters_of_more_than_255_octets(ground):
    """RFC 9072, with a length in front that is not 255 but not 0 either."""
    filling = capability(99, bytes(200)) * 3
    value = extended_parameter(filling + scripted.usual_capabilities(65002))
    neighbour = ground.neighbour().to_open_sent()
    neighbour.send(extended_open(extended_parameters(value, front=1)))
    neighbour.expect(KEEPALIVE)


def test_no_capabilities_means_ipv4(ground):
    """And AS numbers of 2 octets, and no route refresh."""
    neighbour = ground.established(capabilities=b"", families=[IPV4], size=2)
    assert set(neighbour.routes) == {"10.2.0.0/24"}
    assert neighbour.routes["10.2.0.0/24"].asns() == [NODE_ASN]
    peer = ground.peer(neighbour)
    assert [peer["families"][family]["negotiated"] for family in ("ipv4", "ipv6")] == [True, False]
    with pytest.raises(CommandFailed, match="route refresh"):
        ground.kbgpd.ctl_text("clear", neighbour.name, "--soft-in")
    # IPv6 was not agreed upon: it is passed over, and the session stays.
    neighbour.send(update(origin() + as_path(65002, size=2)
                          + mp_reach(IPV6, address_bytes(NODE6), neighbour.prefix6)))
    neighbour.announce(neighbour.prefix)
    wait_until(lambda: ground.peer(neighbour)["families"]["ipv4"]["accepted"] == 1, "the route")
    assert ground.peer(neighbour)["families"]["ipv6"]["received"] == 0


def test_ipv6_alone(ground):
    neighbour = ground.established(capabilities=multiprotocol(IPV6) + as4(65002), families=[IPV6])
    assert set(neighbour.routes) == {"2001:db8:2::/48"}
    # RFC 4760 8: the message's own fields are IPv4, which was not agreed upon.
    neighbour.announce(neighbour.prefix)
    neighbour.send(update(origin() + as_path(65002)
                          + mp_reach(IPV6, address_bytes("2001:db8::ffff"), neighbour.prefix6)))
    wait_until(lambda: ground.peer(neighbour)["families"]["ipv6"]["accepted"] == 1, "the route")
    assert ground.peer(neighbour)["families"]["ipv4"]["received"] == 0


def test_transport_over_ipv6(ground):
    neighbour = ground.established("six")
    assert neighbour.routes["2001:db8:2::/48"].next_hop[:16] == address_bytes(NODE6)
    # The node's address on the same link.
    assert neighbour.routes["10.2.0.0/24"].next_hop == address_bytes(NODE)


# Messages out of place (RFC 6608), and NOTIFICATIONs


@pytest.mark.parametrize("where, bad, subcode", [
    ("OpenSent", KEEP, 1),
    ("OpenSent", update(), 1),
    ("OpenSent", refresh(IPV4), 1),
    ("OpenConfirm", bad_open(), 2),
    ("OpenConfirm", update(), 2),
    ("OpenConfirm", refresh(IPV4), 2),
    ("Established", bad_open(), 3),
], ids=["KEEPALIVE in OpenSent", "UPDATE in OpenSent", "ROUTE-REFRESH in OpenSent",
        "OPEN in OpenConfirm", "UPDATE in OpenConfirm", "ROUTE-REFRESH in OpenConfirm",
        "OPEN in Established"])
def test_message_out_of_place(ground, where, bad, subcode):
    neighbour = ground.neighbour()
    STATES[where](neighbour)
    neighbour.send(bad)
    neighbour.expect_notification(5, subcode)
    ground.wait_failure(neighbour, "sent", 5, subcode)


@pytest.mark.parametrize("said", [
    (6, 2, b"\x05later"), (6, 2, b"\xffshort"), (6, 4, b"\x02\xff\xfe"), (6, 9, b"\6\2\3now"),
    (2, 1, b"\0\4"), (2, 1, b""), (1, 1, b""), (3, 10, bytes(600)), (0, 0, b""), (99, 99, b"x"),
], ids=lambda said: f"{said[0]}.{said[1]} with {len(said[2])}")
def test_notification_is_never_answered(ground, state, said):
    neighbour = ground.neighbour()
    STATES[state](neighbour)
    # What comes after it does not count any more, however wrong.
    neighbour.send(notification(*said), bytes(19))
    neighbour.expect_close()
    ground.wait_failure(neighbour, "received", said[0], said[1])


def test_shutdown_text_is_shown(ground):
    neighbour = ground.established()
    neighbour.send(notification(6, 2, b"\x0cback at n\xc3\xb6on"[:13]))
    neighbour.expect_close()
    wait_until(lambda: "Administrative Shutdown: back at nö" in (
        ground.peer(neighbour)["lastError"] or ""), "the text")


@pytest.mark.parametrize("command, subcode", [("shutdown", 2), ("clear", 4)])
def test_text_of_a_shutdown_is_sent(ground, command, subcode):
    neighbour = ground.established()
    ground.kbgpd.ctl_text(command, neighbour.name, "--message", "für heute genug")
    text = "für heute genug".encode()
    neighbour.expect_notification(6, subcode, bytes([len(text)]) + text)


def test_shut_down_peer_is_refused_until_enabled(ground):
    neighbour = ground.established()
    ground.kbgpd.ctl_text("shutdown", neighbour.name)
    neighbour.expect_notification(6, 2)
    number = int(neighbour.name.removeprefix("ebgp"))
    refused = ground.neighbour("ebgp", number)
    with pytest.raises(scripted.Closed):
        refused.receive()
    ground.kbgpd.ctl_text("enable", neighbour.name)
    ground.neighbour("ebgp", number).to_established()


# Connections


def test_unknown_address_is_refused(ground):
    sock = scripted.connect(ground.host, "10.0.255.1", NODE)
    with pytest.raises(scripted.Closed):
        ground.keep(sock, "ebgp", 1).receive()


def test_second_connection_in_established(ground):
    first = ground.established()
    second = ground.neighbour("ebgp", int(first.name.removeprefix("ebgp")))
    second.expect_notification(6, 7)
    first.announce(first.prefix)
    wait_until(lambda: ground.peer(first)["families"]["ipv4"]["accepted"] == 1, "the first lives")


def test_neighbour_over_too_many_hops(ground):
    """RFC 5082: what has not the TTL of a neighbour on the link is not even heard."""
    neighbour = ground.neighbour("secure").to_open_sent()
    neighbour.sock.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, 254)
    neighbour.send(neighbour.open_message())
    neighbour.stays_silent(0.5)
    neighbour.sock.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, 255)
    neighbour.expect(KEEPALIVE)


def test_many_connections_in_a_row(ground):
    """The last one counts; nothing is left of the others."""
    number = ground.take("ebgp")
    neighbours = [ground.neighbour("ebgp", number) for _ in range(30)]
    neighbours[-1].to_established()
    for neighbour in neighbours[:-1]:
        with pytest.raises(scripted.Closed):
            while True:
                neighbour.receive()
    assert ground.peer(neighbours[0])["state"] == "Established"


def test_silent_connection_gives_way_to_the_next(ground):
    first = ground.neighbour().to_open_sent()
    second = ground.neighbour("ebgp", int(first.name.removeprefix("ebgp")))
    first.expect_notification(6, 7)
    second.to_established()


def test_connection_in_open_confirm_is_kept(ground):
    first = ground.neighbour().to_open_confirm()
    ground.neighbour("ebgp", int(first.name.removeprefix("ebgp"))).expect_notification(6, 7)
    first.send(KEEP)
    first.read_until(lambda: first.ended, "End-of-RIB")


@pytest.fixture
def both(ground):
    """Two connections with an active peer, silent yet: the one it opened and the one we did."""
    def make(identifier):
        number = ground.take("active")
        with scripted.listen(ground.host, address_of("active", number)) as listener:
            theirs = ground.keep(listener.accept()[0], "active", number, identifier=identifier)
        ours = ground.neighbour("active", number, identifier=identifier)
        return theirs.to_open_sent(), ours.to_open_sent()
    return make


@pytest.mark.parametrize("order", ["theirs first", "ours first"])
@pytest.mark.parametrize("identifier, ours_stays", [
    ("9.255.255.255", False), ("10.0.0.2", True), (NODE, True)])
def test_collision(both, order, identifier, ours_stays):
    """RFC 4271 6.8, RFC 6286 2.3: kept is what the higher identifier, or else AS, has opened."""
    theirs, ours = both(identifier)
    for neighbour in (theirs, ours) if order == "theirs first" else (ours, theirs):
        neighbour.send(neighbour.open_message())
    kept, lost = (ours, theirs) if ours_stays else (theirs, ours)
    lost.expect_notification(6, 7)
    kept.expect(KEEPALIVE)
    kept.send(KEEP)
    kept.read_until(lambda: set(kept.ended) == {IPV4, IPV6}, "End-of-RIB")


def test_established_ends_the_other_connection(both):
    theirs, ours = both("9.255.255.255")
    theirs.send(theirs.open_message(), KEEP)
    theirs.expect(KEEPALIVE)
    ours.expect_notification(6, 7)
    theirs.read_until(lambda: set(theirs.ended) == {IPV4, IPV6}, "End-of-RIB")


def test_connection_that_the_neighbour_gives_up(both):
    """The other one is not harmed."""
    theirs, ours = both("10.0.0.2")
    theirs.close()
    ours.send(ours.open_message(), KEEP)
    ours.expect(KEEPALIVE)
    ours.read_until(lambda: set(ours.ended) == {IPV4, IPV6}, "End-of-RIB")


def test_passive_peer_is_never_called(ground):
    number = ground.take("ipv4")
    with scripted.listen(ground.host, address_of("ipv4", number)) as listener:
        listener.settimeout(1.5)
        with pytest.raises(TimeoutError):
            listener.accept()
    ground.neighbour("ipv4", number).to_established(families=[IPV4])


def test_rest_after_an_error(ground):
    """The neighbour is refused for a moment, without a word, and is welcome then."""
    first = ground.neighbour().to_open_sent()
    first.send(bad_open(asn=65009))
    first.expect_notification(2, 2)
    begin, refused = time.monotonic(), 0

    def is_let_in():
        nonlocal refused
        again = ground.neighbour("ebgp", int(first.name.removeprefix("ebgp")))
        try:
            again.to_established()
        except (scripted.Closed, OSError):
            refused += 1
            return False
        return True

    wait_until(is_let_in, "the end of the rest")
    assert refused and 0.5 < time.monotonic() - begin < 4
    assert not ground.peer(first)["lastError"]


# Timers


def test_keepalive_interval(ground):
    """A third of the negotiated hold time, less up to a quarter (RFC 4271 10)."""
    neighbour = ground.established(hold=3)
    assert ground.peer(neighbour)["timers"]["holdTime"] == 3
    times = [time.monotonic()]
    for _ in range(5):
        neighbour.send(KEEP)
        neighbour.expect(KEEPALIVE)
        times.append(time.monotonic())
    gaps = [after - before for before, after in itertools.pairwise(times[1:])]
    assert all(0.5 < gap < 1.6 for gap in gaps), gaps
    assert 0.7 < sum(gaps) / len(gaps) < 1.2, gaps


@pytest.mark.parametrize("where", ["OpenConfirm", "Established"])
def test_hold_timer_expires(ground, where):
    neighbour = ground.neighbour()
    begin = time.monotonic()
    STATES[where](neighbour, hold=3)
    neighbour.expect_notification(4, 0)
    assert 2.9 < time.monotonic() - begin < 6
    ground.wait_failure(neighbour, "sent", 4, 0)


@pytest.mark.parametrize("sign", [KEEP, update()], ids=["KEEPALIVE", "UPDATE"])
def test_hold_timer_begins_anew(ground, sign):
    neighbour = ground.established(hold=3)
    end = time.monotonic() + 4.5
    while time.monotonic() < end:
        neighbour.send(sign)
        neighbour.expect(KEEPALIVE)


def test_part_of_a_message_does_not_hold_the_session(ground):
    """RFC 4271 8.2.2: a KEEPALIVE or an UPDATE does, not single octets."""
    neighbour = ground.established(hold=3)
    begin = time.monotonic()
    half = iter(message(UPDATE, bytes(4000)))
    try:
        while time.monotonic() - begin < 7:
            neighbour.send(bytes([next(half)]))
            kind, body = neighbour.receive()
            if kind == NOTIFICATION:
                break
    except OSError:
        pass
    assert (kind, body) == (NOTIFICATION, b"\4\0")
    assert time.monotonic() - begin < 6


def test_hold_time_zero(ground):
    neighbour = ground.established(hold=0)
    assert ground.peer(neighbour)["timers"]["keepaliveTime"] == 0
    neighbour.stays_silent(3.5)
    assert ground.peer(neighbour)["state"] == "Established"


# The stream


def test_one_byte_at_a_time(ground, pair):
    neighbour = ground.neighbour()
    stream = (neighbour.open_message() + KEEP + update(neighbour.attributes(),
                                                       prefix_bytes(neighbour.prefix)))
    for byte in stream:
        neighbour.send(bytes([byte]))
    pair[1].wait_route(neighbour.prefix)


def test_64_kilobytes_of_keepalives_at_once(ground):
    neighbour = ground.established()
    count = 65536 // len(KEEP)
    neighbour.send(KEEP * count)
    wait_until(lambda: ground.peer(neighbour)["messages"]["received"]["keepalive"] == count + 1,
               "the KEEPALIVEs")


def test_64_kilobytes_of_updates_at_once(ground, pair):
    neighbour, observer = pair
    prefixes = [f"10.200.{a}.{b}/32" for a in range(4) for b in range(250)]
    neighbour.send(*(update(neighbour.attributes(), prefix_bytes(prefix))
                     for prefix in prefixes), update(withdrawn=prefix_bytes(*prefixes[:700])))
    observer.read_until(lambda: {prefix for prefix in observer.routes
                                 if prefix.startswith("10.200.")} == set(prefixes[700:]))


def test_everything_at_once_and_a_bad_message_in_the_end(ground, pair):
    """What stands before it counts."""
    observer, neighbour = pair[1], ground.neighbour()
    neighbour.send(neighbour.open_message() + KEEP
                   + update(neighbour.attributes(), prefix_bytes(neighbour.prefix))
                   + message(KEEPALIVE, length=18) + bytes(100))
    neighbour.to_open_sent().expect_notification(1, 2, b"\0\x12")
    observer.read_until(lambda: neighbour.prefix not in observer.routes, "nothing is left")


def test_notification_is_not_lost_behind_a_flood(ground):
    """Input that nobody reads would make the kernel reset the connection."""
    neighbour = ground.established()
    neighbour.send(message(KEEPALIVE, length=18), bytes(300000))
    neighbour.expect_notification(1, 2, b"\0\x12")


def test_close_without_a_word(ground, pair, state):
    observer, neighbour = pair[1], ground.neighbour()
    STATES[state](neighbour)
    if state == "Established":
        neighbour.announce(neighbour.prefix)
        observer.wait_route(neighbour.prefix)
    neighbour.close()
    wait_until(lambda: ground.peer(neighbour)["state"] != state, "the end")
    if state == "Established":
        observer.wait_withdrawn(neighbour.prefix)
        assert ground.peer(neighbour)["flaps"] == 1


def test_reset_of_the_connection(ground, pair):
    neighbour, observer = pair
    neighbour.announce(neighbour.prefix)
    observer.wait_route(neighbour.prefix)
    neighbour.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    neighbour.close()
    observer.wait_withdrawn(neighbour.prefix)


def test_half_closed_connection(ground, pair):
    neighbour, observer = pair
    neighbour.announce(neighbour.prefix)
    neighbour.sock.shutdown(socket.SHUT_WR)
    neighbour.expect_close()
    observer.read_until(lambda: neighbour.prefix not in observer.routes, "nothing is left")


# Tables


def test_end_of_rib_comes_last(ground):
    neighbour = ground.established()
    assert set(neighbour.routes) >= OWN
    assert sorted(neighbour.ended) == [IPV4, IPV6]
    route = neighbour.routes["10.2.0.0/24"]
    assert route.attributes == {ORIGIN: (TRANSITIVE, b"\0"),
                                AS_PATH: (TRANSITIVE, segment(SEQUENCE, NODE_ASN)),
                                NEXT_HOP: (TRANSITIVE, address_bytes(NODE))}


def test_internal_neighbour_gets_local_pref(ground):
    route = ground.established("ibgp").routes["10.2.0.0/24"]
    assert route.value(LOCAL_PREF) == struct.pack("!I", 100)
    assert route.asns() == []


def test_route_refresh_is_answered(ground):
    """RFC 2918: the table of that family again, and of that family only."""
    neighbour = ground.established()
    for afi, prefix in ((IPV4, "10.2.0.0/24"), (IPV6, "2001:db8:2::/48")):
        neighbour.routes, neighbour.ended = {}, []
        neighbour.send(refresh(afi))
        neighbour.wait_route(prefix)
        assert not OWN - {prefix} & set(neighbour.routes)


@pytest.mark.parametrize("request_", [
    refresh(25), refresh(IPV4, safi=128), refresh(IPV4, subtype=1), refresh(IPV4, subtype=2),
    refresh(IPV4, subtype=77)], ids=["AFI", "SAFI", "begin", "end", "subtype"])
def test_route_refresh_that_means_nothing(ground, request_):
    neighbour = ground.established()
    neighbour.send(request_)
    neighbour.stays_silent(0.5)
    assert ground.peer(neighbour)["state"] == "Established"


@pytest.mark.parametrize("body", [b"", b"\0\1\0", b"\0\1\0\1\0"], ids=len)
def test_route_refresh_of_a_wrong_length(ground, body):
    neighbour = ground.established()
    neighbour.send(message(ROUTE_REFRESH, body))
    neighbour.expect_notification(1, 2, struct.pack("!H", 19 + len(body)))


@pytest.mark.parametrize("capable", [True, False], ids=["RFC 7313", "RFC 2918"])
def test_mark_of_a_wrong_length(ground, capable):
    """RFC 7313 5 has its own error, for neighbours that announced the capability."""
    neighbour = ground.neighbour()
    more = capability(70) if capable else b""
    neighbour.to_established(capabilities=neighbour.capabilities() + more)
    bad = message(ROUTE_REFRESH, b"\0\1\1\1\0")
    neighbour.send(bad)
    if capable:
        neighbour.expect_notification(7, 1, bad)
    else:
        neighbour.expect_notification(1, 2, b"\0\x18")


def test_kbgpd_asks_for_routes_again(ground):
    neighbour = ground.established()
    ground.kbgpd.ctl_text("clear", neighbour.name, "--soft-in")
    assert neighbour.expect(ROUTE_REFRESH) == b"\0\1\0\1"
    assert neighbour.expect(ROUTE_REFRESH) == b"\0\2\0\1"


def test_too_many_prefixes(ground):
    neighbour = ground.established("limited")
    neighbour.announce("10.150.0.0/24", "10.150.1.0/24")
    wait_until(lambda: ground.peer(neighbour)["families"]["ipv4"]["accepted"] == 2, "two routes")
    neighbour.announce("10.150.2.0/24")
    neighbour.expect_notification(6, 1)


# What needs a daemon of its own


def test_end_of_the_daemon(own_lab, build):
    """RFC 9003: it says what it does."""
    ground = Ground(own_lab, build, {"ebgp": 2})
    neighbour, silent = ground.established(), ground.neighbour().to_open_sent()
    ground.kbgpd.process.send(signal.SIGTERM)
    text = b"\x11kbgpd is stopping"
    neighbour.expect_notification(6, 2, text)
    silent.expect_notification(6, 2, text)
    assert ground.kbgpd.process.popen.wait(20) == 0


def test_reload_tells_what_became_of_a_peer(own_lab, build):
    ground = Ground(own_lab, build, {"ebgp": 3})
    gone, changed, kept = (ground.established() for _ in range(3))
    text = ground.kbgpd.file.read_text()
    second = peer_entry("ebgp", 2)
    ground.kbgpd.configure(text.replace(peer_entry("ebgp", 1), "").replace(
        second, second.replace("passive: true", "passive: true, families: [ipv4]")))
    gone.expect_notification(6, 3)
    changed.expect_notification(6, 6)
    kept.announce(kept.prefix)
    wait_until(lambda: ground.peer(kept)["families"]["ipv4"]["accepted"] == 1, "the third lives")


class Chaos:
    """Neighbours that do anything at any time; what kbgpd answers is thrown away."""

    def __init__(self, ground, seed, kinds):
        self.ground, self.dice = ground, random.Random(seed)
        self.names = [(kind, number) for kind, count in kinds.items()
                      for number in range(1, count + 1)]
        self.listeners = {number: scripted.listen(ground.host, address_of(kind, number))
                          for kind, number in self.names if kind == "active"}
        for listener in self.listeners.values():
            listener.settimeout(0)

    def says(self, neighbour):
        prefixes = prefix_bytes(neighbour.prefix, "10.190.0.0/24")
        return self.dice.choice((
            neighbour.open_message(), neighbour.open_message() + KEEP, KEEP, KEEP, KEEP,
            update(neighbour.attributes(), prefixes), update(withdrawn=prefixes), update(),
            update(neighbour.attributes()[5:], prefixes), refresh(IPV4), refresh(IPV6),
            notification(6, 2), notification(6, 7), message(KEEPALIVE, length=18),
            message(UPDATE, bytes(10)), message(UPDATE, length=300), b"\xff", bad_open(asn=1)))

    def accepts(self):
        for number, listener in self.listeners.items():
            with contextlib.suppress(BlockingIOError):
                self.ground.keep(listener.accept()[0], "active", number)

    def steps(self, count):
        dice, connections = self.dice, self.ground.open
        for _ in range(count):
            choice = dice.random()
            if choice < 0.15 and len(connections) < 40:
                self.ground.neighbour(*dice.choice(self.names))
            elif choice < 0.25 and connections:
                connections.pop(dice.randrange(len(connections))).close()
            elif choice < 0.28:
                with contextlib.suppress(CommandFailed):    # one that is shut down is not cleared
                    self.ground.kbgpd.ctl_text(dice.choice(("clear", "shutdown", "enable")),
                                               "".join(map(str, dice.choice(self.names))))
            elif connections:
                neighbour = dice.choice(connections)
                try:
                    neighbour.send(self.says(neighbour))
                except OSError:
                    connections.remove(neighbour)
                    neighbour.close()
            self.accepts()


@pytest.mark.parametrize("seed", range(2))
def test_anything_in_any_order(own_lab, build, seed):
    """And in the end every neighbour that behaves has a session, and a complete table."""
    kinds = {"ebgp": 4, "active": 4}
    ground = Ground(own_lab, build, kinds)
    chaos = Chaos(ground, seed, kinds)
    chaos.steps(1500)
    for listener in chaos.listeners.values():
        listener.close()
    ground.clean()
    for kind, number in chaos.names:
        ground.kbgpd.ctl_text("enable", f"{kind}{number}")

    def comes_up(kind, number):
        neighbour = ground.neighbour(kind, number)
        try:
            return set(neighbour.to_established().routes) >= OWN
        except (scripted.Closed, OSError):
            neighbour.close()
            return False

    for name in chaos.names:
        wait_until(lambda name=name: comes_up(*name), f"session of {name}")


def resident_kilobytes(process):
    """Of the process that nsenter became."""
    with open(f"/proc/{process.popen.pid}/status", encoding="ascii") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))


def test_neighbour_that_reads_nothing(own_lab, build):
    """It delays nobody, costs no memory as routes change, and has the right table in the end."""
    options = ":".join(filter(None, [os.environ.get("ASAN_OPTIONS"), "quarantine_size_mb=1"]))
    ground = Ground(own_lab, build, {"ebgp": 1, "observer": 2}, {"ASAN_OPTIONS": options})
    neighbour, reader = ground.established(), ground.established("observer")
    stalled = ground.neighbour("observer", receive_buffer=4096).to_established()
    prefixes = [f"10.{200 + a}.{b}.0/24" for a in range(4) for b in range(128)]

    def has_come(routes, prefix, generation):
        return prefix in routes and routes[prefix].value(99)[:2] == struct.pack("!H", generation)

    def change(generation):
        """Every route anew, each in a message of 3 kB."""
        more = attribute(BOTH | EXTENDED, 99, struct.pack("!H", generation) * 1500)
        for at, prefix in enumerate(prefixes):
            neighbour.announce(prefix, more=more, path=[neighbour.asn, 1000 + at])
        for prefix in prefixes:
            reader.read_until(lambda prefix=prefix: has_come(reader.routes, prefix, generation),
                              f"generation {generation} of {prefix}")

    for generation in range(1, 6):
        change(generation)
    before = resident_kilobytes(ground.kbgpd.process)
    for generation in range(6, 26):     # of 1.5 MB each
        change(generation)
    grown = resident_kilobytes(ground.kbgpd.process) - before
    assert grown < 10 << 10, f"{grown} kB more"
    assert ground.peer(stalled)["queuedBytes"] > 0
    for prefix in prefixes:
        stalled.read_until(lambda prefix=prefix: has_come(stalled.routes, prefix, 25), prefix)
    # What it missed meanwhile was never sent.
    assert stalled.updates < 15 * len(prefixes)
