"""RFC 4271: how a session is kept, ended and told from another (4.4, 4.5, 6.4 to 6.8, 8, 10).

With RFC 6286 2.3 (who wins a collision) and RFC 6608 (messages out of place).
"""

import itertools
import socket
import struct
import time

import pytest

import scripted
from lab import wait_until
from scripted import (
    IPV4, IPV6, KEEPALIVE, NOTIFICATION, OPEN, UPDATE, message, notification, refresh, update)
from wire import *  # noqa: F401,F403  (the fixtures)
from wire import KEEP, NODE, STATES, address_of


# 4.4 and 10: KEEPALIVEs


def test_rfc4271_4_4_keepalives_are_a_second_apart_or_more(ground):
    """At the shortest hold time; RFC 4271 10 takes up to a quarter off the third of it."""
    neighbour = ground.established(hold=3)
    times = [time.monotonic()]
    for _ in range(4):
        neighbour.send(KEEP)
        neighbour.expect(KEEPALIVE)
        times.append(time.monotonic())
    gaps = [after - before for before, after in itertools.pairwise(times[1:])]
    assert all(0.7 < gap < 1.6 for gap in gaps), gaps


def test_rfc4271_4_4_hold_time_zero_has_no_keepalives(ground):
    neighbour = ground.established(hold=0)
    assert ground.peer(neighbour)["timers"]["keepaliveTime"] == 0
    neighbour.stays_silent(2.5)
    assert ground.peer(neighbour)["state"] == "Established"


# 6.4: NOTIFICATION errors


@pytest.mark.parametrize("said", [
    (6, 2, b"\x05later"), (6, 2, b"\xffshort"), (6, 4, b"\x02\xff\xfe"), (6, 9, b"\6\2\3now"),
    (2, 1, b"\0\4"), (2, 1, b""), (1, 1, b""), (3, 10, bytes(600)), (0, 0, b""), (99, 99, b"x"),
], ids=lambda said: f"{said[0]}.{said[1]} with {len(said[2])}")
def test_rfc4271_6_4_notification_is_never_answered(ground, state, said):
    neighbour = ground.neighbour()
    STATES[state](neighbour)
    # What comes after it does not count any more, however wrong.
    neighbour.send(notification(*said), bytes(19))
    neighbour.expect_close()
    ground.wait_failure(neighbour, "received", said[0], said[1])


@pytest.mark.parametrize("length", [19, 20, 65535])
def test_rfc4271_6_1_notification_of_a_wrong_length(ground, state, length):
    """The header is wrong, so there is no NOTIFICATION yet that 6.4 could be about."""
    neighbour = ground.neighbour()
    STATES[state](neighbour)
    neighbour.send(message(NOTIFICATION, b"\6"[:length - 19], length=length))
    neighbour.expect_notification(1, 2, struct.pack("!H", length))


def own_connection(ground):
    """A connection that kbgpd has opened itself."""
    number = ground.take("active")
    with scripted.listen(ground.host, address_of("active", number)) as listener:
        return ground.keep(listener.accept()[0], "active", number)


@pytest.mark.parametrize("bad, answer", [
    (message(KEEPALIVE, marker=bytes(16)), (1, 1)),
    (message(KEEPALIVE, length=18), (1, 2, b"\0\x12")),
    (message(9), (1, 3, b"\x09")),
], ids=["marker", "length", "type"])
def test_rfc4271_6_1_errors_on_a_connection_of_ours(ground, state, bad, answer):
    neighbour = own_connection(ground)
    STATES[state](neighbour)
    neighbour.send(bad)
    neighbour.expect_notification(*answer)


# 6.5: the Hold Timer


@pytest.mark.parametrize("where", ["OpenConfirm", "Established"])
def test_rfc4271_6_5_hold_timer_expires(ground, where):
    neighbour = ground.neighbour()
    begin = time.monotonic()
    STATES[where](neighbour, hold=3)
    neighbour.expect_notification(4, 0)
    assert 2.9 < time.monotonic() - begin < 6
    ground.wait_failure(neighbour, "sent", 4, 0)


