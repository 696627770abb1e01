"""What kbgpd does with any neighbour: test_bird.py, test_frr.py and so on run each of these.

The node is 65001 on 10.0.<n>.2 and 2001:db8:0:<n>::2, its neighbour number <n> has .1; the node
announces 10.2.0.0/24 and 2001:db8:2::/48, the first neighbour 10.1.0.0/24 and 2001:db8:1::/48.
"""

import ipaddress
import signal

import pytest

from daemons import Kbgpd, Session
from lab import CommandFailed, stays, wait_until

NODE_ASN = 65001
NODE_PREFIXES = ["10.2.0.0/24", "2001:db8:2::/48"]
PREFIXES = ["10.1.0.0/24", "2001:db8:1::/48"]
ASN = {"ebgp": 65002, "ibgp": NODE_ASN}

ROUTER = """
router:
  asn: 65001
  routerID: 10.0.0.2
"""
ADVERTISEMENT = """
advertisements:
- name: fixed
  type: Prefix
  prefixes: [10.2.0.0/24, "2001:db8:2::/48"]
"""
ACCEPT_ALL = """
filters:
- name: all
  rules:
  - action: accept
"""
PEER = """
- name: peer{number}
  address: "{address}"
  asn: {asn}
  holdTime: 9s
  connectRetryTime: 1s
  import: [all]
"""


def peer_address(number, transport, side=1):
    return f"10.0.{number}.{side}" if transport == "ipv4" else f"2001:db8:0:{number}::{side}"


def configuration(asns, transport="ipv4", more=None, rest=ADVERTISEMENT):
    """The node's file: peer1, peer2, ... with these AS numbers; `more` adds keys by peer number."""
    text = ROUTER + "peers:"
    for number, asn in enumerate(asns, 1):
        text += PEER.format(number=number, asn=asn, address=peer_address(number, transport))
        text += "".join(f"  {line}\n" for line in (more or {}).get(number, []))
    return text + rest + ACCEPT_ALL


class Network:
    """The node and its neighbours, each on a link of its own; the daemons are started by name."""

    def __init__(self, lab, build, neighbour, count=1):
        self.lab, self.build, self.neighbour = lab, build, neighbour
        self.node = lab.host("node")
        self.node.address("lo", "10.2.0.1/32", "2001:db8:2::1/128")
        self.hosts = []
        for number in range(1, count + 1):
            host = lab.host(f"router{number}")
            host.address("lo", "10.1.0.1/32", "2001:db8:1::1/128")
            lab.link(self.node, host, *(
                [f"10.0.{number}.{side}/24", f"2001:db8:0:{number}::{side}/64"]
                for side in (2, 1)))
            self.hosts.append(host)

    def router(self, number, asn, transport="ipv4", prefixes=(), **options):
        session = Session(remote=peer_address(number, transport, 2), remote_asn=NODE_ASN,
                          local=peer_address(number, transport, 1), **options)
        return self.neighbour(self.hosts[number - 1], asn, f"10.0.{number}.1", [session],
                              prefixes)

    def kbgpd(self, *arguments, **options):
        return Kbgpd(self.node, self.build, configuration(*arguments, **options))


def via(route, interface):
    """True if every next hop of a kernel's route goes out by this interface."""
    return all(hop["dev"] == interface for hop in route.get("nexthops", [route]))


