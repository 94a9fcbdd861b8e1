"""Reward models as rewards: `model:PATH` in a recipe."""

from collections.abc import Sequence

from assay.policies.reward_model import RewardModel, load_reward_model
from assay.rewards.signatures import Value, as_value
from assay.rollout.under import Response, rewards_of
from assay.types import Group


class ModelReward:
    """A reward model's reward of each sample, of the tokens as they were sampled."""

    def __init__(self, reward_model: RewardModel) -> None:
        self.reward_model = reward_model

    def __call__(self, groups: Sequence[Group], step: int) -> list[Value]:
        """A reward for each sample, in order; a Failure where it is not finite."""
        samples = [sample for group in groups for sample in group.samples]
        rows = [Response((), sample.token_ids.tolist()) for sample in samples]
        return [as_value(value) for value in rewards_of(self.reward_model, rows)]


def model_reward(reference: str, device: str = "auto", dtype: str = "auto") -> ModelReward:
    """The reward of a reward model. Raises ModelError where there is none."""
    return ModelReward(load_reward_model(reference, device, dtype))
