"""OpenBGPD as a neighbour."""

import json
import os
import re

from lab import wait_until
from neighbour import Neighbour, Path, family_of

FAMILIES = {"ipv4": "IPv4", "ipv6": "IPv6"}


class Openbgpd(Neighbour):
    """OpenBGPD from Debian: a parent and three children.

    On Linux it does not touch the kernel's routes, takes every next hop for reachable, and has no
    passwords on sockets that listen.  Asked for its routes again, this version finds that the
    family was not negotiated, and sends nothing.  It takes seconds to send many prefixes.
    """

    can = frozenset({"old speaker", "ask for refresh", "add-path", "enhanced refresh", "roles"})

    def start(self):
        self.control = self.host.folder / "bgpd.sock"
        self.file = self.host.folder / "bgpd.conf"
        self.write_configuration()
        self.show_other_address()
        # The children are locked into a folder whose path is compiled in: one for each host.
        self.processes = [self.host.start(
            "bgpd", "unshare", "--mount", "sh", "-c",
            'mount -t tmpfs none /run && mkdir /run/openbgpd && exec "$@"', "sh",
            "/usr/sbin/bgpd", "-d", "-v", "-f", self.file)]
        wait_until(lambda: self.bgpctl("show", "summary"), "OpenBGPD's control socket")

    def show_other_address(self):
        """Puts the next hop for the other family to where it is looked for: first on `lo`.

        This version compares addresses the wrong way round, and so never looks at the interface
        of the session.
        """
        try:
            other = self.host.other_address(self.sessions[0].local)
        except LookupError:
            return
        if family_of(other) == "ipv4":
            self.host.succeeds("ip", "address", "del", "127.0.0.1/8", "dev", "lo")
        length = {"ipv4": 32, "ipv6": 128}[family_of(other)]
        self.host.succeeds("ip", "address", "add", f"{other}/{length}", "dev", "lo", "scope",
                           "host")

    def stop(self, number=15):
        groups = [process.popen.pid for process in self.processes]
        super().stop(number)
        for group in groups:
            wait_until(lambda group=group: not exists(group), "the end of OpenBGPD's children")

    def write_configuration(self):
        self.file.write_text(self.configuration())
        self.file.chmod(0o600)  # it may hold passwords; bgpd insists

    def configuration(self):
        lines = [f"AS {self.asn}", f"router-id {self.router_id}", f'socket "{self.control}"',
                 "fib-update no", "connect-retry 1"]
        attributes = self.attributes()
        lines += [f"network {prefix}{attributes}" for prefix in self.prefixes]
        for number, session in enumerate(self.sessions, 1):
            lines += self.session_configuration(number, session)
        return "\n".join([*lines, "allow from any", "allow to any"]) + "\n"

    def session_configuration(self, number, session):
        lines = [f"remote-as {session.remote_asn}", f"local-address {session.local}",
                 f"descr kbgpd{number}", "holdtime 9",
                 "announce enhanced refresh yes"]
        for family, name in FAMILIES.items():
            on = "unicast" if family in session.families else "none"
            lines.append(f"announce {name} {on}")
        if session.password:
            lines.append(f'tcp md5sig password "{session.password}"')
        if session.add_path:
            lines += ["announce add-path recv yes", "announce add-path send all"]
        if session.role:
            lines.append(f"announce policy {session.role}")
        if session.passive:
            lines.append("passive")
        if session.reflect:
            lines.append("route-reflector")
        if session.gtsm:
            lines.append("ttl-security yes")
        if session.multihop:
            lines.append(f"multihop {session.multihop}")
        if not session.as4:
            lines.append("announce as-4byte no")
        return [f"neighbor {session.remote} {{", *lines, "}"]

    def attributes(self):
        """What the announced routes carry."""
        words = [f"community {each}" for each in sorted(self.communities.standard)]
        words += [f"ext-community rt {each}" for each in sorted(self.communities.extended)]
        words += [f"large-community {each}" for each in sorted(self.communities.large)]
        return f" set {{ {' '.join(words)} }}" if words else ""

    def bgpctl(self, *words):
        return self.host.run("bgpctl", "-s", self.control, *words)

    def json(self, *words):
        return json.loads(self.bgpctl("-j", *words))

    def configure(self):
        self.write_configuration()
        self.bgpctl("reload")

    def announce(self, *prefixes):
        self.prefixes += prefixes
        self.configure()

    def withdraw(self, *prefixes):
        self.prefixes = [prefix for prefix in self.prefixes if prefix not in prefixes]
        self.configure()

    def neighbor(self, number=1):
        return self.json("show", "neighbor", f"kbgpd{number}")["neighbors"][0]

    def established(self, number=1):
        return self.neighbor(number)["state"] == "Established"

    def since(self, number=1):
        """A value that changes whenever the session goes up or down."""
        neighbor = self.neighbor(number)
        messages = neighbor["stats"]["message"]
        return (neighbor["state"], *(messages[way][kind] for way in ("sent", "received")
                                     for kind in ("open", "notifications")))

    def received(self, number=1):
        return self.neighbor(number)["stats"]["prefixes"]["received"]

    def updates(self, number=1):
        return self.neighbor(number)["stats"]["message"]["received"]["updates"]

    def refresh(self, number=1):
        self.bgpctl("neighbor", f"kbgpd{number}", "refresh")

    def end_session(self, text, number=1):
        self.bgpctl("neighbor", f"kbgpd{number}", "down", text)

    def has_heard(self, text):
        return text in self.bgpctl("show", "neighbor")

    def paths(self, prefix):
        """Every path to a prefix that a session has brought."""
        found = self.json("show", "rib", "detail", prefix).get("rib", [])
        return [self.path_of(path) for path in found
                if path["neighbor"]["description"].startswith("kbgpd")]

    @staticmethod
    def path_of(path):
        attributes = {}
        for attribute in path.get("attributes", ()):
            attributes.update(attribute)
        return Path(
            next_hop=path["exit_nexthop"],
            as_path=[int(asn) for asn in re.findall(r"\d+", path["aspath"])],
            origin={"incomplete": "Incomplete"}.get(path["origin"], path["origin"]),
            local_pref=path["localpref"], med=path["metric"],
            communities=set(path.get("communities", ())),
            extended_communities={each.removeprefix("rt ")
                                  for each in path.get("extended_communities", ())},
            large_communities=set(path.get("large_communities", ())),
            originator=attributes.get("originator"), clusters=attributes.get("cluster_list", []),
            best=path.get("best", False))


def exists(group):
    """True if there is a process of a process group."""
    try:
        os.killpg(group, 0)
        return True
    except ProcessLookupError:
        return False
