"""host-gw: packets from pod to pod, counted, while daemons and links come and go.

node-1 and node-2 are in one segment, node-3 in another; a router, the ToR, is in both.
"""

import re
import shutil
import signal

import pytest

from daemons import Bird, Kbgpd, Session
from fib import (
    ASN, FILTERS, Ground, Stream, check_objects, fib_section, hops_via, kernel_hops,
    kernel_route, kernel_routes, uses_objects)
from lab import wait_until

SEGMENT = {1: 1, 2: 1, 3: 2}
TOR_ASN = 64999


class PatientBird(Bird):
    """Its sessions outlive a machine that stands still: what they lose then is not counted."""

    hold_time = 90


class Site:
    """Three nodes, each with a pod, and the ToR; `kind` says how nodes hear of each other.

    mesh        each has a session with each of the others; somebody has told the ToR
    reflector   the ToR reflects routes, and leaves next hops as they are
    tor         the ToR is an external neighbour
    """

    def __init__(self, lab, build, form_, kind):
        self.lab, self.build, self.form, self.kind = lab, build, form_, kind
        self.tor = lab.host("tor")
        switches = {number: lab.switch(f"rack{number}") for number in (1, 2)}
        for number, switch in switches.items():
            lab.plug(self.tor, switch, f"10.{number}.0.254/24", f"2001:db8:{number}::fe/64")
        self.nodes, self.pods, self.kbgpd = {}, {}, {}
        for number, segment in SEGMENT.items():
            node, pod = lab.host(f"node-{number}"), lab.host(f"pod-{number}")
            lab.plug(node, switches[segment], f"10.{segment}.0.{number}/24",
                     f"2001:db8:{segment}::{number}/64")
            lab.link(node, pod, [f"10.244.{number}.1/24", f"fd00:244:{number}::1/64"],
                     [f"10.244.{number}.10/24", f"fd00:244:{number}::10/64"])
            pod.ip(f"route add default via 10.244.{number}.1")
            pod.ip(f"-6 route add default via fd00:244:{number}::1")
            if kind != "tor":
                node.ip(f"route add default via 10.{segment}.0.254")
                node.ip(f"-6 route add default via 2001:db8:{segment}::fe")
            if kind == "mesh":
                self.tor.ip(f"route add 10.244.{number}.0/24 via 10.{segment}.0.{number}")
                self.tor.ip(f"route add fd00:244:{number}::/64 via 2001:db8:{segment}::{number}")
            self.nodes[number], self.pods[number] = node, pod
        if kind != "mesh":
            asns = {number: ASN if kind == "reflector" else ASN + number for number in SEGMENT}
            asn = ASN if kind == "reflector" else TOR_ASN
            self.bird = PatientBird(self.tor, asn, "10.1.0.254", [
                Session(f"10.{segment}.0.{number}", asns[number], f"10.{segment}.0.254",
                        reflect=kind == "reflector") for number, segment in SEGMENT.items()])
        for number, node in self.nodes.items():
            self.kbgpd[number] = Kbgpd(node, build, self.configuration(number))

    def configuration(self, number):
        asn = ASN + number if self.kind == "tor" else ASN
        segment = SEGMENT[number]
        if self.kind == "mesh":
            peers = {f"n{other}": (f"10.{SEGMENT[other]}.0.{other}", "internal")
                     for other in SEGMENT if other != number}
        else:
            peers = {"tor": (f"10.{segment}.0.254",
                             "internal" if self.kind == "reflector" else TOR_ASN)}
        text = "".join(
            f"- {{name: {name}, address: {address}, asn: {remote}, connectRetryTime: 1s,"
            f" import: [all]}}\n" for name, (address, remote) in peers.items())
        return (f"router: {{asn: {asn}, routerID: 10.{segment}.0.{number}}}\n"
                + fib_section(self.form) + f"peers:\n{text}"
                "advertisements:\n- {name: pods, type: Prefix, prefixes:"
                f' [10.244.{number}.0/24, "fd00:244:{number}::/64"]}}\n' + FILTERS)

    def wait_routes(self, number=1):
        """Directly to who is in the same segment, by way of the ToR to others."""
        segment, node = SEGMENT[number], self.nodes[number]
        for other, its in SEGMENT.items():
            if other == number:
                continue
            host = (str(other), str(other)) if its == segment else ("254", "fe")
            for prefix, gateway in ((f"10.244.{other}.0/24", f"10.{segment}.0.{host[0]}"),
                                    (f"fd00:244:{other}::/64", f"2001:db8:{segment}::{host[1]}")):
                hops = {(gateway, f"rack{segment}", 1)}
                wait_until(lambda prefix=prefix, hops=hops: kernel_hops(node, prefix) == hops,
                           f"{prefix} by {gateway} on {node.name}")

    def wait_all(self):
        for number in SEGMENT:
            self.wait_routes(number)
        pods = {prefix.format(number) for number in SEGMENT
                for prefix in ("10.244.{}.0/24", "fd00:244:{}::/64")}
        wait_until(lambda: pods <= set(self.tor.routes()), "the routes of the ToR")
        wait_until(lambda: check_objects(self.nodes[1], uses_objects(self.form)), "objects")

    def streams(self, source=1, targets=(2, 3)):
        """Streams of both families from the pod of a node to those of others."""
        return [Stream(self.pods[source], address.format(source), self.pods[target],
                       address.format(target))
                for target in targets for address in ("10.244.{}.10", "fd00:244:{}::10")]

    def routers_to(self, target):
        """How many routers there are between the pod of node 1 and that of another."""
        text = self.pods[1].run("ping", "-n", "-c1", "-W2", f"10.244.{target}.10")
        return 64 - int(re.search(r"ttl=(\d+)", text).group(1))


