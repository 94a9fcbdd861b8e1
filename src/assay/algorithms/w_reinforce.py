"""Weighted REINFORCE (arXiv 2506.01347): A = lambda for a right response and -1 for a wrong one.

J = 1 / (sum_i |o_i|) sum_i sum_t min(r A, clip(r, 1-low, 1+high) A)

With lambda near 0 it is mostly the wrong responses that are pushed down, and what the policy knows besides keeps its
share; with lambda 1 it is REINFORCE on rewards of 1 and -1. Rewards must be 0 and 1. The paper writes the plain policy
gradient; its code, like this, has PPO's clip and the mean over tokens.
"""

from collections.abc import Sequence
from typing import ClassVar

from assay.algorithms import advantages
from assay.algorithms.aggregate import Aggregation
from assay.algorithms.base import Clipped, Coefficient, rewards_of
from assay.types import Sample


class WReinforce(Clipped):
    """Right responses count a little."""

    needs_group: ClassVar[bool] = False
    needs_spread: ClassVar[bool] = False
    counts_right: ClassVar[bool] = True

    aggregation: Aggregation = "token"
    positive: Coefficient = 0.1
    """Lambda."""

    def group_advantages(self, samples_G: Sequence[Sample]) -> list[float]:
        """Lambda or -1."""
        return advantages.signed(rewards_of(samples_G), self.positive)
