"""`jsonl`: any file of prompts and gold answers (JSONL, Parquet or CSV) with a named verifier: data without code.

    jsonl:data=quiz.jsonl:prompt=question:answer=gold:verifier=number:problem=id

`data` is a file, or a folder with train and test files. A single file is split by its `split` column where one is
named, else by hash: about `test_share` of its problems are test problems, whichever the order or the other rows. A
problem's identity is its `problem` column, else a hash of its prompt.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, field_validator

from assay.config import Strict, build
from assay.errors import DataError, RecipeError
from assay.registry import lookup
from assay.tasks import About, Check, Split, format_spec
from assay.tasks.answers import gold_number
from assay.tasks.foreign import grade_foreign
from assay.tasks.instructions.cases import cases as instruction_cases
from assay.tasks.math.grade import grade_many
from assay.tasks.math.rules import Rules
from assay.tasks.near_misses import number_cases, silent_cases, text_cases
from assay.tasks.rows import Row, read_folder, read_rows
from assay.tasks.tables import PromptTable, identity, split_by_share
from assay.tasks.verifiers import SLOW, VERIFIERS, Verifier, as_score, normal_text
from assay.types import Labels, Prompt, Score

ON_REPEATS = "; duplicates=drop keeps the first of rows that are the same"


class Options(Strict):
    """Options of `jsonl`. Values that name columns: prompt, answer, problem, split; `a.b` is b in the column a.

    `verifier`: a name of `verifiers.VERIFIERS`, or "module:function". `choices`: the letters of `choice`. `pattern`:
    what `regex` looks for. `chat`: a text prompt is the message of a user. `duplicates`: "drop" keeps the first of rows
    that pose the same problem with the same gold. `right_response`: how a right response looks, {gold} in it, for
    checks.
    """

    data: str
    verifier: str
    prompt: str = "prompt"
    answer: str = "answer"
    problem: str | None = None
    split: str | None = None
    test_share: float = Field(default=0.1, ge=0, le=1)
    choices: str | None = Field(default=None, pattern="^[A-Z]{2,26}$")
    pattern: str | None = None
    chat: bool = False
    duplicates: Literal["error", "drop"] = "error"
    right_response: str | None = Field(default=None, pattern=r"\{gold\}")

    @field_validator("pattern")
    @classmethod
    def _compiles(cls, value: str | None) -> str | None:
        try:
            re.compile(value or "")
        except re.error as error:
            raise ValueError(f"is no regular expression ({error})") from None
        return value


class Jsonl:
    """Rows of a user's own file; see the module's text."""

    name = "jsonl"
    judge = "VERIFIER@1"
    max_new_tokens = 512
    about = About(
        what="your file of prompts and answers, with a named verifier",
        source="your file",
        licence="yours",
        floor="1 / choices where given",
    )

    def __init__(self, options: Options) -> None:
        self.options = options
        self.is_named = options.verifier in VERIFIERS
        self.judge = f"{options.verifier}@1" if self.is_named else options.verifier
        self.verifier = _verifier(options)
        drop = options.duplicates == "drop"
        self.table = PromptTable(self.name, self._read(), drop, more_rows(options.test_share), ON_REPEATS)

    @classmethod
    def from_options(cls, options: Mapping[str, Any]) -> "Jsonl":
        """A task from a spec's or a recipe's options. Raises DataError for rows that cannot be read."""
        if options.get("data") is None:
            raise RecipeError(
                "task jsonl: no data is given; name a file with data=FILE in the task, or with --data FILE"
            )
        if "verifier" not in options:
            raise RecipeError(
                f"task jsonl: 'verifier' is missing; there are {', '.join(VERIFIERS)}, or your own as module:function"
            )
        return cls(build(Options, options, "task jsonl"))

    @property
    def spec(self) -> str:
        """For example 'jsonl:verifier=number:prompt=question'."""
        return format_spec(self.name, self.options.model_dump(exclude_defaults=True, exclude={"data"}))

    def size(self, split: Split) -> int:
        """Rows of the split."""
        return len(self.table.of_split(split))

    def prompts(self, split: Split, count: int | None = None, seed: int = 0) -> list[Prompt]:
        """`count` problems of the split, drawn without replacement; all, in order, where count is None."""
        return self.table.take(split, count, seed)

    def prompt_of(self, problem: str) -> Prompt:
        """The prompt with this identity or, without a `problem` column, this text. Raises DataError otherwise."""
        return self.table.find(problem, identity(problem))

    def verify(self, prompt: Prompt, response: str) -> Score:
        """What the verifier says; UNKNOWN with the reason where it fails."""
        return self.verify_many([(prompt, response)])[0]

    def verify_many(self, pairs: Sequence[tuple[Prompt, str]]) -> list[Score]:
        """What the verifier says of each; a user's own, and the hard part of `math`, run in killable processes."""
        if not self.is_named:
            return grade_foreign(self.options.verifier, [(response, prompt.gold) for prompt, response in pairs])
        if self.options.verifier == "math":
            return grade_many([(response, prompt.gold, Rules(_question(prompt))) for prompt, response in pairs])
        if self.options.verifier in SLOW:
            options = {"pattern": self.options.pattern} if self.options.pattern else {}
            target = VERIFIERS[self.options.verifier]
            return grade_foreign(target, [(response, prompt.gold) for prompt, response in pairs], options)
        return [as_score(self.judge, self.verifier(response, prompt.gold)) for prompt, response in pairs]

    def data_hash(self, split: Split) -> str:
        """Hash of the split's problems and golds, whatever their order and file."""
        return self.table.content_hash(split)

    def labels(self, prompt: Prompt, response: str) -> Labels:
        """None: rows do not say what counts as the same solution."""
        return Labels()

    def guess_probability(self, prompt: Prompt) -> float | None:
        """1 / number of `choices` for the verifier `choice`, where they are given; else None."""
        choices = self.options.choices
        return 1 / len(set(choices)) if self.options.verifier == "choice" and choices else None

    def checks(self) -> Sequence[Check]:
        """For every row: its gold must be right; another row's gold, near-misses and no answer must be wrong."""
        golds = {normal_text(str(prompt.gold)): str(prompt.gold) for prompt in self.table.by_problem.values()}
        return [check for prompt in self.table.by_problem.values() for check in self._checks(prompt, golds)]

    def _checks(self, prompt: Prompt, golds: Mapping[str, str]) -> Iterator[Check]:
        value = gold_number(prompt.gold) if self.options.verifier == "number" else None
        if value is not None:
            cases = number_cases(value)
        elif self.options.verifier == "instructions":
            cases = instruction_cases(prompt.gold)
        elif self.options.verifier == "json_schema" and not self.options.right_response:
            cases = silent_cases()  # what is valid cannot be read off a schema
        else:
            gold = str(prompt.gold)
            form = self.options.right_response or (r"\boxed{{gold}}" if self.is_named else "{gold}")
            others = [text for normal, text in golds.items() if normal != normal_text(gold)]
            cases = text_cases(gold, others[:3], form)
        for response, verdict, why in cases:
            yield Check(prompt, response, verdict, why)

    def _read(self) -> Iterator[tuple[str, Prompt]]:
        path = Path(self.options.data)
        if path.is_dir():
            for split, rows in read_folder(path).items():
                yield from ((row.where, self._prompt(row, split)) for row in rows)
        else:
            yield from ((row.where, self._prompt(row, None)) for row in read_rows(path))

    def _prompt(self, row: Row, split: Split | None) -> Prompt:
        options = self.options
        posed = row.get(options.prompt, "a prompt, as text or as a list of messages")
        messages = messages_in(row, options.prompt, posed)
        if messages is None and options.chat:
            messages = ({"role": "user", "content": posed},)
        key = posed if isinstance(posed, str) else "\n".join(f"{m['role']}: {m['content']}" for m in messages or ())
        problem = identity(key) if options.problem is None else identity_in(row, options.problem)
        return Prompt(
            task=self.spec,
            problem=problem,
            gold=row.get(options.answer, "a gold answer"),
            split=split or split_in(row, options.split, problem, options.test_share),
            text=posed if messages is None else None,
            messages=messages,
            columns={column: value for column, value in row.values.items() if column != options.prompt},
        )


