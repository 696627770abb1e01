"""A BGP neighbour that says what the test tells it to, byte by byte, right or wrong.

Messages are built by small functions that check nothing, so a test can leave a length, a flag or
a marker as wrong as it likes.  What comes back is taken apart strictly: what kbgpd sends must be
well-formed.  A Neighbour is a plain blocking socket inside a host's namespace; nothing runs in the
background, so nothing is sent or answered but by the test.
"""

import contextlib
import ctypes
import dataclasses
import ipaddress
import os
import socket
import struct
import time

from lab import PATIENCE

PORT = 179
OPEN, UPDATE, NOTIFICATION, KEEPALIVE, ROUTE_REFRESH = 1, 2, 3, 4, 5
NAMES = {1: "OPEN", 2: "UPDATE", 3: "NOTIFICATION", 4: "KEEPALIVE", 5: "ROUTE-REFRESH"}
MARKER = b"\xff" * 16
HEADER = 19
IPV4, IPV6, UNICAST = 1, 2, 1
AS_TRANS = 23456

OPTIONAL, TRANSITIVE, PARTIAL, EXTENDED = 0x80, 0x40, 0x20, 0x10
BOTH = OPTIONAL | TRANSITIVE
ORIGIN, AS_PATH, NEXT_HOP, MED, LOCAL_PREF, ATOMIC_AGGREGATE, AGGREGATOR, COMMUNITIES = range(1, 9)
ORIGINATOR_ID, CLUSTER_LIST, MP_REACH, MP_UNREACH = 9, 10, 14, 15
EXTENDED_COMMUNITIES, AS4_PATH, AS4_AGGREGATOR = 16, 17, 18
IPV6_COMMUNITIES, AIGP, LARGE_COMMUNITIES, ONLY_TO_CUSTOMER = 25, 26, 32, 35
SET, SEQUENCE, CONFED_SEQUENCE, CONFED_SET = 1, 2, 3, 4


# What is sent


def message(kind, body=b"", length=None, marker=MARKER):
    """A message; `length` lies about its length."""
    return marker + struct.pack("!HB", HEADER + len(body) if length is None else length,
                                kind) + body


def capability(code, value=b""):
    return bytes([code, len(value)]) + value


def multiprotocol(afi, safi=UNICAST):
    return capability(1, struct.pack("!HBB", afi, 0, safi))


def as4(asn):
    return capability(65, struct.pack("!I", asn))


REFRESH = capability(2)
EXTENDED_NEXT_HOP = capability(5, struct.pack("!HHH", IPV4, UNICAST, IPV6))
EXTENDED_MESSAGE = capability(6)
ENHANCED_REFRESH = capability(70)


def add_path(mode, *families):
    """RFC 7911: mode 1 receives, 2 sends, 3 does both."""
    return capability(69, b"".join(struct.pack("!HBB", afi, UNICAST, mode) for afi in families))


def usual_capabilities(asn):
    return multiprotocol(IPV4) + multiprotocol(IPV6) + REFRESH + EXTENDED_NEXT_HOP + as4(asn)


def parameter(value, kind=2):
    return bytes([kind, len(value)]) + value


def open_body(asn, identifier, hold=0, parameters=b"", version=4):
    """An OPEN's body; a long AS number is AS_TRANS in the old field."""
    return (struct.pack("!BHH", version, asn if asn < 65536 else AS_TRANS, hold)
            + address_bytes(identifier) + bytes([len(parameters)]) + parameters)


def address_bytes(text):
    return ipaddress.ip_address(text).packed