@pytest.mark.parametrize("sign", [KEEP, update()], ids=["KEEPALIVE", "UPDATE"])
def test_rfc4271_8_2_2_hold_timer_begins_anew(ground, sign):
    neighbour = ground.established(hold=3)
    end = time.monotonic() + 3.5
    while time.monotonic() < end:
        neighbour.send(sign)
        neighbour.expect(KEEPALIVE)


def test_rfc4271_4_2_route_refresh_does_not_hold_the_session(ground):
    """Hold Time is about KEEPALIVE and UPDATE; of RFC 2918's message nothing else is said."""
    begin = time.monotonic()
    neighbour = ground.established(hold=3)
    kind, body = None, b""
    while kind != NOTIFICATION and time.monotonic() - begin < 7:
        neighbour.send(refresh(IPV4))
        kind, body = neighbour.receive()
        time.sleep(0.1)
    assert (kind, body) == (NOTIFICATION, b"\4\0")
    assert 2.9 < time.monotonic() - begin < 6


def test_rfc4271_8_2_2_part_of_a_message_does_not_hold_the_session(ground):
    neighbour = ground.established(hold=3)
    begin = time.monotonic()
    half = iter(message(UPDATE, bytes(4000)))
    kind, body = None, b""
    try:
        while kind != NOTIFICATION and time.monotonic() - begin < 7:
            neighbour.send(bytes([next(half)]))
            kind, body = neighbour.receive()
    except OSError:
        pass
    assert (kind, body) == (NOTIFICATION, b"\4\0")
    assert time.monotonic() - begin < 6


# 6.7: Cease


def test_rfc4271_6_7_more_prefixes_than_allowed(ground):
    neighbour = ground.established("limited")
    neighbour.announce("10.150.0.0/24", "10.150.1.0/24")
    wait_until(lambda: ground.peer(neighbour)["families"]["ipv4"]["accepted"] == 2, "two routes")
    neighbour.announce("10.150.2.0/24")
    neighbour.expect_notification(6, 1)


# 6.8: collisions


@pytest.fixture
def both(ground):
    """Two connections with an active peer, silent yet: the one it opened and the one we did."""
    def make(identifier):
        number = ground.take("active")
        with scripted.listen(ground.host, address_of("active", number)) as listener:
            theirs = ground.keep(listener.accept()[0], "active", number, identifier=identifier)
        # kbgpd knows of its connection before it is called: there is none to give up for the other.
        theirs.to_open_sent()
        ours = ground.neighbour("active", number, identifier=identifier)
        return theirs, ours.to_open_sent()
    return make


def check_collision(both, identifier, ours_stays, order):
    theirs, ours = both(identifier)
    for neighbour in (theirs, ours) if order == "theirs first" else (ours, theirs):
        neighbour.send(neighbour.open_message())
    kept, lost = (ours, theirs) if ours_stays else (theirs, ours)
    lost.expect_notification(6, 7)
    kept.expect(KEEPALIVE)
    kept.send(KEEP)
    kept.read_until(lambda: set(kept.ended) == {IPV4, IPV6}, "End-of-RIB")


@pytest.mark.parametrize("order", ["theirs first", "ours first"])
@pytest.mark.parametrize("identifier, ours_stays", [("9.255.255.255", False), ("10.0.0.2", True)])
def test_rfc4271_6_8_connection_of_the_higher_identifier_is_kept(
        both, order, identifier, ours_stays):
    check_collision(both, identifier, ours_stays, order)


@pytest.mark.parametrize("order", ["theirs first", "ours first"])
def test_rfc6286_2_3_higher_as_decides_between_equal_identifiers(both, order):
    check_collision(both, NODE, True, order)


