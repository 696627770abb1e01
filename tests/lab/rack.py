"""The node and its neighbours on one switch, and configurations for them."""

import re

import scripted
from daemons import Bird, Kbgpd, Session
from lab import wait_until
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

    def crowd(self, addresses):
        """Gives the first host these addresses of 10.10.0.0/16, which is on the link too."""
        self.node.ip("route add 10.10.0.0/16 dev rack")
        batch = self.hosts[0].folder / "addresses"
        batch.write_text("".join(f"address add {address}/32 dev rack\n" for address in addresses))
        self.hosts[0].run("ip", "-batch", batch)
        return addresses

    def kbgpd(self, *entries, **options):
        """A kbgpd that knows the kernel's addresses: before that it takes no connection."""
        kbgpd = Kbgpd(self.node, self.build, config(*entries, **options))
        wait_until(lambda: kbgpd.ctl("status")["started"], "kbgpd is ready")
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
    """The neighbour, Established; None while kbgpd rests after an error, or the link comes up."""
    try:
        return rack.dial(number).to_established()
    except (scripted.Closed, OSError):
        return None


def listener_keys(host):
    """The TCP MD5 keys of the sockets that listen: prefixes, and passwords (ss prints them where
    it likes), each in order.
    """
    text = host.run("ss", "-Hltni")
    return (sorted(re.findall(r"[0-9a-f][0-9a-f.:]+/\d+(?==)", text)),
            sorted(re.findall("geheim|secret", text)))
