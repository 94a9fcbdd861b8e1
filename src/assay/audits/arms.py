"""Runs become arms: those that differ in nothing but their seed, with a label of what tells the arms apart."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import PurePath
from typing import Any

from assay.audits.labels import numbered
from assay.audits.proxy_runs import MODEL, ProxyRun
from assay.errors import RunError
from assay.registry import nearest

FIRST = ("algorithm.kl_coef", "algorithm.name", "reward.functions", "reward.weights")
"""Keys that a label is made of before others."""
ABSENT = "none"


@dataclass(frozen=True, slots=True, eq=False)
class Arm:
    """Runs of one recipe but for the seed, by seed. `differs` has every key in which the arms differ, and its value."""

    label: str
    differs: dict[str, Any]
    runs: tuple[ProxyRun, ...]


def make_arms(runs: Sequence[ProxyRun], ignore: Sequence[str] = ()) -> list[Arm]:
    """The arms, by KL coefficient and then by what else differs. Keys of `ignore` may differ within an arm.

    Raises RunError where an arm has a seed twice, or no run has a key of `ignore`.
    """
    known = sorted({key for run in runs for key in run.recipe})
    for key in ignore:
        if key not in known:
            raise RunError(f"--ignore {key}: no recipe of these runs has that key{nearest(key, known)}")
    keys = [key for key in known if key not in ignore]
    groups: dict[str, list[ProxyRun]] = {}
    for run in runs:
        groups.setdefault(repr([(key, run.recipe.get(key)) for key in keys]), []).append(run)
    arms = [tuple(sorted(group, key=lambda run: run.seed)) for group in groups.values()]
    for arm in arms:
        for before, run in pairwise(arm):
            if before.seed == run.seed:
                raise RunError(
                    f"{run.path}: has seed {run.seed} and the recipe of {before.path}, so it is the same experiment "
                    "again, and no second one; give one of them"
                )
    differing = [key for key in keys if len({repr(arm[0].recipe.get(key)) for arm in arms}) > 1]
    differing.sort(key=lambda key: (FIRST.index(key) if key in FIRST else len(FIRST), key))
    arms.sort(key=lambda arm: [_order(arm[0].recipe.get(key)) for key in differing])
    values = [{key: arm[0].recipe.get(key) for key in differing} for arm in arms]
    labels = _labels(arms, _telling(values, differing))
    return [Arm(label, each, arm) for label, each, arm in zip(labels, values, arms, strict=True)]


def _telling(values: Sequence[Mapping[str, Any]], differing: Sequence[str]) -> list[str]:
    """As few keys as tell all arms apart, each taken where it tells more of them apart than those before it."""
    taken: list[str] = []
    count = 1
    for key in differing:
        apart = len({repr([each[name] for name in (*taken, key)]) for each in values})
        if apart > count:
            taken, count = [*taken, key], apart
    return taken


def _labels(arms: Sequence[tuple[ProxyRun, ...]], keys: Sequence[str]) -> tuple[str, ...]:
    """'kl_coef 0.05', or of two keys 'kl_coef 0.05, updates 2'; a single arm has the label of its coefficient."""
    named = keys or FIRST[:1]
    words = [", ".join(_words(key, arm[0].recipe.get(key)) for key in named) for arm in arms]
    return numbered(words)


def _words(key: str, value: Any) -> str:
    name = key.rpartition(".")[2]
    if key == "reward.functions":
        return " + ".join(_reward(each) for each in value)
    if isinstance(value, list):
        value = " ".join(map(str, value))
    return f"{name} {ABSENT if value is None else format(value, 'g') if isinstance(value, float) else value}"


def _reward(name: str) -> str:
    """A reward model by its last folder that says something: model:runs/rm-0/model is rm-0."""
    parts = [part for part in PurePath(name.removeprefix(MODEL)).parts if part != "model"]
    return parts[-1] if name.startswith(MODEL) and parts else name


def _order(value: Any) -> tuple[int, float, str]:
    """Nothing before numbers, by size, before all else."""
    if value is None:
        return 0, 0.0, ""
    if isinstance(value, int | float):
        return 1, float(value), ""
    return 2, 0.0, str(value)
