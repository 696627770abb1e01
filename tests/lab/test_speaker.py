"""The running router: reload by difference, what holds a peer down, node labels, and the end.

What any neighbour can check too is in sessions.py; here the neighbour is BIRD, which counts the
routes that it is sent, so that "nothing is sent again" is its word and not kbgpd's.
"""

import os
import pathlib
import re
import shutil
import signal
import time

import pytest

from cluster import Manifests
from daemons import Bird, Kbgpd, Session
from lab import CommandFailed, stays, wait_until
from sessions import ACCEPT_ALL, NODE_ASN, PREFIXES, Network

ROUTER = "router: {asn: 65001, routerID: 10.0.0.2}\n"
TWO_PREFIXES = """
advertisements:
- {name: one, type: Prefix, prefixes: [10.2.0.0/24]}
- {name: two, type: Prefix, prefixes: [10.3.0.0/24]}
"""


def peer(number, asn, *keys):
    """One entry of `peers`."""
    return "".join(f"{'- ' if not at else '  '}{key}\n" for at, key in enumerate((
        f"name: peer{number}", f"address: 10.0.{number}.1", f"asn: {asn}", "holdTime: 9s",
        "connectRetryTime: 1s", *keys)))


def config(*peers, rest=TWO_PREFIXES):
    return ROUTER + ("peers:\n" if peers else "") + "".join(peers) + rest + ACCEPT_ALL


def routes_sent(bird, number=1):
    """How many announcements and withdrawals a session has brought, in that order."""
    text = bird.birdc(f"show protocols all kbgpd{number}")
    return tuple(sum(map(int, re.findall(rf"Import {what}: +(\d+)", text)))
                 for what in ("updates", "withdraws"))


def wait_prefixes(bird, *prefixes):
    for prefix in prefixes:
        wait_until(lambda prefix=prefix: bird.path(prefix), f"{prefix} at {bird.host.name}")


def said(process, pattern):
    return re.search(pattern, process.output())


class ConfigMap:
    """The way in which Kubernetes mounts a file: links that are swapped all at once."""

    def __init__(self, file):
        self.file, self.version = file, 1
        self.folder("1").mkdir()
        self.data("..data").symlink_to("..version1")
        file.symlink_to(f"..data/{file.name}")

    def data(self, name):
        return self.file.parent / name

    def folder(self, version):
        return self.data(f"..version{version}")

    def write(self, text):
        old, self.version = self.folder(self.version), self.version + 1
        new = self.folder(self.version)
        new.mkdir()
        (new / self.file.name).write_text(text)
        self.data("..data_tmp").symlink_to(new.name)
        os.replace(self.data("..data_tmp"), self.data("..data"))
        shutil.rmtree(old)


@pytest.mark.parametrize("how", ["SIGHUP", "file", "ConfigMap", "kbgpctl"])
def test_what_did_not_change_is_not_sent_again(lab, build, how):
    network = Network(lab, build, Bird, 2)
    first, second = network.router(1, 65002), network.router(2, 65003)
    mounted = ConfigMap(network.node.folder / "kbgpd.yaml") if how == "ConfigMap" else None
    kbgpd = Kbgpd(network.node, build, config(peer(1, 65002, "export: [all]")))
    wait_prefixes(first, "10.2.0.0/24", "10.3.0.0/24")
    since, sent = first.since(), routes_sent(first)

    # The filter has a new name and the keys another order: the same by content.
    new = config(peer(2, 65003), peer(1, 65002, "export: [all]"), rest=TWO_PREFIXES.replace(
        "name: two, type: Prefix", "type: Prefix, name: two")).replace(
            "[all]", "[everything]").replace("name: all", "name: everything")
    if how == "ConfigMap":
        mounted.write(new)
    elif how == "file":
        kbgpd.configure(new)
    else:
        kbgpd.file.write_text(new)
        if how == "SIGHUP":
            kbgpd.reload()
        else:
            kbgpd.ctl_text("reload")
    wait_prefixes(second, "10.2.0.0/24", "10.3.0.0/24")
    stays(lambda: routes_sent(first) == sent, 1, "what was sent")
    assert first.since() == since
    # The file is watched too: who asks for a reload may come second.
    assert kbgpd.ctl("status")["config"]["reloadsGood"] in (
        (1, 2) if how in ("SIGHUP", "kbgpctl") else (1,))


def test_export_filter_changes(lab, build):
    """Only the difference is sent."""
    network = Network(lab, build, Bird)
    router = network.router(1, 65002)
    kbgpd = Kbgpd(network.node, build, config(peer(1, 65002)))
    wait_prefixes(router, "10.2.0.0/24", "10.3.0.0/24")
    since, sent = router.since(), routes_sent(router)

    rest = TWO_PREFIXES + """
filters:
- name: some
  rules:
  - match: {prefixes: [{prefix: 10.3.0.0/24}]}
    action: reject
  - action: accept
"""
    one = ROUTER + "peers:\n" + peer(1, 65002, "export: [some]") + rest
    kbgpd.configure(one)
    wait_until(lambda: not router.paths("10.3.0.0/24"), "10.3.0.0/24 withdrawn")
    stays(lambda: routes_sent(router) == (sent[0], sent[1] + 1), 1, "one withdrawal")

    kbgpd.configure(one.replace("action: reject", "action: accept\n    set: {med: 7}"))
    assert wait_until(lambda: router.path("10.3.0.0/24"), "10.3.0.0/24 again").med == 7
    stays(lambda: routes_sent(router) == (sent[0] + 1, sent[1] + 1), 1, "one announcement")
    assert router.since() == since


