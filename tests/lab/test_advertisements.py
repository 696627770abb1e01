"""Several advertisements for one prefix, for neighbours in different lists, message by message.

The neighbours are scripted, so that "nothing is sent again" is what they have counted themselves.
"""

import pytest

import scripted
from cluster import Manifests, endpoint
from daemons import Bird, Kbgpd, Session
from lab import wait_until
from scripted import COMMUNITIES, LOCAL_PREF, MED, Neighbour

NODE, ASN = "10.0.1.2", 65001
LARGE_COMMUNITY = 32
NAMES = ("a", "b", "c")
SERVICES = """
- name: public
  type: Service
  communities: ["65001:1"]
"""


class Node:
    """kbgpd with three internal neighbours in lists, and what they have been sent."""

    def __init__(self, lab, build, advertisements):
        self.lab = lab
        self.host, self.tor = lab.host("node-1"), lab.host("tor")
        lab.link(self.host, self.tor, [f"{NODE}/24"],
                 [f"10.0.1.{number}/24" for number in range(11, 15)])
        self.manifests = Manifests(lab.folder / "manifests")
        self.manifests.node("node-1", 1, ["10.244.1.0/24"])
        self.kbgpd = Kbgpd(self.host, build, self.configuration(advertisements))
        # Before it knows the kernel's addresses it takes no connection.
        wait_until(lambda: self.kbgpd.ctl("status")["started"], "kbgpd is ready")
        self.neighbours = {}

    def configuration(self, advertisements):
        peers = "".join(f"- {{name: {name}, address: 10.0.1.{number}, asn: {ASN}, passive: true}}\n"
                        for number, name in enumerate(NAMES, 11))
        return (f"router: {{asn: {ASN}, routerID: {NODE}}}\n"
                f"cluster: {{source: manifests, manifests: {self.manifests.folder}}}\n"
                f"peers:\n{peers}"
                "- {name: tor, address: 10.0.1.14, asn: 65000, connectRetryTime: 1s}\n"
                f"advertisements:\n{advertisements}")

    def configure(self, advertisements):
        self.kbgpd.configure(self.configuration(advertisements))

    def connect(self, *names):
        for name in names:
            number = 11 + NAMES.index(name)
            address = f"10.0.1.{number}"
            sock = scripted.connect(self.tor, address, NODE)
            new = Neighbour(sock, ASN, f"10.0.1.{number}", address)
            new.internal = True
            self.neighbours[name] = new.to_established()
        return [self.neighbours[name] for name in names]

    def service(self, name, *addresses, policy="Cluster"):
        self.manifests.service(name, addresses, policy=policy)

    def rows(self, prefix):
        return {row["advertisement"]: row for row in self.kbgpd.ctl("advertisements")
                if row["prefix"] == prefix}

    def close(self):
        for neighbour in self.neighbours.values():
            neighbour.close()


@pytest.fixture
def make(lab, build):
    made = []

    def make_node(advertisements):
        made.append(Node(lab, build, advertisements))
        return made[-1]
    yield make_node
    for node in made:
        node.close()


