"""Which strategies a model uses, how well they work, and how much each switch of strategy contributes to the gain.

The contribution is that of Shao et al. 2025 (arXiv 2506.10947), C_d, for n answers a problem instead of one: see
`contributions`. Shape legend: M problems, S strategies.
"""

from collections.abc import Iterable
from typing import Any

import numpy as np
import polars as pl

from assay.audits import Result, interval_finding, interval_json
from assay.audits.inputs import Inputs, Model
from assay.audits.paired import change_json, paired_change
from assay.stats import Floats, holm, ratio_pseudo_values, t_interval
from assay.types import Finding

UNLABELLED = "unlabelled"
METHOD = (
    "C_d of arXiv 2506.10947 for n answers a problem: every base answer is paired with every tuned answer to the same "
    "problem, and a pair (from, to) contributes right(tuned) - right(base), averaged over pairs and then problems"
)
SHARE_METHOD = "share of judged answers, mean over problems; Student interval over problems"


USED = 0.02  # a strategy of a smaller share of the base's answers is not looked for in the tuned model's
ALPHA = 0.05
KEPT, LESS, LOST = "kept", "less", "lost"
FATE_METHOD = (
    f"share of judged answers, of strategies that make up {USED:.0%} of the base's at least; lost: p below .05 by sign "
    "flips after Holm's correction, and at most a tenth of the base's share"
)


class Mix:
    """Per problem and strategy the share of answers and of right answers, float64 [M, S] each."""

    def __init__(self, model: Model, strategies: list[str], problems: int) -> None:
        self.strategies = strategies
        rows = _labelled(model)
        column = {name: position for position, name in enumerate(strategies)}
        table = rows.group_by("index", "strategy").agg(count=pl.len(), right=pl.col("correct").sum())
        index, where = table["index"].to_numpy(), [column[name] for name in table["strategy"]]
        self.count_MS, self.right_MS = np.zeros((problems, len(strategies))), np.zeros((problems, len(strategies)))
        self.count_MS[index, where] = table["count"].to_numpy()
        self.right_MS[index, where] = table["right"].to_numpy()
        n_M1 = self.count_MS.sum(axis=1, keepdims=True)
        self.share_MS, self.right_share_MS = self.count_MS / n_M1, self.right_MS / n_M1


def audit(inputs: Inputs) -> Result:
    """The mix of every model whose file has strategies, and what each switch contributed."""
    problems = len(inputs.problems)
    labelled = [model for model in inputs.models if model.has("strategy")]
    strategies = strategies_of(labelled)
    mixes = {model.label: Mix(model, strategies, problems) for model in labelled}
    result = Result(
        {"strategy": {m.label: _rows(mixes[m.label], strategies) if m.label in mixes else None for m in inputs.models}}
    )
    for model in inputs.tuned:
        known = model.label in mixes and inputs.base.label in mixes
        record = _compare(mixes[inputs.base.label], mixes[model.label], strategies) if known else None
        result.comparisons[model.label] = {"strategy": record}
        for name, told in (record or {"fates": {}})["fates"].items():
            claim = f"change of the share of strategy {name}: {told['fate']}"
            bounds = told["estimate"], told["low"], told["high"]
            result.findings.append(Finding("strategy", model.label, claim, None, *bounds, problems, FATE_METHOD))
    for label, mix in mixes.items():
        for column, name in enumerate(strategies):
            interval = t_interval(mix.share_MS[:, column])
            result.findings.append(
                interval_finding("strategy", label, f"share of strategy {name}", interval, problems, SHARE_METHOD)
            )
    return result


def strategies_of(models: Iterable[Model]) -> list[str]:
    """The strategies of models whose files have them, in order."""
    return sorted({name for model in models for name in _labelled(model)["strategy"].unique()})


def _labelled(model: Model) -> pl.DataFrame:
    """The judged answers with their strategy."""
    assert model.rows is not None
    rows = model.rows.filter(pl.col("correct").is_not_null())
    return rows.select("index", "correct", pl.col("strategy").fill_null(UNLABELLED))


