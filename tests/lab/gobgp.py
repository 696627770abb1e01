"""GoBGP as a neighbour."""

import json
import re
import time

from lab import PATIENCE, CommandFailed, wait_until
from neighbour import Neighbour, Path, family_of

ORIGINS = ("IGP", "EGP", "Incomplete")
ESTABLISHED = 6
"""As the API numbers the states of a session."""


class Gobgp(Neighbour):
    """GoBGP from Debian.

    It leaves forwarding to others, and never asks for routes again, as it keeps what it was sent.
    After a session has ended it waits five seconds, always.
    """

    can = frozenset({"extended next hop", "listen with keys", "answer refresh", "add-path"})

    def start(self):
        file = self.host.folder / "gobgpd.conf"
        file.write_text(self.configuration())
        self.processes = [self.host.start(
            "gobgpd", "gobgpd", "-f", file, "--log-plain", "--pprof-disable", "--api-hosts",
            "127.0.0.1:50051")]
        wait_until(lambda: self.json("neighbor"), "GoBGP's API")
        self.add(self.prefixes)

    def configuration(self):
        text = f"""
            [global.config]
                as = {self.asn}
                router-id = "{self.router_id}"
        """
        return text + "".join(map(self.session_configuration, self.sessions))

    def session_configuration(self, session):
        text = f"""
            [[neighbors]]
            [neighbors.config]
                neighbor-address = "{session.remote}"
                peer-as = {session.remote_asn}
                auth-password = "{session.password}"
            [neighbors.timers.config]
                connect-retry = 1
                hold-time = 9
                keepalive-interval = 3
            [neighbors.transport.config]
                local-address = "{session.local}"
        """
        if session.passive:
            text += "passive-mode = true"
        if session.reflect:
            text += f"""
                [neighbors.route-reflector.config]
                    route-reflector-client = true
                    route-reflector-cluster-id = "{self.router_id}"
            """
        if session.gtsm:
            text += f"""
                [neighbors.ttl-security.config]
                    enabled = true
                    ttl-min = {256 - (session.multihop or 1)}
            """
        elif session.multihop:
            text += f"""
                [neighbors.ebgp-multihop.config]
                    enabled = true
                    multihop-ttl = {session.multihop}
            """
        if session.add_path:
            text += """
                [neighbors.add-paths.config]
                    receive = true
                    send-max = 8
            """
        for family in session.families:
            text += f"""
                [[neighbors.afi-safis]]
                [neighbors.afi-safis.config]
                    afi-safi-name = "{family}-unicast"
            """
        return text

    def gobgp(self, *words):
        """The answer of the client, which gives up if it is not connected after a second.

        Then it has asked for nothing, and may be started again.
        """
        end = time.monotonic() + PATIENCE
        while True:
            try:
                return self.host.run("gobgp", *words)
            except CommandFailed as error:
                if "context deadline exceeded" not in str(error) or time.monotonic() > end:
                    raise

    def json(self, *words):
        return json.loads(self.gobgp("--json", *words))

    def add(self, prefixes):
        for prefix in prefixes:
            self.gobgp("global", "rib", "add", "-a", family_of(prefix), prefix, "origin", "igp",
                       *self.attributes(family_of(prefix)))

    def attributes(self, family):
        """What the announced routes carry."""
        words = ["nexthop", self.next_hop(family)]
        if self.communities.standard:
            words += ["community", ",".join(sorted(self.communities.standard))]
        if self.communities.extended:
            words += ["rt", *map(with_asdot, sorted(self.communities.extended))]
        if self.communities.large:
            words += ["large-community", ",".join(sorted(self.communities.large))]
        return words

    def next_hop(self, family):
        """Where a session is over the other family GoBGP would send an IPv4-mapped address."""
        local = self.sessions[0].local
        if family == "ipv6" and family_of(local) == "ipv4":
            return self.host.other_address(local)
        return "0.0.0.0" if family == "ipv4" else "::"

    def announce(self, *prefixes):
        self.prefixes += prefixes
        self.add(prefixes)

    def withdraw(self, *prefixes):
        self.prefixes = [prefix for prefix in self.prefixes if prefix not in prefixes]
        for prefix in prefixes:
            self.gobgp("global", "rib", "del", "-a", family_of(prefix), prefix)

    def neighbor(self, number=1):
        return self.json("neighbor", self.sessions[number - 1].remote)

    def established(self, number=1):
        return self.neighbor(number)["state"].get("session_state") == ESTABLISHED

    def since(self, number=1):
        """A value that changes whenever the session goes up or down."""
        neighbor = self.neighbor(number)
        times = neighbor["timers"]["state"]
        return (neighbor["state"].get("flops"), times.get("uptime"), times.get("downtime"))

    def received(self, number=1):
        families = self.neighbor(number)["afi_safis"]
        return sum(family["state"].get("received", 0) for family in families)

    def updates(self, number=1):
        return self.neighbor(number)["state"]["messages"]["received"].get("update", 0)

    def end_session(self, text, number=1):
        # `disable` takes a text too, and does not send it.
        self.gobgp("neighbor", self.sessions[number - 1].remote, "reset", f"--reason={text}")

    def has_heard(self, text):
        log = self.processes[0].output()
        return re.search(rf'received notification" Code=6 Communicated-Reason="?{text}\b', log)

    def paths(self, prefix):
        """Every path to a prefix that a session has brought."""
        try:
            table = self.json("global", "rib", "-a", family_of(prefix), prefix)
        except CommandFailed as error:
            if "Network not in table" in str(error):
                return []
            raise
        return [self.path_of(path) for path in table.get(prefix, []) if "neighbor-ip" in path]

    @staticmethod
    def path_of(path):
        attributes = {attribute["type"]: attribute for attribute in path["attrs"]}

        def value(number, key, default=None):
            return attributes.get(number, {}).get(key, default)
        return Path(
            next_hop=value(14, "nexthop") or value(3, "nexthop"),
            as_path=[asn for segment in value(2, "as_paths") or [] for asn in segment["asns"]],
            origin=ORIGINS[value(1, "value")], med=value(4, "metric"),
            local_pref=value(5, "value"),
            communities={f"{number >> 16}:{number & 0xffff}"
                         for number in value(8, "communities", ())},
            extended_communities={without_asdot(each["value"]) for each in value(16, "value", ())},
            large_communities={f"{each['ASN']}:{each['LocalData1']}:{each['LocalData2']}"
                               for each in value(32, "value", ())},
            originator=value(9, "value"), clusters=value(10, "value", []),
            best=path.get("best", False))


def with_asdot(community):
    """The route target as GoBGP wants it: a large AS number in two halves (RFC 5396)."""
    asn, value = community.split(":")
    if asn.isdigit() and int(asn) > 0xffff:
        return f"{int(asn) >> 16}.{int(asn) & 0xffff}:{value}"
    return community


def without_asdot(community):
    match = re.fullmatch(r"(\d+)\.(\d+):(\d+)", community)
    return f"{int(match[1]) << 16 | int(match[2])}:{match[3]}" if match else community
