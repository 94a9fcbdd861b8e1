"""The unlikeliness reward (arXiv 2506.02355): GRPO on R (1 - penalty rank / G), the likelier the less.

A response's rank in its group is by its mean log-probability a token under the policy that sampled it: 0 is the least
likely, G - 1 the most. Of two right responses the rarer one gains, also where all are right. Wrong ones keep their 0.
"""

from collections.abc import Sequence
from typing import Annotated, ClassVar

from pydantic import Field

from assay.algorithms import advantages
from assay.algorithms.base import Clipped, rewards_of
from assay.types import Sample


class Unlikeliness(Clipped):
    """Right and rare pays."""

    needs_spread: ClassVar[bool] = False

    penalty: Annotated[float, Field(gt=0, le=1)] = 0.25
    """Share of its reward that the likeliest response nearly loses."""

    def group_advantages(self, samples_G: Sequence[Sample]) -> list[float]:
        """(R' - mean) / std over the group, R' lowered by rank."""
        logprobs_G = [float(sample.logprobs[sample.mask].mean()) for sample in samples_G]
        return advantages.standardised(advantages.unlikely(rewards_of(samples_G), logprobs_G, self.penalty))
