"""Rewards: samples in, one number a sample out; None where a sample is not scored.

A user's reward is a function in TRL's signature, named by `module:function`:

    def reward(prompts, completions, completion_ids, **columns) -> list[float | None]

called with keywords, a list entry for each sample. `completions` are texts, or, for prompts in messages, lists of one
assistant message. `columns` are the columns of the data rows.
"""

from collections.abc import Callable, Sequence
from typing import Any

from assay.errors import RecipeError
from assay.registry import lookup
from assay.types import Group, Score, Verdict

REWARDS = {"verifier": "assay.rewards:verifier"}

Reward = Callable[[Sequence[Group]], list[list[float | None]]]


def worth(score: Score) -> float | None:
    """What a verdict is worth in training: right 1, wrong 0; unknown is not scored."""
    return {Verdict.RIGHT: 1.0, Verdict.WRONG: 0.0, Verdict.UNKNOWN: None}[score.verdict]


def verifier(groups: Sequence[Group]) -> list[list[float | None]]:
    """The task's own verdict."""
    return [[worth(sample.scores["true"]) for sample in group.samples] for group in groups]


def make_reward(name: str) -> Reward:
    """The reward registered under `name`, or a user's function named by module:function."""
    found = lookup("reward function", name, REWARDS)
    return found if name in REWARDS else _from_trl(name, found)


def _from_trl(name: str, function: Callable[..., Any]) -> Reward:
    def reward(groups: Sequence[Group]) -> list[list[float | None]]:
        samples = [(group.prompt, sample) for group in groups for sample in group.samples]
        prompts = [prompt.text if prompt.text is not None else list(prompt.messages or ()) for prompt, _ in samples]
        completions = [
            sample.text if prompt.text is not None else [{"role": "assistant", "content": sample.text}]
            for prompt, sample in samples
        ]
        ids = [sample.token_ids[sample.mask].tolist() for _, sample in samples]
        names = {key for prompt, _ in samples for key in prompt.columns}
        columns = {key: [prompt.columns.get(key) for prompt, _ in samples] for key in names}
        values = function(prompts=prompts, completions=completions, completion_ids=ids, **columns)
        if len(values) != len(samples):
            raise RecipeError(f"reward {name}: returned {len(values)} values for {len(samples)} samples")
        flat = iter(None if value is None else float(value) for value in values)
        return [[next(flat) for _ in group.samples] for group in groups]

    return reward


def combine(values: Sequence[float | None], weights: Sequence[float]) -> float | None:
    """Weighted sum of what several rewards say of one sample; those that do not score it are left out."""
    known = [value * weight for value, weight in zip(values, weights, strict=True) if value is not None]
    return sum(known) if known else None
