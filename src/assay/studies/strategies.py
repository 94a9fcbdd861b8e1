"""Does the gain come from switching strategy, or from better answers within one?

The contributions are those of Shao et al. 2025 (arXiv 2506.10947), C_d, for n answers a problem
(`assay.audits.strategy.contributions`). Shape legend: S seeds, M problems.
"""

from typing import Any

import numpy as np

from assay.audits.strategy import Mix, strategies_of
from assay.stats import Floats
from assay.studies.cells import Cells, Tested
from assay.studies.question import FEW_SEEDS, NOT_SHOWN, Draft, Question, answered
from assay.studies.rows import falls, has_few_seeds, level, moved, rises, words

KEY, TITLE = "strategies", "Does the gain come from switching strategy, or from better answers within one?"
NEEDS = "an arm of the true reward, and samples of base and trained models with the column strategy, of two strategies"
METHOD = (
    "every base answer is paired with every answer of the trained model to the same problem; a pair contributes right "
    "minus right to the switch from the one's strategy to the other's (C_d of arXiv 2506.10947), averaged over pairs, "
    "problems and seeds"
)
OVERTURN = "Other seeds or problems on which the other part is the larger."
SWITCHING, WITHIN = "from switching", "from better answers within a strategy"


def mixes(tested: Tested) -> dict[str, Mix] | None:
    """Label -> the strategies of every model; None where some file has no labels."""
    models = tested.inputs.models
    if not all(model.has("strategy") for model in models):
        return None
    names = strategies_of(models)
    return {model.label: Mix(model, names, tested.problems) for model in models}


def ask(cells: Cells) -> Draft | None:
    """The question, where there is a true arm and strategies are labelled."""
    true = cells.true_arm
    families = {
        name: _family(cells, tested, mix)
        for name, tested in cells.on(cells.main).items()
        if (mix := mixes(tested)) is not None and len(mix[tested.base.label].strategies) > 1
    }
    if true is None or not families:
        return None

    def answer() -> Question:
        for record in families.values():
            record["verdict"], record["sentence"] = _verdict(record["arms"].get(true), true)
        return answered(KEY, TITLE, families, list(cells.arms), OVERTURN, METHOD, cells, [true])

    told = [record["arms"][true] for record in families.values() if true in record["arms"]]
    return Draft([row for arm in told for row in (arm["gain"], arm["excess"])], answer)


def _family(cells: Cells, tested: Tested, mix: dict[str, Mix]) -> dict[str, Any]:
    names = strategies_of(tested.inputs.models)
    base = mix[tested.base.label]
    arms = {}
    for arm in cells.arms:
        tuned = [mix[model.label] for model in tested.of_arm(arm)]
        if tuned:
            arms[arm] = {"gain": tested.gains[arm], **_arm(names, base, tuned)}
    shares = {name: float(base.share_MS[:, column].mean()) for column, name in enumerate(names)}
    return {
        "true": cells.true_arm,
        "strategies": shares,
        "arms": arms,
        "problems": tested.problems,
        "n": tested.inputs.n,
    }


def _arm(names: list[str], base: Mix, tuned: list[Mix]) -> dict[str, Any]:
    pairs = {
        (before, after): np.stack([contribution(base, each, row, column) for each in tuned])
        for row, before in enumerate(names)
        for column, after in enumerate(names)
    }
    switching_SM = np.sum([values for (before, after), values in pairs.items() if before != after], axis=0)
    within_SM = np.sum([values for (before, after), values in pairs.items() if before == after], axis=0)
    return {
        "switching": level(switching_SM),
        "within": level(within_SM),
        "excess": moved(switching_SM - within_SM),
        "contributions": [
            {"from": before, "to": after, **(level(values) or {})} for (before, after), values in pairs.items()
        ],
        "shares": {
            name: level(np.stack([each.share_MS[:, column] for each in tuned])) for column, name in enumerate(names)
        },
    }


def contribution(base: Mix, tuned: Mix, before: int, after: int) -> Floats:
    """What the switch between two strategies, by their columns, adds to each problem's share of right answers, [M]."""
    gained_M = base.share_MS[:, before] * tuned.right_share_MS[:, after]
    return np.asarray(gained_M - base.right_share_MS[:, before] * tuned.share_MS[:, after])


def _verdict(arm: dict[str, Any] | None, true: str) -> tuple[str, str]:
    if arm is None:
        return NOT_SHOWN, f"no run of {true} is done."
    seen = f"of the gain of {true}, {words(arm['gain'])}, switching adds {words(arm['switching'])} and better answers "
    seen += f"within a strategy {words(arm['within'])}."
    if has_few_seeds(arm["gain"]):
        return NOT_SHOWN, f"{seen} {FEW_SEEDS}"
    if not rises(arm["gain"]):
        return NOT_SHOWN, f"{seen} No gain is shown."
    if rises(arm["excess"]):
        return SWITCHING, f"{seen} Switching adds more."
    if falls(arm["excess"]):
        return WITHIN, f"{seen} Better answers within a strategy add more."
    return NOT_SHOWN, f"{seen} Which adds more is not shown."
