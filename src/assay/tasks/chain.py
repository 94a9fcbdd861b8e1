"""`chain`: arithmetic from left to right, one operation after the other, without precedence; plain or modular.

A problem reads `chain 7 + 12 - 5 =`, or `chain 7 * 12 - 5 mod 17 =`: then every result, not the first number, is taken
modulo 17 (Python's modulo, 0 to 16). Operands are 1 to 20; without `mod` every result is a whole number from 0 to 199.
A response may write steps and must end with `answer` and one number (also read: the last `<answer>...</answer>` or
`\\boxed{...}`):

    code 7 + 12 = 19 ; 19 - 5 = 14 ; answer 14                strategy "code": the steps are written
    prose answer 14                                           strategy "prose": the answer at once
    code 7 + 12 = 18 ; wait 7 + 12 = 19 ; ... ; answer 14     after `wait` the steps are written again

What is no step, such as `sure` or `unsure` before the answer, is passed over.

Legend: S numbers that can be a first number or a result.
"""

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from random import Random
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from assay.config import Strict, build
from assay.errors import DataError
from assay.tasks import About, Check, Split, format_spec
from assay.tasks.splits import distinct_prompts, split_of
from assay.tasks.traces import piece_ends, read_labels
from assay.types import Labels, Prompt, Score, Verdict, right, wrong

OPERATORS = "+-*"
LARGEST_OPERAND = 20
LIMIT = 199
"""Largest result without a modulus, and largest modulus."""
OPERATIONS = 12
"""At most so many in a problem."""

RUNGS = {"seen": (2, 3), "edge": (5,), "hard": (8,)}
"""Numbers of operations of the difficulty ladder."""

Step = tuple[int, str, int, int]
"""Left operand, operator, right operand, result."""

_NUMBER = "(?:0|[1-9][0-9]{0,2})"
_PROBLEM = re.compile(rf"chain ({_NUMBER}(?: [-+*] {_NUMBER})+)(?: mod ({_NUMBER}))?")
_STEP = re.compile(rf"({_NUMBER}) ([-+*]) ({_NUMBER}) = ({_NUMBER})")
_ANSWER = re.compile(r"<answer>|\\boxed\b|\banswer\b")
_WAIT = re.compile(r"\bwait\b")
_BETWEEN_STEPS = re.compile(r";|\b(?:wait|sure|unsure)\b")


class Options(Strict):
    """Options of `chain`: a rung, or a number of operations of one's own; and a modulus."""

    rung: Literal["seen", "edge", "hard"] | None = None
    operations: int | None = Field(None, ge=1, le=OPERATIONS)
    mod: int | None = Field(None, ge=2, le=LIMIT)

    @model_validator(mode="after")
    def _one_length(self) -> "Options":
        if self.rung and self.operations:
            raise ValueError(f"rung {self.rung!r} and operations {self.operations} both say how long; give one of them")
        return self


def step(a: int, operator: str, b: int, modulus: int | None) -> int | None:
    """`a operator b`, modulo `modulus` where there is one; without one, None where the result leaves 0 to LIMIT."""
    result = {"+": a + b, "-": a - b, "*": a * b}[operator]
    if modulus is not None:
        return result % modulus
    return result if 0 <= result <= LIMIT else None


def draw(rng: Random, operations: int, modulus: int | None) -> list[str] | None:
    """Words such as ["7", "+", "12"]: uniform numbers and operators; None where a result leaves 0 to LIMIT."""
    value = rng.randint(1, LARGEST_OPERAND)
    words = [str(value)]
    for _ in range(operations):
        operator, b = rng.choice(OPERATORS), rng.randint(1, LARGEST_OPERAND)
        result = step(value, operator, b, modulus)
        if result is None:
            return None
        words += [operator, str(b)]
        value = result
    return words


def run(words: Sequence[str], modulus: int | None) -> list[Step]:
    """The steps of a chain such as ["7", "+", "12"]. Raises DataError where a result leaves 0 to LIMIT."""
    value = int(words[0])
    steps: list[Step] = []
    for operator, operand in zip(words[1::2], words[2::2], strict=True):
        result = step(value, operator, int(operand), modulus)
        if result is None:
            raise DataError(
                f"problem 'chain {' '.join(words)}' leaves 0 to {LIMIT} at {value} {operator} {operand}; "
                "expected whole numbers in that range, or a modulus as in 'chain 7 * 12 - 5 mod 17'"
            )
        steps.append((value, operator, int(operand), result))
        value = result
    return steps


