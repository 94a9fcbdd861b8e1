"""Pass@k training (arXiv 2508.10751): GRPO whose reward is that of k samples together, in closed form.

Of a group's n responses c are right; p = 1 - C(n-c, k) / C(n, k) is the chance that one of k is, s = sqrt(p (1 - p)):

A = (1 - p) / s for a right response,    A = (1 - p - C(n-c-1, k-1) / C(n-1, k-1)) / s for a wrong one

so easy problems, where k samples nearly always hold a right one, stop counting. k = 1 is GRPO with the population's
deviation. Departs: s is not padded with an epsilon; where p is 0 or 1 all are exactly 0. Rewards must be 0 and 1.
"""

from collections.abc import Sequence
from typing import ClassVar

from pydantic import Field

from assay.algorithms import advantages
from assay.algorithms.base import Clipped, rewards_of
from assay.types import Sample


class PassAtK(Clipped):
    """Trains what pass@k measures."""

    counts_right: ClassVar[bool] = True

    k: int = Field(4, ge=1)
    """Samples that are right together where one of them is."""

    @property
    def least_group(self) -> int:
        """With k samples or fewer, every group with a right response is as good as any."""
        return self.k + 1

    def group_advantages(self, samples_G: Sequence[Sample]) -> list[float]:
        """The closed form over the group."""
        return advantages.pass_at_k(rewards_of(samples_G), self.k)
