"""The tools of tests/bench that look at the kernel's routes, or make them: they tell the truth."""

import os
import pathlib

import pytest

from lab import wait_until
from load import Tool

PREFIXES = 2000
ROUTER = {4: "10.8.0.2", 6: "2001:db8:8::2"}


@pytest.fixture
def node(lab):
    """A host with two wires, each with a subnet of its own; nobody is at the other ends."""
    host = lab.host("node")
    for number, name in enumerate(("router", "spare")):
        other = lab.host(name)
        lab.link(host, other, [f"10.{8 + number}.0.1/24", f"2001:db8:{8 + number}::1/64"])
    # The kernel makes routes of its own when a link has carrier; this is the last of each address.
    wait_until(lambda: host.ip("-6 route show table local").count("anycast") == 4, "the links")
    return host


def probe_of(host, build, family=4):
    return Tool(host, build, "fib_probe", family=family, prefixes=PREFIXES)


def loop_of(host, build, family=4):
    return Tool(host, build, "netlink_loop", gateway=ROUTER[family], interface="router",
                prefixes=PREFIXES)


def wait_for_looks(tool):
    """The tool has run for as long as several looks at the whole sample take."""
    before = cpu_seconds(tool)
    wait_until(lambda: cpu_seconds(tool) > before + 0.05, "the tool looks at the sample")


def cpu_seconds(tool):
    """What a process has used of the processor in user and in system mode."""
    fields = pathlib.Path(f"/proc/{tool.popen.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def routes_of(host, family=4):
    return {route["dst"] for route in host.ip_json(f"-{family} route show proto 186")}


@pytest.mark.parametrize("family", [4, 6])
def test_counts_what_a_bare_loop_installs(node, build, family):
    probe, loop = probe_of(node, build, family), loop_of(node, build, family)
    assert probe.do("await 0")["routes"] == 0  # it has counted what was there before
    loop_says = loop.do("add")
    probe_says = probe.do(f"await {PREFIXES}")
    assert probe_says["routes"] == PREFIXES == len(routes_of(node, family))
    assert 0 < loop_says["began"] < loop_says["began"] + loop_says["seconds"] < probe_says["at"]
    loop.do("remove")
    assert probe.do("await 0")["routes"] == 0 == len(routes_of(node, family))
    assert loop.fails("remove") == "the kernel refused a route: No such process"


@pytest.mark.parametrize("family", [4, 6])
def test_prints_the_same_routes_for_ip(node, build, family):
    loop_of(node, build, family).do("add")
    added = routes_of(node, family)
    text = node.run(build / "tests/bench/netlink_loop", "--gateway", ROUTER[family],
                    "--interface", "router", "--prefixes", PREFIXES, "--print")
    batch = node.folder / "batch"
    batch.write_text("".join(f"route del {line}\n" for line in text.splitlines()))
    node.run("ip", "-batch", batch)
    assert len(added) == PREFIXES and not routes_of(node, family)
    batch.write_text(batch.read_text().replace("del", "add"))
    node.run("ip", "-batch", batch)
    assert routes_of(node, family) == added


def test_sees_who_is_hit_when_a_link_fails(lab, node, build):
    """Every route leads over the link; better ones over the other link end the gap."""
    loop_of(node, build).do("add")
    probe = probe_of(node, build)
    assert probe.do("watch router") == {"sample": 1000, "over": 1000}
    lab.hosts["router"].ip("link set dev node down")
    wait_until(lambda: "NO-CARRIER" in node.ip("link show dev router"), "the link is down")
    wait_for_looks(probe)
    node.run("ip", "route", "add", "0.0.0.0/1", "via", "10.9.0.2")
    node.run("ip", "route", "add", "128.0.0.0/1", "via", "10.9.0.2")
    node.ip("route flush proto 186")
    answer = probe.more()
    assert 0 < answer["hit"] <= 1000
    assert 0 < answer["last"] and 0 < answer["gap"] and 0 < answer["round"]


def test_sees_that_nobody_is_hit_by_the_loss_of_a_link_without_routes(lab, node, build):
    loop_of(node, build).do("add")
    probe = probe_of(node, build)
    assert probe.do("watch spare")["over"] == 0
    lab.hosts["spare"].ip("link set dev node down")
    answer = probe.more()
    assert (answer["hit"], answer["last"], answer["gap"]) == (0, 0, 0)


def test_wants_a_route_for_all_of_the_sample(node, build):
    assert probe_of(node, build).fails("watch router").startswith("no route to ")
