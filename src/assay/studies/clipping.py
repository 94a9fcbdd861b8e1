"""Does a random reward act through the clip of the probability ratio?

Shao et al. 2025 (arXiv 2506.10947, appendix B): of a reward that knows nothing the expected gradient is 0, and only
clipping, where a batch is used for several updates, pushes towards what is likely already. So with one update a batch,
and without the clip, the effect must vanish.
"""

from typing import Any

import numpy as np

from assay.audits import interval_json
from assay.audits.verdict import MARGIN
from assay.stats import t_interval
from assay.studies.cells import Cells, Tested
from assay.studies.question import FEW_SEEDS, NOT_SHOWN, Draft, Question, answered
from assay.studies.rows import Row, contrast, has_few_seeds, is_shown, moved, words
from assay.studies.strategies import mixes

KEY, TITLE = "clipping", "Does a random reward act through the clip?"
NEEDS = (
    "three arms of a random reward that differ in nothing else: several updates a batch, one update a batch, and as "
    "many as the first without the clip"
)
METHOD = (
    "change since the base in pass@1 and in the share of the base's main strategy, over seeds and problems; tokens at "
    "each bound are means over steps, with Student's interval over seeds"
)
OVERTURN = "A larger learning rate, more steps or more updates a batch under which the effect appears, or other seeds."
ROLES = ("algorithm.updates", "algorithm.clip")
SEVERAL, ONE, NO_CLIP = "several updates", "one update", "no clip"
THROUGH, NO_EFFECT, NOT_ALONE = "through the clip", "no effect at this size", "not through the clip alone"
MEASURES = {"pass_at_1": "pass@1", "strategy": "the share of the main strategy"}
LOGGED = {"low": "clip_ratio/low_mean", "high": "clip_ratio/high_mean", "kl": "kl", "entropy": "entropy"}


def ask(cells: Cells) -> Draft | None:
    """The question, where the three arms are there."""
    roles = _roles(cells)
    if roles is None:
        return None
    families = {name: _family(cells, tested, roles) for name, tested in cells.on(cells.main).items()}
    told = [arm for record in families.values() for arm in record["arms"].values()]
    arms = [roles[role] for role in (SEVERAL, ONE, NO_CLIP)]

    def answer() -> Question:
        for record in families.values():
            record["verdict"], record["sentence"] = _verdict(record)
        return answered(KEY, TITLE, families, arms, OVERTURN, METHOD, cells)

    return Draft([row for arm in told for row in _tests(arm)], answer)


def _roles(cells: Cells) -> dict[str, str] | None:
    """Role -> arm, of the first three of one reward that differ in their updates and their clip alone."""
    arms = [arm for arm in cells.arms.values() if arm.kinds == {"random"}]
    for free in (arm for arm in arms if arm.updates > 1 and not arm.clips):
        reward = cells.study.arms[free.name].reward
        alike = [
            arm for arm in arms if cells.study.arms[arm.name].reward == reward and not arm.differs_from(free, *ROLES)
        ]
        one = next((arm for arm in alike if arm.updates == 1), None)
        bound = next((arm for arm in alike if arm.clips and arm.updates == free.updates), None)
        if one is not None and bound is not None:
            return {SEVERAL: bound.name, ONE: one.name, NO_CLIP: free.name}
    return None


def _family(cells: Cells, tested: Tested, roles: dict[str, str]) -> dict[str, Any]:
    main = _main_strategy(tested)
    values = {role: _measures(tested, arm, main) for role, arm in roles.items()}
    arms = {}
    for role in (SEVERAL, ONE, NO_CLIP):
        arm = roles[role]
        arms[role] = {
            "arm": arm,
            "updates": cells.arms[arm].updates,
            "pass_at_1": tested.gains.get(arm),
            "strategy": moved(values[role]["strategy"]),
            "against": {
                measure: None if role == SEVERAL else contrast(values[SEVERAL][measure], values[role][measure])
                for measure in MEASURES
            },
            **{
                key: interval_json(t_interval(cells.metric_S(tested.family, arm, name))) for key, name in LOGGED.items()
            },
        }
    return {
        "strategy": None if main is None else main[0],
        "arms": arms,
        "problems": tested.problems,
        "n": tested.inputs.n,
    }


