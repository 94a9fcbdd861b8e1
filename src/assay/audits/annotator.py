"""Whom a simulated annotator prefers: a tuned model's response or the base's, to the same problem.

Of an annotator with known dials the chance is known for every pair, P(a > b) = sigmoid((u_a - u_b) / noise), so it is
the mean over all pairs and nothing is drawn. .5 is a model that the annotator likes no better than the base.
Shape legend: T and B responses of the tuned model and of the base to one problem.
"""

from typing import Any

import numpy as np
import polars as pl

from assay.annotators import Annotator, Response
from assay.audits import Result, interval_finding, interval_json
from assay.audits.inputs import Inputs, Model
from assay.stats import Floats, t_interval

METHOD = (
    "mean over problems of the mean over all pairs of a tuned response and one of the base to the same problem; "
    "Student interval over problems"
)
Utilities = dict[int, Floats]
"""Problem -> the utility of each response whose traits are known."""


def audit(inputs: Inputs) -> Result:
    """The share of pairs in which the annotator prefers the tuned model; nothing without an annotator."""
    annotator = inputs.annotator
    if annotator is None:
        return Result({"annotator": None}, {model.label: {"preferred": None} for model in inputs.tuned})
    found = {model.label: _utilities(model, annotator) for model in inputs.models}
    responses = {model.label: 0 if model.rows is None else len(model.rows) for model in inputs.models}
    left_out = {label: responses[label] - sum(map(len, each.values())) for label, each in found.items()}
    result = Result({"annotator": {"annotator": annotator.describe(), "left_out": left_out}})
    base = found[inputs.base.label]
    for model in inputs.tuned:
        tuned = found[model.label]
        shared = sorted(base.keys() & tuned.keys())
        chances = np.array([preferred(annotator, tuned[problem], base[problem]) for problem in shared])
        interval = t_interval(chances) if shared else None
        record: dict[str, Any] | None = interval_json(interval)
        result.comparisons[model.label] = {"preferred": record and record | {"problems": len(shared)}}
        claim = f"chance that the annotator ({annotator.describe()}) prefers it to {inputs.base.label}"
        result.findings.append(interval_finding("annotator", model.label, claim, interval, len(shared), METHOD))
    return result


def preferred(annotator: Annotator, tuned_T: Floats, base_B: Floats) -> float:
    """Mean chance over all pairs that a tuned response is preferred; a half for equal utilities at noise 0."""
    difference_TB = tuned_T[:, None] - base_B[None, :]
    if annotator.noise == 0:
        return float((1 + np.sign(difference_TB)).mean() / 2)
    with np.errstate(over="ignore"):  # a logit beyond all numbers is a certain choice
        return float((1 + np.tanh(difference_TB / annotator.noise / 2)).mean() / 2)


def _utilities(model: Model, annotator: Annotator) -> Utilities:
    assert model.rows is not None  # `read_inputs` refuses counts, and dials on columns that are not there
    found: dict[int, list[float]] = {}
    columns = [name for name in ("index", "correct", "length_tokens", "confidence", "form") if name in model.rows]
    for row in model.rows.select(pl.col(columns)).iter_rows(named=True):
        response = Response.of(row)
        if annotator.knows(response):
            found.setdefault(row["index"], []).append(annotator.utility(response))
    return {problem: np.array(values) for problem, values in found.items()}
