"""`code`: any file of prompts and tests (JSONL, Parquet or CSV): Python functions, or scripts on standard input.

    code:data=quiz.jsonl:prompt=question:tests=tests:entry_point=name
    code:data=contest.jsonl:prompt=question:cases=cases

A row has tests and an entry point, or cases. `tests` is code that defines check(candidate), or assertions that call the
entry point by its name, as one text or a list. Cases are a list of {"input": ..., "output": ...}, or {"inputs": [...],
"outputs": [...]}, or a text of one of these, as JSON or packed (`assay.tasks.code.packed`).
"""

from collections.abc import Iterator, Mapping
from typing import Any

from assay.config import build
from assay.errors import DataError, RecipeError
from assay.tasks import About
from assay.tasks.code import task
from assay.tasks.code.grade import Tests
from assay.tasks.code.packed import unpack
from assay.tasks.code.task import CodeTask, Gold
from assay.tasks.own_file import OwnFile, own_prompts, own_table
from assay.tasks.rows import Row
from assay.tasks.tables import PromptTable
from assay.types import Prompt


class Options(OwnFile, task.Options):
    """Options of `code`: those of every file, and the columns tests, entry_point, setup, cases and solution.

    `cases` instead of tests and entry point: the program is a script. `setup`: trusted code that the tests need.
    `solution`: a program that passes, for checks. `continues`: the prompt is the head of the program, and a response
    may be its body.
    """

    tests: str = "tests"
    entry_point: str = "entry_point"
    setup: str | None = None
    cases: str | None = None
    solution: str | None = None
    continues: bool = False


class Code(CodeTask):
    """Rows of a user's own file; see the module's text."""

    name = "code"
    about = About(
        what="your file of prompts and tests",
        source="your file",
        licence="yours",
        floor="none known",
    )

    def __init__(self, options: Options) -> None:
        self.options = options
        super().__init__(options)

    @classmethod
    def from_options(cls, options: Mapping[str, Any]) -> "Code":
        """A task from a spec's or a recipe's options. Raises DataError for rows that cannot be read."""
        if options.get("data") is None:
            raise RecipeError(
                "task code: no data is given; name a file with data=FILE in the task, or with --data FILE"
            )
        return cls(build(Options, options, "task code"))

    def _table(self) -> PromptTable:
        return own_table(self.name, self._read(), self.options)

    def _read(self) -> Iterator[tuple[str, Prompt]]:
        return own_prompts(str(self.options.data), self.options, self.spec, self._gold)

    def _gold(self, row: Row, prompt: str) -> Gold:
        options = self.options
        head = prompt if options.continues else ""
        solution = row.text(options.solution, "a program that passes") if options.solution else None
        if options.cases is not None:
            return Gold(Tests(cases=_cases(row, options.cases)), head, solution)
        entry_point = row.text(options.entry_point, "the name of the function that the tests call").strip()
        if not entry_point.isidentifier():
            raise DataError(
                f"{row.where}: column {options.entry_point!r} holds {entry_point!r}; expected a function's name"
            )
        tests = _tests(row, options.tests)
        setup = row.text(options.setup, "code that the tests need") if options.setup else ""
        return Gold(Tests(entry_point, tests, setup, "def check(" in tests), head, solution)


def _tests(row: Row, column: str) -> str:
    expected = "tests: code, or a list of assertions"
    value = row.get(column, expected)
    lines = [value] if isinstance(value, str) else value
    if not isinstance(lines, list) or not lines or not all(isinstance(each, str) for each in lines):
        raise DataError(f"{row.where}: column {column!r} holds {type(value).__name__}; expected {expected}")
    text = "\n".join(lines)
    try:
        compile(text, column, "exec")
    except (SyntaxError, ValueError) as error:
        raise DataError(
            f"{row.where}: the tests in column {column!r} are no Python ({error}); expected {expected}"
        ) from None
    return text


def _cases(row: Row, column: str) -> tuple[tuple[str, str], ...]:
    expected = 'cases: a list of {"input": text, "output": text}'
    found = row.get(column, expected)
    if isinstance(found, str):
        found = unpack(found, f"{row.where}, column {column!r}")
    if isinstance(found, Mapping) and "fn_name" not in found:
        pair = [found.get("inputs"), found.get("outputs")]
        lists = all(isinstance(each, list) for each in pair) and len(pair[0] or ()) == len(pair[1] or ())
        found = [{"input": given, "output": wanted} for given, wanted in zip(*pair, strict=True)] if lists else None
    if not isinstance(found, list) or not found:
        raise DataError(f"{row.where}: column {column!r} holds no cases; expected {expected}")
    cases = []
    for number, case in enumerate(found, start=1):
        given, wanted = (case.get("input"), case.get("output")) if isinstance(case, Mapping) else (None, None)
        if not isinstance(given, str) or not isinstance(wanted, str):
            raise DataError(f"{row.where}: case {number} of column {column!r} is not readable; expected {expected}")
        if case.get("testtype", "stdin") != "stdin":
            raise DataError(
                f"{row.where}: case {number} of column {column!r} is of the type {case['testtype']!r}; "
                "expected cases on standard input; for calls of a function give tests and an entry point"
            )
        cases.append((given, wanted))
    return tuple(cases)
