"""Anything happens to the kernel and the neighbours, in any order; then both sides are compared.

What the kernel should have is worked out here anew, from what kbgpctl says of the paths and from
the kernel's own links, addresses, rules and routes of others: to the route, hop by hop.

KBGPD_LAB_SEED repeats a run, KBGPD_LAB_SECONDS says how long one takes.
"""

import ipaddress
import os
import random
import time

from fib import (
    METRIC, PROTOCOL, Ground, address_of, check_objects, delete_routes, is_ipv6,
    kernel_objects, kernel_routes)
from lab import PATIENCE, full_prefix, wait_until

SECONDS = float(os.environ.get("KBGPD_LAB_SECONDS", "60"))
SEED = int(os.environ.get("KBGPD_LAB_SEED", random.randrange(1 << 30)))
ROUTERS = ("r1", "r2", "r3")
PREFIXES = [f"10.7.{number}.0/24" for number in range(6)] + [
    f"2001:db8:7{number}::/48" for number in range(6)] + ["10.7.77.1/32"]
# Next hops behind these are recursive ones: through routes of others or of our own.
NETWORKS = ["10.9.0.0/24", "10.9.1.0/24", "2001:db8:f0::/48", "2001:db8:f1::/48"]


def inside(network):
    """An address in a network."""
    return str(ipaddress.ip_network(network)[9])


# What the kernel should have


class Model:
    """The kernel's tables and rules as they are now, and how they lead to a next hop."""

    def __init__(self, ground, paths):
        node = ground.node
        self.links = {link["ifname"]: link for link in node.ip_json("link show")}
        self.addresses = {address["local"] for link in node.ip_json("address show")
                          for address in link["addr_info"]}
        self.rules = {version: node.ip_json(f"-{version} rule show") for version in (4, 6)}
        self.routes = {}  # (IP version, table) -> [(network, metric, route)]
        for route in kernel_routes(node, "table all"):
            if int(route.get("protocol", 0)) == PROTOCOL:
                continue
            network = ipaddress.ip_network(route["prefix"])
            table = int(route.get("table", 254))
            self.routes.setdefault((network.version, table), []).append(
                (network, route.get("metric", 0), route))
        self.foreign = {(full_prefix(route["prefix"]), route.get("metric", 0))
                        for route in kernel_routes(node, "table main")
                        if int(route.get("protocol", 0)) != PROTOCOL}
        self.paths = {}
        for path in paths:
            if path["state"] in ("best", "multipath"):
                self.paths.setdefault(path["prefix"], []).append(path)

    def usable(self, route):
        """The first way of a route whose link works."""
        for hop in route.get("nexthops", [route]):
            link = self.links.get(hop.get("dev"))
            if link and "UP" in link["flags"] and "LOWER_UP" in link["flags"]:
                return hop
        return None

    def tables(self, address):
        """The tables that the rules name for an address, in order; None: it is refused."""
        target = ipaddress.ip_address(address)
        for rule in sorted(self.rules[target.version], key=lambda each: each["priority"]):
            length = rule.get("dstlen", target.max_prefixlen)
            if "dst" in rule and target not in ipaddress.ip_network(f"{rule['dst']}/{length}"):
                continue
            yield int(rule["table"]) if "table" in rule else None

    def longest(self, address, table):
        """The kernel's choice among routes of others in a table: (network, metric, route)."""
        target = ipaddress.ip_address(address)
        found = [each for each in self.routes.get((target.version, table), ())
                 if target in each[0]]
        return min(found, key=lambda each: (-each[0].prefixlen, each[1]), default=None)

    def resolve(self, address, outer):
        """(gateway, interface) to a next hop of the prefix `outer`, or None."""
        if address in self.addresses:
            return None
        for table in self.tables(address):
            if table is None:
                return None
            if table == 255:
                continue
            theirs = self.longest(address, table)
            ours = self.own(address, outer) if outer and table == 254 else None
            if ours and (not theirs or (-ours[0], METRIC) < (-theirs[0].prefixlen, theirs[1])):
                return ours[1]
            if theirs:
                return self.by_route(address, theirs[2])
        return None

    def by_route(self, address, route):
        if route.get("type", "unicast") not in ("unicast", "1"):
            return None
        hop = self.usable(route)
        return hop and (hop.get("gateway", address), hop["dev"])

    def own(self, address, outer):
        """Our longest route to an address: (length of its prefix, the hop of its best path)."""
        target = ipaddress.ip_address(address)
        for prefix in sorted(self.paths, key=lambda each: -ipaddress.ip_network(each).prefixlen):
            network = ipaddress.ip_network(prefix)
            if prefix == outer or network.version != target.version or target not in network:
                continue
            if (prefix, METRIC) in self.foreign:
                continue
            for path in self.paths[prefix]:
                way = self.resolve(path["nextHop"], None)
                if way:
                    return network.prefixlen, way
        return None

    def hops(self, prefix):
        """Where a prefix of the RIB leads to: a set of (gateway, interface)."""
        ways = {self.resolve(path["nextHop"], prefix) for path in self.paths[prefix]}
        return ways - {None}

    def is_refused(self, hops):
        """The kernel takes no new route by a gateway whose link's own route is gone."""
        def is_on_link(gateway, interface):
            target = ipaddress.ip_address(gateway)
            return any(target in network and route.get("dev") == interface
                       and "gateway" not in route
                       for network, _, route in self.routes.get((target.version, 254), ()))
        return not all(is_on_link(*hop) for hop in hops)


