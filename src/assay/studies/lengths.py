"""What did training do to the length of right and of wrong responses, and is it the loss's weighting by length?

After Liu et al. 2025 (arXiv 2503.20783): GRPO divides each response's loss by its length, so that long wrong ones are
held back less; Dr. GRPO does not.
"""

from typing import Any

import numpy as np

from assay.audits.inputs import Model
from assay.audits.length import Lengths, length_change, lengths_of
from assay.studies.cells import Cells, Tested
from assay.studies.question import FEW_SEEDS, NOT_SHOWN, Draft, Question, answered
from assay.studies.rows import Row, contrast, falls, has_few_seeds, moved, rises, words

KEY, TITLE = "lengths", "What did training do to the length of right and of wrong responses?"
TITLE_OF_PAIR = "Does the loss's weighting by length lengthen wrong responses?"
NEEDS = (
    "an arm of the true reward, better two that differ in grpo and dr-grpo, and samples with the column length_tokens"
)
METHOD = (
    "mean tokens of responses over problems (linearised ratio) and seeds, minus the base's; the change of the mean of "
    "all in three parts that add up to it (Kitagawa 1955)"
)
OVERTURN = "More steps, longer limits or other seeds under which wrong responses of the two arms part ways."
KINDS = ("right", "wrong", "all")
PARTS = ("from_right", "from_wrong", "from_accuracy")
YES, NO = "yes", "no: they grow less"
LONGER, SHORTER = "wrong responses get longer", "wrong responses get shorter"


def ask(cells: Cells) -> Draft | None:
    """The question, where lengths are known: of GRPO against Dr. GRPO, or without that pair of the true arm alone."""
    pair, true = _pair(cells), cells.true_arm
    families = {name: _family(cells, tested, pair) for name, tested in cells.on(cells.main).items()}
    families = {name: record for name, record in families.items() if record["base"] is not None}
    if true is None or not families:
        return None
    title, shown = (TITLE, [true]) if pair is None else (TITLE_OF_PAIR, list(pair))

    def answer() -> Question:
        for record in families.values():
            verdict = _verdict_of_arm(record, true) if pair is None else _verdict(record, pair)
            record["verdict"], record["sentence"] = verdict
        return answered(KEY, title, families, list(cells.arms), OVERTURN, METHOD, cells, shown)

    return Draft([row for record in families.values() for row in _tests(record, shown[0])], answer)


def _pair(cells: Cells) -> tuple[str, str] | None:
    """The first arms of GRPO and of Dr. GRPO on the true reward that differ in nothing else."""
    arms = sorted((arm for arm in cells.arms.values() if arm.is_true), key=lambda arm: len(arm.changed))
    for first in (arm for arm in arms if arm.algorithm_name == "grpo"):
        for second in (arm for arm in arms if arm.algorithm_name == "dr-grpo"):
            if not first.differs_from(second, "algorithm.name"):
                return first.name, second.name
    return None


def _family(cells: Cells, tested: Tested, pair: tuple[str, str] | None) -> dict[str, Any]:
    base = lengths_of(tested.base, tested.problems)
    if base is None:
        return {"base": None}
    arms = {arm: _arm(tested, arm, base) for arm in cells.arms if tested.of_arm(arm)}
    against = None
    if pair is not None:
        first, second = (_values(tested, arm, "wrong", base) for arm in pair)
        against = contrast(first, second, shares=False)
    return {
        "base": {**{kind: base.mean(kind) for kind in KINDS}, "truncated": tested.base.source["truncated_share"]},
        "arms": arms,
        "wrong_contrast": against,
        "problems": tested.problems,
        "n": tested.inputs.n,
    }


def _arm(tested: Tested, arm: str, base: Lengths) -> dict[str, Any]:
    models = tested.of_arm(arm)
    changes = [length_change(base, own) for model in models if (own := lengths_of(model, tested.problems)) is not None]
    truncated = [share for model in models if (share := model.source["truncated_share"]) is not None]
    return {
        **{kind: moved(_values(tested, arm, kind, base), shares=False) for kind in KINDS},
        **{part: _mean([change[part] for change in changes if change is not None]) for part in PARTS},
        "truncated": _mean(truncated),
    }


def _values(tested: Tested, arm: str, kind: str, base: Lengths) -> np.ndarray | None:
    """Change of the mean length since the base, [S, M]; of the models that have such responses."""
    base_M = base.values(kind)

    def change(model: Model) -> np.ndarray | None:
        own = lengths_of(model, tested.problems)
        own_M = None if own is None else own.values(kind)
        return None if own_M is None or base_M is None else own_M - base_M

    return tested.values(arm, change)


def _mean(values: list[float]) -> float | None:
    return float(np.mean(values)) if values else None


def _tests(record: dict[str, Any], arm: str) -> list[Row | None]:
    return [record["wrong_contrast"], record["arms"].get(arm, {}).get("wrong")]


def _verdict(record: dict[str, Any], pair: tuple[str, str]) -> tuple[str, str]:
    against = record["wrong_contrast"]
    if against is None:
        return NOT_SHOWN, f"there are no wrong responses to compare of both {pair[0]} and {pair[1]}."
    told = ", ".join(f"by {words(record['arms'][arm]['wrong'], '+.1f')} tokens with {arm}" for arm in pair)
    seen = f"wrong responses change {told}; the difference is {words(against, '+.1f')}"
    if has_few_seeds(against):
        return NOT_SHOWN, f"{seen}. {FEW_SEEDS}"
    if rises(against) and rises(record["arms"][pair[0]]["wrong"]):
        return YES, f"{seen}: they grow, and more where the loss weighs by length."
    if falls(against):
        return NO, f"{seen}: shorter where the loss weighs by length."
    return NOT_SHOWN, f"{seen}: no difference is shown."


def _verdict_of_arm(record: dict[str, Any], true: str) -> tuple[str, str]:
    arm = record["arms"].get(true)
    if arm is None or arm["wrong"] is None:
        return NOT_SHOWN, f"there are no wrong responses of {true} to compare."
    told = {kind: words(arm[kind], "+.1f") for kind in KINDS}
    seen = f"with {true} wrong responses change by {told['wrong']} tokens, right ones by {told['right']}"
    if has_few_seeds(arm["wrong"]):
        return NOT_SHOWN, f"{seen}. {FEW_SEEDS}"
    verdict = LONGER if rises(arm["wrong"]) else SHORTER if falls(arm["wrong"]) else NOT_SHOWN
    return verdict, f"{seen}."
