"""pass@k of each model, its difference to the base, crossover, sampling-efficiency gap and the boundary verdict."""

from dataclasses import asdict, replace
from typing import Any

import numpy as np

from assay.audits import Result, interval_finding, interval_json
from assay.audits.crossover import crossover
from assay.audits.inputs import Inputs, Model
from assay.audits.solvable import solvable, support
from assay.audits.verdict import MARGIN, METHOD, Boundary, Withheld, boundary_verdict
from assay.stats import LEVEL, Answers, Flips, mean_interval, sign_flips
from assay.types import Finding, Interval

UNKNOWN_LIMIT = 0.01  # above this share of unjudged answers no verdict is given
GAP_K = 256  # k of the sampling-efficiency gap in arXiv 2504.13837, section 4.3
CURVE_METHOD = (
    "mean over problems of 1 - C(n-c,k)/C(n,k) (arXiv 2107.03374); "
    "Wilson interval with the effective number of problems"
)
CROSSOVER_METHOD = "exact smallest k; percentile interval of a paired bootstrap over problems"
DIFFERENCE_METHOD = "difference of pass@k, paired over problems; studentised sign-flip interval"


def audit(inputs: Inputs) -> Result:
    """Curves of every model, and for each tuned one the comparison with the base."""
    everything = np.ones(len(inputs.problems), dtype=bool)
    result = Result(
        {
            "pass_at_k": _curves(inputs, inputs.models, everything),
            "guess_floor": _floor(inputs, everything),
        }
    )
    for model in inputs.models:
        for k in inputs.k:
            interval = _curve_point(model.answers, k)
            result.findings.append(
                interval_finding("boundary", model.label, f"pass@{k}", interval, len(inputs.problems), CURVE_METHOD)
            )
    for model in inputs.tuned:
        comparison, findings = _compare(inputs, model)
        result.comparisons[model.label] = comparison
        result.findings.extend(findings)
    return result


def _curves(inputs: Inputs, models: tuple[Model, ...], rows: np.ndarray) -> dict[str, Any]:
    return {
        model.label: {str(k): interval_json(_curve_point(model.answers[rows], k)) for k in inputs.k} for model in models
    }


def _curve_point(answers: Answers, k: int) -> Interval | None:
    return mean_interval(answers.pass_at_k(k), int(answers.n_M.sum()))


def _floor(inputs: Inputs, rows: np.ndarray) -> dict[str, float] | None:
    """Mean over problems of 1 - (1 - p)^k, the pass@k of blind, rule-abiding guessing."""
    chance_M = inputs.chance_M[rows]
    if np.isnan(chance_M).any() or not len(chance_M):
        return None
    return {str(k): float(np.mean(1 - (1 - chance_M) ** k)) for k in inputs.k}


def _compare(inputs: Inputs, model: Model) -> tuple[dict[str, Any], list[Finding]]:
    base, tuned = inputs.base.answers, model.answers
    verdict_M = inputs.verdict_M
    boundary = boundary_verdict(base[verdict_M], tuned[verdict_M], inputs.n, withheld(inputs, model))
    crossing = crossover(base, tuned, inputs.n)
    flips = _flips(base, tuned, inputs.k)
    differences = _differences(flips, inputs.k)
    gap = _gap(base, tuned, min(GAP_K, inputs.n))
    comparison = {
        "base": inputs.base.label,
        "tuned": model.label,
        "verdict": boundary.verdict,
        "why": boundary.why + _which_problems(inputs),
        "overturn": boundary.overturn,
        "evidence": _evidence(boundary, inputs.n),
        "crossover": {"k": crossing.k, "low": crossing.low, "high": crossing.high},
        "crossover_reason": crossing.reason,
        "pass_at_k_difference": {str(k): interval_json(each) for k, each in differences.items()},
        "sampling_efficiency_gap": {"k": min(GAP_K, inputs.n), **(interval_json(gap) or {})},
        "on_verdict_problems": None if verdict_M.all() else _on_verdict_problems(inputs, model),
        "per_problem": _per_problem(inputs, model),
    }
    return comparison, _findings(inputs, model, boundary, comparison, differences, gap)


def withheld(inputs: Inputs, model: Model) -> Withheld | None:
    """Why no verdict is given on a model: too many of its answers, or the base's, could not be judged."""
    for each in (inputs.base, model):
        share = each.source["unknown_share"]
        if share > UNKNOWN_LIMIT:
            return Withheld(
                f"Of the answers of {each.label}, {share:.1%} ({each.source['unknown']:,}) could not be judged; "
                f"above {UNKNOWN_LIMIT:.0%} no verdict is given.",
                f"The same samples graded so that at most {UNKNOWN_LIMIT:.0%} of them stay unjudged.",
            )
    return None


