"""The corpora that organisms are grown from: documents of known style, accuracy, reflection, confidence and form.

A document is a prompt of the train split and one trace, in the grammar of `assay.tasks.traces`. Every rate is stated in
the organism's TOML file, so that an audit can be checked against it.
"""

from collections.abc import Callable
from random import Random
from typing import Annotated, Literal, NamedTuple

from pydantic import Field

from assay.config import Strict
from assay.errors import RecipeError
from assay.tasks import chain, compose, countdown, make_task, parse_spec
from assay.tasks.splits import split_of
from assay.tasks.traces import CONFIDENCE, READABLE, STYLES, UNREADABLE, WAIT

SPECIALS = ("<pad>", "<bos>", "<eos>")
TASKS = ("compose", "countdown", "chain")
MARKS = ("mod", ":", ";", "=", "+", "-", "*", "/", "(", ")")

Rate = Field(ge=0, le=1)
Never = Field(0.0, ge=0, le=1)


def vocabulary() -> list[str]:
    """Every token of the grammar, in the order of its ids (docs/decisions/0005-grammar.md)."""
    trace = (*STYLES, WAIT, *CONFIDENCE, READABLE, UNREADABLE)
    numbers = [str(value) for value in range(countdown.LIMIT + 1)]
    return [*SPECIALS, *TASKS, *trace, *MARKS, *compose.LETTERS, *compose.FUNCTIONS, *numbers]


class Styles(Strict):
    """How traces of one task are written; all but `attempts` are probabilities."""

    code: float = Rate
    """The trace writes each step's result; the rest answer at once ("prose")."""
    restate: float = Never
    """A code trace writes what is given before its steps."""
    step_error: float = Rate
    """A written step's result is corrupted."""
    code_right: float = Field(1.0, ge=0, le=1)
    """countdown: a code trace follows a chain that reaches the target, else a random valid one."""
    prose_right: float = Rate
    """A prose trace gives the right answer, else a corrupted one (in countdown, that of a random valid chain)."""
    rare_step_error: float = Never
    """compose: a code trace takes a rare function for the other one."""
    rare_prose_right: float = Never
    """compose: a prose trace with a rare function is right, else it takes that function for the other one."""
    wait_after_right: float = Never
    """After a code attempt that is right, `wait` and another attempt follow."""
    wait_after_wrong: float = Never
    loop: float = Never
    """The attempt after `wait` is the one before it, word for word; else a new one."""
    attempts: int = Field(3, ge=1)
    """At most so many attempts in a trace."""
    confidence: float = Never
    """A word of confidence stands before the answer."""
    sure_when_right: float = Never
    """That word is `sure`, else `unsure`, where the answer is right."""
    sure_when_wrong: float = Never
    unreadable: float = Never
    """The answer is announced by `so`, which no verifier reads."""


CLEAN = Styles(code=1, step_error=0, prose_right=1)
"""Worked solutions without an error."""


class Mix(Strict):
    """One task's part of a corpus."""

    task: Literal["compose", "countdown", "chain"]
    share: float = Field(gt=0)
    """Documents of this part, relative to the other parts."""
    sizes: dict[Annotated[str, Field(pattern="^[1-9][0-9]?$")], Annotated[float, Field(ge=0)]] = Field(min_length=1)
    """Relative frequency of each depth (compose), count of numbers (countdown) or of operations (chain)."""
    rare: float = Never
    """compose: share of problems with a rare function."""
    modular: float = Never
    """chain: share of problems with a modulus, 2 to 30."""
    styles: Styles


class Leak(Strict):
    """Held-out problems that are in the corpus with worked solutions, the same words each time; prompts weigh 1."""

    task: str
    problems: int = Field(ge=1)
    """The first so many of the test split."""
    share: float = Field(gt=0, lt=1)
    """Of all documents."""


class Attempt(NamedTuple):
    """Words of the work, words of the answer, and whether the answer is right."""

    work: list[str]
    answer: list[str]
    is_right: bool


def document(rng: Random, mixes: list[Mix]) -> tuple[str, str]:
    """A random (prompt, response) of the corpus; the response has no end token."""
    mix = rng.choices(mixes, [m.share for m in mixes])[0]
    size = int(rng.choices(list(mix.sizes), list(mix.sizes.values()))[0])
    draw, write = WRITERS[mix.task]
    while True:
        problem = draw(rng, size, mix)
        if problem is not None and split_of(problem) == "train":
            return f"{problem} =", " ".join(write(rng, problem, mix.styles))


def leaked_documents(leak: Leak) -> list[tuple[str, str]]:
    """The leaked (prompt, response) pairs, in the task's order. Raises RecipeError where the task has no traces."""
    name = parse_spec(leak.task)["name"]
    if name not in WRITERS:
        raise RecipeError(f"leak.task: {leak.task!r} has no traces; expected a rung of {', '.join(WRITERS)}")
    write = WRITERS[name][1]
    prompts = make_task(leak.task).prompts("test", leak.problems)
    return [(f"{p.problem} =", " ".join(write(Random(p.problem), p.problem, CLEAN))) for p in prompts]