def test_import_filter_changes(lab, build):
    """The neighbour is asked for its routes again; the session stays."""
    network = Network(lab, build, Bird)
    router = network.router(1, 65002, prefixes=PREFIXES)
    narrow = ROUTER + "peers:\n" + peer(1, 65002, "import: [some]") + """
filters:
- name: some
  rules:
  - match: {prefixes: [{prefix: 10.1.0.0/24}]}
    action: accept
"""
    kbgpd = Kbgpd(network.node, build, narrow)
    wait_until(lambda: set(network.node.bgp_routes()) == {"10.1.0.0/24"}, "the accepted route")
    since = router.since()
    kbgpd.configure(narrow.replace("10.1.0.0/24", "2001:db8:1::/48").replace(
        "prefix: 2001:db8:1::/48", 'prefix: "2001:db8:1::/48"'))
    wait_until(lambda: set(network.node.bgp_routes()) == {"2001:db8:1::/48"}, "the other route")
    kbgpd.configure(config(peer(1, 65002, "import: [all]")))
    wait_until(lambda: set(network.node.bgp_routes()) == set(PREFIXES), "both routes")
    kbgpd.configure(config(peer(1, 65002)))
    wait_until(lambda: not network.node.bgp_routes(), "no import, no routes (RFC 8212)")
    assert router.since() == since


def test_attributes_of_one_advertisement_change(lab, build):
    network = Network(lab, build, Bird)
    router = network.router(1, 65002)
    kbgpd = Kbgpd(network.node, build, config(peer(1, 65002)))
    wait_prefixes(router, "10.2.0.0/24", "10.3.0.0/24")
    since, sent = router.since(), routes_sent(router)
    kbgpd.configure(config(peer(1, 65002), rest=TWO_PREFIXES.replace(
        "[10.3.0.0/24]", '[10.3.0.0/24], med: 5, communities: ["64512:9"], asPathPrepend: 1')))
    path = wait_until(lambda: router.path("10.3.0.0/24").med and router.path("10.3.0.0/24"))
    assert (path.med, path.communities, path.as_path) == (5, {"64512:9"}, [NODE_ASN] * 2)
    stays(lambda: routes_sent(router) == (sent[0] + 1, sent[1]), 1, "one announcement")
    assert router.since() == since


def test_audience_of_an_advertisement(lab, build):
    network = Network(lab, build, Bird, 2)
    first, second = network.router(1, 65002), network.router(2, 65003)

    def with_audience(audience):
        return config(peer(1, 65002), peer(2, 65003), rest=TWO_PREFIXES.replace(
            "[10.3.0.0/24]", f"[10.3.0.0/24], peers: [{audience}]"))

    kbgpd = Kbgpd(network.node, build, with_audience("peer1"))
    wait_prefixes(first, "10.2.0.0/24", "10.3.0.0/24")
    wait_prefixes(second, "10.2.0.0/24")
    assert not second.paths("10.3.0.0/24")
    sent = routes_sent(first)

    kbgpd.configure(with_audience("peer2, peer1"))
    wait_prefixes(second, "10.3.0.0/24")
    stays(lambda: routes_sent(first) == sent, 1, "nothing sent again to the first")

    sent_second = routes_sent(second)
    kbgpd.configure(with_audience("peer2"))
    wait_until(lambda: not first.paths("10.3.0.0/24"), "the withdrawal")
    stays(lambda: routes_sent(second) == sent_second, 1, "nothing sent again to the second")
    assert routes_sent(first) == (sent[0], sent[1] + 1)


def test_a_peer_that_is_removed_is_told_so(lab, build):
    network = Network(lab, build, Bird, 2)
    first, second = network.router(1, 65002), network.router(2, 65003, prefixes=PREFIXES)
    both = config(peer(1, 65002), peer(2, 65003, "import: [all]"))
    kbgpd = Kbgpd(network.node, build, both)
    first.wait_established()
    wait_until(lambda: set(network.node.bgp_routes()) == set(PREFIXES), "routes of the kernel")
    since = first.since()
    kbgpd.configure(config(peer(1, 65002)))
    wait_until(lambda: said(second.processes[0], "kbgpd1: Received: Peer de-configured"),
               "the notification")
    wait_until(lambda: not network.node.bgp_routes(), "its routes gone")
    assert [each["name"] for each in kbgpd.ctl("peers")] == ["peer1"]
    kbgpd.configure(both)
    second.wait_established()
    wait_until(lambda: set(network.node.bgp_routes()) == set(PREFIXES), "routes of the kernel")
    assert first.since() == since


