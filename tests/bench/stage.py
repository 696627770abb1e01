"""Where a run takes place: a daemon in one network namespace, the load generator in another.

The namespaces, the processes in them and their removal are those of tests/lab.  Both ends are
joined by a veth pair; the generator has an address for each of its sessions.
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

from lab import Lab, Process  # noqa: E402  (its folder is known only now)

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


def session_address(number, family):
    """The address of a session, by its number."""
    return str(ipaddress.ip_address(FIRST_SESSION[family]) + number)


class Stage:
    """Both namespaces and the wire between them; a context manager that removes them."""

    def __init__(self, sessions):
        self.lab = Lab()
        try:
            self.daemon_host = self.lab.host("daemon")
            self.load_host = self.lab.host("load")
            self.lab.link(self.daemon_host, self.load_host)
            self.load_host.ip(f"link set dev daemon address {LOAD_MAC}")
            self.add_addresses(sessions)
        except BaseException:
            self.lab.close()
            raise

    def add_addresses(self, sessions):
        """An address for each session; they are permanent neighbours of the daemon's end.

        The kernel holds few neighbours that it has to ask for, over all namespaces.
        """
        ours, theirs = [], []
        for family, daemon in DAEMON.items():
            flags = "nodad" if family == 6 else ""
            theirs.append(f"address add {daemon}/{PREFIX_LENGTH[family]} dev load {flags}")
            for number in range(sessions):
                address = session_address(number, family)
                ours.append(f"address add {address}/{PREFIX_LENGTH[family]} dev daemon {flags}")
                theirs.append(f"neighbour add {address} dev load lladdr {LOAD_MAC} nud permanent")
        for host, lines in ((self.load_host, ours), (self.daemon_host, theirs)):
            batch = host.folder / "addresses"
            batch.write_text("\n".join(lines) + "\n")
            host.run("ip", "-batch", batch)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.lab.close()


class Load(Process):
    """The load generator: one command a line goes in, one line of JSON comes out."""

    def __init__(self, host, program, work, patience):
        super().__init__(host, "load", [program, *self.options(work)], stdin=subprocess.PIPE,
                         stdout=subprocess.PIPE)
        self.patience = patience

    @staticmethod
    def options(work):
        words = ["--asn", DAEMON_ASN, "--target", DAEMON[4], "--target6", DAEMON[6],
                 "--local", FIRST_SESSION[4], "--local6", FIRST_SESSION[6],
                 "--family", work.family, "--senders", work.senders, "--receivers",
                 work.receivers, "--prefixes", work.prefixes, "--sets", work.sets]
        switches = {"--split": work.split, "--reflect": work.reflect, "--internal": work.internal}
        return [*words, *(switch for switch, on in switches.items() if on)]

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
        return self.output().strip() or f"load: ended with status {self.popen.returncode}"


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
