"""The `lab` fixture: a Lab that is removed after the test, its logs shown if the test failed."""

import os
import pathlib
import signal

import pytest

pytest.register_assert_rewrite(
    "lab", "api_client", "api_ground", "control_plane", "daemons", "kubernetes_ground",
    "neighbour", "bird", "exabgp", "fib", "frr", "gobgp", "openbgpd", "scripted", "sessions",
    "sessions_routes", "sessions_transport", "wire")

from fib import FORMS  # noqa: E402
from lab import Lab  # noqa: E402  (after the line that has its assertions explained)

DEADLINE = 900
"""Seconds that a test may take, with what it sets up: several times what the longest needs."""


RUN_DEADLINE = 3000
"""Seconds that all may take: who gives the tests to others may wait for one that has crashed."""


def pytest_configure(config):
    # A terminated run cleans up as an interrupted one does.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    if not hasattr(config, "workerinput"):
        signal.signal(signal.SIGALRM, signal.default_int_handler)
        signal.alarm(RUN_DEADLINE)
    assert os.geteuid() == 0, "labs make network namespaces: run as root"


class OutOfTime(Exception):
    """Nothing that a test expects, as a TimeoutError of a socket may be."""


def out_of_time(_signal, _frame):
    raise OutOfTime(f"not done after {DEADLINE} s")


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_protocol():
    """A test that hangs fails, in place of all that would come after it."""
    signal.signal(signal.SIGALRM, out_of_time)
    signal.alarm(DEADLINE)
    yield
    signal.alarm(0)


@pytest.fixture(scope="session")
def build():
    """The folder that kbgpd and kbgpctl were built in: $KBGPD_BUILD."""
    folder = pathlib.Path(os.environ.get("KBGPD_BUILD", "build/release")).resolve()
    assert (folder / "kbgpd").exists(), f"{folder}: no kbgpd here; build it or set KBGPD_BUILD"
    return folder


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """Leaves out what the neighbour of a test's file cannot do: @needs(...) in sessions.py.

    The cases that share the lab of their file are run by one process: another would make its own.
    """
    items[:] = [item for item in items
                if all(set(mark.args) <= item.module.NEIGHBOUR.can
                       for mark in item.iter_markers("needs"))]
    for item in items:
        if hasattr(item.module, "lab_of_file"):
            form = item.callspec.params.get("form", "all") if hasattr(item, "callspec") else "all"
            item.add_marker(pytest.mark.xdist_group(f"{item.module.__name__}-{form}"))


@pytest.fixture
def neighbour(request):
    """The class of the neighbour that a test's file is about."""
    return request.module.NEIGHBOUR


@pytest.fixture(params=FORMS)
def form(request):
    """How kbgpd's routes are in the kernel: with next-hop objects, or each with its hops."""
    return request.param


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """At a failure adds the lab's logs to the report, while the lab is still there."""
    outcome = yield
    report = outcome.get_result()
    lab = item.funcargs.get("lab") if hasattr(item, "funcargs") else None
    if call.when == "call" and report.failed and lab is not None:
        report.sections += [*lab.snapshot(), *lab.logs()]


@pytest.fixture
def lab():
    with Lab() as new:
        yield new
