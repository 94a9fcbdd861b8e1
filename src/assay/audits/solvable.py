"""Which problems each model can solve at all, whether luck explains the difference, and the support ratios."""

import math
from typing import Any

import numpy as np

from assay.audits import Result
from assay.audits.inputs import Inputs, Model
from assay.stats import Answers, Floats, holm, poisson_binomial_tail
from assay.types import Finding

LISTED = 50
METHOD = (
    "solved: at least one right answer; luck: each problem's right answers dealt at random over both models' answers "
    "(hypergeometric), the number of such problems against its Poisson-binomial distribution, one-sided"
)


def audit(inputs: Inputs) -> Result:
    """The four sets of every tuned model against the base, on all problems."""
    result = Result()
    for model in inputs.tuned:
        base, tuned = inputs.base.answers, model.answers
        sets = solvable(base, tuned)
        lost_M, gained_M = chance_of_none(tuned, base), chance_of_none(base, tuned)
        tests = {"base_only": _luck(lost_M, base, tuned), "tuned_only": _luck(gained_M, tuned, base)}
        result.comparisons[model.label] = {
            "solvable": sets,
            "solvable_test": tests,
            "solvable_problems": {
                "base_only": _listed(inputs, model, _only(base, tuned), lost_M),
                "tuned_only": _listed(inputs, model, _only(tuned, base), gained_M),
            },
            "support": support(base, tuned),
        }
        for name, test in tests.items():
            found = f"{test['observed']} problems, {test['expected']:.1f} by luck, p = {test['p_value']:.2g}"
            claim = f"{name.replace('_', ' ')}: {found}"
            result.findings.append(
                Finding("solvable", model.label, claim, None, sets[name], None, None, len(inputs.problems), METHOD)
            )
        for ratio in ("SRR", "NDR", "SDS", "NSCR"):
            value = result.comparisons[model.label]["support"][ratio]
            result.findings.append(
                Finding(
                    "solvable", model.label, ratio, None, value, None, None, len(inputs.problems), "arXiv 2507.14843"
                )
            )
    return result


def solvable(base: Answers, tuned: Answers) -> dict[str, int]:
    """Problems solved by both, by one only, by neither (arXiv 2504.13837, Table 4)."""
    before_M, after_M = base.correct_M > 0, tuned.correct_M > 0
    return {
        "both": int((before_M & after_M).sum()),
        "base_only": int((before_M & ~after_M).sum()),
        "tuned_only": int((~before_M & after_M).sum()),
        "neither": int((~before_M & ~after_M).sum()),
    }


def support(base: Answers, tuned: Answers) -> dict[str, float | int | None]:
    """The ratios of `support_ratios` for the four sets."""
    sets = solvable(base, tuned)
    preserved, shrunk, expanded = sets["both"], sets["base_only"], sets["tuned_only"]
    counts = {"preserved": preserved, "shrunk": shrunk, "expanded": expanded, "out": sets["neither"]}
    return {**counts, **support_ratios(preserved, shrunk, expanded)}


def support_ratios(preserved: int, shrunk: int, expanded: int) -> dict[str, float | None]:
    """SRR = P/(P+S), NDR = E/(P+E), SDS their harmonic mean, NSCR = (E-S)/(P+E+S) (arXiv 2507.14843).

    None where a denominator is 0; SDS is 0 where one of the two is 0 and the other defined.
    """
    srr = _ratio(preserved, preserved + shrunk)
    ndr = _ratio(expanded, preserved + expanded)
    known = srr is not None and ndr is not None
    sds = (2 * srr * ndr / (srr + ndr) if srr and ndr else 0.0) if known else None
    return {"SRR": srr, "NDR": ndr, "SDS": sds, "NSCR": _ratio(expanded - shrunk, preserved + expanded + shrunk)}


def _ratio(numerator: int, denominator: int) -> float | None:
    return numerator / denominator if denominator else None


def chance_of_none(loser: Answers, winner: Answers) -> Floats:
    """Chance, per problem, that luck alone gives `loser` none of the right answers that both have together.

    With c right answers among n_l + n_w, all c fall to the winner with chance C(n_w, c) / C(n_l + n_w, c), about 2^-c
    for equal n: Fisher's exact one-sided p-value where the loser has none. 0 where c is 0.
    """
    chances = []
    for n_l, c_l, n_w, c_w in zip(
        loser.n_M.tolist(), loser.correct_M.tolist(), winner.n_M.tolist(), winner.correct_M.tolist(), strict=True
    ):
        right = c_l + c_w
        if right == 0 or right > n_w:
            chances.append(0.0)
        else:
            chances.append(math.exp(sum(math.log1p(-n_l / (n_l + n_w - j)) for j in range(right))))
    return np.array(chances)


def _only(winner: Answers, loser: Answers) -> np.ndarray:
    return (winner.correct_M > 0) & (loser.correct_M == 0)


def _luck(chance_M: Floats, winner: Answers, loser: Answers) -> dict[str, Any]:
    only_M = _only(winner, loser)
    observed = int(only_M.sum())
    tests = int(((winner.correct_M > 0) | (loser.correct_M > 0)).sum())
    adjusted = holm(chance_M[only_M].tolist(), tests)
    return {
        "observed": observed,
        "expected": float(chance_M.sum()),
        "p_value": poisson_binomial_tail(chance_M[chance_M > 0].tolist(), observed),
        "significant": sum(p < 0.05 for p in adjusted),
    }


def _listed(inputs: Inputs, model: Model, only_M: np.ndarray, chance_M: Floats) -> list[dict[str, Any]]:
    base, tuned = inputs.base.answers, model.answers
    indices = sorted(np.flatnonzero(only_M).tolist(), key=lambda index: (chance_M[index], index))[:LISTED]
    return [
        {
            "problem": inputs.problems[index],
            "n_base": int(base.n_M[index]),
            "correct_base": int(base.correct_M[index]),
            "n_tuned": int(tuned.n_M[index]),
            "correct_tuned": int(tuned.correct_M[index]),
            "p_value": float(chance_M[index]),
        }
        for index in indices
    ]
