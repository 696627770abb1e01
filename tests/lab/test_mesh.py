"""The mesh: nodes with kbgpd that find each other by their Node objects, on one switch."""

import json
import re
import signal

import pytest

from cluster import Manifests
from daemons import Bird, Kbgpd, Session
from lab import stays, wait_until
from rack import listener_keys

CONFIGURATION = """
router:
  asn: 64512
{router}cluster:
  source: manifests
  manifests: {manifests}
mesh:
  enabled: true
  connectRetryTime: 1s
  holdTime: 9s
{mesh}advertisements:
- name: pods
  type: PodCIDR
{rest}"""


class Mesh:
    """Nodes on a switch, 10.0.0.<n> and 2001:db8::<n>, with one folder of manifests."""

    def __init__(self, lab, build, count=3, families="46", **options):
        self.lab, self.build, self.families, self.options = lab, build, families, options
        self.manifests = Manifests(lab.folder / "manifests")
        self.switch = lab.switch("rack")
        self.nodes, self.kbgpd = {}, {}
        for number in range(1, count + 1):
            self.add_host(number)
            self.put(number)
        for number in range(1, count + 1):
            self.start(number)

    def add_host(self, number):
        node = self.lab.host(f"node-{number}")
        self.lab.plug(node, self.switch, f"10.0.0.{number}/24", f"2001:db8::{number}/64")
        node.address("lo", f"10.244.{number}.1/32", f"fd00:244:{number}::1/128")
        self.nodes[number] = node

    def addresses(self, number):
        return [address for family, address in (("4", f"10.0.0.{number}"),
                                                ("6", f"2001:db8::{number}"))
                if family in self.families]

    def put(self, number, pods=None, **options):
        """Writes the Node object."""
        self.manifests.node(f"node-{number}", number, pods or [
            f"10.244.{number}.0/24", f"fd00:244:{number}::/64"],
            **{"addresses": self.addresses(number), **options})

    def configuration(self, router="", mesh="", rest=""):
        return CONFIGURATION.format(router=router, mesh=mesh, rest=rest,
                                    manifests=self.manifests.folder)

    def start(self, number, **options):
        self.kbgpd[number] = Kbgpd(self.nodes[number], self.build,
                                   self.configuration(**{**self.options, **options}))

    def peers(self, number):
        """Name of each peer: its state."""
        return {peer["name"]: peer["state"] for peer in self.kbgpd[number].ctl("peers")}

    def wait_peers(self, number, *others):
        """The peers of a node are those, and all are Established."""
        wanted = {f"mesh/node-{other}": "Established" for other in others}
        # Who reflects no longer does so for a minute more.
        wait_until(lambda: self.peers(number) == wanted, f"the peers of node-{number}", 90)

    def wait_full(self, *numbers):
        for number in numbers:
            self.wait_peers(number, *(other for other in numbers if other != number))

    def wait_pods(self, number, *others):
        """The node's kernel has routes to the pods of those others, and to no others'."""
        wanted = {}
        for other in others:
            wanted[f"10.244.{other}.0/24"] = {f"10.0.0.{other}"}
            wanted[f"fd00:244:{other}::/64"] = {f"2001:db8::{other}"}
        wait_until(lambda: self.nodes[number].bgp_routes() == wanted,
                   f"the routes of node-{number}")

    def wait_ping(self, number, other):
        node = self.nodes[number]
        wait_until(lambda: node.ping(f"10.244.{other}.1", f"10.244.{number}.1"), "ping")
        wait_until(lambda: node.ping(f"fd00:244:{other}::1", f"fd00:244:{number}::1"), "IPv6")

    def detail(self, number, other):
        return self.kbgpd[number].ctl("peers", f"mesh/node-{other}")[0]

    def flaps(self):
        """Of every session of every node."""
        return sum(kbgpd.ctl("peers", peer["name"])[0]["flaps"]
                   for kbgpd in self.kbgpd.values() for peer in kbgpd.ctl("peers"))


