"""Many routes: sessions go on while the kernel is busy, and its table is right to the last.

The generator's sessions end if nothing comes for their hold time, which is long enough for a
machine that stands still for some seconds.  That kbgpd itself is never at one thing for as long as
three is seen by the processor time of its busiest turn.
"""

import os
import re

from daemons import Kbgpd
from fib import (
    FILTERS, METRICS_PORT, PROTOCOL, check_objects, delete_routes, fib_section, kernel_objects,
    uses_objects)
from lab import wait_until
from load import FIRST, Load

PREFIXES = int(os.environ.get("KBGPD_LAB_ROUTES", "50000"))
SENDERS, RECEIVERS = 2, 1
DAEMON_ASN = 65000


class Ground:
    """The node and the generator, whose two senders are two next hops of each prefix."""

    def __init__(self, lab, build, form_):
        self.node, self.host = lab.host("node"), lab.host("load")
        self.build, self.form = build, form_
        numbers = range(FIRST, FIRST + SENDERS + RECEIVERS)
        lab.link(self.node, self.host, ["10.9.0.1/24"],
                 [f"10.9.0.{number}/24" for number in numbers])
        self.kbgpd = Kbgpd(self.node, build, self.configuration())
        wait_until(lambda: self.kbgpd.ctl("status")["started"], "kbgpd is ready")
        self.load = Load(
            self.host, build, "10.9.0.1", DAEMON_ASN, local=f"10.9.0.{FIRST}", family="4",
            senders=SENDERS, receivers=RECEIVERS, prefixes=PREFIXES, sets=PREFIXES // 10,
            hold_time=12)
        self.load.do("establish")

    def configuration(self, **keys):
        peers = "".join(
            f"- {{name: p{number}, address: 10.9.0.{FIRST + number}, passive: true, holdTime: 12s,"
            f" asn: {65001 + number}, {'import' if number < SENDERS else 'export'}: [all]}}\n"
            for number in range(SENDERS + RECEIVERS))
        return (f"router: {{asn: {DAEMON_ASN}, routerID: 10.9.0.1}}\n"
                + fib_section(self.form, **keys) + f"peers:\n{peers}" + FILTERS)

    def reconfigure(self, **keys):
        self.kbgpd.configure(self.configuration(**keys))
        self.kbgpd.ctl_text("reload")

    def lines(self, selector=""):
        """Routes of the kernel, one a line, as ip prints them."""
        text = self.node.run("ip", "-4", "-o", "route", "show", "proto", str(PROTOCOL),
                             *selector.split())
        return text.splitlines()

    def count(self, word, selector=""):
        return sum(word in line for line in self.lines(selector))

    def wait_count(self, count, word="10.9.0.", selector=""):
        wait_until(lambda: self.count(word, selector) == count, f"{count} routes with {word}")

    def total(self, name):
        text = self.node.run("curl", "-sf", f"http://127.0.0.1:{METRICS_PORT}/metrics")
        return sum(float(line.split()[1]) for line in text.splitlines()
                   if re.match(rf"{name}[ {{]", line))


def test_many_routes(lab, build, form):
    ground = Ground(lab, build, form)
    load = ground.load
    load.do("announce")
    ground.wait_count(PREFIXES)
    # Everybody is gone and comes back: all routes are put back.
    delete_routes(ground.node, "-4")
    load.do("idle 0.2")
    ground.wait_count(PREFIXES)
    # All change their metric, their place and their form.
    ground.reconfigure(metric=70)
    load.do("idle 0.2")
    ground.wait_count(PREFIXES, "metric 70")
    ground.wait_count(PREFIXES)
    if ground.form == "objects":
        assert len(kernel_objects(ground.node)) <= 3
        ground.node.ip("nexthop flush")
        ground.wait_count(PREFIXES)
        ground.form = "plain"
        ground.reconfigure(metric=70)
        load.do("idle 0.2")
        wait_until(lambda: not kernel_objects(ground.node), "no objects")
        ground.wait_count(PREFIXES)
    load.do("churn 2000 1")
    ground.wait_count(PREFIXES)
    # One of the two next hops goes with its session, and comes back.
    load.do("restart 0")
    ground.wait_count(PREFIXES)
    load.do("withdraw")
    wait_until(lambda: not ground.lines(), "no routes")
    load.do("announce")
    ground.wait_count(PREFIXES)
    assert ground.total("kbgpd_peer_flaps_total") == 1
    assert 0 < ground.total("kbgpd_loop_busiest_turn_cpu_seconds") < 3
    wait_until(lambda: check_objects(ground.node, uses_objects(ground.form)), "objects")
