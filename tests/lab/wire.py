"""The ground for test_wire*.py: kbgpd with a peer for every case, and a host with all of them.

The cases of one worker share a lab: the node with kbgpd, 65001 on 10.0.0.1, and one host that has
the addresses of all neighbours.  An error makes kbgpd rest towards the neighbour that made it, so
each case takes neighbours that no case has had before, and prefixes that go with them.
"""

import itertools

import pytest

import scripted
from daemons import Kbgpd
from lab import Lab, wait_until
from scripted import KEEPALIVE, Neighbour, message

NODE, NODE_ASN = "10.0.0.1", 65001
NODE6 = "2001:db8::1"
WIDE = 4200000001
KEEP = message(KEEPALIVE)

# kind: (third octet of the address, how many, AS number, keys of the peer)
KINDS = {
    "ebgp": (1, 250, 65002, ["passive: true", "import: [all]"]),
    "ibgp": (2, 40, NODE_ASN, ["passive: true", "import: [all]"]),
    "observer": (3, 200, 65003, ["passive: true", "export: [all]"]),
    "active": (4, 12, 65004, ["connectRetryTime: 1s", "import: [all]"]),
    "wide": (5, 6, 4200000000, [f"localASN: {WIDE}", "passive: true", "import: [all]"]),
    "limited": (6, 2, 65002, ["passive: true", "maxPrefixes: 2", "import: [all]"]),
    "ipv4": (7, 4, 65002,
             ["passive: true", "connectRetryTime: 1s", "families: [ipv4]", "import: [all]"]),
    "secure": (9, 2, 65002, ["passive: true", "ttlSecurity: 1"]),
    "six": (8, 4, 65002, ["passive: true", "import: [all]"]),
}
ROUTER = f"router: {{asn: {NODE_ASN}, routerID: {NODE}}}\n"
REST = """
advertisements:
- {name: fixed, type: Prefix, prefixes: [10.2.0.0/24, "2001:db8:2::/48"]}
filters:
- {name: all, rules: [{action: accept}]}
"""
OWN = {"10.2.0.0/24", "2001:db8:2::/48"}


def address_of(kind, number):
    octet = KINDS[kind][0]
    return f"2001:db8::8:{number:x}" if kind == "six" else f"10.0.{octet}.{number}"


def peer_entry(kind, number):
    _, _, asn, keys = KINDS[kind]
    return (f'- {{name: {kind}{number}, address: "{address_of(kind, number)}", asn: {asn}, '
            f"{', '.join(keys)}}}\n")


class Ground:
    """The node, the host of the neighbours, and the neighbours that no case has had yet."""

    def __init__(self, lab, build, kinds=None, environment=None):
        self.lab = lab
        self.numbers = {kind: itertools.count(1) for kind in KINDS}
        self.node, self.host = lab.host("node"), lab.host("peers")
        lab.link(self.node, self.host, [f"{NODE}/16", f"{NODE6}/64"],
                 ["10.0.255.1/16", "2001:db8::ffff/64"])
        kinds = kinds or {kind: count for kind, (_, count, _, _) in KINDS.items()}
        for kind, count in kinds.items():
            if kind == "six":
                self.host.address("node", *(f"{address_of(kind, number)}/64"
                                            for number in range(1, count + 1)))
            else:  # every address of the range, in one go
                self.host.ip(f"route add local 10.0.{KINDS[kind][0]}.0/24 dev lo")
        peers = "".join(peer_entry(kind, number) for kind, count in kinds.items()
                        for number in range(1, count + 1))
        self.kbgpd = Kbgpd(self.node, build, f"{ROUTER}peers:\n{peers}{REST}", running=False)
        self.kbgpd.environment.update(environment or {})
        self.kbgpd.start()
        self.open = []

    def take(self, kind):
        number = next(self.numbers[kind])
        assert number <= KINDS[kind][1], f"more neighbours of kind {kind} are needed"
        return number

    def neighbour(self, kind="ebgp", number=None, asn=None, identifier=None, **options):
        """A neighbour whose connection is there and that has said nothing yet."""
        number = number or self.take(kind)
        address = address_of(kind, number)
        sock = scripted.connect(self.host, address, NODE6 if kind == "six" else NODE, **options)
        return self.keep(sock, kind, number, asn, identifier)

    def keep(self, sock, kind, number, asn=None, identifier=None):
        new = Neighbour(sock, asn or KINDS[kind][2],
                        identifier or f"10.{KINDS[kind][0]}.1.{number}", address_of(kind, number))
        new.name = f"{kind}{number}"
        # Prefixes of this neighbour alone.
        new.prefix = f"10.{100 + KINDS[kind][0]}.{number}.0/24"
        new.prefix6 = f"2001:db8:{KINDS[kind][0]:x}:{number:x}::/64"
        self.open.append(new)
        return new

    def established(self, kind="ebgp", identifier=None, **options):
        return self.neighbour(kind, identifier=identifier).to_established(**options)

    def peer(self, neighbour):
        """Everything that kbgpctl knows of a neighbour."""
        return self.kbgpd.ctl("peers", neighbour.name)[0]

    def wait_failure(self, neighbour, direction, code, subcode):
        """kbgpctl says which NOTIFICATION ended it, and who sent it."""
        def is_shown():
            peer = self.peer(neighbour)
            failure = peer["lastFailure"]
            assert failure["reason"] == peer["lastError"]
            assert failure["reason"].startswith(direction), failure
            # Code 0 is nobody's, and shown as text only.
            assert not code or (failure["direction"], failure["code"], failure["subcode"]) == (
                direction, code, subcode)
            return True
        wait_until(is_shown, "the failure in kbgpctl peers")

    def clean(self):
        while self.open:
            self.open.pop().close()


@pytest.fixture(scope="module")
def lab():
    with Lab() as new:
        yield new


@pytest.fixture(scope="module")
def shared(lab, build):
    return Ground(lab, build)


@pytest.fixture
def ground(shared):
    yield shared
    shared.clean()
    assert shared.kbgpd.process.running(), shared.kbgpd.process.output()


@pytest.fixture
def own_lab():
    with Lab() as new:
        yield new


STATES = {"OpenSent": Neighbour.to_open_sent, "OpenConfirm": Neighbour.to_open_confirm,
          "Established": Neighbour.to_established}


@pytest.fixture(params=STATES)
def state(request):
    return request.param


@pytest.fixture
def pair(ground):
    """A neighbour that announces, and another that is passed on what it does."""
    return ground.established("ebgp"), ground.established("observer")