@pytest.mark.parametrize("families", ["46", "6"])
def test_pods_reach_each_other(lab, build, families):
    """One session of each pair carries both families, also if it runs over IPv6."""
    mesh = Mesh(lab, build, families=families)
    mesh.wait_full(1, 2, 3)
    for number in (1, 2, 3):
        others = {1, 2, 3} - {number}
        if families == "46":
            mesh.wait_pods(number, *others)
        for other in others:
            mesh.wait_ping(number, other)
            address = f"10.0.0.{other}" if "4" in families else f"2001:db8::{other}"
            detail = mesh.detail(number, other)
            assert detail["address"] == address
            assert detail["connection"]["localAddress"] == address[:-1] + str(number)
            # One of the two has called.
            assert detail["passive"] != mesh.detail(other, number)["passive"]
            ports = [detail["connection"][key] for key in ("localPort", "remotePort")]
            assert ports.index(179) == (0 if detail["passive"] else 1)


def test_nodes_come_and_go(lab, build):
    mesh = Mesh(lab, build, 2)
    mesh.wait_full(1, 2)
    mesh.add_host(3)
    mesh.put(3)
    mesh.start(3)
    mesh.wait_full(1, 2, 3)
    mesh.wait_pods(1, 2, 3)
    mesh.manifests.remove("node-node-3.yaml")
    mesh.wait_peers(1, 2)
    mesh.wait_peers(2, 1)
    mesh.wait_pods(1, 2)
    wait_until(lambda: mesh.peers(3) == {}, "no peers of a node that is none")
    assert mesh.detail(1, 2)["flaps"] == 0


def test_as_numbers_of_nodes(lab, build):
    """By annotation and by override, on both ends alike: inside of an AS and between two."""
    router = "  nodeOverrides: [{nodeSelector: {matchLabels: {rack: b}}, asn: 64602}]\n"
    mesh = Mesh(lab, build, router=router)
    mesh.put(2, labels={"rack": "b"})
    mesh.put(3, labels={"rack": "b"}, annotations={"kbgpd.io/asn": "64603"})
    mesh.wait_full(1, 2, 3)
    for number, asn in ((1, 64512), (2, 64602), (3, 64603)):
        wait_until(lambda number=number, asn=asn: all(
            mesh.detail(other, number)["remoteASN"] == asn for other in {1, 2, 3} - {number}),
            f"the AS number of node-{number}")
    mesh.wait_full(1, 2, 3)
    for number in (1, 2, 3):
        mesh.wait_pods(number, *({1, 2, 3} - {number}))
    mesh.put(3, labels={"rack": "b"})
    wait_until(lambda: mesh.detail(2, 3)["remoteASN"] == 64602, "one AS for both")
    mesh.wait_full(1, 2, 3)
    mesh.wait_pods(2, 1, 3)


def test_address_by_annotation(lab, build):
    mesh = Mesh(lab, build, 2)
    mesh.nodes[2].address("rack", "10.0.0.22/24")
    mesh.wait_full(1, 2)
    mesh.put(2, annotations={"kbgpd.io/address": "10.0.0.22"})
    wait_until(lambda: mesh.detail(1, 2)["address"] == "10.0.0.22", "the new address")
    mesh.wait_full(1, 2)
    wait_until(lambda: mesh.nodes[1].bgp_routes()["10.244.2.0/24"] == {"10.0.0.22"}, "next hop")
    mesh.put(2, annotations={"kbgpd.io/address": "here"})
    wait_until(lambda: mesh.peers(1) == {}, "no session with a node whose address is unknown")
    assert 'must be an address' in mesh.kbgpd[1].process.output()
    mesh.put(2)
    mesh.wait_full(1, 2)


def test_only_selected_nodes_take_part(lab, build):
    mesh = Mesh(lab, build, mesh="  nodeSelector: {matchLabels: {bgp: mesh}}\n")
    for number in (1, 2):
        mesh.put(number, labels={"bgp": "mesh"})
    mesh.wait_full(1, 2)
    wait_until(lambda: mesh.peers(3) == {}, "no peers of node-3")
    mesh.put(3, labels={"bgp": "mesh"})
    mesh.wait_full(1, 2, 3)
    assert mesh.detail(1, 2)["flaps"] == 0


