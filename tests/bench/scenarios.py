"""The scenarios: what is on the wire, the steps of a run, and the figures that it gives.

README.md tells of each in prose.
"""

import dataclasses
from collections.abc import Callable

CHURNED = 10_000
CLIENT_PREFIXES = 50
DROPPED_LENGTH = 22
"""A tenth of the table has it."""


@dataclasses.dataclass(frozen=True)
class Work:
    """What the generator has to do: its options, see load.c."""

    senders: int
    receivers: int
    prefixes: int               # of each family
    sets: int
    family: str = "4"           # 4, 6 or both
    split: bool = False         # each sender announces its share
    reflect: bool = False       # all are clients of this route reflector, senders and receivers
    internal: bool = False      # the senders are iBGP
    ranked: bool = False        # what a sender announces is worse than what those before it do
    stride: int = 0             # each session has a wire of its own, see load.c
    hold_time: int = 90
    kernel: bool = False        # best routes go into the kernel
    seconds: int = 0            # of churn, or of idling

    def scaled(self, scale):
        """The same in small, for trying.  A handful of sessions stays as it is."""
        def shrink(number, least):
            return max(min(number, least), round(number * scale))
        return dataclasses.replace(
            self, senders=shrink(self.senders, 5), receivers=shrink(self.receivers, 5),
            prefixes=shrink(self.prefixes, 100), sets=shrink(self.sets, 20),
            seconds=shrink(self.seconds, 2))


@dataclasses.dataclass(frozen=True)
class Figure:
    """A row of the table."""

    key: str
    label: str


@dataclasses.dataclass(frozen=True)
class Scenario:
    """A kind of work and how it is run."""

    name: str
    title: str                  # with the fields of the work in braces
    work: Work
    steps: Callable             # takes a Run
    figures: list
    contestants: tuple = ("kbgpd", "bird", "frr", "openbgpd", "gobgp")


IN_THE_KERNEL = ("kbgpd", "kbgpd-plain", "bird", "frr")
LIMITS = ("ip-batch", "loop")


COMMON = [
    Figure("cpu", "CPU s"),
    Figure("peak", "MB resident, peak"),
]
SENT = [
    Figure("messages", "UPDATE messages sent"),
    Figure("megabytes", "MB sent"),
]


def announce_and_withdraw(run):
    run.command("establish")
    run.note("before", run.resident())
    run.note("announce", run.command("announce")["seconds"])
    run.note("with", run.resident())
    run.note("withdraw", run.command("withdraw")["seconds"])
    run.command("idle", 1)
    run.note("after", run.resident())
    run.note_totals()


TABLE_FIGURES = [
    Figure("announce", "s to the last receiver"),
    Figure("withdraw", "s to withdraw all"),
    *COMMON,
    Figure("before", "MB resident, no routes"),
    Figure("with", "MB resident, all routes"),
    Figure("after", "MB resident, withdrawn"),
    *SENT,
]


def mesh(run):
    established = run.command("establish")["seconds"]
    announced = run.command("announce")["seconds"]
    run.note("establish", established)
    run.note("learned", established + announced)
    run.note_totals()
    idle_from = run.cpu()
    seconds = run.command("idle", run.work.seconds)["seconds"]
    run.note("idle", 100 * (run.cpu() - idle_from) / seconds)
    run.note("resident", run.resident())


MESH_FIGURES = [
    Figure("establish", "s until all are Established"),
    Figure("learned", "s until all is learned"),
    *COMMON,
    Figure("resident", "MB resident, idle"),
    Figure("idle", "% of a core, idle"),
    *SENT,
]


def churn(run):
    run.command("establish")
    run.command("announce")
    note_churn(run)
    run.note("peak", run.peak())


def note_churn(run):
    """The first prefixes flap; what follows counts only that."""
    cpu_from = run.cpu()
    answer = run.command("churn", min(CHURNED, run.work.prefixes), run.work.seconds)
    flaps = answer["flaps"]
    run.note("flaps", flaps / answer["seconds"])
    run.note("cpu", run.cpu() - cpu_from)
    run.note("cpu_flap", (run.cpu() - cpu_from) * 1e6 / flaps)
    run.note_sent([answer])
    run.note("prefixes", answer["prefixes"])
    for key in ("messages", "prefixes"):
        run.note(f"{key}_flap", answer[key] / flaps / run.work.receivers)


