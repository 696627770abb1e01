"""What becomes of many routes, of all their attributes, and of routes that are reflected.

Like sessions.py: each neighbour's file runs each of these.
"""

import pytest

from daemons import Bird, Communities, Kbgpd, Session
from lab import stays, wait_until
from sessions import (ACCEPT_ALL, ADVERTISEMENT, NODE_ASN, NODE_PREFIXES, PREFIXES, ROUTER,
                      Network, peer_address)

COMMUNITIES = Communities(
    standard={"64512:100", "64512:101"}, extended={"64512:7", "10.0.0.9:3", "70000:5"},
    large={"64512:1:2", "4200000001:3:4"})

MANY = [f"10.{64 + number // 256}.{number % 256}.0/24" for number in range(30_000)] + [
    f"172.{16 + number // 256}.{number % 256}.0/24" for number in range(20_000)] + [
    f"2001:db8:{number + 0x1000:x}::/48" for number in range(10_000)]


class Segment:
    """The node and routers on one Ethernet segment: 10.0.0.2, and 10.0.0.11, 12, ..."""

    def __init__(self, lab, neighbour, count, **options):
        switch = lab.switch("switch")
        self.node = lab.host("node")
        lab.plug(self.node, switch, "10.0.0.2/24", "2001:db8::2/64")
        self.routers = []
        for number in range(11, 11 + count):
            host = lab.host(f"router{number}")
            lab.plug(host, switch, f"10.0.0.{number}/24", f"2001:db8::{number}/64")
            session = Session("10.0.0.2", NODE_ASN, f"10.0.0.{number}", **options)
            self.routers.append(neighbour(host, NODE_ASN, f"10.0.0.{number}", [session], [
                f"10.{number}.0.0/24", f"2001:db8:{number}::/48"]))


def test_rfc4456_kbgpd_reflects(lab, build, neighbour):
    """A client of kbgpd sees where another one's route has come from and by whom."""
    segment = Segment(lab, neighbour, 2)
    kbgpd = Kbgpd(segment.node, build, ROUTER + "peers:" + "".join(f"""
- {{name: client{number}, address: 10.0.0.{number}, asn: internal, connectRetryTime: 1s,
   import: [all], routeReflectorClient: true}}""" for number in (11, 12)) + ADVERTISEMENT +
                  ACCEPT_ALL)
    first, second = segment.routers
    for prefix, next_hop in (("10.11.0.0/24", "10.0.0.11"), ("2001:db8:11::/48", "2001:db8::11")):
        path = wait_until(lambda prefix=prefix: second.path(prefix), f"{prefix} at the second")
        assert (path.next_hop, path.as_path, path.local_pref) == (next_hop, [], 100)
        assert (path.originator, path.clusters) == ("10.0.0.11", ["10.0.0.2"])
    wait_until(lambda: first.path("10.12.0.0/24") and first.path("2001:db8:12::/48"))
    wait_until(lambda: first.path("10.2.0.0/24"), "the reflector's own")
    # What it said itself does not come back to a client.
    assert not first.paths("10.11.0.0/24")
    first.withdraw("10.11.0.0/24")
    wait_until(lambda: not second.paths("10.11.0.0/24"), "the withdrawal")
    assert {peer["state"] for peer in kbgpd.ctl("peers")} == {"Established"}


def test_rfc4456_kbgpd_is_a_client(lab, build, neighbour):
    """Of two: it takes the same route from both, and none that it said itself."""
    network = Network(lab, build, neighbour, 2)
    other = lab.host("other")
    session = {}
    for number, host in enumerate(network.hosts, 1):
        lab.link(other, host, [f"10.0.{number + 2}.2/24"], [f"10.0.{number + 2}.1/24"])
        session[number] = Session(f"10.0.{number + 2}.2", NODE_ASN, f"10.0.{number + 2}.1",
                                  families=("ipv4",), reflect=True)
    for number, host in enumerate(network.hosts, 1):
        neighbour(host, NODE_ASN, f"10.0.{number}.1", [
            Session(peer_address(number, "ipv4", 2), NODE_ASN, peer_address(number, "ipv4"),
                    families=("ipv4",), reflect=True), session[number]])
    kbgpd = network.kbgpd([NODE_ASN, NODE_ASN], rest=ADVERTISEMENT + "fib: {install: false}\n",
                          more={number: ["families: [ipv4]"] for number in (1, 2)})
    Kbgpd(other, build, ROUTER.replace("10.0.0.2", "10.0.0.3") + """
peers:
- {name: peer1, address: 10.0.3.1, asn: internal, connectRetryTime: 1s, families: [ipv4]}
- {name: peer2, address: 10.0.4.1, asn: internal, connectRetryTime: 1s, families: [ipv4]}
""" + ADVERTISEMENT.replace('10.2.0.0/24, "2001:db8:2::/48"', "10.3.0.0/24"))

    def reflected():
        return {(path["peer"], path["originatorID"], tuple(path["clusterList"]))
                for path in kbgpd.ctl("routes", "10.3.0.0/24")}
    wait_until(lambda: reflected() == {("peer1", "10.0.0.3", ("10.0.1.1",)),
                                       ("peer2", "10.0.0.3", ("10.0.2.1",))}, "both paths")
    assert [path["source"] for path in kbgpd.ctl("routes", "10.2.0.0/24")
            if path["state"] != "filtered"] == ["local"]


