"""Peers that are not configured by their address: those of a range, and those behind an interface;
and neighbours that have to be on a link of ours.
"""

import re

import scripted
from cluster import Manifests
from daemons import Bird, Kbgpd, Session
from lab import stays, wait_until
from scripted import connect
from sessions import ACCEPT_ALL, ADVERTISEMENT, NODE_ASN, ROUTER

RACK = "10.9.0.0/24"


def entry(*keys, name="lab", place=f"range: {RACK}"):
    """One entry of `peers`."""
    return "".join(f"{'- ' if not at else '  '}{key}\n" for at, key in enumerate((
        f"name: {name}", place, "holdTime: 9s", *keys)))


def config(*entries, rest=ADVERTISEMENT):
    filters = "" if "filters:" in rest else ACCEPT_ALL
    return ROUTER + ("peers:\n" if entries else "") + "".join(entries) + rest + filters


class Rack:
    """The node and hosts on one switch, 10.9.0.2 and 10.9.0.10 to .10 + count - 1."""

    def __init__(self, lab, build, count=1):
        self.lab, self.build = lab, build
        self.switch = lab.switch("rack")
        self.node = lab.host("node")
        self.node.address("lo", "10.2.0.1/32", "2001:db8:2::1/128")
        lab.plug(self.node, self.switch, "10.9.0.2/24", "2001:db8:9::2/64")
        self.hosts = []
        for number in range(count):
            host = lab.host(f"tor{number}")
            lab.plug(host, self.switch, f"10.9.0.{10 + number}/24",
                     f"2001:db8:9::{10 + number}/64")
            self.hosts.append(host)

    def kbgpd(self, *entries, **options):
        """A kbgpd that knows the kernel's addresses: before that it takes no connection."""
        kbgpd = Kbgpd(self.node, self.build, config(*entries, **options))
        wait_until(lambda: kbgpd.ctl("status")["ready"], "kbgpd is ready")
        return kbgpd

    def bird(self, number, asn, prefixes=(), **options):
        session = Session(remote="10.9.0.2", remote_asn=NODE_ASN, local=f"10.9.0.{10 + number}",
                          **options)
        return Bird(self.hosts[number], asn, f"10.9.0.{10 + number}", [session], prefixes)

    def dial(self, number, address=None, asn=65002):
        """A scripted neighbour's connection."""
        address = address or f"10.9.0.{10 + number}"
        return scripted.Neighbour(connect(self.hosts[number], address, "10.9.0.2"), asn, address,
                                  address)


def names(kbgpd):
    return {peer["name"] for peer in kbgpd.ctl("peers")}


def comes_up(rack, number):
    """The neighbour, Established; None while kbgpd rests after an error."""
    try:
        return rack.dial(number).to_established()
    except scripted.Closed:
        return None


def test_neighbours_of_a_range(lab, build):
    """Each is a peer of its own, with the settings, filters and advertisements of the entry."""
    rack = Rack(lab, build, 2)
    kbgpd = rack.kbgpd(
        entry("asn: external", "import: [from-lab]"),
        entry("asn: 65009", name="other", place="address: 10.9.0.200"),
        rest="""
advertisements:
- {name: ours, type: Prefix, prefixes: [10.2.0.0/24], peers: [lab]}
- {name: theirs, type: Prefix, prefixes: [10.3.0.0/24], peers: [other]}
filters:
- name: from-lab
  rules:
  - match: {peers: [lab]}
    action: accept
""")
    first = rack.bird(0, 65002, ["10.1.0.0/24"])
    second = rack.bird(1, 65003, ["10.4.0.0/24"])
    for bird in (first, second):
        bird.wait_established()
        assert wait_until(lambda bird=bird: bird.path("10.2.0.0/24")).as_path == [NODE_ASN]
        assert not bird.paths("10.3.0.0/24")
    wait_until(lambda: rack.node.bgp_routes() == {
        "10.1.0.0/24": {"10.9.0.10"}, "10.4.0.0/24": {"10.9.0.11"}}, "routes of the kernel")
    kbgpd.wait_established("lab/10.9.0.10", "lab/10.9.0.11")
    assert kbgpd.peer("lab/10.9.0.11")["address"] == "10.9.0.11"

    # A neighbour is told apart by its name or its address.
    kbgpd.ctl_text("shutdown", "10.9.0.11")
    wait_until(lambda: not second.established(), "the shutdown")
    kbgpd.ctl_text("enable", "lab/10.9.0.11")
    second.wait_established()
    assert first.established()