def prefix_bytes(*prefixes):
    """NLRI."""
    found = b""
    for prefix in map(ipaddress.ip_network, prefixes):
        found += bytes([prefix.prefixlen])
        found += prefix.network_address.packed[:(prefix.prefixlen + 7) // 8]
    return found


def attribute(flags, kind, value, length=None):
    """An attribute; `length` lies about its length."""
    length = len(value) if length is None else length
    form = "!BBH" if flags & EXTENDED else "!BBB"
    return struct.pack(form, flags, kind, length) + value


def path_bytes(path_id, *prefixes):
    """NLRI with a Path Identifier (RFC 7911)."""
    return b"".join(struct.pack("!I", path_id) + prefix_bytes(prefix) for prefix in prefixes)


def segment(kind, *asns, size=4):
    return bytes([kind, len(asns)]) + b"".join(asn.to_bytes(size, "big") for asn in asns)


def origin(value=0):
    return attribute(TRANSITIVE, ORIGIN, bytes([value]))


def as_path(*asns, size=4):
    return attribute(TRANSITIVE, AS_PATH, segment(SEQUENCE, *asns, size=size) if asns else b"")


def next_hop(address):
    return attribute(TRANSITIVE, NEXT_HOP, address_bytes(address))


def local_pref(value=100):
    return attribute(TRANSITIVE, LOCAL_PREF, struct.pack("!I", value))


def mp_reach_value(afi, hops, *prefixes, safi=UNICAST):
    return (struct.pack("!HBB", afi, safi, len(hops)) + hops + b"\0" + prefix_bytes(*prefixes))


def mp_reach(afi, hops, *prefixes, **options):
    return attribute(OPTIONAL, MP_REACH, mp_reach_value(afi, hops, *prefixes, **options))


def mp_unreach(afi, *prefixes, safi=UNICAST):
    return attribute(OPTIONAL, MP_UNREACH,
                     struct.pack("!HB", afi, safi) + prefix_bytes(*prefixes))


def update(attributes=b"", announced=b"", withdrawn=b"", withdrawn_length=None,
           attributes_length=None):
    """An UPDATE; the two lengths can lie."""
    if withdrawn_length is None:
        withdrawn_length = len(withdrawn)
    if attributes_length is None:
        attributes_length = len(attributes)
    return message(UPDATE, struct.pack("!H", withdrawn_length) + withdrawn
                   + struct.pack("!H", attributes_length) + attributes + announced)


def refresh(afi, safi=UNICAST, subtype=0):
    return message(ROUTE_REFRESH, struct.pack("!HBB", afi, subtype, safi))


def notification(code, subcode=0, data=b""):
    return message(NOTIFICATION, bytes([code, subcode]) + data)


# What comes back


class Reader:
    """Takes bytes apart; reading past the end is an AssertionError."""

    def __init__(self, data):
        self.data = data

    def take(self, count):
        assert len(self.data) >= count, f"{count} octets wanted of {self.data.hex()}"
        taken, self.data = self.data[:count], self.data[count:]
        return taken

    def number(self, size):
        return int.from_bytes(self.take(size), "big")

    def prefixes(self, afi, with_paths=False):
        """Prefixes, or pairs of a prefix and its Path Identifier."""
        size, found = (4 if afi == IPV4 else 16), []
        while self.data:
            path_id = self.number(4) if with_paths else None
            length = self.number(1)
            octets = self.take((length + 7) // 8)
            packed = octets + bytes(size - len(octets))
            prefix = str(ipaddress.ip_network((packed, length)))
            found.append((prefix, path_id) if with_paths else prefix)
        return found


@dataclasses.dataclass
class Route:
    """What an UPDATE says of the prefixes that it announces."""

    attributes: dict    # type -> (flags, value), without the MP ones
    next_hop: bytes
    size: int = 4       # of an AS number

    def flags(self, kind):
        return self.attributes[kind][0]

    def value(self, kind):
        return self.attributes[kind][1]

    def asns(self, kind=AS_PATH):
        """A path of sequences, as one list."""
        reader, found = Reader(self.value(kind)), []
        size = 4 if kind == AS4_PATH else self.size
        while reader.data:
            assert reader.number(1) == SEQUENCE
            found += [reader.number(size) for _ in range(reader.number(1))]
        return found


def parse_attributes(data):
    reader, found = Reader(data), {}
    while reader.data:
        flags, kind = reader.number(1), reader.number(1)
        value = reader.take(reader.number(2 if flags & EXTENDED else 1))
        assert kind not in found, f"attribute {kind} twice"
        found[kind] = flags & ~EXTENDED, value
    return found


def check_form(kinds, withdrawn, announced):
    """RFC 7606 5.1: one place for prefixes, the MP attribute first; RFC 4271 5: then by type."""
    places = [place for place in (MP_REACH, MP_UNREACH) if place in kinds]
    assert len(places) + bool(withdrawn) + bool(announced) <= 1, "prefixes in several places"
    others = [kind for kind in kinds if kind not in places]
    assert kinds == places + sorted(others), f"attributes in the order {kinds}"


def check_flags(attributes):
    """RFC 4271 4.3: well-known ones are transitive, and Partial is for optional transitive ones."""
    for kind, (flags, _) in attributes.items():
        assert not flags & 0x0f
        assert flags & OPTIONAL or flags == TRANSITIVE, f"attribute {kind}: flags {flags:#x}"
        assert flags & TRANSITIVE or not flags & PARTIAL, f"attribute {kind}: flags {flags:#x}"


def check_path(attribute_, size):
    """A path is whole segments, of AS numbers other than 0."""
    reader = Reader(attribute_[1] if attribute_ else b"")
    while reader.data:
        assert reader.number(1) in (SET, SEQUENCE)
        count = reader.number(1)
        assert count and all([reader.number(size) for _ in range(count)])


def parse_capabilities(body):
    """The (code, value) pairs of an OPEN's body in the plain form."""
    reader, found = Reader(body), []
    reader.take(9)
    assert reader.number(1) == len(reader.data)
    while reader.data:
        assert reader.number(1) == 2
        value = Reader(reader.take(reader.number(1)))
        while value.data:
            code = value.number(1)
            found.append((code, value.take(value.number(1))))
    return found


class Closed(Exception):
    """The other side has closed the connection."""


@contextlib.contextmanager
def inside(host):
    """Sockets that are opened in this block belong to the host's namespace, for good."""
    libc = ctypes.CDLL(None, use_errno=True)

    def enter(fd):
        if libc.setns(fd, 0x40000000):  # CLONE_NEWNET
            raise OSError(ctypes.get_errno(), "setns")

    here = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    there = os.open(f"/run/netns/{host.namespace}", os.O_RDONLY)
    try:
        enter(there)
        try:
            yield
        finally:
            enter(here)
    finally:
        os.close(there)
        os.close(here)


def family_of(address):
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def listen(host, address):
    """A socket that waits for kbgpd's own connection."""
    with inside(host):
        listener = socket.socket(family_of(address), socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((address, PORT))
    listener.listen()
    listener.settimeout(PATIENCE)
    return listener


def sign(sock, remote, password):
    """RFC 2385: segments to and from this IPv4 address have a digest."""
    key = password.encode()
    # struct tcp_md5sig: sockaddr_storage, flags, prefix length, key length, interface, key.
    address = struct.pack("=HH4s", socket.AF_INET, 0, address_bytes(remote)).ljust(128, b"\0")
    sock.setsockopt(socket.IPPROTO_TCP, 14,  # TCP_MD5SIG
                    address + struct.pack("=BBHi80s", 0, 0, len(key), 0, key))


def connect(host, address, remote, receive_buffer=None, password=None, options=(),
            patience=PATIENCE):
    """A connection to kbgpd from this address of the host; options: (level, name, value)."""
    with inside(host):
        sock = socket.socket(family_of(address), socket.SOCK_STREAM)
    if receive_buffer:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    for option in options:
        sock.setsockopt(*option)
    if password:
        sign(sock, remote, password)
    sock.settimeout(patience)
    sock.bind((address, 0))
    sock.connect((remote, PORT))
    return sock


def solicit_routers(host, interface):
    """Asks for a router advertisement (RFC 4861 4.1), as a host that has just come would."""
    with inside(host):
        sock = socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6)
        scope = socket.if_nametoindex(interface)
    with sock:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, 255)
        sock.sendto(bytes([133, 0, 0, 0, 0, 0, 0, 0]), ("ff02::2", 0, 0, scope))


class Neighbour:
    """One connection, and the routes that have come over it."""

    def __init__(self, sock, asn, identifier, address=None):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sock, self.asn, self.identifier, self.address = sock, asn, identifier, address
        self.internal = False   # of kbgpd's AS
        self.input = b""
        self.size = 4           # of an AS number, once OPENs are exchanged
        self.longest = 4096     # octets of a message, once OPENs are exchanged
        self.paths = ()         # the AFIs whose prefixes come with a Path Identifier
        self.open = None        # body of kbgpd's OPEN
        self.routes = {}        # prefix -> Route
        self.announced = []     # every prefix, in the order in which they came
        self.withdrawn = []     # likewise
        self.ended = []         # AFI of each End-of-RIB
        self.updates = 0        # messages

    def close(self):
        self.sock.close()

    def send(self, *messages):
        self.sock.settimeout(PATIENCE)
        self.sock.sendall(b"".join(messages))

    # Messages in

    def _read(self, end):
        left = end - time.monotonic()
        if left <= 0:
            raise TimeoutError(f"{self.address}: no message in time")
        self.sock.settimeout(left)
        try:
            data = self.sock.recv(1 << 16)
        except ConnectionResetError as error:
            raise Closed("reset") from error
        if not data:
            raise Closed("end of stream")
        self.input += data

    def receive(self, patience=PATIENCE):
        """The next message: (type, body).  TimeoutError or Closed if there is none."""
        end = time.monotonic() + patience
        while len(self.input) < HEADER:
            self._read(end)
        assert self.input[:16] == MARKER
        length, kind = struct.unpack("!HB", self.input[16:HEADER])
        assert HEADER <= length <= self.longest and kind in NAMES
        while len(self.input) < length:
            self._read(end)
        body, self.input = self.input[HEADER:length], self.input[length:]
        if kind == UPDATE:
            self._take_update(body)
        return kind, body

    def expect(self, kind, patience=PATIENCE):
        """The body of the next message, which is of this type."""
        got, body = self.receive(patience)
        assert got == kind, f"{NAMES[got]} {body.hex()} in place of {NAMES[kind]}"
        return body

    def expect_notification(self, code, subcode, data=b"", patience=PATIENCE):
        """A NOTIFICATION and the end; the UPDATEs and KEEPALIVEs before it are passed over."""
        kind = None
        while kind != NOTIFICATION:
            kind, body = self.receive(patience)
            assert kind in (UPDATE, KEEPALIVE, NOTIFICATION), NAMES[kind]
        got, wanted = (body[0], body[1], body[2:].hex()), (code, subcode, data.hex())
        assert got == wanted, f"NOTIFICATION {got} in place of {wanted}"
        self.expect_close()

    def expect_close(self):
        """The other side closes, without another word and without a reset."""
        try:
            kind, body = self.receive()
        except Closed as error:
            assert str(error) == "end of stream"
            return
        raise AssertionError(f"{NAMES[kind]} {body.hex()} in place of the end")

    def stays_silent(self, seconds):
        """Nothing comes in this time."""
        try:
            kind, body = self.receive(seconds)
        except TimeoutError:
            return
        raise AssertionError(f"{NAMES[kind]} {body.hex()} in place of silence")

    def read_until(self, condition, what="", patience=PATIENCE):
        """Reads UPDATEs until condition() holds; KEEPALIVEs are passed over."""
        end = time.monotonic() + patience
        while not condition():
            try:
                kind, body = self.receive(end - time.monotonic())
            except (TimeoutError, Closed) as error:
                raise AssertionError(f"{what or 'the condition'}: {error!r}") from error
            assert kind in (UPDATE, KEEPALIVE), f"{NAMES[kind]} {body.hex()}"

    def wait_route(self, prefix):
        """The route as it came, sooner or later."""
        self.read_until(lambda: prefix in self.routes, f"{prefix} at {self.address}")
        return self.routes[prefix]

    def wait_withdrawn(self, prefix):
        self.read_until(lambda: prefix not in self.routes,
                        f"withdrawal of {prefix} at {self.address}")

    def stays_without(self, prefix, seconds=0.2):
        """The route does not come in this time."""
        with contextlib.suppress(TimeoutError):
            end = time.monotonic() + seconds
            while True:
                self.receive(end - time.monotonic())
                assert prefix not in self.routes
        assert prefix not in self.routes

    def _take_update(self, body):
        self.updates += 1
        reader = Reader(body)
        with_paths = IPV4 in self.paths
        withdrawn = Reader(reader.take(reader.number(2))).prefixes(IPV4, with_paths)
        attributes = parse_attributes(reader.take(reader.number(2)))
        announced = reader.prefixes(IPV4, with_paths)
        check_form(list(attributes), withdrawn, announced)
        check_flags(attributes)
        if not withdrawn and not attributes and not announced:
            self.ended.append(IPV4)
        reach, unreach = attributes.pop(MP_REACH, None), attributes.pop(MP_UNREACH, None)
        hops = attributes[NEXT_HOP][1] if NEXT_HOP in attributes else b""
        check_path(attributes.get(AS_PATH), self.size)
        check_path(attributes.get(AS4_PATH), 4)
        if unreach:
            assert unreach[0] == OPTIONAL
            reader = Reader(unreach[1])
            afi, safi = reader.number(2), reader.number(1)
            assert safi == UNICAST
            if not reader.data and not attributes:
                self.ended.append(afi)
            withdrawn += reader.prefixes(afi, afi in self.paths)
        if reach:
            assert reach[0] == OPTIONAL
            reader = Reader(reach[1])
            afi, safi = reader.number(2), reader.number(1)
            assert safi == UNICAST
            hops = reader.take(reader.number(1))
            assert reader.number(1) == 0
            announced += reader.prefixes(afi, afi in self.paths)
        self._take_prefixes(withdrawn, announced, Route(attributes, hops, self.size))

    def _take_prefixes(self, withdrawn, announced, route):
        for prefix in withdrawn:
            self.routes.pop(prefix, None)
            self.withdrawn.append(prefix)
        for prefix in announced:
            self.routes[prefix] = route
            self.announced.append(prefix)

    # The way up

    def capabilities(self):
        return usual_capabilities(self.asn)

    def open_message(self, hold=0, capabilities=None, **options):
        capabilities = self.capabilities() if capabilities is None else capabilities
        parameters = parameter(capabilities) if capabilities else b""
        return message(OPEN, open_body(self.asn, self.identifier, hold, parameters, **options))

    def to_open_sent(self):
        """kbgpd's OPEN is here."""
        self.open = self.expect(OPEN)
        return self

    def to_open_confirm(self, **options):
        """kbgpd has our OPEN, and has said so."""
        self.to_open_sent()
        self.send(self.open_message(**options))
        self.expect(KEEPALIVE)
        return self

    def to_established(self, families=(IPV4, IPV6), size=4, longest=4096, paths=(), **options):
        """Established, and the first table is complete."""
        self.to_open_confirm(**options)
        self.size, self.longest, self.paths = size, longest, paths
        self.send(message(KEEPALIVE))
        self.read_until(lambda: set(self.ended) >= set(families), "End-of-RIB")
        return self

    # Routes out

    def attributes(self, *more, path=None):
        """The mandatory attributes of IPv4, and more."""
        if path is None:
            path = [] if self.internal else [self.asn]
        return (origin() + as_path(*path, size=self.size) + next_hop(self.address)
                + (local_pref() if self.internal else b"") + b"".join(more))

    def announce(self, *prefixes, more=b"", path=None):
        self.send(update(self.attributes(more, path=path), prefix_bytes(*prefixes)))

    def withdraw(self, *prefixes):
        self.send(update(withdrawn=prefix_bytes(*prefixes)))