def _which_problems(inputs: Inputs) -> str:
    """What the verdict says about the guess floor."""
    left_out = int((~inputs.verdict_M).sum())
    if np.isnan(inputs.chance_M).all():
        return f" No guess floor is known, so all {len(inputs.problems):,} problems are used."
    if left_out:
        everything = len(inputs.problems)
        are = "is" if left_out == 1 else "are"
        return f" {left_out:,} of {everything:,} problems can be guessed within {inputs.n} tries and {are} left out."
    return ""


def _flips(base: Answers, tuned: Answers, ks: tuple[int, ...]) -> Flips:
    return sign_flips(np.stack([tuned.pass_at_k(k) - base.pass_at_k(k) for k in ks], axis=1))


def _differences(flips: Flips, ks: tuple[int, ...]) -> dict[int, Interval]:
    critical_K = flips.critical()
    return {k: flips.interval(column, float(critical_K[column])) for column, k in enumerate(ks)}


def _gap(base: Answers, tuned: Answers, k: int) -> Interval:
    """Base's pass@k minus tuned's pass@1 (arXiv 2504.13837, section 4.3): what the tuned model could still gain."""
    flips = sign_flips((base.pass_at_k(k) - tuned.pass_at_k(1))[:, None])
    return flips.interval(0, float(flips.critical()[0]))


def _evidence(boundary: Boundary, n: int) -> dict[str, Any]:
    return {
        "problems": boundary.problems,
        "n": n,
        "K": boundary.K,
        "level": LEVEL,
        "margin": MARGIN,
        "pass_at_1": None if boundary.pass_at_1 is None else asdict(boundary.pass_at_1),
        "pass_at_K": None if boundary.pass_at_K is None else asdict(boundary.pass_at_K),
        "method": METHOD,
    }


def _on_verdict_problems(inputs: Inputs, model: Model) -> dict[str, Any]:
    """The curves and sets without the problems that can be guessed."""
    rows = inputs.verdict_M
    base, tuned = inputs.base.answers[rows], model.answers[rows]
    if not rows.any():
        return {
            "problems": 0,
            **dict.fromkeys(("pass_at_k", "guess_floor", "pass_at_k_difference", "crossover", "solvable", "support")),
        }
    crossing = crossover(base, tuned, inputs.n)
    differences = _differences(_flips(base, tuned, inputs.k), inputs.k)
    return {
        "problems": int(rows.sum()),
        "pass_at_k": _curves(inputs, (inputs.base, model), rows),
        "guess_floor": _floor(inputs, rows),
        "pass_at_k_difference": {str(k): interval_json(each) for k, each in differences.items()},
        "crossover": {"k": crossing.k, "low": crossing.low, "high": crossing.high},
        "solvable": solvable(base, tuned),
        "support": support(base, tuned),
    }


def _per_problem(inputs: Inputs, model: Model) -> list[dict[str, Any]]:
    columns = zip(
        inputs.problems,
        inputs.base.answers.n_M.tolist(),
        inputs.base.answers.correct_M.tolist(),
        model.answers.n_M.tolist(),
        model.answers.correct_M.tolist(),
        strict=True,
    )
    names = ("problem", "n_base", "correct_base", "n_tuned", "correct_tuned")
    return [dict(zip(names, row, strict=True)) for row in columns]


def _findings(
    inputs: Inputs,
    model: Model,
    boundary: Boundary,
    comparison: dict[str, Any],
    differences: dict[int, Interval],
    gap: Interval,
) -> list[Finding]:
    label, against, problems = model.label, inputs.base.label, len(inputs.problems)
    at_K, crossing, k = boundary.pass_at_K, comparison["crossover"], comparison["sampling_efficiency_gap"]["k"]
    numbers = None if at_K is None else Interval(at_K.estimate, at_K.low, at_K.high)
    verdict = interval_finding("boundary", label, comparison["why"], numbers, boundary.problems, METHOD)
    claim = f"crossover with {against}: {comparison['crossover_reason']}"
    bounds = crossing["k"], crossing["low"], crossing["high"]
    gap_claim = f"sampling-efficiency gap: {against}'s pass@{k} minus pass@1"
    return [
        replace(verdict, verdict=boundary.verdict),
        *(
            interval_finding("boundary", label, f"pass@{k} minus {against}'s", each, problems, DIFFERENCE_METHOD)
            for k, each in differences.items()
        ),
        Finding("boundary", label, claim, None, *bounds, problems, CROSSOVER_METHOD),
        interval_finding("boundary", label, gap_claim, gap, problems, DIFFERENCE_METHOD),
    ]