@pytest.mark.needs("ask for refresh")
def test_rfc2918_neighbour_asks_for_routes_again(lab, build, neighbour):
    network = Network(lab, build, neighbour)
    router = network.router(1, 65002)
    kbgpd = network.kbgpd([65002])
    for prefix in NODE_PREFIXES:
        wait_until(lambda prefix=prefix: router.path(prefix), f"{prefix} at the neighbour")
    since, updates = router.since(), router.updates()
    router.refresh()

    def requests():
        return kbgpd.ctl("peers", "peer1")[0]["messages"]["received"]["routeRefresh"]
    # The first End-of-RIB is an UPDATE as well, and may come late.
    wait_until(lambda: requests() == 2 and router.updates() >= updates + 2,
               "a message for each family")
    for prefix in NODE_PREFIXES:
        assert router.path(prefix)
    assert router.since() == since


@pytest.mark.needs("answer refresh")
def test_rfc2918_kbgpd_asks_for_routes_again(lab, build, neighbour):
    """The neighbour answers; in the kernel nothing changes meanwhile."""
    network = Network(lab, build, neighbour)
    router = network.router(1, NODE_ASN, "ipv6", PREFIXES, extended_next_hop=True)
    kbgpd = network.kbgpd([NODE_ASN], "ipv6")

    def messages():
        return kbgpd.ctl("peers", "peer1")[0]["messages"]
    wait_until(lambda: set(network.node.bgp_routes()) == set(PREFIXES), "routes of the kernel")
    since, before = router.since(), messages()
    kbgpd.ctl_text("clear", "peer1", "--soft-in")
    wait_until(lambda: messages()["received"]["update"] >= before["received"]["update"] + 2 and
               set(network.node.bgp_routes()) == set(PREFIXES), "a message for each family")
    assert messages()["sent"]["routeRefresh"] == 2
    stays(lambda: set(network.node.bgp_routes()) == set(PREFIXES), 0.5, "the routes")
    assert router.since() == since


def test_communities_of_all_kinds(lab, build, neighbour):
    """From one neighbour to another: nothing is lost, changed or added."""
    network = Network(lab, build, neighbour, 2)
    neighbour(network.hosts[0], 65002, "10.0.1.1", [Session("10.0.1.2", NODE_ASN, "10.0.1.1")],
              PREFIXES, COMMUNITIES)
    second = network.router(2, 65003)
    network.kbgpd([65002, 65003], more={2: ["export: [all]"]})
    for prefix in PREFIXES:
        path = wait_until(lambda prefix=prefix: second.path(prefix), f"{prefix} at the second")
        assert path.as_path == [NODE_ASN, 65002]
        assert (path.communities, path.extended_communities, path.large_communities) == (
            COMMUNITIES.standard, COMMUNITIES.extended, COMMUNITIES.large)


def test_large_table(lab, build, neighbour):
    """60,000 prefixes from one neighbour to another, and out of its table again."""
    network = Network(lab, build, neighbour, 2)
    source = neighbour if "many" in neighbour.can else Bird
    first = source(network.hosts[0], 65002, "10.0.1.1", [
        Session("10.0.1.2", NODE_ASN, "10.0.1.1")], MANY)
    second = network.router(2, 65003)
    kbgpd = network.kbgpd([65002, 65003], rest="fib: {install: false}\n",
                          more={2: ["export: [all]"]})
    since = second.wait_established() or second.since()
    wait_until(lambda: second.received() == len(MANY), "every prefix at the second neighbour")
    families = kbgpd.peer("peer2")["families"]
    assert (families["ipv4"]["advertised"], families["ipv6"]["advertised"]) == (50_000, 10_000)
    assert second.path(MANY[-1]).as_path == [NODE_ASN, 65002]
    first.stop()
    wait_until(lambda: second.received() == 0, "none of them")
    assert second.since() == since and kbgpd.peer("peer2")["state"] == "Established"


@pytest.mark.parametrize("who", ["neighbour", "kbgpd"])
def test_crash_with_a_table(lab, build, neighbour, who):
    """After SIGKILL the one that is left drops what it heard, and has all of it again."""
    prefixes = MANY[::1500]
    network = Network(lab, build, neighbour)
    router = network.router(1, 65002, prefixes=prefixes)
    kbgpd = network.kbgpd([65002])

    def complete():
        return set(network.node.bgp_routes()) == set(prefixes) and router.received() == 2
    wait_until(complete, "all routes on both ends")
    if who == "neighbour":
        router.stop(9)
        wait_until(lambda: not network.node.bgp_routes(), "routes gone with the neighbour")
        router.start()
    else:
        kbgpd.stop(9)
        wait_until(lambda: not router.established(), "the session gone")
        wait_until(lambda: not router.paths("10.2.0.0/24"), "what it had heard gone")
        kbgpd.start()
    wait_until(complete, "all routes on both ends again")
