"""Rewards: samples in, one number a sample out; None where a sample is not scored.

A user's reward is a function in TRL's signature, named by `module:function`:

    def reward(prompts, completions, completion_ids, **columns) -> list[float | None]

called with keywords, a list entry for each sample. `completions` are texts, or, for prompts in messages, lists of one
assistant message. `columns` are the columns of the data rows.
"""

import traceback
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
        try:
            values = function(prompts=prompts, completions=completions, completion_ids=ids, **columns)
        except Exception as error:  # a user's own code raises what it likes
            place = traceback.extract_tb(error.__traceback__)[-1]
            raise RecipeError(
                f"reward {name}: raised {type(error).__name__}: {error} ({place.filename}, line {place.lineno})"
            ) from error
        if len(values) != len(samples):
            raise RecipeError(f"reward {name}: returned {len(values)} values for {len(samples)} samples")
        flat = iter(None if value is None else float(value) for value in values)
        return [[next(flat) for _ in group.samples] for group in groups]

    return reward


def combine(values: Sequence[float | None], weights: Sequence[float]) -> float | None:
    """Weighted sum of what several rewards say of one sample; None, not scored, where any of them does not score it.

    A missing part counted as nothing would stand for a 0 that nobody gave.
    """
    pairs = list(zip(values, weights, strict=True))
    return None if any(value is None for value, _ in pairs) else sum(value * weight for value, weight in pairs if value)
