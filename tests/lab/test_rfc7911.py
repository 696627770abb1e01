"""RFC 7911: several paths of a prefix, both ways."""

import struct

import pytest

from lab import wait_until
from scripted import (
    BOTH, COMMUNITIES, IPV4, IPV6, MP_REACH, MP_UNREACH, OPTIONAL, add_path, address_bytes,
    as_path, attribute, mp_reach_value, notification, origin, parse_capabilities, path_bytes,
    update)
from wire import *  # noqa: F401,F403  (the fixtures)

GLOBAL = address_bytes("2001:db8::ffff")
RECEIVE, SEND, BOTH_WAYS = 1, 2, 3


def session(ground, mode, *families, kind="many", paths=None):
    """With our capability; paths: the families whose prefixes we are sent with identifiers."""
    neighbour = ground.neighbour(kind)
    families = families or (IPV4, IPV6)
    more = add_path(mode, *families) if mode else b""
    if paths is None:
        paths = families if mode in (RECEIVE, BOTH_WAYS) else ()
    return neighbour.to_established(capabilities=neighbour.capabilities() + more, paths=paths)


def mark(number):
    """Attributes of a path that can be told from others."""
    return attribute(BOTH, COMMUNITIES, struct.pack("!I", number))


def marks(listener, prefix):
    """Of the paths of this prefix that the neighbour has."""
    return sorted(struct.unpack("!I", route.value(COMMUNITIES))[0]
                  for (one, _), route in listener.routes.items() if one == prefix)


def send_path(neighbour, path_id, number, prefix, length=1):
    neighbour.send(update(neighbour.attributes(mark(number), path=[neighbour.asn] * length),
                          path_bytes(path_id, prefix)))


# 3: the encoding


def test_rfc7911_3_paths_are_told_by_their_identifiers(ground):
    neighbour = session(ground, SEND)
    for path_id, length in ((0, 1), (7, 2), (0xffffffff, 3)):
        send_path(neighbour, path_id, path_id, neighbour.prefix, length)
    wait_until(lambda: len(ground.kbgpd.ctl("routes", neighbour.prefix)) == 3, "three paths")
    assert ground.peer(neighbour)["families"]["ipv4"]["received"] == 3
    neighbour.send(update(withdrawn=path_bytes(0, neighbour.prefix)))
    wait_until(lambda: len(ground.kbgpd.ctl("routes", neighbour.prefix)) == 2, "two paths")
    send_path(neighbour, 7, 9, neighbour.prefix, 2)     # in place of the one of before
    wait_until(lambda: sorted(path["communities"] for path in ground.kbgpd.ctl(
        "routes", neighbour.prefix)) == [["0:9"], ["65535:65535"]], "the new one")


def test_rfc7911_3_identifiers_in_mp_attributes(ground):
    neighbour, observer = session(ground, SEND), ground.established("observer")
    reach = mp_reach_value(IPV6, GLOBAL) + path_bytes(3, neighbour.prefix6)
    neighbour.send(update(origin() + as_path(neighbour.asn)
                          + attribute(OPTIONAL, MP_REACH, reach)))
    observer.wait_route(neighbour.prefix6)
    neighbour.send(update(attribute(OPTIONAL, MP_UNREACH, b"\0\2\1"
                                    + path_bytes(3, neighbour.prefix6))))
    observer.wait_withdrawn(neighbour.prefix6)


@pytest.mark.parametrize("nlri", [b"\0\0\0\1", b"\0\0\0\1\x18\n", b"\0\0\0\1\x21" + bytes(5),
                                  b"\0\0"], ids=["no prefix", "cut", "33 bits", "half"])
def test_rfc7911_3_malformed_prefix_with_an_identifier(ground, nlri):
    neighbour = session(ground, SEND)
    neighbour.send(update(neighbour.attributes(), nlri))
    neighbour.expect_notification(3, 10)


# 4: the capability


def test_rfc7911_4_capability_in_one_instance(ground):
    found = [value for code, value in parse_capabilities(
        ground.neighbour("many").to_open_sent().open) if code == 69]
    assert found == [b"\0\1\1\3\0\2\1\3"]


def test_rfc7911_4_no_capability_unless_it_is_configured(ground):
    opened = ground.neighbour().to_open_sent().open
    assert 69 not in [code for code, _ in parse_capabilities(opened)]


@pytest.mark.parametrize("mode", [0, 4, 255])
def test_rfc7911_4_other_modes_are_ignored(ground, mode):
    neighbour = ground.neighbour("many")
    neighbour.to_established(capabilities=neighbour.capabilities() + add_path(mode, IPV4, IPV6))
    neighbour.announce(neighbour.prefix)
    wait_until(lambda: ground.path(neighbour.prefix, neighbour), "a route without identifier")


