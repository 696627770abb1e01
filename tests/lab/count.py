"""Counts the cases of two reports of pytest: `count.py FIRST SECOND NAMES`, and
`count.py --failed FIRST` prints what failed, as pytest takes it, a line each.

SECOND, which need not be there, has what failed in FIRST and was run again: its outcome counts.
The cases that passed only then are written to NAMES, one on a line.  Prints how many passed,
failed and were skipped.
"""

import pathlib
import re
import sys
import xml.etree.ElementTree as tree

PASSED, SKIPPED, FAILED = range(3)
LABS = pathlib.Path(__file__).parent


def outcomes(report):
    """(class, name) -> the worst of what is said of a case, whose teardown may be a case too."""
    worst = {}
    if not pathlib.Path(report).exists():
        return worst
    for case in tree.parse(report).iter("testcase"):
        name = case.get("classname"), re.sub(r"@[^]]*$", "", case.get("name"))  # xdist's group
        found = {child.tag for child in case}
        rank = FAILED if found & {"failure", "error"} else SKIPPED if "skipped" in found else PASSED
        worst[name] = max(rank, worst.get(name, PASSED))
    return worst


def print_failed(report):
    for (where, name), rank in outcomes(report).items():
        if rank == FAILED:
            print(f"{LABS}/{where.rpartition('.')[2]}.py::{name}")


def main(first, second, names):
    once, again = outcomes(first), outcomes(second)
    saved = [name for name, rank in again.items() if rank == PASSED and once.get(name) == FAILED]
    pathlib.Path(names).write_text("".join(f"{where}::{name}\n" for where, name in saved))
    ranks = list({**once, **again}.values())
    print(*(ranks.count(rank) for rank in (PASSED, FAILED, SKIPPED)))


if sys.argv[1] == "--failed":
    print_failed(sys.argv[2])
else:
    main(*sys.argv[1:])