@pytest.mark.parametrize("transport", ["ipv4", "ipv6"])
@pytest.mark.parametrize("kind", ["ebgp", "ibgp"])
def test_routes_both_ways(lab, build, neighbour, kind, transport):
    network = Network(lab, build, neighbour)
    router = network.router(1, ASN[kind], transport, PREFIXES, extended_next_hop=True)
    kbgpd = network.kbgpd([ASN[kind]], transport)
    router.wait_established()
    kbgpd.wait_established("peer1")

    for prefix in NODE_PREFIXES:
        path = wait_until(lambda: router.path(prefix), f"{prefix} at the neighbour")
        assert path.as_path == ([NODE_ASN] if kind == "ebgp" else [])
        assert path.origin == "IGP"
        assert kind == "ebgp" or path.local_pref == 100
        assert ipaddress.ip_address(path.next_hop).version in (4, 6)

    wait_until(lambda: set(network.node.bgp_routes()) == set(PREFIXES), "routes of the kernel")
    for route in network.node.routes("proto 186").values():
        assert route["metric"] == 20
        assert via(route, "router1")
    if "forward" in router.can:
        wait_until(lambda: network.node.ping("10.1.0.1", "10.2.0.1"), "ping")
        wait_until(lambda: network.node.ping("2001:db8:1::1", "2001:db8:2::1"), "ping of IPv6")

    router.withdraw("10.1.0.0/24")
    wait_until(lambda: set(network.node.bgp_routes()) == {"2001:db8:1::/48"}, "the withdrawal")
    router.announce("10.1.0.0/24")
    wait_until(lambda: set(network.node.bgp_routes()) == set(PREFIXES), "the route again")


@pytest.mark.needs("extended next hop")
@pytest.mark.parametrize("kind", ["ebgp", "ibgp"])
def test_ipv4_over_a_link_without_ipv4(lab, build, neighbour, kind):
    """RFC 8950: IPv4 routes with IPv6 next hops."""
    network = Network(lab, build, neighbour)
    network.node.ip("address del 10.0.1.2/24 dev router1")
    network.hosts[0].ip("address del 10.0.1.1/24 dev node")
    router = network.router(1, ASN[kind], "ipv6", PREFIXES, extended_next_hop=True)
    network.kbgpd([ASN[kind]], "ipv6")
    router.wait_established()
    path = wait_until(lambda: router.path("10.2.0.0/24"), "10.2.0.0/24 at the neighbour")
    assert ipaddress.ip_address(path.next_hop).version == 6
    wait_until(lambda: set(network.node.bgp_routes()) == set(PREFIXES), "routes of the kernel")
    assert network.node.routes("proto 186")["10.1.0.0/24"]["via"]["family"] == "inet6"
    if "forward" in router.can:
        wait_until(lambda: network.node.ping("10.1.0.1", "10.2.0.1"), "ping")


@pytest.mark.parametrize("transport", ["ipv4", "ipv6"])
def test_password(lab, build, neighbour, transport):
    network = Network(lab, build, neighbour)
    router = network.router(1, 65002, transport, password="correct")
    secret = network.node.folder / "secret"
    secret.write_text("correct\n")
    network.kbgpd([65002], transport, more={1: [f"passwordFile: {secret}"]})
    router.wait_established()
    wait_until(lambda: router.path("10.2.0.0/24"), "10.2.0.0/24 at the neighbour")


@pytest.mark.parametrize("password", ["wrong", None])
def test_wrong_or_missing_password(lab, build, neighbour, password):
    network = Network(lab, build, neighbour)
    router = network.router(1, 65002, password="correct")
    secret = network.node.folder / "secret"
    if password:
        secret.write_text(password)
    kbgpd = network.kbgpd([65002], more={1: [f"passwordFile: {secret}"]})
    stays(lambda: not router.established() and kbgpd.peer("peer1")["state"] != "Established",
          2, "no session")
    secret.write_text("correct")
    kbgpd.reload()
    router.wait_established()


def test_passive(lab, build, neighbour):
    network = Network(lab, build, neighbour)
    router = network.router(1, 65002)
    network.kbgpd([65002], more={1: ["passive: true"]})
    router.wait_established()


@pytest.mark.parametrize("number, transport", [
    (signal.SIGTERM, "ipv4"), (signal.SIGKILL, "ipv6")])
