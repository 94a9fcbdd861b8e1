"""What tasks share whose responses are programs: how they are posed, read, run and checked (docs/code.md).

A final class says where its rows are and what a row means. Programs run in the sandbox; where there is none, commands
that verify refuse to start, unless the option `sandbox` accepts the danger in so many words.
"""

import ast
import hashlib
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Literal

from assay.config import Strict
from assay.tasks import About, Check, format_spec
from assay.tasks.code.extract import parsed, program_of
from assay.tasks.code.grade import Run, Tests, grade_programs
from assay.tasks.near_misses import SILENT
from assay.tasks.tables import PromptTable, TableTask
from assay.types import Labels, Prompt, Score, Verdict

UNCONFINED = "none-i-accept-the-danger"
"""The value of the option `sandbox` under which programs run with the rights of the user."""


@dataclass(frozen=True, slots=True)
class Gold:
    """What a response is judged by: `tests`; `head` is the prompt where a response may continue it.

    `solution` is a program that passes, where one is known: for checks only.
    """

    tests: Tests
    head: str = ""
    solution: str | None = field(default=None, repr=False)


class Options(Strict):
    """Options of every task of programs. `sandbox`: "bubblewrap", or the words that accept to have none."""

    data: str | None = None
    sandbox: Literal["bubblewrap", "none-i-accept-the-danger"] = "bubblewrap"


class CodeTask(TableTask, ABC):
    """Responses are programs; tests decide."""

    name: ClassVar[str]
    about: ClassVar[About]
    judge = "code@1"
    max_new_tokens = 1024

    def __init__(self, options: Options) -> None:
        self.spec = format_spec(self.name, options.model_dump(exclude_defaults=True, exclude={"data"}))
        otherwise = f"where a program of task {self.spec} may do all that you may do here, say so: sandbox={UNCONFINED}"
        self.run = Run(confined=options.sandbox != UNCONFINED, judge=self.judge, otherwise=otherwise)
        self.table = self._table()

    def _table(self) -> PromptTable:
        return PromptTable(self.name, self._read())

    @abstractmethod
    def _read(self) -> Iterator[tuple[str, Prompt]]:
        """Where each prompt comes from, and the prompt, its gold a `Gold`."""

    def check_machine(self) -> None:
        """Raises RunError where programs are to be confined and there is no sandbox."""
        self.run.require()

    def verify(self, prompt: Prompt, response: str) -> Score:
        """RIGHT where the response holds a program that passes all tests. Raises RunError without a sandbox."""
        return self.verify_many([(prompt, response)])[0]

    def verify_many(self, pairs: Sequence[tuple[Prompt, str]]) -> list[Score]:
        """The scores of `verify`, side by side, each program in its own sandbox."""
        programs = [(program_in(prompt.gold, response), prompt.gold.tests) for prompt, response in pairs]
        return grade_programs(programs, self.run)

    def labels(self, prompt: Prompt, response: str) -> Labels:
        """`solution`: hash of the program without comments, docstrings and layout; None where it is no Python."""
        program = program_in(prompt.gold, response)
        tree = parsed(program) if program else None
        return Labels(solution=_normal_hash(tree) if tree else None)

    def guess_probability(self, prompt: Prompt) -> float | None:
        """None: what a blind program would be is not defined, so no floor is known."""
        return None

    def checks(self) -> Sequence[Check]:
        """For every row: its reference is right; a stub, a program cut off in its fence, and no program are wrong."""
        prompts = self.table.by_problem.values()
        return [Check(prompt, *case) for prompt in prompts for case in _cases(prompt.gold)]


def fenced(program: str) -> str:
    """A response that gives the program in a fenced block."""
    return f"```python\n{program.rstrip()}\n```\n"


def stub(gold: Gold) -> str:
    """A program that defines the entry point and does nothing; an empty script."""
    entry = gold.tests.entry_point
    return f"def {entry}(*arguments, **keywords):\n    return None\n" if entry else "pass\n"


def _cases(gold: Gold) -> Iterator[tuple[str, Verdict, str]]:
    if gold.solution is not None:
        yield fenced(gold.solution), Verdict.RIGHT, "reference in a fenced block"
        if gold.head and gold.solution.startswith(gold.head):
            yield gold.solution.removeprefix(gold.head), Verdict.RIGHT, "reference as a completion"
        yield f"```python\n{gold.solution}", Verdict.WRONG, "reference, cut off in its fence"
    yield fenced(stub(gold)), Verdict.WRONG, "a stub"
    yield "", Verdict.WRONG, "empty response"
    yield SILENT, Verdict.WRONG, "no program"


def program_in(gold: Gold, response: str) -> str | None:
    """The program that a response to the problem gives, or None."""
    return program_of(response, gold.tests.entry_point, gold.head)


def _normal_hash(tree: ast.Module) -> str | None:
    for node in ast.walk(tree):
        with_docstring = ast.Module | ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
        if isinstance(node, with_docstring) and _is_text(node.body):
            node.body = node.body[1:] or [ast.Pass()]
    try:
        text = ast.unparse(tree)
    except (RecursionError, ValueError):  # nested too deeply; an integer of too many digits
        return None
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()[:12]


def _is_text(body: list[ast.stmt]) -> bool:
    """Whether it begins with a docstring."""
    first = body[0] if body else None
    return isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str)
