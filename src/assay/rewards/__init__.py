"""Rewards: samples in, one number a sample out; None where a sample is not scored.

A recipe names them: `verifier`, the task's own verdict; `model:PATH`, a reward model (`assay.rewards.models`);
`module:function`, a user's function in TRL's signature; or `verl:module:function`, one in that of verl's compute_score
(`assay.rewards.signatures`; docs/rewards.md). What each says becomes one number a sample in `assay.rewards.scoring`.
"""

from collections.abc import Callable, Sequence

from assay.errors import RecipeError
from assay.registry import lookup, resolve
from assay.rewards.calls import Failure
from assay.rewards.signatures import TrlReward, UserReward, Value, VerlReward
from assay.types import Group, Score, Verdict

REWARDS = {"verifier": "assay.rewards:verifier"}

VERL = "verl:"
MODEL = "model:"

Reward = Callable[[Sequence[Group]], list[Value]]
"""A reward of Assay's own: a value for each sample, in order."""


def worth(score: Score) -> float | None:
    """What a verdict is worth in training: right 1, wrong 0; unknown is not scored."""
    return {Verdict.RIGHT: 1.0, Verdict.WRONG: 0.0, Verdict.UNKNOWN: None}[score.verdict]


def verifier(groups: Sequence[Group]) -> list[Value]:
    """The task's own verdict; a Failure with its reason where that is unknown."""
    return [_value(sample.scores["true"]) for group in groups for sample in group.samples]


def _value(score: Score) -> Value:
    value = worth(score)
    return Failure(f"could not judge a response: {score.reason}", "unknown") if value is None else value


def check_reward(name: str) -> None:
    """Raises RecipeError or ModelError where a recipe names a reward that there is not; loads no model."""
    if name.startswith(MODEL):
        resolve("assay.policies.reward_model:check_files")(name.removeprefix(MODEL))
    else:
        make_reward(name)


def make_reward(name: str, device: str = "auto", dtype: str = "auto") -> Reward | UserReward:
    """The reward that a recipe names; `device` and `dtype` are of reward models. Raises RecipeError without one."""
    if name.startswith(MODEL):
        learned: Reward = resolve("assay.rewards.models:model_reward")(name.removeprefix(MODEL), device, dtype)
        return learned
    target = name.removeprefix(VERL)
    if name.startswith(VERL) and ":" in target:
        return VerlReward(name, _function(name, resolve(target)))
    if name.startswith(VERL):
        raise RecipeError(
            f"reward {name}: names no function; write verl:module:function, as in verl:my_scores:compute_score"
        )
    found = lookup("reward function", name, REWARDS)
    if name in REWARDS:
        reward: Reward = found
        return reward
    return TrlReward(name, _function(name, found))


def _function(name: str, found: object) -> Callable[..., object]:
    if not callable(found):
        raise RecipeError(f"reward {name}: is {type(found).__name__}, not a function; name a function")
    return found


def labels(names: Sequence[str]) -> list[str]:
    """The names under which rewards are logged: a function's own, as TRL has it, where no other has the same.

    >>> labels(["verifier", "my_rewards:length", "verl:mine:compute_score", "model:runs/rm-0", "a:f", "b:f"])
    ['verifier', 'length', 'compute_score', 'rm-0', 'a:f', 'b:f']
    """
    short = [name.rstrip("/").rpartition("/" if name.startswith(MODEL) else ":")[2] for name in names]
    taken = [*short, "true"]  # rewards/true is correctness
    return [own if taken.count(own) == 1 else name for own, name in zip(short, names, strict=True)]


def combine(values: Sequence[Value], weights: Sequence[float]) -> float | None:
    """Weighted sum of what several rewards say of one sample; None, not scored, where any of them does not score it.

    A missing part counted as nothing would stand for a 0 that nobody gave.
    """
    numbers = [value for value in values if isinstance(value, float)]
    if not numbers or len(numbers) < len(values):
        return None
    return sum(number * weight for number, weight in zip(numbers, weights, strict=True))
