"""Is narrowing only a lower temperature?

The trained model is sampled also at the temperature at which its entropy is the base's, as in Yue et al. 2025 (arXiv
2504.13837), who found that the gap at large k does not close.
"""

import json
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assay.audits.entropy import token_values
from assay.audits.inputs import Model
from assay.audits.verdict import MARGIN, ROOM
from assay.stats import Floats
from assay.studies.cells import LEAST_PROBLEMS, Cells, Tested
from assay.studies.question import FEW_SEEDS, NOT_SHOWN, Draft, Question, answered
from assay.studies.rows import falls, has_few_seeds, level, moved, rises, words

KEY, TITLE = "temperatures", "Is narrowing only a lower temperature?"
NEEDS = "arms named in matched, whose models are sampled again at the temperature at which their entropy is the base's"
METHOD = (
    "pass@k over seeds and problems, without those that can be guessed, K is half the answers; entropy is -log p a "
    "token under the distribution that was sampled"
)
OVERTURN = "More problems or seeds, or a larger K, on which the matched model does (or does not) reach the base."
YES, NO, PARTLY, NOTHING = "yes", "no", "partly", "no narrowing is shown"
TESTS = ("tuned_minus_base", "matched_minus_base", "matched_minus_tuned")
CURVES = {"base": "base", "tuned": "trained, temperature 1", "matched": "trained, matched temperature"}


def ask(cells: Cells) -> Draft | None:
    """The question, where some arm was sampled at a matched temperature."""
    if not cells.matched:
        return None
    families = {name: _family(cells, *pair) for name, pair in cells.matched.items()}

    def answer() -> Question:
        for record in families.values():
            for arm, told in record["arms"].items():
                told["verdict"], told["sentence"] = _verdict(arm, told, record)
            verdicts = {told["verdict"] for told in record["arms"].values()}
            record["verdict"] = verdicts.pop() if len(verdicts) == 1 else "differs between arms"
            record["sentence"] = " ".join(told["sentence"] for told in record["arms"].values())
        return answered(KEY, TITLE, families, list(cells.study.matched), OVERTURN, METHOD, cells)

    told = [arm for record in families.values() for arm in record["arms"].values()]
    return Draft([arm[test] for arm in told for test in TESTS], answer)


def _family(cells: Cells, tuned: Tested, matched: Tested) -> dict[str, Any]:
    rows = tuned.inputs.verdict_M
    can_tell = bool(rows.sum() >= LEAST_PROBLEMS)
    if not can_tell:  # numbers are of all problems then, and nothing is said of them
        rows = np.ones_like(rows)
    arms = {arm: _arm(cells, arm, tuned, matched, rows) for arm in cells.study.matched if matched.of_arm(arm)}
    return {
        "K": tuned.K,
        "n": tuned.inputs.n,
        "problems": int(rows.sum()),
        "can_be_guessed": int((~tuned.inputs.verdict_M).sum()),
        "can_tell": can_tell,
        "base": float(tuned.base.answers[rows].pass_at_k(tuned.K).mean()),
        "arms": arms,
    }


def _arm(cells: Cells, arm: str, tuned: Tested, matched: Tested, rows: NDArray[np.bool_]) -> dict[str, Any]:
    values = {
        k: [np.stack([model.answers[rows].pass_at_k(k) for model in models]) for models in _sides(arm, tuned, matched)]
        for k in sorted({*tuned.inputs.k, tuned.K})
    }
    base_SM, tuned_SM, matched_SM = values[tuned.K]
    return {
        "curves": {
            str(k): {side: level(side_SM) for side, side_SM in zip(CURVES, sides, strict=True)}
            for k, sides in values.items()
        },
        "tuned_minus_base": moved(tuned_SM - base_SM),
        "matched_minus_base": moved(matched_SM - base_SM),
        "matched_minus_tuned": moved(matched_SM - tuned_SM),
        "entropy": {
            side: level(_entropy(models, tuned.problems), shares=False)
            for side, models in zip(CURVES, _sides(arm, tuned, matched), strict=True)
        },
        "temperatures": [model.source["temperature"] for model in matched.of_arm(arm)],
        "not_reached": _not_reached(cells, arm, matched),
    }


def _sides(arm: str, tuned: Tested, matched: Tested) -> tuple[list[Model], ...]:
    """The models of each curve, in the order of `CURVES`."""
    return [tuned.base], tuned.of_arm(arm), matched.of_arm(arm)


def _entropy(models: list[Model], problems: int) -> Floats | None:
    found = [values_M for model in models if (values_M := token_values(model, problems)) is not None]
    return np.stack(found) if found else None


def _not_reached(cells: Cells, arm: str, matched: Tested) -> list[str]:
    """The runs whose search for the temperature says that the base's entropy was not reached."""
    found = []
    for cell in matched.models:
        trail = cells.matrix.samples(cells.main, cell.family, cell, matched=True).with_suffix(".json")
        if cell.arm == arm and trail.is_file() and json.loads(trail.read_text("utf-8")).get("reached") is False:
            found.append(str(cell))
    return found


def _verdict(arm: str, told: dict[str, Any], record: dict[str, Any]) -> tuple[str, str]:
    narrowing, left, closed = told["tuned_minus_base"], told["matched_minus_base"], told["matched_minus_tuned"]
    seen = f"at k = {record['K']} {arm} differs from the base by {words(narrowing)}, "
    seen += f"at the matched temperature by {words(left)}"
    if told["not_reached"]:
        seen += f" (the base's entropy was not reached for {', '.join(told['not_reached'])})"
    if has_few_seeds(narrowing):
        return NOT_SHOWN, f"{seen}. {FEW_SEEDS}"
    if not record["can_tell"]:
        return NOT_SHOWN, f"{seen}. All problems can be guessed within {record['n']} tries, so pass@k says nothing."
    if not falls(narrowing):
        if narrowing["low"] is None or narrowing["low"] <= -MARGIN:
            return NOT_SHOWN, f"{seen}. No loss is shown at temperature 1, and one of more than {MARGIN} not excluded."
        if record["base"] > ROOM:
            return NOT_SHOWN, f"{seen}. The base solves {record['base']:.1%} at that k, where a loss hardly shows."
        return NOTHING, f"{seen}. No loss of more than {MARGIN} at temperature 1, so there is none to explain."
    if told["not_reached"]:
        return NOT_SHOWN, f"{seen}. Without the base's entropy in every run nothing is said."
    if falls(left):
        less = rises(closed)
        end = "part of the loss goes, and part stays" if less else "the loss is there, and not shown to be smaller"
        return PARTLY if less else NO, f"{seen}: {end}."
    if left["low"] is not None and left["low"] > -MARGIN:
        return YES, f"{seen}: the loss is gone, within {MARGIN}."
    return NOT_SHOWN, f"{seen}: whether a loss is left is not shown."