def test_a_node_announces_what_it_has_no_pods_in(lab, build):
    """It attracts nothing, until the prefix is one of its pod CIDRs."""
    mesh = Mesh(lab, build)
    mesh.wait_full(1, 2, 3)
    mesh.kbgpd[2].configure(mesh.configuration(rest="""\
- name: foreign
  type: Prefix
  prefixes: [10.244.3.128/25, 203.0.113.0/24, 10.244.2.64/26]
"""))

    def path(prefix):
        return [(path["state"], path["reason"]) for path in mesh.kbgpd[1].ctl(
            "routes", "--received", "mesh/node-2", prefix)]

    for prefix in ("10.244.3.128/25", "203.0.113.0/24"):
        wait_until(lambda prefix=prefix: path(prefix) == [
            ("filtered", "not in a pod CIDR of the peer's node")], prefix)
    wait_until(lambda: path("10.244.2.64/26") == [("best", "best")], "a part of its own")
    assert "10.244.3.128/25" not in mesh.nodes[1].bgp_routes()
    mesh.put(2, [f"10.244.2.0/24", "203.0.113.0/24"])
    wait_until(lambda: path("203.0.113.0/24") == [("best", "best")], "it has pods there now")
    mesh.put(2, [f"10.244.2.0/24"])
    wait_until(lambda: path("203.0.113.0/24")[0][0] == "filtered", "it has not any more")
    assert mesh.flaps() == 0


def test_a_peer_of_its_own_wins(lab, build):
    own = """\
peers:
- {name: second, address: 10.0.0.2, asn: internal, connectRetryTime: 1s}
"""
    mesh = Mesh(lab, build)
    mesh.wait_full(1, 2, 3)
    mesh.kbgpd[1].configure(mesh.configuration(rest=own))
    wait_until(lambda: mesh.peers(1) == {"second": "Established", "mesh/node-3": "Established"},
               "the peer in place of the one of the mesh")
    assert "peer second has the same address" in mesh.kbgpd[1].process.output()
    mesh.kbgpd[1].configure(mesh.configuration())
    mesh.wait_full(1, 2, 3)


def test_password_and_reload(lab, build):
    """Each key of the mesh takes effect at a reload, on what it concerns only."""
    mesh = Mesh(lab, build)
    mesh.wait_full(1, 2, 3)
    secret = lab.folder / "secret"
    secret.write_text("one\n")
    with_password = mesh.configuration(mesh=f"  passwordFile: {secret}\n")
    for kbgpd in mesh.kbgpd.values():
        kbgpd.configure(with_password)
    wait_until(lambda: all(mesh.detail(one, other)["password"] for one, other in (
        (1, 2), (2, 3), (3, 1))), "passwords")
    mesh.wait_full(1, 2, 3)
    for number in (1, 2, 3):
        # Those that call: a socket does not hold any number of keys.
        callers = {f"10.0.0.{other}" for other in {1, 2, 3} - {number}
                   if mesh.detail(number, other)["passive"]}
        keys = {key.split("/")[0] for key in listener_keys(mesh.nodes[number])[0]}
        assert keys == callers
    before = mesh.flaps()
    secret.write_text("two\n")
    for kbgpd in mesh.kbgpd.values():
        kbgpd.ctl_text("reload")
    mesh.wait_full(1, 2, 3)
    mesh.kbgpd[1].ctl_text("clear", "mesh/node-2")
    mesh.wait_full(1, 2, 3)
    mesh.wait_ping(1, 2)
    # Nobody else's session went down for it.
    assert mesh.detail(2, 3)["flaps"] + mesh.detail(3, 1)["flaps"] <= before
    for kbgpd in mesh.kbgpd.values():
        kbgpd.configure(with_password.replace("enabled: true", "enabled: false"))
    for number in (1, 2, 3):
        wait_until(lambda number=number: mesh.peers(number) == {}, "no mesh any more")
    for kbgpd in mesh.kbgpd.values():
        kbgpd.configure(with_password)
    mesh.wait_full(1, 2, 3)
    mesh.wait_pods(1, 2, 3)


