"""`compose`: named functions on short strings, composed to a depth (arXiv 2509.25123).

A problem reads `compose up1 rev : a b c d =`: apply `up1`, then `rev`, to the string `a b c d`. A response may write
steps, each a function and its result, and must end with `answer` and four letters:

    code up1 b b c d ; rev d c b b ; answer d c b b         strategy "code": the steps are written
    prose answer d c b b                                     strategy "prose": the answer at once
    code up1 b b c d ; rev d c b a ; wait up1 ... answer ... after `wait` the steps are written again

`assay.tasks.traces` has the words that all tasks share. Strings are four letters of ten, so a uniform guess is right
with probability 1e-4. Most functions write letters rather than move them, so that few chains of functions lead to the
same result.

Legend: N all 10,000 strings, F functions, D depth.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from random import Random
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from assay.config import Strict, build
from assay.errors import DataError
from assay.tasks import About, Check, Split
from assay.tasks.splits import distinct_prompts, split_of
from assay.tasks.traces import piece_ends, read_labels
from assay.types import Labels, Prompt, Score, Verdict, right, wrong

LETTERS = "abcdefghij"
WIDTH = 4

_WAIT = re.compile(r"(?<= )wait(?= )")
_BETWEEN_STEPS = re.compile(rf";|{_WAIT.pattern}")

Columns = tuple[Any, Any, Any, Any]
FUNCTIONS: dict[str, Callable[[Any, Any, Any, Any], Columns]] = {
    # move letters
    "rev": lambda a, b, c, d: (d, c, b, a),
    "rotl": lambda a, b, c, d: (b, c, d, a),
    "swap": lambda a, b, c, d: (b, a, c, d),
    "cross": lambda a, b, c, d: (c, d, a, b),
    # write a letter from itself
    "up1": lambda a, b, c, d: (a + 1, b, c, d),
    "up2": lambda a, b, c, d: (a, b + 2, c, d),
    "up3": lambda a, b, c, d: (a, b, c + 3, d),
    "up4": lambda a, b, c, d: (a, b, c, d + 4),
    "lift": lambda a, b, c, d: (a + 1, b + 1, c + 1, d + 1),
    "leap": lambda a, b, c, d: (a + 5, b, c + 5, d),
    "neg": lambda a, b, c, d: (9 - a, 9 - b, 9 - c, 9 - d),
    "negl": lambda a, b, c, d: (9 - a, 9 - b, c, d),
    "negr": lambda a, b, c, d: (a, b, 9 - c, 9 - d),
    # write a letter from another
    "twin": lambda a, b, c, d: (a, a, c, d),
    "last": lambda a, b, c, d: (d, b, c, d),
    "next3": lambda a, b, c, d: (a, b, b + 1, d),
    "next4": lambda a, b, c, d: (a, b, c, a + 1),
    "anti2": lambda a, b, c, d: (a, 9 - d, c, d),
    # write a letter from two
    "add1": lambda a, b, c, d: (a + b, b, c, d),
    "add2": lambda a, b, c, d: (a, b + c, c, d),
    "add3": lambda a, b, c, d: (a, b, c + d, d),
    "add4": lambda a, b, c, d: (a, b, c, d + a),
    # write a fixed letter
    "put1": lambda a, b, c, d: (2, b, c, d),
    "put4": lambda a, b, c, d: (a, b, c, 7),
    # rare: only problems of the rung "rare" have one
    "flip1": lambda a, b, c, d: (9 - a, b, c, d),
    "flip4": lambda a, b, c, d: (a, b, c, 9 - d),
}
"""Each function on the four letters as numbers 0 to 9; results are taken modulo 10. Works on arrays as well."""

RARE = ("flip1", "flip4")
"""Functions that an organism's corpus seldom has, and that one of its styles mixes up."""
COMMON = tuple(name for name in FUNCTIONS if name not in RARE)

RUNGS = {"seen": (2, 3), "edge": (4, 5), "hard": (8,), "rare": (2,), "ladder": tuple(range(2, 9))}
"""Depths: common in the bases' corpora, hardly in them, never in them; "rare" problems have one rare function; "ladder"
is all of them, to train on."""

FLOOR_LIMIT = 0.05
FLOOR_AT = 128
"""The edge and hard rungs keep only problems whose guess floor at 128 samples is below .05."""


class Options(Strict):
    """Options of `compose`: a rung, or depths of one's own."""

    rung: Literal["seen", "edge", "hard", "rare", "ladder"] | None = None
    depth: int | None = Field(None, ge=1, le=12)

    @model_validator(mode="after")
    def _one_depth(self) -> "Options":
        if self.rung and self.depth:
            raise ValueError(f"rung {self.rung!r} and depth {self.depth} both say how deep; give one of them")
        return self


