"""What two ends have to agree upon, with each neighbour that can: several paths of a prefix, marked
refreshes, messages of more than 4096 octets, roles.
"""

import pytest

from daemons import Bird, Communities, Exabgp, Frr, Gobgp, Kbgpd, Openbgpd, Session
from lab import stays, wait_until
from sessions import ACCEPT_ALL, NODE_ASN, NODE_PREFIXES, PREFIXES, Network


def those_that_can(feature):
    """The test once for each neighbour that can."""
    classes = [each for each in (Bird, Exabgp, Frr, Gobgp, Openbgpd) if feature in each.can]
    return pytest.mark.parametrize("neighbour", classes, ids=lambda each: each.__name__)


def origin(lab, build, name, asn, neighbour_host, subnet, neighbour_asn):
    """A kbgpd with one neighbour, at <subnet>.1, that announces 10.9.0.0/24."""
    host = lab.host(name)
    lab.link(host, neighbour_host, [f"{subnet}.2/24"], [f"{subnet}.1/24"])
    return Kbgpd(host, build, f"""
router: {{asn: {asn}, routerID: {subnet}.2}}
peers:
- {{name: peer1, address: {subnet}.1, asn: {neighbour_asn}, connectRetryTime: 1s,
   families: [ipv4]}}
advertisements:
- {{name: fixed, type: Prefix, prefixes: [10.9.0.0/24]}}
""")


def detail(kbgpd, name="peer1"):
    return kbgpd.ctl("peers", name)[0]


@those_that_can("add-path")
def test_rfc7911_paths_from_the_neighbour(lab, build, neighbour):
    network = Network(lab, build, neighbour)
    host, sessions = network.hosts[0], [
        Session("10.0.1.2", NODE_ASN, "10.0.1.1", families=("ipv4",), add_path=True)]
    origins = []
    for number in (1, 2):
        origins.append(origin(lab, build, f"origin{number}", 65010 + number, host,
                              f"10.7.{number}", 65002))
        sessions.append(Session(f"10.7.{number}.2", 65010 + number, f"10.7.{number}.1",
                                families=("ipv4",)))
    router = neighbour(host, 65002, "10.0.1.1", sessions)
    kbgpd = network.kbgpd([65002], more={1: ["families: [ipv4]", "addPath: {receive: true}"]})

    def paths():
        found = kbgpd.ctl("routes", "10.9.0.0/24")
        assert len({path["pathID"] for path in found}) == len(found)
        return {tuple(path["asPath"]) for path in found}
    wait_until(lambda: paths() == {(65002, 65011), (65002, 65012)}, "both paths")
    since = router.since()
    origins[0].ctl_text("shutdown", "peer1")
    wait_until(lambda: paths() == {(65002, 65012)}, "the path that is left")
    assert router.since() == since


@those_that_can("add-path")
def test_rfc7911_paths_from_kbgpd(lab, build, neighbour):
    network = Network(lab, build, neighbour)
    for number in (1, 2):
        origin(lab, build, f"origin{number}", 65010 + number, network.node, f"10.7.{number}",
               NODE_ASN)
    router = network.router(1, 65002, families=("ipv4",), add_path=True)
    kbgpd = Kbgpd(network.node, build, f"""
router: {{asn: {NODE_ASN}, routerID: 10.0.0.2}}
peers:
- {{name: peer1, address: 10.0.1.1, asn: 65002, connectRetryTime: 1s, families: [ipv4],
   addPath: {{send: 4}}, export: [all]}}
- {{name: origin1, address: 10.7.1.2, asn: 65011, connectRetryTime: 1s, import: [all]}}
- {{name: origin2, address: 10.7.2.2, asn: 65012, connectRetryTime: 1s, import: [all]}}
""" + ACCEPT_ALL)

    def paths():
        return {tuple(path.as_path) for path in router.paths("10.9.0.0/24")}
    wait_until(lambda: paths() == {(NODE_ASN, 65011), (NODE_ASN, 65012)}, "both paths")
    since = router.since()
    kbgpd.ctl_text("shutdown", "origin1")
    wait_until(lambda: paths() == {(NODE_ASN, 65012)}, "the path that is left")
    kbgpd.ctl_text("enable", "origin1")
    wait_until(lambda: paths() == {(NODE_ASN, 65011), (NODE_ASN, 65012)}, "both paths again")
    assert router.since() == since


