"""Reward models as rewards: `model:PATH` in a recipe."""

from collections.abc import Sequence

import torch

from assay.batch import split_by_tokens
from assay.policies.reward_model import RewardModel, load_reward_model
from assay.rewards.signatures import Value, as_value
from assay.types import Group

TOKENS = 16384
"""Of a forward pass, padding counted."""


class ModelReward:
    """A reward model's reward of each sample, of the tokens as they were sampled."""

    def __init__(self, reward_model: RewardModel) -> None:
        self.reward_model = reward_model

    def __call__(self, groups: Sequence[Group]) -> list[Value]:
        """A reward for each sample, in order; a Failure where it is not finite."""
        rows = [sample.token_ids.tolist() for group in groups for sample in group.samples]
        values: list[Value] = [None] * len(rows)
        for part in split_by_tokens([len(row) for row in rows], TOKENS):
            with torch.no_grad():
                found = self.reward_model.scores([rows[place] for place in part]).tolist()
            for place, value in zip(part, found, strict=True):
                values[place] = as_value(value)
        return values


def model_reward(reference: str) -> ModelReward:
    """The reward of a reward model. Raises ModelError where there is none."""
    return ModelReward(load_reward_model(reference))
