"""The load generator of tests/bench: it measures what it says, and sees what is wrong."""

import re

import pytest

from daemons import Kbgpd
from lab import wait_until
from load import FIRST, Load

DAEMON_ASN = 65000
PREFIXES = 2000
SETS = 400
FILTERS = """
filters:
- {name: all, rules: [{action: accept}]}
- {name: none, rules: [{action: reject}]}
"""


class Bench:
    """A kbgpd with a peer for each session of a generator, on one link."""

    def __init__(self, lab, build, senders, receivers, families="4", **options):
        self.daemon, self.host = lab.host("daemon"), lab.host("load")
        numbers = range(FIRST, FIRST + senders + receivers)
        lab.link(self.daemon, self.host, ["10.9.0.1/24", "2001:db8:9::1/64"],
                 [address for number in numbers
                  for address in (f"10.9.0.{number}/24", f"2001:db8:9::{number:x}/64")])
        self.senders, self.receivers = senders, receivers
        self.families, self.options = families, options
        self.kbgpd = Kbgpd(self.daemon, build, self.configuration())
        wait_until(lambda: self.kbgpd.ctl("status")["started"], "kbgpd is ready")
        wait_until(lambda: self.host.succeeds("ping", "-c1", "-W1", "2001:db8:9::1"), "IPv6")
        self.load = Load(
            self.host, build, "10.9.0.1", DAEMON_ASN, target6="2001:db8:9::1",
            local=f"10.9.0.{FIRST}", local6=f"2001:db8:9::{FIRST:x}", family=families,
            senders=senders, receivers=receivers, prefixes=PREFIXES, sets=SETS, **options)
        self.load.do("establish")

    def configuration(self, exported="all", filters=""):
        text = f"router: {{asn: {DAEMON_ASN}, routerID: 10.9.0.1}}\nfib: {{install: false}}\n"
        return text + "peers:\n" + "".join(
            self.peer(number, exported) for number in range(self.senders + self.receivers)
        ) + FILTERS + filters

    def peer(self, number, exported):
        reflect = "reflect" in self.options
        sends = number < self.senders
        internal = reflect or (sends and "internal" in self.options)
        prefix = "2001:db8:9::" if self.families == "6" else "10.9.0."
        address = prefix + format(FIRST + number, "x" if self.families == "6" else "d")
        return (f'- {{name: p{number}, address: "{address}", passive: true,'
                f" asn: {DAEMON_ASN if internal else 65001 + number},"
                f" routeReflectorClient: {str(reflect).lower()},"
                f" import: [{'all' if sends else 'none'}],"
                f" export: [{exported if reflect or not sends else 'none'}]}}\n")

    def reconfigure(self, exported, filters=""):
        """Replaces the export filter of the receivers."""
        self.kbgpd.configure(self.configuration(exported, filters))
        self.kbgpd.reload()


@pytest.mark.parametrize("families", ["6", "both"])
def test_one_sender(lab, build, families):
    """All commands, with one sender and two receivers of it."""
    load = Bench(lab, build, 1, 2, families).load
    table = PREFIXES * (2 if families == "both" else 1)

    answer = load.do("announce")
    assert (answer["prefixes"], answer["repeats"], answer["needless"]) == (2 * table, 0, 0)
    assert table / 64 < answer["sampled"] < table / 16
    assert answer["bytes"] > 23 * answer["messages"] > 0
    answer = load.do("churn 100 0.2")
    assert answer["flaps"] % (4 * 100) == 0 and answer["flaps"]
    assert load.do("withdraw")["prefixes"] == 2 * table
    load.do("stall 2")
    assert load.do("announce")["prefixes"] == table
    assert load.do("resume 2")["prefixes"] >= table
    # Both have everything again, and the receiver that comes again has it alone.
    load.do("restart 0")
    assert load.do("restart 1")["prefixes"] == table
    assert load.do("idle 0.1")["prefixes"] == 0
    load.do(f"await {PREFIXES}")
    load.do("withdraw")
    load.do("await 0")


def test_same_prefixes_of_several_senders(lab, build):
    load = Bench(lab, build, 3, 2).load
    assert load.do("announce")["prefixes"] >= 2 * PREFIXES
    load.do("churn 100 0.1")
    load.do("restart 1")
    assert load.do("withdraw")["prefixes"] >= 2 * PREFIXES


@pytest.mark.parametrize("internal", [{}, {"internal": True}])
def test_shares(lab, build, internal):
    """Each sender has a part of the table; internal ones are seen from outside."""
    load = Bench(lab, build, 7, 1, "both", split=True, **internal).load
    assert load.do("announce")["prefixes"] == 2 * PREFIXES
    load.do("churn 50 0.1")
    load.do("restart 3")
    assert load.do("withdraw")["prefixes"] == 2 * PREFIXES


def test_reflection(lab, build):
    """Clients send and receive: each must hold what the others have announced."""
    load = Bench(lab, build, 5, 0, "both", reflect=True).load
    assert load.do("announce")["prefixes"] == 2 * 4 * PREFIXES
    load.do("stall 1")
    load.do("withdraw")
    load.do("announce")
    load.do("resume 1")
    load.do("restart 2")
    load.do("churn 50 0.1")
    load.do("withdraw")


