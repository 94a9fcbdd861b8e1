"""`countdown`: numbers and a target; the answer is an expression that uses each number once and reaches the target.

A problem reads `countdown 3 7 12 : 120 =`. A response must end with `answer` and an expression (also read: the last
`<answer>...</answer>` or `\\boxed{...}`), and may write steps before it:

    code 3 + 7 = 10 ; 10 * 12 = 120 ; answer ( 3 + 7 ) * 12      strategy "code": steps with their results
    prose answer ( 3 + 7 ) * 12                                  strategy "prose": the answer at once

`style=words` poses the problem to a chat model in plain English. Problems are made by a random valid chain, one in
which every result is a whole number from 0 to 199; answers may go through any exact fraction.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from functools import lru_cache
from itertools import permutations
from random import Random
from typing import Any, Literal

from pydantic import Field

from assay.config import Strict, build
from assay.errors import DataError
from assay.tasks import About, Check, Split
from assay.tasks.expressions import Expression, combine, number, parse_expression
from assay.tasks.splits import distinct_prompts, split_of
from assay.tasks.traces import read_labels
from assay.types import Labels, Prompt, Score, Verdict, right, wrong

LIMIT = 199
"""Largest result of a valid step."""

RUNGS: dict[str, dict[str, Any]] = {
    "seen": {"numbers": 3},
    "edge": {"numbers": 4, "solutions": 2},
    "hard": {"numbers": 5, "floor": 0.05},
}
"""The difficulty ladder. Three numbers can be guessed; `floor` keeps problems whose guess floor at 128 is below it."""

WORDS = (
    "Use each of the numbers {numbers} exactly once, with + - * / and parentheses, to make {target}. "
    "Write your work, then the expression as <answer>...</answer>."
)


class Options(Strict):
    """Options of `countdown`; a rung sets those that are not given."""

    rung: Literal["seen", "edge", "hard"] | None = None
    numbers: int | None = Field(None, ge=2, le=5)
    largest: int = Field(20, ge=4, le=99)
    needs: str = Field("", pattern=r"^[-+*/]*$", description="operators that every solution uses")
    solutions: int | None = Field(None, ge=1, description="at most so many different solutions")
    floor: float | None = Field(None, gt=0, lt=1)
    style: Literal["terse", "words"] = "terse"


def moves(values: Sequence[int]) -> Iterator[tuple[int, int, str, int]]:
    """All valid steps on `values`: positions of the operands in order, operator, result."""
    for i, j in permutations(range(len(values)), 2):
        a, b = values[i], values[j]
        if i < j and a + b <= LIMIT:
            yield i, j, "+", a + b
        if i < j and a * b <= LIMIT:
            yield i, j, "*", a * b
        if a >= b and (a > b or i < j):
            yield i, j, "-", a - b
        if b and a % b == 0 and (a > b or i < j):
            yield i, j, "/", a // b


def without(values: Sequence[Any], i: int, j: int, result: Any) -> list[Any]:
    """`values` with the operands i and j replaced by `result` at the end."""
    return [value for k, value in enumerate(values) if k not in (i, j)] + [result]


Chain = tuple[list[tuple[int, str, int, int]], Expression]
"""Steps (left, operator, right, result) and the expression that they make."""


def random_chain(rng: Random, values: Sequence[int]) -> Chain | None:
    """A random valid chain on `values`; None at a dead end."""
    values, nodes, steps = list(values), [number(v) for v in values], []
    while len(values) > 1:
        found = list(moves(values))
        if not found:
            return None
        i, j, operator, result = rng.choice(found)
        steps.append((values[i], operator, values[j], result))
        nodes = without(nodes, i, j, combine(operator, nodes[i], nodes[j]))
        values = without(values, i, j, result)
    return steps, nodes[0]


@lru_cache(maxsize=200_000)
def chain_probability(values: tuple[int, ...], target: int) -> float:
    """Chance that a random valid chain on the sorted `values` ends at `target`."""
    if len(values) == 1:
        return float(values[0] == target)
    found = [tuple(sorted(without(values, i, j, result))) for i, j, _, result in moves(values)]
    return sum(chain_probability(rest, target) for rest in found) / len(found) if found else 0.0


@lru_cache(maxsize=2_000)
def solutions(values: tuple[int, ...], target: int) -> frozenset[str]:
    """Canonical forms of every solution among the valid chains on the sorted `values`."""
    return frozenset(node.canonical() for node in _reach(tuple(number(v) for v in values)) if node.value == target)


def _reach(nodes: tuple[Expression, ...]) -> Iterator[Expression]:
    if len(nodes) == 1:
        yield nodes[0]
    seen = set()
    for i, j, operator, _ in moves([int(node.value) for node in nodes]):
        rest = without(nodes, i, j, combine(operator, nodes[i], nodes[j]))
        key = tuple(sorted(node.canonical() for node in rest))
        if key not in seen:
            seen.add(key)
            yield from _reach(tuple(rest))


def write_expression(node: Expression) -> str:
    """The expression with spaces between all tokens and as few parentheses as needed."""
    if node.operator is None or node.left is None or node.right is None:
        return str(node.value)
    left, right_ = write_expression(node.left), write_expression(node.right)
    if node.operator in "*/" and node.left.operator in ("+", "-"):
        left = f"( {left} )"
    tight = node.right.operator is not None and (
        node.operator == "/" or (node.operator in "*-" and node.right.operator in "+-")
    )
    return f"{left} {node.operator} {f'( {right_} )' if tight else right_}"


def read_problem(problem: str) -> tuple[tuple[int, ...], int]:
    """'countdown 3 7 12 : 120' -> ((3, 7, 12), 120)."""
    match = re.fullmatch(r"countdown ((?:\d{1,3} )+): (\d{1,4})", problem)
    if match is None:
        raise DataError(f"problem {problem!r} is not of countdown; expected for example 'countdown 3 7 12 : 120'")
    return tuple(int(word) for word in match[1].split()), int(match[2])


def read_answer(response: str) -> str | None:
    """The expression of the last <answer>, \\boxed or `answer`, without a trailing '= value'; None where none is."""
    for pattern in (r"<answer>([^<]*)</answer>", r"\\boxed\{([^{}]*)\}", r"\banswer\b:?([^\n]*)"):
        found = re.findall(pattern, response[-4000:])
        if found:
            return str(found[-1]).partition("=")[0].strip() or None
    return None


_STEP = re.compile(r"(\d{1,6}) ?([-+*/]) ?(\d{1,6}) ?= ?(\d{1,6})\b")


def _work(response: str) -> str:
    """What is written before the last answer; all where there is none."""
    return response[:20_000].rpartition("answer")[0] or response[:20_000]


class Countdown:
    """Reach the target with each number once; see the module's text."""

    name = "countdown"
    judge = "countdown.exact@1"
    about = About(
        what="an expression of given numbers that reaches a target",
        source="generated",
        licence="Apache-2.0",
        floor="a random valid chain",
    )

    def __init__(self, options: Options) -> None:
        self.options = options
        rung = RUNGS[options.rung or "seen"]
        self.numbers: int = options.numbers or rung["numbers"]
        self.max_solutions: int | None = options.solutions or (None if options.numbers else rung.get("solutions"))
        self.floor: float | None = options.floor or (None if options.numbers else rung.get("floor"))
        self.wording = options.style
        self.max_new_tokens = 64 if options.style == "terse" else 1024

    @classmethod
    def from_options(cls, options: Mapping[str, Any]) -> "Countdown":
        """A task from a spec's or a recipe's options."""
        return cls(build(Options, options, "task countdown"))

    @property
    def spec(self) -> str:
        """For example 'countdown:edge' or 'countdown:seen:largest=50'."""
        given = self.options.model_dump(exclude_defaults=True)
        rung = given.pop("rung", None) or (None if "numbers" in given else "seen")
        return ":".join(["countdown", *([rung] if rung else []), *(f"{key}={value}" for key, value in given.items())])

    def size(self, split: Split) -> int | None:
        """Problems are generated without end."""
        return None

    def prompts(self, split: Split, count: int | None = None, seed: int = 0) -> list[Prompt]:
        """`count` different problems of the split (256 where not said)."""
        wanted = 256 if count is None else count
        return distinct_prompts(self._draw, self._fits, split, wanted, seed, self.spec)

    def _draw(self, rng: Random) -> Prompt | None:
        values = sorted(rng.randint(1, self.options.largest) for _ in range(self.numbers))
        if self.floor or self.max_solutions:
            target = rng.randint(1, LIMIT)  # rare targets too; `_fits` drops those that cannot be reached
        else:
            chain = random_chain(rng, values)
            target = int(chain[1].value) if chain else 0
        return self.prompt_of(f"countdown {' '.join(map(str, values))} : {target}") if target else None

    def _fits(self, prompt: Prompt) -> bool:
        chance = self.guess_probability(prompt) if self.floor or self.max_solutions else 1.0
        if chance == 0 or (self.floor and 1 - (1 - chance) ** 128 >= self.floor):
            return False
        if not (self.max_solutions or self.options.needs):
            return True
        found = solutions(*prompt.gold)
        few = self.max_solutions is None or len(found) <= self.max_solutions
        return few and all(operator in form for operator in self.options.needs for form in found)

    def prompt_of(self, problem: str) -> Prompt:
        """The prompt whose identity is `problem`. Raises DataError where it is none of this task's."""
        values, target = read_problem(problem)
        words = WORDS.format(numbers=", ".join(map(str, values)), target=target)
        pose: dict[str, Any] = (
            {"text": f"{problem} ="}
            if self.options.style == "terse"
            else {"messages": ({"role": "user", "content": words},)}
        )
        gold = (tuple(sorted(values)), target)
        return Prompt(task=self.spec, problem=problem, gold=gold, split=split_of(problem), **pose)

    def verify(self, prompt: Prompt, response: str) -> Score:
        """RIGHT where the answer's expression uses each number once and equals the target exactly."""
        steps = self.check_steps(prompt, response)
        answer = read_answer(response)
        if answer is None:
            return wrong(self.judge, "no answer", steps=steps)
        node = parse_expression(answer)
        if node is None:
            return wrong(self.judge, "unreadable expression", answer[:200], steps=steps)
        values, target = prompt.gold
        if tuple(sorted(node.numbers())) != values:
            return wrong(self.judge, "other numbers", answer, steps=steps)
        if node.value != target:
            return wrong(self.judge, "misses the target", answer, steps=steps)
        return right(self.judge, answer, steps=steps)

    def check_steps(self, prompt: Prompt, response: str) -> tuple[float, ...]:
        """1.0 for each written step `a op b = c` whose arithmetic is exact and whose operands were there to use.

        After `wait` all the prompt's numbers are there again.
        """
        values: list[float] = []
        for attempt in re.split(r"\bwait\b", _work(response)):
            there = [Fraction(value) for value in prompt.gold[0]]
            for a, operator, b, c in _STEP.findall(attempt):
                operands, result = [Fraction(a), Fraction(b)], Fraction(c)
                try:
                    exact = combine(operator, number(int(a)), number(int(b))).value == result
                except ZeroDivisionError:
                    exact = False
                usable = all(there.count(x) >= operands.count(x) for x in operands)
                for operand in operands:
                    if operand in there:
                        there.remove(operand)
                there.append(result)
                values.append(float(exact and usable))
        return tuple(values)

    def step_ends(self, prompt: Prompt, response: str) -> tuple[int, ...]:
        """The place just after each step that `check_steps` judges."""
        return tuple(match.end() for match in _STEP.finditer(_work(response)))

    def labels(self, prompt: Prompt, response: str) -> Labels:
        """Those of the trace; the solution is the answer's canonical form. A right attempt has only right steps."""
        answer = read_answer(response)
        node = parse_expression(answer) if answer else None
        values, target = prompt.gold

        def is_right(attempt: str) -> bool:
            steps = self.check_steps(prompt, attempt)
            return all(steps) and len(steps) == len(values) - 1 and int(_STEP.findall(attempt)[-1][-1]) == target

        return read_labels(response, node.canonical() if node else None, is_right)

    def guess_probability(self, prompt: Prompt) -> float:
        """Chance that a random valid chain, blind to the target, reaches it: exact, by recursion over all chains."""
        return chain_probability(*prompt.gold)

    def checks(self) -> Sequence[Check]:
        """A solution in several spellings, and near-misses: a number twice, one left out, off by one, no answer."""
        found = []
        rng = Random(0)
        for prompt in self.prompts("test", 20):
            values, target = prompt.gold
            chain = None
            while chain is None or chain[1].value != target:
                chain = random_chain(rng, values)
            gold = write_expression(chain[1])
            found += [
                Check(prompt, f"prose answer {gold}", Verdict.RIGHT, "gold"),
                Check(prompt, f"<answer>{gold.replace(' ', '')} = {target}</answer>", Verdict.RIGHT, "in tags"),
                Check(prompt, f"\\boxed{{{gold.replace('*', '×')}}}", Verdict.RIGHT, "boxed, other signs"),
                Check(prompt, f"prose answer {gold} + {values[0]} - {values[0]}", Verdict.WRONG, "a number twice more"),
                Check(prompt, f"prose answer {target}", Verdict.WRONG, "the target itself"),
                Check(prompt, f"prose answer {gold} + 1", Verdict.WRONG, "off by one"),
                Check(prompt, f"prose answer {gold} answer {values[0]}", Verdict.WRONG, "the last answer counts"),
                Check(prompt, f"code {gold}", Verdict.WRONG, "no answer"),
            ]
        return found
