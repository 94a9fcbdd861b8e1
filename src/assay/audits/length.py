"""Length of right and wrong responses, its change since the base, and where it comes from (cf. arXiv 2503.20783).

Means are over judged responses with a length; intervals treat the problems as what was drawn at random.
Shape legend: M problems.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from assay.audits import Result, interval_finding, interval_json
from assay.audits.inputs import Inputs, Model
from assay.stats import Floats, ratio_pseudo_values, t_interval
from assay.types import Finding, Interval

METHOD = "mean tokens over responses; Student interval over problems of the linearised ratio"
KINDS = ("right", "wrong", "all")


@dataclass(frozen=True, slots=True)
class Lengths:
    """Per problem the total length and the number of right, wrong and all responses, float64 [M] each."""

    total: dict[str, Floats]
    count: dict[str, Floats]

    def values(self, kind: str) -> Floats | None:
        """Values [M] whose mean is the mean length; None without such a response."""
        return ratio_pseudo_values(self.total[kind], self.count[kind]) if self.count[kind].sum() else None

    def mean(self, kind: str) -> float | None:
        """Mean length in tokens."""
        return float(self.total[kind].sum() / self.count[kind].sum()) if self.count[kind].sum() else None


def audit(inputs: Inputs) -> Result:
    """Lengths of every model that has them, and the change of every tuned one."""
    lengths = {model.label: lengths_of(model, len(inputs.problems)) for model in inputs.models}
    result = Result({"length": {model.label: _describe(model, lengths[model.label]) for model in inputs.models}})
    base = lengths[inputs.base.label]
    for model in inputs.models:
        for kind in KINDS:
            own = lengths[model.label]
            values = None if own is None else own.values(kind)
            if own is not None and values is not None:
                claim = f"mean length of {kind} responses, tokens"
                interval = t_interval(values)
                result.findings.append(interval_finding("length", model.label, claim, interval, len(values), METHOD))
    for model in inputs.tuned:
        tuned = lengths[model.label]
        change = None if base is None or tuned is None else length_change(base, tuned)
        result.comparisons[model.label] = {"length": change}
        if change is not None:
            claim = f"change of mean length since {inputs.base.label} that comes from wrong responses, tokens"
            method = "symmetric decomposition: mean share of wrong responses x change of their mean length"
            result.findings.append(
                Finding(
                    "length", model.label, claim, None, change["from_wrong"], None, None, len(inputs.problems), method
                )
            )
    return result


def lengths_of(model: Model, problems: int) -> Lengths | None:
    """Lengths of a model's judged responses; None where its file has none."""
    if not model.has("length_tokens"):
        return None
    assert model.rows is not None
    rows = model.rows.filter(pl.col("correct").is_not_null() & pl.col("length_tokens").is_not_null())
    right = pl.col("correct")
    table = rows.group_by("index").agg(
        total_right=pl.col("length_tokens").filter(right).sum(),
        total_all=pl.col("length_tokens").sum(),
        count_right=right.sum(),
        count_all=pl.len(),
    )
    arrays = {name: np.zeros(problems) for name in table.columns[1:]}
    for name, array in arrays.items():
        array[table["index"].to_numpy()] = table[name].to_numpy()
    return Lengths(*(_with_wrong(arrays[f"{what}_right"], arrays[f"{what}_all"]) for what in ("total", "count")))


def _with_wrong(right_M: Floats, all_M: Floats) -> dict[str, Floats]:
    return {"right": right_M, "wrong": all_M - right_M, "all": all_M}


def _describe(model: Model, lengths: Lengths | None) -> dict[str, Any] | None:
    if lengths is None:
        return None
    values = {kind: lengths.values(kind) for kind in KINDS}
    return {
        **{kind: None if each is None else interval_json(t_interval(each)) for kind, each in values.items()},
        "truncated": model.source["truncated_share"],
        "responses": int(lengths.count["all"].sum()),
    }


def length_change(base: Lengths, tuned: Lengths) -> dict[str, Any] | None:
    """The change of each mean, and the change of the mean of all in three parts that add up to it.

    Mean length is a R + (1 - a) W with accuracy a and mean lengths R and W of right and wrong responses. With bars for
    the mean of base and tuned, the parts are a_bar dR, (1 - a_bar) dW and (R_bar - W_bar) da (Kitagawa 1955). A model
    without right (or wrong) responses is given the other's mean length for them.
    """
    changes = {kind: _change(base.values(kind), tuned.values(kind)) for kind in KINDS}
    if changes["all"] is None:
        return None
    right = _either(base.mean("right"), tuned.mean("right"))
    wrong = _either(base.mean("wrong"), tuned.mean("wrong"))
    accuracy = [each.count["right"].sum() / each.count["all"].sum() for each in (base, tuned)]
    mean_accuracy = sum(accuracy) / 2
    from_right = mean_accuracy * (right[1] - right[0])
    from_wrong = (1 - mean_accuracy) * (wrong[1] - wrong[0])
    from_accuracy = (sum(right) - sum(wrong)) / 2 * (accuracy[1] - accuracy[0])
    low, high = changes["all"].low, changes["all"].high
    unclear = low is None or high is None or low <= 0 <= high
    return {
        **{kind: interval_json(each) for kind, each in changes.items()},
        "from_wrong": float(from_wrong),
        "from_right": float(from_right),
        "from_accuracy": float(from_accuracy),
        "share_from_wrong": None if unclear else float(from_wrong / changes["all"].estimate),
    }


def _change(before_M: Floats | None, after_M: Floats | None) -> Interval | None:
    return None if before_M is None or after_M is None else t_interval(after_M - before_M)


def _either(before: float | None, after: float | None) -> tuple[float, float]:
    """Each where it is known, else the other; where neither is, the parts that use them are 0."""
    known = before if before is not None else after
    if known is None:
        return 0.0, 0.0
    return (known if before is None else before), (known if after is None else after)
