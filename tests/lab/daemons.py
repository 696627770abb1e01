"""The daemons of a lab: kbgpd, and the neighbours from which a test takes what it needs.

Bird, Frr, Gobgp and Openbgpd answer the same questions (see neighbour.py), so that one scenario
runs against each.
"""

import json
import os
import signal

from bird import Bird  # noqa: F401  (for the tests)
from exabgp import Exabgp  # noqa: F401
from frr import Frr  # noqa: F401
from gobgp import Gobgp  # noqa: F401
from lab import wait_until
from neighbour import Communities, Session  # noqa: F401
from openbgpd import Openbgpd  # noqa: F401


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