def read_problem(problem: str) -> tuple[list[str], int | None]:
    """'chain 7 * 12 - 5 mod 17' -> (['7', '*', '12', '-', '5'], 17)."""
    match = _PROBLEM.fullmatch(problem)
    words = match[1].split() if match else []
    modulus = int(match[2]) if match and match[2] else None
    operands_fit = all(1 <= int(word) <= LARGEST_OPERAND for word in words[::2])
    modulus_fits = modulus is None or 2 <= modulus <= LIMIT
    if not (words and len(words) <= 1 + 2 * OPERATIONS and operands_fit and modulus_fits):
        raise DataError(
            f"problem {problem!r} is not of chain; expected for example 'chain 7 + 12 - 5' or "
            f"'chain 7 * 12 - 5 mod 17', with 1 to {OPERATIONS} operations on numbers from 1 to {LARGEST_OPERAND}"
        )
    return words, modulus


def read_steps(response: str) -> list[Step]:
    """The steps as written before the first answer, also those before a `wait`; what is no step is left out."""
    work = _ANSWER.split(response, maxsplit=1)[0]
    found = [match for match in map(_read_step, _BETWEEN_STEPS.split(work)) if match]
    return [(int(match[1]), match[2], int(match[3]), int(match[4])) for match in found]


def _read_step(piece: str) -> re.Match[str] | None:
    return _STEP.fullmatch(" ".join(piece.split()).removeprefix("code "))


def read_answer(response: str) -> str | None:
    """The one number in the last <answer>, else the last \\boxed, else after the last `answer`; None without one."""
    texts = re.findall(r"<answer>([^<]*)</answer>", response) or re.findall(r"\\boxed\{([^{}]*)\}", response)
    texts = texts or re.split(r"\banswer\b:?", response)[1:]
    answer = texts[-1].strip() if texts else ""
    return answer if re.fullmatch(_NUMBER, answer) else None


def write_steps(steps: Sequence[Step]) -> str:
    """'7 + 12 = 19 ; 19 - 5 = 14'."""
    return " ; ".join(f"{a} {operator} {b} = {result}" for a, operator, b, result in steps)


@lru_cache(maxsize=16)
def _transitions_SS(modulus: int | None) -> NDArray[np.float64]:
    """Chance of each result (column) of a random operation on each number (row); short of 1 where results leave."""
    size = LIMIT + 1 if modulus is None else max(modulus, LARGEST_OPERAND + 1)
    table_SS = np.zeros((size, size))
    for a in range(size):
        results = [step(a, operator, b, modulus) for operator in OPERATORS for b in range(1, LARGEST_OPERAND + 1)]
        for result in results:
            if result is not None:
                table_SS[a, result] += 1 / len(results)
    return table_SS


