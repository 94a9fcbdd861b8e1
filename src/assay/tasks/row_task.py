"""What benchmarks share that read rows of questions and answers: where the rows are, how a question is put, identities.

Rows come from `data` (a file, or a folder with train and test files), else from the task's folder under $ASSAY_DATA,
else from its set on the Hugging Face hub. A problem's identity is `NAME/` and a hash of its question, so that copies of
a set in another order, and parts of it, agree; `prompt_of` takes the question's text as well.
"""

import os
import re
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

from assay.config import Strict, build
from assay.tasks import About, Check, Split, format_spec
from assay.tasks.near_misses import Case
from assay.tasks.rows import Row, read_folder, read_hub, read_rows
from assay.tasks.tables import PromptTable, TableTask, identity, split_by_share
from assay.tasks.wordings import Name, wording
from assay.types import Labels, Prompt, Score

TEST_SHARE = 0.1
"""Of a single file whose name says neither train nor test, where the set has both."""
OTHER_GOLDS = 3
"""Golds of other problems that are near-misses of each problem."""

_CODE = re.compile(r"```\s*python|^\s*(?:def \w+\(|import \w+|print\()", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Hub:
    """A set on the Hugging Face hub, and which of its splits are ours; `train` is None for a set of test problems."""

    id: str
    config: str | None = None
    train: str | None = None
    test: str = "test"


class Options(Strict):
    """Options of every benchmark.

    `prompt`: the wording, see `assay.tasks.wordings`. `read`: "any" finds the answer however it is marked, "boxed" only
    in a box.
    """

    data: str | None = None
    prompt: Name = "boxed"
    read: Literal["any", "boxed"] = "any"


class RowTask(TableTask, ABC):
    """A benchmark of rows; a final class says where they are, how a row is read and how an answer is judged."""

    name: ClassVar[str]
    about: ClassVar[About]
    hub: ClassVar[Hub]
    max_new_tokens: ClassVar[int]
    kind: ClassVar[Literal["math", "word problems"]] = "math"
    """Of the worked examples of the wording `few-shot`."""
    drop_repeats: ClassVar[bool] = True
    """Rows that repeat a question with the same gold are left out; else they are an error."""
    judge: str
    wording: str = "boxed"
    """Name of the prompt's wording."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.boxed_only = options.read == "boxed"
        self.wording = options.prompt
        self.posing = wording(options.prompt, self.kind)
        self.stop = self.posing.stop
        self.spec = format_spec(self.name, options.model_dump(exclude_defaults=True, exclude={"data"}))
        self.table = PromptTable(self.name, self._read(), self.drop_repeats)

    @classmethod
    def from_options(cls, options: Mapping[str, Any]) -> Self:
        """A task from a spec's or a recipe's options. Raises DataError for rows that cannot be read."""
        return cls(build(Options, options, f"task {cls.name}"))

    @abstractmethod
    def question(self, row: Row) -> str:
        """The problem's text. Raises DataError where the row has none."""

    @abstractmethod
    def gold(self, row: Row) -> str:
        """The gold answer. Raises DataError where the row has none."""

    @abstractmethod
    def verify(self, prompt: Prompt, response: str) -> Score:
        """Judges a response; never raises for anything that a model may write."""

    @abstractmethod
    def cases(self, prompt: Prompt, others: list[str]) -> Iterator[Case]:
        """The gold in several forms and near-misses; `others` are golds of other problems, written differently."""

    def identity_of(self, name: str) -> str:
        """Of the problem with this question."""
        return f"{self.name}/{identity(name)}"

    def labels(self, prompt: Prompt, response: str) -> Labels:
        """Strategy "code" where the response writes Python, else "prose"; which solutions are the same is unknown."""
        return Labels(strategy="code" if _CODE.search(response) else "prose")

    def guess_probability(self, prompt: Prompt) -> float | None:
        """None: what a blind answer would be is not known, so no floor is."""
        return None

    def checks(self) -> Sequence[Check]:
        """For every row loaded: its gold in several forms, and near-misses made from it."""
        prompts = list(self.table.by_problem.values())
        golds = [str(prompt.gold) for prompt in prompts]
        return [
            Check(prompt, f"{self.posing.closing}{response}", verdict, why)
            for index, prompt in enumerate(prompts)
            for response, verdict, why in self.cases(prompt, _others(golds, index))
        ]

    def whole(self, response: str) -> str:
        """The response with what the prompt opened for it."""
        return f"{self.posing.opening}{response}"

    def _read(self) -> Iterator[tuple[str, Prompt]]:
        """Where each prompt comes from, and the prompt. A train row whose question is a test problem is left out."""
        splits = self._rows()
        test = [(row.where, self._prompt(row, "test")) for row in splits["test"]]
        train = [(row.where, self._prompt(row, "train")) for row in splits["train"]]
        held_out = {prompt.problem for _, prompt in test}
        yield from (pair for pair in train if not self.drop_repeats or pair[1].problem not in held_out)
        yield from test

    def _rows(self) -> Mapping[Split, list[Row]]:
        path = Path(self.options.data) if self.options.data else local_copy(self.about.folder)
        if path is None:
            train = read_hub(self.hub.id, self.hub.config, self.hub.train) if self.hub.train else []
            return {"train": train, "test": read_hub(self.hub.id, self.hub.config, self.hub.test)}
        if path.is_dir():
            found = read_folder(path)
            return found if self.hub.train else {"train": [], "test": found["test"] or found["train"]}
        rows: dict[Split, list[Row]] = {"train": [], "test": []}
        for row in read_rows(path):
            rows[self._split(path, row)].append(row)
        return rows

    def _split(self, path: Path, row: Row) -> Split:
        """Of a row of a single file: what the file's name says, else by hash of the question."""
        named = re.search(r"(?:^|[^a-z])(train|test)(?:[^a-z]|$)", path.stem)
        if self.hub.train is None or (named and named[1] == "test"):
            return "test"
        return "train" if named else split_by_share(self.identity_of(self.question(row)), TEST_SHARE)

    def _prompt(self, row: Row, split: Split) -> Prompt:
        question = self.question(row)
        return Prompt(
            task=self.spec,
            problem=self.identity_of(question),
            gold=self.gold(row),
            split=split,
            columns=row.values,
            **self.posing.pose(question),
        )


def _others(golds: Sequence[str], index: int) -> list[str]:
    """A few golds of the next problems that are written differently."""
    following = (golds[(index + step) % len(golds)] for step in range(1, min(len(golds), 10 * OTHER_GOLDS)))
    return list(dict.fromkeys(gold for gold in following if gold != golds[index]))[:OTHER_GOLDS]


def local_copy(folder: str | None) -> Path | None:
    """The folder under $ASSAY_DATA, where there is one."""
    root = os.environ.get("ASSAY_DATA")
    path = Path(root, folder) if root and folder else None
    return path if path and path.is_dir() else None
