"""How small a change of pass@1 can be seen: the chance to see one, and what it takes, before anything is sampled.

The tests are those of `assay.seeds`: over problems with one seed, over seeds and problems with several. Under them lies
this model. The chances of a right answer are Beta over problems. Training moves each problem's chance; its mean change
is what is looked for, and the changes spread over problems. Each seed moves all problems by some more. Answers are
drawn n a problem and seed. The spread over problems is taken to be the same for every seed, so that more seeds do not
make it smaller; where seeds in truth move different problems, power is higher than told.

Shape legend: M problems, n answers a problem, S seeds of an arm.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy.special import gammaincinv, ndtr, stdtrit

from assay.audits.sources import Source
from assay.errors import DataError
from assay.stats import LEVEL, Floats

POWER = 0.8
"""The chance with which a change is to be seen."""
ENDLESS = 10**9
MOST = {"problems": 100_000, "answers": 65_536, "seeds": 100}
"""Where the search for a number that is large enough ends."""
QUANTILES = (np.arange(40) + 0.5) / 40
FINEST = 1e-5
"""Changes are told to this much."""


@dataclass(frozen=True, slots=True)
class Difficulty:
    """How problems differ for the base: its pass@1, and the share of an answer's variance that lies between problems.

    `alike` is 1 where every problem is always or never solved, 0 where all are equally hard. Chances are Beta(a, b)
    with a + b = 1 / alike - 1 and a = (a + b) pass_at_1.
    """

    pass_at_1: float
    alike: float = 0.5

    def answer_variance(self, change: float = 0.0) -> float:
        """Variance of an answer about its problem's chance, mean over problems, after such a change of pass@1."""
        mean = self.pass_at_1 + change
        return mean * (1 - mean) * (1 - self.alike)


@dataclass(frozen=True, slots=True)
class Setting:
    """What is to be sampled, and what is assumed of it; `change_spread` and `seed_spread` are standard deviations.

    `arms`: 1 for a trained arm against its base, which has no seeds; 2 for one trained arm against another, each of
    `seeds` seeds. `tests`: how many share the 5 %; a change that is the only one there has to be seen at 5 % / tests.
    """

    problems: int
    answers: int
    seeds: int
    difficulty: Difficulty
    change_spread: float
    seed_spread: float
    arms: int = 1
    tests: int = 1


def power(setting: Setting, change: float) -> float | None:
    """The chance that a change of pass@1 by `change` is seen: that the 95 % interval of the mean change excludes 0.

    Where several tests share the 5 %, the p-value of `assay.seeds` also has to be below its part of them.

    The estimate is normal. The variance that the test sees is that of the problems, which many problems make exact,
    and that of the seeds, whose estimate in each arm is chi-squared; the chance is the mean over quantiles of that.
    None where pass@1 has no room for the change.
    """
    if not 0 <= setting.difficulty.pass_at_1 + change <= 1:
        return None
    by_problems, by_seeds = variance(setting, change)
    error = math.sqrt(by_problems + by_seeds)
    if error == 0:
        return float(change != 0)
    seen_Q, df_seeds_Q = _seen(setting)
    seen_Q = by_seeds * seen_Q
    share_Q = seen_Q / (by_problems + seen_Q)
    df_Q = 1 / (share_Q / df_seeds_Q + (1 - share_Q) / (setting.problems - 1))
    half_Q = stdtrit(df_Q, (1 + LEVEL) / 2) * np.sqrt(by_problems + seen_Q)
    if setting.tests > 1:
        tail = 1 - (1 - LEVEL) / (2 * setting.tests)
        squares_Q = stdtrit(df_seeds_Q, tail) ** 2 * seen_Q + stdtrit(setting.problems - 1, tail) ** 2 * by_problems
        half_Q = np.maximum(half_Q, np.sqrt(squares_Q))
    return float(np.mean(ndtr((change - half_Q) / error) + ndtr((-change - half_Q) / error)))


def _seen(setting: Setting) -> tuple[Floats, Floats]:
    """Quantiles Q of the seeds' estimated variance over the true one, and the degrees of freedom that a test finds."""
    df = setting.seeds - 1
    if df == 0:
        return np.zeros(1), np.ones(1)
    of_one_Q = 2 * gammaincinv(df / 2, QUANTILES) / df
    if setting.arms == 1:
        return of_one_Q, np.full(len(of_one_Q), float(df))
    a_Q, b_Q = (each.ravel() for each in np.meshgrid(of_one_Q, of_one_Q))
    return (a_Q + b_Q) / 2, df * (a_Q + b_Q) ** 2 / (a_Q**2 + b_Q**2)


