"""Where a run takes place: a daemon in one network namespace, the load generator in another.

The namespaces, the processes in them and their removal are those of tests/lab.  Both ends are
joined by a veth pair; the generator has an address for each of its sessions.  For work with wires
there is a pair for each session, with a subnet of its own.
"""

import ipaddress
import json
import os
import pathlib
import select
import subprocess
import sys
import time

TOP = pathlib.Path(__file__).resolve().parents[2]
sys.path.append(str(TOP / "tests/lab"))

from lab import Lab, Process, wait_until  # noqa: E402,F401  (its folder is known only now)

DAEMON_ASN = 65000
FIRST_SESSION_ASN = 65001
DAEMON = {4: "10.99.0.1", 6: "fd99::1"}
FIRST_SESSION = {4: "10.99.0.10", 6: "fd99::10"}
PREFIX_LENGTH = {4: 16, 6: 64}
LOAD_MAC = "02:00:00:00:00:02"

CHECK_SECONDS = 0.5
"""How often a wait for the generator looks whether the daemon still runs."""


class Failed(Exception):
    """A run that cannot go on: the daemon or the generator has ended, or complains."""


class Over(Exception):
    """A run in which one command took longer than we wait."""


class Incapable(Exception):
    """A run that the daemon has no means for."""


def session_address(number, family, stride=0):
    """The address of a session, by its number."""
    return str(ipaddress.ip_address(FIRST_SESSION[family]) + number * (stride or 1))


def daemon_address(number, family, stride=0):
    """The daemon's address as this session sees it."""
    return str(ipaddress.ip_address(DAEMON[family]) + number * stride)


def wire_name(end, number):
    """What an end of a wire is called: after the host at the other end, and its number."""
    return f"{end}{number or ''}"


class Stage:
    """Both namespaces and the wires between them; a context manager that removes them."""

    def __init__(self, sessions, stride=0):
        self.lab = Lab()
        self.sessions, self.stride = sessions, stride
        self.wires = sessions if stride else 1
        try:
            self.daemon_host = self.lab.host("daemon")
            self.load_host = self.lab.host("load")
            for number in range(self.wires):
                self.add_wire(number)
            self.add_addresses()
        except BaseException:
            self.lab.close()
            raise

    def add_wire(self, number):
        ours, theirs = wire_name("daemon", number), wire_name("load", number)
        self.load_host.ip(f"link add name {ours} address {LOAD_MAC} type veth peer name {theirs}"
                          f" netns {self.daemon_host.namespace}")
        for host, name in ((self.load_host, ours), (self.daemon_host, theirs)):
            host.ip(f"link set dev {name} up")

    def cut_wire(self, number):
        """The daemon's end loses its carrier; it stays up."""
        self.load_host.ip(f"link set dev {wire_name('daemon', number)} down")

    def add_addresses(self):
        """An address for each session; they are permanent neighbours of the daemon's end.

        The kernel holds few neighbours that it has to ask for, over all namespaces.
        """
        ours, theirs = [], []
        for family in (4,) if self.stride else (4, 6):
            length = PREFIX_LENGTH[family]
            flags = "nodad" if family == 6 else ""
            for number in range(self.sessions):
                wire = number if self.stride else 0
                address = session_address(number, family, self.stride)
                daemon = daemon_address(number, family, self.stride)
                if number == wire:
                    theirs.append(f"address add {daemon}/{length} dev {wire_name('load', wire)}"
                                  f" {flags}")
                ours.append(f"address add {address}/{length} dev {wire_name('daemon', wire)}"
                            f" {flags}")
                theirs.append(f"neighbour add {address} dev {wire_name('load', wire)}"
                              f" lladdr {LOAD_MAC} nud permanent")
        for host, lines in ((self.load_host, ours), (self.daemon_host, theirs)):
            batch = host.folder / "addresses"
            batch.write_text("\n".join(lines) + "\n")
            host.run("ip", "-batch", batch)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        try:
            self.remove_routes()
        finally:
            self.lab.close()

    def remove_routes(self):
        """They would be removed with the namespace, and that goes on while the next run does."""
        for process in self.lab.processes:
            if process.running():
                process.popen.kill()
            process.popen.wait()
        for number in range(self.wires):
            self.daemon_host.ip(f"link set dev {wire_name('load', number)} down")


class Helper(Process):
    """A program that takes one command a line and answers with a line of JSON."""

    def __init__(self, host, name, argv, patience):
        super().__init__(host, name, argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.patience = patience

    def begin(self, *words):
        """Sends a command; end() must follow."""
        try:
            self.popen.stdin.write((" ".join(map(str, words)) + "\n").encode())
            self.popen.stdin.flush()
        except BrokenPipeError:
            raise Failed(self.complaint()) from None

    def end(self, daemon):
        """The answer to the command, as a dictionary."""
        deadline = time.monotonic() + self.patience
        while not select.select([self.popen.stdout], [], [], CHECK_SECONDS)[0]:
            daemon.check()
            if time.monotonic() > deadline:
                raise Over
        line = self.popen.stdout.readline()
        if not line:
            daemon.check()
            raise Failed(self.complaint())
        return json.loads(line)

    def complaint(self):
        self.popen.wait()
        return self.output().strip() or f"{self.name}: ended with status {self.popen.returncode}"


class Load(Helper):
    """The load generator."""

    def __init__(self, host, program, work, patience):
        super().__init__(host, "load", [program, *self.options(work)], patience)

    @staticmethod
    def options(work):
        words = ["--asn", DAEMON_ASN, "--target", DAEMON[4], "--target6", DAEMON[6],
                 "--local", FIRST_SESSION[4], "--local6", FIRST_SESSION[6],
                 "--family", work.family, "--senders", work.senders, "--receivers",
                 work.receivers, "--prefixes", work.prefixes, "--sets", work.sets,
                 "--hold-time", work.hold_time, "--stride", work.stride]
        switches = {"--split": work.split, "--reflect": work.reflect, "--internal": work.internal,
                    "--ranked": work.ranked}
        return [*words, *(switch for switch, on in switches.items() if on)]


class Probe(Helper):
    """What the daemon's kernel has."""

    def __init__(self, host, program, work, patience):
        super().__init__(host, "probe", [program, "--family", work.family, "--prefixes",
                                         work.prefixes], patience)


def cpu_seconds(pid):
    """What a process has used, in user and kernel mode, with its threads."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def memory_megabytes(pid, key):
    """A line of the process's status, such as VmHWM: 1 MB is 1,000,000 bytes."""
    for line in pathlib.Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines():
        if line.startswith(f"{key}:"):
            return int(line.split()[1]) * 1024 / 1e6
    return 0.0