def test_a_refused_configuration_is_shown(lab, build):
    network = Network(lab, build, Bird)
    router = network.router(1, 65002)
    good = config(peer(1, 65002), rest=TWO_PREFIXES + "metrics: {listen: '127.0.0.1:7473'}\n")
    kbgpd = Kbgpd(network.node, build, good)
    wait_prefixes(router, "10.2.0.0/24")

    def stale():
        return re.search(r"^kbgpd_config_stale (\d)", network.node.run(
            "curl", "-sf", "http://127.0.0.1:7473/metrics"), re.M).group(1)
    assert stale() == "0"
    kbgpd.configure(good.replace("export", "exprot").replace("10.2.0.0/24", "10.2.0.0/244"))
    state = wait_until(lambda: kbgpd.ctl("status")["config"]["errors"] and
                       kbgpd.ctl("status")["config"], "the errors")
    assert state["state"] == "stale" and state["reloadsBad"] == 1
    assert f"{kbgpd.file}:" in state["errors"] and "10.2.0.0/244" in state["errors"]
    assert stale() == "1"
    kbgpd.file.unlink()
    wait_until(lambda: "No such file" in kbgpd.ctl("status")["config"]["errors"], "a lost file")
    assert router.path("10.2.0.0/24")
    kbgpd.configure(good)
    wait_until(lambda: kbgpd.ctl("status")["config"]["state"] == "loaded", "the good one")
    assert stale() == "0"


def test_max_prefixes(lab, build):
    network = Network(lab, build, Bird)
    router = network.router(1, 65002, prefixes=["10.1.0.0/24", "10.1.1.0/24"])
    kbgpd = Kbgpd(network.node, build, config(peer(1, 65002, "import: [all]", "maxPrefixes: 2")))
    wait_until(lambda: len(network.node.bgp_routes()) == 2, "as many as are allowed")
    router.announce("10.1.2.0/24")
    wait_until(lambda: said(router.processes[0], "Received: Maximum number of prefixes reached"),
               "the notification")
    wait_until(lambda: not network.node.bgp_routes(), "its routes gone")
    assert "maxPrefixes 2" in kbgpd.peer("peer1")["lastError"]
    stays(lambda: kbgpd.peer("peer1")["state"] == "Idle" and not router.established(), 2, "idle")
    router.withdraw("10.1.2.0/24")
    kbgpd.ctl_text("clear", "peer1")
    router.wait_established()
    wait_until(lambda: len(network.node.bgp_routes()) == 2, "its routes again")
    # A lower limit takes effect at once.
    kbgpd.configure(config(peer(1, 65002, "import: [all]", "maxPrefixes: 1")))
    wait_until(lambda: kbgpd.peer("peer1")["state"] == "Idle", "idle")
    wait_until(lambda: not network.node.bgp_routes(), "its routes gone")


class PrependingBird(Bird):
    """Puts the node's own AS number into what it sends."""

    def session_configuration(self, number, session):
        return super().session_configuration(number, session).replace(
            "export all;", f"export filter {{ bgp_path.prepend({NODE_ASN}); accept; }};")


def test_own_as_number_in_the_path(lab, build):
    network = Network(lab, build, PrependingBird)
    router = network.router(1, 65002, prefixes=["10.1.0.0/24"])
    kbgpd = Kbgpd(network.node, build, config(peer(1, 65002, "import: [all]")))
    wait_until(lambda: kbgpd.peer("peer1")["families"]["ipv4"]["received"] == 1, "the route")
    assert kbgpd.peer("peer1")["families"]["ipv4"]["accepted"] == 0
    assert not network.node.bgp_routes()
    since = router.since()
    kbgpd.configure(config(peer(1, 65002, "import: [all]", "allowOwnASN: 1")))
    wait_until(lambda: set(network.node.bgp_routes()) == {"10.1.0.0/24"}, "the route accepted")
    assert router.since() == since


def test_local_as_number(lab, build):
    network = Network(lab, build, Bird)
    host, session = network.hosts[0], Session("10.0.1.2", 64999, "10.0.1.1")
    router = Bird(host, 65002, "10.0.1.1", [session])
    Kbgpd(network.node, build, config(peer(1, 65002, "localASN: 64999")))
    assert wait_until(lambda: router.path("10.2.0.0/24")).as_path == [64999, NODE_ASN]


class Segment:
    """The node and routers on one Ethernet segment: 10.0.0.2, and 10.0.0.11, 12, ..."""

    def __init__(self, lab, asns):
        switch = lab.switch("switch")
        self.node = lab.host("node")
        lab.plug(self.node, switch, "10.0.0.2/24")
        self.routers = []
        for number, asn in enumerate(asns, 11):
            host = lab.host(f"router{number}")
            lab.plug(host, switch, f"10.0.0.{number}/24")
            self.routers.append(Bird(
                host, asn, f"10.0.0.{number}",
                [Session("10.0.0.2", NODE_ASN, f"10.0.0.{number}", families=("ipv4",))],
                [f"10.{number}.0.0/24"]))

    @staticmethod
    def peer(number, asn, *keys):
        return peer(number, asn, *keys).replace(f"10.0.{number}.1", f"10.0.0.{number}")