def _main_strategy(tested: Tested) -> tuple[str, dict[str, np.ndarray]] | None:
    """The strategy that the base takes most, and its share of each model's answers to each problem."""
    mix = mixes(tested)
    if mix is None:
        return None
    column = int(mix[tested.base.label].share_MS.mean(axis=0).argmax())
    name = mix[tested.base.label].strategies[column]
    return name, {label: each.share_MS[:, column] for label, each in mix.items()}


def _measures(tested: Tested, arm: str, main: tuple[str, dict[str, np.ndarray]] | None) -> dict[str, np.ndarray | None]:
    strategy_SM = None
    if main is not None:
        share = main[1]
        strategy_SM = tested.values(arm, lambda model: share[model.label] - share[tested.base.label])
    return {"pass_at_1": tested.gain_SM(arm), "strategy": strategy_SM}


def _tests(arm: dict[str, Any]) -> list[Row | None]:
    return [arm[measure] for measure in MEASURES] + [arm["against"][measure] for measure in MEASURES]


def _changes(arm: dict[str, Any]) -> str:
    mix = "" if arm["strategy"] is None else f" and the share of the main strategy by {words(arm['strategy'])}"
    return f"pass@1 changes by {words(arm['pass_at_1'])}{mix}"


def _differs(against: dict[str, Any]) -> str:
    mix = "" if against["strategy"] is None else f" and in that share {words(against['strategy'])}"
    return f"is {words(against['pass_at_1'])} in pass@1{mix}"


def _verdict(record: dict[str, Any]) -> tuple[str, str]:
    arms = record["arms"]
    if any(arms[role]["pass_at_1"] is None for role in arms):
        undone = [each["arm"] for each in arms.values() if each["pass_at_1"] is None]
        return NOT_SHOWN, f"no run of {', '.join(undone)} is done."
    told = "; ".join(f"with {role} {_changes(arms[role])}" for role in arms)
    told += "; " + "; ".join(f"{SEVERAL} minus {role} {_differs(arms[role]['against'])}" for role in (ONE, NO_CLIP))
    high = arms[SEVERAL]["high"]
    if high is not None:
        told += (
            f"; {arms[SEVERAL]['low']['estimate']:.2%} and {high['estimate']:.2%} of tokens are at the lower and the "
        )
        told += f"upper bound with {SEVERAL}"
    if has_few_seeds(*(arms[role]["pass_at_1"] for role in arms)):
        return NOT_SHOWN, f"{told}. {FEW_SEEDS}"
    effects = [measure for measure in MEASURES if is_shown(arms[SEVERAL][measure])]
    if not effects:
        rows = [row for measure in MEASURES if (row := arms[SEVERAL][measure]) is not None]
        if all(row["low"] is not None and max(-row["low"], row["high"]) < MARGIN for row in rows):
            return NO_EFFECT, f"{told}. With {SEVERAL} nothing changes by {MARGIN} or more: no effect at this size."
        return NOT_SHOWN, f"{told}. No change is shown with {SEVERAL}, and one of {MARGIN} or more not excluded."
    named = " and ".join(MEASURES[measure] for measure in effects)
    others = (ONE, NO_CLIP)
    vanishes = all(not is_shown(arms[role][measure]) for role in others for measure in effects)
    apart = all(is_shown(arms[role]["against"][measure]) for role in others for measure in effects)
    if vanishes and apart:
        return THROUGH, f"{told}. The change of {named} is shown with {SEVERAL} alone, and differs from both others."
    return (
        NOT_ALONE,
        f"{told}. The change of {named} with {SEVERAL} is not shown to vanish with one update and without the clip.",
    )
