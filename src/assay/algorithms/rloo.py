"""RLOO, REINFORCE with a leave-one-out baseline (arXiv 2402.14740, eq. 7):

J = mean over samples i of sum_t r A,    A = R_i - mean of the group's other rewards

The sum over a response's tokens is the policy gradient of the whole response, as in the paper. Departs:
r = pi / pi_old, which is 1 at one update a batch, keeps further updates right.
"""

from collections.abc import Sequence

from assay.algorithms import advantages, surrogates
from assay.algorithms.aggregate import Aggregation
from assay.algorithms.base import Algorithm, rewards_of
from assay.batch import Batch, LossTerm, TokenStats
from assay.types import Sample


class Rloo(Algorithm):
    """Unbiased, without clip and deviation."""

    aggregation: Aggregation = "sum"

    def group_advantages(self, samples_G: Sequence[Sample]) -> list[float]:
        """R minus the mean of the others."""
        return advantages.leave_one_out(rewards_of(samples_G))

    def surrogate(self, stats: TokenStats, batch: Batch) -> LossTerm:
        """The policy gradient."""
        return surrogates.unclipped(stats, batch)