CHURN_FIGURES = [
    Figure("flaps", "flaps/s (more is better)"),
    Figure("cpu", "CPU s, while it flaps"),
    Figure("cpu_flap", "CPU us a flap"),
    Figure("prefixes_flap", "prefixes a flap and receiver"),
    Figure("messages_flap", "UPDATEs a flap and receiver"),
    Figure("prefixes", "prefixes sent"),
    *SENT,
    Figure("peak", "MB resident, peak"),
]


def slow(run):
    """One of the receivers stalls; it is the last session."""
    stalled = run.work.senders + run.work.receivers - 1
    run.command("establish")
    run.command("stall", stalled)
    run.note("announce", run.command("announce")["seconds"])
    note_churn(run)
    run.note("resume", run.command("resume", stalled)["seconds"])
    run.note("cpu", run.cpu())
    run.note("peak", run.peak())


SLOW_FIGURES = [
    Figure("announce", "s to the last fast one"),
    Figure("flaps", "flaps/s (more is better)"),
    Figure("prefixes_flap", "prefixes a flap and receiver"),
    Figure("resume", "s for the stalled one"),
    *COMMON,
]


def change_filter(run):
    lengths = run.command("establish")["lengths"]
    run.command("announce")
    kept = run.work.prefixes - lengths[str(DROPPED_LENGTH)]
    cpu_from = run.cpu()
    for key, length, count in (("drop", DROPPED_LENGTH, kept),
                               ("restore", None, run.work.prefixes)):
        answer = run.command("await", count, meanwhile=lambda at=length: run.drop_length(at))
        run.note(key, answer["seconds"])
        run.note(f"{key}_messages", answer["messages"])
        run.note(f"{key}_prefixes", answer["prefixes"])
    run.note("cpu", run.cpu() - cpu_from)
    run.note("peak", run.peak())


FILTER_FIGURES = [
    Figure("drop", "s to drop a tenth"),
    Figure("restore", "s to send it again"),
    Figure("cpu", "CPU s, both"),
    Figure("peak", "MB resident, peak"),
    Figure("drop_prefixes", "prefixes sent, drop"),
    Figure("restore_prefixes", "prefixes sent, again"),
    Figure("drop_messages", "UPDATEs sent, drop"),
    Figure("restore_messages", "UPDATEs sent, again"),
]


def restart(run):
    """The sender, then the last receiver; the others stay."""
    run.command("establish")
    run.command("announce")
    run.note("sender", run.command("restart", 0)["seconds"])
    run.note("receiver", run.command("restart", run.work.receivers)["seconds"])
    run.note_totals()


RESTART_FIGURES = [
    Figure("sender", "s, restart of the sender"),
    Figure("receiver", "s, restart of a receiver"),
    *COMMON,
    *SENT,
]

def install(run):
    """All routes into the kernel and out again."""
    if run.load:
        run.command("establish")
    for which, count in (("announce", run.work.prefixes), ("withdraw", 0)):
        cpu_from = run.cpu()
        seconds = run.change_routes(which, count)
        run.note(which, seconds)
        run.note(f"{which}_rate", run.work.prefixes / seconds)
        run.note(f"{which}_cpu", run.cpu() - cpu_from)
    run.note("peak", run.peak())


INSTALL_FIGURES = [
    Figure("announce", "s to install all"),
    Figure("announce_rate", "routes/s (more is better)"),
    Figure("announce_cpu", "CPU s, installing"),
    Figure("withdraw", "s to remove all"),
    Figure("withdraw_rate", "removed/s (more is better)"),
    Figure("withdraw_cpu", "CPU s, removing"),
    Figure("peak", "MB resident, peak"),
]


def keepalives(run):
    """What the sender hears while its routes are on their way into the kernel: nothing else."""
    if run.load:
        run.command("establish")
    run.note("announce", run.change_routes("announce", run.work.prefixes))
    if run.load:
        run.command("idle", 0)
        silence = max(answer["silence"] for answer in run.answers)
        run.note("silence", 1000 * silence)
        run.note("late", max(0, 1000 * (silence - run.work.hold_time / 3)))
    else:
        run.note("batch", 1000 * run.daemon.longest_batch)
    run.note("cpu", run.cpu())
    run.note("peak", run.peak())


KEEPALIVE_FIGURES = [
    Figure("announce", "s to install all"),
    Figure("silence", "ms without any, longest"),
    Figure("late", "ms late"),
    Figure("batch", "ms, longest batch of requests"),
    *COMMON,
]


