"""Means over seeds and problems with intervals: seeds are a level of their own, every seed has the same problems.

Shape legend: S seeds, M problems.
"""

import math
from dataclasses import dataclass

import numpy as np
from scipy.special import stdtr, stdtrit

from assay.stats import LEVEL, Floats
from assay.types import Interval


@dataclass(frozen=True, slots=True)
class Share:
    """A share of a gain; `estimate` None with a `reason`, a bound None where the data do not bound it."""

    estimate: float | None
    low: float | None
    high: float | None
    reason: str | None


def over_what(seeds: int) -> str:
    """What an interval is over."""
    return f"{seeds} seeds and problems" if seeds > 1 else "problems; one seed cannot show how seeds differ"


def crossed_interval(values_SM: Floats, level: float = LEVEL) -> Interval:
    """Grand mean, for new seeds and new problems (two-way random effects without replication)."""
    mean, variance, df = _crossed(values_SM)
    return _interval(mean, variance, df, level)


def crossed_p_value(values_SM: Floats) -> float:
    """Two-sided p-value of a mean of 0."""
    return _p_value(*_crossed(values_SM))


def contrast_interval(a_SM: Floats, b_SM: Floats, level: float = LEVEL) -> Interval:
    """Mean of a minus mean of b: problems shared, seeds apart."""
    return _interval(*_contrast(a_SM, b_SM), level)


def contrast_p_value(a_SM: Floats, b_SM: Floats) -> float:
    """Two-sided p-value of no difference."""
    return _p_value(*_contrast(a_SM, b_SM))


def share_interval(part_SM: Floats, whole_SM: Floats, base_M: Floats) -> Share:
    """Share of the gain of `whole` over the base that `part` reproduces, by Fieller's method."""
    whole = crossed_interval(whole_SM - base_M)
    if whole.low is None or whole.high is None or whole.low <= 0 <= whole.high:
        return Share(None, None, None, "the whole gain is not shown to differ from 0")
    part_M, whole_M = part_SM.mean(axis=0) - base_M, whole_SM.mean(axis=0) - base_M
    size = len(base_M)
    (vxx, vxy), (_, vyy) = np.cov(part_M, whole_M) / size
    vxx, vyy = vxx + _of_seeds(part_SM), vyy + _of_seeds(whole_SM)
    seeds = min(len(part_SM), len(whole_SM))
    t = float(stdtrit(size - 1 if seeds == 1 else min(size - 1, 2 * (seeds - 1) + 1), (1 + LEVEL) / 2))
    x, y = float(part_M.mean()), float(whole_M.mean())
    a, b, c = y * y - t * t * vyy, x * y - t * t * vxy, x * x - t * t * vxx
    root = b * b - a * c
    if a <= 0 or root < 0:
        return Share(x / y, None, None, None)
    return Share(x / y, float((b - math.sqrt(root)) / a), float((b + math.sqrt(root)) / a), None)


def _crossed(values_SM: Floats) -> tuple[float, float, float]:
    seeds, problems = values_SM.shape
    mean = float(values_SM.mean())
    of_M = values_SM.mean(axis=0)
    if problems < 2:
        return mean, math.nan, 1.0
    if seeds == 1:
        return mean, float(of_M.var(ddof=1)) / problems, problems - 1.0
    of_S = values_SM.mean(axis=1)
    rest = values_SM - of_S[:, None] - of_M + mean
    squares = (
        problems * float(of_S.var(ddof=1)),
        seeds * float(of_M.var(ddof=1)),
        float((rest**2).sum()) / ((seeds - 1) * (problems - 1)),
    )
    variance = max(squares[0] + squares[1] - squares[2], squares[0], squares[1])
    total = (squares[0] ** 2 / (seeds - 1)) + squares[1] ** 2 / (problems - 1)
    total += squares[2] ** 2 / ((seeds - 1) * (problems - 1))
    return mean, variance / values_SM.size, variance**2 / total if total else 1.0


def _contrast(a_SM: Floats, b_SM: Floats) -> tuple[float, float, float]:
    difference_M = a_SM.mean(axis=0) - b_SM.mean(axis=0)
    problems = len(difference_M)
    of_problems = float(difference_M.var(ddof=1)) / problems
    parts = [(each, len(values) - 1) for values in (a_SM, b_SM) if (each := _of_seeds(values))]
    variance = of_problems + sum(each for each, _ in parts)
    total = of_problems**2 / (problems - 1) + sum(each**2 / df for each, df in parts)
    return float(difference_M.mean()), variance, variance**2 / total if total else 1.0


def _of_seeds(values_SM: Floats) -> float:
    """What seeds add to the variance of the mean; 0 where one seed cannot show it."""
    seeds, problems = values_SM.shape
    if seeds < 2:
        return 0.0
    rest = values_SM - values_SM.mean(axis=1, keepdims=True) - values_SM.mean(axis=0) + values_SM.mean()
    residual = float((rest**2).sum()) / ((seeds - 1) * (problems - 1))
    return max(0.0, float(values_SM.mean(axis=1).var(ddof=1)) - residual / problems) / seeds


def _interval(mean: float, variance: float, df: float, level: float) -> Interval:
    if math.isnan(variance):
        return Interval(mean, None, None)
    half = float(stdtrit(df, (1 + level) / 2)) * math.sqrt(variance)
    return Interval(mean, mean - half, mean + half)


def _p_value(mean: float, variance: float, df: float) -> float:
    if not variance > 0:
        return 1.0 if mean == 0 or math.isnan(variance) else 0.0
    return float(2 * stdtr(df, -abs(mean) / math.sqrt(variance)))
