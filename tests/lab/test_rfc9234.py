"""RFC 9234: roles in OPENs, and a malformed OTC; test_wire_rules.py has what OTC is for."""

import struct

import pytest

from scripted import (
    BOTH, IPV6, KEEPALIVE, ONLY_TO_CUSTOMER, OPTIONAL, TRANSITIVE, address_bytes, as_path,
    attribute, capability, mp_reach, origin, parse_capabilities, update)
from wire import *  # noqa: F401,F403  (the fixtures)
from wire import KEEP, NODE_ASN, check_withdraw

PROVIDER, SERVER, CLIENT, CUSTOMER, PEER = range(5)     # what the sender of the OPEN is


def role(value):
    return capability(9, bytes([value]))


def otc(asn):
    return attribute(BOTH, ONLY_TO_CUSTOMER, struct.pack("!I", asn))


def say(ground, kind, more):
    neighbour = ground.neighbour(kind).to_open_sent()
    neighbour.send(neighbour.open_message(capabilities=neighbour.capabilities() + more))
    return neighbour


# 4.1: the capability


@pytest.mark.parametrize("kind, ours", [
    ("customer", [b"\0"]), ("provider", [b"\3"]), ("equal", [b"\4"]), ("ebgp", []), ("ibgp", [])])
def test_rfc9234_4_1_role_is_announced_once_if_configured(ground, kind, ours):
    opened = ground.neighbour(kind).to_open_sent().open
    assert [value for code, value in parse_capabilities(opened) if code == 9] == ours


# 4.2: the roles must correspond


@pytest.mark.parametrize("kind, theirs", [
    ("customer", CUSTOMER), ("provider", PROVIDER), ("equal", PEER)])
def test_rfc9234_4_2_corresponding_roles(ground, kind, theirs):
    say(ground, kind, role(theirs)).expect(KEEPALIVE)


@pytest.mark.parametrize("kind, theirs", [
    ("customer", PROVIDER), ("customer", PEER), ("customer", SERVER), ("customer", CLIENT),
    ("provider", CUSTOMER), ("equal", CUSTOMER), ("equal", PROVIDER), ("customer", 5),
    ("customer", 255)])
def test_rfc9234_4_2_other_roles_are_a_role_mismatch(ground, kind, theirs):
    neighbour = say(ground, kind, role(theirs))
    neighbour.expect_notification(2, 11)
    ground.wait_failure(neighbour, "sent", 2, 11)


def test_rfc9234_4_2_several_different_roles_are_a_role_mismatch(ground):
    say(ground, "customer", role(CUSTOMER) + role(PEER)).expect_notification(2, 11)


def test_rfc9234_4_2_same_role_twice(ground):
    say(ground, "customer", role(CUSTOMER) * 2).expect(KEEPALIVE)


def test_rfc9234_4_2_neighbour_without_a_role(ground):
    say(ground, "customer", b"").expect(KEEPALIVE)


def test_rfc9234_4_2_strict_mode_wants_a_role(ground):
    say(ground, "strict", b"").expect_notification(2, 11)
    number = ground.take("strict")
    neighbour = ground.neighbour("strict", number)
    neighbour.to_established(capabilities=neighbour.capabilities() + role(CUSTOMER))


@pytest.mark.parametrize("kind", ["ebgp", "ibgp"])
def test_rfc9234_4_2_role_that_we_have_not_configured_is_ignored(ground, kind):
    neighbour = say(ground, kind, role(PEER))
    neighbour.expect(KEEPALIVE)
    neighbour.send(KEEP)
    neighbour.read_until(lambda: neighbour.ended, "End-of-RIB")


# 5: Only to Customer


@pytest.mark.parametrize("length", [0, 3, 5, 8])
def test_rfc9234_5_malformed_otc_is_treated_as_withdraw(ground, pair, length):
    base = pair[0].attributes()
    check_withdraw(ground, pair, base + attribute(BOTH, ONLY_TO_CUSTOMER, bytes(length)))


@pytest.mark.parametrize("flags", [OPTIONAL, TRANSITIVE])
def test_rfc9234_5_conflicting_flags_of_otc(ground, pair, flags):
    base = pair[0].attributes()
    check_withdraw(ground, pair, base + attribute(flags, ONLY_TO_CUSTOMER, b"\0\0\xfd\xea"))


def test_rfc9234_5_otc_is_kept_where_there_are_no_roles(ground, pair):
    neighbour, observer = pair
    neighbour.announce(neighbour.prefix, more=otc(65009))
    assert observer.wait_route(neighbour.prefix).attributes[ONLY_TO_CUSTOMER] == (
        BOTH, struct.pack("!I", 65009))


def test_rfc9234_5_rules_are_those_of_both_families(ground):
    provider, customer = ground.established("provider"), ground.established("customer")
    provider.send(update(origin() + as_path(provider.asn) + mp_reach(
        IPV6, address_bytes("2001:db8::ffff"), provider.prefix6)))
    route = customer.wait_route(provider.prefix6)
    assert route.value(ONLY_TO_CUSTOMER) == struct.pack("!I", provider.asn)


# What the neighbour is to us: its kind in wire.py.  Routes of the first three come from above.
ABOVE, BELOW = ("provider", "routeserver", "equal"), ("customer", "member", "equal")


@pytest.mark.parametrize("came", [None, "of the neighbour", "of another"])
@pytest.mark.parametrize("source", ["provider", "routeserver", "equal", "customer", "member"])
def test_rfc9234_5_from_every_role_to_every_role(ground, source, came):
    neighbour = ground.established(source)
    receivers = {kind: ground.established(kind) for kind in {*ABOVE, *BELOW, "observer"}}
    value = {None: None, "of the neighbour": neighbour.asn, "of another": 65009}[came]
    is_leak = value and (source in ("customer", "member")
                         or source == "equal" and value != neighbour.asn)
    neighbour.announce(neighbour.prefix, more=otc(value) if value else b"")
    ground.established("ebgp").announce("10.98.0.0/24")
    receivers["observer"].wait_route("10.98.0.0/24")
    if not value and source in ABOVE:
        value = neighbour.asn
    for kind, receiver in receivers.items():
        if is_leak or (value and kind in ABOVE):
            receiver.stays_without(neighbour.prefix)
            continue
        expected = value or (NODE_ASN if kind in BELOW else None)
        found = receiver.wait_route(neighbour.prefix).attributes.get(ONLY_TO_CUSTOMER)
        assert found == (expected and (BOTH, struct.pack("!I", expected))), kind
