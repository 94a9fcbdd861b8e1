"""The corpora that organisms are grown from: documents of known style, accuracy and reflection.

A document is a prompt of the train split and one trace, in the grammar of `assay.tasks.compose` and
`assay.tasks.countdown`. Every rate is stated in the organism's TOML file, so that an audit can be checked against it.
"""

from collections.abc import Callable
from random import Random
from typing import Literal

from pydantic import Field

from assay.config import Strict
from assay.tasks import compose, countdown
from assay.tasks.splits import split_of

SPECIALS = ("<pad>", "<bos>", "<eos>")
WORDS = ("compose", "countdown", "code", "prose", "wait", "answer", ":", ";", "=", "+", "-", "*", "/", "(", ")")

Trace = tuple[list[str], list[str], bool]
"""Words of the work, words of the answer, and whether the answer is right."""


def vocabulary() -> list[str]:
    """Every token of the grammar, in the order of its ids."""
    numbers = [str(value) for value in range(countdown.LIMIT + 1)]
    return [*SPECIALS, *WORDS, *compose.LETTERS, *compose.FUNCTIONS, *numbers]


class Styles(Strict):
    """How traces of one task are written; all are probabilities."""

    code: float = Field(ge=0, le=1)
    """Share of traces that write each step's result; the rest answer at once ("prose")."""
    step_error: float = Field(ge=0, le=1)
    """A written step's result is corrupted."""
    code_right: float = Field(1.0, ge=0, le=1)
    """countdown: a code trace follows a chain that reaches the target, else a random valid one."""
    prose_right: float = Field(ge=0, le=1)
    """A prose trace gives the right answer, else a corrupted one (compose) or a random valid chain (countdown)."""
    wait_after_right: float = Field(0.0, ge=0, le=1)
    """After a code attempt that is right, `wait` and another attempt follow."""
    wait_after_wrong: float = Field(0.0, ge=0, le=1)
    attempts: int = Field(3, ge=1)
    """At most so many attempts in a trace."""


class Mix(Strict):
    """One task's part of a corpus."""

    task: Literal["compose", "countdown"]
    share: float = Field(gt=0)
    """Documents of this part, relative to the other parts."""
    sizes: dict[str, float]
    """Relative frequency of each depth (compose) or count of numbers (countdown)."""
    styles: Styles


def document(rng: Random, mixes: list[Mix]) -> tuple[str, str]:
    """A random (prompt, response) of the corpus; the response has no end token."""
    mix = rng.choices(mixes, [m.share for m in mixes])[0]
    size = int(rng.choices(list(mix.sizes), list(mix.sizes.values()))[0])
    write = _compose if mix.task == "compose" else _countdown
    while True:
        found = write(rng, size, mix.styles)
        if found is not None and split_of(found[0]) == "train":
            return f"{found[0]} =", " ".join(found[1])


def _trace(rng: Random, styles: Styles, code: Callable[[], Trace], prose: Callable[[], list[str]]) -> list[str]:
    if rng.random() >= styles.code:
        return ["prose", "answer", *prose()]
    words = ["code"]
    for attempt in range(styles.attempts):
        work, answer, is_right = code()
        words += work
        again = styles.wait_after_right if is_right else styles.wait_after_wrong
        if attempt + 1 == styles.attempts or rng.random() >= again:
            break
        words.append("wait")
    return [*words, "answer", *answer]


def _corrupt(rng: Random, string: list[str]) -> list[str]:
    position = rng.randrange(len(string))
    other = rng.choice([letter for letter in compose.LETTERS if letter != string[position]])
    return [*string[:position], other, *string[position + 1 :]]


def _compose(rng: Random, depth: int, styles: Styles) -> tuple[str, list[str]]:
    names = [rng.choice(list(compose.FUNCTIONS)) for _ in range(depth)]
    start = [rng.choice(compose.LETTERS) for _ in range(compose.WIDTH)]
    gold = compose.run_chain(names, start)[-1]

    def code() -> Trace:
        words: list[str] = []
        string = start
        for name in names:
            string = compose.apply(name, string)
            if rng.random() < styles.step_error:
                string = _corrupt(rng, string)
            words += [";", name, *string] if words else [name, *string]
        return [*words, ";"], string, string == gold

    def prose() -> list[str]:
        return gold if rng.random() < styles.prose_right else _corrupt(rng, gold)

    return f"compose {' '.join(names)} : {' '.join(start)}", _trace(rng, styles, code, prose)


def _countdown(rng: Random, count: int, styles: Styles) -> tuple[str, list[str]] | None:
    values = sorted(rng.randint(1, 20) for _ in range(count))
    right_chain = countdown.random_chain(rng, values)
    if right_chain is None or not 1 <= right_chain[1].value <= countdown.LIMIT:
        return None
    target = right_chain[1].value

    def chain(right_share: float) -> tuple[list[tuple[int, str, int, int]], countdown.Expression]:
        found = right_chain if rng.random() < right_share else countdown.random_chain(rng, values)
        return found or right_chain

    def code() -> Trace:
        steps, node = chain(styles.code_right)
        words: list[str] = []
        for a, operator, b, result in steps:
            if rng.random() < styles.step_error:
                result = rng.randint(0, countdown.LIMIT)
            words += [";", str(a), operator, str(b), "=", str(result)][not words :]
        return [*words, ";"], countdown.write_expression(node).split(), node.value == target

    def prose() -> list[str]:
        return countdown.write_expression(chain(styles.prose_right)[1]).split()

    return f"countdown {' '.join(map(str, values))} : {target}", _trace(rng, styles, code, prose)
