"""A large cluster as one of its nodes sees it: the others are played, each at its own address.

How many there are is KBGPD_LAB_NODES; with more than the usual, what it costs is printed (-s).
"""

import os
import select
import time

import scripted
from cluster import Manifests
from lab import wait_until
from rack import Rack
from scripted import Neighbour
from sessions import NODE_ASN

COUNT = int(os.environ.get("KBGPD_LAB_NODES", "300"))
NODES = {f"worker-{n:04}": (f"10.10.{1 + n // 200}.{1 + n % 200}", f"10.{20 + n // 256}.{n % 256}.0/24")
         for n in range(COUNT)}

MESH = """
mesh: {{enabled: true, holdTime: 0s, connectRetryTime: 2s}}
cluster: {{source: manifests, manifests: {folder}}}
advertisements:
- {{name: pods, type: PodCIDR}}
"""


def opens(own, other):
    """Which of two nodes connects to the other, by FNV-1a of both names."""
    value = 2166136261
    for byte in b"".join(name.encode() + b"\0" for name in sorted((own, other))):
        value = (value ^ byte) * 16777619 % 2**32
    return (value >> 24 & 1) == (own < other)


class Cluster:
    """The node and all others, which are on one host."""

    def __init__(self, lab, build):
        self.rack = Rack(lab, build)
        self.rack.crowd([address for address, _ in NODES.values()])
        self.manifests = Manifests(lab.folder / "manifests")
        self.put("node", "10.9.0.2", "10.2.0.0/24")
        for name, (address, pods) in NODES.items():
            self.put(name, address, pods)
        self.listener = scripted.listen(self.rack.hosts[0], "0.0.0.0")
        self.listener.listen(COUNT)
        self.began = time.monotonic()
        self.kbgpd = self.rack.kbgpd(rest=MESH.format(folder=self.manifests.folder))
        self.neighbours = self.connect()

    def put(self, name, address, pods, **options):
        self.manifests.node(name, 0, [pods], addresses=[address], **options)

    def connect(self):
        """The neighbours by name, all Established: some are called, the others call."""
        called = {name for name in NODES if opens("node", name)}
        assert COUNT * 0.3 < len(called) < COUNT * 0.7
        sockets = {}
        for name in NODES.keys() - called:
            sockets[NODES[name][0]] = scripted.connect(
                self.rack.hosts[0], NODES[name][0], "10.9.0.2")
        for _ in called:
            sock, _ = self.listener.accept()
            sockets[sock.getsockname()[0]] = sock
        # Nobody was called who should call, or twice.
        assert sockets.keys() == {address for address, _ in NODES.values()}
        found = {}
        for name, (address, _) in NODES.items():
            found[name] = Neighbour(sockets[address], NODE_ASN, address, address)
            found[name].internal = True
            found[name].to_established()
        return found

    def status(self):
        return self.kbgpd.ctl("status")

    def report(self, what):
        status = self.status()
        print(f"{what}: {time.monotonic() - self.began:.1f} s, {status['mesh']}, resident "
              f"{status['residentBytes'] / 1e6:.1f} MB, busiest turn {status['busiestTurn']}, "
              f"longest turn {status['longestTurn']}")

    def said(self):
        """Who was sent something."""
        sockets = {neighbour.sock: name for name, neighbour in self.neighbours.items()}
        return {sockets[sock] for sock in select.select(list(sockets), [], [], 0)[0]}

    def read_all(self):
        """What is on its way to the neighbours; nothing more comes."""
        for neighbour in self.neighbours.values():
            neighbour.read_until(lambda neighbour=neighbour: neighbour.routes.keys() >= {
                "10.2.0.0/24"}, "the pods of the node")


def test_many_nodes(lab, build):
    cluster = Cluster(lab, build)
    cluster.report("all Established")
    wait_until(lambda: cluster.status()["mesh"]["up"] == COUNT, "all sessions")
    for name, neighbour in cluster.neighbours.items():
        neighbour.announce(NODES[name][1])
    wait_until(lambda: cluster.rack.node.bgp_routes() == {
        pods: {address} for address, pods in NODES.values()}, "routes to all pods")
    cluster.report("all routes")
    cluster.read_all()
    wait_until(lambda: not cluster.said(), "nothing more is said")

    # All Nodes change at once, in what is of no concern.
    for name, (address, pods) in NODES.items():
        cluster.put(name, address, pods, ready=False, labels={"zone": "b"})
    # One is another AS's, one has other pods, one is at another address, one is gone.
    other, moved, away, gone = list(NODES)[5:9]
    cluster.put(other, *NODES[other], annotations={"kbgpd.io/asn": "65099"})
    cluster.put(moved, NODES[moved][0], "10.99.0.0/24")
    cluster.put(away, "10.10.250.1", NODES[away][1])
    cluster.manifests.remove(f"node-{gone}.yaml")
    wait_until(lambda: cluster.kbgpd.ctl("peers", f"mesh/{other}")[0]["remoteASN"] == 65099,
               "the other AS")
    wait_until(lambda: cluster.rack.node.bgp_routes().keys() == {
        NODES[name][1] for name in NODES.keys() - {other, moved, away, gone}}, "their routes gone")
    wait_until(lambda: cluster.said() == {other, away, gone}, "three sessions are ended")

    def counts():
        status = cluster.status()["mesh"]
        return status["up"], status["total"]

    wait_until(lambda: counts() == (COUNT - 3, COUNT - 1), "all other sessions")
    assert cluster.said() == {other, away, gone}
    cluster.report("changes")
    [path] = cluster.kbgpd.ctl("routes", "--received", f"mesh/{moved}")
    assert path["reason"] == "not in a pod CIDR of the peer's node"
