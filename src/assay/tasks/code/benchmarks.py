"""Benchmarks of Python functions; the first: `humaneval` (arXiv 2107.03374) and `humaneval+` (arXiv 2305.01210).

Rows of HumanEval have `task_id`, `prompt` (imports, helpers, the function's head and docstring), `entry_point`,
`canonical_solution` (its body) and `test`, which defines `check(candidate)`. HumanEval+ is read in both its published
layouts: that of the hub, the same columns with more tests in `test`; and that of the release, HumanEvalPlus.jsonl,
whose `base_input`, `plus_input` and `atol` say what to call and whose reference solution says what to expect.
"""

import re
from abc import abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

from assay.config import build
from assay.errors import DataError
from assay.tasks import About, Split
from assay.tasks.code.grade import Tests
from assay.tasks.code.task import CodeTask, Gold
from assay.tasks.code.task import Options as CodeOptions
from assay.tasks.own_file import identity_in
from assay.tasks.row_task import Hub, local_copy
from assay.tasks.rows import Row, read_folder, read_hub, read_rows
from assay.tasks.wordings import Wording
from assay.types import Prompt

INSTRUCTION = (
    "Please provide a self-contained Python script that solves the following problem in a markdown code block:"
)
"""EvalPlus's (arXiv 2305.01210), with the problem in a fenced block after it."""


class Options(CodeOptions):
    """Options of the benchmarks. `prompt`: "instruct" asks a chat model, "none" is the problem as text, to continue."""

    prompt: Literal["instruct", "none"] = "instruct"


@dataclass(frozen=True, slots=True)
class Posed:
    """What a row means: the problem as text, and what judges."""

    question: str
    gold: Gold


class CodeBenchmark(CodeTask):
    """A benchmark of functions; a final class says where its rows are and what a row means.

    A problem's identity is the benchmark's name and the number in its `task_id`, so that copies agree.
    """

    hub: ClassVar[Hub]
    files: ClassVar[tuple[str, ...]]
    """Names of the published file in a folder that has no train and test files."""
    stops: ClassVar[tuple[str, ...]]
    """Stop strings of the wording `none`."""
    wording: str = "instruct"
    """Name of the prompt's wording."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.wording = options.prompt
        asked = Wording(before=f"{INSTRUCTION}\n```\n", after="\n```\n", message=True)
        self.posing = asked if options.prompt == "instruct" else Wording(stop=self.stops)
        self.stop = self.posing.stop
        super().__init__(options)

    @classmethod
    def from_options(cls, options: Mapping[str, Any]) -> Self:
        """A task from a spec's or a recipe's options. Raises DataError for rows that cannot be read."""
        return cls(build(Options, options, f"task {cls.name}"))

    @abstractmethod
    def posed(self, row: Row) -> Posed | None:
        """What the row means; None where it cannot be judged from outside. Raises DataError for what is missing."""

    def split_of(self, number: str) -> Split:
        """The split of a problem: for evaluation only, unless a benchmark says otherwise."""
        return "test"

    def identity_of(self, name: str) -> str:
        """Of the problem that the benchmark itself calls by this name, as HumanEval/0."""
        return f"{self.name}/{_number(name)}"

    def _read(self) -> Iterator[tuple[str, Prompt]]:
        for row in self._rows():
            posed = self.posed(row)
            if posed is not None:
                task_id = identity_in(row, "task_id")
                question = posed.question.strip() if self.posing.message else posed.question
                yield (
                    row.where,
                    Prompt(
                        task=self.spec,
                        problem=self.identity_of(task_id),
                        gold=posed.gold,
                        split=self.split_of(_number(task_id)),
                        columns=row.values,
                        **self.posing.pose(question),
                    ),
                )

    def _rows(self) -> list[Row]:
        path = Path(self.options.data) if self.options.data else local_copy(self.about.folder)
        if path is None:
            splits = [split for split in (self.hub.train, self.hub.test) if split]
            return [row for split in splits for row in read_hub(self.hub.id, self.hub.config, split)]
        if not path.is_dir():
            return read_rows(path)
        named = next((path / name for name in self.files if (path / name).is_file()), None)
        return read_rows(named) if named else [row for rows in read_folder(path).values() for row in rows]


def _number(task_id: str) -> str:
    """'33' of 'HumanEval/33'; the whole where no number ends it."""
    found = re.search(r"(\d+)\s*$", task_id)
    return found[1] if found else task_id


class HumanEval(CodeBenchmark):
    """164 functions to complete, by the authors of Codex; see the module's text."""

    name = "humaneval"
    hub = Hub("openai/openai_humaneval")
    files = ("HumanEval.jsonl.gz", "HumanEval.jsonl")
    stops = ("\nclass", "\ndef", "\n#", "\nif", "\nprint")  # arXiv 2107.03374, section 2.3
    about = About(
        what="Python functions to complete",
        source=hub.id,
        licence="MIT",
        floor="none known",
        folder="humaneval",
        rows={"test": 164},
    )

    def posed(self, row: Row) -> Posed:
        """The prompt, continued by the reference; its `test`, run after the prompt's own helpers."""
        head = row.text("prompt", "imports, a function's head and its docstring")
        entry_point = row.text("entry_point", "the name of the function that the tests call").strip()
        solution = row.values.get("canonical_solution")
        tests = Tests(entry_point, self.tests(row), setup=f"{head}\n    pass\n")
        return Posed(head, Gold(tests, head, f"{head}{solution}" if solution else None))

    def tests(self, row: Row) -> str:
        """Code that defines check(candidate)."""
        text = row.text("test", "code that defines check(candidate)")
        if "def check(" not in text:
            raise DataError(f"{row.where}: column 'test' defines no check(candidate); expected code that does")
        return text


