"""The boundary verdict: did the tuned model gain problems, lose them, or get surer of those that the base had?

All intervals are paired over problems and come from one sign-flip permutation. Their common critical value is the one
at which 4 % of the flips would themselves get a verdict of change (extended, narrowed or sharpened), or that of a 95 %
interval where it is larger. So two samplings of one model get such a verdict in less than 5 % of audits, with some room
for unequal n, where flips are not exact (docs/measures.md, "The boundary verdict").
"""

import math
from dataclasses import dataclass

import numpy as np

from assay.stats import LEVEL, RESAMPLES, Answers, Flips, sign_flips, upper_quantile

EXTENDED, NARROWED, SHARPENED, NEITHER, NOT_ENOUGH = "extended", "narrowed", "sharpened", "neither", "not enough data"
MARGIN = 0.02  # a pass@k difference within +-.02 counts as none
FALSE_CHANGE = 0.04  # share of sign flips that may get a verdict of change
ROOM = 0.95  # above this pass@K of the base, a missing gain at K says little
LEAST_K = 2  # at K = 1 a gain at K and a gain at 1 are one and the same
METHOD = (
    "paired over problems: studentised sign-flip intervals, at least 95 %, with the critical value at which "
    "4 % of the flips would get a verdict of change"
)


@dataclass(frozen=True, slots=True)
class Change:
    """A measure of base and tuned, and the difference tuned - base with interval and two-sided p-value."""

    base: float
    tuned: float
    estimate: float
    low: float
    high: float
    p_value: float


@dataclass(frozen=True, slots=True)
class Boundary:
    """A verdict with the numbers that it rests on; `pass_at_1` and `pass_at_K` are None without problems."""

    verdict: str
    why: str
    overturn: str
    problems: int
    K: int
    pass_at_1: Change | None
    pass_at_K: Change | None


@dataclass(frozen=True, slots=True)
class Withheld:
    """Why no verdict is given whatever the numbers say, and what would allow one: two sentences."""

    why: str
    overturn: str


