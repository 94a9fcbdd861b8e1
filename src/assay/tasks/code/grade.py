"""Grades programs: `judge` in killable workers, each program in its own sandbox, outcomes kept apart.

RIGHT where all tests pass. What the program did instead is the beginning of the reason of WRONG: "wrong", "exception",
"timeout", "memory" or "killed"; a rise of the last is an alarm (docs/metrics.md). UNKNOWN is a fault of the tests, of
the workers or of the sandbox.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from functools import cache
from typing import Any

from assay.grading.nursery import START_SECONDS
from assay.grading.sandbox import Limits, require
from assay.grading.workers import Outcome, Workers
from assay.tasks.code.judge import LONGEST_CASES
from assay.types import Score, right, unknown, wrong


@dataclass(frozen=True, slots=True)
class Tests:
    """What decides about a program; trusted.

    `setup` is run before `tests`, with the helpers that these use. `tests` calls the entry point by its name or, where
    `calls_check`, defines `check(candidate)`. Or `cases` are (standard input, expected output) of a script.
    """

    entry_point: str = ""
    tests: str = ""
    setup: str = ""
    calls_check: bool = True
    cases: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Run:
    """How programs are run. `confined` False means without a sandbox: it must have been asked for in so many words.

    `otherwise` is what an error says can be done where there is none.
    """

    limits: Limits = field(default_factory=Limits)
    confined: bool = True
    judge: str = "code@1"
    otherwise: str = ""

    def require(self) -> None:
        """Raises RunError where programs are to be confined and there is no sandbox."""
        if self.confined:
            require(self.otherwise)


def grade_programs(programs: Sequence[tuple[str | None, Tests]], run: Run) -> list[Score]:
    """The score of each (source, tests); a source that is None is a response without code.

    Raises RunError where programs are to be confined and there is no sandbox.
    """
    run.require()
    items = [_item(source, tests, run) for source, tests in programs if source is not None]
    longest = run.limits.wall_seconds * (LONGEST_CASES if any("cases" in item for item in items) else 1)
    outcomes = iter(_workers(longest).map(items))
    return [
        wrong(run.judge, "no answer: there is no code in it") if source is None else _score(next(outcomes), run.judge)
        for source, _ in programs
    ]


@cache
def _workers(longest: float) -> Workers:
    """Workers for what takes at most so many seconds, once its sandbox has started."""
    return Workers("assay.tasks.code.judge:judge", limit_seconds=longest + START_SECONDS + 5)


def _item(source: str, tests: Tests, run: Run) -> dict[str, Any]:
    common = {"source": source, "limits": asdict(run.limits), "confined": run.confined}
    if tests.cases:
        return {**common, "cases": list(tests.cases)}
    return {
        **common,
        "entry_point": tests.entry_point,
        "tests": tests.tests,
        "setup": tests.setup,
        "calls_check": tests.calls_check,
    }


def _score(outcome: Outcome, judge: str) -> Score:
    if outcome.fault is not None:
        return unknown(judge, f"{outcome.fault}: {outcome.detail}")
    found, detail = outcome.value["outcome"], outcome.value["detail"]
    if found == "passed":
        return right(judge, tier="tests")
    if found == "fault":
        return unknown(judge, f"error: {detail}")
    return wrong(judge, f"{found}: {detail}"[:300], tier="tests")