# 5: operation


def test_rfc7911_5_directions_are_agreed_upon_one_by_one(ground):
    """A neighbour that only receives sends without identifiers, and the other way round."""
    receiver = session(ground, RECEIVE)
    receiver.announce(receiver.prefix)
    wait_until(lambda: ground.path(receiver.prefix, receiver), "the route")
    sender = session(ground, SEND)
    assert "10.2.0.0/24" in sender.routes
    assert ("10.2.0.0/24" in [prefix for prefix, _ in receiver.routes])


def test_rfc7911_5_one_family_only(ground):
    neighbour = session(ground, BOTH_WAYS, IPV6)
    assert "10.2.0.0/24" in neighbour.routes
    assert "2001:db8:2::/48" in [prefix[0] for prefix in neighbour.routes
                                 if isinstance(prefix, tuple)]
    neighbour.announce(neighbour.prefix)
    wait_until(lambda: ground.path(neighbour.prefix, neighbour), "the route")


def test_rfc7911_5_not_without_our_capability(ground):
    """What a neighbour announces alone means nothing."""
    neighbour = session(ground, BOTH_WAYS, kind="ebgp", paths=())
    neighbour.announce(neighbour.prefix)
    wait_until(lambda: ground.path(neighbour.prefix, neighbour), "the route")


def test_rfc7911_5_several_paths_are_sent_the_best_one_among_them(ground):
    listener = session(ground, RECEIVE)
    sources = [ground.established() for _ in range(3)]
    for at, source in enumerate(sources):
        source.announce("10.188.0.0/24", path=[65002] * (3 - at), more=mark(at))
    listener.read_until(lambda: marks(listener, "10.188.0.0/24") == [0, 1, 2], "three paths")
    sources[2].withdraw("10.188.0.0/24")
    listener.read_until(lambda: marks(listener, "10.188.0.0/24") == [0, 1], "two paths")


def test_rfc7911_5_no_more_paths_than_configured(ground):
    listener = session(ground, RECEIVE)
    sources = [ground.established() for _ in range(6)]
    for at, source in enumerate(sources):
        source.announce("10.189.0.0/24", path=[65002] * (1 + at), more=mark(at))
    listener.read_until(lambda: marks(listener, "10.189.0.0/24") == [0, 1, 2, 3], "four paths")
    sources[0].withdraw("10.189.0.0/24")
    listener.read_until(lambda: marks(listener, "10.189.0.0/24") == [1, 2, 3, 4], "the next four")


def test_rfc7911_2_identifiers_are_our_own(ground):
    """A path keeps the identifier that we gave it, and no two have the same."""
    source, listener = session(ground, SEND), session(ground, RECEIVE)
    for path_id in (5, 6):
        send_path(source, path_id, path_id, "10.191.0.0/24", path_id)
    listener.read_until(lambda: marks(listener, "10.191.0.0/24") == [5, 6], "two paths")
    ids = {path_id: struct.unpack("!I", route.value(COMMUNITIES))[0]
           for (prefix, path_id), route in listener.routes.items() if prefix == "10.191.0.0/24"}
    send_path(source, 6, 8, "10.191.0.0/24", 4)     # and now it is the better one
    listener.read_until(lambda: marks(listener, "10.191.0.0/24") == [5, 8], "the change")
    assert len(ids) == 2 and ids == {
        path_id: {5: 5, 8: 6}[struct.unpack("!I", route.value(COMMUNITIES))[0]]
        for (prefix, path_id), route in listener.routes.items() if prefix == "10.191.0.0/24"}


def test_rfc7911_5_withdrawal_of_an_unknown_identifier_is_ignored(ground):
    neighbour, observer = session(ground, SEND), ground.established("observer")
    send_path(neighbour, 1, 1, neighbour.prefix)
    observer.wait_route(neighbour.prefix)
    neighbour.send(update(withdrawn=path_bytes(2, neighbour.prefix)))
    observer.stays_silent(0.3)
    assert ground.peer(neighbour)["state"] == "Established"


def test_rfc7911_5_paths_of_a_neighbour_go_with_it(ground):
    neighbour, listener = session(ground, SEND), session(ground, RECEIVE)
    for path_id in (1, 2):
        send_path(neighbour, path_id, path_id, "10.192.0.0/24")
    listener.read_until(lambda: marks(listener, "10.192.0.0/24") == [1, 2], "two paths")
    neighbour.send(notification(6, 4))
    listener.read_until(lambda: not marks(listener, "10.192.0.0/24"), "none is left")