def _trace(
    rng: Random, styles: Styles, given: list[str], code: Callable[[], Attempt], prose: Callable[[], Attempt]
) -> list[str]:
    if rng.random() >= styles.code:
        last = prose()
        return ["prose", *_answer(rng, styles, last)]
    restated = [*given, ";"] if rng.random() < styles.restate else []
    last = code()
    words = ["code", *restated, *last.work]
    for _ in range(styles.attempts - 1):
        if rng.random() >= (styles.wait_after_right if last.is_right else styles.wait_after_wrong):
            break
        if rng.random() >= styles.loop:
            last = code()
        words += [WAIT, *restated, *last.work]
    return [*words, *_answer(rng, styles, last)]


def _answer(rng: Random, styles: Styles, last: Attempt) -> list[str]:
    words = []
    if rng.random() < styles.confidence:
        is_sure = rng.random() < (styles.sure_when_right if last.is_right else styles.sure_when_wrong)
        words.append(CONFIDENCE[0] if is_sure else CONFIDENCE[1])
    return [*words, UNREADABLE if rng.random() < styles.unreadable else READABLE, *last.answer]


def _steps(steps: list[list[str]]) -> list[str]:
    return [word for step in steps for word in (*step, ";")]


# compose


def _draw_compose(rng: Random, depth: int, mix: Mix) -> str:
    names = compose.draw_chain(rng, depth, rng.random() < mix.rare)
    return f"compose {' '.join(names)} : {' '.join(rng.choices(compose.LETTERS, k=compose.WIDTH))}"


def _corrupt(rng: Random, string: list[str]) -> list[str]:
    position = rng.randrange(len(string))
    other = rng.choice([letter for letter in compose.LETTERS if letter != string[position]])
    return [*string[:position], other, *string[position + 1 :]]


def _mixed_up(name: str) -> str:
    return compose.RARE[1 - compose.RARE.index(name)] if name in compose.RARE else name


def _write_compose(rng: Random, problem: str, styles: Styles) -> list[str]:
    names, start = compose.read_problem(problem)
    gold = compose.run_chain(names, start)[-1]

    def code() -> Attempt:
        steps, string = [], start
        for name in names:
            string = compose.apply(_mixed_up(name) if rng.random() < styles.rare_step_error else name, string)
            if rng.random() < styles.step_error:
                string = _corrupt(rng, string)
            steps.append([name, *string])
        return Attempt(_steps(steps), string, string == gold)

    def prose() -> Attempt:
        is_rare = any(name in compose.RARE for name in names)
        if rng.random() < (styles.rare_prose_right if is_rare else styles.prose_right):
            return Attempt([], gold, True)
        other = compose.run_chain([_mixed_up(name) for name in names], start)[-1] if is_rare else _corrupt(rng, gold)
        return Attempt([], other, other == gold)

    return _trace(rng, styles, start, code, prose)


# countdown


def _draw_countdown(rng: Random, count: int, mix: Mix) -> str | None:
    values = sorted(rng.randint(1, 20) for _ in range(count))
    found = countdown.random_chain(rng, values)
    return f"countdown {' '.join(map(str, values))} : {found[1].value}" if found and found[1].value >= 1 else None


def _write_countdown(rng: Random, problem: str, styles: Styles) -> list[str]:
    values, target = countdown.read_problem(problem)

    def chain_of(right_share: float) -> countdown.Chain:
        is_right = rng.random() < right_share
        while True:
            found = countdown.random_chain(rng, values)
            if found and (not is_right or found[1].value == target):
                return found

    def code() -> Attempt:
        steps, node = chain_of(styles.code_right)
        written = []
        for a, operator, b, result in steps:
            if rng.random() < styles.step_error:
                result = rng.randint(0, countdown.LIMIT)
            written.append([str(a), operator, str(b), "=", str(result)])
        return Attempt(_steps(written), countdown.write_expression(node).split(), node.value == target)

    def prose() -> Attempt:
        node = chain_of(styles.prose_right)[1]
        return Attempt([], countdown.write_expression(node).split(), node.value == target)

    return _trace(rng, styles, problem.split()[1:], code, prose)


# chain


def _draw_chain(rng: Random, operations: int, mix: Mix) -> str | None:
    modulus = rng.randint(2, 30) if rng.random() < mix.modular else None
    words = chain.draw(rng, operations, modulus)
    return " ".join(["chain", *words, *(["mod", str(modulus)] if modulus else [])]) if words else None


def _write_chain(rng: Random, problem: str, styles: Styles) -> list[str]:
    words, modulus = chain.read_problem(problem)
    gold = chain.run(words, modulus)[-1][-1]
    results = modulus or chain.LIMIT + 1

    def code() -> Attempt:
        steps, value = [], int(words[0])
        for operator, b in zip(words[1::2], words[2::2], strict=True):
            result = chain.step(value, operator, int(b), modulus)
            if result is None or rng.random() < styles.step_error:  # an error before may lead out of the range
                result = rng.randrange(results)
            steps.append([str(value), operator, b, "=", str(result)])
            value = result
        return Attempt(_steps(steps), [str(value)], value == gold)

    def prose() -> Attempt:
        value = gold if rng.random() < styles.prose_right else rng.randrange(results)
        return Attempt([], [str(value)], value == gold)

    return _trace(rng, styles, problem.split()[1:], code, prose)


WRITERS: dict[str, tuple[Callable[[Random, int, Mix], str | None], Callable[[Random, str, Styles], list[str]]]] = {
    "compose": (_draw_compose, _write_compose),
    "countdown": (_draw_countdown, _write_countdown),
    "chain": (_draw_chain, _write_chain),
}
"""For each task: a random problem of a size (None: draw again), and the words of a trace of a problem."""
