"""What several seeds of a recipe say together: intervals and tests for new seeds and new problems at once.

A value of seed s on problem m is taken as mean + seed_s + problem_m + residual_sm, all of them random. Over the seeds
and problems of one arm the mean then varies by

    Var(mean) = MS_seed / (S M) + MS_problem / (S M) - MS_residual / (S M)

(two-way random effects without replication; Searle, Casella and McCulloch 1992, chapter 4). The first term, of S - 1
degrees of freedom, is kept whole; what is subtracted is subtracted from the second, which stays at 0 or above.

An interval is Student's. Its degrees of freedom are the harmonic mean of those of the two terms, weighted by the share
w of the variance that each term is: 1 / df = sum of w / df_term. Satterthwaite's sum of w^2 / df_term covers too little
where few seeds carry most of the variance. Far out in the tails, where a p-value has to hold after a correction for
many tests, both reject several times too often when seeds agree by luck. So a p-value is Howe's (1974): the a at which
sqrt(sum of t(df_term, 1 - a / 2)^2 x term) is the estimate, which keeps its level at every a
(docs/decisions/0017-seeds-and-power.md).

Values are shares or differences of shares, in [-1, 1], but where `shares` is False: tokens, nats. This matters only
where nothing varies at all, since what is no share then has no bounds. Shape legend: S seeds of an arm, M problems, the
same and in the same order for all seeds and arms; at least two.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq
from scipy.special import stdtrit

from assay.stats import LEVEL, TIE, Floats, binomial_upper
from assay.types import Interval

SMALLEST = math.log(1e-12)
"""Of p-values; smaller ones nobody tells apart."""
NOT_SHOWN = "the whole gain is not shown to differ from 0, so no share of it can be told"
Arm = tuple[float, Floats]
"""A coefficient, and the values_SM that it multiplies."""


@dataclass(frozen=True, slots=True)
class Share:
    """The share of a gain with its interval: estimate None with a reason, a bound None where there is none."""

    estimate: float | None
    low: float | None
    high: float | None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class _Spread:
    """An estimate, the variances that seeds and problems add to it, and the degrees of freedom behind each."""

    estimate: float
    by_seeds: float
    by_problems: float
    df_seeds: float
    df_problems: int

    @property
    def error(self) -> float:
        return math.sqrt(self.by_seeds + self.by_problems)

    @property
    def df(self) -> float:
        share = self.by_seeds / (self.by_seeds + self.by_problems)
        return 1 / (share / self.df_seeds + (1 - share) / self.df_problems)

    def half(self, level: float) -> float:
        """Half the width of the interval; what |estimate| exceeds with chance 1 - level if the truth is 0."""
        return float(stdtrit(self.df, (1 + level) / 2)) * self.error if self.error > 0 else 0.0

    def interval(self, level: float, shares: bool = True) -> Interval:
        mean, half = self.estimate, self.half(level)
        if self.error > 0:
            return Interval(mean, mean - half, mean + half)
        if not shares:
            return Interval(mean, None, None)
        unseen = binomial_upper(0, self.df_problems + 1, level)  # problems that may differ though none here does
        return Interval(mean, mean - unseen * (1 + mean), mean + unseen * (1 - mean))

    def p_value(self) -> float:
        if self.estimate == 0:
            return 1.0
        if self.error == 0:  # all problems moved by as much, one way
            return 2.0**-self.df_problems

        def beyond(log_p: float) -> float:
            """Above 0 where the estimate is not that far out."""
            level = math.exp(log_p) / 2
            terms = (self.df_seeds, self.by_seeds), (self.df_problems, self.by_problems)
            return math.sqrt(sum(float(stdtrit(df, level)) ** 2 * term for df, term in terms)) - abs(self.estimate)

        return math.exp(brentq(beyond, SMALLEST, 0.0)) if beyond(SMALLEST) > 0 else math.exp(SMALLEST)


def over_what(seeds: int) -> str:
    """What an interval of so many seeds is over, in words."""
    return f"{seeds} seeds and problems" if seeds > 1 else "problems; one seed cannot show how seeds differ"


def crossed_interval(values_SM: Floats, level: float = LEVEL, *, shares: bool = True) -> Interval:
    """The grand mean of values_SM, float64 [S, M], for new seeds and new problems; with one seed for new problems only.

    A gain over one base is crossed: give values_SM - base_M.
    """
    return _crossed(values_SM).interval(level, shares)


def crossed_p_value(values_SM: Floats) -> float:
    """Two-sided p-value of mean 0; a little larger than the interval's, as p-values are corrected for others."""
    return _crossed(values_SM).p_value()


