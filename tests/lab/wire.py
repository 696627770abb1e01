"""The ground for test_wire.py and test_rfc*.py: kbgpd with a peer for every case.

The cases of one worker share a lab: the node with kbgpd, 65001 on 10.0.0.1, and one host that has
the addresses of all neighbours.  An error makes kbgpd rest towards the neighbour that made it, so
each case takes neighbours that no case has had before, and prefixes that go with them.
"""

import itertools

import pytest

import scripted
from daemons import Kbgpd
from lab import Lab, wait_until
from scripted import IPV4, KEEPALIVE, Neighbour, message, multiprotocol, prefix_bytes, update

NODE, NODE_ASN = "10.0.0.1", 65001
NODE6 = "2001:db8::1"
WIDE = 4200000001
KEEP = message(KEEPALIVE)

BOTH_WAYS = ["passive: true", "import: [all]", "export: [all]"]

# kind: (third octet of the address, how many, AS number, keys of the peer)
KINDS = {
    "ebgp": (1, 250, 65002, ["passive: true", "import: [all]"]),
    "ibgp": (2, 40, NODE_ASN, ["passive: true", "import: [all]"]),
    "observer": (3, 200, 65003, ["passive: true", "export: [all]"]),
    "active": (4, 36, 65004, ["connectRetryTime: 1s", "import: [all]"]),
    "wide": (5, 6, 4200000000, [f"localASN: {WIDE}", "passive: true", "import: [all]"]),
    "limited": (6, 2, 65002, ["passive: true", "maxPrefixes: 2", "import: [all]"]),
    "ipv4": (7, 4, 65002,
             ["passive: true", "connectRetryTime: 1s", "families: [ipv4]", "import: [all]"]),
    "secure": (9, 6, 65002, ["passive: true", "ttlSecurity: 1"]),
    "six": (8, 4, 65002, ["passive: true", "import: [all]"]),
    # Internal: reflected to, and without reflection but with every route that may go there.
    "client": (10, 40, NODE_ASN, ["passive: true", "import: [all]", "routeReflectorClient: true"]),
    "inner": (11, 60, NODE_ASN, ["passive: true", "import: [all]", "export: [all]"]),
    "plain": (12, 6, 65002, ["passive: true"]),
    "unchanged": (13, 10, 65003, ["passive: true", "export: [all]", "nextHop: unchanged"]),
    "signed": (14, 6, 65002, ["passive: true", "import: [all]", "passwordFile: FOLDER/password"]),
    # What they are to us (RFC 9234): we are the provider of a customer.
    "customer": (20, 60, 65010, ["role: provider"] + BOTH_WAYS),
    "provider": (21, 60, 65011, ["role: customer"] + BOTH_WAYS),
    "equal": (22, 60, 65012, ["role: peer"] + BOTH_WAYS),
    "replaced": (23, 2, 65013, [f"localASN: {WIDE}", "localASNMode: replace"] + BOTH_WAYS),
    "hidden": (24, 4, 65014, [f"localASN: {WIDE}", "localASNMode: no-prepend"] + BOTH_WAYS),
    "short": (25, 2, 65015, ["maxASPathLength: 3"] + BOTH_WAYS),
    "warned": (26, 2, 65016, ["maxPrefixes: 4", "maxPrefixesWarning: 50"] + BOTH_WAYS),
    "far": (27, 8, 65017, ["ebgpMultihop: 2", "aigp: true"] + BOTH_WAYS),
    "over6": (28, 2, 65018, BOTH_WAYS),
    "strict": (29, 4, 65019, ["role: provider", "strictRole: true"] + BOTH_WAYS),
    "server": (30, 4, 65020, ["enforceFirstAS: false"] + BOTH_WAYS),
    "stripped": (31, 4, 65021, ["stripAttributes: [COMMUNITIES, 99]"] + BOTH_WAYS),
    "delayed": (32, 40, 65022, ["delayOpenTime: 3s"] + BOTH_WAYS),
    "many": (33, 20, 65023, ["addPath: {send: 4, receive: true}"] + BOTH_WAYS),
    "routeserver": (34, 24, 65024, ["role: rs-client"] + BOTH_WAYS),
    "member": (35, 24, 65025, ["role: rs"] + BOTH_WAYS),
}
OVER_IPV6 = ("six", "over6")
PASSWORD = "correct horse"
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
    return f"2001:db8::{octet}:{number:x}" if kind in OVER_IPV6 else f"10.0.{octet}.{number}"