def differences(ground):
    """What of the kernel is not as it should be, and the hops of routes that it refuses."""
    paths = ground.kbgpd.ctl("routes")
    model = Model(ground, paths)
    wanted = {}
    for prefix in model.paths:
        hops = model.hops(prefix)
        own = ipaddress.ip_network(prefix)[0].exploded in model.addresses
        if hops and not own and (prefix, METRIC) not in model.foreign:
            wanted[prefix] = hops
    found = {}
    for route in kernel_routes(ground.node, f"table all proto {PROTOCOL}"):
        if route.get("metric") == METRIC and int(route.get("table", 254)) == 254:
            found[route["prefix"]] = {hop[:2] for hop in route["hops"]}
    refused = {prefix for prefix, hops in wanted.items() if model.is_refused(hops)}
    problems = [f"{prefix}: {found.get(prefix)} in place of {wanted.get(prefix)}"
                for prefix in sorted({*wanted, *found} - refused)
                if wanted.get(prefix) != found.get(prefix)]
    for row in ground.kbgpd.ctl("fib"):
        hops = {(hop["address"] or "", hop["interface"]) for hop in row["nextHops"]}
        if row["metric"] != METRIC or row.get("backup") or row["prefix"] in refused:
            continue
        conflict = (row["prefix"], METRIC) in model.foreign
        if row["state"] != ("failed" if conflict else "installed"):
            problems.append(f"shown: {row}")
        if not conflict and hops != wanted.get(row["prefix"]):
            problems.append(f"shown: {row} in place of {wanted.get(row['prefix'])}")
    waiting = set().union(*(wanted[prefix] for prefix in refused))
    return problems + held(ground, paths), waiting


def held(ground, paths):
    """What kbgpctl says of the neighbours' routes, against what they have announced."""
    announced = {(speaker.name, prefix) for speaker in ground.speakers if speaker.sock
                 for prefix in speaker.held}
    known = {(path["peer"], path["prefix"]) for path in paths}
    return [f"paths that are wrong: {sorted(announced ^ known)}"] if announced != known else []


# What happens