def contrast_interval(a_SM: Floats, b_SM: Floats, level: float = LEVEL, *, shares: bool = True) -> Interval:
    """Mean of a minus mean of b: the problems are shared, and paired; the seeds are not, and may differ in number.

    An arm of one seed is taken to vary over seeds as the other does; with one seed each, the interval is over problems.
    """
    return _spread(a_SM.mean(axis=0) - b_SM.mean(axis=0), [(1, a_SM), (-1, b_SM)]).interval(level, shares)


def contrast_p_value(a_SM: Floats, b_SM: Floats) -> float:
    """Two-sided p-value of no difference, as of `crossed_p_value`."""
    return _spread(a_SM.mean(axis=0) - b_SM.mean(axis=0), [(1, a_SM), (-1, b_SM)]).p_value()


def share_interval(part_SM: Floats, whole_SM: Floats, base_M: Floats, level: float = LEVEL) -> Share:
    """The share of the gain mean(whole) - base that mean(part) - base reproduces, float64 [S, M] and [M].

    Fieller's method (1954): the interval has every share r for which (part - base) - r (whole - base) is not shown to
    differ from 0. Not told where the whole gain itself is not shown to, since the share then has no bounds.
    """
    whole = _crossed(whole_SM - base_M).interval(level)
    if whole.low is None or whole.high is None or whole.low <= 0 <= whole.high:
        return Share(None, None, None, NOT_SHOWN)
    part_M, whole_M = part_SM.mean(axis=0) - base_M, whole_SM.mean(axis=0) - base_M
    share = float(part_M.mean() / whole_M.mean())

    def beyond(tried: float) -> float:
        """Above 0 where the share `tried` is rejected."""
        spread = _spread(part_M - tried * whole_M, [(1, part_SM), (-tried, whole_SM)])
        return abs(spread.estimate) - spread.half(level)

    return Share(share, _bound(beyond, share, -1), _bound(beyond, share, 1))


def seed_variance(values_SM: Floats) -> float | None:
    """How much the means of seeds vary beyond what their residuals on these problems explain; None with one seed."""
    if len(values_SM) < 2:
        return None
    between, residual = _between_seeds(values_SM)
    return max(0.0, between - residual)


def _crossed(values_SM: Floats) -> _Spread:
    return _spread(values_SM.mean(axis=0), [(1, values_SM)])


def _spread(mean_M: Floats, arms: Sequence[Arm]) -> _Spread:
    """Of the mean of `mean_M`, per problem the combination of the arms' means over seeds."""
    problems = len(mean_M)
    assert problems >= 2 and all(values_SM.shape[1] == problems for _, values_SM in arms)
    parts = _seed_parts(arms)
    by_seeds = sum(part for part, _, _ in parts)
    by_problems = max(0.0, float(mean_M.var(ddof=1)) / problems - sum(residual for _, residual, _ in parts))
    scale = max(float(np.abs(values_SM).max()) for _, values_SM in arms) ** 2
    if by_seeds + by_problems <= (TIE * TIE) * scale:  # rounding, not spread
        by_seeds = by_problems = 0.0
    squares = sum(part**2 / df for part, _, df in parts)
    df_seeds = by_seeds**2 / squares if by_seeds > 0 else problems - 1
    return _Spread(float(mean_M.mean()), by_seeds, by_problems, df_seeds, problems - 1)


def _seed_parts(arms: Sequence[Arm]) -> list[tuple[float, float, int]]:
    """What the seeds of each arm add to the variance, the residual part of it, and its degrees of freedom.

    An arm of one seed borrows from the other; both are then one part, as they rest on the same seeds.
    """
    weight = [coefficient**2 / len(values_SM) for coefficient, values_SM in arms]
    told = [(*_between_seeds(values_SM), len(values_SM) - 1) for _, values_SM in arms if len(values_SM) > 1]
    if len(told) < len(arms):
        weight = [sum(weight)] * len(told)
    return [(w * between, w * residual, df) for w, (between, residual, df) in zip(weight, told, strict=True)]


def _between_seeds(values_SM: Floats) -> tuple[float, float]:
    """MS_seed / M, the variance of the seeds' means, and MS_residual / M, which is in it by chance alone."""
    seeds, problems = values_SM.shape
    mean_S = values_SM.mean(axis=1)
    residual_SM = values_SM - mean_S[:, None] - values_SM.mean(axis=0) + values_SM.mean()
    residual = float((residual_SM**2).sum()) / ((seeds - 1) * (problems - 1))
    return float(mean_S.var(ddof=1)), residual / problems


def _bound(beyond: Callable[[float], float], share: float, way: int) -> float | None:
    """Where shares begin to be rejected, upwards or downwards of the estimate; None where none is."""
    step = 1e-3
    while step < 1e6:
        if beyond(share + way * step) > 0:
            return float(brentq(beyond, share, share + way * step))
        step *= 2
    return None
