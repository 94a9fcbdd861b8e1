"""What a reward model is worth at inference: best of n by a score, against a majority vote, pass@n and one draw.

Everything is expected over n responses drawn without replacement from the N that a file holds to a problem
(docs/best_of_n.md).

Shape legend: M problems, N responses to one, C different scores among them, K values of n.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assay import __version__
from assay.audits import interval_json
from assay.audits.compare import rounded
from assay.audits.majority import DRAWS, EXACT_UP_TO, count_votes, majority_drawn, majority_exact
from assay.audits.scored import Scored
from assay.files import ignore
from assay.stats import LEVEL, RESAMPLES, SEED, TIE, Answers, Floats, mean_interval, pass_at_k, sign_flips

SCHEMA = "assay.best_of_n/1"
BETTER, WORSE, CANNOT_TELL = "better", "worse", "cannot be told"
MAJORITY, ONE_DRAW = "the majority", "one draw"
METHOD = (
    "Expected correctness over n responses drawn without replacement: of the one with the highest score (best of n), "
    "of the answer most often given (majority), of any (pass@n); ties are broken evenly. Wilson intervals with "
    "the effective number of problems; differences paired over problems, with a studentised sign-flip interval"
)


def best_of_n(scores_N: Floats, right_N: NDArray[np.bool_], ns: Sequence[int]) -> Floats:
    """Expected correctness of the response with the highest score among n of these N, float64 [K].

    Of the C(N, n) draws, C(E, n) - C(L, n) have a score as their highest that E responses do not exceed and L fall
    short of; where several bear it, each is equally likely to be handed in. Raises ValueError where n > N.
    """
    size = len(scores_N)
    if size < max(ns):
        raise ValueError(f"best of {max(ns)} needs at least {max(ns)} responses, got {size}")
    _, class_N, count_C = np.unique(scores_N, return_inverse=True, return_counts=True)
    share_C = np.bincount(class_N, right_N) / count_C
    above_C = size - np.cumsum(count_C)
    size_C = np.full(len(count_C), size, dtype=np.int64)
    values = []
    for n in ns:
        reached_C, exceeded_C = pass_at_k(size_C, above_C + count_C, n), pass_at_k(size_C, above_C, n)
        values.append(float((reached_C - exceeded_C) @ share_C) if n > 1 else float(right_N.mean()))
    return np.clip(values, 0.0, 1.0)


def ranking(scores_N: Floats, right_N: NDArray[np.bool_]) -> float | None:
    """P(a right response's score > a wrong one's), ties half: the area under the ROC curve; None without both."""
    right, wrong = scores_N[right_N], np.sort(scores_N[~right_N])
    if not len(right) or not len(wrong):
        return None
    below = np.searchsorted(wrong, right, "left") + np.searchsorted(wrong, right, "right")
    return float(below.mean() / (2 * len(wrong)))


def measure(scored: Scored, advance: Callable[[int], None] = ignore) -> dict[str, Any]:
    """The document best_of_n.json (docs/best_of_n.md); `advance` is called once a problem."""
    ns, problems = scored.ns, len(scored.problems)
    best, majority_MK, error_MK = _by_problem(scored, advance)
    judged = Answers(
        np.array([len(right) for right in scored.right], dtype=np.int64),
        np.array([right.sum() for right in scored.right], dtype=np.int64),
    )
    pass_MK = np.stack([judged.pass_at_k(n) for n in ns], axis=1)
    one_M, trials = pass_MK[:, 0], int(judged.n_M.sum())
    has_majority = scored.answers is not None
    drawn = _drawn(scored)
    document: dict[str, Any] = {
        "schema": SCHEMA,
        "assay_version": __version__,
        "n": list(ns),
        "one_draw": interval_json(mean_interval(one_M, trials)),
        "majority": _curve(majority_MK, ns, trials) if has_majority else None,
        "pass_at_n": _curve(pass_MK, ns, trials),
        "scores": {},
        "notes": [*scored.notes, *_drawn_note(drawn, problems)],
        "settings": {
            **scored.settings,
            "level": LEVEL,
            "resamples": RESAMPLES,
            "seed": SEED,
            "draws": DRAWS,
            "method": METHOD,
        },
    }
    if has_majority:
        for column, n in enumerate(ns):
            error = float(np.sqrt((error_MK[:, column] ** 2).sum())) / problems
            document["majority"][str(n)]["draws_error"] = error if drawn and n > 1 else None
    for name, best_MK in best.items():
        told = {
            "best_of_n": _curve(best_MK, ns, trials),
            "against": MAJORITY if has_majority else ONE_DRAW,
            "difference": _paired(best_MK - (majority_MK if has_majority else one_M[:, None]), ns),
            "minus_one_draw": _paired(best_MK - one_M[:, None], ns),
            "ranking": _ranking(scored, name),
        }
        document["scores"][name] = told | _said(name, told, document)
    result: dict[str, Any] = rounded(document)
    return result


def _by_problem(scored: Scored, advance: Callable[[int], None]) -> tuple[dict[str, Floats], Floats, Floats]:
    """Best of n by each score, majority (0 where there are no answers) and the standard error of its draws, [M, K]."""
    ns, problems = scored.ns, len(scored.problems)
    best: dict[str, Floats] = {name: np.zeros((problems, len(ns))) for name in scored.scores}
    majority_MK, error_MK = np.zeros((problems, len(ns))), np.zeros((problems, len(ns)))
    for row, (problem, right_N) in enumerate(zip(scored.problems, scored.right, strict=True)):
        for name, scores in scored.scores.items():
            best[name][row] = best_of_n(scores[row], right_N, ns)
        if scored.answers is not None:
            majority_MK[row], error_MK[row] = _majority(scored.answers[row], right_N, ns, problem)
        advance(1)
    return best, majority_MK, error_MK


def _majority(
    answers: Sequence[str | None], right_N: NDArray[np.bool_], ns: Sequence[int], problem: str
) -> tuple[Floats, Floats]:
    """Estimates and standard errors of the draws (0 where none were needed), of one problem."""
    votes = count_votes(answers, right_N.tolist())
    if votes.responses > EXACT_UP_TO:
        return majority_drawn(votes, ns, problem)
    return majority_exact(votes)[np.asarray(ns) - 1], np.zeros(len(ns))


def _curve(values_MK: Floats, ns: Sequence[int], trials: int) -> dict[str, Any]:
    """n -> interval over problems."""
    return {str(n): interval_json(mean_interval(values_MK[:, at], trials)) for at, n in enumerate(ns)}


def _paired(difference_MK: Floats, ns: Sequence[int]) -> dict[str, Any]:
    """n -> interval of the mean difference, from n = 2 on: at 1 both are one draw. Rounding is no difference."""
    difference_MK = np.where(np.abs(difference_MK) < TIE, 0.0, difference_MK)[:, 1:]
    flips = sign_flips(difference_MK)
    critical_K = flips.critical()
    return {str(n): interval_json(flips.interval(at, float(critical_K[at]))) for at, n in enumerate(ns[1:])}


def _ranking(scored: Scored, name: str) -> dict[str, Any]:
    found = [
        (value, len(right))
        for scores, right in zip(scored.scores[name], scored.right, strict=True)
        if (value := ranking(scores, right)) is not None
    ]
    interval = mean_interval(np.array([value for value, _ in found]), sum(size for _, size in found))
    empty = dict.fromkeys(("estimate", "low", "high"))
    return {**(interval_json(interval) or empty), "problems": len(found)}


def _said(name: str, told: Mapping[str, Any], document: Mapping[str, Any]) -> dict[str, Any]:
    """The verdict at the largest n and the sentence that tells it."""
    n, against = document["n"][-1], told["against"]
    difference = told["difference"][str(n)]
    verdict = BETTER if difference["low"] > 0 else WORSE if difference["high"] < 0 else CANNOT_TELL
    parts = [f"best-of-{n} by {name}: {told['best_of_n'][str(n)]['estimate']:.3f}"]
    if document["majority"]:
        parts.append(f"majority: {document['majority'][str(n)]['estimate']:.3f}")
    parts.append(f"pass@{n}: {document['pass_at_n'][str(n)]['estimate']:.3f}")
    parts.append(f"one draw: {document['one_draw']['estimate']:.3f}")
    moved = f"{difference['estimate']:+.3f}, {100 * LEVEL:.0f} % interval "
    moved += f"{difference['low']:+.3f} to {difference['high']:+.3f}"
    ending = f"cannot be told from {against}" if verdict == CANNOT_TELL else f"{verdict} than {against}"
    return {"verdict": verdict, "words": f"{'; '.join(parts)}; {ending} ({moved})"}


def _drawn(scored: Scored) -> int:
    """Problems whose majority is from draws."""
    return 0 if scored.answers is None else sum(len(right) > EXACT_UP_TO for right in scored.right)


def _drawn_note(drawn: int, problems: int) -> list[str]:
    if not drawn:
        return []
    return [
        f"The majority is the mean of {DRAWS:,} seeded draws where a problem has more than {EXACT_UP_TO} responses, of "
        f"{drawn:,} of {problems:,} problems; everything else is exact."
    ]
