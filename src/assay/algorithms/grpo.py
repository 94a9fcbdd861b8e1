"""GRPO, group relative policy optimisation (arXiv 2402.03300, eq. 3):

J = mean over groups and their samples i of 1/|o_i| sum_t { min(r A, clip(r, 1-low, 1+high) A) - beta k3 }

with A = (R - mean) / std over the group. Departs by option only: bounds apart, other aggregations, other KL estimators,
advantages without the deviation. The deviation is the sample's; constant groups are exactly 0.
"""

from collections.abc import Sequence
from typing import Literal

from assay.algorithms import advantages
from assay.algorithms.base import Clipped, rewards_of
from assay.types import Sample


class Grpo(Clipped):
    """GRPO with its options."""

    scale: Literal["std", "none"] = "std"
    """Divide advantages by the group's standard deviation, or not."""

    def group_advantages(self, samples_G: Sequence[Sample]) -> list[float]:
        """(R - mean) / std over the group, or R - mean."""
        rewards_G = rewards_of(samples_G)
        return advantages.standardised(rewards_G) if self.scale == "std" else advantages.centred(rewards_G)
