"""pass@k, intervals and paired tests: pure functions, seeded, exact where ties are decided.

Shape legend: M problems, K values of k, B resamples.
"""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaincinv, gammaln, stdtrit

from assay.types import Interval

LEVEL = 0.95
RESAMPLES = 9999
SEED = 20260101
FEW = 5  # with this many problems that differ, no two-sided sign-flip test reaches .05: 2 / 2^5 > .05
CARRIERS = 8  # with fewer problems behind a mean, their spread tells too little of the others
TIE = 1e-9  # float sums closer than this (relatively) are compared exactly, or counted as equal

Counts = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Answers:
    """Judged answers n_M and right ones correct_M of one model to M problems, both int64 [M]."""

    n_M: Counts
    correct_M: Counts

    def __getitem__(self, rows: NDArray[Any]) -> "Answers":
        return Answers(self.n_M[rows], self.correct_M[rows])

    def pass_at_k(self, k: int) -> Floats:
        """`pass_at_k` of each problem, float64 [M]."""
        return pass_at_k(self.n_M, self.correct_M, k)


def k_values(n: int) -> list[int]:
    """1, 2, 4, ... up to n, and n itself."""
    assert n >= 1
    return sorted({2**power for power in range(n.bit_length())} | {n})


def pass_at_k(n_M: Counts, correct_M: Counts, k: int) -> Floats:
    """Per problem 1 - C(n - c, k) / C(n, k), the unbiased estimate (Chen et al. 2021, arXiv 2107.03374).

    Equal (n, c) give bit-equal values; c / n exactly for k = 1. Raises ValueError where n < k.
    """
    if (n_M < k).any():
        raise ValueError(f"pass@{k} needs at least {k} answers to every problem, got {int(n_M.min())}")
    if k == 1:
        return correct_M / n_M
    values_M = np.empty(len(n_M))
    for n in np.unique(n_M):
        rows = n_M == n
        values_M[rows] = _pass_table(int(n), k)[correct_M[rows]]
    return values_M


def _pass_table(n: int, k: int) -> Floats:
    """pass@k for c = 0 .. n, from C(n-c-1, k) = C(n-c, k) (n-c-k) / (n-c): 0 failures once n - c = k, and after."""
    left = n - np.arange(n, dtype=np.float64)
    return 1.0 - np.concatenate([[1.0], np.cumprod((left - k) / left)])


def mean_pass_at_k_exact(answers: Answers, k: int) -> Fraction:
    """Mean over problems of 1 - C(n - c, k) / C(n, k) as an exact fraction."""
    fails = (times * Fraction(math.comb(n - c, k), math.comb(n, k)) for (n, c), times in _histogram(answers).items())
    return 1 - sum(fails, Fraction(0)) / len(answers.n_M)


def _histogram(answers: Answers) -> Counter[tuple[int, int]]:
    return Counter(zip(answers.n_M.tolist(), answers.correct_M.tolist(), strict=True))


def compare_pass_at_k(base: Answers, tuned: Answers, k: int) -> int:
    """Sign (-1, 0, 1) of mean pass@k of `base` minus that of `tuned` on the same problems: exact, ties included.

    Floats decide where their rounding cannot matter; otherwise integers and fractions do.
    """
    weights = _histogram(tuned)
    weights.subtract(_histogram(base))  # a failure of the tuned model raises base - tuned
    terms = [(n, c, times) for (n, c), times in weights.items() if times and n - c >= k]
    if not terms:
        return 0
    logs = np.array(
        [gammaln(n - c + 1) - gammaln(n - c - k + 1) - gammaln(n + 1) + gammaln(n - k + 1) for n, c, _ in terms]
    )
    sizes = np.exp(logs - logs.max()) * [times for *_, times in terms]
    total = float(sizes.sum())
    if abs(total) > TIE * np.abs(sizes).sum():
        return 1 if total > 0 else -1
    exact = sum((times * Fraction(math.comb(n - c, k), math.comb(n, k)) for n, c, times in terms), Fraction(0))
    return (exact > 0) - (exact < 0)