def test_rfc4271_6_8_established_session_is_kept(ground):
    first = ground.established()
    second = ground.neighbour("ebgp", int(first.name.removeprefix("ebgp")))
    second.expect_notification(6, 7)
    first.announce(first.prefix)
    wait_until(lambda: ground.peer(first)["families"]["ipv4"]["accepted"] == 1, "the first lives")


def test_rfc4271_6_8_connection_in_open_confirm_is_kept(ground):
    first = ground.neighbour().to_open_confirm()
    ground.neighbour("ebgp", int(first.name.removeprefix("ebgp"))).expect_notification(6, 7)
    first.send(KEEP)
    first.read_until(lambda: first.ended, "End-of-RIB")


def test_rfc4271_6_8_established_ends_the_other_connection(both):
    theirs, ours = both("9.255.255.255")
    theirs.send(theirs.open_message(), KEEP)
    theirs.expect(KEEPALIVE)
    ours.expect_notification(6, 7)
    theirs.read_until(lambda: set(theirs.ended) == {IPV4, IPV6}, "End-of-RIB")


# 8: the state machine; unit/test_fsm.c has every state and every event


@pytest.mark.parametrize("end", ["OPEN", "NOTIFICATION", "half-close"])
@pytest.mark.parametrize("ours_ends", [False, True], ids=["of kbgpd", "of the neighbour"])
def test_rfc4271_8_2_1_trouble_on_one_connection_leaves_the_other(both, end, ours_ends):
    """Each has a state machine of its own, until a collision is found."""
    theirs, ours = both("10.0.0.2")
    ended, kept = (ours, theirs) if ours_ends else (theirs, ours)
    if end == "OPEN":
        ended.send(ended.open_message(version=3))
        ended.expect_notification(2, 1, b"\0\4")
    elif end == "NOTIFICATION":
        ended.send(notification(6, 5))
        ended.expect_close()
    else:
        ended.sock.shutdown(socket.SHUT_WR)
        ended.expect_close()
    kept.send(kept.open_message(), KEEP)
    kept.read_until(lambda: set(kept.ended) == {IPV4, IPV6}, "End-of-RIB")


def test_rfc4271_8_2_2_half_closed_connection_ends(ground, state):
    """Whoever says no more has failed, though it would still listen."""
    neighbour = ground.neighbour()
    STATES[state](neighbour)
    neighbour.sock.shutdown(socket.SHUT_WR)
    neighbour.expect_close()
    wait_until(lambda: ground.peer(neighbour)["state"] in ("Idle", "Active"), "the end")


def test_rfc4271_8_1_1_passive_peer_is_never_called(ground):
    number = ground.take("ipv4")
    with scripted.listen(ground.host, address_of("ipv4", number)) as listener:
        listener.settimeout(1.5)
        with pytest.raises(TimeoutError):
            listener.accept()
    ground.neighbour("ipv4", number).to_established(families=[IPV4])


def test_rfc4271_8_2_1_address_that_is_not_configured_is_refused(ground):
    """Before anything is said."""
    sock = scripted.connect(ground.host, "10.0.255.1", NODE)
    with pytest.raises(scripted.Closed):
        ground.keep(sock, "ebgp", 1).receive()


def test_rfc4271_8_2_2_end_of_the_connection_in_open_sent(ground):
    """Back to Active, without the rest that an error costs: the next connection is welcome."""
    neighbour = ground.neighbour().to_open_sent()
    neighbour.close()
    wait_until(lambda: ground.peer(neighbour)["state"] != "OpenSent", "the end")
    assert ground.peer(neighbour)["state"] == "Active"
    ground.neighbour("ebgp", int(neighbour.name.removeprefix("ebgp"))).to_established()