def test_a_neighbour_that_flaps_stays_a_peer(lab, build):
    """And one that is gone is forgotten."""
    rack = Rack(lab, build)
    kbgpd = rack.kbgpd(entry("asn: 65002"))
    bird = rack.bird(0, 65002)
    kbgpd.wait_established("lab/10.9.0.10")
    bird.restart()
    bird.wait_established()
    kbgpd.wait_established("lab/10.9.0.10")
    assert kbgpd.ctl("peers", "lab/10.9.0.10")[0]["flaps"] == 1
    bird.stop()
    wait_until(lambda: kbgpd.peer("lab/10.9.0.10")["state"] != "Established", "it is down")
    wait_until(lambda: not names(kbgpd), "it is forgotten", patience=60)
    bird.start()
    bird.wait_established()


def test_the_longest_range_and_the_peer_itself_win(lab, build):
    """The AS number of the entry says which one it was."""
    rack = Rack(lab, build, 3)
    kbgpd = rack.kbgpd(
        entry("asn: 65002"),
        entry("asn: 65003", name="half", place="range: 10.9.0.0/28"),
        entry("asn: 65004", "passive: true", name="one", place="address: 10.9.0.12"))
    for asn, number in ((65003, 0), (65003, 1), (65004, 2)):
        rack.dial(number, asn=asn).to_established().close()
    assert names(kbgpd) == {"half/10.9.0.10", "half/10.9.0.11", "one"}
    rack.hosts[0].address("rack", "10.9.0.100/24")
    rack.dial(0, "10.9.0.100", asn=65002).to_established().close()


def test_range_limit(lab, build):
    """One more is closed before anything is read; what is no peer any more makes room."""
    rack = Rack(lab, build, 3)
    kbgpd = rack.kbgpd(entry("asn: 65002", "rangeLimit: 2"))
    first, second = (rack.dial(number).to_established() for number in (0, 1))
    third = rack.dial(2)
    third.expect_close()
    assert names(kbgpd) == {"lab/10.9.0.10", "lab/10.9.0.11"}
    stays(lambda: kbgpd.peer("lab/10.9.0.10")["state"] == "Established", 1)
    # Who has been up has a claim to come back, who never was has none.
    second.close()
    rack.dial(2).expect_close()
    wait_until(lambda: comes_up(rack, 1), "the second one again")
    first.close()
    assert "rangeLimit" in kbgpd.process.output()


def test_a_stranger_that_came_to_nothing_gives_way(lab, build):
    rack = Rack(lab, build, 2)
    kbgpd = rack.kbgpd(entry("asn: 65002", "rangeLimit: 1"))
    stranger = rack.dial(0, asn=65009).to_open_sent()
    stranger.send(stranger.open_message())
    stranger.expect_notification(2, 2)
    wait_until(lambda: names(kbgpd) == {"lab/10.9.0.10"}, "the stranger is known")
    rack.dial(1).to_established()
    assert names(kbgpd) == {"lab/10.9.0.11"}


def test_silent_connections_are_few(lab, build):
    """64 of a range, and one of each address: a new one takes the place of the old."""
    rack = Rack(lab, build)
    rack.kbgpd(entry("asn: 65002"))
    addresses = [f"10.9.0.{number}" for number in range(100, 166)]
    rack.hosts[0].address("rack", *(f"{address}/24" for address in addresses))
    silent = [rack.dial(0, address) for address in addresses[:64]]
    for each in silent:
        each.to_open_sent()
    rack.dial(0, addresses[64]).expect_close()
    again = rack.dial(0, addresses[0]).to_open_sent()
    silent[0].expect_notification(6, 7)
    # Ten seconds for an OPEN, and there is room again.
    silent[1].expect_notification(4, 0)
    rack.dial(0, addresses[64]).to_established()
    for each in (*silent, again):
        each.close()