def test_route_reflector(lab, build):
    """RFC 4456: clients hear of everything, others of what clients say."""
    segment = Segment(lab, [NODE_ASN] * 4)
    client_a, client_b, other_a, other_b = segment.routers
    kbgpd = Kbgpd(segment.node, build, config(
        *(segment.peer(number, "internal", "import: [all]", "routeReflectorClient: true")
          for number in (11, 12)),
        *(segment.peer(number, "internal", "import: [all]") for number in (13, 14)), rest=""))
    for router, prefixes in ((client_a, (12, 13, 14)), (client_b, (11, 13, 14)),
                             (other_a, (11, 12)), (other_b, (11, 12))):
        wait_prefixes(router, *(f"10.{number}.0.0/24" for number in prefixes))
    path = client_b.path("10.11.0.0/24")
    assert (path.next_hop, path.as_path, path.local_pref) == ("10.0.0.11", [], 100)
    block = client_b.route_blocks("10.11.0.0/24")[0]
    assert re.search(r"BGP\.originator_id: 10\.0\.0\.11\b", block)
    assert re.search(r"BGP\.cluster_list: 10\.0\.0\.2\b", block)
    stays(lambda: not other_a.paths("10.14.0.0/24") and not other_b.paths("10.13.0.0/24"), 1,
          "nothing between those that are no clients")
    # Once it is a client, its routes go to all, and no session goes down for it.
    kbgpd.configure(kbgpd.file.read_text().replace(
        "name: peer13\n", "name: peer13\n  routeReflectorClient: true\n"))
    wait_prefixes(other_b, "10.13.0.0/24")
    wait_prefixes(other_a, "10.14.0.0/24")
    assert all(kbgpd.ctl("peers", f"peer{number}")[0]["flaps"] == 0 for number in (11, 12, 13, 14))


def test_next_hop_of_what_is_passed_on(lab, build):
    segment = Segment(lab, [65002, NODE_ASN, 65003])
    _, internal, external = segment.routers

    def passing_on(internal_hop, external_hop):
        return config(
            segment.peer(11, 65002, "import: [all]"),
            segment.peer(12, "internal", "export: [all]", *internal_hop),
            segment.peer(13, 65003, "export: [all]", *external_hop), rest="")

    def next_hops():
        return (internal.path("10.11.0.0/24").next_hop, external.path("10.11.0.0/24").next_hop)

    kbgpd = Kbgpd(segment.node, build, passing_on([], ["nextHop: self"]))
    wait_until(lambda: next_hops() == ("10.0.0.11", "10.0.0.2"), "unchanged for iBGP")
    since = internal.since(), external.since()
    kbgpd.configure(passing_on(["nextHop: self"], ["nextHop: unchanged"]))
    wait_until(lambda: next_hops() == ("10.0.0.2", "10.0.0.11"), "the other way round")
    assert (internal.since(), external.since()) == since


def manifests_of(network):
    return Manifests(network.node.folder / "manifests")


def with_manifests(manifests):
    return f"cluster: {{source: manifests, manifests: {manifests.folder}}}\n"


def test_default_import_follows_the_nodes(lab, build):
    """Without `import` an internal peer is believed about pod CIDRs, and about nothing else."""
    network = Network(lab, build, Bird)
    manifests = manifests_of(network)
    manifests.node("node", 1, ["10.244.1.0/24"])
    router = network.router(1, NODE_ASN, prefixes=["10.244.2.0/24", "10.9.0.0/24"])
    Kbgpd(network.node, build, config(peer(1, "internal"), rest=with_manifests(manifests)))
    router.wait_established()
    stays(lambda: not network.node.bgp_routes(), 1, "no route")
    since = router.since()
    manifests.node("other", 2, ["10.244.2.0/24"])
    wait_until(lambda: set(network.node.bgp_routes()) == {"10.244.2.0/24"}, "the node's pods")
    manifests.node("other", 2, ["10.244.2.0/25"])
    wait_until(lambda: not network.node.bgp_routes(), "outside of the pod CIDR")
    manifests.node("other", 2, ["10.244.2.0/23"])
    wait_until(lambda: set(network.node.bgp_routes()) == {"10.244.2.0/24"}, "inside of it")
    manifests.remove("node-other.yaml")
    wait_until(lambda: not network.node.bgp_routes(), "the node gone")
    assert router.since() == since


