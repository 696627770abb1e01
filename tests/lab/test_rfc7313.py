"""RFC 7313: route refresh between two marks."""

import pytest

from scripted import (
    ENHANCED_REFRESH, IPV4, IPV6, ROUTE_REFRESH, UPDATE, add_path, address_bytes, as_path,
    capability, message, mp_reach, origin, parse_capabilities, path_bytes, prefix_bytes, refresh,
    update)
from wire import *  # noqa: F401,F403  (the fixtures)
from wire import OWN

BEGIN, END = 1, 2
GLOBAL = address_bytes("2001:db8::ffff")


def enhanced(ground, kind="ebgp", more=b""):
    neighbour = ground.neighbour(kind)
    return neighbour.to_established(
        capabilities=neighbour.capabilities() + ENHANCED_REFRESH + more)


def test_rfc7313_3_1_capability_is_announced(ground):
    assert (70, b"") in parse_capabilities(ground.neighbour().to_open_sent().open)


@pytest.mark.parametrize("afi, prefix", [(IPV4, "10.2.0.0/24"), (IPV6, "2001:db8:2::/48")])
def test_rfc7313_4_answer_is_between_two_marks(ground, afi, prefix):
    neighbour = enhanced(ground)
    neighbour.routes = {}
    neighbour.send(refresh(afi))
    assert neighbour.expect(ROUTE_REFRESH) == refresh(afi, subtype=BEGIN)[19:]
    kind = UPDATE
    while kind == UPDATE:
        kind, body = neighbour.receive()
    assert (kind, body) == (ROUTE_REFRESH, refresh(afi, subtype=END)[19:])
    assert set(neighbour.routes) == {prefix}
    assert prefix in OWN


def test_rfc7313_4_no_marks_for_who_has_not_announced_it(ground):
    neighbour = ground.established()
    neighbour.routes = {}
    neighbour.send(refresh(IPV4))
    neighbour.wait_route("10.2.0.0/24")     # nothing but UPDATEs and KEEPALIVEs


def test_rfc7313_4_what_is_not_sent_again_goes_at_the_end_mark(ground):
    neighbour, observer = enhanced(ground), ground.established("observer")
    kept, lost = "10.186.0.0/24", "10.186.1.0/24"
    neighbour.announce(kept, lost)
    neighbour.send(update(origin() + as_path(65002) + mp_reach(IPV6, GLOBAL, neighbour.prefix6)))
    for prefix in (kept, lost, neighbour.prefix6):
        observer.wait_route(prefix)
    neighbour.send(refresh(IPV4, subtype=BEGIN))
    neighbour.announce(kept)
    observer.stays_silent(0.3)
    neighbour.send(refresh(IPV4, subtype=END))
    observer.wait_withdrawn(lost)
    # Neither is the other family touched.
    assert {kept, neighbour.prefix6} <= set(observer.routes)
    assert kept not in observer.withdrawn


def test_rfc7313_4_families_are_refreshed_apart_from_each_other(ground):
    """Begin and end of one within those of the other; the end of the other ends nothing."""
    neighbour, observer = enhanced(ground), ground.established("observer")
    neighbour.announce(neighbour.prefix)
    neighbour.send(update(origin() + as_path(65002) + mp_reach(IPV6, GLOBAL, neighbour.prefix6)))
    observer.wait_route(neighbour.prefix)
    observer.wait_route(neighbour.prefix6)
    neighbour.send(refresh(IPV4, subtype=BEGIN), refresh(IPV6, subtype=END))
    observer.stays_silent(0.3)
    neighbour.send(refresh(IPV6, subtype=BEGIN), refresh(IPV6, subtype=END))
    observer.wait_withdrawn(neighbour.prefix6)
    assert neighbour.prefix in observer.routes
    neighbour.send(refresh(IPV4, subtype=END))
    observer.wait_withdrawn(neighbour.prefix)


def test_rfc7313_4_malformed_route_is_not_sent_again(ground):
    """It is withdrawn (RFC 7606 2); the mark at the end has nothing to add."""
    neighbour, observer = enhanced(ground), ground.established("observer")
    neighbour.announce(neighbour.prefix)
    observer.wait_route(neighbour.prefix)
    neighbour.send(refresh(IPV4, subtype=BEGIN),
                   update(origin(7) + as_path(65002), prefix_bytes(neighbour.prefix)),
                   refresh(IPV4, subtype=END))
    observer.wait_withdrawn(neighbour.prefix)
    assert ground.peer(neighbour)["state"] == "Established"


