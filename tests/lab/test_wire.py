"""kbgpd against a scripted neighbour that says anything, in any portions, at any time.

What the RFCs ask for stands in test_rfc*.py, found by tests/rfcs.md; see wire.py for the lab.
"""

import contextlib
import os
import random
import struct

import pytest

import scripted
from lab import CommandFailed, wait_until
from scripted import (
    AGGREGATOR, AS4_AGGREGATOR, AS4_PATH, AS_PATH, ATOMIC_AGGREGATE, BOTH, COMMUNITIES, EXTENDED,
    EXTENDED_COMMUNITIES, IPV4, IPV6, KEEPALIVE, LARGE_COMMUNITIES, MED, NEXT_HOP, OPEN, OPTIONAL,
    ORIGIN, SEQUENCE, SET, TRANSITIVE, UPDATE, address_bytes, attribute, message, multiprotocol,
    next_hop, notification, open_body, origin, prefix_bytes, refresh, segment, update)
from wire import *  # noqa: F401,F403  (the fixtures)
from wire import KEEP, NODE, NODE_ASN, OWN, STATES, WIDE, Ground, address_of


# Connections


def test_many_connections_in_a_row(ground):
    """The last one counts; nothing is left of the others."""
    number = ground.take("ebgp")
    neighbours = [ground.neighbour("ebgp", number) for _ in range(30)]
    neighbours[-1].to_established()
    for neighbour in neighbours[:-1]:
        with pytest.raises(scripted.Closed):
            while True:
                neighbour.receive()
    assert ground.peer(neighbours[0])["state"] == "Established"


def test_connection_that_the_neighbour_gives_up(ground):
    """The other one is not harmed."""
    number = ground.take("active")
    with scripted.listen(ground.host, address_of("active", number)) as listener:
        theirs = ground.keep(listener.accept()[0], "active", number)
    ours = ground.neighbour("active", number)
    theirs.to_open_sent()
    theirs.close()
    ours.to_established()


def test_close_without_a_word(ground, pair, state):
    observer, neighbour = pair[1], ground.neighbour()
    STATES[state](neighbour)
    if state == "Established":
        neighbour.announce(neighbour.prefix)
        observer.wait_route(neighbour.prefix)
    neighbour.close()
    wait_until(lambda: ground.peer(neighbour)["state"] != state, "the end")
    if state == "Established":
        observer.wait_withdrawn(neighbour.prefix)
        assert ground.peer(neighbour)["flaps"] == 1


# The stream


def test_one_byte_at_a_time(ground, pair):
    neighbour = ground.neighbour()
    stream = (neighbour.open_message() + KEEP + update(neighbour.attributes(),
                                                       prefix_bytes(neighbour.prefix)))
    for byte in stream:
        neighbour.send(bytes([byte]))
    pair[1].wait_route(neighbour.prefix)


def test_64_kilobytes_of_keepalives_at_once(ground):
    neighbour = ground.established()
    count = 65536 // len(KEEP)
    neighbour.send(KEEP * count)
    wait_until(lambda: ground.peer(neighbour)["messages"]["received"]["keepalive"] == count + 1,
               "the KEEPALIVEs")


def test_64_kilobytes_of_updates_at_once(ground, pair):
    neighbour, observer = pair
    prefixes = [f"10.200.{a}.{b}/32" for a in range(4) for b in range(250)]
    neighbour.send(*(update(neighbour.attributes(), prefix_bytes(prefix))
                     for prefix in prefixes), update(withdrawn=prefix_bytes(*prefixes[:700])))
    observer.read_until(lambda: {prefix for prefix in observer.routes
                                 if prefix.startswith("10.200.")} == set(prefixes[700:]))


def test_everything_at_once_and_a_bad_message_in_the_end(ground, pair):
    """What stands before it counts."""
    observer, neighbour = pair[1], ground.neighbour()
    neighbour.send(neighbour.open_message() + KEEP
                   + update(neighbour.attributes(), prefix_bytes(neighbour.prefix))
                   + message(KEEPALIVE, length=18) + bytes(100))
    neighbour.to_open_sent().expect_notification(1, 2, b"\0\x12")
    observer.read_until(lambda: neighbour.prefix not in observer.routes, "nothing is left")


def test_notification_is_not_lost_behind_a_flood(ground):
    """Input that nobody reads would make the kernel reset the connection."""
    neighbour = ground.established()
    neighbour.send(message(KEEPALIVE, length=18), bytes(300000))
    neighbour.expect_notification(1, 2, b"\0\x12")


# Messages


def test_route_as_it_is_sent(ground):
    """No attribute more than is needed."""
    assert ground.established().routes["10.2.0.0/24"].attributes == {
        ORIGIN: (TRANSITIVE, b"\0"), AS_PATH: (TRANSITIVE, segment(SEQUENCE, NODE_ASN)),
        NEXT_HOP: (TRANSITIVE, address_bytes(NODE))}