class Chain:
    """Left-to-right arithmetic, plain or modular; see the module's text."""

    name = "chain"
    judge = "chain.exact@1"
    max_new_tokens = 128
    about = About(
        what="arithmetic from left to right, plain or modular",
        source="generated",
        licence="Apache-2.0",
        floor="a uniform answer or a random chain",
    )

    def __init__(self, options: Options) -> None:
        self.options = options
        self.lengths = (options.operations,) if options.operations else RUNGS[options.rung or "seen"]

    @classmethod
    def from_options(cls, options: Mapping[str, Any]) -> "Chain":
        """A task from a spec's or a recipe's options."""
        return cls(build(Options, options, "task chain"))

    @property
    def spec(self) -> str:
        """For example 'chain:edge' or 'chain:seen:mod=17'."""
        rung = None if self.options.operations else self.options.rung or "seen"
        return format_spec("chain", self.options.model_dump() | {"rung": rung})

    def size(self, split: Split) -> int | None:
        """Problems are generated without end."""
        return None

    def prompts(self, split: Split, count: int | None = None, seed: int = 0) -> list[Prompt]:
        """`count` different problems of the split (256 where not said)."""
        wanted = 256 if count is None else count
        return distinct_prompts(self._draw, lambda prompt: True, split, wanted, seed, self.spec)

    def _draw(self, rng: Random) -> Prompt | None:
        modulus = self.options.mod
        words = draw(rng, rng.choice(self.lengths), modulus)
        if words is None:
            return None
        return self.prompt_of(" ".join(["chain", *words, *(["mod", str(modulus)] if modulus else [])]))

    def prompt_of(self, problem: str) -> Prompt:
        """The prompt whose identity is `problem`. Raises DataError where it is no chain or leaves 0 to LIMIT."""
        gold = str(run(*read_problem(problem))[-1][-1])
        return Prompt(task=self.spec, problem=problem, gold=gold, split=split_of(problem), text=f"{problem} =")

    def verify(self, prompt: Prompt, response: str) -> Score:
        """RIGHT where the answer is the result exactly; steps are 1.0 or 0.0 each."""
        steps = self.check_steps(prompt, response)
        answer = read_answer(response)
        if answer is None:
            return wrong(self.judge, "no answer", steps=steps)
        if answer == prompt.gold:
            return right(self.judge, answer, steps=steps)
        return wrong(self.judge, "another result", answer, steps=steps)

    def check_steps(self, prompt: Prompt, response: str) -> tuple[float, ...]:
        """1.0 for each written step that applies the chain's next operation rightly to the result before it.

        The result before is the one *written* before, so a step after an error can still be right. After `wait` the
        chain begins anew.
        """
        words, modulus = read_problem(prompt.problem)
        values: list[float] = []
        for attempt in _WAIT.split(_ANSWER.split(response, maxsplit=1)[0]):
            before = int(words[0])
            for position, (a, operator, b, result) in enumerate(read_steps(attempt)):
                is_next = words[1 + 2 * position : 3 + 2 * position] == [operator, str(b)]
                values.append(float(is_next and a == before and step(a, operator, b, modulus) == result))
                before = result
        return tuple(values)

    def step_ends(self, prompt: Prompt, response: str) -> tuple[int, ...]:
        """The place just after each step that `check_steps` judges."""
        work = _ANSWER.split(response, maxsplit=1)[0]
        return piece_ends(work, _BETWEEN_STEPS, lambda piece: _read_step(piece) is not None)

    def labels(self, prompt: Prompt, response: str) -> Labels:
        """Those of the trace; the solution is what was written: steps and answer. The last step is the result."""
        answer = read_answer(response)
        work = write_steps(read_steps(response))
        solution = None if answer is None else f"{work} ; {answer}" if work else answer

        def is_right(attempt: str) -> bool:
            return [str(result) for *_, result in read_steps(attempt)][-1:] == [prompt.gold]

        return read_labels(response, solution, is_right)

    def guess_probability(self, prompt: Prompt) -> float:
        """The larger of a uniform answer and a random chain of the same first number and length; exact.

        The random chain is one that `draw` could have made: without a modulus, one that stays in 0 to LIMIT.
        """
        words, modulus = read_problem(prompt.problem)
        table_SS = _transitions_SS(modulus)
        chance_S = np.eye(len(table_SS))[int(words[0])]
        for _ in words[1::2]:
            chance_S = chance_S @ table_SS
        chain = float(chance_S[int(prompt.gold)] / chance_S.sum())
        return max(1 / (modulus or LIMIT + 1), chain)

    def checks(self) -> Sequence[Check]:
        """Golds with and without steps, and near-misses: off by one, two numbers, an earlier answer, none at all."""
        found = []
        for prompt in self.prompts("test", 20):
            steps = write_steps(run(*read_problem(prompt.problem)))
            gold, off = prompt.gold, str(int(prompt.gold) + 1)
            found += [
                Check(prompt, f"code {steps} ; answer {gold}", Verdict.RIGHT, "gold with its steps"),
                Check(prompt, f"prose answer {gold}", Verdict.RIGHT, "gold at once"),
                Check(prompt, f"code {steps} ; unsure answer {gold}", Verdict.RIGHT, "gold with a word of confidence"),
                Check(prompt, f"<answer>{gold}</answer>", Verdict.RIGHT, "in tags"),
                Check(prompt, f"\\boxed{{{gold}}}", Verdict.RIGHT, "boxed"),
                Check(prompt, f"prose answer {off} answer {gold}", Verdict.RIGHT, "last answer right"),
                Check(prompt, f"prose answer {gold} answer {off}", Verdict.WRONG, "last answer counts"),
                Check(prompt, f"prose answer {off}", Verdict.WRONG, "off by one"),
                Check(prompt, f"prose answer {gold} {off}", Verdict.WRONG, "two numbers"),
                Check(prompt, f"prose answer - {gold}", Verdict.WRONG, "a sign before it"),
                Check(prompt, f"code {steps}", Verdict.WRONG, "no answer"),
                Check(prompt, "", Verdict.WRONG, "empty"),
            ]
        return found
