"""How many different right solutions a model has to a problem: distinct ones among m right responses.

Rarefaction (Hurlbert 1971, doi 10.2307/1934145): counts of different things grow with how many are looked at, so they
are compared at the same number of right responses, whatever the accuracy. Shape legend: S solutions to one problem.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import takewhile
from typing import Any

import numpy as np
import polars as pl

from assay.audits import Result, interval_finding, interval_json
from assay.audits.inputs import Inputs, Model
from assay.audits.paired import change_finding, change_json, paired_change
from assay.audits.verdict import Change
from assay.stats import Counts, Floats, pass_at_k, t_interval

LEAST = 2
"""Problems below which there is no interval over them."""
METHOD = (
    "expected number of distinct solutions among m right responses drawn without replacement, on the problems to which "
    "every model has that many; Student interval over problems"
)
NARROWER, WIDER, NOT_TOLD = "narrower", "wider", "not told"
MEANS = {
    NARROWER: "it goes about what it solves in fewer ways",
    WIDER: "it goes about what it solves in more ways",
    NOT_TOLD: "that may be the luck of the draw",
}
OVERTURN = {
    NARROWER: "as many right responses do not differ less",
    WIDER: "as many right responses do not differ more",
    NOT_TOLD: "the difference is clear; more problems would narrow the interval",
}
VERDICT_METHOD = (
    "distinct solutions at the largest m that half as many problems have as have m = 2; paired over problems, "
    "studentised sign-flip interval, which calls two samplings of one model different in 5 % of audits at most"
)
Found = Mapping[int, Counts]
"""Problem -> how often each of its different right solutions was given, int64 [S]."""


def distinct(count_S: Counts, m: int) -> float:
    """Expected number of different solutions among m of the c = sum(count_S) right responses.

    A solution given c_s times is among C(c, m) - C(c - c_s, m) of the C(c, m) draws. Raises ValueError where c < m.
    """
    total_S = np.full(len(count_S), count_S.sum(), dtype=np.int64)
    return float(pass_at_k(total_S, count_S, m).sum()) if m > 1 else 1.0


def audit(inputs: Inputs) -> Result:
    """Distinct right solutions of every model whose file has solutions, by m, and how the tuned ones' differ."""
    found = {model.label: _solutions(model) for model in inputs.models if model.has("solution")}
    problems = _problems(list(found.values()))
    values = {
        label: {m: np.array([distinct(each[problem], m) for problem in rows]) for m, rows in problems.items()}
        for label, each in found.items()
    }
    result = Result({"diversity": {model.label: _describe(model, values.get(model.label)) for model in inputs.models}})
    base = values.get(inputs.base.label)
    for model in inputs.tuned:
        tuned = values.get(model.label)
        known = base is not None and tuned is not None
        change = {m: tuned[m] - base[m] for m in problems} if base is not None and tuned is not None else {}
        told = _verdict(result, inputs.base.label, model.label, base, tuned) if base and tuned else None
        record = {"distinct": _table(change), **(told or _too_few())} if known else None
        result.comparisons[model.label] = {"diversity": record}
    for label, each in values.items():
        for m in problems:
            claim = f"distinct solutions among {m} right responses"
            interval = t_interval(each[m])
            result.findings.append(interval_finding("diversity", label, claim, interval, len(problems[m]), METHOD))
    return result


def verdict_m(problems: Mapping[int, int]) -> int | None:
    """The m that the verdict is read at: the largest that half as many problems have as have the smallest one.

    `problems` has how many by m, rising. It rests on numbers of right responses alone, never on what differs.
    """
    return max((m for m, count in problems.items() if 2 * count >= next(iter(problems.values()))), default=None)


def decide(change: Change | None) -> str:
    """Narrower or wider where the interval of the change of distinct solutions leaves 0 out."""
    if change is None or change.low <= 0 <= change.high:
        return NOT_TOLD
    return NARROWER if change.high < 0 else WIDER


def _verdict(
    result: Result, base: str, label: str, before: Mapping[int, Floats], after: Mapping[int, Floats]
) -> dict[str, Any] | None:
    m = verdict_m({m: len(each) for m, each in before.items()})
    if m is None:
        return None
    change, problems = paired_change(before[m], after[m], m - 1), len(before[m])
    assert change is not None
    verdict = decide(change)
    seen = (
        f"Among {m} right responses to a problem {base} has {change.base:.2f} different solutions and {label} "
        f"{change.tuned:.2f} ({change.estimate:+.2f}, 95 % interval {change.low:+.2f} to {change.high:+.2f}, "
        f"{problems} problems)"
    )
    why = f"{seen}: {MEANS[verdict]}."
    told = change_finding("diversity", label, why, change, problems, VERDICT_METHOD)
    result.findings.append(replace(told, verdict=verdict))
    overturn = f"Other problems, or a fresh sampling of both models, on which {OVERTURN[verdict]}."
    return {"verdict": verdict, "why": why, "overturn": overturn, "m": m, "change": change_json(change, problems)}


def _too_few() -> dict[str, Any]:
    why = f"Fewer than {LEAST} problems have two right responses of both models."
    overturn = "More responses to each problem, or easier problems."
    return {"verdict": NOT_TOLD, "why": why, "overturn": overturn, "m": None, "change": None}


def _solutions(model: Model) -> Found:
    assert model.rows is not None
    right = model.rows.filter(pl.col("correct") & pl.col("solution").is_not_null())
    table = right.group_by("index", "solution").agg(count=pl.len()).sort("index", "solution")
    table = table.group_by("index", maintain_order=True).agg("count")
    return {index: np.array(counts, dtype=np.int64) for index, counts in table.iter_rows()}


def _problems(found: Sequence[Found]) -> dict[int, list[int]]:
    """m = 2, 4, 8, ... -> the problems to which every model has m right responses, as long as there are `LEAST`."""
    shared = sorted(set.intersection(*(set(each) for each in found))) if found else []
    least = {problem: min(int(each[problem].sum()) for each in found) for problem in shared}
    powers = [2**power for power in range(1, max(least.values(), default=0).bit_length())]
    by_m = ((m, [problem for problem in shared if least[problem] >= m]) for m in powers)
    return dict(takewhile(lambda pair: len(pair[1]) >= LEAST, by_m))


def _describe(model: Model, values: Mapping[int, Floats] | None) -> dict[str, Any] | None:
    if values is None:
        return None
    assert model.rows is not None
    right = model.rows.filter(pl.col("correct"))["solution"]
    return {"distinct": _table(values), "right": len(right), "without_solution": right.null_count()}


def _table(values: Mapping[int, Floats]) -> dict[str, Any]:
    return {str(m): {**(interval_json(t_interval(each)) or {}), "problems": len(each)} for m, each in values.items()}
