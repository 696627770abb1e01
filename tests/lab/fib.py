"""The ground for test_fib*.py: what kbgpd has put into the kernel, as the kernel tells it.

The node has a link to the host `core`, where scripted iBGP neighbours stand who announce whatever
next hops a test wants, and one to each of the routers r1, r2, ..., which these next hops are.  So
a link of a router can go without the session that brought its routes, and the other way round.

Every case is run in both forms: with next-hop objects, and with the hops in each route.
"""

import select
import socket
import struct
import threading

import scripted
from cluster import Manifests
from daemons import Kbgpd
from lab import full_prefix, wait_until
from scripted import IPV4, IPV6, Neighbour, address_bytes, inside, prefix_bytes, update

ASN = 65001
PROTOCOL = 186
METRIC = 20
FIRST_OBJECT, OBJECTS = 0x6b620000, 1 << 16
"""The ids of next-hop objects that are kbgpd's own."""
METRICS_PORT = 7473
SO_RCVBUFFORCE = 33
POD_CIDRS = ["10.244.1.0/24", "fd00:244:1::/64"]
FORMS = {"objects": "auto", "plain": "off"}
FILTERS = """
filters:
- {name: all, rules: [{action: accept}]}
"""


def fib_section(form_, **keys):
    """The section `fib` for a form: fib_section("plain", metric=30)."""
    keys = {**keys, "nextHopObjects": FORMS[form_]}
    inner = ", ".join(f"{key}: {value}" for key, value in keys.items())
    return f"fib: {{{inner}}}\n"


def uses_objects(form_):
    return form_ == "objects"


def is_ipv6(text):
    return ":" in text


def address_of(router, prefix):
    """The address of r1, r2, ... in the family of the prefix."""
    number = router.removeprefix("r")
    return f"2001:db8:0:{number}::1" if is_ipv6(prefix) else f"10.0.{number}.1"


def hops_via(prefix, *routers, **weights):
    """The hops of a route by way of r1, r2, ...: hops_via(prefix, "r1") or (prefix, r1=2, r2=3)."""
    weights = {**{router: 1 for router in routers}, **weights}
    return {(address_of(router, prefix), router, weight) for router, weight in weights.items()}


# The kernel's own view


def hop_of(entry):
    gateway = entry.get("gateway") or entry.get("via", {}).get("host") or ""
    return gateway, entry["dev"], entry.get("weight", 1)


def hops_of(route):
    """The hops of a route as `ip -json route` has it: a set of (gateway, interface, weight)."""
    if route.get("type", "unicast") not in ("unicast", "1"):
        return set()  # blackhole and the like, which in IPv6 has a device
    return {hop_of(entry) for entry in route.get("nexthops", [route])}


def kernel_routes(host, selector=f"proto {PROTOCOL}"):
    """A list of routes of both families, with `prefix` and `hops` in each."""
    found = []
    for family, default in (("-4", "0.0.0.0/0"), ("-6", "::/0")):
        for route in host.ip_json(f"{family} route show {selector}"):
            route["prefix"] = full_prefix(route["dst"], default)
            route["hops"] = hops_of(route)
            found.append(route)
    return found


def kernel_route(host, prefix, selector=f"proto {PROTOCOL}"):
    """Our route of a prefix, or None; two of them are an AssertionError."""
    family = "-6" if is_ipv6(prefix) else "-4"
    found = host.ip_json(f"{family} route show exact {prefix} {selector}")
    assert len(found) <= 1, found
    return found[0] if found else None


def kernel_hops(host, prefix, selector=f"proto {PROTOCOL}"):
    """The hops of our route of a prefix; None: there is none."""
    route = kernel_route(host, prefix, selector)
    return hops_of(route) if route else None


def kernel_objects(host, protocol=PROTOCOL):
    """Our next-hop objects by id."""
    return {each["id"]: each for each in host.ip_json("nexthop show")
            if int(each.get("protocol", 0)) == protocol}