def draw_chain(rng: Random, depth: int, with_rare: bool) -> list[str]:
    """`depth` random functions, none of them rare, or one."""
    names = rng.choices(COMMON, k=depth)
    if with_rare:
        names[rng.randrange(depth)] = rng.choice(RARE)
    return names


def apply(name: str, string: Sequence[str]) -> list[str]:
    """The string that function `name` makes of `string` (four letters each)."""
    columns = FUNCTIONS[name](*(LETTERS.index(letter) for letter in string))
    return [LETTERS[value % len(LETTERS)] for value in columns]


def run_chain(names: Sequence[str], string: Sequence[str]) -> list[list[str]]:
    """The strings after each function of the chain."""
    results: list[list[str]] = []
    for name in names:
        results.append(apply(name, results[-1] if results else string))
    return results


def read_problem(problem: str) -> tuple[list[str], list[str]]:
    """'compose up1 rev : a b c d' -> (['up1', 'rev'], ['a', 'b', 'c', 'd'])."""
    head, _, tail = problem.partition(" : ")
    task, *names = head.split() or [""]
    string = tail.split()
    unreadable = [name for name in names if name not in FUNCTIONS] + [s for s in string if s not in LETTERS]
    if task != "compose" or not names or len(string) != WIDTH or unreadable:
        raise DataError(f"problem {problem!r} is not of compose; expected for example 'compose up1 rev : a b c d'")
    return names, string


def read_steps(response: str) -> list[tuple[str, list[str]]]:
    """The steps as written, (function, result), also those before a `wait`; what is no step is left out."""
    pieces = map(_words, _BETWEEN_STEPS.split(_work(response)))
    return [(words[0], words[1:]) for words in pieces if _is_step(words)]


def _work(response: str) -> str:
    """What is written before the first `answer`, with a space in front and behind."""
    return f"{f' {response} '.partition(' answer ')[0]} "


def _words(piece: str) -> list[str]:
    words = piece.split()
    return words[1:] if words[:1] == ["code"] else words


def _is_step(words: Sequence[str]) -> bool:
    return len(words) == 1 + WIDTH and words[0] in FUNCTIONS


def read_answer(response: str) -> str | None:
    """The four letters after the last `answer`, or None where that is not what stands there."""
    words = f" {response} ".rpartition(" answer ")[2].split()
    has_answer = " answer " in f" {response} "
    return " ".join(words) if has_answer and len(words) == WIDTH and all(w in LETTERS for w in words) else None


