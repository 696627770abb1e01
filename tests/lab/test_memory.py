"""Memory is given back: by the daemon's own account, and by the kernel's.

In a sanitizer build the kernel's account says nothing, for what is freed is kept there to see who
uses it; then the daemon's own counts alone.
"""

import pathlib

import pytest

from daemons import Kbgpd
from lab import wait_until
from load import FIRST, Load

DAEMON_ASN = 65000
SENDERS, RECEIVERS = 2, 1
KEPT = 256 << 10
"""Bytes that tables may keep of themselves: what a thousand prefixes need."""


class Ground:
    """A daemon whose senders have the same routes, so that each prefix has several paths."""

    def __init__(self, lab, build):
        self.build = build
        self.daemon, self.host = lab.host("daemon"), lab.host("load")
        numbers = range(FIRST, FIRST + SENDERS + RECEIVERS)
        lab.link(self.daemon, self.host, ["10.9.0.1/24", "2001:db8:9::1/64"],
                 [address for number in numbers
                  for address in (f"10.9.0.{number}/24", f"2001:db8:9::{number:x}/64")])
        self.kbgpd = Kbgpd(self.daemon, build, self.configuration())
        wait_until(lambda: self.kbgpd.ctl("status")["started"], "kbgpd is ready")
        self.folder = pathlib.Path(f"/proc/{self.kbgpd.process.popen.pid}")

    @staticmethod
    def configuration():
        text = (f"router: {{asn: {DAEMON_ASN}, routerID: 10.9.0.1}}\nfib: {{install: false}}\n"
                "filters:\n- {name: all, rules: [{action: accept}]}\n"
                "- {name: none, rules: [{action: reject}]}\npeers:\n")
        for number in range(SENDERS + RECEIVERS):
            rules = ("all", "none") if number < SENDERS else ("none", "all")
            text += (f'- {{name: p{number}, address: "10.9.0.{FIRST + number}", passive: true,'
                     f" asn: {65001 + number}, import: [{rules[0]}], export: [{rules[1]}]}}\n")
        return text

    def load(self, **options):
        load = Load(self.host, self.build, "10.9.0.1", DAEMON_ASN, target6="2001:db8:9::1",
                    local=f"10.9.0.{FIRST}",
                    local6=f"2001:db8:9::{FIRST:x}", family="both", senders=SENDERS, receivers=RECEIVERS, **options)
        load.do("establish")
        return load

    def wait_full(self, prefixes):
        """Of every sender: the receiver needs but one of them to have all prefixes."""
        wait_until(lambda: all(
            family["received"] == prefixes for number in range(SENDERS)
            for family in self.kbgpd.peer(f"p{number}")["families"].values()), "all is learned")

    def is_sanitized(self):
        return "libasan" in (self.folder / "maps").read_text()

    def tables(self):
        """Bytes, by the daemon's own account."""
        return sum(self.kbgpd.ctl("status")["memory"].values())

    def resident(self):
        """Bytes; 0 where that says nothing."""
        if self.is_sanitized():
            return 0
        for line in (self.folder / "status").read_text().splitlines():
            if line.startswith("VmRSS"):
                return int(line.split()[1]) << 10
        raise LookupError("no VmRSS")

    def given_back(self, tables, resident):
        """True if the tables are as they were and at most a fifth more is resident."""
        return self.tables() <= tables + KEPT and self.resident() <= resident * 1.2


@pytest.fixture
def ground(lab, build):
    return Ground(lab, build)


def test_table_that_is_withdrawn(ground):
    prefixes = 100_000  # of each family
    load = ground.load(prefixes=prefixes, sets=40_000)
    before = ground.tables(), ground.resident()
    load.do("announce")
    ground.wait_full(prefixes)
    # A prefix with its path, another path, and a slot.
    assert ground.tables() - before[0] > 2 * prefixes * (48 + 24 + 4)
    load.do("withdraw")
    wait_until(lambda: ground.given_back(*before), "memory is given back")


def test_peers_that_go(ground):
    """Nobody withdraws: sessions end."""
    load = ground.load(prefixes=30_000, sets=10_000)
    before = ground.tables(), ground.resident()
    load.do("announce")
    load.close()
    wait_until(lambda: ground.given_back(*before), "memory is given back")


def test_flaps_with_other_attributes(ground):
    """A hundred; each generator has other attributes, and neither what is full nor empty grows."""
    full = []
    before = None
    for seed in range(4):
        load = ground.load(prefixes=2500, sets=1000, seed=seed + 1)
        before = before or (ground.tables(), ground.resident())
        for turn in range(25):
            load.do("announce")
            if turn == 24:
                ground.wait_full(2500)
                full.append(ground.tables())
            load.do("withdraw")
        wait_until(lambda: ground.given_back(*before), f"memory is given back after seed {seed}")
        load.close()
    assert max(full) < 1.1 * full[0]