def object_hops(objects, number):
    """The hops of an object or group."""
    one = objects[number]
    if "group" not in one:
        return {hop_of(one)}
    return {(*hop_of(objects[member["id"]])[:2], member.get("weight", 1))
            for member in one["group"]}


def check_objects(host, with_objects, protocol=PROTOCOL, waiting=()):
    """Routes and objects fit: an AssertionError says what does not.

    An object for one of the hops `waiting` may be there for a group that the kernel has refused.
    """
    routes = [route for route in kernel_routes(host, f"table all proto {protocol}")
              if route["hops"]]
    objects = kernel_objects(host, protocol)
    if not with_objects:
        assert not objects and not [route for route in routes if "nhid" in route], objects
        return True
    used = {route.get("nhid") for route in routes}
    assert None not in used, [route for route in routes if "nhid" not in route]
    assert used <= set(objects), "a route of ours with somebody else's object"
    for number in objects:
        assert FIRST_OBJECT <= number < FIRST_OBJECT + OBJECTS, f"{number:#x} is not our own"
    for route in routes:
        assert object_hops(objects, route["nhid"]) == route["hops"]
    members = {member["id"] for each in objects.values() for member in each.get("group", ())}
    unused = {number: each for number, each in objects.items()
              if number not in used | members
              and ("group" in each or hop_of(each)[:2] not in waiting)}
    assert not unused, f"objects that nothing uses: {unused}"
    assert members <= set(objects)
    # A set that cannot have more than one hop has it alone, so that it can be moved alone.
    hops = [hop_of(objects[member]) for member in members]
    assert len(hops) == len(set(hops)), "two objects for one hop of groups"
    return True


def delete_routes(host, *families, protocol=PROTOCOL):
    """Deletes all our routes.  `ip route flush` cannot if they have next-hop objects."""
    for family in families or ("-4", "-6"):
        routes = host.ip(f"{family} -o route show proto {protocol}").splitlines()
        batch = host.folder / f"delete{family}"
        batch.write_text("".join(f"route del {route.split()[0]} proto {protocol}\n"
                                 for route in routes))
        host.succeeds("ip", family, "-force", "-batch", batch)


class Monitor:
    """What the kernel tells of routes while it runs."""

    def __init__(self, host, what="route"):
        self.process = host.start(f"monitor-{what}", "ip", "-o", "monitor", what)
        self.host, self.probe, self.probes = host, "192.0.2.254", 0
        self.lines()  # it listens once it tells of something

    def _is_heard(self):
        self.host.succeeds("ip", "route", "replace", "blackhole", self.probe,
                           "metric", str(self.probes))
        self.host.succeeds("ip", "route", "del", "blackhole", self.probe)
        return f"{self.probe} metric {self.probes} " in self.process.output()

    def lines(self):
        """All that the kernel has told until now: what it is asked last has come."""
        self.probes += 1
        wait_until(self._is_heard, "ip monitor")
        return [line for line in self.process.output().splitlines() if self.probe not in line]

    def deleted(self, prefix):
        """True if a route of the prefix was deleted at any time."""
        return any(line.startswith("Deleted ") and f" {prefix} " in f"{line} "
                   for line in self.lines())


# Neighbours


