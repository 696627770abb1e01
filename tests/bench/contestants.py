"""The daemons that are compared: how each is configured, started and given another filter.

All do the same work: every session is passive, what senders say is accepted, receivers are sent
everything, senders nothing; timers are equal, and only work for the kernel touches its routes.
README.md says why the settings of each are fair.
"""

import dataclasses
import json
import os
import re
import shutil
import subprocess
import tempfile
import time

from stage import DAEMON, DAEMON_ASN, FIRST_SESSION, FIRST_SESSION_ASN, Failed, Helper, Incapable
from stage import cpu_seconds, daemon_address, memory_megabytes, session_address, wait_until

MULTIPATH = 16
FRR_PATIENCE = 300


@dataclasses.dataclass
class Session:
    """One session as the daemon configures it."""

    number: int
    address: str        # the generator's
    local: str          # the daemon's
    asn: int
    families: list      # 4, 6 or both
    announces: bool     # a sender
    learns: bool        # a receiver
    client: bool        # of this route reflector: both

    @property
    def internal(self):
        return self.asn == DAEMON_ASN


def sessions_of(work):
    """The sessions that the generator opens for this work."""
    families = [4, 6] if work.family == "both" else [int(work.family)]
    for number in range(work.senders + work.receivers):
        sender = number < work.senders
        internal = work.reflect or (work.internal and sender)
        yield Session(
            number=number, address=session_address(number, families[0], work.stride),
            local=daemon_address(number, families[0], work.stride),
            asn=DAEMON_ASN if internal else FIRST_SESSION_ASN + number, families=families,
            announces=sender, learns=work.reflect or not sender, client=work.reflect)


class Contestant:
    """One daemon, for one run."""

    name = ""
    program = ""        # is there if the daemon is installed
    version_option = "--version"
    speaks_bgp = True

    def __init__(self, host, build, work):
        self.host, self.build, self.work = host, build, work
        self.sessions = list(sessions_of(work))
        self.local = DAEMON[self.sessions[0].families[0]]
        self.bystanders = set()     # processes in its namespace that are not its own
        self.dropped_length = None  # prefixes of this length are not sent
        self.processes = []

    @classmethod
    def path(cls, _build):
        """Where its program is; None if it is not installed."""
        return shutil.which(cls.program)

    @classmethod
    def version(cls, build):
        """The first number with a dot that the program says of itself, on either stream."""
        done = subprocess.run([cls.path(build), cls.version_option], check=False, text=True,
                              capture_output=True, timeout=30)
        return re.search(r"\d+(\.\d+)+", done.stdout + done.stderr)[0]

    def start(self):
        """Starts its processes; they need not listen yet."""
        raise NotImplementedError

    def configuration(self):
        """The text of its configuration file."""
        raise NotImplementedError

    def drop_length(self, length):
        """Has prefixes of this length withheld from receivers from now on; None: all are sent."""
        self.dropped_length = length
        self.reload()

    def reload(self):
        """Has the running daemon take over what has changed in configuration()."""
        raise NotImplementedError

    def run(self, name, *argv):
        self.processes.append(self.host.start(name, *argv))

    def check(self):
        """Raises Failed if a process has ended."""
        for process in self.processes:
            if not process.running():
                raise Failed(f"{process.name} ended with status {process.popen.returncode}: "
                             f"{last_lines(process.output())}")

    def pids(self):
        return set(self.host.pids()) - self.bystanders

    def cpu(self):
        """CPU seconds of all its processes until now."""
        return sum(map(cpu_seconds, self.pids()))

    def memory(self, key):
        """Megabytes, the sum over its processes: VmRSS now, VmHWM at most."""
        return sum(memory_megabytes(pid, key) for pid in self.pids())


