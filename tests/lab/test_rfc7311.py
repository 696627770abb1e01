"""RFC 7311: AIGP on sessions where it is enabled and where it is not, good and malformed."""

import struct

import pytest

from scripted import AIGP, BOTH, OPTIONAL, attribute
from wire import *  # noqa: F401,F403  (the fixtures)


def aigp(metric, more=b""):
    return attribute(OPTIONAL, AIGP, b"\1\0\x0b" + struct.pack("!Q", metric) + more)


def test_rfc7311_3_3_aigp_is_ignored_from_outside_unless_enabled(ground):
    neighbour, inner = ground.established(), ground.established("inner")
    neighbour.announce(neighbour.prefix, more=aigp(7))
    assert AIGP not in inner.wait_route(neighbour.prefix).attributes


def test_rfc7311_3_3_aigp_is_exchanged_inside(ground):
    neighbour, client = ground.established("client"), ground.established("client")
    neighbour.announce(neighbour.prefix, more=aigp(7))
    assert client.wait_route(neighbour.prefix).attributes[AIGP] == (OPTIONAL, aigp(7)[3:])


def test_rfc7311_3_other_tlvs_are_passed_along(ground):
    neighbour, client = ground.established("client"), ground.established("client")
    more = b"\x63\0\5ab" + b"\1\0\x0b" + struct.pack("!Q", 9)
    neighbour.announce(neighbour.prefix, more=aigp(7, more))
    assert client.wait_route(neighbour.prefix).value(AIGP) == aigp(7, more)[3:]


@pytest.mark.parametrize("value", [
    b"\1\0\x0b" + bytes(7), b"\1\0\x0a" + bytes(7), b"\1", b"\1\0\2",
    b"\1\0\x0b" + bytes(8) + b"\2"],
    ids=["cut", "short metric", "type alone", "length 2", "octet behind"])
def test_rfc7311_3_2_malformed_aigp_is_discarded(ground, value):
    neighbour, client = ground.established("client"), ground.established("client")
    neighbour.announce(neighbour.prefix, more=attribute(OPTIONAL, AIGP, value))
    assert AIGP not in client.wait_route(neighbour.prefix).attributes
    assert ground.peer(neighbour)["treatedAsWithdraw"] == 0


def test_rfc7311_3_2_transitive_aigp_is_malformed(ground):
    neighbour, client = ground.established("client"), ground.established("client")
    neighbour.announce(neighbour.prefix, more=attribute(BOTH, AIGP, aigp(7)[3:]))
    assert AIGP not in client.wait_route(neighbour.prefix).attributes
    assert ground.peer(neighbour)["treatedAsWithdraw"] == 0