class Speaker(Neighbour):
    """A scripted neighbour that keeps what it has announced, and says so again when it is back."""

    def __init__(self, name, host, address, remote, asn=ASN):
        self.name, self.host, self.place = name, host, (address, remote, asn)
        self.held = {}  # prefix -> UPDATE
        self.sock = None

    def come(self, end=True):
        """Comes up, with all that it holds."""
        wait_until(self._is_up, f"the session of {self.name}")
        self.send(*self.held.values())
        if end:
            self.finish()
        return self

    def connect(self):
        address, remote, _ = self.place
        return scripted.connect(self.host, address, remote, patience=5)

    def _is_up(self):
        address, _, asn = self.place
        try:
            sock = self.connect()
        except OSError:
            return False
        super().__init__(sock, asn, self.identifier_of(address), address)
        try:
            return self.to_established()
        except (scripted.Closed, TimeoutError, OSError):
            self.go()
            return False

    def identifier_of(self, address):
        return address

    def finish(self):
        """End-of-RIB of both families."""
        self.send(update(), update(scripted.mp_unreach(IPV6)))

    def go(self):
        """Closes; what it holds comes again with come()."""
        if self.sock:
            self.close()
            self.sock = None

    def say(self, prefix, hop, local_pref=100, bandwidth=None, more=b""):
        """Announces a prefix by way of a router's name, an address, or (global, link-local)."""
        if isinstance(hop, str) and hop.startswith("r"):
            hop = address_of(hop, prefix)
        asn = self.place[2]
        attributes = scripted.origin() + (
            scripted.as_path() + scripted.local_pref(local_pref) if asn == ASN
            else scripted.as_path(asn))
        if bandwidth is not None:
            more += link_bandwidth(bandwidth)
        hops = (hop,) if isinstance(hop, str) else hop
        if is_ipv6(prefix) or is_ipv6(hops[0]):
            reach = scripted.mp_reach(IPV6 if is_ipv6(prefix) else IPV4,
                                      b"".join(map(address_bytes, hops)), prefix)
            self.held[prefix] = update(reach + attributes + more)
        else:
            self.held[prefix] = update(attributes + scripted.next_hop(hop) + more,
                                       prefix_bytes(prefix))
        if self.sock:
            self.send(self.held[prefix])

    def unsay(self, *prefixes):
        """Withdraws, all without an argument."""
        for prefix in prefixes or list(self.held):
            if self.held.pop(prefix, None) is None or not self.sock:
                continue
            if is_ipv6(prefix):
                self.send(update(scripted.mp_unreach(IPV6, prefix)))
            else:
                # One that came with an IPv6 next hop is withdrawn in the old place as well.
                self.send(update(withdrawn=prefix_bytes(prefix)))


class LinkSpeaker(Speaker):
    """One who calls from a link-local address by the interface `node`."""

    def connect(self):
        _, remote, _ = self.place
        with inside(self.host):
            sock = socket.socket(socket.AF_INET6, socket.SOCK_STREAM)
            scope = socket.if_nametoindex("node")
        sock.settimeout(5)
        sock.connect((remote, scripted.PORT, 0, scope))
        return sock

    def identifier_of(self, address):
        return f"10.1.0.{self.name.removeprefix('e')}"


def link_bandwidth(octets_per_second, kind=0x40, asn=ASN):
    """The extended community of draft-ietf-idr-link-bandwidth; a bytes value is sent as it is."""
    value = (octets_per_second if isinstance(octets_per_second, bytes)
             else struct.pack("!f", octets_per_second))
    return scripted.attribute(scripted.BOTH, scripted.EXTENDED_COMMUNITIES,
                              struct.pack("!BBH", kind, 4, asn) + value)