class Kbgpd(Contestant):
    """kbgpd, from the build folder."""

    name = program = "kbgpd"
    version_option = "-V"
    METRICS = f"{DAEMON[4]}:7473"
    OPTIONS = {}        # of its section fib, besides those that the work asks for

    @classmethod
    def path(cls, build):
        return shutil.which(build / cls.program)

    def start(self):
        self.file = self.host.folder / "kbgpd.yaml"
        self.control = self.host.folder / "kbgpd.sock"
        self.file.write_text(self.configuration())
        self.run("kbgpd", self.path(self.build), "-c", self.file, "-s", self.control)

    def configuration(self):
        drop = ""
        if self.dropped_length is not None:
            drop = ("{action: reject, match: {prefixes: [{prefix: 0.0.0.0/0, "
                    f"ge: {self.dropped_length}, le: {self.dropped_length}}}]}}}}, ")
        lines = [
            "node: {name: bench}",
            f"router: {{asn: {DAEMON_ASN}, routerID: {DAEMON[4]}}}",
            f"fib: {self.fib_configuration()}",
            "log: {level: warning}",
            f'metrics: {{listen: "{self.METRICS}"}}',
            "filters:",
            "- {name: all, rules: [{action: accept}]}",
            "- {name: none, rules: [{action: reject}]}",
            f"- {{name: out, rules: [{drop}{{action: accept}}]}}",
            "peers:",
            *map(self.session_configuration, self.sessions),
        ]
        return "\n".join(lines) + "\n"

    def fib_configuration(self):
        options = {"install": self.work.kernel, "multipath": MULTIPATH}
        if self.work.kernel:
            options |= self.OPTIONS
            if self.work.ranked and self.has_option(self.build, "backup", "true"):
                options["backup"] = True
        return json.dumps(options)

    @classmethod
    def has_option(cls, build, key, value):
        """Whether this build of it knows a key of the section fib."""
        with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
            file.write(f"router: {{asn: {DAEMON_ASN}, routerID: {DAEMON[4]}}}\n"
                       f"fib: {{{key}: {value}}}\n")
            file.flush()
            done = subprocess.run([build / cls.program, "-n", "-c", file.name], check=False,
                                  capture_output=True, timeout=30)
        return done.returncode == 0

    def session_configuration(self, session):
        families = ", ".join(f"ipv{family}" for family in session.families)
        words = [f"name: p{session.number}", f'address: "{session.address}"',
                 f"asn: {session.asn}", "passive: true", f"families: [{families}]",
                 f"holdTime: {self.work.hold_time}s",
                 f"import: [{'all' if session.announces else 'none'}]"]
        if session.client:
            words.append("routeReflectorClient: true")
        else:
            words += [f"export: [{'out' if session.learns else 'none'}]", "nextHop: self"]
        return f"- {{{', '.join(words)}}}"

    def reload(self):
        new = self.file.with_suffix(".new")
        new.write_text(self.configuration())
        new.replace(self.file)
        self.host.run(self.build / "kbgpctl", "-s", self.control, "reload")

    def loop_turns(self):
        """The turns of its event loop: the longest by the clock, the longest by CPU time, and how
        many lasted longer than each bound of the histogram, in seconds."""
        status = json.loads(self.host.run(self.build / "kbgpctl", "-s", self.control,
                                          "-o", "json", "status"))
        text = self.host.run("curl", "-s", "-f", "--max-time", "10",
                             f"http://{self.METRICS}/metrics")
        buckets = re.findall(r'^\w*loop_turn_seconds_bucket\{le="([^"]+)"\} (\d+)$', text, re.M)
        total = int(buckets[-1][1])
        return {"longest": status["longestTurn"], "busiest": status["busiestTurn"],
                "turns": total,
                "over": {bound: total - int(count) for bound, count in buckets[:-1]}}


class KbgpdPlain(Kbgpd):
    """kbgpd without next-hop objects: each route has its hops in itself."""

    name = "kbgpd-plain"
    OPTIONS = {"nextHopObjects": "off"}

    @classmethod
    def path(cls, build):
        program = super().path(build)
        return program if program and cls.has_option(build, "nextHopObjects", '"off"') else None