def test_labels_of_the_node(lab, build):
    """They select peers and the AS number, and may change while the daemon runs."""
    network = Network(lab, build, Bird, 2)
    manifests = manifests_of(network)
    manifests.node("node", 1, ["10.244.1.0/24"], {"rack": "r1"})
    first, second = network.router(1, 65002), network.router(2, 65003)
    rack = "nodeSelector: {{matchLabels: {{rack: r{}}}}}"
    kbgpd = Kbgpd(network.node, build, config(
        peer(1, 65002, rack.format(1)), peer(2, 65003, rack.format(2)),
        rest=TWO_PREFIXES + with_manifests(manifests)))
    wait_prefixes(first, "10.2.0.0/24")
    assert not second.established()
    manifests.node("node", 1, ["10.244.1.0/24"], {"rack": "r2"})
    wait_prefixes(second, "10.2.0.0/24")
    wait_until(lambda: said(first.processes[0], "Received: Peer de-configured"), "the farewell")
    since = second.since()
    manifests.node("node", 1, ["10.244.1.0/24"], {"rack": "r2", "colour": "red"})
    wait_until(lambda: "red" in (manifests.folder / "node-node.yaml").read_text())
    stays(lambda: second.since() == since, 1, "an unrelated label")
    manifests.remove("node-node.yaml")
    wait_until(lambda: not second.established() and kbgpd.ctl("peers") == [], "no node, no labels")


def test_overrides_by_label(lab, build):
    network = Network(lab, build, Bird)
    manifests = manifests_of(network)
    manifests.node("node", 1, ["10.244.1.0/24"])
    session = Session("10.0.1.2", 65101, "10.0.1.1")
    router = Bird(network.hosts[0], 65002, "10.0.1.1", [session])
    kbgpd = Kbgpd(network.node, build, """
router:
  asn: 65001
  nodeOverrides:
  - nodeSelector: {matchLabels: {rack: r1}}
    asn: 65101
    routerID: 10.9.9.9
peers:
""" + peer(1, 65002) + with_manifests(manifests) + """
advertisements:
- {name: fixed, type: Prefix, prefixes: [10.2.0.0/24], asPathPrepend: 1}
""")
    wait_until(lambda: "Bad peer AS" in router.birdc("show protocols all kbgpd1") or
               said(router.processes[0], "Bad peer AS"), "the wrong AS number")
    assert kbgpd.ctl("status")["asn"] == 65001
    manifests.node("node", 1, ["10.244.1.0/24"], {"rack": "r1"})
    wait_prefixes(router, "10.2.0.0/24")
    assert router.path("10.2.0.0/24").as_path == [65101, 65101]
    status = kbgpd.ctl("status")
    assert (status["asn"], status["routerID"]) == (65101, "10.9.9.9")


def test_two_peers_at_one_address(lab, build):
    """Selectors that may both match are no error of the file; the first one is taken."""
    network = Network(lab, build, Bird)
    manifests = manifests_of(network)
    manifests.node("node", 1, ["10.244.1.0/24"], {"rack": "r1", "zone": "z1"})
    router = network.router(1, 65002)
    first = peer(1, 65002, "nodeSelector: {matchLabels: {rack: r1}}")
    second = peer(1, 65009, "nodeSelector: {matchLabels: {zone: z1}}").replace("peer1", "peer2")
    kbgpd = Kbgpd(network.node, build, config(
        first, second, rest=TWO_PREFIXES + with_manifests(manifests)))
    wait_prefixes(router, "10.2.0.0/24")
    assert [each["name"] for each in kbgpd.ctl("peers")] == ["peer1"]
    assert len(re.findall("peer2: left out", kbgpd.process.output())) == 1
    manifests.node("node", 1, ["10.244.1.0/24"], {"rack": "r9", "zone": "z1"})
    wait_until(lambda: [each["name"] for each in kbgpd.ctl("peers")] == ["peer2"], "the second")
    manifests.node("node", 1, ["10.244.1.0/24"], {"rack": "r1", "zone": "z1"})
    wait_until(lambda: [each["name"] for each in kbgpd.ctl("peers")] == ["peer1"], "the first")
    router.wait_established()


def test_password_file_comes_changes_and_goes(lab, build):
    """No reload is asked for."""
    network = Network(lab, build, Bird)
    router = network.router(1, 65002, password="correct")
    secrets = network.node.folder / "secrets"
    kbgpd = Kbgpd(network.node, build, config(
        peer(1, 65002, f"passwordFile: {secrets}/tor")))
    wait_until(lambda: "passwordFile" in kbgpd.peer("peer1")["lastError"], "the error")
    with pytest.raises(CommandFailed, match="password"):
        kbgpd.ctl_text("clear", "peer1")
    kbgpd.ctl_text("enable", "peer1")
    stays(lambda: kbgpd.peer("peer1")["state"] == "Idle", 2, "not without its password")
    secrets.mkdir()
    (secrets / "tor").write_text("wrong\n")
    wait_until(lambda: kbgpd.peer("peer1")["state"] != "Idle", "an attempt")
    assert not router.established()
    (secrets / "tor").write_text("correct\n")
    router.wait_established()
    (secrets / "tor").unlink()
    wait_until(lambda: not router.established(), "closed without its password")
    stays(lambda: not router.established(), 2, "closed")
    (secrets / "tor").write_text("correct\n")
    router.wait_established()