def mean_interval(values_M: Floats, trials: int, level: float = LEVEL) -> Interval | None:
    """Mean of values in [0, 1] over problems, with an interval for the population that the problems come from.

    Wilson's score interval with the effective sample size m (1 - m) / (s^2 / M), as survey packages use it for
    clustered proportions (Korn and Graubard 1998): it stays within [0, 1] and is not empty where all values are 0 or 1.
    `trials`, all answers behind the values, bounds the effective size; so does M where fewer than `CARRIERS` problems
    carry the mean, whose spread is then no measure of the population's. None without values.
    """
    size = len(values_M)
    if size == 0:
        return None
    mean = float(values_M.mean())
    variance = float(values_M.var(ddof=1)) / size if size > 1 else mean * (1 - mean)
    spread = mean * (1 - mean)
    effective = min(spread / variance, trials) if variance > 0 and spread > 0 else (trials if spread > 0 else size)
    if min(_carriers(values_M), _carriers(1 - values_M)) < CARRIERS:
        effective = min(effective, size)
    z = float(stdtrit(size - 1, (1 + level) / 2)) if size > 1 else math.inf
    if not math.isfinite(z):
        return Interval(mean, 0.0, 1.0)
    shrunk = (mean + z * z / (2 * effective)) / (1 + z * z / effective)
    half = z / (1 + z * z / effective) * math.sqrt(spread / effective + (z / (2 * effective)) ** 2)
    return Interval(mean, min(mean, max(0.0, shrunk - half)), max(mean, min(1.0, shrunk + half)))


def _carriers(values_M: Floats) -> float:
    """How many equal values would weigh as these do: Kish's effective number (1965), (sum v)^2 / sum v^2."""
    squares = float((values_M**2).sum())
    return float(values_M.sum()) ** 2 / squares if squares > 0 else 0.0


@dataclass(frozen=True, slots=True)
class Flips:
    """Sign-flip null distribution of studentised mean differences, one column for each of several measures.

    difference_MK  float64 [M, K]   tuned - base of each problem
    mean_K, error_K                 mean and its standard error
    t_K                             mean / error
    t_BK, error_BK                  t and error under each random choice of signs
    """

    difference_MK: Floats
    mean_K: Floats
    error_K: Floats
    t_K: Floats
    t_BK: Floats
    error_BK: Floats

    def critical(self, level: float = LEVEL) -> Floats:
        """Per column the value that |t| exceeds in at most 1 - level of the flips, float [K]."""
        return upper_quantile(np.abs(self.t_BK), level)

    def p_values(self) -> Floats:
        """Two-sided p-value of no difference, per column."""
        as_extreme = (np.abs(self.t_BK) >= np.abs(self.t_K) * (1 - TIE)).sum(axis=0)
        return (1 + as_extreme) / (1 + len(self.t_BK))

    def interval(self, column: int, critical: float, level: float = LEVEL) -> Interval:
        """mean +- critical x error; wider where too few problems differ for that to mean anything."""
        return _flip_interval(self.difference_MK[:, column], float(self.error_K[column]), critical, level)


def difference_interval(a_M: Floats, b_M: Floats, level: float = LEVEL) -> Interval | None:
    """Mean of a minus b, shares in [0, 1] of the same problems, with its sign-flip interval; None without problems."""
    if not len(a_M):
        return None
    flips = sign_flips((a_M - b_M)[:, None])
    return flips.interval(0, float(flips.critical(level)[0]), level)


