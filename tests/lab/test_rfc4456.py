"""RFC 4456: route reflection, with clients, non-clients and external neighbours."""

import struct

import pytest

from lab import wait_until
from scripted import (
    AS_PATH, BOTH, CLUSTER_LIST, COMMUNITIES, LOCAL_PREF, MED, OPTIONAL, ORIGINATOR_ID,
    address_bytes, attribute)
from wire import *  # noqa: F401,F403  (the fixtures)
from wire import NODE

OURS = address_bytes(NODE)      # our router ID is our cluster ID too
ORIGINATOR = attribute(OPTIONAL, ORIGINATOR_ID, address_bytes("10.77.0.1"))


def clusters(*identifiers):
    return attribute(OPTIONAL, CLUSTER_LIST, b"".join(map(address_bytes, identifiers)))


@pytest.fixture
def clients(ground):
    return ground.established("client"), ground.established("client")


# 6: who is passed on what


@pytest.mark.parametrize("source, target, passed", [
    ("client", "client", True), ("client", "ibgp", True), ("ibgp", "client", True),
    ("ibgp", "ibgp", False), ("client", "observer", True), ("ibgp", "observer", True)])
def test_rfc4456_6_reflection(ground, source, target, passed):
    neighbour, listener = ground.established(source), ground.established(target)
    witness = ground.established("observer")
    neighbour.announce(neighbour.prefix)
    witness.wait_route(neighbour.prefix)
    if passed:
        listener.wait_route(neighbour.prefix)
    else:
        listener.stays_silent(0.3)
        assert neighbour.prefix not in listener.routes


def test_rfc4456_6_nothing_comes_back_to_its_client(ground, clients):
    neighbour, other = clients
    neighbour.announce(neighbour.prefix)
    other.wait_route(neighbour.prefix)
    neighbour.stays_silent(0.3)


# 8: avoiding loops


def test_rfc4456_8_originator_and_cluster_are_added(ground, clients):
    neighbour, other = clients
    neighbour.announce(neighbour.prefix)
    route = other.wait_route(neighbour.prefix)
    assert route.attributes[ORIGINATOR_ID] == (OPTIONAL, address_bytes(neighbour.identifier))
    assert route.attributes[CLUSTER_LIST] == (OPTIONAL, OURS)


def test_rfc4456_8_originator_of_before_is_kept(ground, clients):
    neighbour, other = clients
    neighbour.announce(neighbour.prefix, more=ORIGINATOR)
    assert other.wait_route(neighbour.prefix).value(ORIGINATOR_ID) == address_bytes("10.77.0.1")


def test_rfc4456_8_cluster_is_prepended(ground, clients):
    neighbour, other = clients
    neighbour.announce(neighbour.prefix, more=ORIGINATOR + clusters("10.77.0.2", "10.77.0.3"))
    assert other.wait_route(neighbour.prefix).value(CLUSTER_LIST) == OURS + b"".join(
        map(address_bytes, ("10.77.0.2", "10.77.0.3")))


def check_ignored(ground, clients, more):
    neighbour, other = clients
    neighbour.announce(neighbour.prefix, more=more)
    neighbour.announce("10.182.0.0/24")
    other.wait_route("10.182.0.0/24")
    assert neighbour.prefix not in other.routes
    assert ground.peer(neighbour)["state"] == "Established"
    families = ground.peer(neighbour)["families"]["ipv4"]
    assert (families["received"], families["accepted"]) == (2, 1)


def test_rfc4456_8_route_that_we_originated_is_ignored(ground, clients):
    check_ignored(ground, clients, attribute(OPTIONAL, ORIGINATOR_ID, OURS))


@pytest.mark.parametrize("where", [[NODE], [NODE, "10.77.0.2"], ["10.77.0.2", NODE]],
                         ids=["alone", "first", "last"])
def test_rfc4456_8_route_of_our_cluster_is_ignored(ground, clients, where):
    check_ignored(ground, clients, ORIGINATOR + clusters(*where))


def test_rfc4456_8_reflection_ends_at_the_as(ground):
    """Neither attribute leaves it."""
    neighbour, observer = ground.established("client"), ground.established("observer")
    neighbour.announce(neighbour.prefix, more=ORIGINATOR + clusters("10.77.0.2"))
    route = observer.wait_route(neighbour.prefix)
    assert not {ORIGINATOR_ID, CLUSTER_LIST} & set(route.attributes)


def test_rfc4456_8_external_route_is_not_reflected(ground):
    """It is advertised, so it has neither attribute."""
    neighbour, inner = ground.established(), ground.established("inner")
    neighbour.announce(neighbour.prefix)
    route = inner.wait_route(neighbour.prefix)
    assert not {ORIGINATOR_ID, CLUSTER_LIST} & set(route.attributes)


# 9: the decision process


def check_best(ground, better, worse, prefix):
    wait_until(lambda: ground.path(prefix, worse)["state"] in ("candidate", "multipath"), "both")
    wait_until(lambda: ground.path(prefix, better)["best"], "the best")


def test_rfc4456_9_originator_id_stands_for_the_identifier(ground):
    """The neighbour of the higher identifier has the route of the lower originator."""
    low = ground.established("ibgp", identifier="10.88.0.1")
    high = ground.established("ibgp", identifier="10.88.0.2")
    for neighbour, originator in ((low, "10.77.0.9"), (high, "10.77.0.8")):
        neighbour.announce("10.183.0.0/24", more=attribute(
            OPTIONAL, ORIGINATOR_ID, address_bytes(originator)))
    check_best(ground, high, low, "10.183.0.0/24")


def test_rfc4456_9_shorter_cluster_list_wins(ground):
    first, second = ground.established("ibgp"), ground.established("ibgp")
    first.announce("10.184.0.0/24", more=ORIGINATOR + clusters("10.77.0.2", "10.77.0.3"))
    second.announce("10.184.0.0/24", more=ORIGINATOR + clusters("10.77.0.4"))
    check_best(ground, second, first, "10.184.0.0/24")


def test_rfc4456_9_no_cluster_list_is_of_length_zero(ground):
    first = ground.established("ibgp", identifier="10.88.0.3")
    second = ground.established("ibgp", identifier="10.88.0.4")
    first.announce("10.185.0.0/24", more=attribute(
        OPTIONAL, ORIGINATOR_ID, address_bytes("10.88.0.4")) + clusters("10.77.0.2"))
    second.announce("10.185.0.0/24")
    check_best(ground, second, first, "10.185.0.0/24")


# 10: what a reflector leaves alone


def test_rfc4456_10_attributes_are_not_modified(ground, clients):
    neighbour, other = clients
    med = struct.pack("!I", 7)
    neighbour.announce(neighbour.prefix, path=[65010, 65011], more=(
        attribute(OPTIONAL, MED, med) + attribute(BOTH, COMMUNITIES, b"\0\1\0\1")))
    route = other.wait_route(neighbour.prefix)
    assert route.next_hop == address_bytes(neighbour.address)
    assert route.asns(AS_PATH) == [65010, 65011]
    assert route.value(LOCAL_PREF) == struct.pack("!I", 100)
    assert route.value(MED) == med and route.value(COMMUNITIES) == b"\0\1\0\1"