@pytest.mark.parametrize("kind", ["mesh", "reflector", "tor"])
def test_shortest_way(lab, build, form, kind):
    site = Site(lab, build, form, kind)
    site.wait_all()
    streams = site.streams()
    for stream in streams:
        stream.flows()
    # One ping may come back too late for a machine that stood still.
    wait_until(lambda: (site.routers_to(2), site.routers_to(3)) == (2, 3), "the shortest way")
    assert [stream.stop() for stream in streams] == [0] * 4


@pytest.mark.parametrize("end", ["TERM", "KILL", "upgrade", "reload"])
@pytest.mark.parametrize("kind", ["mesh", "tor"])
def test_no_packet_is_lost(lab, build, form, kind, end):
    """What leaves the node of a daemon that restarts; others may send it elsewhere meanwhile."""
    site = Site(lab, build, form, kind)
    site.wait_all()
    kbgpd = site.kbgpd[1]
    streams = site.streams()
    for stream in streams:
        stream.flows()
    if end == "reload":
        site.form = "plain" if form == "objects" else "objects"
        kbgpd.configure(site.configuration(1) + "log: {level: debug}\n")
        kbgpd.ctl_text("reload")
    elif end == "upgrade":
        assert kbgpd.stop() == 0
        kbgpd.build = lab.folder / "new"
        kbgpd.build.mkdir()
        for program in ("kbgpd", "kbgpctl"):
            shutil.copy(build / program, kbgpd.build)
        for stream in streams:
            stream.flows()
        kbgpd.start()
    else:
        kbgpd.restart(signal.SIGKILL if end == "KILL" else signal.SIGTERM)
    kbgpd.wait_established(*(["tor"] if kind == "tor" else ["n2", "n3"]))
    wait_until(lambda: [row["state"] for row in kbgpd.ctl("fib")] == ["installed"] * 4,
               "all routes are those of this run")
    site.wait_routes()
    wait_until(lambda: check_objects(site.nodes[1], uses_objects(site.form)), "objects")
    for stream in streams:
        stream.flows()
    assert [stream.stop() for stream in streams] == [0] * 4


def test_node_that_is_not_reached(lab, build, form):
    """Its next hop is shown with the reason and not installed; the others' packets flow."""
    site = Site(lab, build, form, "reflector")
    site.wait_all()
    near = site.streams(targets=(2,))
    for stream in near:
        stream.flows()
    site.nodes[1].ip("route del default via 10.1.0.254")
    kbgpd = site.kbgpd[1]

    def is_shown():
        row, = [row for row in kbgpd.ctl("nexthops") if row["address"] == "10.2.0.3"]
        assert not row["reachable"] and row["reason"].startswith("no route"), row
        path, = kbgpd.ctl("routes", "10.244.3.0/24")
        return path["state"] == "unreachable"
    wait_until(is_shown, "why it is not reached")
    wait_until(lambda: kernel_route(site.nodes[1], "10.244.3.0/24") is None, "not installed")
    wait_until(lambda: "10.244.3.0/24" not in {row["prefix"] for row in kbgpd.ctl("fib")},
               "not shown")
    assert not site.pods[1].ping("10.244.3.10")
    site.nodes[1].ip("route add default via 10.1.0.254")
    site.wait_routes()
    wait_until(lambda: site.pods[1].ping("10.244.3.10"), "it is reached again")
    assert [stream.stop() for stream in near] == [0, 0]