def peer_entry(kind, number, folder=""):
    _, _, asn, keys = KINDS[kind]
    return (f'- {{name: {kind}{number}, address: "{address_of(kind, number)}", asn: {asn}, '
            f"{', '.join(keys)}}}\n".replace("FOLDER", str(folder)))


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
            if kind in OVER_IPV6:
                self.host.address("node", *(f"{address_of(kind, number)}/64"
                                            for number in range(1, count + 1)))
            else:  # every address of the range, in one go
                self.host.ip(f"route add local 10.0.{KINDS[kind][0]}.0/24 dev lo")
        (self.node.folder / "password").write_text(PASSWORD)
        peers = "".join(peer_entry(kind, number, self.node.folder)
                        for kind, count in kinds.items() for number in range(1, count + 1))
        self.kbgpd = Kbgpd(self.node, build, f"{ROUTER}peers:\n{peers}{REST}", running=False)
        self.kbgpd.environment.update(environment or {})
        self.kbgpd.start()
        # Before the kernel's addresses are known it closes what connects.
        wait_until(lambda: self.kbgpd.ctl("status")["started"], "kbgpd is ready")
        self.open = []

    def take(self, kind):
        number = next(self.numbers[kind])
        assert number <= KINDS[kind][1], f"more neighbours of kind {kind} are needed"
        return number

    def neighbour(self, kind="ebgp", number=None, asn=None, identifier=None, **options):
        """A neighbour whose connection is there and that has said nothing yet."""
        number = number or self.take(kind)
        address = address_of(kind, number)
        sock = scripted.connect(self.host, address, NODE6 if kind in OVER_IPV6 else NODE, **options)
        return self.keep(sock, kind, number, asn, identifier)

    def keep(self, sock, kind, number, asn=None, identifier=None):
        new = Neighbour(sock, asn or KINDS[kind][2],
                        identifier or f"10.{KINDS[kind][0]}.1.{number}", address_of(kind, number))
        new.name, new.internal = f"{kind}{number}", new.asn == NODE_ASN
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

    def path(self, prefix, neighbour):
        """What kbgpctl shows of the path of this neighbour."""
        found = [path for path in self.kbgpd.ctl("routes", prefix)
                 if path["peer"] == neighbour.name]
        assert len(found) == 1, found
        return found[0]

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


# What an UPDATE leads to (RFC 7606 2), from the weakest to the strongest.


def check_discard(ground, pair, more, kind):
    """The route lives without the attribute, and the session stays."""
    neighbour, observer = pair
    neighbour.announce(neighbour.prefix, more=more)
    route = observer.wait_route(neighbour.prefix)
    assert kind not in route.attributes
    peer = ground.peer(neighbour)
    assert (peer["state"], peer["attributesDiscarded"], peer["treatedAsWithdraw"]) == (
        "Established", 1, 0)
    return route


def check_withdraw(ground, pair, attributes):
    """The route that was there is gone at the other peer, and the session stays."""
    neighbour, observer = pair
    neighbour.announce(neighbour.prefix)
    observer.wait_route(neighbour.prefix)
    neighbour.send(update(attributes, prefix_bytes(neighbour.prefix)))
    observer.wait_withdrawn(neighbour.prefix)
    peer = ground.peer(neighbour)
    assert (peer["state"], peer["treatedAsWithdraw"], peer["families"]["ipv4"]["received"]) == (
        "Established", 1, 0)
    assert peer["lastError"].startswith("UPDATE treated as withdraw")
    neighbour.announce(neighbour.prefix)
    observer.wait_route(neighbour.prefix)


def check_reset(ground, pair, bad, code, subcode, data=b""):
    """The NOTIFICATION, octet by octet, the end, and nothing is left of the neighbour's routes."""
    neighbour, observer = pair
    neighbour.announce(neighbour.prefix)
    observer.wait_route(neighbour.prefix)
    neighbour.send(bad)
    neighbour.expect_notification(code, subcode, data)
    observer.wait_withdrawn(neighbour.prefix)
    ground.wait_failure(neighbour, "sent", code, subcode)


@pytest.fixture
def old(ground):
    """A neighbour of 2-octet AS numbers and IPv4 alone, and another, as in `pair`."""
    capabilities = multiprotocol(IPV4)
    return (ground.established("ebgp", capabilities=capabilities, families=[IPV4], size=2),
            ground.established("observer"))


@pytest.fixture
def pair(ground):
    """A neighbour that announces, and another that is passed on what it does."""
    return ground.established("ebgp"), ground.established("observer")
