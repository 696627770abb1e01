"""RFC 8654: messages of up to 65535 octets."""

import struct

import pytest

from lab import wait_until
from scripted import (
    BOTH, COMMUNITIES, EXTENDED, EXTENDED_MESSAGE, KEEPALIVE, OPEN, attribute, message,
    notification, parse_capabilities, prefix_bytes, update)
from wire import *  # noqa: F401,F403  (the fixtures)


def long_session(ground, kind="ebgp"):
    neighbour = ground.neighbour(kind)
    return neighbour.to_established(capabilities=neighbour.capabilities() + EXTENDED_MESSAGE,
                                    longest=65535)


def of_length(neighbour, length):
    """An UPDATE of that many octets, with communities and prefixes."""
    base = neighbour.attributes() + attribute(BOTH | EXTENDED, COMMUNITIES, bytes(4000))
    prefixes = [f"10.{200 + n // 65536}.{n // 256 % 256}.{n % 256}/32" for n in range(20000)]
    nlri = prefix_bytes(*prefixes)
    room = length - 23 - len(base)
    odd = room % 5
    if odd:     # prefixes of 5 octets each, and the rest in unknown attributes
        base += attribute(BOTH | EXTENDED, 99, bytes(odd + 1))
        room -= odd + 5
    whole = update(base, nlri[:room // 5 * 5])
    return whole, room // 5


def test_rfc8654_3_capability_is_announced(ground):
    assert (6, b"") in parse_capabilities(ground.neighbour().to_open_sent().open)


@pytest.mark.parametrize("length", [4096, 4097, 30000, 65535])
def test_rfc8654_4_update_of_any_length_is_taken(ground, length):
    neighbour = long_session(ground)
    whole, count = of_length(neighbour, length)
    assert len(whole) <= length
    neighbour.send(whole)
    wait_until(lambda: ground.peer(neighbour)["families"]["ipv4"]["received"] == count, "prefixes")


@pytest.mark.parametrize("kind, length", [(OPEN, 4097), (KEEPALIVE, 4097), (KEEPALIVE, 20)])
def test_rfc8654_4_open_and_keepalive_stay_short(ground, kind, length):
    neighbour = long_session(ground)
    neighbour.send(message(kind, length=length))
    neighbour.expect_notification(1, 2, struct.pack("!H", length))


def test_rfc8654_4_open_of_more_than_4096_octets(ground):
    neighbour = ground.neighbour().to_open_sent()
    neighbour.send(message(OPEN, length=5000))
    neighbour.expect_notification(1, 2, struct.pack("!H", 5000))


def test_rfc8654_4_long_notification_is_taken(ground):
    neighbour = long_session(ground)
    neighbour.send(notification(3, 10, bytes(60000)))
    neighbour.expect_close()
    ground.wait_failure(neighbour, "received", 3, 10)


def test_rfc8654_4_messages_are_long_only_for_who_can_take_them(ground):
    """Every prefix comes to both, and the longest message is as long as it may be."""
    source, far, near = long_session(ground), long_session(ground, "observer"), ground.established(
        "observer")
    whole, count = of_length(source, 20000)
    source.send(whole)
    for listener in (far, near):
        before = listener.updates
        listener.read_until(lambda one=listener: len(one.routes) >= count)
        listener.messages = listener.updates - before
    assert far.messages < near.messages


def test_rfc8654_4_route_that_does_not_fit_is_withdrawn(ground):
    """A neighbour without the capability must not keep what it was sent before."""
    source, far, near = long_session(ground), long_session(ground, "observer"), ground.established(
        "observer")
    source.announce(source.prefix)
    near.wait_route(source.prefix)
    source.announce(source.prefix, more=attribute(BOTH | EXTENDED, 99, bytes(6000)))
    far.read_until(lambda: source.prefix in far.routes
                   and 99 in far.routes[source.prefix].attributes, "the long route")
    near.wait_withdrawn(source.prefix)
