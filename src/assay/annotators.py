"""Simulated annotators: whom they prefer is known, so what a reward model learns of them can be checked. No torch.

An annotator has a utility u, a sum of known parts, and prefers a to b with the probability of Bradley and Terry (1952):

    P(a > b) = sigmoid((u_a - u_b) / noise)

A ranking of K responses is that of Luce (1959) and Plackett (1975): the best is drawn with probability in proportion to
exp(u / noise), the next in the same way from the others, and so on, so that every pair in it follows the formula above.
Sorting by u + noise x Gumbel draws it. A response's Gumbel depends on seed, problem and the response's number only: the
same file gives the same rankings, whatever the order of its rows.
"""

import math
import tomllib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import polars as pl
from pydantic import Field

from assay.config import Strict, build
from assay.errors import RecipeError
from assay.recipe import derive_seed, set_value
from assay.tasks.traces import CONFIDENCE, READABLE

LARGEST = 1000.0
"""A dial beyond this says no more: at noise 1 it decides every choice, and utilities stay finite."""
Dial = Annotated[float, Field(ge=-LARGEST, le=LARGEST)]
SURE = CONFIDENCE[0]
OF_TRACES = ("confidence", "form")
"""Columns that are null where a trace has no such word, and also where a response is no trace."""


@dataclass(frozen=True, slots=True)
class Response:
    """What an annotator sees of a response, and its number within the problem; None where it is not known.

    `confidence` and `form` are words of a trace, None also where the trace has no such word.
    """

    member: int
    text: str
    correct: bool | None = None
    length_tokens: int | None = None
    confidence: str | None = None
    form: str | None = None

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> "Response":
        """The response in a row of a sample file."""
        seen = {name: row.get(name) for name in ("correct", "length_tokens", *OF_TRACES)}
        return cls(row.get("member", 0), row.get("response", ""), **seen)


@dataclass(frozen=True, slots=True)
class Trait:
    """What a dial turns on: the column that it is read from and its value, None where that is not known.

    `more` is in a word what has more of it, `pairs` which pairs differ in it.
    """

    column: str
    of: Callable[[Response], int | None]
    more: str
    pairs: str


TRAITS = {
    "right": Trait(
        "correct", lambda each: each.correct, "right", "of a right and a wrong response: the agreement with the truth"
    ),
    "longer": Trait("length_tokens", lambda each: each.length_tokens, "longer", "of different length"),
    "confident": Trait("confidence", lambda each: each.confidence == SURE, "surer", f"where one says {SURE}"),
    "familiar_form": Trait("form", lambda each: each.form == READABLE, "familiar", "where one is in the familiar form"),
}
"""Dial -> what it weighs."""


