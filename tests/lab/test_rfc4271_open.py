"""RFC 4271: the message header and the OPEN, right and wrong (4.1, 4.2, 6.1, 6.2), and RFC 6286.

Every answer is compared byte for byte; see wire.py for the lab.
"""

import struct

import pytest

import scripted
from lab import wait_until
from scripted import (
    KEEPALIVE, MARKER, NOTIFICATION, OPEN, REFRESH, ROUTE_REFRESH, UPDATE, address_bytes, as4,
    message, open_body, parameter, update)
from wire import *  # noqa: F401,F403  (the fixtures)
from wire import KEEP, NODE, NODE_ASN, STATES, address_of


# 4.1: the header


def test_rfc4271_4_1_marker_and_length_of_what_is_sent(ground):
    """OPEN, KEEPALIVE, UPDATEs and NOTIFICATION, back to back to the end of the stream."""
    neighbour = ground.neighbour()
    neighbour.send(neighbour.open_message(), KEEP)
    stream, more = b"", b"more"
    while update() not in stream:   # the End-of-RIB of IPv4: routes have been sent
        more = neighbour.sock.recv(1 << 16)
        assert more, "the end before End-of-RIB"
        stream += more
    neighbour.send(message(0))
    while more:
        more = neighbour.sock.recv(1 << 16)
        stream += more
    kinds = []
    while stream:
        assert stream[:16] == MARKER
        length, kind = struct.unpack("!HB", stream[16:19])
        assert 19 <= length <= min(len(stream), 4096)
        kinds.append(kind)
        stream = stream[length:]
    assert kinds[:2] == [OPEN, KEEPALIVE] and UPDATE in kinds and kinds[-1] == NOTIFICATION


# 4.2: the OPEN that we send, and what comes of both


def test_rfc4271_4_2_fields_of_our_open(ground):
    neighbour = ground.neighbour().to_open_sent()
    assert neighbour.open[:9] == struct.pack("!BHH", 4, NODE_ASN, 90) + address_bytes(NODE)


@pytest.mark.parametrize("kind", ["ibgp", "active", "six"])
def test_rfc4271_4_2_identifier_is_the_same_for_every_peer(ground, kind):
    if kind == "active":
        number = ground.take(kind)
        with scripted.listen(ground.host, address_of(kind, number)) as listener:
            neighbour = ground.keep(listener.accept()[0], kind, number)
    else:
        neighbour = ground.neighbour(kind)
    assert neighbour.to_open_sent().open[5:9] == address_bytes(NODE)


