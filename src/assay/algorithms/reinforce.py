"""REINFORCE (Williams 1992, doi 10.1007/BF00992696):

J = mean over samples i of sum_t r (R_i - b)

with b the mean reward of the step's samples, or 0. Departs: r = pi / pi_old, which is 1 at one update a batch, keeps
further updates right.
"""

from collections.abc import Sequence
from typing import ClassVar, Literal

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
    """Subtract the mean reward of the step, or nothing."""

    def group_advantages(self, samples_G: Sequence[Sample]) -> list[float]:
        """The reward itself: the baseline is not the group's."""
        return advantages.raw(rewards_of(samples_G))

    def advantages(self, groups: Sequence[Sequence[Sample]]) -> list[list[float]]:
        """R less the mean of all rewards of the step."""
        if self.baseline == "none":
            return super().advantages(groups)
        centred = iter(advantages.centred([reward for samples_G in groups for reward in rewards_of(samples_G)]))
        return [[next(centred) for _ in samples_G] for samples_G in groups]

    def surrogate(self, stats: TokenStats, batch: Batch) -> LossTerm:
        """The policy gradient."""
        return surrogates.unclipped(stats, batch)
