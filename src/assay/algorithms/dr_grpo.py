"""Dr. GRPO, GRPO done right (arXiv 2503.20783):

J = mean over samples i of 1/L sum_t min(r A, clip(r, 1-low, 1+high) A),    A = R - mean over the group

with L the constant max_new_tokens: neither a response's length nor its group's deviation weighs its tokens.
"""

from collections.abc import Sequence

from assay.algorithms import advantages
from assay.algorithms.aggregate import Aggregation
from assay.algorithms.base import Clipped, rewards_of
from assay.types import Sample


class DrGrpo(Clipped):
    """GRPO without its two biases."""

    aggregation: Aggregation = "constant"

    def group_advantages(self, samples_G: Sequence[Sample]) -> list[float]:
        """R - mean over the group."""
        return advantages.centred(rewards_of(samples_G))
