"""`ifeval`: 541 prompts with instructions that can be verified (arXiv 2311.07911), such as "no commas".

Rows have `key`, `prompt`, `instruction_id_list` and `kwargs`, an entry of each list an instruction. They are read from
`data` (a file, or a folder of such files), else from $ASSAY_DATA/ifeval, else from the Hugging Face set google/IFEval.
All are test rows, whatever the file's name: the set is for evaluation, and its only split is published as "train".
A problem's identity is `ifeval/` and a hash of its prompt; `prompt_of` takes the prompt's text as well.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from assay.config import Strict, build
from assay.errors import DataError
from assay.tasks import About, Check, format_spec
from assay.tasks.instructions.cases import cases
from assay.tasks.instructions.follow import instructions
from assay.tasks.row_task import local_copy
from assay.tasks.rows import SUFFIXES, Row, read_hub, read_rows, suffix_of
from assay.tasks.tables import PromptTable, TableTask, identity
from assay.types import Labels, Prompt, Score

HUB = ("google/IFEval", "default")


class Options(Strict):
    """Options of `ifeval`.

    `read`: "strict" judges the response as it is, "loose" also without its first line, its last line and asterisks.
    """

    data: str | None = None
    read: Literal["strict", "loose"] = "strict"


class Ifeval(TableTask):
    """Verifiable instructions; see the module's text."""

    name = "ifeval"
    judge = "ifeval.strict@1"
    max_new_tokens = 1280
    about = About(
        what="prompts with instructions that can be verified",
        source="google/IFEval",
        licence="Apache-2.0",
        floor="none known",
        folder="ifeval",
        rows={"test": 541},
    )

    def __init__(self, options: Options) -> None:
        self.options = options
        self.judge = f"ifeval.{options.read}@1"
        self.table = PromptTable(self.name, ((row.where, self._prompt(row)) for row in self._rows()))

    @classmethod
    def from_options(cls, options: Mapping[str, Any]) -> "Ifeval":
        """A task from a spec's or a recipe's options. Raises DataError for rows that cannot be read."""
        return cls(build(Options, options, "task ifeval"))

    @property
    def spec(self) -> str:
        """For example 'ifeval' or 'ifeval:read=loose'."""
        return format_spec(self.name, self.options.model_dump(exclude_defaults=True, exclude={"data"}))

    def identity_of(self, name: str) -> str:
        """Of the prompt with this text."""
        return f"ifeval/{identity(name)}"

    def verify(self, prompt: Prompt, response: str) -> Score:
        """RIGHT where all instructions are followed; `steps` has a value for each, in their order."""
        return instructions(response, prompt.gold, self.options.read, self.judge)

    def labels(self, prompt: Prompt, response: str) -> Labels:
        """None: responses that follow the same instructions need not be alike."""
        return Labels()

    def guess_probability(self, prompt: Prompt) -> None:
        """None: what a blind response would be is not defined, so no floor is known."""
        return None

    def checks(self) -> Sequence[Check]:
        """For every row, responses that miss its instructions; of a row with one instruction, one that follows it."""
        return [
            Check(prompt, response, verdict, why)
            for prompt in self.table.by_problem.values()
            for response, verdict, why in cases(prompt.gold)
        ]

    def _rows(self) -> list[Row]:
        path = Path(self.options.data) if self.options.data else local_copy(self.about.folder)
        if path is None:
            return read_hub(*HUB, "train")
        if not path.is_dir():
            return read_rows(path)
        files = [each for each in sorted(path.iterdir()) if suffix_of(each) in SUFFIXES]
        if not files:
            raise DataError(f"folder {path} has no rows of ifeval; expected a file that ends in {', '.join(SUFFIXES)}")
        return [row for each in files for row in read_rows(each)]

    def _prompt(self, row: Row) -> Prompt:
        posed = row.text("prompt", "the text of a prompt")
        row.get("key", "the prompt's number")
        names, arguments = (_list(row, column) for column in ("instruction_id_list", "kwargs"))
        if len(names) != len(arguments):
            raise DataError(
                f"{row.where}: 'instruction_id_list' has {len(names)} entries and 'kwargs' {len(arguments)}; "
                "expected one of each an instruction"
            )
        return Prompt(
            task=self.spec,
            problem=self.identity_of(posed),
            gold=[{"id": name, "kwargs": given} for name, given in zip(names, arguments, strict=True)],
            split="test",
            messages=({"role": "user", "content": posed},),
            columns=row.values,
        )


def _list(row: Row, column: str) -> list[Any]:
    expected = "a list with an entry for each instruction"
    value = row.get(column, expected)
    if not isinstance(value, list) or not value:
        raise DataError(f"{row.where}: column {column!r} holds {str(value)[:40]!r}; expected {expected}")
    return value