class Chaos:
    """Random events; each leaves the node in a state that calm() brings to rest."""

    def __init__(self, ground, seed):
        self.ground, self.random = ground, random.Random(seed)
        self.done = []

    def run(self, words):
        self.ground.node.succeeds("ip", *words.split())
        self.done.append(f"ip {words}")

    def router(self):
        return self.random.choice(ROUTERS)

    def prefix(self):
        return self.random.choice(PREFIXES)

    def hop(self, prefix):
        """A next hop of the family of a prefix; now and then of the other, or of none."""
        choice = self.random.random()
        networks = [each for each in NETWORKS if is_ipv6(each) == is_ipv6(prefix)]
        # Chains and loops have cases of their own: there the way depends on the whole decision.
        if choice < 0.55 or (choice < 0.85 and prefix in NETWORKS):
            return address_of(self.router(), prefix)
        if choice < 0.85:
            return inside(self.random.choice(networks))
        if choice < 0.95 and not is_ipv6(prefix):
            return address_of(self.router(), NETWORKS[-1])
        return "2001:db8:dead::1" if is_ipv6(prefix) else "192.0.2.77"

    def speaker(self):
        return self.random.choice(self.ground.speakers)

    def announce(self):
        speaker = self.speaker()
        for prefix in self.random.sample(PREFIXES + NETWORKS, self.random.randint(1, 6)):
            hop = self.hop(prefix)
            local_pref = self.random.choice((100, 100, 100, 200))
            self.done.append(f"{speaker.name} announces {prefix} by {hop}, {local_pref}")
            if prefix in speaker.held and not is_ipv6(prefix):
                speaker.unsay(prefix)
            speaker.say(prefix, hop, local_pref=local_pref)

    def withdraw(self):
        speaker = self.speaker()
        for prefix in self.random.sample(sorted(speaker.held), len(speaker.held) // 3):
            self.done.append(f"{speaker.name} withdraws {prefix}")
            speaker.unsay(prefix)

    def peer(self):
        speaker = self.speaker()
        self.done.append(f"{speaker.name} {'goes' if speaker.sock else 'comes'}")
        if speaker.sock:
            speaker.go()
        else:
            speaker.come()

    def link(self):
        router = self.router()
        way = self.random.choice(("down", "up", "up"))
        if self.random.random() < 0.5:
            self.run(f"link set dev {router} {way}")
        else:
            self.done.append(f"the other end of {router} {way}")
            self.ground.routers[router].ip(f"link set dev node {way}")

    def flap(self):
        """Down and up before anybody has looked."""
        router = self.router()
        self.run(f"link set dev {router} down")
        self.run(f"link set dev {router} up")

    def address(self):
        number = self.random.choice("123")
        address = self.random.choice((f"10.0.{number}.2/24", f"2001:db8:0:{number}::2/64"))
        if self.random.random() < 0.4:
            self.run(f"address del {address} dev r{number}")
        else:
            self.run(f"address replace {address} dev r{number} nodad")

    def own_address(self):
        """An address that somebody announces becomes this node's own, and is none again."""
        self.run(f"address {self.random.choice(('add', 'del', 'del'))} {PREFIXES[-1]} dev lo")

    def route_to_next_hop(self):
        network = self.random.choice(NETWORKS)
        gateway = address_of(self.router(), network)
        self.run(self.random.choice((
            f"route replace {network} via {gateway} proto static metric 50",
            f"route del {network} proto static metric 50",
            f"route replace unreachable {inside(network)} proto static metric 50",
            f"route del unreachable {inside(network)} proto static metric 50")))

    def foreign(self):
        """Routes of others to our prefixes, in our place or beside it."""
        prefix = self.prefix()
        gateway = address_of(self.router(), prefix)
        self.run(f"route {self.random.choice(('add', 'replace', 'del', 'del'))} {prefix}"
                 f" via {gateway} proto static metric {self.random.choice((METRIC, METRIC, 7))}")

    def rule(self):
        network = self.random.choice(NETWORKS)
        family = "-6" if is_ipv6(network) else "-4"
        priority = 100 + NETWORKS.index(network)
        if self.random.random() < 0.5:
            self.run(f"{family} rule del priority {priority}")
        else:
            self.run(f"{family} rule add to {network} lookup 77 priority {priority}")
        self.run(f"{family} route replace default via {address_of(self.router(), network)}"
                 " table 77 proto static")

    def spoil_routes(self):
        """Somebody takes routes of ours away, or makes them lead elsewhere."""
        prefix = self.prefix()
        if self.random.random() < 0.2:
            delete_routes(self.ground.node)
            self.done.append("all our routes are deleted")
            return
        gateway = address_of(self.router(), prefix)
        self.run(self.random.choice((
            f"route del {prefix} proto {PROTOCOL}",
            f"route change {prefix} via {gateway} metric {METRIC} proto {PROTOCOL}")))

    def spoil_objects(self):
        objects = sorted(kernel_objects(self.ground.node))
        if self.random.random() < 0.3:
            self.run("nexthop flush")
        elif objects:
            number = self.random.choice(objects)
            self.run(self.random.choice((
                f"nexthop del id {number}",
                f"nexthop replace id {number} via 10.0.1.{self.random.randint(20, 30)} dev r1"
                f" proto {PROTOCOL}")))

    def restart(self):
        if self.random.random() < 0.6:
            return
        number = self.random.choice((9, 15))
        self.done.append(f"kbgpd restarts, signal {number}")
        self.ground.kbgpd.restart(number)
        for speaker in self.ground.speakers:
            if speaker.sock:
                speaker.go()
                speaker.come()

    EVENTS = (announce, announce, announce, withdraw, peer, link, link, flap, address,
              route_to_next_hop, route_to_next_hop, foreign, foreign, rule, spoil_routes,
              spoil_routes, spoil_objects, own_address, restart)

    def event(self):
        self.random.choice(self.EVENTS)(self)

    def calm(self):
        """All links are up, and all neighbours are there: what remains has its rest."""
        for router in ROUTERS:
            if self.random.random() < 0.7:
                self.run(f"link set dev {router} up")
                self.ground.routers[router].ip("link set dev node up")
        for speaker in self.ground.speakers:
            if speaker.sock is None:
                speaker.come()


def test_anything(lab, build, form):
    print(f"KBGPD_LAB_SEED={SEED}")
    keys = {"backup": "true"} if SEED % 2 else {}
    ground = Ground(lab, build, form, routers=3, speakers=3, **keys).start()
    chaos = Chaos(ground, SEED)
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        for _ in range(chaos.random.randint(3, 25)):
            chaos.event()
        chaos.calm()
        try:
            wait_until(lambda: is_right(ground), "the kernel is as the RIB says",
                       patience=3 * PATIENCE)
        except AssertionError:
            print("\n".join(chaos.done))
            raise
        chaos.done.append("-- all is right")
    print(f"{len(chaos.done)} events")


def is_right(ground):
    problems, waiting = differences(ground)
    assert not problems, "\n".join(problems)
    return check_objects(ground.node, ground.with_objects, waiting=waiting)