def cut(run):
    """The wire of the first sender is cut when everything is in its place."""
    run.command("establish")
    run.change_routes("announce", run.work.prefixes)
    run.rest()
    cpu_from = run.cpu()
    answer = run.watch_cut(0)
    run.rest()
    run.note("last", 1000 * answer["last"])
    run.note("gap", 1000 * answer["gap"])
    run.note("hit", 100 * answer["hit"] / answer["sample"])
    run.note("over", 100 * answer["over"] / answer["sample"])
    run.note("round", 1000 * answer["round"])
    run.note("cpu", run.cpu() - cpu_from)
    run.note("peak", run.peak())


CUT_FIGURES = [
    Figure("last", "ms to the last prefix"),
    Figure("gap", "ms, longest gap of one"),
    Figure("hit", "% with a gap"),
    Figure("over", "% that went over the link"),
    Figure("round", "ms resolution, worst"),
    Figure("cpu", "CPU s, after the cut"),
    Figure("peak", "MB resident, peak"),
]

INTO_KERNEL = "{prefixes:,} {families} routes from BGP into the kernel"
WIRE_STRIDE = 1 << 16
"""Each wire has its own /16 of IPv4."""

TO = "{prefixes:,} {families} prefixes, {sets:,} attribute sets, {senders} to {receivers}"

SCENARIOS = {each.name: each for each in (
    Scenario("full", TO, Work(1, 1, 1_000_000, 200_000), announce_and_withdraw, TABLE_FIGURES),
    Scenario("full6", TO, Work(1, 1, 500_000, 100_000, family="6"), announce_and_withdraw,
             TABLE_FIGURES),
    Scenario("full46", TO, Work(1, 1, 500_000, 100_000, family="both"), announce_and_withdraw,
             TABLE_FIGURES),
    Scenario("fan", "the same " + TO, Work(4, 20, 200_000, 40_000), announce_and_withdraw,
             TABLE_FIGURES),
    Scenario("wide", TO, Work(1, 100, 100_000, 20_000), announce_and_withdraw, TABLE_FIGURES),
    Scenario("reflector", "{senders} clients of a route reflector, {prefixes:,} prefixes in all",
             Work(200, 0, 200 * CLIENT_PREFIXES, 2_000, split=True, reflect=True),
             announce_and_withdraw, TABLE_FIGURES),
    Scenario("mesh", "{senders:,} iBGP peers, {prefixes:,} prefixes in all, an observer; then "
             "{seconds} s idle",
             Work(1_000, 1, 1_000, 1_000, split=True, internal=True, seconds=20), mesh,
             MESH_FIGURES),
    Scenario("churn", "{prefixes:,} prefixes flap for {seconds} s, {senders} to {receivers}",
             Work(1, 4, CHURNED, 2_000, seconds=10), churn, CHURN_FIGURES),
    Scenario("slow", TO + ", of which one stalls; then {seconds} s of churn",
             Work(1, 5, 200_000, 40_000, seconds=5), slow, SLOW_FIGURES),
    Scenario("filter", TO + ", and another export filter", Work(1, 1, 500_000, 100_000),
             change_filter, FILTER_FIGURES),
    Scenario("restart", TO + ", which restart", Work(1, 2, 500_000, 100_000), restart,
             RESTART_FIGURES),
    Scenario("install", INTO_KERNEL, Work(1, 0, 200_000, 40_000, kernel=True), install,
             INSTALL_FIGURES, IN_THE_KERNEL + LIMITS),
    Scenario("install6", INTO_KERNEL, Work(1, 0, 200_000, 40_000, family="6", kernel=True),
             install, INSTALL_FIGURES, IN_THE_KERNEL + LIMITS),
    Scenario("keepalives", INTO_KERNEL + ", hold time {hold_time} s",
             Work(1, 0, 1_000_000, 200_000, kernel=True, hold_time=3), keepalives,
             KEEPALIVE_FIGURES, IN_THE_KERNEL + ("loop",)),
    Scenario("failover", "{prefixes:,} routes over {senders} links, of which one fails",
             Work(2, 0, 200_000, 40_000, kernel=True, stride=WIRE_STRIDE), cut, CUT_FIGURES,
             IN_THE_KERNEL),
    Scenario("backup", "{prefixes:,} routes over a link that fails; the other paths are worse",
             Work(2, 0, 200_000, 40_000, kernel=True, stride=WIRE_STRIDE, ranked=True), cut,
             CUT_FIGURES, IN_THE_KERNEL),
)}
