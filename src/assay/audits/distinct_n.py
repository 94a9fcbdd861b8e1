"""Distinct n-grams among the responses to one problem, as a share of as many as could be expected (EAD).

Li et al. 2016 (arXiv 1510.03055) divide by all n-grams, which makes long texts look poor; Liu et al. 2022 (arXiv
2202.13587) divide by how many of C n-grams drawn evenly from V would differ, V (1 - (1 - 1/V)^C). Here V is w^n, w the
number of different words in everything looked at, so that all models are measured by one rule.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl

from assay.audits import Result, interval_finding, interval_json
from assay.audits.inputs import Inputs, Model
from assay.audits.paired import METHOD as PAIRED
from assay.audits.paired import change_finding, change_json, paired_change
from assay.samples import read_samples
from assay.stats import Floats, t_interval

NS = (1, 2, 3, 4)
RESPONSES = 16
"""Responses to a problem that are looked at; fewer where a model has fewer, as many of every model."""
PROBLEMS = 256
"""Problems that are looked at, spread evenly over all."""
REACH = 2.0
"""No value is above 1 / (1 - 1/e), that of C = V n-grams which all differ."""
Words = Sequence[Sequence[str]]
"""The responses to one problem, each as its words."""


def ead(responses: Words, n: int, words: int) -> float | None:
    """Distinct n-grams over those expected of as many drawn evenly from `words`^n; None where there is no n-gram."""
    grams = [tuple(each[at : at + n]) for each in responses for at in range(len(each) - n + 1)]
    if not grams:
        return None
    possible = float(words) ** n
    expected = -possible * math.expm1(len(grams) * math.log1p(-1 / possible)) if words > 1 else 1.0
    return len(set(grams)) / expected


def audit(inputs: Inputs) -> Result:
    """EAD of every model whose file has responses, for n = 1 to 4, on the same problems and as many responses."""
    step = -(-len(inputs.problems) // PROBLEMS)
    chosen = inputs.problems[::step]
    texts = {model.label: _texts(model, chosen) for model in inputs.models}
    known = {label: each for label, each in texts.items() if each}
    shared = [problem for problem in chosen if known and all(problem in each for each in known.values())]
    m = min((len(each[problem]) for each in known.values() for problem in shared), default=0)
    if m < 2:  # one response differs from nothing
        known, shared = {}, []
    cut = {label: [each[problem][:m] for problem in shared] for label, each in known.items()}
    words = len({word for each in cut.values() for problem in each for response in problem for word in response})
    values = {label: {n: [ead(each, n, words) for each in problems] for n in NS} for label, problems in cut.items()}
    result = Result({"distinct_n": {}})
    for model in inputs.models:
        result.document["distinct_n"][model.label] = _describe(result, model.label, values.get(model.label), m)
    for model in inputs.tuned:
        before, after = values.get(inputs.base.label), values.get(model.label)
        record = None if before is None or after is None else _compare(result, model.label, before, after, m)
        result.comparisons[model.label] = {"distinct_n": record}
    return result


def _texts(model: Model, problems: Sequence[str]) -> dict[str, Words]:
    """Problem -> the words of its first responses, by member; empty where the file has none."""
    if model.rows is None:
        return {}
    frame = read_samples(model.path, ("response", "member"), problems).frame
    if "response" not in frame.columns:
        return {}
    if "member" in frame.columns and not frame["member"].null_count():
        frame = frame.sort("problem", "member")
    rows = frame.filter(pl.col("response").is_not_null()).group_by("problem", maintain_order=True).head(RESPONSES)
    found: dict[str, list[list[str]]] = {}
    for problem, response in rows.select("problem", "response").iter_rows():
        found.setdefault(problem, []).append(response.split())
    return dict(found)


def _describe(
    result: Result, label: str, values: Mapping[int, Sequence[float | None]] | None, m: int
) -> dict[str, Any] | None:
    if values is None:
        return None
    table = {}
    for n, each in values.items():
        known = np.array([value for value in each if value is not None])
        interval = t_interval(known)
        table[str(n)] = None if interval is None else {**(interval_json(interval) or {}), "problems": len(known)}
        if interval is None:
            continue
        claim = f"distinct {n}-grams among {m} responses, of those expected"
        result.findings.append(interval_finding("distinct_n", label, claim, interval, len(known), _method(m)))
    return {"responses": m, "n": table}


def _compare(
    result: Result,
    label: str,
    base: Mapping[int, Sequence[float | None]],
    tuned: Mapping[int, Sequence[float | None]],
    m: int,
) -> dict[str, Any]:
    table = {}
    for n in NS:
        before_M, after_M = _both(base[n], tuned[n])
        change = paired_change(before_M, after_M, REACH)
        table[str(n)] = change_json(change, len(before_M))
        if change is None:
            continue
        claim = f"change of distinct {n}-grams among {m} responses"
        method = f"{_method(m)}; {PAIRED}"
        result.findings.append(change_finding("distinct_n", label, claim, change, len(before_M), method))
    return table


def _both(base: Sequence[float | None], tuned: Sequence[float | None]) -> tuple[Floats, Floats]:
    """Where both are known."""
    pairs = [(b, t) for b, t in zip(base, tuned, strict=True) if b is not None and t is not None]
    table = np.array(pairs, dtype=np.float64).reshape(-1, 2)
    return table[:, 0], table[:, 1]


def _method(m: int) -> str:
    return (
        f"expectation-adjusted distinct (EAD, arXiv 2202.13587) of the words of the first {m} responses to a problem; "
        f"mean over at most {PROBLEMS} problems"
    )
