"""`jsonl`: any file of prompts and gold answers (JSONL, Parquet or CSV) with a named verifier: data without code.

    jsonl:data=quiz.jsonl:prompt=question:answer=gold:verifier=number:problem=id

`data` is a file, or a folder with train and test files. A single file is split by its `split` column where one is
named, else by hash: about `test_share` of its problems are test problems, whichever the order or the other rows. A
problem's identity is its `problem` column, else a hash of its prompt.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from pydantic import Field, field_validator

from assay.config import build
from assay.errors import RecipeError
from assay.registry import lookup
from assay.tasks import About, Check, format_spec
from assay.tasks.answers import gold_number
from assay.tasks.foreign import grade_foreign
from assay.tasks.instructions.cases import cases as instruction_cases
from assay.tasks.math.grade import grade_many, same_answers
from assay.tasks.math.rules import Rules
from assay.tasks.near_misses import number_cases, silent_cases, text_cases
from assay.tasks.own_file import OwnFile, own_prompts, own_table
from assay.tasks.tables import TableTask
from assay.tasks.verifiers import SLOW, VERIFIERS, Verifier, as_score, normal_text
from assay.types import Labels, Prompt, Score


class Options(OwnFile):
    """Options of `jsonl`: those of every file, and the column `answer`.

    `verifier`: a name of `verifiers.VERIFIERS`, or "module:function". `choices`: the letters of `choice`. `pattern`:
    what `regex` looks for. `right_response`: how a right response looks, {gold} in it, for checks.
    """

    data: str
    verifier: str
    answer: str = "answer"
    choices: str | None = Field(default=None, pattern="^[A-Z]{2,26}$")
    pattern: str | None = None
    right_response: str | None = Field(default=None, pattern=r"\{gold\}")

    @field_validator("pattern")
    @classmethod
    def _compiles(cls, value: str | None) -> str | None:
        try:
            re.compile(value or "")
        except re.error as error:
            raise ValueError(f"is no regular expression ({error})") from None
        return value


class Jsonl(TableTask):
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
        rows = own_prompts(options.data, options, self.spec, lambda row, _: row.get(options.answer, "a gold answer"))
        self.table = own_table(self.name, rows, options)

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

    def same_answers(self, prompt: Prompt, answer: str, others: Sequence[str]) -> list[bool]:
        """Those of the same text; with the verifier `math`, those that it accepts where `answer` is the gold one."""
        if self.options.verifier == "math":
            return same_answers(answer, others, Rules(_question(prompt)))
        return [other == answer for other in others]

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
