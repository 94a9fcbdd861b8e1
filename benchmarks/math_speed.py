r"""Mathematical answers graded a second: ours beside math-verify called directly, on one core each.

    python benchmarks/math_speed.py --data DATA

DATA (default: the folder that ASSAY_DATA names) has the sub-folders math500 and gsm8k. `assay.tasks.math.cases` makes
answers of their different golds: the golds under several marks, equivalent forms, near-misses and other problems'
golds; all of MATH-500's, then of GSM8K's until there are enough. No pair of gold and answer is graded twice. The
answers to a problem stand together, as those of a group do, and problems are dealt to the rounds. Answers that ours
decides before its deep tier are timed apart from the others; a process of its own finds out which they are.
math-verify is `verify(parse(gold), parse(response))` with its defaults. Each side is a process held to one core, with
its workers.
"""

import argparse
import logging
import os
import statistics
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import math_verify
from math_agreement import Graded, generated
from math_agreement import Row as Answer
from math_agreement_page import Judgements, unjudged
from measured import Apart, Lap, Row, Side, finish, parser, ratios, seconds, take_turns

from assay.errors import AssayError, DataError
from assay.tasks import make_task
from assay.tasks.math.cases import math_cases
from assay.tasks.math.grade import Rules, grade_many

OTHERS = 16
"""Golds of other problems that each gold of GSM8K is compared with."""
WARM_UP = 30
"""Golds of MATH-500 whose answers no round counts: parsers on both sides learn from what they read."""
Parts = Sequence[Sequence[Answer]]
Grader = Callable[[Sequence[Answer]], list[Any]]


def gsm8k(folder: Path) -> Iterator[Answer]:
    """Cases of every different gold of GSM8K's test problems."""
    task = make_task("gsm8k", data=str(folder / "gsm8k" / "test.jsonl"))
    first = {str(prompt.gold): prompt for prompt in reversed(task.prompts("test"))}
    golds = list(first)
    for index, gold in enumerate(golds):
        others = [golds[(index + 1 + 7 * step) % len(golds)] for step in range(OTHERS)]
        rules = Rules(question=first[gold].columns["question"])
        for response, verdict, kind in math_cases(gold, others):
            yield Answer("GSM8K", kind, gold, response, verdict, rules)


def ours(answers: Sequence[Answer]) -> list[Any]:
    """Scores."""
    return grade_many([(each.response, each.gold, each.rules) for each in answers])


def theirs(answers: Sequence[Answer]) -> list[Any]:
    """Whether math-verify accepts, in this process."""
    return [
        bool(math_verify.verify(math_verify.parse(each.delimited), math_verify.parse(each.response)))
        for each in answers
    ]


def make_side(grade: Grader, parts: Parts) -> Side:
    """Grades a part, on one core."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    logging.disable(logging.CRITICAL)  # math-verify tells what it cannot read
    grade([Answer("", "", r"2\sqrt{2}", r"\boxed{\sqrt{8}}", parts[0][0].expected)])  # starts the workers
    return lambda turn: grade(parts[max(0, turn)])


def deal(answers: Sequence[Answer], is_deep: Sequence[bool], rounds: int) -> list[list[Answer]]:
    """For each round, what is decided before the deep tier; then, for each round, the rest."""
    parts: list[list[Answer]] = [[] for _ in range(2 * rounds)]
    golds: dict[tuple[str, str], int] = {}
    for answer, deep in zip(answers, is_deep, strict=True):
        problem = golds.setdefault((answer.source, answer.gold), len(golds))
        parts[problem % rounds + (rounds if deep else 0)].append(answer)
    return parts


def measure(folder: Path, options: argparse.Namespace) -> list[Row]:
    """Rows of what is decided early, of all, and of verdicts."""
    first = list(generated(folder, "MATH-500", WARM_UP))
    answers = [*generated(folder, "MATH-500"), *gsm8k(folder)][len(first) : len(first) + options.answers]
    with Apart(make_side, ours, [answers]) as alone:
        is_deep = [score.tier == "deep" for score in alone(0)]
    rounds = options.rounds
    parts = [first, *deal(answers, is_deep, rounds)]
    laps: list[dict[str, list[Lap]]] = []
    with Apart(make_side, ours, parts) as one, Apart(make_side, theirs, parts) as other:
        for start in (0, rounds):
            sides = {
                name: lambda turn, each=each, start=start: each(turn + start if turn > 0 else 0)
                for name, each in (("assay", one), ("math-verify", other))
            }
            laps.append(take_turns(sides, rounds))
    graded = [
        Graded(answer, mine.result[at], its.result[at])
        for tier, start in zip(laps, (1, 1 + rounds), strict=True)
        for part, mine, its in zip(parts[start:], tier["assay"], tier["math-verify"], strict=False)
        for at, answer in enumerate(part)
    ]
    return list(rows_of(graded, laps, sum(is_deep)))


def rows_of(graded: Sequence[Graded], laps: Sequence[dict[str, list[Lap]]], deep: int) -> Iterator[Row]:
    """Speed of what is decided early, of all, and verdicts that nobody has judged."""
    early, late = ({name: seconds(each) for name, each in tier.items()} for tier in laps)
    whole = {name: [a + b for a, b in zip(early[name], late[name], strict=True)] for name in early}
    work = f"{len(graded):,} answers made of golds of MATH-500 and GSM8K, {deep:,} of them for the deep tier, one core"
    for name, spent, goal, count in (
        ("grading, math, decided before the deep tier", early, 20.0, len(graded) - deep),
        ("grading, math, all", whole, 4.0, len(graded)),
    ):
        rates = {side: count / sum(each) for side, each in spent.items()}
        more = "; ".join(f"{side} {rate:,.0f} answers/s" for side, rate in rates.items())
        found = ratios(spent["math-verify"], spent["assay"])
        yield Row(
            name, work, "math-verify called directly", found, "x", at_least=goal, more=more,
            seconds=statistics.median(spent["assay"]),
        )  # fmt: skip
    judgements = Judgements.read(Path(__file__).with_name("math_judgements.toml"))
    differ = sum((each.ours.correct is True) != each.theirs for each in graded)
    yield Row(
        "grading, math, verdicts", work, "math-verify, the listed corrections aside", [unjudged(graded, judgements)],
        "unlisted", at_most=0, more=f"{differ} verdicts differ; math_judgements.toml says of each kind who is wrong",
    )  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> int:
    """Measures and prints; the exit code is 2 where there is no data."""
    found = parser(__doc__)
    found.add_argument("--data", type=Path, default=os.environ.get("ASSAY_DATA"))
    found.add_argument("--answers", type=int, default=20_000)
    options = found.parse_args(arguments)
    try:
        if options.data is None:
            raise DataError("no data: give --data DIR, or set ASSAY_DATA to the folder that holds math500/")
        return finish(options, measure(Path(options.data), options))
    except (AssayError, OSError) as error:
        print(f"math_speed: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