def variance(setting: Setting, change: float) -> tuple[float, float]:
    """Of the mean change: what problems add, and what seeds add, each seed's luck in sampling included.

    One seed is judged over problems alone, so its spread is in neither.
    """
    M, n, S, trained = setting.problems, setting.answers, setting.seeds, setting.difficulty.answer_variance(change)
    base = setting.difficulty.answer_variance()
    luck = (trained + base * (setting.arms - 1)) / (n * S * M)
    by_problems = setting.change_spread**2 / M + (base / (n * M) if setting.arms == 1 else 0.0)
    if S == 1:
        return by_problems + luck, 0.0
    return by_problems, setting.arms * setting.seed_spread**2 / S + luck


def smallest_change(setting: Setting, wanted: float = POWER) -> float | None:
    """The smallest rise of pass@1 seen with power `wanted`; None where pass@1 has no room for it."""
    low, high = 0.0, 1 - setting.difficulty.pass_at_1
    if not _reaches(setting, high, wanted):
        return None
    while high - low > FINEST:
        middle = (low + high) / 2
        low, high = (low, middle) if _reaches(setting, middle, wanted) else (middle, high)
    return high


def limits(setting: Setting) -> dict[str, float | None]:
    """The smallest change seen however many there are of one thing, all else as set; seeds end at `MOST`."""
    endless = {"problems": ENDLESS, "answers": ENDLESS, "seeds": MOST["seeds"]}
    now = smallest_change(setting)
    then = {what: smallest_change(_with(setting, what, number)) for what, number in endless.items()}
    return {
        what: min((each for each in (now, change) if each is not None), default=None) for what, change in then.items()
    }


def needed(setting: Setting, change: float, what: str, wanted: float = POWER) -> int | None:
    """The fewest problems, answers or seeds (`what`), all else as set, with which `change` is seen.

    None where no number up to `MOST` does. Seeds start at two, since one says nothing of others.
    """

    def enough(number: int) -> bool:
        return _reaches(_with(setting, what, number), change, wanted)

    return _first(enough, 1 if what == "answers" else 2, MOST[what])


def difficulty_of(source: Source) -> Difficulty:
    """How the problems of a sample file differ, by the moments of their counts of right answers."""
    table = source.table.filter(source.table["n"] >= 2)
    if table.is_empty():
        raise DataError(f"{source.path}: no problem has two judged answers, so how problems differ cannot be told")
    n_M, right_M = (table[name].to_numpy().astype(np.float64) for name in ("n", "right"))
    mean = float((right_M / n_M).mean())
    if not 0 < mean < 1:
        told = "right" if mean else "wrong"
        raise DataError(f"{source.path}: every answer is {told}, so a change has nothing to start from; sample more")
    within = float((right_M * (n_M - right_M) / (n_M * (n_M - 1))).mean())
    return Difficulty(mean, float(np.clip(1 - within / (mean * (1 - mean)), 0, 1)))


def draw_chances(difficulty: Difficulty, problems: int, rng: np.random.Generator) -> Floats:
    """Chances of a right answer of so many problems, float64 [M]."""
    mean, alike = difficulty.pass_at_1, difficulty.alike
    if alike == 0:
        return np.full(problems, mean)
    if alike == 1:
        return (rng.random(problems) < mean).astype(np.float64)
    size = 1 / alike - 1
    return rng.beta(size * mean, size * (1 - mean), problems)


def _with(setting: Setting, what: str, number: int) -> Setting:
    fields: dict[str, Any] = {what: number}
    return replace(setting, **fields)


def _reaches(setting: Setting, change: float, wanted: float) -> bool:
    reached = power(setting, change)
    return reached is not None and reached >= wanted


def _first(enough: Callable[[int], bool], low: int, most: int) -> int | None:
    """The first number from `low` on that is enough, to within the first doubling in which one is.

    More is not always better: with two seeds and very many problems, all that is left is how two seeds differ.
    """
    high = low
    while not enough(high):
        if high == most:
            return None
        low, high = high + 1, min(2 * high, most)
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle + 1, high)
    return high
