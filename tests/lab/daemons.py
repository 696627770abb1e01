"""The daemons of a lab: BIRD and FRR as neighbours, and kbgpd.

Bird and Frr answer the same questions (established(), since(), paths(), announce(), withdraw(),
restart()), so that one scenario runs against both.  The answers are the neighbour's own view.
"""

import dataclasses
import json
import os
import re
import shutil
import signal

from lab import CommandFailed, wait_until


class Moment(float):
    """A time of day as BIRD tells it: from two clocks, so the same one may differ by a little."""

    def __eq__(self, other):
        return abs(self - other) < 0.05

    def __ne__(self, other):
        return not self == other

    __hash__ = None


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


@dataclasses.dataclass
class Path:
    """One path to a prefix in the neighbour's table, learned by BGP."""

    next_hop: str
    as_path: list
    origin: str                 # IGP, EGP, Incomplete
    local_pref: int = None
    med: int = None
    communities: set = dataclasses.field(default_factory=set)
    large_communities: set = dataclasses.field(default_factory=set)
    best: bool = False


def family_of(prefix):
    return "ipv6" if ":" in prefix else "ipv4"


class Neighbour:
    """What Bird and Frr have in common: a list of sessions, named kbgpd1, kbgpd2, ..."""

    def __init__(self, host, asn, router_id, sessions, prefixes=()):
        self.host, self.asn, self.router_id = host, asn, router_id
        self.sessions, self.prefixes = list(sessions), list(prefixes)
        self.processes = []
        host.lab.daemons.append(self)
        self.start()

    def established(self, number=1):
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


class Bird(Neighbour):
    """BIRD 2 from Debian."""

    def start(self):
        self.control = self.host.folder / "bird.ctl"
        self.file = self.host.folder / "bird.conf"
        self.file.write_text(self.configuration())
        self.processes = [self.host.start("bird", "bird", "-f", "-c", self.file, "-s",
                                          self.control)]
        wait_until(lambda: "Daemon is up" in self.birdc("show status"), "BIRD's control socket")

    def configuration(self):
        text = f"""
            log stderr all;
            router id {self.router_id};
            protocol device {{ scan time 1; }}
            protocol direct {{ ipv4 {{ import none; }}; ipv6 {{ import none; }}; }}
            protocol kernel {{ merge paths yes; ipv4 {{ export where source = RTS_BGP; }}; }}
            protocol kernel {{ merge paths yes; ipv6 {{ export where source = RTS_BGP; }}; }}
        """
        for family in ("ipv4", "ipv6"):
            routes = "\n".join(f"route {prefix} unreachable;" for prefix in self.prefixes
                               if family_of(prefix) == family)
            text += f"protocol static static_{family} {{ {family}; {routes} }}\n"
        for number, session in enumerate(self.sessions, 1):
            text += self.session_configuration(number, session)
        return text

    def session_configuration(self, number, session):
        options = []
        if session.password:
            options.append(f'password "{session.password}";')
        if session.reflect:
            options.append("rr client;")
        if session.remote_asn == self.asn:
            options.append("direct;")  # iBGP too has its neighbour on the link
        extended = {"ipv4": "extended next hop on;" if session.extended_next_hop else ""}
        channels = "\n".join(
            f"{family} {{ import all; export all; {extended.get(family, '')} }};"
            for family in session.families)
        return f"""
            protocol bgp kbgpd{number} {{
                local {session.local} as {self.asn};
                neighbor {session.remote} as {session.remote_asn};
                hold time 9; connect delay time 1; connect retry time 1;
                error wait time 1, 2;
                {' '.join(options)}
                {channels}
            }}
        """

    def birdc(self, words):
        return self.host.run("birdc", "-s", self.control, *words.split())

    def configure(self):
        self.file.write_text(self.configuration())
        answer = self.birdc("configure")
        assert "Reconfigured" in answer or "Reconfiguration in progress" in answer, answer

    def announce(self, *prefixes):
        self.prefixes += prefixes
        self.configure()

    def withdraw(self, *prefixes):
        self.prefixes = [prefix for prefix in self.prefixes if prefix not in prefixes]
        self.configure()

    def protocol(self, number=1):
        """The row of `show protocols`: name, proto, table, state, since, info."""
        for line in self.birdc(f"show protocols kbgpd{number}").splitlines():
            if line.startswith(f"kbgpd{number} "):
                return line.split(None, 5)
        raise LookupError(f"no protocol kbgpd{number}")

    def established(self, number=1):
        return self.protocol(number)[5].strip() == "Established"

    def since(self, number=1):
        """A value that changes whenever the session goes up or down."""
        hours, minutes, seconds = self.protocol(number)[4].split(":")
        return Moment(int(hours) * 3600 + int(minutes) * 60 + float(seconds))

    def paths(self, prefix):
        """Every path to a prefix that a session has brought."""
        found = []
        for block in self.route_blocks(prefix):
            attributes = dict(re.findall(r"^\s+BGP\.(\w+): *(.*)$", block, re.M))
            if attributes:
                found.append(self.path_of(block, attributes))
        return found

    def route_blocks(self, prefix):
        """The text of `show route all` in one block for each path."""
        blocks = []
        try:
            answer = self.birdc(f"show route {prefix} all")
        except CommandFailed as error:
            if "Network not found" in str(error):
                return []
            raise
        for line in answer.splitlines():
            if re.match(r"\S* +(unicast|unreachable|blackhole) \[", line):
                blocks.append("")
            if blocks:
                blocks[-1] += line + "\n"
        return blocks

    @staticmethod
    def path_of(block, attributes):
        def number(key):
            return int(attributes[key]) if key in attributes else None

        def communities(key):
            return {":".join(re.split(r", ?", each))
                    for each in re.findall(r"\(([^)]*)\)", attributes.get(key, ""))}
        return Path(
            next_hop=attributes["next_hop"].split()[0],
            as_path=[int(word) for word in attributes.get("as_path", "").split()],
            origin=attributes["origin"], local_pref=number("local_pref"), med=number("med"),
            communities=communities("community"),
            large_communities=communities("large_community"),
            best=" * (" in block.splitlines()[0])