def sign_flips(difference_MK: Floats, resamples: int = RESAMPLES, seed: int = SEED) -> Flips:
    """Flips the signs of whole problems: exact for two samplings of one model, whose differences are symmetric."""
    problems, columns = difference_MK.shape
    mean_K = difference_MK.mean(axis=0)
    squares_K = (difference_MK**2).mean(axis=0)
    generator = np.random.default_rng(seed)
    means_BK = np.empty((resamples, columns))
    chunk = max(1, 4_000_000 // problems)
    for start in range(0, resamples, chunk):
        rows = min(chunk, resamples - start)
        bits = np.unpackbits(np.frombuffer(generator.bytes(-(-rows * problems // 8)), np.uint8), count=rows * problems)
        signs = bits.reshape(rows, problems).astype(np.float64) * 2 - 1
        means_BK[start : start + rows] = signs @ difference_MK / problems
    error_K = _standard_error(mean_K, squares_K, problems)
    error_BK = _standard_error(means_BK, squares_K, problems)
    t_K, t_BK = _studentise(mean_K, error_K), _studentise(means_BK, error_BK)
    return Flips(difference_MK, mean_K, error_K, t_K, t_BK, error_BK)


def _standard_error(mean: Floats, squares: Floats, problems: int) -> Floats:
    variance = squares - mean**2
    variance = np.where(variance > TIE * squares, variance, 0.0)
    return np.sqrt(variance / max(problems - 1, 1))


def _studentise(mean: Floats, error: Floats) -> Floats:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(mean == 0, 0.0, mean / error)


def upper_quantile(values_B: Floats, level: float) -> Floats:
    """The order statistic that an exchangeable newcomer exceeds with chance at most 1 - level."""
    rank = min(math.ceil(level * (len(values_B) + 1)), len(values_B))
    return np.asarray(np.sort(values_B, axis=0)[rank - 1] * (1 + TIE))


def _flip_interval(difference_M: Floats, error: float, critical: float, level: float) -> Interval:
    problems, mean = len(difference_M), float(difference_M.mean())
    up, down = int((difference_M > 0).sum()), int((difference_M < 0).sum())
    if up + down <= FEW:
        low, high = -binomial_upper(down, problems, level), binomial_upper(up, problems, level)
    elif error == 0:  # all differ by the same: how many others may differ otherwise is all that can be said
        unseen = binomial_upper(0, problems, level)
        low, high = mean - unseen * (1 + mean), mean + unseen * (1 - mean)
    else:
        floor = float(stdtrit(problems - 1, (1 + level) / 2))
        half = max(critical, floor) * error if math.isfinite(critical) else 2.0
        low, high = mean - half, mean + half
    return Interval(mean, max(-1.0, min(low, mean)), min(1.0, max(high, mean)))


def binomial_upper(successes: int, trials: int, level: float = LEVEL) -> float:
    """Clopper and Pearson's upper bound of a proportion; the two-sided interval's, so (1 - level) / 2 above it."""
    if successes == trials:
        return 1.0
    return float(betaincinv(successes + 1, trials - successes, (1 + level) / 2))


def poisson_binomial_tail(chances: Sequence[float], observed: int) -> float:
    """P(at least `observed` of independent events with these chances happen)."""
    if observed <= 0:
        return 1.0
    below = np.zeros(observed)  # P(j events so far), j < observed
    below[0] = 1.0
    reached = 0.0
    for chance in chances:
        reached += below[-1] * chance
        below[1:] = below[1:] * (1 - chance) + below[:-1] * chance
        below[0] *= 1 - chance
    return float(min(1.0, reached))


def holm(p_values: Sequence[float], tests: int | None = None) -> list[float]:
    """Holm's adjusted p-values; `tests` counts also those not listed, which must all be larger."""
    count = len(p_values) if tests is None else tests
    order = np.argsort(np.asarray(p_values), kind="stable")
    adjusted = [0.0] * len(p_values)
    running = 0.0
    for rank, index in enumerate(order):
        running = max(running, min(1.0, (count - rank) * p_values[index]))
        adjusted[index] = running
    return adjusted


def family(p_values: Mapping[str, float | None]) -> dict[str, float | None]:
    """Holm's adjusted p-values of several questions asked together, by name; what is not known is not counted."""
    known = {name: p_value for name, p_value in p_values.items() if p_value is not None}
    adjusted = dict(zip(known, holm(list(known.values())), strict=True))
    return {name: adjusted.get(name) for name in p_values}


def ratio_pseudo_values(numerator_M: Floats, denominator_M: Floats) -> Floats:
    """Values whose mean is sum(numerator) / sum(denominator) and whose spread gives that ratio's standard error.

    The first-order (linearised) influence of each problem: R + (num - R den) / mean(den).
    """
    ratio = numerator_M.sum() / denominator_M.sum()
    return np.asarray(ratio + (numerator_M - ratio * denominator_M) / denominator_M.mean())


def t_interval(values_M: Floats, level: float = LEVEL) -> Interval | None:
    """Mean with Student's interval over problems; bounds None with fewer than two values, None without any."""
    size = len(values_M)
    if size == 0:
        return None
    mean = float(values_M.mean())
    if size == 1:
        return Interval(mean, None, None)
    half = float(stdtrit(size - 1, (1 + level) / 2)) * float(values_M.std(ddof=1)) / math.sqrt(size)
    return Interval(mean, mean - half, mean + half)
