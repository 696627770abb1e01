"""The table: medians of each daemon's figures, and the ratios of kbgpd's to the others'."""

import os
import pathlib
import platform
import re
import statistics

OURS = "kbgpd"
LABEL_WIDTH = 29
COLUMN_WIDTH = 12
RATIO_WIDTH = 14
FAMILIES = {"4": "IPv4", "6": "IPv6", "both": "IPv4 and as many IPv6"}


def header(contestants, build):
    """What was compared, and where."""
    return {
        "versions": {each.name: each.version(build) for each in contestants},
        "kernel": f"{platform.system()} {platform.release()} {platform.machine()}",
        "cpu": f"{os.cpu_count()} x {cpu_model()}",
        "load average": " ".join(f"{number:.2f}" for number in os.getloadavg()),
    }


def cpu_model():
    text = pathlib.Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    match = re.search(r"^model name\s*: (.*)$", text, re.M)
    return match[1] if match else "unknown"


def print_header(facts):
    for name, version in facts["versions"].items():
        print(f"{name:14}{version}")
    for key in ("kernel", "cpu", "load average"):
        print(f"{key:14}{facts[key]}")


def print_scenario(scenario, work, runs):
    """One table; `runs` has a list of runs for each daemon, in the order of the rounds."""
    names = list(runs)
    others = [name for name in names if name != OURS and OURS in runs]
    title = scenario.title.format(families=FAMILIES[work.family], **vars(work))
    rounds = max(map(len, runs.values()))
    print(f"\n{scenario.name}: {title}; {rounds} round{'s' if rounds > 1 else ''}")
    print(" " * LABEL_WIDTH + "".join(f"{name:>{COLUMN_WIDTH}}" for name in names)
          + "".join(f"{'/' + name:>{RATIO_WIDTH}}" for name in others))
    for figure in scenario.figures:
        figures = [middle(figure.key, runs[name]) for name in names]
        ratios = [ratio(figure.key, runs[OURS], runs[name]) for name in others]
        print(f"{figure.label:{LABEL_WIDTH}}"
              + "".join(f"{cell:>{COLUMN_WIDTH}}" for cell in figures)
              + "".join(f"{cell:>{RATIO_WIDTH}}" for cell in ratios))
    print_loop(runs.get(OURS, []))


def middle(key, runs):
    """The median of a figure; how the run ended where there is none."""
    values = [run.figures[key] for run in runs if key in run.figures]
    if values:
        return number(statistics.median(values))
    return next((run.outcome for run in runs if run.outcome), "-")


def ratio(key, ours, theirs):
    """The median of the ratios of each round."""
    ratios = [our.figures[key] / their.figures[key] for our, their in zip(ours, theirs)
              if key in our.figures and their.figures.get(key)]
    return f"{statistics.median(ratios):.3f}" if ratios else "-"


def number(value):
    if value >= 1000 or (value >= 1 and value == int(value)):
        return f"{value:,.0f}"
    return f"{value:.3g}" if value < 1 else f"{value:.2f}"


def print_loop(runs):
    """The turns of kbgpd's event loop, all runs together."""
    turns = [run.loop for run in runs if run.loop]
    if not turns:
        return
    total = sum(each["turns"] for each in turns)
    print(f"kbgpd's event loop: of {total:,} turns {turns_over(turns)}")
    for which, key in (("longest", "microseconds"), ("busiest", "cpuMicroseconds")):
        turn = max((each[which] for each in turns), key=lambda each: each[key])
        print(f"its {which} turn: {turn['microseconds'] / 1000:.2f} ms, "
              f"{turn['cpuMicroseconds'] / 1000:.2f} ms of them CPU time; "
              f"most in {turn['work']}, {turn['workMicroseconds'] / 1000:.2f} ms")


def turns_over(turns):
    """How many were longer than each bound of the histogram from a millisecond up."""
    counts = {bound: sum(each["over"][bound] for each in turns)
              for bound in turns[0]["over"] if float(bound) >= 0.001}
    return ", ".join(f"{count:,} over {float(bound) * 1000:g} ms"
                     for bound, count in counts.items() if count) or "none over 1 ms"
