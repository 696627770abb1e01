"""FRR as a neighbour."""

import json
import shutil

from lab import wait_until
from neighbour import Communities, Neighbour, Path, family_of


class Frr(Neighbour):
    """FRR from Debian: zebra and bgpd, on sockets of this host alone."""

    can = frozenset({"forward", "extended next hop", "listen with keys", "many",
                     "ask for refresh", "answer refresh", "add-path", "enhanced refresh",
                     "extended messages", "roles"})

    FOLDER = "/usr/lib/frr"

    def start(self):
        folder = self.host.folder
        shutil.chown(folder, "frr", "frr")  # which the daemons run as
        common = ["-A", "127.0.0.1", "-P", "0", "--vty_socket", folder, "-z",
                  folder / "zserv.api", "--log", "stdout"]
        (folder / "zebra.conf").write_text("ip forwarding\nipv6 forwarding\n")
        (folder / "bgpd.conf").write_text(self.configuration())
        for name in ("zebra", "bgpd"):
            self.processes.append(self.host.start(
                name, f"{self.FOLDER}/{name}", "-f", folder / f"{name}.conf", "-i",
                folder / f"{name}.pid", *common))
            wait_until(lambda name=name: self.vtysh("show version", name), f"FRR's {name}")

    def configuration(self):
        lines = [
            f"router bgp {self.asn}",
            f"bgp router-id {self.router_id}",
            "no bgp default ipv4-unicast",
            "no bgp ebgp-requires-policy",
            "no bgp network import-check",
            "bgp bestpath as-path multipath-relax",
            "bgp log-neighbor-changes",
            "coalesce-time 0",  # not a second before the first message
        ]
        for session in self.sessions:
            lines += [
                f"neighbor {session.remote} remote-as {session.remote_asn}",
                f"neighbor {session.remote} update-source {session.local}",
                f"neighbor {session.remote} timers 3 9",
                f"neighbor {session.remote} timers connect 1",
                f"neighbor {session.remote} advertisement-interval 0",
            ]
            if session.password:
                lines.append(f"neighbor {session.remote} password {session.password}")
            if session.role:
                lines.append(f"neighbor {session.remote} local-role {session.role}")
            if session.passive:
                lines.append(f"neighbor {session.remote} passive")
            if session.gtsm:
                hops = session.multihop or 1
                lines.append(f"neighbor {session.remote} ttl-security hops {hops}")
            elif session.multihop:
                lines.append(f"neighbor {session.remote} ebgp-multihop {session.multihop}")
            if session.extended_next_hop:
                lines.append(f"neighbor {session.remote} capability extended-nexthop")
        for family in ("ipv4", "ipv6"):
            lines.append(f"address-family {family} unicast")
            for session in self.sessions:
                if family in session.families:
                    lines.append(f"neighbor {session.remote} activate")
                    if session.add_path:
                        lines.append(f"neighbor {session.remote} addpath-tx-all-paths")
                    if session.reflect:
                        lines.append(f"neighbor {session.remote} route-reflector-client")
            lines += [self.network(prefix) for prefix in self.prefixes
                      if family_of(prefix) == family]
            lines.append("exit-address-family")
        return "\n".join([*lines, "exit", *self.route_map()]) + "\n"

    def network(self, prefix):
        # A route map at the start makes FRR keep everything back for five seconds.
        marked = self.communities != Communities()
        return f"network {prefix}" + (" route-map announced" if marked else "")

    def route_map(self):
        """What the announced routes carry."""
        def values(communities):
            return " ".join(sorted(communities))
        if self.communities == Communities():
            return []
        lines = ["route-map announced permit 10"]
        if self.communities.standard:
            lines.append(f"set community {values(self.communities.standard)}")
        if self.communities.extended:
            lines.append(f"set extcommunity rt {values(self.communities.extended)}")
        if self.communities.large:
            lines.append(f"set large-community {values(self.communities.large)}")
        return lines

    def vtysh(self, words, daemon="bgpd"):
        return self.host.run("vtysh", "--vty_socket", self.host.folder, "-d", daemon, "-c", words)

    def json(self, words):
        return json.loads(self.vtysh(f"{words} json"))

    def configure(self, *lines):
        argv = ["vtysh", "--vty_socket", self.host.folder, "-d", "bgpd", "-c",
                "configure terminal", "-c", f"router bgp {self.asn}"]
        for line in lines:
            argv += ["-c", line]
        self.host.run(*argv)

    def announce(self, *prefixes):
        self.prefixes += prefixes
        for prefix in prefixes:
            self.configure(f"address-family {family_of(prefix)} unicast",
                           self.network(prefix))

    def withdraw(self, *prefixes):
        self.prefixes = [prefix for prefix in self.prefixes if prefix not in prefixes]
        for prefix in prefixes:
            self.configure(f"address-family {family_of(prefix)} unicast", f"no network {prefix}")

    def neighbor(self, number=1):
        remote = self.sessions[number - 1].remote
        return self.json(f"show bgp neighbors {remote}")[remote]

    def established(self, number=1):
        return self.neighbor(number)["bgpState"] == "Established"

    def since(self, number=1):
        """A value that changes whenever the session goes up or down."""
        neighbor = self.neighbor(number)
        return neighbor["connectionsEstablished"], neighbor["connectionsDropped"]

    def received(self, number=1):
        families = self.neighbor(number)["addressFamilyInfo"].values()
        return sum(family.get("acceptedPrefixCounter", 0) for family in families)

    def updates(self, number=1):
        return self.neighbor(number)["messageStats"]["updatesRecv"]

    def refresh(self, number=1):
        for family in self.sessions[number - 1].families:
            self.vtysh(f"clear bgp {family} unicast {self.sessions[number - 1].remote} soft in")

    def end_session(self, text, number=1):
        self.configure(f"neighbor {self.sessions[number - 1].remote} shutdown message {text}")

    def has_heard(self, text):
        return text in self.processes[-1].output()

    def paths(self, prefix):
        """Every path to a prefix that a session has brought."""
        route = self.json(f"show bgp {family_of(prefix)} unicast {prefix}")
        return [self.path_of(path) for path in route.get("paths", [])
                if path.get("peer", {}).get("peerId", "0.0.0.0") not in ("0.0.0.0", "::")]

    @staticmethod
    def path_of(path):
        # With a link-local next hop beside it, the global one is told apart by its scope.
        hops = [hop for hop in path["nexthops"] if hop.get("scope") != "link-local"]
        segments = path["aspath"].get("segments", [])
        return Path(
            next_hop=(hops or path["nexthops"])[0]["ip"],
            as_path=[asn for segment in segments for asn in segment["list"]],
            origin={"IGP": "IGP", "EGP": "EGP"}.get(path["origin"], "Incomplete"),
            local_pref=path.get("locPrf"), med=path.get("metric"),
            communities=set(path.get("community", {}).get("string", "").split()),
            extended_communities={each.removeprefix("RT:") for each in path.get(
                "extendedCommunity", {}).get("string", "").split()},
            large_communities=set(path.get("largeCommunity", {}).get("string", "").split()),
            originator=path.get("originatorId"),
            clusters=path.get("clusterList", {}).get("list", []),
            best=path.get("bestpath", {}).get("overall", False))
