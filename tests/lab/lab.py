"""Labs: real routing daemons in network namespaces that exist for one test only.

A Lab owns hosts (network namespaces), the links between them and every process started on them.
close() removes all of it, whatever happened before.  Nothing is made in the namespace of the
machine itself, so labs neither see each other nor the machine, and may use the same addresses.

Waiting is always for a condition with a deadline: wait_until().  There is no other sleep.
"""

import itertools
import json
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import time

PATIENCE = float(os.environ.get("KBGPD_LAB_PATIENCE", "40"))
"""Seconds that a condition may take to come true; generous, as labs share the machine."""

_numbers = itertools.count(1)


def wait_until(condition, what="", patience=PATIENCE):
    """Calls condition() until it returns something true, and returns that.

    An AssertionError, LookupError or failed command in it means "not yet".
    """
    end = time.monotonic() + patience
    while True:
        try:
            value = condition()
            if value:
                return value
            problem = f"it is {value!r}"
        except (AssertionError, LookupError, subprocess.SubprocessError) as error:
            problem = f"{type(error).__name__}: {error}"
        if time.monotonic() > end:
            raise AssertionError(f"{what or 'the condition'}: not after {patience:.0f} s: {problem}")
        time.sleep(0.1)


def stays(condition, seconds, what=""):
    """Asserts that condition() is true now and for some seconds from now."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        assert condition(), f"{what or 'the condition'}: true no longer"
        time.sleep(0.1)


class CommandFailed(subprocess.SubprocessError):
    """A command ended with another status than 0."""


class Process:
    """A process on a host, with its output in a log file."""

    def __init__(self, host, name, argv, env=None, stdin=subprocess.DEVNULL, stdout=None):
        self.host, self.name, self.argv = host, name, argv
        self.log = host.folder / f"{name}.log"
        with open(self.log, "ab") as log:
            self.popen = subprocess.Popen(
                host.enter(*argv), stdin=stdin, stdout=stdout or log, stderr=log,
                cwd=host.folder, env={**os.environ, **(env or {})}, start_new_session=True)
        host.lab.processes.append(self)

    def running(self):
        return self.popen.poll() is None

    def send(self, number):
        self.popen.send_signal(number)

    def stop(self, number=signal.SIGTERM, patience=20):
        """Ends the process and returns its exit status; SIGKILL if it does not listen."""
        if self.running():
            self.send(number)
        try:
            return self.popen.wait(patience)
        except subprocess.TimeoutExpired:
            self.popen.kill()
            self.popen.wait()
            raise AssertionError(f"{self.name} on {self.host.name} did not stop") from None

    def output(self):
        return self.log.read_text(errors="replace") if self.log.exists() else ""


class Host:
    """One network namespace, with IPv4 and IPv6 forwarding as on a node or a router."""

    SYSCTLS = {
        "net/ipv4/ip_forward": "1",
        "net/ipv4/conf/all/rp_filter": "0",
        "net/ipv4/conf/default/rp_filter": "0",
        "net/ipv4/fib_multipath_hash_policy": "1",
        "net/ipv6/conf/all/forwarding": "1",
        "net/ipv6/conf/all/accept_dad": "0",
        "net/ipv6/conf/default/accept_dad": "0",
        "net/ipv6/fib_multipath_hash_policy": "1",
    }

    def __init__(self, lab, name):
        self.lab, self.name = lab, name
        self.namespace = f"{lab.prefix}-{name}"
        lab.hosts[name] = self  # to be removed, whatever fails from here on
        self.folder = lab.folder / name
        self.folder.mkdir()
        command("ip", "netns", "add", self.namespace)
        self.ip("link set dev lo up")
        for key, value in self.SYSCTLS.items():
            self.run("sh", "-c", f"echo {value} >/proc/sys/{key}")

    def enter(self, *argv):
        return ["nsenter", f"--net=/run/netns/{self.namespace}", "--", *map(str, argv)]

    def run(self, *argv, patience=30):
        """Runs a command in the namespace and returns its output."""
        return command(*self.enter(*argv), patience=patience)

    def succeeds(self, *argv):
        try:
            self.run(*argv)
            return True
        except CommandFailed:
            return False

    def start(self, name, *argv, env=None):
        return Process(self, name, argv, env)

    def pids(self):
        """Every process in the namespace, whoever started it."""
        done = subprocess.run(["ip", "netns", "pids", self.namespace], check=False,
                              capture_output=True, text=True)
        return [int(word) for word in done.stdout.split()]

    def ip(self, words):
        return self.run("ip", *words.split())

    def ip_json(self, words):
        return json.loads(self.run("ip", "-json", "-N", *words.split()) or "[]")

    def address(self, interface, *addresses):
        for address in addresses:
            flags = ["nodad"] if ":" in address else []
            self.run("ip", "address", "add", address, "dev", interface, *flags)

    def other_address(self, address):
        """The global address of the other family on the interface that has this one."""
        for link in self.ip_json("address show"):
            local = [each["local"] for each in link["addr_info"]]
            for other in local if address in local else ():
                if (":" in other) != (":" in address) and not other.startswith("fe80:"):
                    return other
        raise LookupError(f"{self.name}: {address} has none of the other family beside it")

    def link_local(self, interface):
        """The IPv6 link-local address of an interface."""
        for link in self.ip_json(f"-6 address show dev {interface}"):
            for address in link["addr_info"]:
                if address["local"].startswith("fe80:"):
                    return address["local"]
        raise LookupError(f"{self.name}: no link-local address on {interface}")

    def routes(self, selector=""):
        """Routes of the kernel by prefix, of both families: {"10.1.0.0/24": route}."""
        found = {}
        for family, default in (("-4", "0.0.0.0/0"), ("-6", "::/0")):
            for route in self.ip_json(f"{family} route show {selector}"):
                found[full_prefix(route["dst"], default)] = route
        return found

    def bgp_routes(self):
        """The routes that carry BGP's protocol number: prefix -> set of next hops."""
        return {prefix: next_hops(route) for prefix, route in self.routes("proto 186").items()}

    def ping(self, address, source=None):
        argv = ["ping", "-n", "-c1", "-W1"] + (["-I", source] if source else [])
        return self.succeeds(*argv, address)

    def serve(self, text, port=8080):
        """Starts a web server that answers every request for / with `text`."""
        folder = self.folder / f"www-{port}"
        folder.mkdir()
        (folder / "index.html").write_text(text)
        server = self.start(f"httpd-{port}", "busybox", "httpd", "-f", "-p", f"[::]:{port}", "-h",
                            folder)
        wait_until(lambda: self.fetch("127.0.0.1", port) == text, f"web server on {self.name}")
        return server

    def fetch(self, address, port=8080):
        host = f"[{address}]" if ":" in address else address
        return self.run("curl", "-s", "-f", "--max-time", "2", f"http://{host}:{port}/")