def test_privileges(lab, build):
    """Few are kept; with them a password file of another user can be read at a later reload."""
    network = Network(lab, build, Bird)
    router = network.router(1, 65002, password="correct")
    kbgpd = Kbgpd(network.node, build, config())
    status = (pathlib.Path("/proc") / str(kbgpd.process.popen.pid) / "status").read_text()
    kept = int(re.search(r"CapEff:\s+(\w+)", status).group(1), 16)
    # CAP_DAC_READ_SEARCH, CAP_NET_BIND_SERVICE, CAP_NET_ADMIN.
    assert {bit for bit in range(64) if kept >> bit & 1} == {2, 10, 12}
    assert re.search(r"NoNewPrivs:\s+1", status)
    secrets = network.node.folder / "secrets"
    secrets.mkdir(0o700)
    (secrets / "tor").write_text("correct")
    (secrets / "tor").chmod(0o600)
    for path in (secrets / "tor", secrets):
        shutil.chown(path, "nobody")
    kbgpd.configure(config(peer(1, 65002, f"passwordFile: {secrets}/tor")))
    router.wait_established()


def test_peers_that_change_places_keep_their_passwords(lab, build):
    network = Network(lab, build, Bird, 2)
    routers = [network.router(number, 65001 + number, password=f"secret{number}")
               for number in (1, 2)]
    for number in (1, 2):
        (network.node.folder / f"secret{number}").write_text(f"secret{number}")
    keys = [f"passwordFile: {network.node.folder}/secret{number}" for number in (1, 2)]
    # Passive: the listening socket has to know the passwords.
    kbgpd = Kbgpd(network.node, build, config(
        *(peer(number, 65001 + number, "passive: true", keys[number - 1]) for number in (1, 2))))
    for router in routers:
        router.wait_established()
    since = [router.since() for router in routers]
    kbgpd.configure(config(
        *(peer(number, 65001 + number, "passive: true", keys[number - 1]).replace(
            f"peer{number}", f"peer{3 - number}") for number in (2, 1))))
    for number, router in enumerate(routers):
        wait_until(lambda number=number, router=router: router.since() != since[number] and
                   router.established(), "a new session")


def test_what_an_operator_says_reaches_the_neighbour(lab, build):
    network = Network(lab, build, Bird)
    router = network.router(1, 65002)
    bird = router.processes[0]
    kbgpd = Kbgpd(network.node, build, config(peer(1, 65002)))
    router.wait_established()
    kbgpd.ctl_text("clear", "peer1", "--message", "back in a second")
    wait_until(lambda: said(bird, 'Administrative reset: "back in a second"'), "the reset")
    router.wait_established()
    kbgpd.ctl_text("shutdown", "10.0.1.1", "--message", "maintenance 4711")
    wait_until(lambda: said(bird, 'Administrative shutdown: "maintenance 4711"'), "the shutdown")
    stays(lambda: not router.established() and kbgpd.peer("peer1")["state"] == "Idle", 2, "down")
    kbgpd.configure(config(peer(1, 65002, "holdTime: 12s").replace("holdTime: 9s\n  ", "")))
    wait_until(lambda: kbgpd.ctl("status")["config"]["reloadsGood"] == 1, "a reload")
    stays(lambda: kbgpd.peer("peer1")["state"] == "Idle", 2, "down over a reload")
    kbgpd.ctl_text("enable", "peer1")
    router.wait_established()
    kbgpd.configure(config(peer(1, 65002, "shutdown: true")))
    wait_until(lambda: not router.established(), "down by the configuration")
    kbgpd.configure(config(peer(1, 65002)))
    router.wait_established()


@pytest.mark.parametrize("on_stop", ["keep", "withdraw"])
def test_the_end(lab, build, on_stop):
    network = Network(lab, build, Bird)
    router = network.router(1, 65002, prefixes=PREFIXES)
    kbgpd = Kbgpd(network.node, build, config(
        peer(1, 65002, "import: [all]"), rest=f"fib: {{onStop: {on_stop}}}\n"))
    wait_until(lambda: set(network.node.bgp_routes()) == set(PREFIXES), "routes of the kernel")
    assert kbgpd.stop() == 0
    assert set(network.node.bgp_routes()) == (set(PREFIXES) if on_stop == "keep" else set())
    wait_until(lambda: said(router.processes[0], 'Administrative shutdown: "kbgpd is stopping"'),
               "the farewell")


def test_the_end_does_not_wait_for_a_dead_neighbour(lab, build):
    network = Network(lab, build, Bird)
    router = network.router(1, 65002, prefixes=PREFIXES)
    kbgpd = Kbgpd(network.node, build, config(peer(1, 65002, "import: [all]")))
    wait_until(lambda: set(network.node.bgp_routes()) == set(PREFIXES), "routes of the kernel")
    router.processes[0].send(signal.SIGSTOP)
    try:
        assert kbgpd.stop() == 0
    finally:
        router.processes[0].send(signal.SIGCONT)


class SilentBird(Bird):
    """Does not say when it has sent all that it has (End-of-RIB)."""

    def session_configuration(self, number, session):
        return super().session_configuration(number, session).replace(
            "hold time", "graceful restart off; hold time")


