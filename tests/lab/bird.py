"""BIRD 2 as a neighbour."""

import re

from lab import CommandFailed, wait_until
from neighbour import Neighbour, Path, family_of


class Bird(Neighbour):
    """BIRD 2 from Debian."""

    can = frozenset({"forward", "extended next hop", "listen with keys", "many", "old speaker",
                     "ask for refresh", "answer refresh", "add-path", "enhanced refresh",
                     "extended messages", "roles"})

    hold_time = 9
    """Seconds of silence that end a session."""

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
            routes = "\n".join(f"route {prefix} unreachable {{ {self.attributes()} }};"
                               for prefix in self.prefixes if family_of(prefix) == family)
            text += f"protocol static static_{family} {{ {family}; {routes} }}\n"
        for number, session in enumerate(self.sessions, 1):
            text += self.session_configuration(number, session)
        return text

    def attributes(self):
        """What the announced routes carry."""
        kinds = (("", "", self.communities.standard), ("ext_", "rt,", self.communities.extended),
                 ("large_", "", self.communities.large))
        return " ".join(
            f"bgp_{kind}community.add(({start}{community.replace(':', ',')}));"
            for kind, start, communities in kinds for community in sorted(communities))

    def session_configuration(self, number, session):
        options = []
        if session.password:
            options.append(f'password "{session.password}";')
        if session.reflect:
            options.append("rr client;")
        if session.role:
            options.append(f"local role {session.role};")
        if session.passive:
            options.append("passive on;")
        if session.gtsm:
            options.append("ttl security on;")
        if not session.as4:
            options.append("enable as4 off;")
        # iBGP too has its neighbour on the link.
        options.append(f"multihop {session.multihop};" if session.multihop else "direct;")
        extended = {"ipv4": "extended next hop on;" if session.extended_next_hop else ""}
        add_path = "add paths on;" if session.add_path else ""
        channels = "\n".join(
            f"{family} {{ import all; export all; {extended.get(family, '')} {add_path} }};"
            for family in session.families)
        # An old speaker cannot name a 4-octet AS number.
        remote = f"as {session.remote_asn}" if session.as4 else "external"
        return f"""
            protocol bgp kbgpd{number} {{
                local {session.local} as {self.asn};
                neighbor {session.remote} {remote};
                hold time {self.hold_time}; connect delay time 1; connect retry time 1;
                error wait time 1, 2; enable extended messages on; debug {{ states }};
                {' '.join(options)}
                {channels}
            }}
        """

    def birdc(self, words):
        return self.host.run("birdc", "-s", self.control, *words.split())

    def configure(self):
        self.file.write_text(self.configuration())
        answer = self.birdc("configure")
        assert re.search("Reconfigured|Reconfiguration (already )?in progress", answer), answer

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
        # Not the time that BIRD shows: it is made of two clocks, and moves under load.
        return len(re.findall(rf"kbgpd{number}: State changed to (?:up|down)",
                              self.processes[0].output())), self.processes[0].popen.pid

    def channel_counters(self, words, number):
        text = self.birdc(f"show protocols all kbgpd{number}")
        return sum(map(int, re.findall(words, text)))

    def received(self, number=1):
        return self.channel_counters(r"Routes: +(\d+) imported", number)

    def updates(self, number=1):
        return self.channel_counters(r"Import updates: +(\d+)", number)

    def refresh(self, number=1):
        self.birdc(f"reload in kbgpd{number}")

    def end_session(self, text, number=1):
        self.host.run("birdc", "-s", self.control, f'disable kbgpd{number} "{text}"')

    def has_heard(self, text):
        return re.search(rf"Message: +{text}$", self.birdc("show protocols all"), re.M)

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
            extended_communities={each.removeprefix("rt:") for each in communities(
                "ext_community")},
            large_communities=communities("large_community"),
            originator=attributes.get("originator_id"),
            clusters=attributes.get("cluster_list", "").split(),
            best=" * (" in block.splitlines()[0])