class Lab:
    """Hosts, links and processes of one test; a context manager."""

    def __init__(self):
        self.prefix = f"kbgpd-{os.getpid()}-{next(_numbers)}"
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix=f"{self.prefix}-"))
        self.folder.chmod(0o711)  # for daemons that are not root
        self.hosts, self.processes, self.daemons = {}, [], []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def host(self, name):
        return Host(self, name)

    def link(self, a, b, a_addresses=(), b_addresses=()):
        """A cable between two hosts; each end is named after the host at the other end."""
        a.run("ip", "link", "add", "name", b.name, "type", "veth", "peer", "name", a.name, "netns",
              b.namespace)
        for host, other, addresses in ((a, b, a_addresses), (b, a, b_addresses)):
            host.address(other.name, *addresses)
            host.ip(f"link set dev {other.name} up")

    def switch(self, name):
        """An Ethernet switch; plug() connects a host to it."""
        switch = self.host(name)
        switch.ip("link add name br0 type bridge mcast_snooping 0")
        switch.ip("link set dev br0 up")
        return switch

    def plug(self, host, switch, *addresses):
        """Connects a host to a switch, by an interface named after the switch."""
        self.link(host, switch, addresses)
        switch.ip(f"link set dev {host.name} master br0")

    def logs(self):
        """What every process has written and every configuration, for the report of a failure."""
        for process in self.processes:
            status = "running" if process.running() else f"ended: {process.popen.returncode}"
            yield f"{process.host.name}: {process.name} ({status})", process.output()
        for host in self.hosts.values():
            for file in sorted([*host.folder.glob("*.conf"), *host.folder.glob("*.yaml")]):
                yield f"{host.name}: {file.name}", file.read_text()

    def snapshot(self):
        """Routes and addresses of every host, for the report of a failure."""
        for host in self.hosts.values():
            try:
                yield f"{host.name}: ip address, ip route", "".join(
                    host.ip(words) for words in ("-br address", "-4 route", "-6 route"))
            except subprocess.SubprocessError as error:
                yield host.name, str(error)

    def close(self):
        """Stops and removes everything; raises if a daemon did not stop cleanly."""
        problems = []
        try:
            for daemon in self.daemons:
                problems += daemon.close()
        finally:
            self._remove()
        assert not problems, "\n".join(problems)

    def _remove(self):
        for process in self.processes:
            if process.running():
                process.popen.kill()
            process.popen.wait()
        for host in self.hosts.values():
            # What a daemon left behind of its own.
            for pid in host.pids():
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
            subprocess.run(["ip", "netns", "del", host.namespace], check=False)
        shutil.rmtree(self.folder, ignore_errors=True)


def command(*argv, patience=30):
    """Runs a command and returns its output; raises CommandFailed with what it said."""
    done = subprocess.run([str(word) for word in argv], check=False, capture_output=True,
                          text=True, timeout=patience, stdin=subprocess.DEVNULL)
    if done.returncode != 0:
        said = (done.stderr + done.stdout).strip()
        raise CommandFailed(f"{' '.join(map(str, argv))}: status {done.returncode}: {said}")
    return done.stdout


def full_prefix(text, default="0.0.0.0/0"):
    """The prefix as it is written everywhere else: ip leaves out /32, /128 and says "default"."""
    if text == "default":
        return default
    return text if "/" in text else f"{text}/{128 if ':' in text else 32}"


def next_hops(route):
    """The next hops of a route as `ip -json route` shows it: a set of addresses."""
    hops = route.get("nexthops", [route])
    return {hop.get("gateway") or hop.get("via", {}).get("host") or hop.get("dev") for hop in hops}