# Links fail

FLOWS = 16
BOUND = FLOWS * 500
"""Datagrams that may be lost in a failover: what all flows send within a second."""


class Fork:
    """A pod behind the node, and one that both routers lead to."""

    PREFIXES = ["10.7.0.0/24", "2001:db8:7::/64"]

    def __init__(self, lab, build, form_, **keys):
        self.ground = ground = Ground(lab, build, form_, **keys)
        self.pod, self.far = lab.host("pod"), lab.host("far")
        lab.link(ground.node, self.pod, ["10.244.1.1/24", "fd00:244:1::1/64"],
                 ["10.244.1.10/24", "fd00:244:1::10/64"])
        self.pod.ip("route add default via 10.244.1.1")
        self.pod.ip("-6 route add default via fd00:244:1::1")
        self.far.address("lo", "10.7.0.1/32", "2001:db8:7::1/128")
        for number, router in enumerate(ground.routers.values(), 1):
            lab.link(router, self.far, [f"10.60.{number}.1/24", f"2001:db8:60:{number}::1/64"],
                     [f"10.60.{number}.2/24", f"2001:db8:60:{number}::2/64"])
            router.ip(f"route add 10.7.0.0/24 via 10.60.{number}.2")
            router.ip(f"route add 2001:db8:7::/64 via 2001:db8:60:{number}::2")
        ground.start()

    def streams(self):
        return [Stream(self.pod, source, self.far, target, FLOWS) for source, target in (
            ("10.244.1.10", "10.7.0.1"), ("fd00:244:1::10", "2001:db8:7::1"))]

    def breaks(self, how):
        """The link to r1 is down, or has lost its carrier."""
        if how == "link":
            self.ground.node.ip("link set dev r1 down")
        else:
            self.ground.routers["r1"].ip("link set dev node down")


FAILURES = pytest.mark.parametrize("how", ["link", "carrier"])


def fails_over(fork, how, asleep):
    """Packets flow again after a failure, also while kbgpd sleeps if the kernel does it alone.

    Without carrier it does so if there are next-hop objects, which go then; plain routes stay.
    """
    asleep = asleep and (how == "link" or fork.ground.with_objects)
    streams = fork.streams()
    for stream in streams:
        stream.flows()
    if asleep:
        fork.ground.kbgpd.process.send(signal.SIGSTOP)
    try:
        fork.breaks(how)
        for stream in streams:
            stream.flows()
    finally:
        fork.ground.kbgpd.process.send(signal.SIGCONT)
    for prefix in fork.PREFIXES:
        wait_until(lambda prefix=prefix: kernel_hops(fork.ground.node, prefix, "metric 20")
                   == hops_via(prefix, "r2"), f"{prefix} by r2")
    for stream in streams:
        stream.flows()
    for stream in streams:
        assert stream.stop() < BOUND


@FAILURES
def test_one_of_two_links_fails(lab, build, form, how):
    """The kernel leaves out the one that is dead, whether kbgpd is awake or not."""
    fork = Fork(lab, build, form)
    for prefix in fork.PREFIXES:
        for speaker, router in zip(fork.ground.speakers, ("r1", "r2")):
            speaker.say(prefix, router)
        fork.ground.wait_via(prefix, "r1", "r2")
    fails_over(fork, how, asleep=True)


@FAILURES
def test_link_of_the_best_path_fails(lab, build, form, how):
    fork = Fork(lab, build, form)
    for prefix in fork.PREFIXES:
        fork.ground.speakers[0].say(prefix, "r1", local_pref=200)
        fork.ground.speakers[1].say(prefix, "r2")
        fork.ground.wait_via(prefix, "r1")
    fails_over(fork, how, asleep=False)


@FAILURES
def test_link_fails_with_a_backup(lab, build, form, how):
    """The kernel has the other way already."""
    fork = Fork(lab, build, form, backup="true")
    for prefix in fork.PREFIXES:
        fork.ground.speakers[0].say(prefix, "r1", local_pref=200)
        fork.ground.speakers[1].say(prefix, "r2")
    wait_until(lambda: len(kernel_routes(fork.ground.node)) == 4, "primary and backup routes")
    fails_over(fork, how, asleep=True)