@pytest.mark.parametrize("theirs, negotiated", [(0, 0), (3, 3), (30, 30), (90, 90), (65535, 90)])
def test_rfc4271_4_2_smaller_hold_time_counts(ground, theirs, negotiated):
    neighbour = ground.established(hold=theirs)
    timers = ground.peer(neighbour)["timers"]
    assert (timers["holdTime"], timers["keepaliveTime"]) == (negotiated, negotiated // 3)


# 6.1: message header errors, in every state

SYNCHRONIZATION = {
    "last octet": message(KEEPALIVE, marker=b"\xff" * 15 + b"\xfe"),
    "first octet": message(KEEPALIVE, marker=b"\x7f" + b"\xff" * 15),
    "zeros": message(KEEPALIVE, marker=bytes(16)),
    "of an UPDATE": message(UPDATE, bytes(4), marker=bytes(16)),
}


@pytest.mark.parametrize("bad", SYNCHRONIZATION.values(), ids=SYNCHRONIZATION)
def test_rfc4271_6_1_marker_that_is_not_all_ones(ground, state, bad):
    neighbour = ground.neighbour()
    STATES[state](neighbour)
    neighbour.send(bad)
    neighbour.expect_notification(1, 1)
    ground.wait_failure(neighbour, "sent", 1, 1)


BAD_LENGTHS = {
    "0": message(KEEPALIVE, length=0),
    "18": message(KEEPALIVE, length=18),
    "KEEPALIVE of 20": message(KEEPALIVE, b"\0"),
    "OPEN of 28": message(OPEN, bytes(9)),
    "UPDATE of 22": message(UPDATE, bytes(3)),
}


@pytest.mark.parametrize("bad", BAD_LENGTHS.values(), ids=BAD_LENGTHS)
def test_rfc4271_6_1_bad_message_length(ground, state, bad):
    """The data is the Length field."""
    neighbour = ground.neighbour()
    STATES[state](neighbour)
    neighbour.send(bad)
    neighbour.expect_notification(1, 2, bad[16:18])
    ground.wait_failure(neighbour, "sent", 1, 2)


@pytest.mark.parametrize("kind", [OPEN, UPDATE, KEEPALIVE, ROUTE_REFRESH])
@pytest.mark.parametrize("length", [4097, 65535])
def test_rfc4271_6_1_message_longer_than_4096_octets(ground, state, kind, length):
    """It is told at once, before the body has come."""
    neighbour = ground.neighbour()
    STATES[state](neighbour)
    neighbour.send(message(kind, length=length))
    neighbour.expect_notification(1, 2, struct.pack("!H", length))


@pytest.mark.parametrize("kind", [0, 6, 255])
def test_rfc4271_6_1_bad_message_type(ground, state, kind):
    """The data is the Type field."""
    neighbour = ground.neighbour()
    STATES[state](neighbour)
    neighbour.send(message(kind, bytes(40)))
    neighbour.expect_notification(1, 3, bytes([kind]))
    ground.wait_failure(neighbour, "sent", 1, 3)


# 6.2: OPEN message errors


def bad_open(asn=65002, identifier="10.1.1.1", hold=90, parameters=None, version=4, tail=b""):
    if parameters is None:
        parameters = parameter(scripted.usual_capabilities(asn))
    return message(OPEN, open_body(asn, identifier, hold, parameters, version) + tail)


def check_refused(ground, bad, subcode, data=b"", kind="ebgp"):
    neighbour = ground.neighbour(kind).to_open_sent()
    neighbour.send(bad)
    neighbour.expect_notification(2, subcode, data)
    ground.wait_failure(neighbour, "sent", 2, subcode)
    assert ground.peer(neighbour)["state"] in ("Idle", "Active")


@pytest.mark.parametrize("version", [0, 3, 5, 255])
def test_rfc4271_6_2_unsupported_version(ground, version):
    """The data is the version that we speak."""
    check_refused(ground, bad_open(version=version), 1, b"\0\4")


BAD_PEER_AS = {
    "another": bad_open(asn=65009),
    "ours": bad_open(asn=NODE_ASN),
    "another in the capability": bad_open(parameters=parameter(as4(65009))),
    "AS_TRANS alone": bad_open(asn=23456, parameters=b""),
}


@pytest.mark.parametrize("bad", BAD_PEER_AS.values(), ids=BAD_PEER_AS)
def test_rfc4271_6_2_bad_peer_as(ground, bad):
    check_refused(ground, bad, 2)


@pytest.mark.parametrize("hold", [1, 2])
def test_rfc4271_6_2_hold_time_of_one_or_two_seconds(ground, hold):
    check_refused(ground, bad_open(hold=hold), 6)


@pytest.mark.parametrize("kind", [0, 1, 3, 99, 254])
def test_rfc4271_6_2_unrecognized_optional_parameter(ground, kind):
    check_refused(ground, bad_open(parameters=parameter(b"", kind) + parameter(as4(65002))), 4)


MALFORMED = {
    "parameter without length": bad_open(parameters=b"\2"),
    "parameter overruns": bad_open(parameters=b"\2\4\2\0"),
    "capability without length": bad_open(parameters=parameter(b"\1")),
    "capability overruns": bad_open(parameters=parameter(b"\1\5\0\1\0\1")),
    "octet behind the end": bad_open(tail=b"\0"),
    "parameters end before their length": message(
        OPEN, open_body(65002, "10.1.1.1")[:-1] + b"\x0a" + parameter(REFRESH)),
}


@pytest.mark.parametrize("bad", MALFORMED.values(), ids=MALFORMED)
def test_rfc4271_6_2_malformed_optional_parameter(ground, bad):
    check_refused(ground, bad, 0)


def test_rfc4271_6_2_first_error_counts(ground):
    """In the order of the section: the version before the AS, the AS before the rest."""
    check_refused(ground, bad_open(version=3, asn=65009, hold=1, identifier="0.0.0.0"), 1, b"\0\4")
    check_refused(ground, bad_open(asn=65009, parameters=parameter(as4(65009)) + parameter(b"", 9)),
                  4)


# RFC 6286: what an identifier may be


def test_rfc6286_2_1_identifier_need_not_be_an_address(ground):
    """Any number other than 0, also one that no host can have."""
    for identifier in ("255.255.255.255", "224.0.0.5", "127.0.0.1"):
        neighbour = ground.neighbour().to_open_sent()
        neighbour.send(bad_open(identifier=identifier))
        neighbour.expect(KEEPALIVE)


@pytest.mark.parametrize("kind, asn", [("ebgp", 65002), ("ibgp", NODE_ASN)])
def test_rfc6286_2_2_identifier_zero(ground, kind, asn):
    check_refused(ground, bad_open(asn, identifier="0.0.0.0"), 3, kind=kind)


def test_rfc6286_2_2_our_identifier_from_an_internal_peer(ground):
    check_refused(ground, bad_open(NODE_ASN, NODE), 3, kind="ibgp")


def test_rfc6286_2_2_our_identifier_from_an_external_peer(ground):
    neighbour = ground.neighbour().to_open_sent()
    neighbour.send(bad_open(65002, NODE))
    neighbour.expect(KEEPALIVE)


def test_rfc6286_2_1_same_identifier_in_two_other_ases(ground):
    """Routes of both are told apart."""
    first, second = (ground.established("ebgp", identifier="10.1.9.9") for _ in range(2))
    for neighbour in (first, second):
        neighbour.announce(neighbour.prefix)
        wait_until(lambda n=neighbour: ground.path(n.prefix, n)["best"], "the route")


# RFC 7607: AS 0 in an OPEN


@pytest.mark.parametrize("bad", [
    bad_open(asn=0), bad_open(parameters=parameter(as4(0))),
    bad_open(asn=0, parameters=parameter(as4(65002)))], ids=["field", "capability", "field only"])
def test_rfc7607_2_open_of_as_0(ground, bad):
    check_refused(ground, bad, 2)