def test_reload_of_a_filter(lab, build):
    bench = Bench(lab, build, 1, 2)
    bench.load.do("announce")
    bench.reconfigure("few", "- {name: few, rules: [{action: reject}]}\n")
    assert bench.load.do("await 0")["prefixes"] == 2 * PREFIXES
    bench.reconfigure("all")
    assert bench.load.do(f"await {PREFIXES}")["prefixes"] == 2 * PREFIXES


def test_sees_that_one_prefix_is_missing(lab, build):
    # As long as a machine may stand still: all but the last command are done within it.
    bench = Bench(lab, build, 1, 2, patience=10)
    bench.load.do("announce")
    prefix = bench.kbgpd.ctl("routes")[-1]["prefix"]
    bench.reconfigure("most", f"""
- name: most
  rules:
  - {{match: {{prefixes: [{prefix}]}}, action: reject}}
  - {{action: accept}}
""")
    bench.load.do(f"await {PREFIXES - 1}")
    assert bench.load.fails("announce") == (
        f"session 1 (10.9.0.{FIRST + 1}): holds {PREFIXES - 1} IPv4 and 0 IPv6 prefixes, not "
        f"{PREFIXES} of each family; the patience is over: without {prefix}")


@pytest.mark.parametrize("change, problem", [
    ("communities: {set: [64512:1]}", "not the communities that were sent"),
    ("med: 4000", "another MULTI_EXIT_DISC"),
    ("asPathPrepend: 1", "an AS_PATH of another length"),
])
def test_sees_that_an_attribute_is_wrong(lab, build, change, problem):
    bench = Bench(lab, build, 1, 1)
    bench.reconfigure("wrong", f"""
- name: wrong
  rules: [{{action: accept, set: {{{change}}}}}]
""")
    wait_until(lambda: "wrong" in bench.kbgpd.ctl_text("peers", "p1"), "the other filter")
    assert re.fullmatch(rf"session 1 was sent {problem}: \S+/\d+", bench.load.fails("announce"))


def test_sees_a_prefix_that_nobody_announced(lab, build):
    bench = Bench(lab, build, 1, 1)
    bench.reconfigure("all", "advertisements: [{name: own, type: Prefix, prefixes: [8.0.0.0/8]}]\n")
    assert bench.load.fails("idle 20") == "session 1 was sent an AS_PATH whose origin is nobody's"


def test_sees_that_the_daemon_is_gone(lab, build):
    bench = Bench(lab, build, 1, 1)
    bench.load.do("announce")
    bench.kbgpd.stop()
    assert "NOTIFICATION: Cease" in bench.load.fails("withdraw")


@pytest.mark.parametrize("words, problem", [
    ("dance", "no such command: dance"),
    ("churn 1", "churn takes 2 numbers"),
    ("await many", "many: not a number"),
    ("restart 2", "2: not a number from 0 to 1"),
    ("stall 0", "session 0 is no receiver"),
])
def test_refuses_wrong_commands(lab, build, words, problem):
    host = lab.host("load")
    load = Load(host, build, "10.9.0.1", DAEMON_ASN, local="10.9.0.10", family="4", senders=1,
                receivers=1, prefixes=1, sets=1)
    assert load.fails(words) == problem


def test_ranks_its_senders(lab, build):
    """Everybody announces all, but what the first one says is best."""
    bench = Bench(lab, build, 2, 0, ranked=True)
    answer = bench.load.do("announce")
    assert answer["began"] > 0 and answer["silence"] >= 0
    wait_until(lambda: len(bench.kbgpd.ctl("routes")) == 2 * PREFIXES, "both have announced all")
    paths = {}
    for route in bench.kbgpd.ctl("routes"):
        paths.setdefault(route["prefix"], {})[route["peer"]] = route
    assert all(each["p0"]["best"] and not each["p1"]["best"] for each in paths.values())


def test_gives_each_session_a_wire(lab, build):
    """Session 1 goes from another address to another address of the daemon."""
    daemon, host = lab.host("daemon"), lab.host("load")
    lab.link(daemon, host, ["10.9.0.1/24", "10.9.1.1/24"], ["10.9.0.10/24", "10.9.1.10/24"])
    kbgpd = Kbgpd(daemon, build, f"""
router: {{asn: {DAEMON_ASN}, routerID: 10.9.0.1}}
fib: {{install: false}}
peers:
- {{name: p0, address: 10.9.0.10, passive: true, asn: 65001}}
- {{name: p1, address: 10.9.1.10, passive: true, asn: 65002}}
""")
    wait_until(lambda: kbgpd.ctl("status")["started"], "kbgpd is ready")
    load = Load(host, build, "10.9.0.1", DAEMON_ASN, local="10.9.0.10", family="4", senders=2,
                receivers=0, prefixes=1, sets=1, stride=256)
    load.do("establish")
    kbgpd.wait_established("p0", "p1")
    for name, address in (("p0", "10.9.0.1"), ("p1", "10.9.1.1")):
        assert kbgpd.ctl("peers", name)[0]["connection"]["localAddress"] == address
