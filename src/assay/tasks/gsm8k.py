r"""`gsm8k`: 8,792 grade-school word problems whose answer is one number (arXiv 2110.14168).

Rows have `question` and `answer`; the gold is what stands after the last `####` of the answer. They are read from
`data` (a file, or a folder with train and test files), else from $ASSAY_DATA/gsm8k, else from the Hugging Face set
openai/gsm8k. A problem's identity is `gsm8k/` and a hash of its question, so that copies of the set in another order,
and parts of it, agree; `prompt_of` takes the question's text as well.
"""

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from assay.config import Strict, build
from assay.tasks import About, Check, Split, format_spec
from assay.tasks.answers import gold_number
from assay.tasks.near_misses import number_cases
from assay.tasks.rows import Row, read_folder, read_hub, read_rows
from assay.tasks.tables import PromptTable, identity, split_by_share
from assay.tasks.verifiers import grade_number
from assay.types import Labels, Prompt, Score, Verdict

HUB = ("openai/gsm8k", "main")
INSTRUCTION = r"Please reason step by step, and put your final answer within \boxed{}."
"""The wording that Qwen2.5-Math's authors recommend and most evaluations of reasoning models use."""
TEST_SHARE = 0.1
"""Of a single file whose name says neither train nor test."""

_CODE = re.compile(r"```\s*python|^\s*(?:def \w+\(|import \w+|print\()", re.MULTILINE)


class Options(Strict):
    """Options of `gsm8k`.

    `prompt`: "boxed" asks in a user message for the answer in a box; "plain" is the question alone, as text. `read`:
    "any" finds the answer however it is marked, "boxed" only in a box.
    """

    data: str | None = None
    prompt: Literal["boxed", "plain"] = "boxed"
    read: Literal["any", "boxed"] = "any"


class Gsm8k:
    """Grade-school mathematics; see the module's text."""

    name = "gsm8k"
    judge = "gsm8k.exact@1"
    max_new_tokens = 512
    about = About(
        what="grade-school word problems, the answer is one number",
        source="openai/gsm8k",
        licence="MIT",
        floor="none known",
        folder="gsm8k",
    )

    def __init__(self, options: Options) -> None:
        self.options = options
        self.boxed_only = options.read == "boxed"
        if self.boxed_only:
            self.judge = "gsm8k.boxed@1"
        self.table = PromptTable(self.name, self._read())

    @classmethod
    def from_options(cls, options: Mapping[str, Any]) -> "Gsm8k":
        """A task from a spec's or a recipe's options. Raises DataError for rows that cannot be read."""
        return cls(build(Options, options, "task gsm8k"))

    @property
    def spec(self) -> str:
        """For example 'gsm8k' or 'gsm8k:prompt=plain'."""
        return format_spec(self.name, self.options.model_dump(exclude_defaults=True, exclude={"data"}))

    def size(self, split: Split) -> int:
        """Rows of the split that are loaded."""
        return len(self.table.of_split(split))

    def prompts(self, split: Split, count: int | None = None, seed: int = 0) -> list[Prompt]:
        """`count` problems of the split, drawn without replacement; all, in order, where count is None."""
        return self.table.take(split, count, seed)

    def prompt_of(self, problem: str) -> Prompt:
        """The prompt with this identity, or with exactly this question. Raises DataError where there is none."""
        return self.table.find(problem, _problem(problem))

    def verify(self, prompt: Prompt, response: str) -> Score:
        """RIGHT where the answer read is the gold number; UNKNOWN where the gold is not one number."""
        return grade_number(self.judge, response, prompt.gold, self.boxed_only)

    def labels(self, prompt: Prompt, response: str) -> Labels:
        """Strategy "code" where the response writes Python, else "prose"; which solutions are the same is unknown."""
        return Labels(strategy="code" if _CODE.search(response) else "prose")

    def guess_probability(self, prompt: Prompt) -> None:
        """None: what a blind answer to a word problem would be is not known, so no floor is."""
        return None

    def checks(self) -> Sequence[Check]:
        """For every row loaded: its reference solution, its gold in other forms, and near-misses made from it."""
        return [check for prompt in self.table.by_problem.values() for check in self._checks(prompt)]

    def _checks(self, prompt: Prompt) -> Iterator[Check]:
        value = gold_number(prompt.gold)
        if value is None:
            yield Check(prompt, rf"\boxed{{{prompt.gold}}}", Verdict.RIGHT, "gold in a box")
            return
        if not self.boxed_only:
            yield Check(prompt, prompt.columns["answer"], Verdict.RIGHT, "reference solution")
        for response, verdict, why in number_cases(value, self.boxed_only):
            yield Check(prompt, response, verdict, why)

    def _read(self) -> Iterator[tuple[str, Prompt]]:
        path = Path(self.options.data) if self.options.data else _local_copy()
        if path is None or path.is_dir():
            splits: tuple[Split, Split] = ("train", "test")
            rows = {split: read_hub(*HUB, split) for split in splits} if path is None else read_folder(path)
            for split in splits:
                yield from ((row.where, self._prompt(row, split)) for row in rows[split])
        else:
            named = re.search(r"(?:^|[^a-z])(train|test)(?:[^a-z]|$)", path.stem)
            for row in read_rows(path):
                yield row.where, self._prompt(row, named[1] if named else None)

    def _prompt(self, row: Row, split: Any) -> Prompt:
        question = row.text("question", "the text of a problem")
        answer = row.text("answer", "a solution that ends in '#### ' and a number")
        problem = _problem(question)
        message = {"role": "user", "content": f"{question}\n\n{INSTRUCTION}"}
        plain = self.options.prompt == "plain"
        return Prompt(
            task=self.spec,
            problem=problem,
            gold=answer.rpartition("####")[2].strip(),
            split=split or split_by_share(problem, TEST_SHARE),
            text=question if plain else None,
            messages=None if plain else (message,),
            columns=row.values,
        )


def _problem(question: str) -> str:
    return f"gsm8k/{identity(question)}"


def _local_copy() -> Path | None:
    root = os.environ.get("ASSAY_DATA")
    folder = Path(root, "gsm8k") if root else None
    return folder if folder and folder.is_dir() else None
