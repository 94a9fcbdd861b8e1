"""The crossover: the smallest k at which the base's pass@k is no longer below the tuned model's.

Yue et al. 2025, arXiv 2504.13837, Fig. 2.

Shape legend: M problems, U different problems in the sense of counts, B resamples, K values of k.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from assay.stats import LEVEL, SEED, TIE, Answers, Floats, compare_pass_at_k

RESAMPLES = 2000
GRID = 512  # the bootstrap looks at every k up to this n, and at this many values of k beyond


@dataclass(frozen=True, slots=True)
class Crossover:
    """`k` is exact; the bounds hold 95 % of paired resamples of the problems. None: see `reason`.

    A bound is None where the resamples give none: `high` when the base does not catch up within n in many of them,
    `low` when the tuned model does not lead at k = 1 in many of them.
    """

    k: int | None
    low: int | None
    high: int | None
    reason: str


def crossover(base: Answers, tuned: Answers, n: int) -> Crossover:
    """Looks at every integer k from 1 to n; ties are decided by exact arithmetic."""
    if len(base.n_M) == 0:
        return Crossover(None, None, None, "There are no problems to compare.")
    if compare_pass_at_k(base, tuned, 1) >= 0:
        return Crossover(None, None, None, "The tuned model does not lead at k = 1, so there is no lead to lose.")
    low, high = _interval(base, tuned, n)
    k = _first_catch_up(base, tuned, n)
    if k is None:
        return Crossover(None, low, high, f"The tuned model leads at every k up to {n}.")
    if _all_solved(base, k) and _all_solved(tuned, k):
        return Crossover(None, low, high, f"The tuned model leads until both have reached 1, at k = {k}.")
    return Crossover(k, low, high, f"The tuned model leads below k = {k}, where the base has caught up.")


def _first_catch_up(base: Answers, tuned: Answers, n: int) -> int | None:
    ks = np.arange(2, n + 1)
    if not len(ks):
        return None
    before, after = _mean_fails(base, ks), _mean_fails(tuned, ks)
    clearly_below = before - after > TIE * (before + after)
    for k in ks[~clearly_below]:
        if compare_pass_at_k(base, tuned, int(k)) >= 0:
            return int(k)
    return None


def _all_solved(answers: Answers, k: int) -> bool:
    """True where pass@k is exactly 1."""
    return bool((answers.n_M - answers.correct_M < k).all())


def _mean_fails(answers: Answers, ks: NDArray[np.int64]) -> Floats:
    pairs, counts = np.unique(np.stack([answers.n_M, answers.correct_M], 1), axis=0, return_counts=True)
    return np.asarray(counts @ fails(pairs[:, 0], pairs[:, 1], ks) / counts.sum())


def fails(n_U: NDArray[np.int64], correct_U: NDArray[np.int64], ks: NDArray[np.int64]) -> Floats:
    """1 - pass@k = C(n - c, k) / C(n, k) at each k, float64 [U, K]: exactly 0 once k > n - c."""
    tries = np.arange(int(ks.max()))
    left_UT = n_U[:, None] - tries
    return np.asarray(np.cumprod((left_UT - correct_U[:, None]) / left_UT, axis=1)[:, ks - 1])


def _interval(base: Answers, tuned: Answers, n: int) -> tuple[int | None, int | None]:
    """Percentile bootstrap over problems, both models' answers to a problem kept together."""
    ks = np.arange(1, n + 1) if n <= GRID else np.unique(np.rint(np.geomspace(1, n, GRID)).astype(np.int64))
    columns = np.stack([base.n_M, base.correct_M, tuned.n_M, tuned.correct_M], 1)
    unique_U, times_U = np.unique(columns, axis=0, return_counts=True)
    before_UK = fails(unique_U[:, 0], unique_U[:, 1], ks)
    after_UK = fails(unique_U[:, 2], unique_U[:, 3], ks)
    generator = np.random.default_rng(SEED)
    first_B = np.empty(RESAMPLES)
    chunk = max(1, 8_000_000 // (len(unique_U) + len(ks)))
    for start in range(0, RESAMPLES, chunk):
        rows = min(chunk, RESAMPLES - start)
        weight_BU = generator.multinomial(len(columns), times_U / len(columns), size=rows) / len(columns)
        first_B[start : start + rows] = _first_in_resamples(weight_BU @ before_UK, weight_BU @ after_UK, ks)
    first_B.sort()
    tail = int((1 - LEVEL) / 2 * RESAMPLES)
    low, high = first_B[tail], first_B[-1 - tail]
    return int(low) if np.isfinite(low) else None, int(high) if np.isfinite(high) else None


def _first_in_resamples(before_BK: Floats, after_BK: Floats, ks: NDArray[np.int64]) -> Floats:
    """Per resample the first k at which the base is not below; -inf without a lead at k = 1, inf without a catch-up."""
    ahead_BK = before_BK - after_BK > TIE * (before_BK + after_BK)
    caught_BK = ~ahead_BK
    column_B = caught_BK.argmax(axis=1)
    rows = np.arange(len(column_B))
    both_one_B = (before_BK[rows, column_B] == 0) & (after_BK[rows, column_B] == 0)
    first_B = np.where(~caught_BK.any(axis=1) | both_one_B, np.inf, ks[column_B].astype(np.float64))
    return np.where(caught_BK[:, 0], -np.inf, first_B)
