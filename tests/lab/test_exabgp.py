"""kbgpd and ExaBGP: what an implementation without a table can be asked for."""

import pytest

import sessions_transport
import test_capabilities
from daemons import Bird, Exabgp, Session
from lab import wait_until
from sessions import (  # noqa: F401  (scenarios, with ExaBGP as the neighbour)
    test_attributes_of_an_advertisement, test_equal_cost_next_hops,
    test_ipv4_over_a_link_without_ipv4, test_kbgpd_restarts, test_neighbour_restarts,
    test_password, test_strict_role_needs_one_at_the_neighbour,
    test_routes_both_ways, test_wrong_as_number_is_refused,
    test_wrong_or_missing_password)
from sessions_routes import test_rfc2918_neighbour_asks_for_routes_again  # noqa: F401
from sessions_transport import (  # noqa: F401
    test_four_octet_as_numbers, test_router_on_the_way)
from sessions import NODE_ASN, Network, PREFIXES
from sessions_routes import COMMUNITIES

NEIGHBOUR = Exabgp


@pytest.mark.parametrize("who, transport", [
    ("kbgpd", "ipv4"), ("neighbour", "ipv4"), ("neighbour", "ipv6")])
def test_password_and_ttl_security(lab, build, neighbour, who, transport):
    """On an IPv6 connection that it has accepted, ExaBGP does not set the hop limit."""
    sessions_transport.test_password_and_ttl_security(lab, build, neighbour, who, transport)


def test_communities_of_all_kinds(lab, build, neighbour):
    """From BIRD to ExaBGP."""
    network = Network(lab, build, neighbour, 2)
    Bird(network.hosts[0], 65002, "10.0.1.1", [Session("10.0.1.2", NODE_ASN, "10.0.1.1")],
         PREFIXES, COMMUNITIES)
    second = network.router(2, 65003)
    network.kbgpd([65002, 65003], more={2: ["export: [all]"]})
    for prefix in PREFIXES:
        path = wait_until(lambda prefix=prefix: second.path(prefix), f"{prefix} at the second")
        assert (path.communities, path.extended_communities, path.large_communities) == (
            COMMUNITIES.standard, COMMUNITIES.extended, COMMUNITIES.large)


def test_several_paths_from_kbgpd(lab, build, neighbour):
    test_capabilities.test_rfc7911_paths_from_kbgpd(lab, build, neighbour)


class SeveralPaths(Exabgp):
    """Announces each prefix with the paths 1 and 2; the second one is longer."""

    def route(self, session, prefix):
        return self.path(session, prefix, 1) + ";\nroute " + self.path(session, prefix, 2)[6:]

    def path(self, session, prefix, number):
        asns = " ".join([str(self.asn)] * number)
        return (f"{super().route(session, prefix)} path-information 0.0.0.{number} "
                f"as-path [ {asns} ]")


def test_several_paths_from_the_neighbour(lab, build):
    network = Network(lab, build, SeveralPaths)
    router = network.router(1, 65002, prefixes=["10.1.0.0/24"], families=("ipv4",), add_path=True)
    kbgpd = network.kbgpd([65002], more={1: ["families: [ipv4]", "addPath: {receive: true}"]})

    def paths():
        return {path["pathID"]: path["asPath"] for path in kbgpd.ctl("routes", "10.1.0.0/24")}
    wait_until(lambda: paths() == {1: [65002], 2: [65002, 65002]}, "both paths")
    # What ExaBGP tells goes through another process, and may come after its routes.
    router.wait_established()
    since = router.since()
    router.say(f"neighbor 10.0.1.2 withdraw {router.path(router.sessions[0], '10.1.0.0/24', 1)}")
    wait_until(lambda: paths() == {2: [65002, 65002]}, "the path that is left")
    assert router.since() == since


class WithAigp(Exabgp):
    """Its routes carry an accumulated metric."""

    def configuration(self):
        return super().configuration().replace("capability {", "capability { aigp enable;")

    def route(self, session, prefix):
        return f"{super().route(session, prefix)} aigp 100"


def test_accumulated_metric(lab, build):
    """Between routers of one AS; ExaBGP does not say what it got, and takes it."""
    network = Network(lab, build, WithAigp, 2)
    network.router(1, NODE_ASN, prefixes=["10.1.0.0/24"])
    second = network.router(2, NODE_ASN)
    kbgpd = network.kbgpd([NODE_ASN, NODE_ASN], more={
        number: ["routeReflectorClient: true"] for number in (1, 2)})
    wait_until(lambda: second.path("10.1.0.0/24"), "10.1.0.0/24 at the second")
    assert kbgpd.ctl("routes", "10.1.0.0/24")[0]["aigp"] == 100
