"""Nodes that go: what is announced in which order, and no packet to a Service is lost.

Two nodes announce a Service to a ToR that spreads the clients over them, and honours
GRACEFUL_SHUTDOWN (RFC 8326): FRR by itself, BIRD by a filter.
"""

import contextlib
import signal

import pytest

import scripted
from api_ground import POD_CIDR
from api_shared import ground, synced  # noqa: F401  (fixtures)
from cluster import Manifests, endpoint
from daemons import Bird, Frr, Kbgpd, Session
from fib import Stream
from lab import wait_until
from scripted import Neighbour, connect

ADDRESS = "192.0.2.10"
SERVICE = f"{ADDRESS}/32"
PODS = "10.244.1.0/24"
ASN = 65000
MARK = bytes([0xff, 0xff, 0, 0])

TO_BE_DELETED = {"spec": "taints: [{key: ToBeDeletedByClusterAutoscaler, effect: NoSchedule,"
                         ' value: "1700000000"}]'}
DELETED = {"metadata": 'deletionTimestamp: "2024-05-02T10:00:00Z"'}
CORDONED = {"spec": "unschedulable: true"}
NO_EXECUTE = {"spec": "taints: [{key: maintenance, effect: NoExecute}]"}
UNREACHABLE = {"spec": "taints: [{key: node.kubernetes.io/unreachable, effect: NoExecute}]"}

CONFIGURATION = """
router: {{asn: {asn}, routerID: 10.0.{number}.2, leave: {{{leave}}}}}
node: {{withdrawServices: {{{rules}}}}}
cluster: {{source: manifests, manifests: {manifests}}}
peers:
- {{name: tor, address: 10.0.{number}.1, asn: 65000, connectRetryTime: 1s, import: [],
   export: [plain]}}
advertisements:
- {{name: pods, type: PodCIDR}}
- {{name: public, type: Service, addresses: [LoadBalancerIP]}}
filters:
- name: plain
  rules: [{{action: accept, set: {{communities: {{set: ["64512:7"]}}, localPref: 300}}}}]
"""


class ObedientBird(Bird):
    """Honours GRACEFUL_SHUTDOWN from other ASes."""

    def configuration(self):
        return super().configuration().replace("import all;", """
            import filter {
                if (65535, 0) ~ bgp_community then bgp_local_pref = 0;
                accept;
            };""")

    def is_marked(self, number, prefix=SERVICE):
        return "65535:0" in path_of(self, number, prefix).communities


class ObedientFrr(Frr):
    """So does FRR as it is."""

    def configuration(self):
        return super().configuration().replace(
            "exit-address-family", " maximum-paths 8\n maximum-paths ibgp 8\nexit-address-family")

    def is_marked(self, number, prefix=SERVICE):
        found = path_of(self, number, prefix).communities
        return bool(found & {"65535:0", "graceful-shutdown", "gshut"})


def path_of(tor, number, prefix=SERVICE):
    """The ToR's path by this node."""
    for path in tor.paths(prefix):
        if path.next_hop == f"10.0.{number}.2":
            return path
    raise LookupError(f"no path to {prefix} by node {number}")