def more_rows(test_share: float) -> str:
    """What to do where a split has no rows."""
    return (
        f"give a column that says train or test (split=COLUMN), another test_share (it is {test_share:g}), or a folder "
        "with train and test files"
    )


def _question(prompt: Prompt) -> str:
    return prompt.text if prompt.text is not None else "\n".join(str(m["content"]) for m in prompt.messages or ())


def _verifier(options: Options) -> Verifier:
    for option, user in (("choices", "choice"), ("pattern", "regex")):
        if getattr(options, option) is not None and options.verifier != user:
            raise RecipeError(
                f"task jsonl: {option!r} is for verifier={user}, but verifier={options.verifier} is chosen"
            )
    found: Any = lookup("verifier", options.verifier, VERIFIERS)
    if options.verifier == "regex":
        if options.pattern is None:
            raise RecipeError("task jsonl: verifier=regex needs 'pattern', a regular expression that finds the answer")
        return partial(found, pattern=re.compile(options.pattern))
    verifier: Verifier = partial(found, choices=options.choices) if options.choices else found
    return verifier


def messages_in(row: Row, column: str, posed: Any) -> tuple[Mapping[str, str], ...] | None:
    """The messages of a chat prompt, or None of a text prompt. Raises DataError for anything else."""
    if isinstance(posed, str):
        return None
    expected = "a prompt, as text or as a list of messages with the texts 'role' and 'content'"
    if not isinstance(posed, list) or not posed:
        raise DataError(f"{row.where}: column {column!r} holds {type(posed).__name__}; expected {expected}")
    for number, message in enumerate(posed, start=1):
        parts = [message.get("role"), message.get("content")] if isinstance(message, Mapping) else [None]
        if not all(isinstance(part, str) for part in parts):
            raise DataError(f"{row.where}: message {number} of column {column!r} is not readable; expected {expected}")
    return tuple({"role": message["role"], "content": message["content"]} for message in posed)


def split_in(row: Row, column: str | None, problem: str, test_share: float) -> Split:
    """What the column says, or by hash where there is none. Raises DataError where it says neither train nor test."""
    if column is None:
        return split_by_share(problem, test_share)
    value = row.text(column, "'train' or 'test'")
    if value != "train" and value != "test":
        raise DataError(f"{row.where}: column {column!r} holds {value!r}; expected 'train' or 'test'")
    return "train" if value == "train" else "test"


def identity_in(row: Row, column: str) -> str:
    """A problem's identity in a column. Raises DataError for anything but text and integers."""
    value = row.get(column, "an identity, text or integer")
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise DataError(f"{row.where}: column {column!r} holds {value!r}; expected an identity, text or integer")
    return str(value)
