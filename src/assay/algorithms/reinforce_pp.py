"""REINFORCE++ (arXiv 2501.03262):

J = 1 / (sum_i |o_i|) sum_i sum_t min(r A, clip(r, 1-low, 1+high) A)
A = (G - mean) / std over all tokens of the batch,    G_t = R_i - beta sum_{t' >= t} k1_t'

The baseline is the whole batch, not the group, and the KL penalty is in the reward.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar

from assay.algorithms import advantages
from assay.algorithms.aggregate import Aggregation
from assay.algorithms.base import Clipped, KlEstimator, KlPlace, rewards_of
from assay.algorithms.returns import whitened
from assay.batch import Batch
from assay.types import Sample


class ReinforcePlusPlus(Clipped):
    """Normalised over the batch."""

    needs_group: ClassVar[bool] = False
    needs_spread: ClassVar[bool] = False

    aggregation: Aggregation = "token"
    kl_in: KlPlace = "reward"
    kl_estimator: KlEstimator = "k1"

    def group_advantages(self, samples_G: Sequence[Sample]) -> list[float]:
        """The reward itself: the baseline is not the group's."""
        return advantages.raw(rewards_of(samples_G))

    def token_advantages(self, batch: Batch) -> Batch:
        """Returns, the KL penalty included, whitened over all tokens."""
        batch = super().token_advantages(batch)
        return replace(batch, advantages_BT=whitened(batch.advantages_BT, batch.mask_BT))