class Rack:
    """The ToR, the nodes with the Service, and a client behind the ToR."""

    def __init__(self, lab, build, neighbour=ObedientBird, leave="", rules="", internal=False):
        self.internal, self.leave, self.rules = internal, leave, rules
        self.manifests = Manifests(lab.folder / "manifests")
        self.tor_host, self.client = lab.host("tor"), lab.host("client")
        lab.link(self.tor_host, self.client, ["203.0.113.1/24"], ["203.0.113.10/24"])
        self.client.ip("route add default via 203.0.113.1")
        self.nodes = {number: lab.host(f"node-{number}") for number in (1, 2)}
        for number, node in self.nodes.items():
            lab.link(self.tor_host, node, [f"10.0.{number}.1/24"], [f"10.0.{number}.2/24"])
            node.ip(f"route add default via 10.0.{number}.1")
            node.address("lo", SERVICE)  # in place of kube-proxy
            self.node(number)
        self.manifests.service("web", [ADDRESS])
        self.manifests.endpoints("web", endpoint("node-1", "10.244.1.10"),
                                 endpoint("node-2", "10.244.2.10"))
        self.tor = neighbour(self.tor_host, ASN, "10.0.1.1", [
            Session(f"10.0.{number}.2", self.asn(number), f"10.0.{number}.1")
            for number in (1, 2)])
        self.kbgpd = {number: Kbgpd(node, build, self.configuration(number))
                      for number, node in self.nodes.items()}
        wait_until(lambda: self.hops() == {"node-1", "node-2"}, "the ToR uses both nodes")
        self.since = self.tor.since(1)

    def asn(self, number):
        return ASN if self.internal else ASN + number

    def configuration(self, number, **changes):
        return CONFIGURATION.format(**{
            "number": number, "asn": self.asn(number), "leave": self.leave, "rules": self.rules,
            "manifests": self.manifests.folder, **changes})

    def node(self, number, **state):
        self.manifests.node(f"node-{number}", number, [f"10.244.{number}.0/24"], **state)

    def hops(self):
        """The nodes that packets to the Service may go to."""
        route = self.tor_host.routes().get(SERVICE, {})
        return {hop["dev"] for hop in route.get("nexthops", [route] if route else [])}

    def wait_hops(self, *numbers):
        wait_until(lambda: self.hops() == {f"node-{number}" for number in numbers},
                   f"the ToR sends to {numbers}")

    def wait_state(self, state, number=1):
        wait_until(lambda: self.kbgpd[number].ctl("status")["leave"]["state"] == state,
                   f"node {number} is {state}")

    def reason(self, number=1):
        reasons = {row["reason"] for row in self.kbgpd[number].ctl("advertisements")
                   if row["address"] == ADDRESS}
        assert len(reasons) == 1
        return reasons.pop()

    def drop_packets(self, number):
        """The node forwards no more, and no link that goes down tells the ToR."""
        self.nodes[number].ip(f"address del {SERVICE} dev lo")
        self.nodes[number].ip(f"route add blackhole {SERVICE}")

    @contextlib.contextmanager
    def traffic(self):
        """Clients that lose nothing; what is yielded waits until one node gets nothing more."""
        stream = Stream(self.client, "203.0.113.10", list(self.nodes.values()), ADDRESS, 32)

        def left(number):
            before = list(stream.arrived)
            stream.flows()
            return stream.arrived[number - 1] == before[number - 1]
        try:
            stream.flows()
            wait_until(lambda: all(stream.arrived), "both nodes have clients")
            yield lambda number: wait_until(lambda: left(number), f"node {number} has no clients")
            stream.flows()
        finally:
            lost = stream.stop()
        assert lost == 0


def log_of(kbgpd):
    return kbgpd.process.output()


@pytest.mark.parametrize("neighbour", [ObedientBird, ObedientFrr])
def test_rfc8326_4_2_a_drained_node_loses_no_packet(lab, build, neighbour):
    """It is marked, its clients move, its Services go, and then it ceases to exist."""
    rack = Rack(lab, build, neighbour, "gracefulShutdown: true, delay: 18s")
    with rack.traffic() as wait_left:
        rack.node(1, **TO_BE_DELETED)
        # What can be seen during the delay only comes first: the clients keep the machine busy.
        wait_until(lambda: rack.tor.is_marked(1), "GRACEFUL_SHUTDOWN at the ToR")
        rack.wait_state("draining")
        assert rack.reason() == "announced"
        rack.wait_hops(2)
        wait_left(1)
        # Nothing of this is about its pods.
        assert not rack.tor.is_marked(1, PODS)
        wait_until(lambda: not [path for path in rack.tor.paths(SERVICE)
                                if path.next_hop == "10.0.1.2"], "the withdrawal")
        rack.wait_state("drained")
        assert rack.reason() == "nodeToBeDeleted"
        assert path_of(rack.tor, 1, PODS)
        rack.kbgpd[1].configure(rack.configuration(
            1, leave="gracefulShutdown: true, delay: 1s"))
        rack.kbgpd[1].ctl_text("reload")
        assert rack.tor.since(1) == rack.since
        assert rack.kbgpd[1].stop() == 0
        rack.drop_packets(1)
    log = log_of(rack.kbgpd[1])
    assert log.index(" draining: ") < log.index(" drained: ") < log.index("stopping")