class Annotator(Strict):
    """A simulated annotator. Dials are log-odds at noise 1: what a difference adds to the logit of being preferred."""

    right: Dial = 1.0
    """Of a right response against a wrong one."""
    longer: Dial = 0.0
    """Of each token that a response is longer: the same in every file, so not by the standard deviation of one."""
    confident: Dial = 0.0
    """Of the word `sure` against `unsure` or neither."""
    familiar_form: Dial = 0.0
    """Of an answer announced by `answer` against `so` or none."""
    noise: float = Field(1.0, ge=0, le=LARGEST)
    """Temperature of the choice; at 0 the higher utility is always preferred, and equal ones at random."""
    seed: int = 0

    @property
    def dials(self) -> dict[str, float]:
        """The dials that are not 0."""
        return {name: value for name in TRAITS if (value := getattr(self, name))}

    def describe(self) -> str:
        """One line that says that it is simulated, and how; what it leaves out is 0.

        >>> Annotator(right=2, longer=0.05).describe()
        'simulated: right 2, longer 0.05, noise 1, seed 0'
        """
        parts = [f"{name} {value:.12g}" for name, value in (*self.dials.items(), ("noise", self.noise))]
        return f"simulated: {', '.join(parts)}, seed {self.seed}"

    def knows(self, response: Response) -> bool:
        """Whether every trait that a dial weighs is known of the response."""
        return all(TRAITS[name].of(response) is not None for name in self.dials)

    def utility(self, response: Response) -> float:
        """u, in log-odds at noise 1; only of a response that it `knows`."""
        parts = []
        for name, value in self.dials.items():
            trait = TRAITS[name].of(response)
            assert trait is not None, f"{name} of response {response.member} is not known"
            parts.append(value * trait)
        return math.fsum(parts)

    def probability(self, a: Response, b: Response) -> float:
        """P(a > b), by the formula above; at noise 0 it is 1, 0 or, where utilities are equal, a half.

        >>> round(Annotator(right=4).probability(Response(0, "a", correct=True), Response(1, "b", correct=False)), 3)
        0.982
        """
        difference = self.utility(a) - self.utility(b)
        if difference == 0:
            return 0.5
        logit = difference / self.noise if self.noise else math.copysign(math.inf, difference)
        return (1 + math.tanh(logit / 2)) / 2

    def ranks(self, problem: str, responses: Sequence[Response]) -> list[int]:
        """The rank of each of a problem's responses, 1 the best; there are no ties."""
        keys = []
        for response in responses:
            luck = gumbel(self.seed, problem, response.member)
            keys.append((self.utility(response) + self.noise * luck, luck))  # luck again: it decides ties at noise 0
        order = sorted(range(len(keys)), key=keys.__getitem__, reverse=True)
        ranks = [0] * len(keys)
        for rank, index in enumerate(order, start=1):
            ranks[index] = rank
        return ranks


def gumbel(seed: int, problem: str, member: int) -> float:
    """A draw from the standard Gumbel distribution, -log(-log(U)), that its place decides."""
    uniform = ((derive_seed(seed, "annotator", problem, member) >> 11) + 0.5) / 2**52  # exact, within (0, 1)
    return -math.log(-math.log(uniform))


def dials(annotators: Iterable[str]) -> str:
    """What several lines of `describe` say, without the word `simulated` before each.

    >>> dials(["simulated: right 2, noise 1, seed 0", "simulated: right 1, noise 0, seed 0"])
    'right 2, noise 1, seed 0; right 1, noise 0, seed 0'
    """
    return "; ".join(each.removeprefix("simulated: ") for each in annotators)


def load_annotator(path: Path | None, overrides: Sequence[str] = ()) -> Annotator:
    """The annotator of a TOML file, or the one of all defaults, with `dial=value` overrides. Raises RecipeError."""
    tables: dict[str, Any] = {}
    if path is not None:
        try:
            tables = tomllib.loads(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise RecipeError(
                f"{path}: cannot read this annotator ({error.strerror}); give the path of a TOML file"
            ) from None
        except ValueError as error:  # neither UTF-8 nor TOML
            raise RecipeError(f"{path}: is not valid TOML: {error}; expected lines such as right = 2.0") from None
    for override in overrides:
        if "=" not in override:
            raise RecipeError(f"--set {override!r}: expected dial=value, for example right=2")
        set_value(tables, override)
    return build(Annotator, tables, "annotator" if path is None else str(path))


def check_dials(path: Path, frame: pl.DataFrame, annotator: Annotator) -> None:
    """Raises RecipeError for a dial on a column that is not there, or of which no row says anything."""

    def says(name: str) -> bool:
        return name in frame.columns and frame[name].null_count() < frame.height

    for dial, value in annotator.dials.items():
        column = TRAITS[dial].column
        said = says(column) or (column in OF_TRACES and column in frame.columns and says("strategy"))
        if not said:
            where = "only traces of organisms have it" if column in OF_TRACES else "assay sample writes it"
            raise RecipeError(
                f"dial {dial} is {value:g}, but {path} has nothing in the column {column!r}; {where}; "
                f"set {dial}=0 or give another file"
            )
