"""Does the gain come from switching strategy, or from better answers within one?

The verdict parts the gain of each problem as Kitagawa (1955) does: strategies whose share changes, at their mean
accuracy, and strategies whose accuracy changes, at their mean share. The table has also the contributions of Shao et
al. 2025 (arXiv 2506.10947), C_d, for n answers a problem (`assay.audits.strategy.contributions`); as their pairs are of
answers drawn apart, a strategy that works better without being used more adds to switches too. Shape legend: S seeds, M
problems.
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
    "by problem and strategy: change of its share x mean of its accuracies is switching, change of its accuracy x mean "
    "of its shares is better answers within it (Kitagawa 1955), over problems and seeds; contributions are C_d of "
    "arXiv 2506.10947"
)
OVERTURN = "Other seeds or problems on which the other part is the larger."
SWITCHING, WITHIN = "from switching", "from better answers within a strategy"


def mixes(tested: Tested) -> dict[str, Mix] | None:
    """Label -> the strategies of every model; None where the base has no labels or some file no place for them.

    A trained model may have none: then all its answers are unlabelled.
    """
    models = tested.inputs.models
    has_column = all(model.rows is not None and "strategy" in model.rows.columns for model in models)
    if not (tested.base.has("strategy") and has_column):
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
    parts = [parted(base, each) for each in tuned]
    switching_SM, within_SM = (np.stack(each) for each in zip(*parts, strict=True))
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


def parted(base: Mix, tuned: Mix) -> tuple[Floats, Floats]:
    """The gain of each problem by switching and by better answers within strategies, float64 [M] each.

    A strategy that one of the two did not use on a problem is taken to work for it as it did for the other.
    """
    before_MS, after_MS = _accuracy(base), _accuracy(tuned)
    before_MS, after_MS = (
        np.where(np.isnan(before_MS), after_MS, before_MS),
        np.where(np.isnan(after_MS), before_MS, after_MS),
    )
    change_MS, mean_MS = tuned.share_MS - base.share_MS, (tuned.share_MS + base.share_MS) / 2
    switching_MS, within_MS = change_MS * (before_MS + after_MS) / 2, mean_MS * (after_MS - before_MS)
    return np.nansum(switching_MS, axis=1), np.nansum(within_MS, axis=1)


def _accuracy(mix: Mix) -> Floats:
    """Of each strategy on each problem, float64 [M, strategies]; NaN where it was not used."""
    unknown_MS = np.full_like(mix.share_MS, np.nan)
    return np.divide(mix.right_share_MS, mix.share_MS, out=unknown_MS, where=mix.share_MS > 0)


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
