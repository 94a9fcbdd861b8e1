"""Judges one program by tests, in a worker process outside the sandbox; run by `assay.tasks.code.grade`.

The benchmark's tests are trusted and run here; the program is not and runs in a sandbox. In the tests the function
under test is a stand-in that sends each call across and returns a plain value, so an assertion compares what the tests
know with what the program said, by the tests' own `==`.
"""

import builtins
import contextlib
import random
import signal
from types import FrameType
from typing import Any

from assay.grading.sandbox import Failed, Limits, NotPlain, Program, run_script

_ENDS_LOOPS = ("StopIteration", "StopAsyncIteration")
"""What a program may not raise into the tests: `map(candidate, inputs)` would end there, with nothing left to
compare."""
_BUILTIN_ERRORS = {
    name: value
    for name, value in vars(builtins).items()
    if isinstance(value, type) and issubclass(value, Exception) and name not in _ENDS_LOOPS
}


class Gone(BaseException):
    """The program's process has ended: tests cannot catch it by accident."""


class Late(BaseException):
    """The tests did not end, whatever the program made them do."""


def judge(item: dict[str, Any]) -> dict[str, str]:
    """{"outcome": ..., "detail": ...} for one program.

    "passed", "wrong" (a test fails), "exception" (it raised), "timeout", "memory", "killed" (its process is gone or
    talks nonsense), or "fault": the tests themselves cannot be run.

    The program's wall time is the tests' too: what it returns may keep them busy. All cases of a script together have
    three times as much.
    """
    limits = Limits(**item["limits"])
    patience = limits.wall_seconds * (3 if "cases" in item else 1)
    signal.signal(signal.SIGALRM, _raise_late)
    signal.setitimer(signal.ITIMER_REAL, patience + 0.2)
    try:
        try:
            found = _judged(item, limits)
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
    except Late:
        found = {"outcome": "timeout", "detail": f"program and tests took more than {patience:g} s"}
    return {**found, "detail": _printable(found["detail"])}


def _judged(item: dict[str, Any], limits: Limits) -> dict[str, str]:
    if "cases" in item:
        return _cases(item, limits)
    try:
        with Program(item["source"], limits, item["confined"]) as program:
            return _tested(item, program)
    except Failed as failed:
        return {"outcome": failed.kind, "detail": failed.detail}


def _raise_late(number: int, frame: FrameType | None) -> None:
    raise Late


def _printable(text: str) -> str:
    """Without what a terminal would obey or a file could not hold."""
    return "".join(character if character.isprintable() else " " for character in text[:300])


def _tested(item: dict[str, Any], program: Program) -> dict[str, str]:
    """Runs setup and tests, the entry point bound to the stand-in."""
    entry, calls, not_plain = item["entry_point"], 0, ""

    def candidate(*arguments: Any, **keywords: Any) -> Any:
        nonlocal calls, not_plain
        calls += 1
        try:
            return program.call(entry, arguments, keywords)
        except NotPlain as error:
            not_plain = str(error)
            raise Gone from None
        except Failed as failed:
            if failed.kind != "exception":
                raise Gone from None
            raise _as_raised(failed) from None

    space: dict[str, Any] = {"__name__": "tests"}
    random.seed(0)
    with contextlib.redirect_stdout(None):
        try:
            exec(compile(item["setup"], "setup.py", "exec"), space)
            space[entry] = candidate
            exec(compile(item["tests"], "tests.py", "exec"), space)
            check = space.get("check") if item["calls_check"] else None
            space[entry] = candidate  # where it is itself called check
            if check is not None:
                check(candidate)
        except Gone:
            pass
        except Raised as error:
            return {"outcome": "exception", "detail": str(error)}
        except Exception as error:
            if not calls:
                return {"outcome": "fault", "detail": f"the tests raised {type(error).__name__}: {error}"}
            return {"outcome": "wrong", "detail": f"{type(error).__name__}: {error}"}
    if not_plain:
        return {"outcome": "fault", "detail": not_plain}
    if program.failed is not None:
        return {"outcome": program.failed.kind, "detail": program.failed.detail}
    if not calls:
        return {"outcome": "fault", "detail": "the tests call nothing"}
    return {"outcome": "passed", "detail": ""}


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
    for number, (given, expected) in enumerate(item["cases"], start=1):
        ended = run_script(item["source"], given, limits, item["confined"])
        if ended.failed is not None:
            return {"outcome": ended.failed.kind, "detail": f"case {number}: {ended.failed.detail}"}
        if _lines(ended.output) != _lines(expected):
            return {"outcome": "wrong", "detail": f"case {number}: another output"}
    return {"outcome": "passed", "detail": ""}


def _lines(text: str) -> list[str]:
    return [line.rstrip() for line in text.rstrip().splitlines()]
