"""Correct-reasoning pass@k: the pass@k of responses whose answer and steps are all right (arXiv 2506.14245).

Read from the column `reasoning`, which `assay sample` and `assay score` write where the task checks steps. Only the
responses in which it is known count, for pass@k beside it as well, so that the two differ by the reasoning alone.
"""

from typing import Any

import numpy as np
import polars as pl

from assay.audits import Result, interval_finding, interval_json
from assay.audits.inputs import Inputs, Model
from assay.audits.paired import METHOD as PAIRED
from assay.audits.paired import change_finding, change_json, paired_change
from assay.stats import Answers, k_values, mean_interval

METHOD = (
    "mean over problems of 1 - C(n-c,k)/C(n,k), c the responses whose answer and written steps are all right "
    "(arXiv 2506.14245); Wilson interval with the effective number of problems"
)


def audit(inputs: Inputs) -> Result:
    """Both curves of every model whose file has the column, and the change of correct-reasoning pass@k."""
    found = {model.label: _answers(model, len(inputs.problems)) for model in inputs.models}
    known = [pair for pair in found.values() if pair is not None]
    rows_M = np.logical_and.reduce([reasoned.n_M > 0 for reasoned, _ in known]) if known else np.zeros(0, dtype=bool)
    problems = int(rows_M.sum())
    if not problems:
        return Result({"reasoning": dict.fromkeys(found)}, {model.label: {"reasoning": None} for model in inputs.tuned})
    n = min(int(reasoned.n_M[rows_M].min()) for reasoned, _ in known)
    pairs = {label: pair and (pair[0][rows_M], pair[1][rows_M]) for label, pair in found.items()}
    result = Result({"reasoning": {}})
    for label, pair in pairs.items():
        result.document["reasoning"][label] = pair and _curves(result, label, pair, n)
    base = pairs[inputs.base.label]
    for model in inputs.tuned:
        tuned = pairs[model.label]
        record = base and tuned and _compare(result, inputs.base.label, model.label, base[0], tuned[0], n)
        result.comparisons[model.label] = {"reasoning": record}
    return result


def _curves(result: Result, label: str, pair: tuple[Answers, Answers], n: int) -> dict[str, Any]:
    """k-tables of both curves and of how much pass@k has beyond right reasoning, which is never below 0."""
    reasoned, right = pair
    trials, problems = int(reasoned.n_M.sum()), len(reasoned.n_M)
    table: dict[str, dict[str, Any]] = {"pass_at_k": {}, "right_answer": {}, "unreasoned": {}}
    for k in k_values(n):
        both_M, right_M = reasoned.pass_at_k(k), right.pass_at_k(k)
        interval = mean_interval(both_M, trials)
        table["pass_at_k"][str(k)] = interval_json(interval)
        table["right_answer"][str(k)] = interval_json(mean_interval(right_M, trials))
        table["unreasoned"][str(k)] = change_json(paired_change(both_M, right_M), problems)
        claim = f"correct-reasoning pass@{k}"
        result.findings.append(interval_finding("reasoning", label, claim, interval, problems, METHOD))
    return {**table, "problems": problems, "responses": trials}


def _compare(result: Result, base: str, label: str, before: Answers, after: Answers, n: int) -> dict[str, Any]:
    """k-table of the change, tuned minus base."""
    table, problems = {}, len(before.n_M)
    for k in k_values(n):
        change = paired_change(before.pass_at_k(k), after.pass_at_k(k))
        table[str(k)] = change_json(change, problems)
        claim = f"correct-reasoning pass@{k} minus {base}'s"
        result.findings.append(change_finding("reasoning", label, claim, change, problems, PAIRED))
    return table


def _answers(model: Model, problems: int) -> tuple[Answers, Answers] | None:
    """Responses right in answer and steps, and those right in their answer, among those whose steps are known."""
    if not model.has("reasoning"):
        return None
    assert model.rows is not None
    rows = model.rows.filter(pl.col("correct").is_not_null() & pl.col("reasoning").is_not_null())
    table = rows.group_by("index").agg(n=pl.len(), both=pl.col("reasoning").sum(), right=pl.col("correct").sum())
    counts = np.zeros((3, problems), dtype=np.int64)
    counts[:, table["index"].to_numpy()] = table.select("n", "both", "right").to_numpy().T
    return Answers(counts[0], counts[1]), Answers(counts[0], counts[2])
