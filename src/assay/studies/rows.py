"""The numbers that answers are made of: means over seeds and problems, with what their tests say."""

from collections.abc import Iterable, Mapping
from typing import Any

from scipy.stats import false_discovery_control

from assay.seeds import contrast_interval, contrast_p_value, crossed_interval, crossed_p_value
from assay.stats import Floats
from assay.types import Interval

ALPHA = 0.05
LEAST_SEEDS = 3
"""Of every arm that a verdict rests on: of two the intervals cover too little (docs/coverage_measured.md)."""
Row = dict[str, Any]
"""{"estimate", "low", "high", "p_value", "p_adjusted", "seeds", "problems"} of a mean over seeds and problems.

`p_value` is None where nothing is tested and of one seed, `p_adjusted` also where no verdict rests on the test."""


def moved(values_SM: Floats | None, *, shares: bool = True) -> Row | None:
    """The mean of changes [S, M] over seeds and problems, tested against 0; None without any.

    `shares` False, here and below, where values need not lie in [-1, 1]: tokens, nats.
    """
    if values_SM is None:
        return None
    return _row(crossed_interval(values_SM, shares=shares), crossed_p_value(values_SM), *values_SM.shape)


def level(values_SM: Floats | None, *, shares: bool = True) -> Row | None:
    """The mean of values [S, M] of which no test asks anything; None without any."""
    return None if values_SM is None else _row(crossed_interval(values_SM, shares=shares), None, *values_SM.shape)


def contrast(a_SM: Floats | None, b_SM: Floats | None, *, shares: bool = True) -> Row | None:
    """Mean of a minus mean of b, two arms on the same problems; None where either is missing."""
    if a_SM is None or b_SM is None:
        return None
    interval = contrast_interval(a_SM, b_SM, shares=shares)
    return _row(interval, contrast_p_value(a_SM, b_SM), min(len(a_SM), len(b_SM)), a_SM.shape[1])


def _row(interval: Interval, p_value: float | None, seeds: int, problems: int) -> Row:
    bounds = {"estimate": interval.estimate, "low": interval.low, "high": interval.high}
    p_value = p_value if seeds > 1 else None  # of one seed it would be about this run, and read as about the recipe
    return {**bounds, "p_value": p_value, "p_adjusted": None, "seeds": seeds, "problems": problems}


def correct(tests: Iterable[Row | None]) -> int:
    """Sets p-values after a correction over all tests of a study, and returns how many these are.

    By Benjamini and Hochberg (1995): of what is shown, one in twenty is false on average, and where there is nothing,
    one study in twenty shows anything. A row that several questions read is one test.
    """
    rows = list({id(row): row for row in tests if row is not None and row["p_value"] is not None}.values())
    if rows:
        adjusted = false_discovery_control([row["p_value"] for row in rows])
        for row, p_adjusted in zip(rows, adjusted.tolist(), strict=True):
            row["p_adjusted"] = p_adjusted
    return len(rows)


def rises(row: Row | None) -> bool:
    """Whether it is shown to lie above 0."""
    return is_shown(row) and row is not None and row["estimate"] > 0


def falls(row: Row | None) -> bool:
    """Whether it is shown to lie below 0."""
    return is_shown(row) and row is not None and row["estimate"] < 0


def is_shown(row: Row | None) -> bool:
    """Whether it is shown to differ from 0: by its interval, and after the correction over the study."""
    if row is None or row["p_adjusted"] is None or row["low"] is None or row["high"] is None:
        return False
    return bool(row["p_adjusted"] < ALPHA and not row["low"] <= 0 <= row["high"])


def has_few_seeds(*rows: Row | None) -> bool:
    """Whether one of the rows rests on too few seeds for a verdict, or is missing."""
    return any(row is None or row["seeds"] < LEAST_SEEDS for row in rows)


def words(row: Mapping[str, Any] | None, form: str = "+.3f") -> str:
    """'+0.120 (+0.100 to +0.140)'."""
    if row is None or row["estimate"] is None:
        return "not known"
    if row["low"] is None or row["high"] is None:
        return f"{row['estimate']:{form}}"
    return f"{row['estimate']:{form}} ({row['low']:{form}} to {row['high']:{form}})"