def test_rfc7313_4_paths_are_told_by_their_identifiers(ground):
    neighbour = ground.neighbour("many")
    neighbour.to_established(capabilities=neighbour.capabilities() + ENHANCED_REFRESH
                             + add_path(2, IPV4))
    observer = ground.established("observer")

    def announce(path_id, asn):
        neighbour.send(update(neighbour.attributes(path=[neighbour.asn] + asn),
                              path_bytes(path_id, neighbour.prefix)))

    announce(1, [])
    announce(2, [65009])
    observer.read_until(lambda: neighbour.prefix in observer.routes)
    neighbour.send(refresh(IPV4, subtype=BEGIN))
    announce(2, [65009])
    neighbour.send(refresh(IPV4, subtype=END))
    observer.read_until(lambda: observer.routes[neighbour.prefix].asns()[-1] == 65009)


def test_rfc7313_4_second_begin_starts_anew(ground):
    neighbour, observer = enhanced(ground), ground.established("observer")
    first, second = "10.187.0.0/24", "10.187.1.0/24"
    neighbour.announce(first, second)
    observer.wait_route(first)
    observer.wait_route(second)
    neighbour.send(refresh(IPV4, subtype=BEGIN))
    neighbour.announce(first)
    neighbour.send(refresh(IPV4, subtype=BEGIN))
    neighbour.announce(second)
    neighbour.send(refresh(IPV4, subtype=END))
    observer.wait_withdrawn(first)
    assert second in observer.routes


def test_rfc7313_4_end_without_begin_is_ignored(ground):
    neighbour, observer = enhanced(ground), ground.established("observer")
    neighbour.announce(neighbour.prefix)
    observer.wait_route(neighbour.prefix)
    neighbour.send(refresh(IPV4, subtype=END))
    observer.stays_silent(0.3)
    assert ground.peer(neighbour)["state"] == "Established"


def test_rfc7313_4_marks_of_a_family_that_was_not_agreed_upon(ground):
    neighbour = enhanced(ground)
    neighbour.send(refresh(25, subtype=BEGIN), refresh(25, subtype=END))
    neighbour.stays_silent(0.3)
    assert ground.peer(neighbour)["state"] == "Established"


# 5: errors


@pytest.mark.parametrize("subtype", [3, 77, 255])
@pytest.mark.parametrize("more", [b"", ENHANCED_REFRESH], ids=["RFC 2918", "RFC 7313"])
def test_rfc7313_5_unknown_subtype_is_ignored(ground, subtype, more):
    neighbour = ground.neighbour()
    neighbour.to_established(capabilities=neighbour.capabilities() + more)
    neighbour.send(refresh(IPV4, subtype=subtype))
    neighbour.stays_silent(0.3)
    assert ground.peer(neighbour)["state"] == "Established"


@pytest.mark.parametrize("subtype", [1, 2])
def test_rfc7313_5_mark_of_a_wrong_length(ground, subtype):
    """The data is the message."""
    neighbour = ground.neighbour()
    neighbour.to_established(capabilities=neighbour.capabilities() + ENHANCED_REFRESH)
    bad = message(ROUTE_REFRESH, bytes([0, 1, subtype, 1, 0]))
    neighbour.send(bad)
    neighbour.expect_notification(7, 1, bad)


def test_rfc7313_5_mark_of_a_wrong_length_without_the_capability(ground):
    """It is a wrong length like any other (RFC 4271 6.1)."""
    neighbour = ground.established()
    neighbour.send(message(ROUTE_REFRESH, b"\0\1\1\1\0"))
    neighbour.expect_notification(1, 2, b"\0\x18")


@pytest.mark.parametrize("subtype", [1, 2])
def test_rfc7313_4_mark_without_the_capability_is_ignored(ground, pair, subtype):
    neighbour, observer = pair
    neighbour.announce(neighbour.prefix)
    observer.wait_route(neighbour.prefix)
    neighbour.send(refresh(IPV4, subtype=subtype))
    neighbour.stays_silent(0.3)
    assert ground.path(neighbour.prefix, neighbour)["best"]


def test_rfc7313_4_begin_before_end_of_rib_is_ignored(ground):
    """Who announced graceful restart is still sending its routes for the first time."""
    graceful = capability(64, b"\0\x78\0\1\1\0")
    neighbour, observer = enhanced(ground, more=graceful), ground.established("observer")
    neighbour.announce(neighbour.prefix)
    observer.wait_route(neighbour.prefix)
    neighbour.send(refresh(IPV4, subtype=BEGIN), refresh(IPV4, subtype=END))
    observer.stays_silent(0.3)
    neighbour.send(update(), refresh(IPV4, subtype=BEGIN), refresh(IPV4, subtype=END))
    observer.wait_withdrawn(neighbour.prefix)
