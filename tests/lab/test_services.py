"""The cluster from manifests: what two nodes announce to a ToR that runs BIRD."""

import json

import pytest

from cluster import Manifests, endpoint
from daemons import Bird, Kbgpd, Session
from lab import stays, wait_until

CONFIGURATION = """
router:
  asn: {asn}
  routerID: 10.0.{number}.2
cluster:
  source: manifests
  manifests: {manifests}
peers:
- name: tor
  address: 10.0.{number}.1
  asn: 65000
  connectRetryTime: 1s
  import: [pods]
advertisements:
- name: pods
  type: PodCIDR
- name: public
  type: Service
  addresses: [LoadBalancerIP]
  cidrs: [192.0.2.0/24, "2001:db8:f::/48"]
  serviceSelector: {{matchLabels: {{expose: public}}}}
  communities: ["64512:100"]
filters:
- name: pods
  rules:
  - match: {{prefixes: [{{prefix: 10.244.0.0/16, le: 24}}, {{prefix: 0.0.0.0/0}}]}}
    action: accept
"""


class Cluster:
    """A ToR, two nodes with kbgpd and one folder of manifests that both read."""

    def __init__(self, lab, build):
        self.lab, self.build = lab, build
        self.manifests = Manifests(lab.folder / "manifests")
        self.tor_host = lab.host("tor")
        self.nodes, self.kbgpd = {}, {}
        for number in (1, 2):
            self.add_node(number)
        self.tor = Bird(self.tor_host, 65000, "10.0.1.1", [
            Session(f"10.0.{number}.2", 65000 + number, f"10.0.{number}.1") for number in (1, 2)],
            ["0.0.0.0/0"])
        for number, (name, node) in enumerate(self.nodes.items(), 1):
            self.kbgpd[name] = Kbgpd(node, build, CONFIGURATION.format(
                number=number, asn=65000 + number, manifests=self.manifests.folder))

    def add_node(self, number):
        name = f"node-{number}"
        self.nodes[name] = self.lab.host(name)
        self.lab.link(self.tor_host, self.nodes[name], [f"10.0.{number}.1/24"],
                      [f"10.0.{number}.2/24"])
        self.nodes[name].address("lo", f"10.244.{number}.1/32")
        self.manifests.node(name, number, [f"10.244.{number}.0/24", f"fd00:244:{number}::/64"])

    def announcers(self, prefix):
        """The nodes from which the ToR has a path to the prefix."""
        return {f"node-{path.as_path[-1] - 65000}" for path in self.tor.paths(prefix)}

    def wait_announced(self, prefix, *nodes):
        wait_until(lambda: self.announcers(prefix) == set(nodes),
                   f"{prefix} at the ToR from {', '.join(nodes) or 'no node'}")

    def reasons(self, node, address):
        """What kbgpctl says of an address on a node."""
        return {row["reason"] for row in self.kbgpd[node].ctl("advertisements")
                if address in json.dumps(row)}


@pytest.fixture
def cluster(lab, build):
    return Cluster(lab, build)


def test_pod_cidrs(cluster):
    for number in (1, 2):
        cluster.wait_announced(f"10.244.{number}.0/24", f"node-{number}")
        cluster.wait_announced(f"fd00:244:{number}::/64", f"node-{number}")
    # From node to node by way of the ToR, and never a route to the node's own pods.
    node = cluster.nodes["node-1"]
    wait_until(lambda: set(node.bgp_routes()) == {"10.244.2.0/24", "0.0.0.0/0"}, "node 1's routes")
    wait_until(lambda: node.ping("10.244.2.1", "10.244.1.1"), "ping from pod to pod")
    assert cluster.reasons("node-1", "10.244.1.0/24") == {"announced"}


def test_a_node_changes(cluster):
    cluster.wait_announced("10.244.1.0/24", "node-1")
    since = cluster.tor.since()
    cluster.manifests.node("node-1", 1, ["10.244.9.0/24"])
    cluster.wait_announced("10.244.9.0/24", "node-1")
    cluster.wait_announced("10.244.1.0/24")
    assert cluster.tor.since() == since