def test_neighbour_restarts(lab, build, neighbour, number, transport):
    network = Network(lab, build, neighbour)
    router = network.router(1, 65002, transport, PREFIXES, extended_next_hop=True)
    network.kbgpd([65002], transport)
    wait_until(lambda: set(network.node.bgp_routes()) == set(PREFIXES), "routes of the kernel")
    router.stop(number)
    wait_until(lambda: not network.node.bgp_routes(), "routes gone with the neighbour")
    router.start()
    router.wait_established()
    wait_until(lambda: set(network.node.bgp_routes()) == set(PREFIXES), "the routes again")
    wait_until(lambda: router.path("10.2.0.0/24"), "10.2.0.0/24 at the neighbour again")


@pytest.mark.parametrize("number, transport", [
    (signal.SIGTERM, "ipv6"), (signal.SIGKILL, "ipv4")])
def test_kbgpd_restarts(lab, build, neighbour, number, transport):
    """The routes of the previous run stay in the kernel."""
    network = Network(lab, build, neighbour)
    router = network.router(1, NODE_ASN, transport, PREFIXES, extended_next_hop=True)
    kbgpd = network.kbgpd([NODE_ASN], transport)
    wait_until(lambda: set(network.node.bgp_routes()) == set(PREFIXES), "routes of the kernel")
    kbgpd.stop(number)
    assert set(network.node.bgp_routes()) == set(PREFIXES)
    wait_until(lambda: network.node.ping("10.1.0.1"), "ping while kbgpd is not there")
    kbgpd.start()
    router.wait_established()
    wait_until(lambda: router.path("10.2.0.0/24"), "10.2.0.0/24 at the neighbour again")
    stays(lambda: set(network.node.bgp_routes()) == set(PREFIXES), 1, "the routes")


def test_routes_are_withdrawn_on_stop_if_asked(lab, build, neighbour):
    network = Network(lab, build, neighbour)
    network.router(1, 65002, prefixes=PREFIXES)
    kbgpd = network.kbgpd([65002], rest="fib: {onStop: withdraw}\n")
    wait_until(lambda: set(network.node.bgp_routes()) == set(PREFIXES), "routes of the kernel")
    assert kbgpd.stop() == 0
    assert not network.node.bgp_routes()


def test_equal_cost_next_hops(lab, build, neighbour):
    network = Network(lab, build, neighbour, 2)
    routers = [network.router(number, 65001 + number, prefixes=PREFIXES) for number in (1, 2)]
    network.kbgpd([65002, 65003])
    wait_until(lambda: network.node.bgp_routes().get("10.1.0.0/24") == {"10.0.1.1", "10.0.2.1"},
               "both next hops")
    wait_until(lambda: len(network.node.bgp_routes().get("2001:db8:1::/48", ())) == 2,
               "both next hops of IPv6")
    routers[0].withdraw(*PREFIXES)
    wait_until(lambda: network.node.bgp_routes().get("10.1.0.0/24") == {"10.0.2.1"},
               "one next hop")
    routers[0].announce(*PREFIXES)
    wait_until(lambda: network.node.bgp_routes().get("10.1.0.0/24") == {"10.0.1.1", "10.0.2.1"},
               "both next hops again")


def test_multipath_of_one(lab, build, neighbour):
    network = Network(lab, build, neighbour, 2)
    for number in (1, 2):
        network.router(number, 65001 + number, prefixes=PREFIXES)
    kbgpd = network.kbgpd([65002, 65003], rest="fib: {multipath: 1}\n")
    kbgpd.wait_established("peer1", "peer2")
    wait_until(lambda: set(network.node.bgp_routes()) == set(PREFIXES), "routes of the kernel")
    stays(lambda: len(network.node.bgp_routes()["10.1.0.0/24"]) == 1, 1, "one next hop")