@pytest.mark.parametrize("how", ["close", "reset", "half close"])
def test_rfc4271_8_2_2_end_of_the_connection_in_established(ground, pair, how):
    """All routes of the peer go."""
    neighbour, observer = pair
    neighbour.announce(neighbour.prefix)
    observer.wait_route(neighbour.prefix)
    if how == "half close":
        neighbour.sock.shutdown(socket.SHUT_WR)
        neighbour.expect_close()
    else:
        if how == "reset":
            neighbour.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                                      struct.pack("ii", 1, 0))
        neighbour.close()
    observer.wait_withdrawn(neighbour.prefix)
    wait_until(lambda: ground.peer(neighbour)["state"] != "Established", "the end")


def test_rfc4271_8_2_2_notification_in_established_releases_the_routes(ground, pair):
    neighbour, observer = pair
    neighbour.announce(neighbour.prefix)
    observer.wait_route(neighbour.prefix)
    neighbour.send(notification(6, 4))
    neighbour.expect_close()
    observer.wait_withdrawn(neighbour.prefix)


def test_rfc4271_8_1_1_peer_rests_after_an_error(ground):
    """DampPeerOscillations: refused for a moment, without a word, and welcome then."""
    first = ground.neighbour().to_open_sent()
    first.send(KEEP)
    first.receive()
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


# RFC 6608: messages out of place


def check_out_of_place(ground, where, bad, subcode):
    neighbour = ground.neighbour()
    STATES[where](neighbour)
    neighbour.send(bad)
    kind = None
    while kind != NOTIFICATION:
        kind, body = neighbour.receive()
    assert body == bytes([5, subcode]) + bad[18:19]     # the type that was out of place
    ground.wait_failure(neighbour, "sent", 5, subcode)


OUT_OF_PLACE = {"KEEPALIVE": KEEP, "UPDATE": update(), "ROUTE-REFRESH": refresh(IPV4)}


@pytest.mark.parametrize("bad", OUT_OF_PLACE.values(), ids=OUT_OF_PLACE)
def test_rfc6608_4_unexpected_message_in_open_sent(ground, bad):
    check_out_of_place(ground, "OpenSent", bad, 1)


@pytest.mark.parametrize("kind", ["OPEN", "UPDATE", "ROUTE-REFRESH"])
def test_rfc6608_4_unexpected_message_in_open_confirm(ground, kind):
    bad = OUT_OF_PLACE.get(kind) or scripted.message(
        scripted.OPEN, scripted.open_body(65002, "10.1.1.1"))
    check_out_of_place(ground, "OpenConfirm", bad, 2)


def test_rfc6608_4_unexpected_message_in_established(ground):
    """The only one is an OPEN."""
    check_out_of_place(ground, "Established", scripted.message(
        scripted.OPEN, scripted.open_body(65002, "10.1.1.1")), 3)


# 8: DelayOpen


def test_rfc4271_8_1_1_delay_open_lets_the_neighbour_speak_first(ground):
    neighbour = ground.neighbour("delayed")
    neighbour.stays_silent(0.5)
    neighbour.send(neighbour.open_message())
    neighbour.open = neighbour.expect(OPEN)
    neighbour.expect(KEEPALIVE)
    neighbour.send(KEEP)
    neighbour.read_until(lambda: neighbour.ended, "End-of-RIB")


def test_rfc4271_8_1_1_open_comes_when_the_delay_is_over(ground):
    begin = time.monotonic()
    ground.neighbour("delayed").to_open_sent()
    assert 2 < time.monotonic() - begin < 6


@pytest.mark.parametrize("bad", [
    message(KEEPALIVE, length=18), message(9), KEEP, update(), message(OPEN, bytes(10)),
    notification(2, 1), notification(6, 2)],
    ids=["length", "type", "KEEPALIVE", "UPDATE", "bad OPEN", "version", "NOTIFICATION"])
def test_rfc4271_8_2_2_error_while_the_open_is_delayed(ground, bad):
    """The connection ends; a NOTIFICATION without an OPEN before it is not sent."""
    neighbour = ground.neighbour("delayed")
    neighbour.send(bad)
    neighbour.expect_close()
    assert ground.peer(neighbour)["state"] in ("Idle", "Active", "Connect")
