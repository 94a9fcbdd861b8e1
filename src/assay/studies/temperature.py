"""The temperature at which a trained model is as random as its base: is narrowing more than a lower temperature?

Randomness is the mean entropy of a token in nats, estimated by -log p of the tokens that are sampled, under the
distribution that they are sampled from (temperature included): sum over all tokens / number of tokens.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import polars as pl

from assay.files import write_json
from assay.rollout.engine import Engine
from assay.types import Prompt, Sampling

LOWEST, HIGHEST = 0.5, 2.0
TRIES = 8
"""Entropies that are measured, at most: the last ones are 1 % of temperature apart."""
CLOSE = 0.02
"""A difference from the target, as a share of it, that ends the search."""
PROBLEMS, SAMPLES = 128, 16
"""On which entropies of the search are measured; samples of each problem."""


@dataclass(frozen=True, slots=True)
class Search:
    """A temperature, the entropy there and the one that was looked for, in nats a token, and all pairs measured.

    Not `reached` where the target lies beyond the bounds, when the temperature is the nearer bound, or where no
    temperature that was tried came close.
    """

    temperature: float
    entropy: float
    target: float
    reached: bool
    trail: tuple[tuple[float, float], ...]

    def write(self, file: Path) -> None:
        """Writes it as JSON."""
        write_json(file, asdict(self))


def match(entropy: Callable[[float], float], target: float) -> Search:
    """Looks for the temperature at which `entropy` is `target`, by bisection of log temperature within the bounds.

    `entropy` rises with temperature.
    """
    trail: list[tuple[float, float]] = []

    def measure(temperature: float) -> float:
        trail.append((temperature, entropy(temperature)))
        return trail[-1][1]

    def is_close(found: float) -> bool:
        return abs(found - target) <= CLOSE * target

    low, high, temperature = LOWEST, HIGHEST, 1.0
    found = measure(temperature)
    if not is_close(found):
        bound = HIGHEST if found < target else LOWEST
        at_bound = measure(bound)
        if is_close(at_bound) or (at_bound < target) == (found < target):
            return Search(bound, at_bound, target, is_close(at_bound), tuple(trail))
    while not is_close(found) and len(trail) < TRIES:
        low, high = (temperature, high) if found < target else (low, temperature)
        temperature = round(math.sqrt(low * high), 4)
        found = measure(temperature)
    temperature, found = min(trail, key=lambda pair: abs(pair[1] - target))
    return Search(temperature, found, target, is_close(found), tuple(trail))


def entropy_of(engine: Engine, prompts: Sequence[Prompt], sampling: Sampling, template: str) -> float:
    """Mean entropy of a token of `SAMPLES` responses to each prompt, in nats."""
    groups = engine.generate(prompts, SAMPLES, sampling, template)
    samples = [sample for group in groups for sample in group.samples]
    return -sum(float(each.logprobs[each.mask].sum(dtype="float64")) for each in samples) / sum(
        each.length_tokens for each in samples
    )


def entropy_in(file: Path, prompts: Sequence[Prompt]) -> float:
    """As `entropy_of`, of the responses to these prompts in a sample file."""
    rows = pl.read_parquet(file, columns=["problem", "logprob", "length_tokens"])
    rows = rows.filter(pl.col("problem").is_in([prompt.problem for prompt in prompts]))
    return -float(rows["logprob"].sum()) / int(rows["length_tokens"].sum())