class Ground:
    """The node with kbgpd, the core with its neighbours, and the routers."""

    def __init__(self, lab, build, form_, routers=2, speakers=2, rest="", **keys):
        self.lab, self.build, self.form = lab, build, form_
        self.with_objects = uses_objects(form_)
        self.node, self.core = lab.host("node"), lab.host("core")
        lab.link(self.node, self.core, ["10.0.0.2/24", "2001:db8::2/64"],
                 ["10.0.0.1/24", *(f"10.0.0.{10 + each}/24" for each in range(1, speakers + 1))])
        self.routers = {}
        for number in range(1, routers + 1):
            name = f"r{number}"
            self.routers[name] = lab.host(name)
            lab.link(self.node, self.routers[name],
                     [f"10.0.{number}.2/24", f"2001:db8:0:{number}::2/64"],
                     [f"10.0.{number}.1/24", f"2001:db8:0:{number}::1/64"])
            self.keep_addresses(name)
        self.manifests = Manifests(self.node.folder / "manifests")
        self.manifests.node("node", 0, POD_CIDRS)
        self.rest, self.keys = rest, keys
        self.speakers = [Speaker(f"p{number}", self.core, f"10.0.0.{10 + number}", "10.0.0.2")
                         for number in range(1, speakers + 1)]
        self.kbgpd = Kbgpd(self.node, build, self.configuration(), running=False)

    def keep_addresses(self, router):
        """IPv6 addresses stay while the link is down, as those of IPv4 do."""
        self.node.run("sh", "-c",
                      f"echo 1 >/proc/sys/net/ipv6/conf/{router}/keep_addr_on_down")

    def start(self):
        """kbgpd runs, and every neighbour is up; returns the ground."""
        self.kbgpd.start()
        wait_until(lambda: self.kbgpd.ctl("status")["started"], "kbgpd is ready")
        for speaker in self.speakers:
            speaker.come()
        return self

    def configuration(self, import_="all"):
        peers = "".join(
            f"- {{name: {speaker.name}, address: {speaker.place[0]}, asn: internal,"
            f" passive: true, import: [{import_}]}}\n" for speaker in self.speakers)
        return (f"router: {{asn: {ASN}, routerID: 10.0.0.2}}\n"
                f"cluster: {{source: manifests, manifests: {self.manifests.folder}}}\n"
                + fib_section(self.form, **self.keys) + f"peers:\n{peers}{self.rest}"
                + FILTERS)

    def reconfigure(self, **keys):
        """Other keys of `fib` by a reload, None for one that goes; `form` is one of them."""
        self.form = keys.pop("form", self.form)
        self.with_objects = uses_objects(self.form)
        self.keys = {key: value for key, value in {**self.keys, **keys}.items()
                     if value is not None}
        self.kbgpd.configure(self.configuration())
        self.kbgpd.ctl_text("reload")

    # What is there

    def shown(self, prefix, metric=None):
        """The row of kbgpctl fib, or None."""
        rows = [row for row in self.kbgpd.ctl("fib") if row["prefix"] == prefix
                and not row.get("backup") and metric in (None, row["metric"])]
        assert len(rows) <= 1, rows
        return rows[0] if rows else None

    def next_hop(self, address):
        """The row of kbgpctl nexthops."""
        rows = [row for row in self.kbgpd.ctl("nexthops") if row["address"] == address]
        assert len(rows) == 1, rows
        return rows[0]

    def wait_hops(self, prefix, hops, selector=f"proto {PROTOCOL}"):
        """The kernel has these hops for the prefix, kbgpctl says so too, and objects fit."""
        def is_so():
            found = kernel_hops(self.node, prefix, f"{selector} metric {self.metric}")
            assert found == hops, found
            row = self.shown(prefix)
            assert row and row["state"] == "installed", row
            assert {(hop["address"] or "", hop["interface"], hop["weight"])
                    for hop in row["nextHops"]} == hops, row
            return check_objects(self.node, self.with_objects, self.protocol)
        wait_until(is_so, f"{prefix} by {hops}")

    def wait_state(self, prefix, state):
        """kbgpctl shows the route in this state; returns the row."""
        def is_so():
            row = self.shown(prefix)
            assert row and row["state"] == state, row
            return row
        return wait_until(is_so, f"{prefix} is {state}")

    def wait_via(self, prefix, *routers, **weights):
        self.wait_hops(prefix, hops_via(prefix, *routers, **weights))

    def wait_gone(self, *prefixes):
        """No route of ours, none that kbgpctl shows, and no object that nobody uses."""
        def is_so():
            for prefix in prefixes:
                assert kernel_route(self.node, prefix) is None, prefix
                assert self.shown(prefix) is None, prefix
            return check_objects(self.node, self.with_objects)
        wait_until(is_so, f"no route to {', '.join(prefixes)}")

    def wait_unresolved(self, address, reason=""):
        """kbgpctl says why a next hop cannot be used."""
        def is_so():
            row = self.next_hop(address)
            return not row["reachable"] and reason in row["reason"]
        wait_until(is_so, f"{address} is unreachable: {reason}")

    def all_hops(self):
        """The hops of all our routes by prefix, as the kernel has them."""
        return {route["prefix"]: route["hops"] for route in kernel_routes(self.node)}

    def sample(self, name):
        """The value of a metric, with its labels in `name`."""
        text = self.node.run("curl", "-sf", f"http://127.0.0.1:{METRICS_PORT}/metrics")
        for line in text.splitlines():
            if line.startswith(f"{name} "):
                return float(line.split()[1])
        raise LookupError(f"no metric {name}")

    def lost_no_session(self):
        return all(self.sample(f'kbgpd_peer_flaps_total{{peer="{speaker.name}"}}') == 0
                   for speaker in self.speakers)

    @property
    def metric(self):
        return self.keys.get("metric", METRIC)

    @property
    def protocol(self):
        return self.keys.get("protocol", PROTOCOL)

    def clean(self):
        """Nothing is announced and nothing installed: the next case may begin."""
        for speaker in self.speakers:
            speaker.unsay()
        wait_until(lambda: not kernel_routes(self.node, f"table all proto {PROTOCOL}"),
                   "no routes")
        wait_until(lambda: not kernel_objects(self.node), "no objects")