def _rows(mix: Mix, strategies: list[str]) -> list[dict[str, Any]]:
    rows = []
    for column, name in enumerate(strategies):
        count_M, right_M = mix.count_MS[:, column], mix.right_MS[:, column]
        used = count_M.sum() > 0
        accuracy = t_interval(ratio_pseudo_values(right_M, count_M)) if used else None
        rows.append(
            {
                "strategy": name,
                "responses": int(count_M.sum()),
                "share": interval_json(t_interval(mix.share_MS[:, column])),
                "accuracy": interval_json(accuracy),
            }
        )
    return rows


def _compare(base: Mix, tuned: Mix, strategies: list[str]) -> dict[str, Any]:
    gain_M = tuned.right_share_MS.sum(axis=1) - base.right_share_MS.sum(axis=1)
    gain = t_interval(gain_M)
    assert gain is not None
    certain = gain.low is not None and gain.high is not None and not gain.low <= 0 <= gain.high
    weight_SS, contribution_SS = contributions(base.share_MS, base.right_share_MS, tuned.share_MS, tuned.right_share_MS)
    pairs = [
        {
            "from": before,
            "to": after,
            "weight": float(weight_SS[row, column]),
            "contribution": float(contribution_SS[row, column]),
            "share": float(contribution_SS[row, column] / gain.estimate) if certain else None,
        }
        for row, before in enumerate(strategies)
        for column, after in enumerate(strategies)
    ]
    shares = {
        name: {
            "base": float(base.share_MS[:, column].mean()),
            "tuned": float(tuned.share_MS[:, column].mean()),
            "change": interval_json(t_interval(tuned.share_MS[:, column] - base.share_MS[:, column])),
        }
        for column, name in enumerate(strategies)
    }
    return {
        "gain": gain.estimate,
        "shares": shares,
        "fates": fates(base.share_MS, tuned.share_MS, strategies),
        "contributions": pairs,
        "method": METHOD,
    }


def fates(base_MS: Floats, tuned_MS: Floats, strategies: list[str]) -> dict[str, dict[str, Any]]:
    """What became of each strategy that makes up `USED` of the base's answers at least.

    `lost` where the tuned model uses it significantly less, and for at most a tenth of the base's share; `less` where
    only significantly less; else `kept`. Significant is a sign-flip p-value below .05 after Holm's correction over
    these strategies.
    """
    used = [column for column in range(len(strategies)) if base_MS[:, column].mean() >= USED]
    changes = [paired_change(base_MS[:, column], tuned_MS[:, column]) for column in used]
    p_values = holm([change.p_value for change in changes if change is not None])
    found = {}
    for column, change, p_holm in zip(used, changes, p_values, strict=True):
        assert change is not None
        fewer = change.estimate < 0 and p_holm < ALPHA
        fate = KEPT if not fewer else LOST if change.tuned <= change.base / 10 else LESS
        found[strategies[column]] = {"fate": fate, "p_holm": p_holm, **(change_json(change, len(base_MS)) or {})}
    return found


def contributions(
    base_share_MS: Floats, base_right_MS: Floats, tuned_share_MS: Floats, tuned_right_MS: Floats
) -> tuple[Floats, Floats]:
    """Weight and contribution of each switch (from, to), float64 [S, S]; contributions add up to the gain in pass@1.

    With shares q (base) and p (tuned) of the answers to a problem, and shares of right answers b and t by strategy, the
    pairs (from, to) weigh q_from p_to and contribute q_from t_to - b_from p_to. With one answer a problem this is C_d.
    """
    problems = len(base_share_MS)
    weight_SS = base_share_MS.T @ tuned_share_MS / problems
    return weight_SS, (base_share_MS.T @ tuned_right_MS - base_right_MS.T @ tuned_share_MS) / problems