def test_mesh_in_lists_of_peers(lab, build):
    """`mesh` names all of its peers, in advertisements and in filters."""
    rest = """\
  peers: [mesh]
- name: elsewhere
  type: Prefix
  prefixes: [10.244.1.128/25]
  peers: [router]
filters:
- name: some
  rules:
  - match: {peers: [mesh], prefixes: [{prefix: 10.244.0.0/16, le: 24}]}
    action: accept
"""
    mesh = Mesh(lab, build, 2)
    router = lab.host("router")
    lab.plug(router, mesh.switch, "10.0.0.100/24")
    bird = Bird(router, 65000, "10.0.0.100",
                [Session("10.0.0.1", 64512, "10.0.0.100")], ["10.99.0.0/24"])
    mesh.kbgpd[1].configure(mesh.configuration(mesh="  import: [some]\n", rest=rest + """\
peers:
- {name: router, address: 10.0.0.100, asn: 65000, connectRetryTime: 1s, import: [some]}
"""))
    wait_until(lambda: bird.path("10.244.1.128/25"), "what is for the router")
    wait_until(lambda: mesh.nodes[2].ping("10.244.1.1", "10.244.2.1"), "ping")
    wait_until(lambda: set(mesh.nodes[1].bgp_routes()) == {"10.244.2.0/24"}, "filtered import")
    stays(lambda: not bird.paths("10.244.1.0/24"), 1, "what is for the mesh is not the router's")
    assert "10.244.1.128/25" not in json.dumps(mesh.kbgpd[2].ctl("routes"))


REFLECTORS = """\
  routeReflector:
    nodeSelector: {matchLabels: {bgp: reflector}}
    clusterID: 10.9.9.9
"""
REFLECTOR = {"bgp": "reflector"}


def reflected(lab, build, count=5, reflectors=(1, 2)):
    """A mesh with reflectors, as it is when all sessions are up."""
    mesh = Mesh(lab, build, 0, mesh=REFLECTORS)
    for number in range(1, count + 1):
        mesh.add_host(number)
        mesh.put(number, labels=REFLECTOR if number in reflectors else None)
    for number in range(1, count + 1):
        mesh.start(number)
    wait_reflected(mesh, range(1, count + 1), reflectors)
    return mesh


def wait_reflected(mesh, numbers, reflectors):
    for number in numbers:
        others = numbers if number in reflectors else reflectors
        mesh.wait_peers(number, *(other for other in others if other != number))
    for number in numbers:
        mesh.wait_pods(number, *(other for other in numbers if other != number))


class Pings:
    """Pings from each of some nodes to the pods of each other, all the time."""

    def __init__(self, mesh, numbers):
        self.running = [
            mesh.nodes[one].start(f"ping-{other}-{family}", "ping", "-n", "-i", "0.02", "-W", "5",
                                  "-I", f"{net}{one}{end}", f"{net}{other}{end}")
            for one in numbers for other in numbers if one != other
            for family, net, end in (("4", "10.244.", ".1"), ("6", "fd00:244:", "::1"))]

    def stop(self):
        """None was lost, and none was told that there is no route."""
        for ping in self.running:
            wait_until(lambda ping=ping: "icmp_seq=20 " in ping.output(), "some pings")
            ping.stop(signal.SIGINT)
            seen = [int(found) for found in re.findall(r"bytes from .*icmp_seq=(\d+)",
                                                       ping.output())]
            assert seen == list(range(1, len(seen) + 1)), ping.output()[-2000:]
            assert "nreachable" not in ping.output()


def test_route_reflectors(lab, build):
    mesh = reflected(lab, build)
    assert mesh.detail(1, 3)["routeReflectorClient"]
    assert not mesh.detail(1, 2)["routeReflectorClient"]
    assert not mesh.detail(3, 1)["routeReflectorClient"]
    assert {mesh.detail(number, 3)["clusterID"] for number in (1, 2)} == {"10.9.9.9"}
    mesh.wait_ping(3, 4)
    # Of two paths each, one by each reflector; the kernel has its route when one has told.
    for number in (1, 2):
        wait_until(lambda number=number: [path["nextHop"] for path in mesh.kbgpd[3].ctl(
            "routes", "--received", f"mesh/node-{number}", "10.244.4.0/24")] == ["10.0.0.4"],
            f"the path by node-{number}")
    # A reflector dies.
    mesh.kbgpd[1].stop(signal.SIGKILL)
    wait_until(lambda: mesh.peers(3)["mesh/node-1"] != "Established", "the reflector gone")
    mesh.wait_pods(3, 2, 4, 5)
    mesh.wait_ping(3, 4)


