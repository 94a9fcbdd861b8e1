"""Rewards: samples in, one number a sample out; None where a sample is not scored.

A recipe names them: `ground_truth` (also `verifier`), the task's own verdict; the controls of `REWARDS`, alone or in a
compound (`ground_truth and not strategy:code`); `model:PATH`, a reward model (`assay.rewards.models`);
`module:function`, a user's function in TRL's signature; or `verl:module:function`, one in that of verl's compute_score
(`assay.rewards.signatures`; docs/rewards.md). What each says becomes one number a sample in `assay.rewards.scoring`.
"""

import re
from collections.abc import Callable, Sequence
from pathlib import Path

from assay.errors import RecipeError
from assay.registry import lookup, resolve
from assay.rewards.binary import Binary
from assay.rewards.compounds import All
from assay.rewards.signatures import TrlReward, UserReward, Value, VerlReward
from assay.tasks import Task
from assay.types import Group

REWARDS = {
    "verifier": "assay.rewards.binary:GroundTruth",
    "ground_truth": "assay.rewards.binary:GroundTruth",
    "format": "assay.rewards.binary:Format",
    "random": "assay.rewards.binary:Chance",
    "none": "assay.rewards.binary:Nothing",
    "strategy": "assay.rewards.binary:Strategy",
    "majority": "assay.rewards.pseudo_labels:Majority",
    "incorrect": "assay.rewards.pseudo_labels:Incorrect",
}
"""What makes a reward of 1 or 0 of what stands behind the name's colon: these may be terms of a compound."""

VERL = "verl:"
MODEL = "model:"
NOT = "not "
OF_FILES = ("majority:", "incorrect:")

_AND = re.compile(r" and (?=(?:not )?[\w.]+(?::|$| and ))")  # not one in the path of a file

Reward = Callable[[Sequence[Group], int], list[Value]]
"""A reward of Assay's own: a value for each sample, in order, of the groups of a step."""


def terms(name: str) -> list[str]:
    """The parts of a compound; of any other reward, its name.

    >>> terms("ground_truth and not strategy:code")
    ['ground_truth', 'not strategy:code']
    """
    return _AND.split(name)


def check_reward(name: str, task: Task) -> frozenset[str] | None:
    """The problems that a reward can score, None for all; loads no model.

    Raises RecipeError, DataError or ModelError for a reward that there is not.
    """
    if name.startswith(MODEL) and len(terms(name)) == 1:
        resolve("assay.policies.reward_model:check_files")(name.removeprefix(MODEL))
        return None
    made = make_reward(name, task, seed=0)
    return made.problems() if isinstance(made, Binary) else None


def make_reward(
    name: str, task: Task, seed: int, device: str = "auto", dtype: str = "auto"
) -> Binary | Reward | UserReward:
    """The reward that a recipe names, for a run of this task and seed.

    `device` and `dtype` are of reward models. Raises RecipeError where there is none of that name, DataError for a file
    that has no labels for it.
    """
    parts = terms(name)
    if len(parts) > 1 or name.startswith(NOT):
        pairs = [(_term(part.removeprefix(NOT), name, task, seed), not part.startswith(NOT)) for part in parts]
        return All(name, pairs, task, seed)
    if name.startswith(MODEL):
        learned: Reward = resolve("assay.rewards.models:model_reward")(name.removeprefix(MODEL), device, dtype)
        return learned
    if name.partition(":")[0] in REWARDS:
        return _binary(name, task, seed)
    target = name.removeprefix(VERL)
    if name.startswith(VERL) and ":" in target:
        return VerlReward(name, _function(name, resolve(target)))
    if name.startswith(VERL):
        raise RecipeError(
            f"reward {name}: names no function; write verl:module:function, as in verl:my_scores:compute_score"
        )
    return TrlReward(name, _function(name, lookup("reward function", name, REWARDS)))


def _term(name: str, compound: str, task: Task, seed: int) -> Binary:
    if name.partition(":")[0] not in REWARDS:
        raise RecipeError(
            f"reward {compound!r}: its term {name!r} is no reward of 1 and 0; a term is one of {', '.join(REWARDS)}"
        )
    return _binary(name, task, seed)


def _binary(name: str, task: Task, seed: int) -> Binary:
    kind, colon, argument = name.partition(":")
    if colon and not argument:
        raise RecipeError(f"reward {name!r}: nothing stands behind its colon; write {kind}, or what it takes")
    made: Binary = resolve(REWARDS[kind])(name, argument, task, seed)
    return made


def _function(name: str, found: object) -> Callable[..., object]:
    if not callable(found):
        raise RecipeError(f"reward {name}: is {type(found).__name__}, not a function; name a function")
    return found


def label_files(name: str) -> list[Path]:
    """The sample files that a reward takes labels from."""
    found = [term.removeprefix(NOT) for term in terms(name)]
    return [Path(term.partition(":")[2]) for term in found if term.startswith(OF_FILES) and not term.endswith(":")]


def with_absolute_paths(name: str) -> str:
    """The name with its files, and a reward model in a local directory, named for good."""
    if name.startswith(MODEL) and Path(name.removeprefix(MODEL)).is_dir():
        return f"{MODEL}{Path(name.removeprefix(MODEL)).resolve()}"
    found = []
    for term in terms(name):
        kind, _, path = term.partition(":")
        found.append(f"{kind}:{Path(path).resolve()}" if label_files(term) else term)
    return " and ".join(found)


def labels(names: Sequence[str]) -> list[str]:
    """The names under which rewards are logged: a function's own, as TRL has it, where no other has the same.

    >>> labels(["verifier", "my_rewards:length", "verl:mine:compute_score", "model:runs/rm-0", "a:f", "b:f"])
    ['verifier', 'length', 'compute_score', 'rm-0', 'a:f', 'b:f']
    >>> labels(["random:0.3", "majority:runs/base.parquet", "format and not strategy:code"])
    ['random', 'majority', 'format_and_not_strategy_code']
    """
    short = ["_and_".join(map(_short, terms(name))) for name in names]
    taken = [*short, "true"]  # rewards/true is correctness
    return [own if taken.count(own) == 1 else name for own, name in zip(short, names, strict=True)]


def _short(term: str) -> str:
    kind, _, argument = term.removeprefix(NOT).partition(":")
    if kind in REWARDS:
        own = f"{kind}_{argument}" if kind == "strategy" else kind
        return f"not_{own}" if term.startswith(NOT) else own
    return term.rstrip("/").rpartition("/" if term.startswith(MODEL) else ":")[2]


def combine(values: Sequence[Value], weights: Sequence[float]) -> float | None:
    """Weighted sum of what several rewards say of one sample; None, not scored, where any of them does not score it.

    A missing part counted as nothing would stand for a 0 that nobody gave.
    """
    numbers = [value for value in values if isinstance(value, float)]
    if not numbers or len(numbers) < len(values):
        return None
    return sum(number * weight for number, weight in zip(numbers, weights, strict=True))