def test_link_goes_down(lab, build, neighbour):
    network = Network(lab, build, neighbour, 2)
    for number in (1, 2):
        network.router(number, 65001 + number, prefixes=PREFIXES)
    kbgpd = network.kbgpd([65002, 65003])
    both = {"10.0.1.1", "10.0.2.1"}
    wait_until(lambda: network.node.bgp_routes().get("10.1.0.0/24") == both, "both next hops")
    network.node.ip("link set dev router1 down")
    wait_until(lambda: network.node.bgp_routes().get("10.1.0.0/24") == {"10.0.2.1"},
               "the other next hop")
    # It is the link that says so, and not the silence that follows.
    assert "Hold Timer Expired" not in kbgpd.process.output()
    network.node.ip("link set dev router1 up")
    wait_until(lambda: network.node.bgp_routes().get("10.1.0.0/24") == both, "both again")


def test_foreign_routes_are_untouched(lab, build, neighbour):
    network = Network(lab, build, neighbour)
    foreign = {
        "10.1.0.0/24": "via 10.0.1.77 dev router1 proto static metric 20",
        "10.3.0.0/24": "via 10.0.1.77 dev router1 proto static",
        "10.4.0.0/24": "via 10.0.1.77 dev router1 proto bird metric 20",
    }
    for prefix, route in foreign.items():
        network.node.ip(f"route add {prefix} {route}")

    def foreign_routes():
        return {prefix for prefix, route in network.node.routes().items()
                if route.get("gateway") == "10.0.1.77"}

    router = network.router(1, 65002, prefixes=[*PREFIXES, "10.5.0.0/24"])
    kbgpd = network.kbgpd([65002])
    wait_until(lambda: {"10.5.0.0/24", "2001:db8:1::/48"} <= set(network.node.bgp_routes()),
               "routes of the kernel")

    def states():
        found = {route["prefix"]: route["state"] for route in kbgpd.ctl("fib")}
        return found["10.5.0.0/24"], found["10.1.0.0/24"]
    wait_until(lambda: states() == ("installed", "failed"), "the route that cannot be installed")
    assert foreign_routes() == set(foreign)
    router.withdraw("10.1.0.0/24", "10.5.0.0/24")
    wait_until(lambda: set(network.node.bgp_routes()) == {"2001:db8:1::/48"}, "the withdrawal")
    assert foreign_routes() == set(foreign)
    assert kbgpd.stop() == 0
    assert foreign_routes() == set(foreign)


def test_attributes_of_an_advertisement(lab, build, neighbour):
    network = Network(lab, build, neighbour)
    router = network.router(1, 65002)
    network.kbgpd([65002], rest="""
communities: {web: "64512:80"}
advertisements:
- name: fixed
  type: Prefix
  prefixes: [10.2.0.0/24]
  med: 10
  communities: ["64512:100", "large:64512:1:2", web]
  asPathPrepend: 2
""")
    path = wait_until(lambda: router.path("10.2.0.0/24"), "10.2.0.0/24 at the neighbour")
    assert path.as_path == [NODE_ASN] * 3
    assert path.med == 10
    assert path.communities == {"64512:100", "64512:80"}
    assert path.large_communities == {"64512:1:2"}


def test_ebgp_without_import_accepts_nothing(lab, build, neighbour):
    """RFC 8212; what is advertised is sent all the same."""
    network = Network(lab, build, neighbour)
    router = network.router(1, 65002, prefixes=PREFIXES)
    kbgpd = Kbgpd(network.node, build, ROUTER + """
peers:
- {name: peer1, address: 10.0.1.1, asn: 65002, connectRetryTime: 1s}
""" + ADVERTISEMENT)
    wait_until(lambda: router.path("10.2.0.0/24"), "10.2.0.0/24 at the neighbour")
    wait_until(lambda: kbgpd.peer("peer1")["families"]["ipv4"]["received"] >= 1, "a route received")
    assert kbgpd.peer("peer1")["families"]["ipv4"]["accepted"] == 0
    assert not network.node.bgp_routes()