class Frr(Neighbour):
    """FRR from Debian: zebra and bgpd, on sockets of this host alone."""

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
            if session.extended_next_hop:
                lines.append(f"neighbor {session.remote} capability extended-nexthop")
        for family in ("ipv4", "ipv6"):
            lines.append(f"address-family {family} unicast")
            for session in self.sessions:
                if family in session.families:
                    lines.append(f"neighbor {session.remote} activate")
                    if session.reflect:
                        lines.append(f"neighbor {session.remote} route-reflector-client")
            lines += [f"network {prefix}" for prefix in self.prefixes
                      if family_of(prefix) == family]
            lines.append("exit-address-family")
        return "\n".join(lines) + "\n"

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
            self.configure(f"address-family {family_of(prefix)} unicast", f"network {prefix}")

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
            large_communities=set(path.get("largeCommunity", {}).get("string", "").split()),
            best=path.get("bestpath", {}).get("overall", False))


class Kbgpd:
    """The daemon under test, with its own configuration file, manifests and control socket."""

    def __init__(self, host, build, configuration, node=None, running=True):
        self.host, self.build = host, build
        self.file = host.folder / "kbgpd.yaml"
        self.control = host.folder / "kbgpd.sock"
        self.environment = {"NODE_NAME": node or host.name}
        self.process = None
        self.file.write_text(configuration)
        host.lab.daemons.append(self)
        if running:
            self.start()

    def start(self):
        self.process = self.host.start("kbgpd", self.build / "kbgpd", "-c", self.file, "-s",
                                       self.control, env=self.environment)
        wait_until(self.answers, f"kbgpd's control socket on {self.host.name}")

    def answers(self):
        assert self.process.running(), f"kbgpd has ended:\n{self.process.output()}"
        return self.ctl("status")

    def ctl(self, *words):
        """The answer of kbgpctl, as JSON."""
        return json.loads(self.ctl_text("-o", "json", *words))

    def ctl_text(self, *words):
        return self.host.run(self.build / "kbgpctl", "-s", self.control, *words)

    def peer(self, name):
        for peer in self.ctl("peers"):
            if peer["name"] == name:
                return peer
        raise LookupError(f"kbgpctl peers has no {name}")

    def wait_established(self, *names):
        for name in names:
            wait_until(lambda name=name: self.peer(name)["state"] == "Established",
                       f"kbgpd's session with {name}")

    def configure(self, configuration):
        """Replaces the file at once, as an editor or a ConfigMap does."""
        new = self.file.with_suffix(".new")
        new.write_text(configuration)
        os.replace(new, self.file)

    def reload(self):
        self.process.send(signal.SIGHUP)

    def stop(self, number=signal.SIGTERM):
        return self.process.stop(number)

    def restart(self, number=signal.SIGTERM):
        status = self.stop(number)
        assert number == signal.SIGKILL or status == 0, self.process.output()
        self.start()

    def close(self):
        """Stops it; a list with what was wrong: a crash, a leak, a status other than 0."""
        if self.process is None:
            return []
        killed = self.process.popen.poll() == -signal.SIGKILL
        try:
            status = self.process.stop()
        except AssertionError as error:
            return [f"{error}\n{self.process.output()}"]
        if status == 0 or killed:
            return []
        return [f"kbgpd on {self.host.name} ended with status {status}\n{self.process.output()}"]
