"""Perplexity of responses under the base: does the tuned model say what the base finds likely? (arXiv 2504.13837, 4.1)

A response's perplexity is exp(-log p(y) / tokens of y). Reported is the geometric mean over responses, each counted
once. The log-probabilities are read from the column `logprob_under` that `assay score --under MODEL` writes.
"""

import math
from typing import Any

import numpy as np
import polars as pl

from assay.audits import Result, interval_finding, interval_json
from assay.audits.inputs import Inputs, Model
from assay.stats import Floats, ratio_pseudo_values, t_interval
from assay.types import Interval

UNNAMED = "unnamed"
METHOD = "geometric mean over responses of exp(-log p / tokens); Student interval over problems, in logarithms"


def audit(inputs: Inputs) -> Result:
    """Perplexity of every model's responses, and the tuned ones' beside the base's under the same model."""
    problems = len(inputs.problems)
    scored = {model.label: _scored(model) for model in inputs.models}
    result = Result({"perplexity": {label: _describe(each, problems) for label, each in scored.items()}})
    for label, each in scored.items():
        if each is not None:
            interval = _exp(t_interval(_values(each[1], problems)))
            claim = f"perplexity of its responses under {each[0]}"
            result.findings.append(interval_finding("perplexity", label, claim, interval, problems, METHOD))
    base = scored[inputs.base.label]
    for model in inputs.tuned:
        tuned = scored[model.label]
        same = base is not None and tuned is not None and base[0] == tuned[0]
        comparison = _compare(base[1], tuned[1], problems) if same and base and tuned else None
        result.comparisons[model.label] = {"perplexity": comparison}
    return result


def _scored(model: Model) -> tuple[str, pl.DataFrame] | None:
    """The name of the scoring model and rows of `index`, `correct` and `surprise` (-log p a token); None where unknown.

    A file without `logprob_under` that was sampled from the unchanged distribution has its own model's in `logprob`.
    """
    column, under = "logprob_under", UNNAMED if model.under is None else model.under
    if not model.has(column):
        if not model.sampled_unchanged:
            return None
        column, under = "logprob", model.source["model"]
    if not isinstance(under, str) or not model.has(column, "length_tokens"):
        return None
    assert model.rows is not None
    rows = model.rows.filter(pl.col(column).is_not_null() & (pl.col("length_tokens") > 0))
    if rows.is_empty():
        return None
    return under, rows.select("index", "correct", surprise=-pl.col(column) / pl.col("length_tokens"))


def _describe(scored: tuple[str, pl.DataFrame] | None, problems: int) -> dict[str, Any] | None:
    if scored is None:
        return None
    under, rows = scored
    return {
        **(interval_json(_exp(t_interval(_values(rows, problems)))) or {}),
        "under": under,
        "responses": len(rows),
        "right": _mean(rows.filter(pl.col("correct"))),
        "wrong": _mean(rows.filter(~pl.col("correct"))),
    }


def _mean(rows: pl.DataFrame) -> float | None:
    return None if rows.is_empty() else math.exp(float(rows["surprise"].to_numpy().mean()))


def _values(rows: pl.DataFrame, problems: int) -> Floats:
    """Values [M] whose mean is the mean surprise over responses."""
    table = rows.group_by("index").agg(total=pl.col("surprise").sum(), count=pl.len())
    total_M, count_M = np.zeros(problems), np.zeros(problems)
    total_M[table["index"].to_numpy()] = table["total"].to_numpy()
    count_M[table["index"].to_numpy()] = table["count"].to_numpy()
    return ratio_pseudo_values(total_M, count_M)


def _compare(base: pl.DataFrame, tuned: pl.DataFrame, problems: int) -> dict[str, Any]:
    before_M, after_M = _values(base, problems), _values(tuned, problems)
    return {
        "base_on_base": interval_json(_exp(t_interval(before_M))),
        "base_on_tuned": interval_json(_exp(t_interval(after_M))),
        "ratio": interval_json(_exp(t_interval(after_M - before_M))),
    }


def _exp(interval: Interval | None) -> Interval | None:
    if interval is None:
        return None
    low, high = (None if bound is None else math.exp(bound) for bound in (interval.low, interval.high))
    return Interval(math.exp(interval.estimate), low, high)