def attributes(route):
    """LOCAL_PREF, MED and the communities, as numbers."""
    def value(kind):
        return route.attributes[kind][1] if kind in route.attributes else b""

    def number(kind):
        return int.from_bytes(value(kind), "big") if value(kind) else None
    standard, large = value(COMMUNITIES), value(LARGE_COMMUNITY)
    return (number(LOCAL_PREF), number(MED),
            [f"{int.from_bytes(standard[at:at + 2], 'big')}:"
             f"{int.from_bytes(standard[at + 2:at + 4], 'big')}"
             for at in range(0, len(standard), 4)], len(large) // 12)


def counts(neighbour):
    return len(neighbour.announced), len(neighbour.withdrawn)


MERGED = """
- {name: pods, type: PodCIDR, communities: ["65001:3", "65001:1"]}
- name: fixed
  type: Prefix
  prefixes: [10.244.1.0/24]
  localPref: 200
  med: 7
  communities: ["65001:2", "65001:1", "large:1:2:3"]
  peers: [b, c, tor]
- name: more
  type: Prefix
  prefixes: [10.244.1.0/24]
  localPref: 150
  peers: [c]
"""


def test_each_neighbour_gets_the_merge_of_its_lists(make):
    """One route each: of what all get, of one list more, of two lists more."""
    node = make(MERGED)
    a, b, c = node.connect("a", "b", "c")
    assert attributes(a.wait_route("10.244.1.0/24")) == (100, None, ["65001:1", "65001:3"], 0)
    assert attributes(b.wait_route("10.244.1.0/24")) == (
        200, None, ["65001:1", "65001:2", "65001:3"], 1)
    assert attributes(c.wait_route("10.244.1.0/24")) == (
        200, None, ["65001:1", "65001:2", "65001:3"], 1)
    rows = node.rows("10.244.1.0/24")
    assert rows["pods"]["mergedWith"] == ["fixed", "more"]
    assert rows["pods"]["conflicts"] == ["localPref", "med"]
    assert rows["more"]["mergedWith"] == ["pods", "fixed"]
    assert {row["announced"] for row in rows.values()} == {True}
    paths = {tuple(path["advertisements"]) for path in node.kbgpd.ctl("routes", "10.244.1.0/24")}
    assert paths == {("pods",), ("pods", "fixed"), ("pods", "fixed", "more")}
    assert "merged with fixed, more; different: localPref, med" in node.kbgpd.ctl_text(
        "advertisements")


def test_bird_sees_one_route(make):
    node = make(MERGED)
    tor = Bird(node.tor, 65000, "10.0.1.14", [Session(NODE, ASN, "10.0.1.14")])
    wait_until(lambda: tor.path("10.244.1.0/24"), "the prefix at BIRD")
    path, = tor.paths("10.244.1.0/24")
    assert path.communities == {"65001:1", "65001:2", "65001:3"}
    assert path.large_communities == {"1:2:3"}
    assert path.med is None and path.as_path == [ASN]


def test_conflict_is_logged_once(make):
    node = make(MERGED)
    line = "asks for the same prefix as advertisement pods and differs in localPref, med"
    wait_until(lambda: line in node.kbgpd.process.output(), "the warning")
    node.manifests.node("node-1", 1, ["10.244.9.0/24"])
    wait_until(lambda: not node.rows("10.244.1.0/24").get("pods"), "the pod CIDR to go")
    node.manifests.node("node-1", 1, ["10.244.1.0/24"])
    wait_until(lambda: node.rows("10.244.1.0/24").get("pods"), "the pod CIDR to come")
    node.configure(MERGED + "- {name: other, type: Prefix, prefixes: [10.9.0.0/16]}\n")
    wait_until(lambda: node.rows("10.9.0.0/16"), "the new configuration")
    assert node.kbgpd.process.output().count(line) == 1


def test_merge_changes_without_a_gap(make):
    """An advertisement comes, changes and goes: each concerned is sent one route, never none."""
    node = make("- {name: pods, type: PodCIDR}\n")
    a, b = node.connect("a", "b")
    a.wait_route("10.244.1.0/24")
    b.wait_route("10.244.1.0/24")
    before = counts(a)
    fixed = ("- {{name: pods, type: PodCIDR}}\n- {{name: fixed, type: Prefix, prefixes: "
             "[10.244.1.0/24], peers: [b], med: 0, communities: [\"65001:{}\"]}}\n")
    for number in (7, 8):
        node.configure(fixed.format(number))
        b.read_until(lambda: attributes(b.routes["10.244.1.0/24"])[2] == [f"65001:{number}"])
    node.configure("- {name: pods, type: PodCIDR}\n")
    b.read_until(lambda: attributes(b.routes["10.244.1.0/24"])[2] == [])
    assert b.announced == ["10.244.1.0/24"] * 4 and not b.withdrawn
    a.stays_silent(0.3)
    assert counts(a) == before


def test_renamed_advertisement_is_no_news(make):
    node = make("- {name: pods, type: PodCIDR}\n" + SERVICES)
    a, = node.connect("a")
    node.service("web", "192.0.2.1")
    node.manifests.endpoints("web", endpoint("node-1", "10.244.1.5"))
    a.wait_route("192.0.2.1/32")
    before = counts(a), a.updates
    node.configure("- {name: cidrs, type: PodCIDR}\n" + SERVICES.replace("public", "renamed"))
    wait_until(lambda: node.rows("192.0.2.1/32").keys() == {"renamed"}, "the new names")
    a.stays_silent(0.3)
    assert (counts(a), a.updates) == before


def test_change_of_a_service_sends_just_that(make):
    """Of three Services one changes: its own prefix is sent, once, and no session is reset."""
    node = make(SERVICES + "- {name: pods, type: PodCIDR, peers: [b]}\n")
    a, b = node.connect("a", "b")
    for number in (1, 2, 3):
        node.service(f"web{number}", f"192.0.2.{number}")
        node.manifests.endpoints(f"web{number}", endpoint("node-1", "10.244.1.5"))
        a.wait_route(f"192.0.2.{number}/32")
        b.wait_route(f"192.0.2.{number}/32")
    a.announced.clear()
    b.announced.clear()
    updates = a.updates
    # Endpoints that change nothing, a change of the policy that changes nothing, and one that does.
    node.manifests.endpoints("web1", endpoint("node-1", "10.244.1.5"),
                             endpoint("node-2", "10.244.2.5"))
    node.service("web1", "192.0.2.1", policy="Local")
    node.service("web2", "192.0.2.4")
    a.wait_route("192.0.2.4/32")
    b.wait_route("192.0.2.4/32")
    a.wait_withdrawn("192.0.2.2/32")
    node.manifests.endpoints("web3", endpoint("node-1", "10.244.1.5", ready=False))
    a.wait_withdrawn("192.0.2.3/32")
    b.wait_withdrawn("192.0.2.3/32")
    a.stays_silent(0.3)
    assert a.announced == b.announced == ["192.0.2.4/32"]
    assert a.withdrawn == b.withdrawn == ["192.0.2.2/32", "192.0.2.3/32"]
    assert a.updates - updates <= 3
    assert node.kbgpd.peer("a")["uptimeSeconds"] is not None
    assert node.kbgpd.peer("a")["state"] == node.kbgpd.peer("b")["state"] == "Established"


def test_aggregate_and_host_routes(make):
    """Policy Cluster is behind the aggregate, which ends at the cidr; policy Local beside it."""
    node = make("- {name: public, type: Service, aggregationLength: 24, cidrs: [192.0.2.0/25]}\n")
    a, = node.connect("a")
    here, nowhere = endpoint("node-1", "10.244.1.5"), endpoint("node-2", "10.244.2.5", False)
    for number, policy, where in ((1, "Cluster", here), (2, "Local", here), (3, "Cluster", here),
                                  (4, "Local", nowhere), (5, "Cluster", nowhere)):
        node.service(f"web{number}", f"192.0.2.{number}", policy=policy)
        node.manifests.endpoints(f"web{number}", where)
    a.wait_route("192.0.2.0/25")
    a.wait_route("192.0.2.2/32")
    node.manifests.remove("service-web1.yaml")
    a.stays_silent(0.3)
    assert a.announced.count("192.0.2.0/25") == 1 and set(a.routes) == {
        "192.0.2.0/25", "192.0.2.2/32"}
    # The last one that it is for; the one without an endpoint does not keep it.
    node.manifests.remove("service-web3.yaml")
    a.wait_withdrawn("192.0.2.0/25")
    assert set(a.routes) == {"192.0.2.2/32"}


def test_node_that_is_not_ready(make):
    """What concerns all Services: each is withdrawn and announced again once, in one go."""
    node = make(SERVICES)
    a, = node.connect("a")
    for number in range(1, 51):
        node.service(f"web{number}", f"192.0.2.{number}")
        node.manifests.endpoints(f"web{number}", endpoint("node-1", "10.244.1.5"))
    a.read_until(lambda: len(a.routes) == 50)
    updates = a.updates
    node.manifests.node("node-1", 1, ["10.244.1.0/24"], ready=False)
    a.read_until(lambda: not a.routes)
    node.manifests.node("node-1", 1, ["10.244.1.0/24"])
    a.read_until(lambda: len(a.routes) == 50)
    assert len(a.announced) == 100 and len(a.withdrawn) == 50
    assert a.updates - updates <= 10


def test_list_of_peers_changes(make):
    """A neighbour joins a list: it is sent what is new for it, the others nothing."""
    both = "- {name: pods, type: PodCIDR}\n- {name: one, type: Prefix, prefixes: [10.9.0.0/16], "
    node = make(both + "peers: [a]}\n")
    a, b, c = node.connect("a", "b", "c")
    a.wait_route("10.9.0.0/16")
    before = [counts(neighbour) for neighbour in (a, c)]
    node.configure(both + "peers: [b, a]}\n")
    b.wait_route("10.9.0.0/16")
    assert b.announced.count("10.244.1.0/24") == 1
    node.configure(both + "peers: [a]}\n")
    b.wait_withdrawn("10.9.0.0/16")
    for neighbour, count in zip((a, c), before):
        neighbour.stays_silent(0.2)
        assert counts(neighbour) == count
    assert b.announced.count("10.244.1.0/24") == 1
