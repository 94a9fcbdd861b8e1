"""A measure of base and tuned model, problem by problem: the two means, and their difference with interval and p-value.

Shape legend: M problems.
"""

from dataclasses import asdict
from typing import Any

from assay.audits import interval_finding
from assay.audits.verdict import Change
from assay.stats import Floats, sign_flips
from assay.types import Finding, Interval

METHOD = "paired over problems; studentised sign-flip interval"


def paired_change(base_M: Floats, tuned_M: Floats, reach: float = 1.0) -> Change | None:
    """The means of both and their difference, tuned minus base, by sign flips of whole problems.

    `reach` is the largest difference that one problem can show, either way. None without problems.
    """
    if not len(base_M):
        return None
    flips = sign_flips(((tuned_M - base_M) / reach)[:, None])
    interval = flips.interval(0, float(flips.critical()[0]))
    assert interval.low is not None and interval.high is not None
    return Change(
        base=float(base_M.mean()),
        tuned=float(tuned_M.mean()),
        estimate=reach * interval.estimate,
        low=reach * interval.low,
        high=reach * interval.high,
        p_value=float(flips.p_values()[0]),
    )


def change_json(change: Change | None, problems: int) -> dict[str, Any] | None:
    """{"base", "tuned", "estimate", "low", "high", "p_value", "problems"}, or None for None."""
    return None if change is None else {**asdict(change), "problems": problems}


def change_finding(audit: str, model: str, claim: str, change: Change | None, n: int, method: str) -> Finding:
    """A finding of the difference; all numbers None where there is no change to tell."""
    interval = None if change is None else Interval(change.estimate, change.low, change.high)
    return interval_finding(audit, model, claim, interval, n, method)
