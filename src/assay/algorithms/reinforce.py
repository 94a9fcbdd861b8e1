"""REINFORCE (Williams 1992, doi 10.1007/BF00992696):

J = mean over samples i of sum_t r (R_i - b)

with b the mean reward of the batch, or 0. Departs: r = pi / pi_old, which is 1 at one update a batch, keeps further
updates right.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar, Literal

import torch

from assay.algorithms import advantages, surrogates
from assay.algorithms.aggregate import Aggregation
from assay.algorithms.base import Algorithm, rewards_of
from assay.batch import Batch, LossTerm, TokenStats
from assay.types import Sample


class Reinforce(Algorithm):
    """The policy gradient, plain."""

    needs_group: ClassVar[bool] = False
    needs_spread: ClassVar[bool] = False

    aggregation: Aggregation = "sum"
    baseline: Literal["batch", "none"] = "batch"
    """Subtract the mean reward of the batch, or nothing."""

    def group_advantages(self, samples_G: Sequence[Sample]) -> list[float]:
        """The reward itself: the baseline is not the group's."""
        return advantages.raw(rewards_of(samples_G))

    def token_advantages(self, batch: Batch) -> Batch:
        """Less the mean over responses, and a KL penalty as a return to go."""
        if self.baseline == "batch":
            rewards = [sample.advantage for sample in batch.samples if sample.advantage is not None]
            mean = torch.tensor(rewards, dtype=torch.float64).mean().to(batch.advantages_BT.dtype)
            batch = replace(batch, advantages_BT=(batch.advantages_BT - mean) * batch.mask_BT)
        return super().token_advantages(batch)

    def surrogate(self, stats: TokenStats, batch: Batch) -> LossTerm:
        """The policy gradient."""
        return surrogates.unclipped(stats, batch)