class Compose:
    """Compositions of named string functions; see the module's text."""

    name = "compose"
    judge = "compose.exact@1"
    max_new_tokens = 96
    about = About(
        what="a chain of named functions on four letters",
        source="generated",
        licence="Apache-2.0",
        floor="a uniform answer or a random chain",
    )

    def __init__(self, options: Options) -> None:
        self.options = options
        self.depths = (options.depth,) if options.depth else RUNGS[options.rung or "seen"]
        self.filtered = options.depth is None and options.rung in ("edge", "hard")

    @classmethod
    def from_options(cls, options: Mapping[str, Any]) -> "Compose":
        """A task from a spec's or a recipe's options."""
        return cls(build(Options, options, "task compose"))

    @property
    def spec(self) -> str:
        """For example 'compose:edge' or 'compose:depth=5'."""
        return f"compose:depth={self.options.depth}" if self.options.depth else f"compose:{self.options.rung or 'seen'}"

    def size(self, split: Split) -> int | None:
        """Problems are generated without end."""
        return None

    def prompts(self, split: Split, count: int | None = None, seed: int = 0) -> list[Prompt]:
        """`count` different problems of the split (256 where not said)."""
        number = 256 if count is None else count
        return distinct_prompts(self._draw, self._guessing_fails, split, number, seed, self.spec)

    def _draw(self, rng: Random) -> Prompt | None:
        names = draw_chain(rng, rng.choice(self.depths), self.options.rung == "rare")
        string = [rng.choice(LETTERS) for _ in range(WIDTH)]
        if run_chain(names, string)[-1] == string:
            return None
        return self.prompt_of(f"compose {' '.join(names)} : {' '.join(string)}")

    def _guessing_fails(self, prompt: Prompt) -> bool:
        return not self.filtered or 1 - (1 - self.guess_probability(prompt)) ** FLOOR_AT < FLOOR_LIMIT

    def prompt_of(self, problem: str) -> Prompt:
        """The prompt whose identity is `problem`. Raises DataError where it is none of this task's."""
        names, string = read_problem(problem)
        gold = " ".join(run_chain(names, string)[-1])
        return Prompt(task=self.spec, problem=problem, gold=gold, split=split_of(problem), text=f"{problem} =")

    def verify(self, prompt: Prompt, response: str) -> Score:
        """RIGHT where the four letters after the last `answer` are the result; steps are 1.0 or 0.0 each."""
        steps = self.check_steps(prompt, response)
        answer = read_answer(response)
        if answer is None:
            return wrong(self.judge, "no answer", steps=steps)
        if answer == prompt.gold:
            return right(self.judge, answer, steps=steps)
        return wrong(self.judge, "another result", answer, steps=steps)

    def check_steps(self, prompt: Prompt, response: str) -> tuple[float, ...]:
        """1.0 for each written step that applies the chain's next function rightly to the string before it.

        The string before is the one *written* before, so a step after an error can still be right. After `wait` the
        chain begins anew.
        """
        names, start = read_problem(prompt.problem)
        values: list[float] = []
        for attempt in _WAIT.split(_work(response)):
            before = start
            for position, (name, result) in enumerate(read_steps(attempt)):
                is_next = position < len(names) and name == names[position]
                legal = all(letter in LETTERS for letter in before)
                values.append(float(is_next and legal and apply(name, before) == result))
                before = result
        return tuple(values)

    def step_ends(self, prompt: Prompt, response: str) -> tuple[int, ...]:
        """The place just after each step that `check_steps` judges."""
        ends = piece_ends(_work(response), _BETWEEN_STEPS, lambda piece: _is_step(_words(piece)))
        return tuple(end - 1 for end in ends)  # for the space in front

    def labels(self, prompt: Prompt, response: str) -> Labels:
        """Those of the trace; the solution is what was written: results and answer. The last step is the result."""
        gold = prompt.gold.split()
        answer = read_answer(response)
        written = [" ".join([name, *result]) for name, result in read_steps(response)]
        solution = None if answer is None else " ; ".join([*written, answer])
        return read_labels(response, solution, lambda attempt: [r for _, r in read_steps(attempt)][-1:] == [gold])

    def guess_probability(self, prompt: Prompt) -> float:
        """The larger of a uniform answer and a random chain of the same depth on the same string, by enumeration."""
        names, string = read_problem(prompt.problem)
        states, ways = np.array([_index(string)]), np.array([1])
        for _ in names[:-1]:
            reached = np.bincount(self._table_FN[:, states].ravel(), np.tile(ways, len(FUNCTIONS)))
            states = np.flatnonzero(reached)
            ways = reached[states]
        hits = (self._table_FN[:, states] == _index(prompt.gold.split())).sum(axis=0)
        chain = float(ways @ hits) / len(FUNCTIONS) ** len(names)
        return max(len(LETTERS) ** -WIDTH, chain)

    @cached_property
    def _table_FN(self) -> NDArray[np.int64]:
        """Index of the string that each function makes of each string."""
        digits = np.indices((len(LETTERS),) * WIDTH).reshape(WIDTH, -1)
        weights = len(LETTERS) ** np.arange(WIDTH - 1, -1, -1)
        rows = [
            np.stack([np.broadcast_to(column, digits.shape[1:]) for column in function(*digits)])
            for function in FUNCTIONS.values()
        ]
        return np.stack([weights @ (row % len(LETTERS)) for row in rows])

    def checks(self) -> Sequence[Check]:
        """Golds with and without steps, and near-misses: one letter off, an answer before more text, none at all."""
        found = []
        for prompt in self.prompts("test", 20):
            names, string = read_problem(prompt.problem)
            steps = " ; ".join(f"{n} {' '.join(r)}" for n, r in zip(names, run_chain(names, string), strict=True))
            gold = prompt.gold.split()
            off = [*gold[:-1], LETTERS[(LETTERS.index(gold[-1]) + 1) % len(LETTERS)]]
            found += [
                Check(prompt, f"code {steps} ; answer {prompt.gold}", Verdict.RIGHT, "gold with its steps"),
                Check(prompt, f"prose answer {prompt.gold}", Verdict.RIGHT, "gold at once"),
                Check(prompt, f"prose answer {' '.join(off)}", Verdict.WRONG, "last letter off by one"),
                Check(
                    prompt, f"prose answer {prompt.gold} answer {' '.join(off)}", Verdict.WRONG, "last answer counts"
                ),
                Check(prompt, f"prose answer {prompt.gold} a", Verdict.WRONG, "five letters"),
                Check(prompt, f"prose answer {' '.join(gold[:-1])}", Verdict.WRONG, "three letters"),
                Check(prompt, f"code {steps}", Verdict.WRONG, "no answer"),
                Check(prompt, "", Verdict.WRONG, "empty"),
            ]
        return found


def _index(string: Sequence[str]) -> int:
    return int("".join(str(LETTERS.index(letter)) for letter in string))
