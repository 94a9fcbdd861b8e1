"""NSR, negative-sample reinforcement (arXiv 2506.01347): A = -1 for a wrong response and 0 for a right one.

J = 1 / (sum_i |o_i|) sum_i sum_t min(r A, clip(r, 1-low, 1+high) A)

Nothing is made likelier but by what is taken from wrong responses. Rewards must be 0 and 1. The paper writes the plain
policy gradient; its code, like this, has PPO's clip and the mean over tokens.
"""

from collections.abc import Sequence
from typing import ClassVar

from assay.algorithms import advantages
from assay.algorithms.aggregate import Aggregation
from assay.algorithms.base import Clipped, rewards_of
from assay.types import Sample


class Nsr(Clipped):
    """Right responses do not count."""

    needs_group: ClassVar[bool] = False
    needs_spread: ClassVar[bool] = False
    counts_right: ClassVar[bool] = True

    aggregation: Aggregation = "token"

    def group_advantages(self, samples_G: Sequence[Sample]) -> list[float]:
        """0 or -1."""
        return advantages.signed(rewards_of(samples_G), positive=0.0)
