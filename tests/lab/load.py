"""The load generator of tests/bench in a lab: senders and receivers of one daemon in one process.

What it can do stands at the head of tests/bench/load.c.  Every prefix that a receiver is sent is
checked, and of one in 64 all attributes; a wrong one ends the generator.
"""

import json
import subprocess

FIRST = 10
"""The last octet of the address of session 0."""


class Load:
    """A generator on a host, driven by commands; close() must find it alive or ended by fails()."""

    def __init__(self, host, build, target, asn, **options):
        """`options` are those of the command line: senders=1, split=True, local6="fd00::a", ..."""
        argv = [build / "tests/bench/load", "--target", target, "--asn", asn]
        for name, value in options.items():
            argv.append("--" + name.replace("_", "-"))
            argv += [] if value is True else [value]
        self.errors = host.folder / "load.log"
        self.failed = False
        with open(self.errors, "w", encoding="utf-8") as errors:
            self.popen = subprocess.Popen(
                host.enter(*argv), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors,
                text=True, start_new_session=True)
        host.lab.daemons.insert(0, self)  # to be ended before the daemon that it watches

    def command(self, words):
        """Gives a command and returns the line that answers it, empty if the generator ended."""
        try:
            self.popen.stdin.write(words + "\n")
            self.popen.stdin.flush()
        except BrokenPipeError:
            pass
        return self.popen.stdout.readline()

    def do(self, words):
        """The answer to a command, when it is done."""
        answer = self.command(words)
        if not answer:
            self.failed = True
            raise AssertionError(f"load: {words}: {self.said()}")
        return json.loads(answer)

    def fails(self, words):
        """What the generator said at its end, which a command led to."""
        answer = self.command(words)
        if answer:
            raise AssertionError(f"load: {words}: succeeded: {answer}")
        self.failed = True
        if self.popen.wait(20) != 1:
            raise AssertionError(f"load: {words}: status {self.popen.returncode}: {self.said()}")
        return self.said().removeprefix("load: ")

    def said(self):
        self.popen.wait(20)
        return self.errors.read_text(encoding="utf-8").strip()

    def close(self):
        """Ends it; a list with what was wrong."""
        try:
            self.popen.stdin.close()
        except BrokenPipeError:
            pass
        try:
            status = self.popen.wait(20)
        except subprocess.TimeoutExpired:
            self.popen.kill()
            self.popen.wait()
            return ["load did not stop"]
        self.popen.stdout.close()
        return [] if status == 0 or self.failed else [f"load: status {status}: {self.said()}"]