class Bird(Contestant):
    """BIRD 2."""

    name = program = "bird"

    def start(self):
        self.file = self.host.folder / "bird.conf"
        self.control = self.host.folder / "bird.ctl"
        self.file.write_text(self.configuration())
        self.run("bird", "bird", "-f", "-c", self.file, "-s", self.control)

    def configuration(self):
        lines = ["log stderr { warning, error, auth, fatal, bug };",
                 f"router id {DAEMON[4]};", "protocol device {}",
                 *map(self.kernel_configuration, self.sessions[0].families),
                 *map(self.session_configuration, self.sessions)]
        return "\n".join(lines) + "\n"

    def kernel_configuration(self, family):
        if not self.work.kernel:
            return ""
        merge = f"merge paths on limit {MULTIPATH};" if self.work.senders > 1 else ""
        return f"protocol kernel {{ {merge} ipv{family} {{ import none; export all; }}; }}"

    def session_configuration(self, session):
        export = "none"
        if session.learns:
            drops = self.dropped_length is not None
            export = f"where net.len != {self.dropped_length}" if drops else "all"
        policy = f"import {'all' if session.announces else 'none'}; export {export};"
        client = "rr client;" if session.client else ""
        next_hop = "" if session.client else "next hop self;"
        channels = " ".join(f"ipv{family} {{ {policy} {next_hop} }};"
                            for family in session.families)
        return (f"protocol bgp p{session.number} {{ local {session.local} as {DAEMON_ASN}; passive;"
                f" neighbor {session.address} as {session.asn}; direct;"
                f" hold time {self.work.hold_time}; connect delay time 1; error wait time 1, 1;"
                f" {client} {channels} }}")

    def reload(self):
        self.file.write_text(self.configuration())
        self.host.run("birdc", "-s", self.control, "configure")


class Frr(Contestant):
    """FRR's bgpd, and zebra if the routes are to go into the kernel."""

    name = "frr"
    FOLDER = "/usr/lib/frr"
    program = f"{FOLDER}/bgpd"
    LISTS = (
        "ip prefix-list none seq 5 deny any",
        "ipv6 prefix-list none seq 5 deny any",
        "ip prefix-list out seq 10 permit any",
        "ipv6 prefix-list out seq 10 permit any",
        "route-map next-hop permit 10",
        f"set ipv6 next-hop global {DAEMON[6]}",
    )

    def start(self):
        folder = self.host.folder
        shutil.chown(folder, "frr", "frr")  # which it runs as
        socket = folder / "zserv.api"
        if self.work.kernel:
            self.start_daemon("zebra", "", "-z", socket)
            wait_until(socket.exists, "zebra")
        self.start_daemon("bgpd", self.configuration(),
                          *(["-z", socket] if self.work.kernel else ["-Z"]))
        if self.work.kernel:
            # A session that comes earlier may be ended by what zebra tells then.
            wait_until(self.expects_sessions, "FRR expects its neighbours")

    def expects_sessions(self):
        text = self.host.run("vtysh", "--vty_socket", self.host.folder, "-d", "bgpd",
                             "-c", "show bgp summary")
        return len(re.findall(r"\bActive\b", text)) == len(self.sessions)

    def start_daemon(self, name, configuration, *options):
        folder = self.host.folder
        file = folder / f"{name}.conf"
        file.write_text(configuration)
        self.run(name, f"{self.FOLDER}/{name}", *options, "-f", file, "-i", folder / f"{name}.pid",
                 "--vty_socket", folder, "-A", "127.0.0.1", "-P", "0", "--log", "stdout",
                 "--log-level", "warnings")

    def configuration(self):
        """A view has no forwarding, so nothing waits for zebra to resolve its next hops."""
        lines = [
            f"router bgp {DAEMON_ASN} {'' if self.work.kernel else 'view bench'}",
            f"bgp router-id {DAEMON[4]}",
            "no bgp default ipv4-unicast",
            "no bgp ebgp-requires-policy",
            "no bgp network import-check",
            "bgp route-map delay-timer 0",
            "coalesce-time 0",
        ]
        if self.work.kernel:
            lines.append("bgp bestpath as-path multipath-relax")
        for session in self.sessions:
            lines += [
                f"neighbor {session.address} remote-as {session.asn}",
                f"neighbor {session.address} passive",
                f"neighbor {session.address} timers {self.work.hold_time // 3}"
                f" {self.work.hold_time}",
                f"neighbor {session.address} advertisement-interval 0",
            ]
        for family in (4, 6):
            lines.append(f"address-family ipv{family} unicast")
            if self.work.kernel:
                lines.append(f"maximum-paths {MULTIPATH}")
            for session in self.sessions:
                if family in session.families:
                    lines += self.family_configuration(session, family)
            lines.append("exit-address-family")
        return "\n".join([*lines, "exit", *self.LISTS]) + "\n"

    def family_configuration(self, session, family):
        neighbor = f"neighbor {session.address}"
        lines = [f"{neighbor} activate"]
        if session.client:
            lines.append(f"{neighbor} route-reflector-client")
        else:
            lines.append(f"{neighbor} prefix-list {'out' if session.learns else 'none'} out")
        if family == 6 and session.learns and self.work.family == "both":
            # Without zebra it does not know our own address of the other family.
            lines.append(f"{neighbor} route-map next-hop out")
        return lines

    def reload(self):
        drop = f"ip prefix-list out seq 5 deny 0.0.0.0/0 ge {self.dropped_length}" \
               f" le {self.dropped_length}"
        if self.dropped_length is None:
            drop = "no ip prefix-list out seq 5"
        self.host.run("vtysh", "--vty_socket", self.host.folder, "-d", "bgpd",
                      "-c", "configure terminal", "-c", drop, "-c", "end",
                      "-c", "clear bgp view bench ipv4 unicast * soft out",
                      patience=FRR_PATIENCE)