def test_strangers_are_closed_unread(lab, build):
    """RFC 4271 8.2.2: from an address that nobody configured, nothing is read."""
    rack = Rack(lab, build)
    kbgpd = rack.kbgpd(entry("asn: 65002", place="range: 10.9.0.128/25"))
    stranger = rack.dial(0)
    stranger.expect_close()
    assert not names(kbgpd)


def test_passwords_of_a_range(lab, build):
    rack = Rack(lab, build, 2)
    secret = rack.node.folder / "secret"
    kbgpd = rack.kbgpd(entry("asn: 65002", f"passwordFile: {secret}"))
    signed, unsigned = rack.bird(0, 65002, password="geheim"), rack.bird(1, 65002)
    # Without the file nobody is let in, signed or not.
    wait_until(lambda: re.search("nobody is accepted from the range", kbgpd.process.output()),
               "the missing password is told")
    stays(lambda: not signed.established() and not unsigned.established(), 2)
    secret.write_text("geheim\n")
    signed.wait_established()
    stays(lambda: not unsigned.established(), 2)
    assert "lab/10.9.0.11" not in names(kbgpd)
    # The range gone, its key has gone too: the address may have an entry without one.
    kbgpd.configure(config(entry("asn: 65002", place="address: 10.9.0.11")))
    unsigned.wait_established()


def test_reload(lab, build):
    """Settings reach the peers that live; a range that goes or shrinks takes its peers along."""
    rack = Rack(lab, build, 2)
    kbgpd = rack.kbgpd(entry("asn: external"))
    first, second = rack.bird(0, 65002, ["10.1.0.0/24"]), rack.bird(1, 65003)
    kbgpd.wait_established("lab/10.9.0.10", "lab/10.9.0.11")
    since = first.since(), second.since()
    assert not rack.node.bgp_routes()

    kbgpd.configure(config(entry("asn: external", "import: [all]", "holdTime: 30s")
                           .replace("holdTime: 9s\n  ", "")))
    wait_until(lambda: set(rack.node.bgp_routes()) == {"10.1.0.0/24"}, "what import lets in")
    assert (first.since(), second.since()) == since

    kbgpd.configure(config(entry("asn: external", "import: [all]", place="range: 10.9.0.10/31")
                           .replace("10.9.0.10/31", "10.9.0.10/32")))
    wait_until(lambda: not second.established(), "the one that is outside now")
    wait_until(lambda: "Peer de-configured" in second.birdc("show protocols all kbgpd1"),
               "its notification")
    assert first.since() == since[0]
    assert names(kbgpd) == {"lab/10.9.0.10"}

    # An entry of its own takes a peer out of the range.
    kbgpd.configure(config(entry("asn: 65002", "import: [all]", name="tor",
                                 place="address: 10.9.0.10"), entry("asn: external")))
    kbgpd.wait_established("tor", "lab/10.9.0.11")
    assert names(kbgpd) == {"tor", "lab/10.9.0.11"}

    kbgpd.configure(config())
    wait_until(lambda: not first.established() and not second.established(), "both gone")
    assert not names(kbgpd)


def test_two_entries_at_one_place(lab, build):
    """Selectors that may both match are no error of the file; the first entry is taken."""
    rack = Rack(lab, build)
    manifests = Manifests(rack.node.folder / "manifests")
    manifests.node("node", 1, ["10.244.1.0/24"], {"rack": "r1", "zone": "z1"})
    r1, z1 = (f"nodeSelector: {{matchLabels: {{{label}}}}}" for label in ("rack: r1", "zone: z1"))
    kbgpd = rack.kbgpd(
        entry("asn: 65002", r1), entry("asn: 65003", z1, name="again"),
        entry("asn: 65004", r1, name="link", place="interface: rack"),
        entry("asn: 65005", z1, name="link-again", place="interface: rack"),
        rest=f"cluster: {{source: manifests, manifests: {manifests.folder}}}\n")
    output = kbgpd.process.output()
    assert "again: left out: peer lab has the same range on this node" in output
    assert "link-again: left out: peer link has the same interface on this node" in output
    rack.dial(0).to_established()
    assert names(kbgpd) == {"link", "lab/10.9.0.10"}