@pytest.mark.parametrize("neighbour", [ObedientBird, ObedientFrr])
def test_rfc8326_4_2_a_daemon_that_ends_loses_no_packet(lab, build, neighbour):
    rack = Rack(lab, build, neighbour, "gracefulShutdown: true, delay: 10m")
    kbgpd = rack.kbgpd[1]
    with rack.traffic() as wait_left:
        kbgpd.process.send(signal.SIGTERM)
        rack.wait_state("stopping")
        wait_until(lambda: rack.tor.is_marked(1) and rack.tor.is_marked(1, PODS),
                   "GRACEFUL_SHUTDOWN at the ToR")
        assert "stopping" in kbgpd.ctl_text("status") and not kbgpd.ctl("status")["ready"]
        rack.wait_hops(2)
        wait_left(1)
        # However long that took: the end of the delay, now.
        kbgpd.process.send(signal.SIGTERM)
        assert kbgpd.process.popen.wait(40) == 0
        rack.drop_packets(1)
    assert rack.hops() == {"node-2"}


def test_without_the_mark_services_go_before_the_session(lab, build):
    rack = Rack(lab, build, leave="delay: 18s")
    with rack.traffic() as wait_left:
        rack.kbgpd[1].process.send(signal.SIGTERM)
        rack.wait_hops(2)
        wait_left(1)
        rack.wait_state("stopping")
        assert rack.reason() == "stopping"
        assert not rack.tor.is_marked(1, PODS)
        assert rack.tor.since(1) == rack.since
        assert rack.kbgpd[1].process.popen.wait(40) == 0
        rack.drop_packets(1)


def test_a_node_that_is_taken_back_has_withdrawn_nothing(lab, build):
    rack = Rack(lab, build, leave="gracefulShutdown: true, delay: 10m")
    with rack.traffic() as wait_left:
        for _ in range(3):
            rack.node(1, **DELETED)
            rack.wait_hops(2)
            wait_left(1)
            rack.node(1)
            rack.wait_hops(1, 2)
            wait_until(lambda: not rack.tor.is_marked(1), "the mark is gone")
        rack.wait_state("staying")
    assert rack.tor.since(1) == rack.since
    assert "drained:" not in log_of(rack.kbgpd[1])


def test_rfc8326_4_1_inside_the_as_the_preference_is_lowered(lab, build):
    rack = Rack(lab, build, Bird, "gracefulShutdown: true, delay: 10m", internal=True)
    assert path_of(rack.tor, 1).local_pref == 300
    rack.node(1, **TO_BE_DELETED)
    wait_until(lambda: path_of(rack.tor, 1).local_pref == 0, "the preference 0")
    assert path_of(rack.tor, 1).communities == {"65535:0", "64512:7"}
    rack.wait_hops(2)
    # Another one does not wait: the delay is ten minutes.
    rack.kbgpd[1].process.send(signal.SIGTERM)
    rack.wait_state("stopping")
    assert rack.kbgpd[1].stop() == 0
    assert "stopping at once" in log_of(rack.kbgpd[1])


@pytest.mark.parametrize("rule,state,reason", [
    ("toBeDeleted", TO_BE_DELETED, "nodeToBeDeleted"),
    ("toBeDeleted", DELETED, "nodeToBeDeleted"),
    ("unschedulable", CORDONED, "nodeUnschedulable"),
    ("noExecute", NO_EXECUTE, "nodeNoExecute"),
    ("notReady", {"ready": False}, "nodeNotReady")])