class Openbgpd(Contestant):
    """OpenBGPD: a parent and three children."""

    name = "openbgpd"
    program = "bgpctl"      # `bgpd` may be FRR's
    version_option = "-V"

    def start(self):
        self.file = self.host.folder / "bgpd.conf"
        self.control = self.host.folder / "bgpd.sock"
        self.write_configuration()
        if self.work.family == "both":
            # It looks for its address of the other family on `lo` only.
            self.host.ip(f"address add {DAEMON[6]}/128 dev lo scope host")
        # The children are locked into a folder whose path is compiled in: one for each run.
        self.run("openbgpd", "unshare", "--mount", "sh", "-c",
                 'mount -t tmpfs none /run && mkdir /run/openbgpd && exec "$@"', "sh",
                 "/usr/sbin/bgpd", "-d", "-f", self.file)

    def write_configuration(self):
        self.file.write_text(self.configuration())
        self.file.chmod(0o600)  # it insists

    def configuration(self):
        lines = [f"AS {DAEMON_ASN}", f"router-id {DAEMON[4]}", f'socket "{self.control}"',
                 "fib-update no", f"holdtime {self.work.hold_time}"]
        for name, sessions in self.groups().items():
            lines += [f'group "{name}" {{', *map(self.session_configuration, sessions), "}"]
            if sessions[0].announces:
                lines.append(f"allow from group {name}")
            if sessions[0].learns:
                next_hop = "" if sessions[0].client else " set nexthop self"
                lines.append(f"allow to group {name}{next_hop}")
        if self.dropped_length is not None:
            lines.append(f"deny to group receivers prefix 0.0.0.0/0 "
                         f"prefixlen = {self.dropped_length}")
        return "\n".join(lines) + "\n"

    def groups(self):
        groups = {}
        for session in self.sessions:
            name = "clients" if session.client else "senders" if session.announces else "receivers"
            groups.setdefault(name, []).append(session)
        return groups

    def session_configuration(self, session):
        words = [f"remote-as {session.asn}", f"local-address {self.local}", "passive"]
        for family, name in ((4, "IPv4"), (6, "IPv6")):
            words.append(f"announce {name} {'unicast' if family in session.families else 'none'}")
        if session.client:
            words.append("route-reflector")
        return "\n".join([f"neighbor {session.address} {{", *words, "}"])

    def reload(self):
        self.write_configuration()
        self.host.run("bgpctl", "-s", self.control, "reload")