# Traffic


class Stream:
    """Datagrams in several flows from one host to another; how many of them arrive.

    The target may be a list of hosts that all have the address: `arrived` says how many each got.
    """

    def __init__(self, source, source_address, target, target_address, flows=1, pause=0.002):
        family = scripted.family_of(target_address)
        targets = target if isinstance(target, list) else [target]
        self.receivers, self.senders = [], []
        for host in targets:
            with inside(host):
                self.receivers.append(socket.socket(family, socket.SOCK_DGRAM))
            self.receivers[-1].setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 1 << 22)
            self.receivers[-1].bind((target_address, 9999))
        for _ in range(flows):
            with inside(source):
                sender = socket.socket(family, socket.SOCK_DGRAM)
            sender.bind((source_address, 0))
            sender.setblocking(False)
            self.senders.append(sender)
        self.target, self.pause = (target_address, 9999), pause
        self.sent, self.received = [0] * flows, [0] * flows
        self.arrived = [0] * len(targets)
        self.ended, self.all_sent = threading.Event(), threading.Event()
        self.threads = [threading.Thread(target=run, daemon=True)
                        for run in (self._send, self._receive)]
        for thread in self.threads:
            thread.start()
        source.lab.daemons.append(self)

    def _send(self):
        while not self.ended.wait(self.pause):
            for flow, sender in enumerate(self.senders):
                self.sent[flow] += 1
                try:
                    sender.sendto(bytes([flow]), self.target)
                except OSError:
                    pass  # one that does not leave is lost

    def _receive(self):
        silent = 0  # several times: once may be a machine that stood still
        while silent < 3 and not self._has_all():
            all_sent = self.all_sent.is_set()
            ready, _, _ = select.select(self.receivers, [], [], 0.2)
            silent = silent + 1 if all_sent and not ready else 0
            for receiver in ready:
                self.received[receiver.recv(16)[0]] += 1
                self.arrived[self.receivers.index(receiver)] += 1

    def _has_all(self):
        return self.all_sent.is_set() and sum(self.received) == sum(self.sent)

    def flows(self):
        """Waits until more of each flow has arrived."""
        before = list(self.received)
        wait_until(lambda: all(now > then + 20 for now, then in zip(self.received, before)),
                   "datagrams of each flow arrive")

    def stop(self):
        """Ends it and returns how many datagrams were lost."""
        sender, receiver = self.threads
        self.ended.set()
        sender.join()
        self.all_sent.set()
        receiver.join()
        for each in (*self.receivers, *self.senders):
            each.close()
        return sum(self.sent) - sum(self.received)

    def close(self):
        """With the lab, also after a failure; what was lost is for stop() to say."""
        self.stop()
        return []