@pytest.mark.parametrize("neighbour", [Bird, SilentBird], ids=["End-of-RIB", "silent"])
def test_stale_routes_wait_for_the_neighbour(lab, build, neighbour):
    """After a crash traffic flows on; what is wanted no more goes when the neighbour has spoken."""
    network = Network(lab, build, neighbour)
    router = network.router(1, 65002, prefixes=PREFIXES)
    kbgpd = Kbgpd(network.node, build, config(peer(1, 65002, "import: [all]")))
    wait_until(lambda: set(network.node.bgp_routes()) == set(PREFIXES), "routes of the kernel")
    kbgpd.stop(signal.SIGKILL)
    router.withdraw("10.1.0.0/24")
    router.birdc("disable kbgpd1")
    kbgpd.start()
    stays(lambda: set(network.node.bgp_routes()) == set(PREFIXES), 2, "routes of the run before")
    states = {route["prefix"]: route["state"] for route in kbgpd.ctl("fib")}
    assert states == {prefix: "stale" for prefix in PREFIXES}
    router.birdc("enable kbgpd1")
    wait_until(lambda: set(network.node.bgp_routes()) == {"2001:db8:1::/48"}, "the stale one gone")
    wait_until(lambda: {route["state"] for route in kbgpd.ctl("fib")} == {"installed"}, "no other")


def test_source_of_the_cluster_changes(lab, build):
    network = Network(lab, build, Bird)
    manifests = manifests_of(network)
    manifests.node("node", 1, ["10.244.1.0/24"])
    router = network.router(1, 65002)
    rest = "advertisements: [{name: pods, type: PodCIDR}]\n"
    on = config(peer(1, 65002), rest=rest + with_manifests(manifests))
    kbgpd = Kbgpd(network.node, build, on)
    wait_prefixes(router, "10.244.1.0/24")
    since = router.since()
    kbgpd.configure(config(peer(1, 65002), rest=rest + "cluster: {source: none}\n"))
    wait_until(lambda: not router.paths("10.244.1.0/24"), "the withdrawal")
    assert kbgpd.ctl("status")["cluster"]["synced"]
    kbgpd.configure(on.replace(str(manifests.folder), f"{manifests.folder}-of-tomorrow"))
    wait_until(lambda: not kbgpd.ctl("status")["started"], "no view of the cluster")
    shutil.copytree(manifests.folder, f"{manifests.folder}-of-tomorrow")
    wait_prefixes(router, "10.244.1.0/24")
    assert kbgpd.ctl("status")["started"]
    kbgpd.configure(on)
    wait_until(lambda: kbgpd.ctl("status")["cluster"]["folder"] == str(manifests.folder))
    stays(lambda: router.path("10.244.1.0/24"), 1, "the same in both folders")
    assert routes_sent(router) == (2, 1)
    # The router ID was the node's address, then a hash of its name: it is part of the session.
    assert router.since() == since


def test_addresses_to_listen_on(lab, build):
    network = Network(lab, build, Bird)
    router = network.router(1, 65002)

    def listening(*addresses):
        return config(peer(1, 65002)).replace(
            "routerID", f"listen: {{addresses: [{', '.join(addresses)}]}}, routerID")

    def sockets():
        return set(re.findall(r"(\S+):179\b", network.node.run("ss", "-Hltn")))

    kbgpd = Kbgpd(network.node, build, config(peer(1, 65002)))
    router.wait_established()
    since = router.since()
    assert sockets() == {"0.0.0.0", "[::]"}
    kbgpd.configure(listening("10.0.1.2", "10.0.7.7"))
    wait_until(lambda: sockets() == {"10.0.1.2"}, "the address that is there")
    wait_until(lambda: said(kbgpd.process, "10.0.7.7: cannot listen"), "the one that is not")
    network.node.address("lo", "10.0.7.7/32")
    wait_until(lambda: sockets() == {"10.0.1.2", "10.0.7.7"}, "the one that came later")
    kbgpd.configure(config(peer(1, 65002)).replace(
        "routerID", "listen: {port: 1790}, routerID"))
    wait_until(lambda: "1790" in network.node.run("ss", "-Hltn") and not sockets(), "port 1790")
    kbgpd.configure(config(peer(1, 65002)))
    wait_until(lambda: sockets() == {"0.0.0.0", "[::]"}, "port 179 again, without privileges")
    assert router.since() == since


def test_port_that_another_daemon_has(lab, build):
    """It is listened on as soon as that one has gone, and with the passwords of all."""
    network = Network(lab, build, Bird, count=2)
    other = network.node.serve("another daemon", 179)
    secret = lab.folder / "password"
    secret.write_text("correct\n")
    router = network.router(1, 65002, password="correct")
    stranger = network.router(2, 65003, password="wrong")
    signed = "passive: true", f"passwordFile: {secret}"
    kbgpd = Kbgpd(network.node, build, config(peer(1, 65002, *signed), peer(2, 65003, *signed)))

    def count(text):
        return kbgpd.process.output().count(text)

    for address in "0.0.0.0", "::":
        wait_until(lambda address=address: count(f"cannot listen on {address} port 179"), address)
    stays(lambda: not router.established() and count("cannot listen") == 2, 3, "told once each")
    other.stop()
    router.wait_established()
    assert count("listening on port 179") == 2
    stays(lambda: not stranger.established(), 3, "not with another password")