class Gobgp(Contestant):
    """GoBGP."""

    name = "gobgp"
    program = "gobgpd"

    def start(self):
        self.file = self.host.folder / "gobgpd.conf"
        self.file.write_text(self.configuration())
        self.run("gobgpd", "gobgpd", "-f", self.file, "--log-plain", "--log-level", "warn",
                 "--pprof-disable", "--api-hosts", "127.0.0.1:50051")

    def configuration(self):
        rules = self.rules()
        applied = '["out"]' if rules else "[]"
        text = f"""
            [global.config]
                as = {DAEMON_ASN}
                router-id = "{DAEMON[4]}"
            [global.apply-policy.config]
                default-import-policy = "accept-route"
                default-export-policy = "accept-route"
                export-policy-list = {applied}
        """
        text += "".join(map(self.session_configuration, self.sessions))
        if rules:
            text += '[[policy-definitions]]\nname = "out"\n' + "".join(rules)
        return text

    def session_configuration(self, session):
        text = f"""
            [[neighbors]]
            [neighbors.config]
                neighbor-address = "{session.address}"
                peer-as = {session.asn}
            [neighbors.timers.config]
                hold-time = {self.work.hold_time}
                keepalive-interval = {self.work.hold_time // 3}
            [neighbors.transport.config]
                local-address = "{self.local}"
                passive-mode = true
        """
        if session.client:
            text += f"""
            [neighbors.route-reflector.config]
                route-reflector-client = true
                route-reflector-cluster-id = "{DAEMON[4]}"
            """
        for family in session.families:
            text += f"""
            [[neighbors.afi-safis]]
            [neighbors.afi-safis.config]
                afi-safi-name = "ipv{family}-unicast"
            """
        return text

    def rules(self):
        """The statements of its export policy, only those that this work needs."""
        rules = []
        if self.work.senders > 1 and not self.work.internal and not self.work.reflect:
            rules.append(self.silence_senders())
        if self.work.family == "both":
            rules.append(self.next_hop_rule())
        return rules

    def silence_senders(self):
        senders = ", ".join(f'"{session.address}"' for session in self.sessions
                            if session.announces)
        return f"""
            [[policy-definitions.statements]]
            [policy-definitions.statements.conditions.match-neighbor-set]
                neighbor-set = "senders"
            [policy-definitions.statements.actions]
                route-disposition = "reject-route"
            [[defined-sets.neighbor-sets]]
                neighbor-set-name = "senders"
                neighbor-info-list = [{senders}]
        """

    @staticmethod
    def next_hop_rule():
        """Over IPv4 it would send an IPv4-mapped next hop for IPv6."""
        return f"""
            [[policy-definitions.statements]]
            [policy-definitions.statements.conditions.bgp-conditions]
                afi-safi-in-list = ["ipv6-unicast"]
            [policy-definitions.statements.actions.bgp-actions]
                set-next-hop = "{DAEMON[6]}"
            [policy-definitions.statements.actions]
                route-disposition = "accept-route"
        """

    def reload(self):
        """Neither SIGHUP nor a soft reset withdraws what a new export policy rejects."""
        raise Incapable


class Limit(Contestant):
    """No daemon: the same routes put into the kernel by something that knows no BGP."""

    speaks_bgp = False
    DEVICE = "load"

    def change_routes(self, which):
        """Does "announce" or "withdraw"; when it began."""
        raise NotImplementedError

    def loop_command(self, *options):
        family = self.sessions[0].families[0]
        return [self.build / "tests/bench/netlink_loop", "--gateway", FIRST_SESSION[family],
                "--interface", self.DEVICE, "--prefixes", self.work.prefixes, *options]


class IpBatch(Limit):
    """`ip -batch`, of iproute2."""

    name = "ip-batch"
    program = "ip"
    version_option = "-V"

    def start(self):
        self.used, self.most = 0.0, 0.0
        routes = self.host.run(*self.loop_command("--print")).splitlines()
        for which, verb in (("announce", "add"), ("withdraw", "del")):
            lines = "".join(f"route {verb} {route}\n" for route in routes)
            (self.host.folder / which).write_text(lines)

    def change_routes(self, which):
        began = time.monotonic()
        process = self.host.start("ip", "ip", "-batch", which)
        _, status, usage = os.wait4(process.popen.pid, 0)
        process.popen.returncode = os.waitstatus_to_exitcode(status)
        if status:
            raise Failed(last_lines(process.output()))
        self.used += usage.ru_utime + usage.ru_stime
        self.most = max(self.most, usage.ru_maxrss * 1024 / 1e6)
        return began

    def cpu(self):
        return self.used

    def memory(self, _key):
        return self.most


class Loop(Limit):
    """A bare loop over prepared netlink messages, see netlink_loop.c."""

    name = "loop"
    PATIENCE = 300

    @classmethod
    def path(cls, build):
        return shutil.which(build / "tests/bench/netlink_loop")

    @classmethod
    def version(cls, _build):
        return "-"

    def start(self):
        self.loop = Helper(self.host, "loop", self.loop_command(), self.PATIENCE)
        self.processes.append(self.loop)

    def change_routes(self, which):
        self.loop.begin({"announce": "add", "withdraw": "remove"}[which])
        answer = self.loop.end(self)
        self.longest_batch = answer["longest"]
        return answer["began"]


CONTESTANTS = {each.name: each
               for each in (Kbgpd, KbgpdPlain, Bird, Frr, Openbgpd, Gobgp, IpBatch, Loop)}


def last_lines(text, count=5):
    return " / ".join(text.strip().splitlines()[-count:])