@those_that_can("enhanced refresh")
def test_rfc7313_marked_refresh(lab, build, neighbour):
    """Each end marks begin and end of what it sends again."""
    network = Network(lab, build, neighbour)
    router = network.router(1, 65002, prefixes=PREFIXES)
    kbgpd = network.kbgpd([65002])
    wait_until(lambda: set(network.node.bgp_routes()) == set(PREFIXES), "routes of the kernel")
    for prefix in NODE_PREFIXES:
        wait_until(lambda prefix=prefix: router.path(prefix), f"{prefix} at the neighbour")
    assert detail(kbgpd)["enhancedRouteRefresh"]

    def refreshes(direction):
        return detail(kbgpd)["messages"][direction]["routeRefresh"]
    since, updates = router.since(), router.updates()
    before = refreshes("sent")
    router.refresh()
    wait_until(lambda: router.updates() >= updates + 2 and refreshes("sent") >= before + 4,
               "a begin, the route and an end for each family")
    if "answer refresh" in neighbour.can:
        before = refreshes("received")
        kbgpd.ctl_text("clear", "peer1", "--soft-in")
        wait_until(lambda: refreshes("received") >= before + 4, "the marks of the neighbour")
    stays(lambda: set(network.node.bgp_routes()) == set(PREFIXES), 0.5, "the routes")
    for prefix in NODE_PREFIXES:
        assert router.path(prefix)
    assert router.since() == since


@those_that_can("extended messages")
def test_rfc8654_extended_messages(lab, build, neighbour):
    """A route whose attributes fill more than 4096 octets, from BIRD to the neighbour."""
    network = Network(lab, build, neighbour, 2)
    many = Communities(large={f"64512:{number}:1" for number in range(500)})
    Bird(network.hosts[0], 65002, "10.0.1.1", [Session("10.0.1.2", NODE_ASN, "10.0.1.1")],
         ["10.1.0.0/24"], many)
    second = network.router(2, 65003)
    kbgpd = network.kbgpd([65002, 65003], more={2: ["export: [all]"]})
    path = wait_until(lambda: second.path("10.1.0.0/24"), "10.1.0.0/24 at the second")
    # BIRD does not show them all; without extended messages the route could not have come.
    assert path.large_communities and path.large_communities <= many.large
    assert detail(kbgpd, "peer2")["extendedMessage"]


@those_that_can("roles")
def test_rfc9234_roles(lab, build, neighbour):
    """Those that go together come up; what one provider sent does not leak to another."""
    network = Network(lab, build, neighbour, 2)
    network.router(1, 65002, prefixes=PREFIXES, role="provider")
    second = network.router(2, 65003, role="provider")
    keys = {1: ["role: customer", "strictRole: true"], 2: ["role: customer", "export: [all]"]}
    kbgpd = network.kbgpd([65002, 65003], more=keys)
    wait_until(lambda: set(network.node.bgp_routes()) == set(PREFIXES), "routes of the kernel")
    wait_until(lambda: second.path("10.2.0.0/24"), "the node's own at the second")
    assert detail(kbgpd)["remoteRole"] == "provider"
    stays(lambda: not second.paths("10.1.0.0/24"), 1, "nothing of the first provider")
    # The neighbour would not take it either: kbgpd is the one that keeps it back.
    assert detail(kbgpd, "peer2")["families"]["ipv4"]["advertised"] == 1


@those_that_can("roles")
def test_rfc9234_roles_that_do_not_go_together(lab, build, neighbour):
    network = Network(lab, build, neighbour)
    router = network.router(1, 65002, role="provider")
    kbgpd = network.kbgpd([65002], more={1: ["role: provider"]})
    wait_until(lambda: "Role Mismatch" in str(kbgpd.peer("peer1")["lastError"]), "the error")
    assert not router.established()
