"""From sampled groups to rewards and advantages, in one place.

Correctness, the reward that is trained on, and the advantage stay three things: `scores["true"]`, `reward`,
`advantage`.
"""

from collections.abc import Sequence
from dataclasses import replace
from statistics import fmean, stdev
from typing import Any

from assay.algorithms.grpo import Grpo
from assay.recipe import Recipe
from assay.rewards import combine, make_reward
from assay.tasks import Task, verify_all
from assay.types import Group, Sample, Stop, Verdict


def verify(groups: Sequence[Group], task: Task) -> list[Group]:
    """The groups with the task's score on every sample, under the name "true"."""
    scores = iter(verify_all(task, [(group.prompt, sample.text) for group in groups for sample in group.samples]))
    return [
        replace(
            group,
            samples=tuple(
                replace(sample, scores={**sample.scores, "true": next(scores)}) for sample in group.samples
            ),
        )
        for group in groups
    ]


def reward(groups: Sequence[Group], recipe: Recipe) -> list[Group]:
    """The groups with `reward` set: the weighted sum of the recipe's reward functions; None where none scores it."""
    functions = [make_reward(name) for name in recipe.reward.functions]
    weights = recipe.reward.weights or (1.0,) * len(functions)
    by_function = [function(groups) for function in functions]
    rewarded = []
    for number, group in enumerate(groups):
        columns = [values[number] for values in by_function]
        samples = tuple(
            replace(sample, reward=combine([column[member] for column in columns], weights))
            for member, sample in enumerate(group.samples)
        )
        rewarded.append(replace(group, samples=samples))
    return rewarded


def advantage(groups: Sequence[Group], algorithm: Grpo, truncated: str) -> list[Group]:
    """The groups with `advantage` set. `truncated="drop"` takes truncated samples out of the group's statistics."""
    found = []
    for group in groups:
        rewards = [
            None if truncated == "drop" and sample.stop is Stop.LENGTH else sample.reward for sample in group.samples
        ]
        values = algorithm.group_advantages(rewards)
        samples = tuple(replace(s, advantage=a) for s, a in zip(group.samples, values, strict=True))
        found.append(replace(group, samples=samples))
    return found


def trained_on(groups: Sequence[Group], truncated: str) -> list[Sample]:
    """The samples whose tokens enter the loss; all with their mask, unless truncated ones are left out."""
    samples = [sample for group in groups for sample in group.samples]
    return samples if truncated == "keep" else [sample for sample in samples if sample.stop is not Stop.LENGTH]


def _share_of_groups(groups: Sequence[Group], verdict: Verdict) -> float:
    return sum(all(s.scores["true"].verdict is verdict for s in group.samples) for group in groups) / len(groups)


def rollout_metrics(groups: Sequence[Group]) -> dict[str, Any]:
    """Numbers of one batch of samples, under TRL's names; None where nothing is known."""
    samples = [sample for group in groups for sample in group.samples]
    lengths = [sample.length_tokens for sample in samples]
    rewards = [sample.reward for sample in samples if sample.reward is not None]
    known = [[s.reward for s in group.samples if s.reward is not None] for group in groups]
    spreads = [stdev(values) for values in known if len(values) > 1]
    constant = [values for values in known if values and max(values) - min(values) <= 1e-8]
    verdicts = [sample.scores["true"].correct for sample in samples]
    judged = [verdict for verdict in verdicts if verdict is not None]
    return {
        "reward": fmean(rewards) if rewards else None,
        "reward_std": fmean(spreads) if spreads else None,
        "frac_reward_zero_std": len(constant) / len(groups),
        "frac_groups_all_right": _share_of_groups(groups, Verdict.RIGHT),
        "frac_groups_all_wrong": _share_of_groups(groups, Verdict.WRONG),
        "rewards/true/mean": fmean(judged) if judged else None,
        "unknown": len(verdicts) - len(judged),
        "completions/mean_length": fmean(lengths),
        "completions/min_length": min(lengths),
        "completions/max_length": max(lengths),
        "completions/clipped_ratio": sum(sample.stop is Stop.LENGTH for sample in samples) / len(samples),
    }