def test_a_message_of_4096_octets(ground, pair):
    neighbour, observer = pair
    base = neighbour.attributes()
    room = 4096 - 23 - len(base) - len(prefix_bytes(neighbour.prefix)) - 4
    neighbour.send(update(base + attribute(BOTH | EXTENDED, COMMUNITIES,
                                           bytes(room // 4 * 4)), prefix_bytes(neighbour.prefix)))
    wait_until(lambda: ground.peer(neighbour)["families"]["ipv4"]["accepted"] == 1, "the route")
    # A second AS number does not fit any more: it cannot be sent, and harms nobody.
    neighbour.announce("10.173.0.0/24")
    observer.wait_route("10.173.0.0/24")


# Anything


def some_attributes(dice, neighbour):
    """Attributes of every kind, each there or not, with lists of any length."""
    size, top = neighbour.size, 256 ** neighbour.size - 1

    def numbers(count, width, limit=None):
        return b"".join(dice.randint(1, limit or 256 ** width - 1).to_bytes(width, "big")
                        for _ in range(count))

    path = segment(SEQUENCE, neighbour.asn, size=size) + b"".join(
        bytes([dice.choice((SEQUENCE, SEQUENCE, SET)), count]) + numbers(count, size, top)
        for count in (dice.randint(1, 200) for _ in range(dice.randint(1, 3))))
    more = [
        attribute(OPTIONAL, MED, numbers(1, 4)),
        attribute(TRANSITIVE, ATOMIC_AGGREGATE, b""),
        attribute(BOTH, AGGREGATOR, numbers(1, size) + numbers(1, 4)),
        attribute(BOTH | EXTENDED, COMMUNITIES, numbers(dice.randint(1, 90), 4)),
        attribute(BOTH | EXTENDED, EXTENDED_COMMUNITIES, numbers(dice.randint(1, 40), 8)),
        attribute(BOTH | EXTENDED, LARGE_COMMUNITIES, numbers(dice.randint(1, 20), 12)),
        attribute(BOTH, AS4_PATH, segment(SEQUENCE, WIDE, 65010)),
        attribute(BOTH, AS4_AGGREGATOR, numbers(2, 4)),
        attribute(BOTH | EXTENDED, dice.randint(100, 255), bytes(dice.randint(0, 300))),
    ]
    chosen = [origin(dice.randint(0, 2)),
              attribute(TRANSITIVE | EXTENDED, AS_PATH, path),
              next_hop(neighbour.address),
              *dice.sample(more, dice.randint(0, len(more)))]
    dice.shuffle(chosen)
    return b"".join(chosen)


def spoil(dice, data):
    """One octet is another, one time in three."""
    if dice.random() > 0.3:
        return data
    at = dice.randrange(len(data))
    return data[:at] + bytes([dice.randrange(256)]) + data[at + 1:]


def survives(ground, neighbour, count):
    """Whether the session stands when kbgpd has taken these UPDATEs, all that it brought."""
    def result():
        peer = ground.peer(neighbour)
        if peer["state"] != "Established":
            return "no"
        return "yes" if peer["messages"]["received"]["update"] == count else ""
    return wait_until(result, "UPDATEs taken") == "yes"


@pytest.mark.parametrize("seed", range(8))
def test_what_is_passed_on_is_well_formed(ground, seed):
    """Whatever comes in; Neighbour takes apart strictly what goes out, in both forms."""
    dice, sent = random.Random(seed), 0
    old = {"capabilities": multiprotocol(IPV4), "families": [IPV4], "size": 2}
    observers = [ground.established("observer"), ground.neighbour("observer").to_established(**old)]
    neighbour, count = ground.established(**(old if seed % 2 else {})), 0
    end = f"10.180.{seed}.0/24"
    while sent < 150:
        try:
            for _ in range(10):
                prefixes = prefix_bytes(*(f"10.{181 + seed}.{dice.randrange(64)}.0/24"
                                          for _ in range(dice.randint(1, 20))))
                neighbour.send(update(spoil(dice, some_attributes(dice, neighbour)), prefixes))
                sent, count = sent + 1, count + 1
            good = survives(ground, neighbour, count)
        except OSError:
            good = False
        if not good:    # it was too bad for this session
            neighbour, count = ground.established(**(old if seed % 2 else {})), 0
    neighbour.announce(end)
    for observer in observers:
        route = observer.wait_route(end)
        assert route.asns() == [NODE_ASN, neighbour.asn]
        assert observer.updates > 30
    neighbour.close()
    for observer in observers:
        observer.wait_withdrawn(end)


class Chaos:
    """Neighbours that do anything at any time; what kbgpd answers is thrown away."""

    def __init__(self, ground, seed, kinds):
        self.ground, self.dice = ground, random.Random(seed)
        self.names = [(kind, number) for kind, count in kinds.items()
                      for number in range(1, count + 1)]
        self.listeners = {number: scripted.listen(ground.host, address_of(kind, number))
                          for kind, number in self.names if kind == "active"}
        for listener in self.listeners.values():
            listener.settimeout(0)

    def says(self, neighbour):
        prefixes = prefix_bytes(neighbour.prefix, "10.190.0.0/24")
        return self.dice.choice((
            neighbour.open_message(), neighbour.open_message() + KEEP, KEEP, KEEP, KEEP,
            update(neighbour.attributes(), prefixes), update(withdrawn=prefixes), update(),
            update(neighbour.attributes()[5:], prefixes), refresh(IPV4), refresh(IPV6),
            notification(6, 2), notification(6, 7), message(KEEPALIVE, length=18),
            message(UPDATE, bytes(10)), message(UPDATE, length=300), b"\xff",
            message(OPEN, open_body(1, "10.1.1.1"))))

    def accepts(self):
        for number, listener in self.listeners.items():
            with contextlib.suppress(BlockingIOError):
                self.ground.keep(listener.accept()[0], "active", number)

    def steps(self, count):
        dice, connections = self.dice, self.ground.open
        for _ in range(count):
            choice = dice.random()
            if choice < 0.15 and len(connections) < 40:
                self.ground.neighbour(*dice.choice(self.names))
            elif choice < 0.25 and connections:
                connections.pop(dice.randrange(len(connections))).close()
            elif choice < 0.28:
                with contextlib.suppress(CommandFailed):    # one that is shut down is not cleared
                    self.ground.kbgpd.ctl_text(dice.choice(("clear", "shutdown", "enable")),
                                               "".join(map(str, dice.choice(self.names))))
            elif connections:
                neighbour = dice.choice(connections)
                try:
                    neighbour.send(self.says(neighbour))
                except OSError:
                    connections.remove(neighbour)
                    neighbour.close()
            self.accepts()


@pytest.mark.parametrize("seed", range(2))
def test_anything_in_any_order(own_lab, build, seed):
    """And in the end every neighbour that behaves has a session, and a complete table."""
    kinds = {"ebgp": 4, "active": 4}
    ground = Ground(own_lab, build, kinds)
    chaos = Chaos(ground, seed, kinds)
    chaos.steps(1500)
    for listener in chaos.listeners.values():
        listener.close()
    ground.clean()
    for kind, number in chaos.names:
        ground.kbgpd.ctl_text("enable", f"{kind}{number}")

    def comes_up(kind, number):
        neighbour = ground.neighbour(kind, number)
        try:
            return set(neighbour.to_established().routes) >= OWN
        except (scripted.Closed, OSError):
            neighbour.close()
            return False

    for name in chaos.names:
        wait_until(lambda name=name: comes_up(*name), f"session of {name}")


def resident_kilobytes(process):
    """Of the process that nsenter became."""
    with open(f"/proc/{process.popen.pid}/status", encoding="ascii") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))


def test_neighbour_that_reads_nothing(own_lab, build):
    """It delays nobody, costs no memory as routes change, and has the right table in the end."""
    options = ":".join(filter(None, [os.environ.get("ASAN_OPTIONS"), "quarantine_size_mb=1"]))
    ground = Ground(own_lab, build, {"ebgp": 1, "observer": 2}, {"ASAN_OPTIONS": options})
    neighbour, reader = ground.established(), ground.established("observer")
    stalled = ground.neighbour("observer", receive_buffer=4096).to_established()
    prefixes = [f"10.{200 + a}.{b}.0/24" for a in range(4) for b in range(128)]

    def has_come(routes, prefix, generation):
        return prefix in routes and routes[prefix].value(99)[:2] == struct.pack("!H", generation)

    def change(generation):
        """Every route anew, each in a message of 3 kB."""
        more = attribute(BOTH | EXTENDED, 99, struct.pack("!H", generation) * 1500)
        for at, prefix in enumerate(prefixes):
            neighbour.announce(prefix, more=more, path=[neighbour.asn, 1000 + at])
        for prefix in prefixes:
            reader.read_until(lambda prefix=prefix: has_come(reader.routes, prefix, generation),
                              f"generation {generation} of {prefix}")

    for generation in range(1, 6):
        change(generation)
    before = resident_kilobytes(ground.kbgpd.process)
    for generation in range(6, 26):     # of 1.5 MB each
        change(generation)
    grown = resident_kilobytes(ground.kbgpd.process) - before
    assert grown < 10 << 10, f"{grown} kB more"
    assert ground.peer(stalled)["queuedBytes"] > 0
    for prefix in prefixes:
        stalled.read_until(lambda prefix=prefix: has_come(stalled.routes, prefix, 25), prefix)
    # What it missed meanwhile was never sent.
    assert stalled.updates < 15 * len(prefixes)


# Attributes that an operator strips


def test_attributes_are_stripped_at_import(ground):
    neighbour, observer = ground.established("stripped"), ground.established("observer")
    neighbour.announce(neighbour.prefix, more=attribute(BOTH, COMMUNITIES, bytes(4))
                       + attribute(BOTH, 99, b"x") + attribute(BOTH, 100, b"y"))
    route = observer.wait_route(neighbour.prefix)
    assert not {COMMUNITIES, 99} & set(route.attributes) and 100 in route.attributes


def test_malformed_attribute_that_is_stripped_is_not_looked_at(ground):
    neighbour, observer = ground.established("stripped"), ground.established("observer")
    neighbour.announce(neighbour.prefix, more=attribute(BOTH, COMMUNITIES, b"x"))
    observer.wait_route(neighbour.prefix)
