"""What is between the two ends of a session: routers, TTL security, passwords, farewells, AS4.

Like sessions.py: each neighbour's file runs each of these.
"""

import pytest

from daemons import Kbgpd, Session
from lab import stays, wait_until
from sessions import (ACCEPT_ALL, ADVERTISEMENT, ASN, NODE_ASN, PREFIXES, ROUTER, Network,
                      configuration)

FAR = {"ipv4": ("10.8.1.254", "10.8.1.1"), "ipv6": ("2001:db8:8:1::254", "2001:db8:8:1::1")}
"""The link behind the router on the way: its address, the neighbour's."""

NEAR = {"ipv4": ("10.0.1.2", "10.0.1.1"), "ipv6": ("2001:db8:0:1::2", "2001:db8:0:1::1")}
"""The link before it: the node's address, the router's."""


class Way:
    """The node, a router without BGP, and the neighbour behind it."""

    def __init__(self, lab, build, neighbour):
        self.build, self.neighbour = build, neighbour
        self.node, self.middle, self.host = (
            lab.host(name) for name in ("node", "middle", "router1"))
        lab.link(self.node, self.middle, ["10.0.1.2/24", "2001:db8:0:1::2/64"],
                 ["10.0.1.1/24", "2001:db8:0:1::1/64"])
        lab.link(self.middle, self.host, ["10.8.1.254/24", "2001:db8:8:1::254/64"],
                 ["10.8.1.1/24", "2001:db8:8:1::1/64"])
        for family in ("ipv4", "ipv6"):
            self.node.ip(f"route add default via {NEAR[family][1]}")
            self.host.ip(f"route add default via {FAR[family][0]}")

    def router(self, asn, transport, **options):
        session = Session(remote=NEAR[transport][0], remote_asn=NODE_ASN,
                          local=FAR[transport][1], families=(transport,), **options)
        prefix = {"ipv4": PREFIXES[0], "ipv6": PREFIXES[1]}[transport]
        return self.neighbour(self.host, asn, "10.0.1.1", [session], [prefix])

    def kbgpd(self, asn, transport, *keys):
        return Kbgpd(self.node, self.build, self.configuration(asn, transport, *keys))

    @staticmethod
    def configuration(asn, transport, *keys):
        return configuration([asn], transport, more={1: [f"families: [{transport}]", *keys]}
                             ).replace(NEAR[transport][1], FAR[transport][1])


@pytest.mark.parametrize("transport", ["ipv4", "ipv6"])
@pytest.mark.parametrize("kind", ["ebgp", "ibgp"])
def test_router_on_the_way(lab, build, neighbour, kind, transport):
    """The next hop is the neighbour's address, and is reached by the router."""
    way = Way(lab, build, neighbour)
    router = way.router(ASN[kind], transport, multihop=2)
    kbgpd = way.kbgpd(ASN[kind], transport, *(["ebgpMultihop: 2"] if kind == "ebgp" else []))
    router.wait_established()
    assert wait_until(lambda: router.path({"ipv4": "10.2.0.0/24", "ipv6": "2001:db8:2::/48"}[
        transport])).as_path == ([NODE_ASN] if kind == "ebgp" else [])
    wait_until(lambda: list(way.node.bgp_routes().values()) == [{NEAR[transport][1]}],
               "the route by the router")
    if kind == "ebgp":
        kbgpd.configure(way.configuration(ASN[kind], transport))
        wait_until(lambda: not way.node.bgp_routes(), "the end")
        stays(lambda: kbgpd.peer("peer1")["state"] != "Established", 1, "no session with TTL 1")


@pytest.mark.parametrize("transport", ["ipv4", "ipv6"])
def test_rfc5082_neighbour_refuses_a_low_ttl(lab, build, neighbour, transport):
    """With TTL security on both ends there is a session; with 1 from kbgpd there is none."""
    network = Network(lab, build, neighbour)
    router = network.router(1, 65002, transport, gtsm=True)
    kbgpd = network.kbgpd([65002], transport, more={1: ["ttlSecurity: 1"]})
    wait_until(lambda: router.path("10.2.0.0/24"), "10.2.0.0/24 at the neighbour")
    kbgpd.configure(configuration([65002], transport))
    # Applied before the end is awaited: FRR may end the session once more for reasons of its own.
    kbgpd.ctl_text("reload")
    wait_until(lambda: not router.established(), "the end")
    stays(lambda: not router.established(), 1, "no session with a TTL of 1")


@pytest.mark.parametrize("transport", ["ipv4", "ipv6"])
def test_rfc5082_kbgpd_refuses_who_is_too_far(lab, build, neighbour, transport):
    way = Way(lab, build, neighbour)
    router = way.router(65002, transport, multihop=2, gtsm=True)
    kbgpd = way.kbgpd(65002, transport, "ttlSecurity: 2")
    router.wait_established()
    wait_until(lambda: len(way.node.bgp_routes()) == 1, "the neighbour's route")
    kbgpd.configure(way.configuration(65002, transport, "ttlSecurity: 1"))
    wait_until(lambda: not way.node.bgp_routes(), "the end")
    stays(lambda: kbgpd.peer("peer1")["state"] != "Established", 1, "no session with a TTL of 254")


