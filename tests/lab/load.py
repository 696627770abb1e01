"""The tools of tests/bench in a lab: they take a command a line and answer with a line of JSON.

The load generator is senders and receivers of one daemon in one process.  What it can do stands at
the head of tests/bench/load.c.  Every prefix that a receiver is sent is checked, and of one in 64
all attributes; a wrong one ends the generator.
"""

import json
import subprocess
import threading

DEADLINE = 300.0
"""Seconds that a tool may take for an answer: it is ended then, rather than waited for forever."""

FIRST = 10
"""The last octet of the address of session 0."""


class Tool:
    """A tool on a host, driven by commands; close() must find it alive or ended by fails()."""

    def __init__(self, host, build, name, **options):
        """`options` are those of the command line: senders=1, split=True, local6="fd00::a", ..."""
        self.name = name
        argv = [build / "tests/bench" / name]
        for option, value in options.items():
            argv.append("--" + option.replace("_", "-"))
            argv += [] if value is True else [value]
        self.errors = host.folder / f"{name}.log"
        self.failed = False
        with open(self.errors, "w", encoding="utf-8") as errors:
            self.popen = subprocess.Popen(
                host.enter(*argv), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors,
                text=True, start_new_session=True)
        host.lab.daemons.insert(0, self)  # to be ended before the daemon that it watches

    def command(self, words):
        """Gives a command and returns the line that answers it, empty if the tool ended."""
        try:
            self.popen.stdin.write(words + "\n")
            self.popen.stdin.flush()
        except BrokenPipeError:
            pass
        return self.answer()

    def answer(self):
        """The next line that it says, empty if it ended."""
        timer = threading.Timer(DEADLINE, self.popen.kill)
        timer.start()
        try:
            return self.popen.stdout.readline()
        finally:
            timer.cancel()

    def do(self, words):
        """The answer to a command, when it is done."""
        return self.parse(words, self.command(words))

    def more(self):
        """The next line of an answer that has several."""
        return self.parse("more", self.answer())

    def parse(self, words, answer):
        if not answer:
            self.failed = True
            raise AssertionError(f"{self.name}: {words}: {self.said()}")
        return json.loads(answer)

    def fails(self, words):
        """What the tool said at its end, which a command led to."""
        answer = self.command(words)
        if answer:
            raise AssertionError(f"{self.name}: {words}: succeeded: {answer}")
        self.failed = True
        if self.popen.wait(20) != 1:
            raise AssertionError(
                f"{self.name}: {words}: status {self.popen.returncode}: {self.said()}")
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
            return [f"{self.name} did not stop"]
        self.popen.stdout.close()
        if status == 0 or self.failed:
            return []
        return [f"{self.name}: status {status}: {self.said()}"]


class Load(Tool):
    """The load generator."""

    def __init__(self, host, build, target, asn, **options):
        super().__init__(host, build, "load", target=target, asn=asn, **options)
