"""What the neighbours of a lab have in common: BIRD, FRR, GoBGP and OpenBGPD, one file each.

They answer the same questions, each from its own view, so that one scenario runs against all of
them.  What a daemon cannot do is not in its `can`; conftest.py leaves out the scenarios that need
it.
"""

import dataclasses
import signal

from lab import wait_until


@dataclasses.dataclass
class Session:
    """One session as the neighbour configures it."""

    remote: str                 # kbgpd's address
    remote_asn: int
    local: str                  # the neighbour's address
    password: str = ""
    extended_next_hop: bool = False
    families: tuple = ("ipv4", "ipv6")
    reflect: bool = False       # kbgpd is a client of this route reflector
    multihop: int = 0           # routers on the way and one more; 0: on the link
    gtsm: bool = False          # TTL 255, and what arrives has passed fewer than `multihop` routers
    passive: bool = False       # waits for kbgpd to connect
    as4: bool = True            # False: an old speaker, without 4-octet AS numbers
    add_path: bool = False      # several paths of a prefix, both ways
    role: str = ""              # RFC 9234: provider, customer or peer


@dataclasses.dataclass
class Communities:
    """Of each kind; the extended ones are route targets, written "64512:7" or "10.0.0.9:7"."""

    standard: set = dataclasses.field(default_factory=set)
    extended: set = dataclasses.field(default_factory=set)
    large: set = dataclasses.field(default_factory=set)


@dataclasses.dataclass
class Path:
    """One path to a prefix in the neighbour's table, learned by BGP."""

    next_hop: str
    as_path: list
    origin: str                 # IGP, EGP, Incomplete
    local_pref: int = None
    med: int = None
    communities: set = dataclasses.field(default_factory=set)
    extended_communities: set = dataclasses.field(default_factory=set)
    large_communities: set = dataclasses.field(default_factory=set)
    originator: str = None      # ORIGINATOR_ID
    clusters: list = dataclasses.field(default_factory=list)
    best: bool = False


def family_of(prefix):
    return "ipv6" if ":" in prefix else "ipv4"


class Neighbour:
    """A list of sessions, named kbgpd1, kbgpd2, ..., and the prefixes that are announced."""

    can = frozenset()
    """
    forward             its routes are in the kernel, so that it forwards packets
    extended next hop   IPv4 routes with IPv6 next hops (RFC 8950)
    listen with keys    it accepts connections with a TCP MD5 password
    add-path            several paths of a prefix (RFC 7911), both ways
    enhanced refresh    it marks begin and end of what it sends again (RFC 7313)
    extended messages   of up to 65535 octets (RFC 8654)
    roles               RFC 9234
    old speaker         a session without 4-octet AS numbers
    many                it announces tens of thousands of prefixes within seconds
    ask for refresh     it sends ROUTE-REFRESH
    answer refresh      it sends its routes again when it is asked to
    """

    def __init__(self, host, asn, router_id, sessions, prefixes=(), communities=None):
        self.host, self.asn, self.router_id = host, asn, router_id
        self.sessions, self.prefixes = list(sessions), list(prefixes)
        self.communities = communities or Communities()
        self.processes = []
        host.lab.daemons.append(self)
        self.start()

    def start(self):
        raise NotImplementedError

    def established(self, number=1):
        raise NotImplementedError

    def since(self, number=1):
        """A value that changes whenever the session goes up or down."""
        raise NotImplementedError

    def paths(self, prefix):
        """Every path to a prefix that a session has brought."""
        raise NotImplementedError

    def announce(self, *prefixes):
        raise NotImplementedError

    def withdraw(self, *prefixes):
        raise NotImplementedError

    def received(self, number=1):
        """How many prefixes of both families a session has brought, and not withdrawn."""
        raise NotImplementedError

    def updates(self, number=1):
        """How many UPDATE messages, or routes in them, a session has brought."""
        raise NotImplementedError

    def refresh(self, number=1):
        """Asks kbgpd to send its routes again (RFC 2918)."""
        raise NotImplementedError

    def end_session(self, text, number=1):
        """Ends a session with a text for kbgpd (RFC 9003)."""
        raise NotImplementedError

    def has_heard(self, text):
        """True if the daemon shows or has logged a text that kbgpd ended a session with."""
        raise NotImplementedError

    def wait_established(self):
        for number in range(1, len(self.sessions) + 1):
            wait_until(lambda number=number: self.established(number),
                       f"session {number} of {self.host.name}")

    def path(self, prefix):
        """The only path to a prefix; raises LookupError (wait_until: not yet) otherwise."""
        paths = self.paths(prefix)
        if len(paths) != 1:
            raise LookupError(f"{self.host.name} has {len(paths)} paths to {prefix}")
        return paths[0]

    def restart(self, number=signal.SIGTERM):
        self.stop(number)
        self.start()

    def stop(self, number=signal.SIGTERM):
        for process in reversed(self.processes):
            process.stop(number)
        self.processes = []

    def close(self):
        self.stop()
        return []