def test_service_of_policy_cluster(cluster):
    cluster.manifests.service("web", ["192.0.2.10"])
    cluster.wait_announced("10.244.1.0/24", "node-1")
    for node in ("node-1", "node-2"):
        wait_until(lambda node=node: cluster.reasons(node, "192.0.2.10") == {"noEndpoints"},
                   f"the reason on {node}")
    stays(lambda: not cluster.announcers("192.0.2.10/32"), 1, "no endpoint, no announcement")

    cluster.manifests.endpoints("web", endpoint("node-2", "10.244.2.10"))
    cluster.wait_announced("192.0.2.10/32", "node-1", "node-2")
    assert all(path.communities == {"64512:100"} for path in cluster.tor.paths("192.0.2.10/32"))
    assert cluster.reasons("node-1", "192.0.2.10") == {"announced"}

    cluster.manifests.endpoints("web", endpoint("node-2", "10.244.2.10", ready=False))
    cluster.wait_announced("192.0.2.10/32")
    cluster.manifests.endpoints("web", endpoint("node-2", "10.244.2.10"))
    cluster.wait_announced("192.0.2.10/32", "node-1", "node-2")
    # One that still serves while it terminates is used as long as no other is ready.
    cluster.manifests.endpoints("web", endpoint("node-2", "10.244.2.10", False, True))
    stays(lambda: cluster.announcers("192.0.2.10/32") == {"node-1", "node-2"}, 1,
          "announced while the last endpoint drains")
    cluster.manifests.remove("service-web.yaml")
    cluster.wait_announced("192.0.2.10/32")


def test_service_of_policy_local(cluster):
    cluster.tor.wait_established()
    since = cluster.tor.since(1), cluster.tor.since(2)
    cluster.manifests.service("web", ["192.0.2.10"], "Local")
    cluster.manifests.endpoints("web", endpoint("node-2", "10.244.2.10"))
    cluster.wait_announced("192.0.2.10/32", "node-2")
    wait_until(lambda: cluster.reasons("node-1", "192.0.2.10") == {"noLocalEndpoints"},
               "the reason")

    cluster.manifests.endpoints("web", endpoint("node-2", "10.244.2.10"),
                                endpoint("node-1", "10.244.1.10"))
    cluster.wait_announced("192.0.2.10/32", "node-1", "node-2")

    cluster.manifests.endpoints("web", endpoint("node-2", "10.244.2.10", ready=False),
                                endpoint("node-1", "10.244.1.10"))
    cluster.wait_announced("192.0.2.10/32", "node-1")

    # KEP-1669: the last pod serves while it terminates.
    cluster.manifests.endpoints("web", endpoint("node-1", "10.244.1.10", False, True))
    stays(lambda: cluster.announcers("192.0.2.10/32") == {"node-1"}, 1, "announced by node 1")
    cluster.manifests.endpoints("web")
    cluster.wait_announced("192.0.2.10/32")
    assert (cluster.tor.since(1), cluster.tor.since(2)) == since


def test_traffic_to_a_service(cluster):
    """The ToR spreads clients over the nodes, and follows when an endpoint goes."""
    for name, node in cluster.nodes.items():
        # In place of kube-proxy: the address is the node's own.
        node.address("lo", "192.0.2.10/32")
        node.serve(name)
    client = cluster.lab.host("client")
    cluster.lab.link(cluster.tor_host, client, ["203.0.113.1/24"], ["203.0.113.10/24"])
    client.ip("route add default via 203.0.113.1")

    cluster.manifests.service("web", ["192.0.2.10"], "Local")
    cluster.manifests.endpoints("web", endpoint("node-1", "10.244.1.10"),
                                endpoint("node-2", "10.244.2.10"))
    cluster.wait_announced("192.0.2.10/32", "node-1", "node-2")
    answers = set()

    def both_answer():
        answers.add(client.fetch("192.0.2.10"))
        return answers == {"node-1", "node-2"}
    wait_until(both_answer, "answers of both nodes")

    cluster.manifests.endpoints("web", endpoint("node-2", "10.244.2.10"))
    cluster.wait_announced("192.0.2.10/32", "node-2")
    wait_until(lambda: {client.fetch("192.0.2.10") for _ in range(8)} == {"node-2"},
               "answers of node 2 alone")


def test_node_conditions(cluster):
    cluster.manifests.service("web", ["192.0.2.10"])
    cluster.manifests.endpoints("web", endpoint("node-2", "10.244.2.10"))
    cluster.wait_announced("192.0.2.10/32", "node-1", "node-2")
    pods = ["10.244.1.0/24", "fd00:244:1::/64"]
    cluster.manifests.node("node-1", 1, pods, ready=False)
    cluster.wait_announced("192.0.2.10/32", "node-2")
    assert cluster.reasons("node-1", "192.0.2.10") == {"nodeNotReady"}
    # Its pods still run: their addresses stay reachable.
    assert cluster.announcers("10.244.1.0/24") == {"node-1"}

    cluster.manifests.node("node-1", 1, pods, {
        "node.kubernetes.io/exclude-from-external-load-balancers": ""})
    wait_until(lambda: cluster.reasons("node-1", "192.0.2.10") == {"nodeExcluded"}, "the reason")
    assert cluster.announcers("192.0.2.10/32") == {"node-2"}
    cluster.manifests.node("node-1", 1, pods)
    cluster.wait_announced("192.0.2.10/32", "node-1", "node-2")


