"""Which share of the true reward's gain do rewards reproduce that know nothing of what is right?

After Shao et al. 2025 (arXiv 2506.10947).
"""

from dataclasses import asdict
from typing import Any

from assay.seeds import share_interval
from assay.studies.cells import Cells, Tested
from assay.studies.question import FEW_SEEDS, NOT_SHOWN, Draft, Question, answered
from assay.studies.rows import ALPHA, contrast, has_few_seeds, rises, words

KEY, TITLE = "gain", "Does the gain need the true reward?"
NEEDS = (
    "an arm of the true reward alone, and one of a reward without truth: random, format, none, incorrect or strategy"
)
METHOD = "pass@1 minus the base's, mean over seeds and problems; shares by Fieller's method"
OVERTURN = "Other seeds or problems on which the shares lie on the other side of a half, or the true gain is not there."
HALF = 0.5


def ask(cells: Cells) -> Draft | None:
    """The question, where there is a true arm and one without truth."""
    true = cells.true_arm
    if true is None:
        return None
    like = cells.arms[true]  # an arm that is trained otherwise as well says nothing of its reward alone
    blind = [arm.name for arm in cells.arms.values() if arm.is_without_truth and not arm.differs_from(like)]
    if not blind:
        return None
    families = {name: _family(cells, tested, true) for name, tested in cells.on(cells.main).items()}
    told = [arm for record in families.values() for arm in record["arms"].values()]

    def answer() -> Question:
        for record in families.values():
            record["verdict"], record["sentence"] = _verdict(record, true, blind)
        return answered(KEY, TITLE, families, list(cells.arms), OVERTURN, METHOD, cells, [true, *blind])

    return Draft([row for arm in told for row in (arm["gain"], arm["half"])], answer)


def _family(cells: Cells, tested: Tested, true: str) -> dict[str, Any]:
    whole_SM, base_M = tested.pass_SM(true), tested.base_M()
    arms = {}
    for name, arm in cells.arms.items():
        part_SM = tested.pass_SM(name)
        share, half = None, None
        if name != true and part_SM is not None and whole_SM is not None:
            share = asdict(share_interval(part_SM, whole_SM, base_M))
            if arm.is_without_truth:
                half = contrast(part_SM, HALF * (whole_SM + base_M))
        arms[name] = {
            "reward": sorted(arm.kinds),
            "without_truth": arm.is_without_truth,
            "changed": list(arm.changed),
            "gain": tested.gains.get(name),
            "share": share,
            "half": half,
        }
    return {"true": true, "base": float(base_M.mean()), "arms": arms, "problems": tested.problems, "n": tested.inputs.n}


def _verdict(record: dict[str, Any], true: str, blind: list[str]) -> tuple[str, str]:
    arms, whole = record["arms"], record["arms"][true]["gain"]
    if whole is None:
        return NOT_SHOWN, f"no run of {true} is done."
    gained = f"pass@1 changes by {words(whole)} under {true}"
    told = [_told(name, arms[name]) for name in blind if arms[name]["gain"] is not None]
    seen = "; ".join([gained, *told])
    known = [name for name in blind if not has_few_seeds(arms[name]["gain"])]
    if has_few_seeds(whole) or not known:
        return NOT_SHOWN, f"{seen}. {FEW_SEEDS}"
    if not rises(whole):
        return NOT_SHOWN, f"{seen}. The true reward is not shown to raise pass@1, so there is no gain to reproduce."
    enough = [name for name in known if _reaches_half(arms[name])]
    if enough:
        return "no", f"{seen}. Half of it or more is reproduced under {', '.join(enough)}."
    if len(known) < len(blind):
        return NOT_SHOWN, f"{seen}. {FEW_SEEDS}"
    if all(_stays_below_half(arms[name]) for name in blind):
        return "yes", f"{seen}. Under no reward without truth is half of it reproduced."
    return NOT_SHOWN, f"{seen}. The intervals do not tell on which side of a half every share lies."


def _reaches_half(arm: dict[str, Any]) -> bool:
    low, half = arm["share"]["low"], arm["half"]
    return low is not None and low >= HALF and half["estimate"] > 0 and half["p_adjusted"] < ALPHA


def _stays_below_half(arm: dict[str, Any]) -> bool:
    high, half = arm["share"]["high"], arm["half"]
    return high is not None and high < HALF and half["estimate"] < 0 and half["p_adjusted"] < ALPHA


def _told(name: str, arm: dict[str, Any]) -> str:
    share = arm["share"]
    is_part = share is not None and share["estimate"] is not None and share["estimate"] >= 0
    of_that = f", {words(share, '.2f')} of that" if is_part else ""
    return f"by {words(arm['gain'])} under {name}{of_that}"