def boundary_verdict(
    base: Answers, tuned: Answers, n: int, withheld: Withheld | None = None, flips: int = RESAMPLES
) -> Boundary:
    """The verdict on `tuned` against `base`, where every problem has at least `n` judged answers of each."""
    K, problems = max(1, n // 2), len(base.n_M)
    if problems < 2:
        few = withheld or Withheld(
            "No problem can be used." if problems == 0 else "Only 1 problem can be used.",
            "Harder problems, which guessing does not solve, or fewer tries at each.",
        )
        return Boundary(NOT_ENOUGH, few.why, few.overturn, problems, K, None, None)
    at_1, at_K = _changes(base, tuned, K, flips)
    if withheld is None and K < LEAST_K:
        withheld = _too_few_answers(n, at_1)
    if withheld:
        return Boundary(NOT_ENOUGH, withheld.why, withheld.overturn, problems, K, at_1, at_K)
    verdict, why = _decide(at_1, at_K, K, problems)
    return Boundary(verdict, why, _overturn(verdict, at_1, at_K, K, problems, n), problems, K, at_1, at_K)


def _too_few_answers(n: int, at_1: Change) -> Withheld:
    answers = "one answer" if n == 1 else f"{n} answers"
    why = f"With {answers} a problem nothing can be said about what a model reaches in more tries; {_move(1, at_1)}."
    return Withheld(why, f"At least {2 * LEAST_K} answers a problem of each model, better 64 or more.")


def _changes(base: Answers, tuned: Answers, K: int, flips: int) -> tuple[Change, Change]:
    curves = [(base.pass_at_k(k), tuned.pass_at_k(k)) for k in (1, K)]
    null = sign_flips(np.column_stack([after - before for before, after in curves]), flips)
    critical_K = np.maximum(null.critical(LEVEL), _critical(null))
    p_values = null.p_values()
    changes = []
    for column, (before, after) in enumerate(curves):
        interval = null.interval(column, float(critical_K[column]), LEVEL)
        assert interval.low is not None and interval.high is not None
        means = float(before.mean()), float(after.mean())
        changes.append(Change(*means, interval.estimate, interval.low, interval.high, float(p_values[column])))
    return changes[0], changes[1]


def _critical(null: Flips) -> float:
    """The value of |t| that holds the chance of any verdict of change at `FALSE_CHANGE`.

    A flip with pass@1 in column 0 and pass@K in column 1 gets such a verdict at all critical values below |t_K|, and at
    those below t_1 where the upper bound of its pass@K difference stays below the margin.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        no_gain_B = MARGIN / null.error_BK[:, 1] - null.t_BK[:, 1]
    sharpened_B = np.minimum(null.t_BK[:, 0], np.where(np.isnan(no_gain_B), np.inf, no_gain_B))
    return float(upper_quantile(np.maximum(np.abs(null.t_BK[:, 1]), sharpened_B), 1 - FALSE_CHANGE))


def _decide(at_1: Change, at_K: Change, K: int, problems: int) -> tuple[str, str]:
    """In the order of docs/measures.md, the first that holds.

    A change at K counts where it is worth one problem at least: where every problem is solved in K tries, pass@K still
    rises by 1e-6 a problem as accuracy does, and an interval of identical differences has no width.
    """
    rises, worth_one = at_1.low > 0, abs(at_K.estimate) * problems >= 1
    rises_at_K, falls_at_K = at_K.low > 0 and worth_one, at_K.high < 0 and worth_one
    no_gain_at_K = at_K.high < MARGIN
    seen = f"{_move(1, at_1)}, and {_move(K, at_K, worth_one)}"
    seen = seen[0].upper() + seen[1:]
    if rises_at_K:
        return EXTENDED, f"{seen}: in {K} tries the tuned model solves more than the base does."
    if falls_at_K and not rises:
        return NARROWED, f"{seen}: the tuned model has lost problems and gained nothing at the first try."
    if rises and no_gain_at_K and (at_K.base <= ROOM or falls_at_K):
        end = "it has lost problems in return" if falls_at_K else f"in {K} tries it reaches no more than the base"
        return SHARPENED, f"{seen}: the tuned model is surer at the first try, and {end}."
    if max(abs(at_1.low), abs(at_1.high), abs(at_K.low), abs(at_K.high)) < MARGIN:
        return NEITHER, f"{seen}: both are within {MARGIN} of no change."
    if rises and no_gain_at_K:
        return NOT_ENOUGH, f"{seen}, but a base that solves {at_K.base:.3f} in {K} tries leaves no room to see a gain."
    return NOT_ENOUGH, f"{seen}: the intervals are too wide to tell a change from none."


def _move(k: int, change: Change, worth_one: bool = True) -> str:
    """'pass@1 rose from 0.120 to 0.300 (+0.180, 95 % interval +0.150 to +0.210)'."""
    verb = "rose from" if change.low > 0 else "fell from" if change.high < 0 else "did not clearly change,"
    if not worth_one and not change.low <= 0 <= change.high:
        verb = "did not change by as much as one problem,"
    interval = f"{change.estimate:+.3f}, 95 % interval {change.low:+.3f} to {change.high:+.3f}"
    return f"pass@{k} {verb} {change.base:.3f} to {change.tuned:.3f} ({interval})"


def _overturn(verdict: str, at_1: Change, at_K: Change, K: int, problems: int, n: int) -> str:
    """What other data would have to show for the verdict to be wrong."""
    fresh = "Other problems, or a fresh sampling of both models, on which"
    if verdict == EXTENDED:
        return f"{fresh} pass@{K} does not rise; or right answers of the base to those problems in more than {n} tries."
    if verdict == NARROWED:
        return f"{fresh} pass@{K} does not fall; or right answers of the tuned model to those in more than {n} tries."
    if verdict == SHARPENED:
        return f"{fresh} pass@1 does not rise; or harder problems, or more than {n} tries, where pass@k rises too."
    if verdict == NEITHER:
        return f"{fresh} pass@1 or pass@{K} moves by more than {MARGIN}."
    if at_1.low > 0 and at_K.high < MARGIN:
        return f"Harder problems, which the base solves less often in {K} tries."
    width = max(at_1.high - at_1.low, at_K.high - at_K.low) / (2 * MARGIN)
    more = math.ceil(problems * max(2.0, width**2) / 10) * 10
    return f"More problems: with about {more:,} the intervals would be narrower than {MARGIN} either way."