def test_reflectors_move_without_a_gap(lab, build):
    """Another node reflects; then one more, at first beside it; then none."""
    mesh = reflected(lab, build, 5, (1,))
    pings = Pings(mesh, (1, 2, 4))
    mesh.put(2, labels=REFLECTOR)
    mesh.put(1)
    wait_reflected(mesh, range(1, 6), (2,))
    mesh.put(5, labels=REFLECTOR)
    wait_reflected(mesh, range(1, 6), (2, 5))
    mesh.put(2)
    wait_reflected(mesh, range(1, 6), (5,))
    mesh.put(5)
    mesh.wait_full(*range(1, 6))
    # The last one still reflects, until all have found each other for certain.
    assert mesh.detail(5, 3)["routeReflectorClient"]
    wait_until(lambda: not mesh.detail(5, 3)["routeReflectorClient"], "no client", 90)
    for number in range(1, 6):
        mesh.wait_pods(number, *({1, 2, 3, 4, 5} - {number}))
    pings.stop()
    assert mesh.flaps() == 0


def test_a_reflector_that_is_late(lab, build):
    """The old one is not left before it is there, by nobody."""
    mesh = reflected(lab, build, 4, (1,))
    mesh.kbgpd[2].stop()
    wait_until(lambda: mesh.peers(1)["mesh/node-2"] != "Established", "it is down")
    mesh.wait_pods(3, 1, 4)
    pings = Pings(mesh, (1, 3, 4))
    mesh.put(2, labels=REFLECTOR)
    mesh.put(1)
    for number in (3, 4):
        wait_until(lambda number=number: "mesh/node-2" in mesh.peers(number), "the new peer")
    stays(lambda: all(mesh.peers(number)["mesh/node-1"] == "Established" for number in (3, 4)), 5,
          "the old session")
    assert mesh.kbgpd[3].ctl("status")["mesh"]["leaving"] == 1
    mesh.kbgpd[2].start()
    wait_reflected(mesh, range(1, 5), (2,))
    pings.stop()


def test_a_reflector_is_not_believed_about_nodes_that_are_elsewhere(lab, build):
    """It lets through what it should not: who hears of it looks whose next hop that is."""
    mesh = reflected(lab, build, 4, (1,))
    everything = """\
filters:
- name: all
  rules:
  - action: accept
"""
    mesh.kbgpd[1].configure(mesh.configuration(
        mesh=REFLECTORS + "  import: [all]\n", rest=everything))
    mesh.kbgpd[3].configure(mesh.configuration(mesh=REFLECTORS, rest="""\
- name: foreign
  type: Prefix
  prefixes: [10.244.4.128/25, 10.244.3.128/25]
"""))

    def path(prefix):
        return [(path["state"], path["reason"]) for path in mesh.kbgpd[2].ctl(
            "routes", "--received", "mesh/node-1", prefix)]

    wait_until(lambda: path("10.244.3.128/25") == [("best", "best")], "of its own")
    # The reflector passes it on later than the other if node 3 has reloaded sooner.
    wait_until(lambda: path("10.244.4.128/25") == [
        ("filtered", "not in a pod CIDR of its next hop's node")], "not of its own")
    # Its pods are there now: nobody needs to send anything again.
    mesh.put(3, ["10.244.3.0/24", "fd00:244:3::/64", "10.244.4.128/25"])
    wait_until(lambda: path("10.244.4.128/25") == [("best", "best")], "it has it now")
    mesh.put(3)
    wait_until(lambda: path("10.244.4.128/25")[0][0] == "filtered", "and no more")
    # So it is with addresses: it is node 4 that is there now.
    mesh.put(4, addresses=["10.0.0.44", "10.0.0.3"])
    wait_until(lambda: path("10.244.4.128/25") == [("best", "best")], "it is another one's")
    mesh.put(4, addresses=["10.0.0.44"])
    wait_until(lambda: path("10.244.4.128/25")[0][0] == "filtered", "and no more")