def test_shared_address_and_foreign_range(cluster):
    cluster.manifests.service("one", ["192.0.2.10"])
    cluster.manifests.service("two", ["192.0.2.10", "198.51.100.1"], number=2)
    for name in ("one", "two"):
        cluster.manifests.endpoints(name, endpoint("node-2", "10.244.2.10"))
    cluster.wait_announced("192.0.2.10/32", "node-1", "node-2")
    cluster.manifests.remove("service-one.yaml")
    stays(lambda: len(cluster.announcers("192.0.2.10/32")) == 2, 1, "announced for the other")
    assert not cluster.announcers("198.51.100.1/32")
    assert cluster.reasons("node-1", "198.51.100.1") == {"notInCIDRs"}
    cluster.manifests.remove("service-two.yaml")
    cluster.wait_announced("192.0.2.10/32")


def test_dual_stack(cluster):
    cluster.manifests.service("web", ["192.0.2.10", "2001:db8:f::10"], "Local")
    cluster.manifests.endpoints("web", endpoint("node-1", "10.244.1.10"))
    cluster.wait_announced("192.0.2.10/32", "node-1")
    cluster.manifests.endpoints("web", endpoint("node-2", "fd00:244:2::10"), family="IPv6",
                                suffix="v6q9z")
    cluster.wait_announced("2001:db8:f::10/128", "node-2")
    assert cluster.announcers("192.0.2.10/32") == {"node-1"}


def test_bad_manifest_spoils_nothing_else(cluster):
    cluster.manifests.write("bad.yaml", "kind: [")
    cluster.manifests.write("odd.yaml", "apiVersion: v1\nkind: Service\nmetadata: 7\n")
    cluster.manifests.service("web", ["192.0.2.10"])
    cluster.manifests.endpoints("web", endpoint("node-2", "10.244.2.10"))
    cluster.wait_announced("192.0.2.10/32", "node-1", "node-2")
    assert "bad.yaml" in cluster.kbgpd["node-1"].process.output()


def test_lists_and_json(cluster):
    cluster.wait_announced("10.244.1.0/24", "node-1")
    items = [{
        "apiVersion": "v1", "kind": "Service",
        "metadata": {"name": "web", "namespace": "default", "labels": {"expose": "public"}},
        "spec": {"type": "LoadBalancer", "clusterIP": "10.96.0.9", "clusterIPs": ["10.96.0.9"]},
        "status": {"loadBalancer": {"ingress": [{"ip": "192.0.2.20", "ipMode": "VIP"}]}},
    }, {
        "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "addressType": "IPv4",
        "metadata": {"name": "web-1", "namespace": "default",
                     "labels": {"kubernetes.io/service-name": "web"}},
        "endpoints": [{"addresses": ["10.244.2.10"], "nodeName": "node-2",
                       "conditions": {"ready": True}}],
    }]
    cluster.manifests.write("all.json", json.dumps(
        {"apiVersion": "v1", "kind": "List", "items": items}))
    cluster.wait_announced("192.0.2.20/32", "node-1", "node-2")
    cluster.manifests.remove("all.json")
    cluster.wait_announced("192.0.2.20/32")


def test_rules_change_by_reload(cluster):
    cluster.manifests.service("web", ["192.0.2.10"])
    cluster.manifests.endpoints("web", endpoint("node-2", "10.244.2.10"))
    cluster.wait_announced("192.0.2.10/32", "node-1", "node-2")
    since = cluster.tor.since()
    kbgpd = cluster.kbgpd["node-1"]
    good = kbgpd.file.read_text()
    kbgpd.configure(good.replace("expose: public", "expose: other"))
    cluster.wait_announced("192.0.2.10/32", "node-2")
    kbgpd.configure(good)
    cluster.wait_announced("192.0.2.10/32", "node-1", "node-2")
    kbgpd.configure(good + "fib: {metric: 30}\n")
    wait_until(lambda: [route["metric"] for route in cluster.nodes["node-1"].routes(
        "proto 186").values()] == [30, 30], "the new metric")
    assert cluster.tor.since() == since
