"""ExaBGP as a neighbour."""

import ipaddress
import json
import re

from lab import wait_until
from neighbour import Neighbour, Path, family_of

ORIGINS = {"igp": "IGP", "egp": "EGP", "incomplete": "Incomplete"}


class Exabgp(Neighbour):
    """ExaBGP from Debian: it has no table, and tells what it was sent as it was sent.

    The table here is made of its words.  It listens only for those whom it does not call itself.
    This version falls over a text at the end of a session (RFC 9003) and over a request for its
    routes, and sends a route target of an address as one of an AS number.
    """

    can = frozenset({"listen with keys", "extended next hop", "ask for refresh",
                     "extended messages"})

    SETTINGS = {
        "exabgp.api.ack": "false", "exabgp.api.cli": "false", "exabgp.daemon.user": "root",
    }

    def start(self):
        folder = self.host.folder
        # Of each start their own: the helpers of one that was killed may live a little longer.
        number = len(list(folder.glob("messages*"))) + 1
        self.messages, self.commands = folder / f"messages{number}", folder / f"commands{number}"
        for file in (self.messages, self.commands):
            file.write_text("")
        # A JSON object in each line.  ExaBGP takes a closed standard output for the end.
        (folder / "recorder.sh").write_text(f"cat >>{self.messages}\n")
        (folder / "exabgp.conf").write_text(self.configuration())
        self.forget()
        self.processes = [self.host.start("exabgp", "exabgp", folder / "exabgp.conf",
                                          env=self.SETTINGS)]
        wait_until(lambda: "loaded new configuration" in self.processes[0].output(), "ExaBGP")

    def forget(self):
        """The beginning of what is read of `messages`."""
        self.offset = 0
        self.table = [{} for _ in self.sessions]        # (prefix, path identifier) -> Path
        self.states = [[] for _ in self.sessions]
        self.update_count = [0 for _ in self.sessions]

    def configuration(self):
        text = f"""
            process recorder {{
                run /bin/sh {self.host.folder}/recorder.sh;
                encoder json;
            }}
            process commands {{
                run /usr/bin/tail -n +1 -f {self.commands};
                encoder text;
            }}
        """
        return text + "".join(map(self.session_configuration, self.sessions))

    def session_configuration(self, session):
        options = []
        if session.password:
            options.append(f'md5-password "{session.password}";')
        if session.passive:
            options.append("passive true; listen 179;")
        if session.gtsm:
            options.append("outgoing-ttl 255;" + ("incoming-ttl 255;" if session.passive else ""))
        elif session.multihop:
            options.append(f"outgoing-ttl {session.multihop};")
        families = " ".join(f"{family} unicast;" for family in session.families)
        routes = "\n".join(f"{self.route(session, prefix)};" for prefix in self.prefixes
                           if family_of(prefix) in session.families)
        extended = session.extended_next_hop and set(session.families) == {"ipv4", "ipv6"}
        return f"""
            neighbor {session.remote} {{
                router-id {self.router_id};
                local-address {session.local};
                local-as {self.asn};
                peer-as {session.remote_asn};
                hold-time 9;
                {' '.join(options)}
                family {{ {families} }}
                capability {{
                    asn4 {'enable' if session.as4 else 'disable'};
                    route-refresh enable;
                    extended-message enable;
                    {'add-path send/receive;' if session.add_path else ''}
                    {'nexthop enable;' if extended else ''}
                }}
                {'nexthop { ipv4 unicast ipv6; }' if extended else ''}
                api {{
                    processes [ recorder, commands ];
                    neighbor-changes;
                    receive {{ parsed; update; }}
                }}
                static {{ {routes} }}
            }}
        """

    def route(self, session, prefix):
        """A route as it is configured and, behind "announce", said."""
        words = [f"route {prefix} next-hop {self.next_hop(session, prefix)}"]
        for kind, communities in (
                ("community", self.communities.standard),
                ("extended-community", [f"target:{each}" for each in self.communities.extended]),
                ("large-community", self.communities.large)):
            if communities:
                words.append(f"{kind} [ {' '.join(sorted(communities))} ]")
        return " ".join(words)

    def next_hop(self, session, prefix):
        """That of the session, or the one beside it where there is one."""
        if family_of(session.local) == family_of(prefix):
            return "self"
        try:
            return self.host.other_address(session.local)
        except LookupError:
            return session.local

    def say(self, *lines):
        """Commands of ExaBGP's API; there is no answer."""
        with open(self.commands, "a", encoding="ascii") as commands:
            commands.writelines(f"{line}\n" for line in lines)

    def announce(self, *prefixes):
        self.prefixes += prefixes
        for session in self.sessions:
            self.say(*(f"neighbor {session.remote} announce {self.route(session, prefix)}"
                       for prefix in prefixes))

    def withdraw(self, *prefixes):
        self.prefixes = [prefix for prefix in self.prefixes if prefix not in prefixes]
        for session in self.sessions:
            self.say(*(f"neighbor {session.remote} withdraw {self.route(session, prefix)}"
                       for prefix in prefixes))

    def refresh(self, number=1):
        session = self.sessions[number - 1]
        self.say(*(f"neighbor {session.remote} announce route-refresh {family} unicast"
                   for family in session.families))

    # What it has told

    def read(self):
        """Takes in what ExaBGP has told since the last time."""
        with open(self.messages, "rb") as file:
            file.seek(self.offset)
            lines = file.read()
        whole = lines[:lines.rfind(b"\n") + 1]
        self.offset += len(whole)
        for line in whole.splitlines():
            # An attribute without a value leaves a comma at the end of an object.
            told = json.loads(re.sub(rb",\s*}", b"}", line))
            remote = told.get("neighbor", {}).get("address", {}).get("peer")
            for at, session in enumerate(self.sessions):
                if session.remote == remote:
                    self.take(at, told["type"], told["neighbor"])

    def take(self, at, kind, told):
        if kind == "state":
            self.states[at].append(told["state"])
            if told["state"] != "up":
                self.table[at] = {}
        elif kind == "update" and "update" in told["message"]:
            self.update_count[at] += 1
            self.take_update(self.table[at], told["message"]["update"])

    def take_update(self, table, update):
        for entries in update.get("withdraw", {}).values():
            for entry in entries:
                table.pop(key_of(entry), None)
        for hops in update.get("announce", {}).values():
            for next_hop, entries in hops.items():
                path = self.path_of(next_hop, update.get("attribute", {}))
                table.update((key_of(entry), path) for entry in entries)

    def established(self, number=1):
        self.read()
        return self.states[number - 1][-1:] == ["up"]

    def since(self, number=1):
        """A value that changes whenever the session goes up or down."""
        self.read()
        return (self.processes[0].popen.pid,
                *(self.states[number - 1].count(state) for state in ("up", "down")))

    def received(self, number=1):
        self.read()
        return len(self.table[number - 1])

    def updates(self, number=1):
        self.read()
        return self.update_count[number - 1]

    def paths(self, prefix):
        """Every path to a prefix that a session has brought."""
        self.read()
        return [path for table in self.table for (known, _), path in table.items()
                if known == prefix]

    @staticmethod
    def path_of(next_hop, attributes):
        def communities(key):
            return {":".join(map(str, each)) for each in attributes.get(key, ())}
        return Path(
            next_hop=next_hop, as_path=attributes.get("as-path", []),
            origin=ORIGINS[attributes["origin"]], local_pref=attributes.get("local-preference"),
            med=attributes.get("med"), communities=communities("community"),
            extended_communities={route_target(each["value"])
                                  for each in attributes.get("extended-community", ())},
            large_communities=communities("large-community"),
            originator=attributes.get("originator-id"),
            clusters=attributes.get("cluster-list", []))


def route_target(value):
    """Of eight octets; the text that ExaBGP has beside them takes an address for an AS number."""
    octets = value.to_bytes(8, "big")
    assert octets[1] == 2, f"{value:#x} is no route target"
    administrator, number = {
        0: (int.from_bytes(octets[2:4], "big"), octets[4:]),
        1: (ipaddress.ip_address(octets[2:6]), octets[6:]),
        2: (int.from_bytes(octets[2:6], "big"), octets[6:])}[octets[0]]
    return f"{administrator}:{int.from_bytes(number, 'big')}"


def key_of(entry):
    """Of a prefix as ExaBGP tells it: the prefix, and its Path Identifier if it has one."""
    return entry["nlri"], entry.get("path-information")
