"""PPO, proximal policy optimisation, as for language models (arXiv 1707.06347 eq. 7; 2203.02155):

J = 1 / (sum_i |o_i|) sum_i sum_t { min(r A, clip(r, 1-low, 1+high) A) - c_v (V - V_target)^2 / 2 }

A is generalised advantage estimation (1506.02438) over token rewards: R at the last token, minus beta k1 at each;
V_target = A + V before A is whitened over the batch. At a response cut for its length the critic's value of its last
state stands for the rewards that did not come; peers take 0 there, as `bootstrap = false` does. `value_clip`, where not
0, keeps V within so much of what it was, by the larger of the two losses. `whiten_rewards` is 1909.08593's.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor

from assay.algorithms import advantages
from assay.algorithms.aggregate import Aggregation
from assay.algorithms.base import Clipped, Coefficient, CriticOptions, KlEstimator, KlPlace, rewards_of
from assay.algorithms.returns import at_last_token, gae, whitened
from assay.batch import Batch, LossTerm, TokenStats
from assay.types import Sample

Share = Annotated[float, Field(gt=0, le=1)]


class Ppo(Clipped):
    """With a critic: a value head on the policy, or a model of its own."""

    needs_group: ClassVar[bool] = False
    needs_spread: ClassVar[bool] = False

    updates: int = Field(2, ge=1)
    aggregation: Aggregation = "token"
    kl_in: KlPlace = "reward"
    kl_estimator: KlEstimator = "k1"
    gamma: Share = 1.0
    lam: Share = 0.95
    """Decay of generalised advantage estimation."""
    bootstrap: bool = True
    """Value what comes after a response that was cut for its length by the critic, not by 0."""
    whiten: bool = True
    whiten_rewards: bool = False
    """Token rewards, the KL penalty included, divided by their deviation over the batch; their mean is kept."""
    critic: Literal["head", "model"] = "head"
    """A value head on the policy's own states, or a copy of the base with one."""
    critic_learning_rate: Annotated[float, Field(gt=0)] | None = None
    """Of the critic's own weights; the policy's where not given."""
    value_coef: Coefficient = 0.5
    value_clip: Coefficient = 0.2
    """How far V may move from what it was before the updates; 0 for as far as it likes."""

    @property
    def critic_options(self) -> CriticOptions:
        """A critic, always."""
        return CriticOptions(self.critic == "model", self.critic_learning_rate)

    @property
    def needs_old(self) -> bool:
        """Always: the values before the updates are made beside them."""
        return True

    def group_advantages(self, samples_G: Sequence[Sample]) -> list[float]:
        """The reward itself: the baseline is the critic."""
        return advantages.raw(rewards_of(samples_G))

    def token_advantages(self, batch: Batch) -> Batch:
        """GAE over token rewards, bootstrapped at truncation; and the critic's targets."""
        assert batch.values_BT is not None and batch.last_value_B is not None
        reward_B = batch.advantages_BT.new_tensor([sample.advantage for sample in batch.samples])
        rewards_BT = at_last_token(reward_B, batch.mask_BT)
        if (penalty_BT := self.kl_penalty(batch)) is not None:
            rewards_BT = rewards_BT - penalty_BT
        if self.whiten_rewards:
            rewards_BT = whitened(rewards_BT, batch.mask_BT, keep_mean=True)
        last_value_B = torch.where(batch.truncated_B & self.bootstrap, batch.last_value_B, 0.0)
        advantages_BT = gae(rewards_BT, batch.values_BT, last_value_B, batch.mask_BT, self.gamma, self.lam)
        returns_BT = advantages_BT + batch.values_BT
        if self.whiten:
            advantages_BT = whitened(advantages_BT, batch.mask_BT)
        return replace(batch, advantages_BT=advantages_BT, returns_BT=returns_BT)

    def surrogate(self, stats: TokenStats, batch: Batch) -> LossTerm:
        """The clipped surrogate and the critic's loss."""
        term = super().surrogate(stats, batch)
        assert stats.values_BT is not None and batch.returns_BT is not None
        error_BT = (stats.values_BT - batch.returns_BT).detach() ** 2
        value_BT = term.value_BT + self.value_coef * self.value_loss(stats, batch)
        return LossTerm(value_BT, term.diagnostics_BT | {"value/squared_error": error_BT})

    def value_loss(self, stats: TokenStats, batch: Batch) -> Tensor:
        """(V - V_target)^2 / 2, [B, T]; with `value_clip` the larger of it and that of V kept near what it was."""
        assert stats.values_BT is not None and batch.values_BT is not None and batch.returns_BT is not None
        loss_BT = (stats.values_BT - batch.returns_BT) ** 2 / 2
        if not self.value_clip:
            return loss_BT
        change_BT = torch.clamp(stats.values_BT - batch.values_BT, -self.value_clip, self.value_clip)
        return torch.maximum(loss_BT, (batch.values_BT + change_BT - batch.returns_BT) ** 2 / 2)