def test_import_and_export_filters(lab, build, neighbour):
    network = Network(lab, build, neighbour)
    router = network.router(1, 65002, prefixes=["10.1.0.0/24", "10.1.1.0/25", "10.3.0.0/24"])
    Kbgpd(network.node, build, ROUTER + """
peers:
- name: peer1
  address: 10.0.1.1
  asn: 65002
  connectRetryTime: 1s
  import: [some]
  export: [marked]
""" + ADVERTISEMENT + """
filters:
- name: some
  rules:
  - match: {prefixes: [{prefix: 10.1.0.0/16, ge: 24, le: 24}]}
    action: accept
    set: {metric: 50}
- name: marked
  rules:
  - match: {source: local, family: ipv4}
    action: accept
    set: {communities: {add: ["64512:7"]}}
  - action: reject
""")
    wait_until(lambda: set(network.node.bgp_routes()) == {"10.1.0.0/24"}, "the accepted route")
    assert network.node.routes("proto 186")["10.1.0.0/24"]["metric"] == 50
    path = wait_until(lambda: router.path("10.2.0.0/24"), "10.2.0.0/24 at the neighbour")
    assert path.communities == {"64512:7"}
    assert not router.paths("2001:db8:2::/48")


def test_learned_routes_are_not_passed_on(lab, build, neighbour):
    """A node is no transit router."""
    network = Network(lab, build, neighbour, 2)
    network.router(1, 65002, prefixes=PREFIXES)
    second = network.router(2, 65003)
    network.kbgpd([65002, 65003])
    wait_until(lambda: set(network.node.bgp_routes()) == set(PREFIXES), "routes of the kernel")
    wait_until(lambda: second.path("10.2.0.0/24"), "10.2.0.0/24 at the second neighbour")
    stays(lambda: not second.paths("10.1.0.0/24"), 1, "nothing of the first neighbour")


def test_reload_leaves_unchanged_peers_alone(lab, build, neighbour):
    network = Network(lab, build, neighbour, 3)
    routers = [network.router(number, 65001 + number) for number in (1, 2, 3)]
    kbgpd = network.kbgpd([65002, 65003])
    for number in (1, 2):
        wait_until(lambda number=number: routers[number - 1].path("10.2.0.0/24"), "the prefix")
    since = [router.since() for router in routers]
    kbgpd.configure(configuration(
        [65002, 65003, 65004], more={2: ["families: [ipv4]"]},
        rest=ADVERTISEMENT.replace("10.2.0.0/24", "10.2.0.0/24, 10.9.0.0/24")))
    for router in routers:
        wait_until(lambda router=router: router.path("10.9.0.0/24"), "the new prefix")
    assert routers[0].since() == since[0]
    wait_until(lambda: routers[1].since() != since[1] and routers[1].established(),
               "a new session with the second")

    kbgpd.configure(configuration([65002, 65003]))
    wait_until(lambda: not routers[2].established(), "the third session gone")
    wait_until(lambda: not routers[0].paths("10.9.0.0/24"), "the prefix gone")
    assert routers[0].since() == since[0]
    assert routers[0].path("10.2.0.0/24")


def test_bad_configuration_is_refused_as_a_whole(lab, build, neighbour):
    network = Network(lab, build, neighbour)
    router = network.router(1, 65002)
    kbgpd = network.kbgpd([65002])
    wait_until(lambda: router.path("10.2.0.0/24"), "10.2.0.0/24 at the neighbour")
    since = router.since()
    good = kbgpd.file.read_text()
    kbgpd.configure(good.replace("10.2.0.0/24", "10.8.0.0/24").replace("holdTime", "holdTyme"))
    wait_until(lambda: "holdTyme" in kbgpd.ctl_text("status"), "the error in kbgpctl status")
    with pytest.raises(CommandFailed, match="(?s)status 1: .*holdTyme"):
        kbgpd.ctl_text("reload")
    assert router.paths("10.2.0.0/24") and not router.paths("10.8.0.0/24")
    kbgpd.configure(good.replace("10.2.0.0/24", "10.8.0.0/24"))
    wait_until(lambda: router.paths("10.8.0.0/24"), "the new prefix")
    assert "holdTyme" not in kbgpd.ctl_text("status")
    assert router.since() == since


