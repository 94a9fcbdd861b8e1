"""Reads runs that were trained on a proxy reward: what the over-optimisation audit is measured on.

Shape legend: T steps.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from assay.audits.labels import make_labels
from assay.audits.learned import Learned, read_learned
from assay.errors import RunError
from assay.stats import Floats
from assay.store import Run, annotators_of

PROXY, GOLD, KL, LENGTH = "reward", "rewards/true/mean", "kl", "completions/mean_length"
NEEDED = {
    PROXY: "train it with a version of Assay that logs it",
    GOLD: "no response was judged, so nothing says what the proxy is worth; train on a task whose verifier judges",
    KL: "set algorithm.kl_measure = true (or algorithm.kl_coef above 0) and train again",
    LENGTH: "train it with a version of Assay that logs it",
}
"""Key of metrics.jsonl -> what to do where no step has it (docs/metrics.md)."""
MODEL = "model:"
"""What a reward model begins with in a recipe's rewards."""
SAME = ("task", "model.base", "model.reference")
"""What must be the same in all runs, or their gold or their KL would be of different things."""
NO_PART = ("name", "seed", "checkpoint", "evaluation", "audit", "algorithm.kl_measure")
"""Keys and tables of a recipe that change nothing of what is learned but its luck."""


@dataclass(frozen=True, slots=True, eq=False)
class ProxyRun:
    """A run's steps of which all numbers are known, in order.

    `numbers_T3` has proxy, gold and nats of KL a response of each, float64 [T, 3].

    `recipe` has the keys that say what is learned, 'algorithm.kl_coef' and so on. `left_out` counts steps of which a
    number is not known. `annotators` are the simulated ones that its reward models learned from; `untold` names the
    reward models of which nothing says whether there are some.
    """

    path: Path
    label: str
    seed: int
    recipe: Mapping[str, Any]
    rewards: tuple[str, ...]
    weights: Mapping[str, str]
    steps: tuple[int, ...]
    numbers_T3: Floats
    left_out: int
    annotators: tuple[str, ...]
    untold: tuple[str, ...]
    learned: Learned


def read_runs(paths: Sequence[Path]) -> list[ProxyRun]:
    """The runs, each finished, all of one task, base and reference.

    Raises RunError where one is not there or not finished, lacks what is needed, or does not go with the others.
    """
    for path in paths:
        if [other.resolve() for other in paths].count(path.resolve()) > 1:
            raise RunError(f"{path}: is given twice; give every run once")
    runs = [read_run(path, label) for path, label in zip(paths, make_labels([str(p) for p in paths]), strict=True)]
    weights: dict[str, tuple[str, Path]] = {}
    for run in runs:
        _check_same(run, runs[0])
        for name, version in run.weights.items():
            before, where = weights.setdefault(name, (version, run.path))
            if before != version:
                raise RunError(
                    f"{run.path}: its reward {name} had the weights {version}, and in {where} {before}; give the runs "
                    "of one reward model, or keep each reward model under a path of its own"
                )
    return runs


def read_run(path: Path, label: str) -> ProxyRun:
    """One run. Raises RunError."""
    run = Run.open(path)
    recipe, manifest = run.recipe, run.manifest
    rows = sorted((row for row in run.read_metrics() if PROXY in row), key=lambda row: int(row["step"]))
    if manifest.get("status") != "finished":
        raise RunError(
            f"{path}: is not finished ({len(rows)} of {recipe.steps} steps), and its end would be compared with the "
            f"ends of others; continue it with: assay train --resume {path}"
        )
    if recipe.algorithm.get("reference_reset"):
        raise RunError(
            f"{path}: its reference moves (algorithm.reference_reset), so its KL is not from where it began; give runs "
            "with reference_reset = 0"
        )
    for key, remedy in NEEDED.items():
        if all(_number(row.get(key)) is None for row in rows):
            raise RunError(f"{run.metrics}: no step has a number {key!r}; {remedy}")
    known = [(row["step"], *numbers) for row in rows if None not in (numbers := [_number(row.get(k)) for k in NEEDED])]
    proxy_T, gold_T, kl_T, length_T = np.array([each[1:] for each in known], dtype=np.float64).reshape(-1, 4).T
    told = manifest.get("reward_annotators") or _annotators(recipe.reward.functions)
    return ProxyRun(
        path=path,
        label=label,
        seed=recipe.seed,
        recipe={key: value for key, value in _flat(recipe.model_dump(mode="json")) if not _within(key, NO_PART)},
        rewards=recipe.reward.functions,
        weights=manifest.get("reward_models", {}),
        steps=tuple(int(each[0]) for each in known),
        numbers_T3=np.stack([proxy_T, gold_T, kl_T * length_T], axis=1),
        left_out=len(rows) - len(known),
        annotators=tuple(sorted({name for names in told.values() for name in names or ()})),
        untold=tuple(name for name, names in told.items() if names is None),
        learned=read_learned(run),
    )


def _check_same(run: ProxyRun, first: ProxyRun) -> None:
    for key in SAME:
        ours, theirs = ({k: v for k, v in each.recipe.items() if _within(k, (key,))} for each in (run, first))
        if ours != theirs:
            raise RunError(
                f"{run.path}: its {key} is {_show(ours)}, that of {first.path} is {_show(theirs)}; one audit compares "
                "runs of one task, base and reference: give the others to an audit of their own"
            )


def _annotators(rewards: Sequence[str]) -> dict[str, list[str] | None]:
    """Reward model -> its simulated annotators, of a run whose manifest does not tell."""
    return {name: annotators_of(name.removeprefix(MODEL)) for name in rewards if name.startswith(MODEL)}


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(value)


def _flat(value: Any, name: str = "") -> Iterable[tuple[str, Any]]:
    """'algorithm.kl_coef', 0.05 and so on; lists stay whole."""
    if not isinstance(value, Mapping):
        yield name, value
        return
    for key, inner in value.items():
        yield from _flat(inner, f"{name}.{key}" if name else str(key))


def _within(key: str, tables: Sequence[str]) -> bool:
    return any(key == table or key.startswith(table + ".") for table in tables)


def _show(found: Mapping[str, Any]) -> str:
    if len(found) == 1:
        return repr(next(iter(found.values())))
    return "{" + ", ".join(f"{key.rpartition('.')[2]} {value!r}" for key, value in found.items()) + "}"
