"""What pytest's reports say: `count.py --again REPORT...` prints what is to be run again, as pytest
takes it, a line each; `count.py NOTES REPORT...` prints how many passed, failed and were skipped.

The first report is of all cases.  Those after it, which may be missing, are of what had failed in
all before, run again.  A case that shares its lab with others, which xdist's group says, is run
again with all of them and in their order: what the lab is like may be the work of the one before.
It is enough that a case passes once.  NOTES has those that did not always pass, and why not.
"""

import pathlib
import re
import sys
import xml.etree.ElementTree as tree

PASSED, SKIPPED, FAILED = range(3)
LABS = pathlib.Path(__file__).parent

ACCIDENTS_MAX = 20
"""More failures than these are no accident, a group taken for one: nothing is run again."""


class Case:
    """A test with its parameters, and what all reports say of it."""

    def __init__(self, key):
        self.where, self.name, self.group = key
        self.ranks, self.why = [], ""

    def rank(self):
        """Of all its runs."""
        return PASSED if PASSED in self.ranks else max(self.ranks)

    def __str__(self):
        return f"{self.where.rpartition('.')[2]}.py::{self.name}"


def outcomes(report):
    """(class, name, group) -> the worst that is said of a case, whose teardown may be a case too,
    and why."""
    worst = {}
    for case in tree.parse(report).iter("testcase"):
        name, group = re.fullmatch(r"(.*?)(?:@([^]@]*))?", case.get("name"), re.DOTALL).groups()
        key = case.get("classname"), name, group
        bad = [child for child in case if child.tag in ("failure", "error")]
        rank = FAILED if bad else SKIPPED if case.find("skipped") is not None else PASSED
        why = (bad[0].get("message") or "").split("\n")[0] if bad else ""
        worst[key] = max((rank, why), worst.get(key, (PASSED, "")))
    return worst


def read_cases(reports):
    cases = {}
    for number, report in enumerate(reports):
        if number and not pathlib.Path(report).exists():
            continue
        for key, (rank, why) in outcomes(report).items():
            case = cases.setdefault(key, Case(key))
            case.ranks.append(rank)
            case.why = case.why or why
    return list(cases.values())


def print_again(cases):
    failed = [case for case in cases if case.rank() == FAILED]
    groups = {case.group for case in failed if case.group}
    if len(groups) + sum(not case.group for case in failed) <= ACCIDENTS_MAX:
        for case in cases:
            if case in failed or case.group in groups:
                print(LABS / str(case))


def main(notes, cases):
    with open(notes, "w", encoding="utf-8") as file:
        for case in cases:
            if FAILED in case.ranks:
                what = "failed" if case.rank() == FAILED else "did not always pass"
                print(f"{what}: {case}: {case.why[:300]}", file=file)
    ranks = [case.rank() for case in cases]
    print(*(ranks.count(rank) for rank in (PASSED, FAILED, SKIPPED)))


if sys.argv[1] == "--again":
    print_again(read_cases(sys.argv[2:]))
else:
    main(sys.argv[1], read_cases(sys.argv[2:]))
