"""Judges one program by tests, in a worker process outside the sandbox; run by `assay.tasks.code.grade`.

The benchmark's tests are trusted and run here; the program is not and runs in a sandbox. In the tests the function
under test is a stand-in that sends each call across and returns a plain value, so an assertion compares what the tests
know with what the program said, by the tests' own `==`.
"""

import builtins
import contextlib
import random
from typing import Any

from assay.grading.sandbox import Failed, Limits, Program, run_script

_BUILTIN_ERRORS = {
    name: value for name, value in vars(builtins).items() if isinstance(value, type) and issubclass(value, Exception)
}


class Gone(BaseException):
    """The program's process has ended: tests cannot catch it by accident."""


def judge(item: dict[str, Any]) -> dict[str, str]:
    """{"outcome": ..., "detail": ...} for one program.

    "passed", "wrong" (a test fails), "exception" (it raised), "timeout", "memory", "killed" (its process is gone or
    talks nonsense), or "fault": the tests themselves cannot be run.
    """
    limits = Limits(**item["limits"])
    if "cases" in item:
        return _cases(item, limits)
    try:
        with Program(item["source"], limits, item["confined"]) as program:
            return _tested(item, program)
    except Failed as failed:
        return {"outcome": failed.kind, "detail": failed.detail}


def _tested(item: dict[str, Any], program: Program) -> dict[str, str]:
    """Runs setup and tests, the entry point bound to the stand-in."""
    entry, calls = item["entry_point"], 0

    def candidate(*arguments: Any, **keywords: Any) -> Any:
        nonlocal calls
        calls += 1
        try:
            return program.call(entry, arguments, keywords)
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
                return {"outcome": "fault", "detail": f"the tests raised {type(error).__name__}: {error}"[:300]}
            return {"outcome": "wrong", "detail": f"{type(error).__name__}: {error}"[:300]}
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