def test_clear(lab, build, neighbour):
    network = Network(lab, build, neighbour)
    router = network.router(1, 65002, prefixes=PREFIXES)
    kbgpd = network.kbgpd([65002])
    wait_until(lambda: router.path("10.2.0.0/24"), "10.2.0.0/24 at the neighbour")
    since = router.since()
    kbgpd.ctl_text("clear", "peer1", "--soft-in")
    kbgpd.ctl_text("clear", "peer1", "--soft-out")
    stays(lambda: router.since() == since, 1, "the session")
    kbgpd.ctl_text("clear", "peer1")
    wait_until(lambda: router.since() != since and router.established(), "a new session")
    wait_until(lambda: router.path("10.2.0.0/24"), "10.2.0.0/24 at the neighbour again")
    wait_until(lambda: set(network.node.bgp_routes()) == set(PREFIXES), "routes of the kernel")


def test_wrong_as_number_is_refused(lab, build, neighbour):
    network = Network(lab, build, neighbour)
    router = network.router(1, 65002)
    kbgpd = network.kbgpd([65009])
    wait_until(lambda: kbgpd.peer("peer1").get("lastError"), "an error at the peer")
    assert not router.established()


def test_strict_role_needs_one_at_the_neighbour(lab, build, neighbour):
    network = Network(lab, build, neighbour)
    router = network.router(1, 65002)
    kbgpd = network.kbgpd([65002], more={1: ["role: customer", "strictRole: true"]})
    wait_until(lambda: "Role Mismatch" in kbgpd.process.output(), "the error")
    assert not router.established()
    kbgpd.configure(configuration([65002], more={1: ["role: customer"]}))
    router.wait_established()
    kbgpd.wait_established("peer1")
    assert kbgpd.ctl("peers", "peer1")[0]["remoteRole"] is None


def test_two_nodes_by_route_reflector(lab, build, neighbour):
    """iBGP: the reflected next hop is the other node itself, on the common segment."""
    switch, reflector = lab.switch("rack"), lab.host("reflector")
    lab.plug(reflector, switch, "10.0.0.254/24", "2001:db8::fe/64")
    nodes = []
    for number in (1, 2):
        node = lab.host(f"node{number}")
        lab.plug(node, switch, f"10.0.0.{number}/24", f"2001:db8::{number}/64")
        node.address("lo", f"10.244.{number}.1/32", f"2001:db8:{number}::1/128")
        nodes.append(node)
    neighbour(reflector, NODE_ASN, "10.0.0.254",
              [Session(remote=f"10.0.0.{number}", remote_asn=NODE_ASN, local="10.0.0.254",
                       reflect=True) for number in (1, 2)])
    for number, node in enumerate(nodes, 1):
        Kbgpd(node, build, f"""
router: {{asn: {NODE_ASN}, routerID: 10.0.0.{number}}}
peers:
- {{name: reflector, address: 10.0.0.254, asn: internal, connectRetryTime: 1s, import: [all]}}
advertisements:
- name: pods
  type: Prefix
  prefixes: [10.244.{number}.0/24, "2001:db8:{number}::/64"]
""" + ACCEPT_ALL)
    wait_until(lambda: nodes[0].bgp_routes().get("10.244.2.0/24") == {"10.0.0.2"}, "node 2's pods")
    wait_until(lambda: nodes[1].bgp_routes().get("10.244.1.0/24") == {"10.0.0.1"}, "node 1's pods")
    wait_until(lambda: "2001:db8:2::/64" in nodes[0].bgp_routes(), "node 2's pods of IPv6")
    wait_until(lambda: nodes[0].ping("10.244.2.1", "10.244.1.1"), "ping")
    wait_until(lambda: nodes[0].ping("2001:db8:2::1", "2001:db8:1::1"), "ping of IPv6")
