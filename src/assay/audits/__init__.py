"""Audits: stored samples in, findings out. One file each; no torch, no model, and nothing of the training code.

An audit is a function `audit(inputs: Inputs) -> Result`; `compare.py` runs them all and puts their results together.
"""

from dataclasses import dataclass, field
from typing import Any

from assay.types import Finding, Interval

AUDITS = {
    "boundary": "assay.audits.boundary:audit",
    "solvable": "assay.audits.solvable:audit",
    "histogram": "assay.audits.histogram:audit",
    "length": "assay.audits.length:audit",
    "strategy": "assay.audits.strategy:audit",
    "diversity": "assay.audits.diversity:audit",
    "entropy": "assay.audits.entropy:audit",
    "distinct_n": "assay.audits.distinct_n:audit",
    "reflection": "assay.audits.reflection:audit",
    "reasoning": "assay.audits.reasoning:audit",
    "annotator": "assay.audits.annotator:audit",
    "perplexity": "assay.audits.perplexity:audit",
    "examples": "assay.audits.examples:audit",
}


@dataclass(frozen=True, slots=True)
class Result:
    """What an audit adds to the findings document (docs/findings_schema.md).

    `document` holds top-level keys, `comparisons` the keys of each tuned label's comparison.
    """

    document: dict[str, Any] = field(default_factory=dict)
    comparisons: dict[str, dict[str, Any]] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)


def interval_json(interval: Interval | None) -> dict[str, float | None] | None:
    """{"estimate", "low", "high"}, or None for None."""
    if interval is None:
        return None
    return {"estimate": interval.estimate, "low": interval.low, "high": interval.high}


def interval_finding(
    audit: str, model: str, claim: str, interval: Interval | None, n: int, method: str, evidence: tuple[str, ...] = ()
) -> Finding:
    """A finding without a verdict; all numbers None where there is no interval."""
    estimate, low, high = (None,) * 3 if interval is None else (interval.estimate, interval.low, interval.high)
    return Finding(audit, model, claim, None, estimate, low, high, n, method, evidence)