class HumanEvalPlus(HumanEval):
    """HumanEval with some 80 times as many tests; see the module's text."""

    name = "humaneval+"
    hub = Hub("evalplus/humanevalplus")
    files = ("HumanEvalPlus.jsonl.gz", "HumanEvalPlus.jsonl")
    about = About(
        what="HumanEval with many more tests",
        source=hub.id,
        licence="Apache-2.0",
        floor="none known",
        folder="humanevalplus",
        rows={"test": 164},
    )

    def tests(self, row: Row) -> str:
        """`test` or, in the layout of the release, a check by its inputs; its `test` is HumanEval's, which is fewer."""
        if "plus_input" not in row.values:
            return super().tests(row)
        given = [row.get("base_input", "a list of arguments"), row.values["plus_input"] or []]
        if not all(isinstance(inputs, list) and all(isinstance(each, list) for each in inputs) for inputs in given):
            raise DataError(f"{row.where}: expected lists of arguments in 'base_input' and 'plus_input'")
        entry_point = row.text("entry_point", "the name of the function that the tests call").strip()
        reference = row.text("prompt", "a function's head") + row.text("canonical_solution", "the reference's body")
        return _BY_REFERENCE.format(
            reference=reference,
            entry_point=entry_point,
            inputs=given[0] + given[1],
            atol=row.values.get("atol") or 0,
            near="near_zero" if entry_point == "find_zero" else "near",
        )


_BY_REFERENCE = '''
import copy

import numpy

space = {{}}
exec({reference!r}, space)
inf, nan = float("inf"), float("nan")


def near(found, arguments):
    """Equal to what the reference returns; where that is floats or a tolerance is given, close to it."""
    expected = space[{entry_point!r}](*copy.deepcopy(arguments))
    floats = expected if isinstance(expected, list | tuple) else [expected]
    atol = {atol!r} or (1e-6 if floats and all(isinstance(each, float) for each in floats) else 0)
    if not atol:
        assert found == expected
    elif found != expected:
        numpy.testing.assert_allclose(found, expected, atol=atol)


def near_zero(found, arguments):
    """Any zero of the polynomial will do, not only the reference's."""
    assert abs(sum(c * found**power for power, c in enumerate(arguments[0]))) <= ({atol!r} or 1e-4)


def check(candidate):
    for arguments in {inputs!r}:
        {near}(candidate(*copy.deepcopy(arguments)), arguments)
'''
