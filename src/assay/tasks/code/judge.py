"""Judges one program by tests, in a worker process outside the sandbox; run by `assay.tasks.code.grade`.

The benchmark's tests are trusted and run here; the program is not and runs in a sandbox. In the tests the function
under test is a stand-in that sends each call across and returns a plain value, so an assertion compares what the tests
know with what the program said, by the tests' own `==`.
"""

import builtins
import contextlib
import random
import signal
from collections.abc import Iterator
from types import FrameType
from typing import Any

from assay.grading.sandbox import Failed, Limits, NotPlain, NotStarted, Program, run_script

_ENDS_LOOPS = ("StopIteration", "StopAsyncIteration")
"""What a program may not raise into the tests: `map(candidate, inputs)` would end there, with nothing left to
compare."""
LONGEST_CASES = 30
"""Times a case's wall time that all cases of a script have together, at most."""
_BUILTIN_ERRORS = {
    name: value
    for name, value in vars(builtins).items()
    if isinstance(value, type) and issubclass(value, Exception) and name not in _ENDS_LOOPS
}


class Gone(BaseException):
    """Nothing more can come of the tests: they cannot catch it by accident."""

    def __init__(self, outcome: str, detail: str) -> None:
        super().__init__(outcome, detail)
        self.found = {"outcome": outcome, "detail": detail}


class Late(BaseException):
    """The tests did not end, whatever the program made them do."""


def judge(item: dict[str, Any]) -> dict[str, str]:
    """{"outcome": ..., "detail": ...} for one program.

    "passed", "wrong" (a test fails), "exception" (it raised), "timeout", "memory", "killed" (its process is gone or
    talks nonsense), or "fault": the tests themselves cannot be run, or the sandbox did not start.

    The program's wall time is the tests' too: what it returns may keep them busy. All cases of a script together have
    what each has, but no more than LONGEST_CASES times that.
    """
    limits = Limits(**item["limits"])
    try:
        found = _cases(item, limits) if "cases" in item else _called(item, limits)
    except Failed as failed:
        found = {"outcome": failed.kind, "detail": failed.detail}
    except NotStarted as error:
        found = {"outcome": "fault", "detail": str(error)}
    except Late:
        found = {"outcome": "timeout", "detail": f"program and tests took more than {longest(item):g} s"}
    return {**found, "detail": _printable(found["detail"])}


def longest(item: dict[str, Any]) -> float:
    """Seconds that the item may take, beside the start of a sandbox."""
    seconds: float = item["limits"]["wall_seconds"]
    return seconds * min(len(item["cases"]), LONGEST_CASES) if "cases" in item else seconds


@contextlib.contextmanager
def _no_longer_than(seconds: float) -> Iterator[None]:
    """Raises Late in what takes longer."""
    signal.signal(signal.SIGALRM, _raise_late)
    signal.setitimer(signal.ITIMER_REAL, seconds + 0.2)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def _raise_late(number: int, frame: FrameType | None) -> None:
    raise Late


def _printable(text: str) -> str:
    """Without what a terminal would obey or a file could not hold."""
    return "".join(character if character.isprintable() else " " for character in text[:300])


class _Candidate:
    """Stands in for the program's function. `gone` is the first thing after which nothing else counts."""

    def __init__(self, program: Program, entry_point: str) -> None:
        self.program, self.entry_point = program, entry_point
        self.calls = 0
        self.gone: Gone | None = None

    def __call__(self, *arguments: Any, **keywords: Any) -> Any:
        self.calls += 1
        try:
            return self.program.call(self.entry_point, arguments, keywords)
        except NotPlain as error:
            gone = Gone("fault", str(error))
        except Failed as failed:
            if failed.kind == "exception":
                raise _as_raised(failed) from None
            gone = Gone(failed.kind, failed.detail)
        self.gone = self.gone or gone
        raise self.gone


def _called(item: dict[str, Any], limits: Limits) -> dict[str, str]:
    """Starts the program and runs the tests in what is left of its wall time."""
    with Program(item["source"], limits, item["confined"]) as program, _no_longer_than(program.left()):
        return _tested(item, _Candidate(program, item["entry_point"]))


def _tested(item: dict[str, Any], candidate: _Candidate) -> dict[str, str]:
    """Runs setup and tests, the entry point bound to the stand-in."""
    entry = item["entry_point"]
    space: dict[str, Any] = {"__name__": "tests"}
    random.seed(0)
    failure = {"outcome": "passed", "detail": ""}
    with contextlib.redirect_stdout(None):
        try:
            exec(compile(item["setup"], "setup.py", "exec"), space)
            space[entry] = candidate
            exec(compile(item["tests"], "tests.py", "exec"), space)
            check = space.get("check") if item["calls_check"] else None
            space[entry] = candidate  # where it is itself called check
            if check is not None:
                check(candidate)
        except Gone as gone:
            return gone.found
        except Raised as error:
            failure = {"outcome": "exception", "detail": str(error)}
        except Exception as error:
            text = f"{type(error).__name__}: {error}"
            failure = {"outcome": "wrong", "detail": text}
            if not candidate.calls:
                failure = {"outcome": "fault", "detail": f"the tests raised {text}"}
    if candidate.gone is not None:  # and something in the tests caught it
        return candidate.gone.found
    if not candidate.calls and failure["outcome"] == "passed":
        return {"outcome": "fault", "detail": "the tests call nothing"}
    return failure


class Raised(Exception):
    """The program raised; also of the built-in kind that it named, for tests that expect one."""


def _as_raised(failed: Failed) -> Exception:
    name = failed.detail.partition(":")[0]
    kind = _BUILTIN_ERRORS.get(name)
    if kind is None or kind is Exception:
        return Raised(failed.detail)
    try:
        return type(name, (Raised, kind), {})(failed.detail)
    except TypeError:  # a built-in error that cannot be made of one text, or mixed with another
        return Raised(failed.detail)


def _cases(item: dict[str, Any], limits: Limits) -> dict[str, str]:
    """A script on standard input, case by case, as in competitions; lines are compared without trailing space."""
    with _no_longer_than(longest(item)):
        for number, (given, expected) in enumerate(item["cases"], start=1):
            ended = run_script(item["source"], given, limits, item["confined"])
            if ended.failed is not None:
                return {"outcome": ended.failed.kind, "detail": f"case {number}: {ended.failed.detail}"}
            if _lines(ended.output) != _lines(expected):
                return {"outcome": "wrong", "detail": f"case {number}: another output"}
    return {"outcome": "passed", "detail": ""}


def _lines(text: str) -> list[str]:
    return [line.rstrip() for line in text.rstrip().splitlines()]