@pytest.mark.parametrize("transport", ["ipv4", "ipv6"])
@pytest.mark.parametrize("who", [
    pytest.param("kbgpd", marks=pytest.mark.needs("listen with keys")), "neighbour"])
def test_password_and_ttl_security(lab, build, neighbour, who, transport):
    """Whoever connects: sockets that connect and those that were accepted have the options."""
    network = Network(lab, build, neighbour)
    secret = network.node.folder / "secret"
    secret.write_text("correct")
    router = network.router(1, 65002, transport, password="correct", gtsm=True,
                            passive=who == "kbgpd")
    kbgpd = network.kbgpd([65002], transport, more={1: [
        f"passwordFile: {secret}", "ttlSecurity: 1", f"passive: {str(who != 'kbgpd').lower()}"]})
    wait_until(lambda: router.path("10.2.0.0/24"), "10.2.0.0/24 at the neighbour")
    # FRR may leave once more, before it knows the way to its neighbour ("Waiting for NHT").
    connection = wait_until(lambda: kbgpd.ctl("peers", "peer1")[0]["connection"], "a session")
    assert connection["remotePort" if who == "kbgpd" else "localPort"] == 179


@pytest.mark.parametrize("kind, transport", [("ebgp", "ipv4"), ("ibgp", "ipv6")])
def test_rfc9003_shutdown_text(lab, build, neighbour, kind, transport):
    """Each end shows what the other one said."""
    network = Network(lab, build, neighbour)
    router = network.router(1, ASN[kind], transport, PREFIXES, extended_next_hop=True)
    kbgpd = network.kbgpd([ASN[kind]], transport)
    wait_until(lambda: set(network.node.bgp_routes()) == set(PREFIXES), "routes of the kernel")
    kbgpd.ctl_text("shutdown", "peer1", "--message", "until half past nine")
    wait_until(lambda: router.has_heard("until half past nine"), "the text at the neighbour")
    wait_until(lambda: not router.established() and not network.node.bgp_routes(), "the end")
    kbgpd.ctl_text("enable", "peer1")
    router.wait_established()
    kbgpd.wait_established("peer1")
    router.end_session("back at noon")
    # In the log: in kbgpctl peers the next attempt may have failed meanwhile.
    wait_until(lambda: "back at noon" in kbgpd.process.output(), "the text at kbgpd")


def test_four_octet_as_numbers(lab, build, neighbour):
    network = Network(lab, build, neighbour)
    router = neighbour(network.hosts[0], 4200000001, "10.0.1.1",
                       [Session("10.0.1.2", 4200000002, "10.0.1.1")], PREFIXES)
    kbgpd = Kbgpd(network.node, build, configuration([4200000001]).replace(
        "asn: 65001", "asn: 4200000002"))
    assert wait_until(lambda: router.path("10.2.0.0/24")).as_path == [4200000002]
    wait_until(lambda: set(network.node.bgp_routes()) == set(PREFIXES), "routes of the kernel")
    assert kbgpd.ctl("routes", "10.1.0.0/24")[0]["asPath"] == [4200000001]


@pytest.mark.needs("old speaker")
def test_rfc6793_old_speaker(lab, build, neighbour):
    """Without 4-octet AS numbers on the wire: what it passes on has the true path all the same."""
    network = Network(lab, build, neighbour)
    host, other = network.hosts[0], lab.host("other")
    lab.link(other, host, ["10.0.2.2/24"], ["10.0.2.1/24"])
    router = neighbour(host, 65002, "10.0.1.1", [
        Session(f"10.0.{number}.2", 4200000000 + number, f"10.0.{number}.1", families=("ipv4",),
                as4=False)
        for number in (1, 2)])
    Kbgpd(network.node, build, configuration([65002], more={1: ["families: [ipv4]"]}).replace(
        "asn: 65001", "asn: 4200000001"))
    second = Kbgpd(other, build, ROUTER.replace("65001", "4200000002").replace(
        "10.0.0.2", "10.0.0.3") + """
peers:
- {name: peer1, address: 10.0.2.1, asn: 65002, connectRetryTime: 1s, families: [ipv4],
   import: [all]}
""" + ADVERTISEMENT.replace('10.2.0.0/24, "2001:db8:2::/48"', "10.3.0.0/24") + ACCEPT_ALL)
    wait_until(lambda: router.path("10.3.0.0/24"), "the other node's prefix")
    paths = wait_until(lambda: second.ctl("routes", "10.2.0.0/24"), "the first node's prefix")
    assert [path["asPath"] for path in paths] == [[65002, 4200000001]]
    wait_until(lambda: other.bgp_routes() == {"10.2.0.0/24": {"10.0.2.1"}}, "its route")