def test_states_of_the_node_count_as_configured(lab, build, rule, state, reason):
    rack = Rack(lab, build, rules=f"{rule}: false")
    kbgpd = rack.kbgpd[1]
    rack.node(1, **state)
    kbgpd.configure(rack.configuration(1, rules=f"{rule}: true"))
    rack.wait_hops(2)
    assert rack.reason() == reason
    kbgpd.configure(rack.configuration(1, rules=f"{rule}: false"))
    rack.wait_hops(1, 2)
    kbgpd.configure(rack.configuration(1, rules=f"{rule}: true"))
    rack.wait_hops(2)
    rack.node(1)
    rack.wait_hops(1, 2)
    assert rack.reason() == "announced"
    assert rack.tor.since(1) == rack.since


def test_taints_of_not_ready_are_no_drain(lab, build):
    rack = Rack(lab, build, rules="noExecute: true, notReady: false")
    rack.node(1, **UNREACHABLE)
    rack.node(2, **NO_EXECUTE)
    rack.wait_hops(1)
    assert (rack.reason(1), rack.reason(2)) == ("announced", "nodeNoExecute")


def test_a_node_that_fails_has_nothing_to_wait_for(lab, build):
    rack = Rack(lab, build, leave="gracefulShutdown: true, delay: 10m")
    rack.node(1, **TO_BE_DELETED)
    rack.wait_state("draining")
    rack.node(1, **TO_BE_DELETED, ready=False)
    wait_until(lambda: not [path for path in rack.tor.paths(SERVICE)
                            if path.next_hop == "10.0.1.2"], "the withdrawal")
    assert rack.reason() == "nodeNotReady"
    assert rack.tor.since(1) == rack.since


@pytest.mark.parametrize("leave, marked", [
    ("gracefulShutdown: true, delay: 2s", True), ("delay: 2s", False), ("delay: 0s", None)])
def test_what_a_neighbour_hears_of_the_end(lab, build, leave, marked):
    """Message by message: the mark, the withdrawal of the Service alone, and then the Cease."""
    node, router = lab.host("node-1"), lab.host("router")
    lab.link(node, router, ["10.0.1.2/24"], ["10.0.1.1/24"])
    manifests = Manifests(lab.folder / "manifests")
    manifests.node("node-1", 1, [PODS])
    manifests.service("web", [ADDRESS])
    manifests.endpoints("web", endpoint("node-1", "10.244.1.10"))
    kbgpd = Kbgpd(node, build, CONFIGURATION.format(
        number=1, asn=ASN + 1, leave=leave, rules="", manifests=manifests.folder))
    wait_until(lambda: kbgpd.ctl("status")["started"], "all is known")
    neighbour = Neighbour(connect(router, "10.0.1.1", "10.0.1.2"), ASN, "10.0.1.1", "10.0.1.1")
    with contextlib.closing(neighbour):
        neighbour.to_established()
        assert {SERVICE, PODS} <= set(neighbour.routes)
        kbgpd.process.send(signal.SIGTERM)
        if marked:
            for prefix in (SERVICE, PODS):
                neighbour.read_until(lambda prefix=prefix: MARK in neighbour.routes[prefix].value(
                    scripted.COMMUNITIES), "the mark")
            assert not neighbour.withdrawn
        if marked is not None:
            neighbour.wait_withdrawn(SERVICE)
        text = b"\x11kbgpd is stopping"
        neighbour.expect_notification(6, 2, text)
        assert neighbour.withdrawn == ([] if marked is None else [SERVICE])
    assert kbgpd.process.popen.wait(20) == 0


def test_the_api_server_tells_of_a_drain(synced):  # noqa: F811
    """What decides is not left out of what is read: each of it alone, and back."""
    for change, before in (
            ({"spec": {"taints": [{"key": "ToBeDeletedByClusterAutoscaler",
                                   "effect": "NoSchedule"}]}}, {"spec": {"taints": None}}),
            ({"metadata": {"deletionTimestamp": "2026-11-21T10:00:00Z"}},
             {"metadata": {"deletionTimestamp": None}})):
        synced.store.patch("nodes", "node", change)
        synced.wait_routes(POD_CIDR)
        synced.store.patch("nodes", "node", before)
        synced.wait_routes(POD_CIDR, "192.0.2.1/32")