def test_metrics_move(lab, build):
    network = Network(lab, build, Bird)

    def fetch(port):
        return network.node.succeeds("curl", "-sf", f"http://127.0.0.1:{port}/metrics")

    def listening(port):
        return config(peer(1, 65002), rest=f"metrics: {{listen: '127.0.0.1:{port}'}}\n")

    kbgpd = Kbgpd(network.node, build, listening(7001))
    assert fetch(7001)
    kbgpd.configure(listening(7002))
    wait_until(lambda: fetch(7002) and not fetch(7001), "the other port")
    kbgpd.configure(config(peer(1, 65002), rest="metrics: {listen: ''}\n"))
    wait_until(lambda: not fetch(7002), "off")


def test_metrics_where_nobody_can_listen_yet(lab, build):
    """The address comes later, then the port is free; no other configuration is needed for it."""
    network = Network(lab, build, Bird, count=0)
    node = network.node

    def listening(where):
        return config(rest=f"metrics: {{listen: '{where}'}}\n")

    def healthy(where):
        return node.succeeds("curl", "-sf", f"http://{where}/healthz")

    def count(text):
        return kbgpd.process.output().count(text)

    kbgpd = Kbgpd(node, build, listening("10.0.7.7:7001"))
    wait_until(lambda: count("cannot listen on 10.0.7.7 port 7001"), "the failure")
    stays(lambda: count("cannot listen") == 1, 3, "told once")
    node.address("lo", "10.0.7.7/32")
    wait_until(lambda: healthy("10.0.7.7:7001"), "the address that came later")
    stays(lambda: count("listening on 10.0.7.7 port 7001") == 1, 2, "told once")

    other = node.serve("another daemon", 7002)
    kbgpd.configure(listening(":7002"))
    wait_until(lambda: count("cannot listen on any address port 7002"), "the port that is taken")
    assert not healthy("10.0.7.7:7001")
    other.stop()
    wait_until(lambda: healthy("10.0.7.7:7002"), "the port that is free again")

    kbgpd.configure(listening("10.0.7.8:7003"))
    wait_until(lambda: count("cannot listen on 10.0.7.8 port 7003"), "the other failure")
    kbgpd.configure(listening(""))
    wait_until(lambda: kbgpd.ctl("status")["config"]["reloadsGood"] == 3, "off")
    node.address("lo", "10.0.7.8/32")
    stays(lambda: not healthy("10.0.7.8:7003"), 3, "still off")
    assert count("cannot listen") == 3 and count("listening on any address port 7002") == 1


def test_router_id_and_as_number_change(lab, build):
    network = Network(lab, build, Bird)
    host = network.hosts[0]
    router = Bird(host, 65002, "10.0.1.1", [Session("10.0.1.2", 65077, "10.0.1.1")])
    kbgpd = Kbgpd(network.node, build, config(peer(1, 65002)))
    stays(lambda: not router.established(), 2, "the wrong AS number")
    kbgpd.configure(config(peer(1, 65002)).replace("65001", "65077"))
    wait_prefixes(router, "10.2.0.0/24")
    assert router.path("10.2.0.0/24").as_path == [65077]
    kbgpd.configure(config(peer(1, 65002)).replace("65001", "65077").replace(
        "10.0.0.2,", "10.0.0.3,").replace("routerID: 10.0.0.2", "routerID: 10.0.0.3"))
    wait_until(lambda: "Neighbor ID:      10.0.0.3" in router.birdc("show protocols all kbgpd1"),
               "the new router ID")


def test_time_to_announce(lab, build):
    """The histogram counts cluster events that were sent, and not how long nothing happened."""
    network = Network(lab, build, Bird)
    manifests = manifests_of(network)
    manifests.node("node", 1, ["10.244.1.0/24"])
    kbgpd = Kbgpd(network.node, build, config(peer(1, 65002), rest=with_manifests(manifests) + """
advertisements: [{name: pods, type: PodCIDR}]
metrics: {listen: '127.0.0.1:7473'}
"""))
    manifests.node("node", 1, ["10.244.2.0/24"])
    wait_until(lambda: "10.244.2.0/24" in kbgpd.ctl_text("advertisements"), "nobody to tell yet")
    router = network.router(1, 65002)

    def value(name):
        text = network.node.run("curl", "-sf", "http://127.0.0.1:7473/metrics")
        return float(re.search(rf"^kbgpd_announce_seconds_{name} (\S+)$", text, re.M).group(1))

    wait_prefixes(router, "10.244.2.0/24")
    assert value("count") == 0
    began = time.monotonic()
    manifests.node("node", 1, ["10.244.3.0/24"])
    wait_prefixes(router, "10.244.3.0/24")
    wait_until(lambda: value("count") == 1, "one event")
    assert value("sum") < time.monotonic() - began
    kbgpd.configure(kbgpd.file.read_text().replace(
        "PodCIDR}", "PodCIDR}, {name: more, type: Prefix, prefixes: [10.9.0.0/24]}"))
    wait_prefixes(router, "10.9.0.0/24")
    assert value("count") == 1
