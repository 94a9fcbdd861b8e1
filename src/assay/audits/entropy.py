"""How spread out answers are, and how undecided a model is at each token: entropies in nats.

Answer entropy is that of the answers to one problem, whether right or not. The plug-in estimate grows with the number
of answers, so Zhang's (2012, doi 10.1162/NECO_a_00266) is taken, whose bias falls faster, and both models' at the same
order: that is the same measure for both, whatever their numbers of answers. Shape legend: M problems, S answers,
U different counts.
"""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import polars as pl

from assay.audits import Result, interval_finding, interval_json
from assay.audits.inputs import Inputs, Model
from assay.audits.paired import METHOD as PAIRED
from assay.audits.paired import change_finding, change_json, paired_change
from assay.stats import Counts, Floats, ratio_pseudo_values, t_interval

ANSWER_METHOD = (
    "Zhang's estimate (doi 10.1162/NECO_a_00266) over answers that were read, nats, at the order of the smallest "
    "number of answers that any model has to the problem; mean over problems"
)
TOKEN_METHOD = (
    "-log p of the responses by their tokens, nats: the mean entropy of the next token over the places that the model "
    "came to; Student interval over problems of the linearised ratio"
)
LEAST_ANSWERS = 2
Found = Mapping[int, Counts]
"""Problem -> how often each answer was given, int64 [S]."""


def entropy(count_S: Counts, order: int) -> float:
    """Zhang's estimate from n = sum(count_S) answers, at an order of 1 to n: unbiased for sum p (1-p)^v / v, v < order.

    Its mean over all draws of `order` of the answers is itself: sum_S c/n sum_v (1/v) C(n-c, v) / C(n-1, v). Nats.
    """
    n = int(count_S.sum())
    assert 1 <= order <= n
    v = np.arange(1, order)
    count_U, times_U = np.unique(count_S, return_counts=True)  # most answers are given as often as some other
    missed_UV = np.cumprod((n - count_U[:, None] - v + 1).clip(0) / (n - v), axis=1)
    return float((times_U * count_U / n) @ (missed_UV / v).sum(axis=1))


def audit(inputs: Inputs) -> Result:
    """Answer entropy of every model whose file has answers, token entropy of each sampled from its own distribution."""
    problems = len(inputs.problems)
    answers = {model.label: _answers(model) for model in inputs.models if model.has("answers")}
    orders = _orders(answers)
    values = {
        label: np.array([entropy(found[problem], order) for problem, order in orders.items()])
        for label, found in answers.items()
        if orders
    }
    tokens = {
        model.label: (token_values(model, problems) if model.sampled_unchanged else None) for model in inputs.models
    }
    result = Result({"entropy": {}})
    for model in inputs.models:
        answer_M, token_M = values.get(model.label), tokens[model.label]
        result.document["entropy"][model.label] = _describe(result, model.label, answer_M, token_M, problems)
    reach = math.log(max(orders.values(), default=1)) + 1  # the estimate is at most 1 + 1/2 + ... + 1/(order - 1)
    base = inputs.base.label
    for model in inputs.tuned:
        both = base in values and model.label in values
        change = paired_change(values[base], values[model.label], reach) if both else None
        before_M, after_M = tokens[base], tokens[model.label]
        of_tokens = None if before_M is None or after_M is None else t_interval(after_M - before_M)
        record = {"answer": change_json(change, len(orders)), "token": interval_json(of_tokens)}
        result.comparisons[model.label] = {"entropy": record if any(record.values()) else None}
        if change is not None:
            claim = f"change of the answer entropy since {base}, nats"
            method = f"{ANSWER_METHOD}; {PAIRED}"
            result.findings.append(change_finding("entropy", model.label, claim, change, len(orders), method))
        if of_tokens is not None:
            claim = f"change of the token entropy since {base}, nats"
            result.findings.append(interval_finding("entropy", model.label, claim, of_tokens, problems, TOKEN_METHOD))
    return result


def _answers(model: Model) -> Found:
    assert model.rows is not None
    read = model.rows.filter(pl.col("answers").is_not_null())
    table = read.group_by("index", "answers").agg(count=pl.len()).sort("index", "count")
    table = table.group_by("index", maintain_order=True).agg("count")
    return {index: np.array(counts, dtype=np.int64) for index, counts in table.iter_rows()}


def _orders(answers: Mapping[str, Found]) -> dict[int, int]:
    """Problem -> the smallest number of answers of any model; only those with two at least."""
    found = list(answers.values())
    shared = sorted(set.intersection(*(set(each) for each in found))) if found else []
    orders = {problem: min(int(each[problem].sum()) for each in found) for problem in shared}
    return {problem: order for problem, order in orders.items() if order >= LEAST_ANSWERS}


def token_values(model: Model, problems: int) -> Floats | None:
    """Values [M] whose mean is the entropy a token of the distribution that was sampled from; None where the file does
    not say what it takes."""
    if not model.has("logprob", "length_tokens"):
        return None
    assert model.rows is not None
    rows = model.rows.filter(pl.col("logprob").is_not_null() & (pl.col("length_tokens") > 0))
    table = rows.group_by("index").agg(nats=-pl.col("logprob").sum(), tokens=pl.col("length_tokens").sum())
    nats_M, tokens_M = np.zeros(problems), np.zeros(problems)
    nats_M[table["index"].to_numpy()] = table["nats"].to_numpy()
    tokens_M[table["index"].to_numpy()] = table["tokens"].to_numpy()
    return ratio_pseudo_values(nats_M, tokens_M) if tokens_M.sum() else None


def _describe(
    result: Result, label: str, answer_M: Floats | None, token_M: Floats | None, problems: int
) -> dict[str, Any] | None:
    record: dict[str, Any] = {"answer": None, "token": None}
    if answer_M is not None:
        interval, compared = t_interval(answer_M), len(answer_M)
        record["answer"] = {**(interval_json(interval) or {}), "problems": compared}
        claim = "answer entropy, nats"
        result.findings.append(interval_finding("entropy", label, claim, interval, compared, ANSWER_METHOD))
    if token_M is not None:
        interval = t_interval(token_M)
        record["token"] = interval_json(interval)
        claim = "token entropy, nats"
        result.findings.append(interval_finding("entropy", label, claim, interval, problems, TOKEN_METHOD))
    return record if any(record.values()) else None
