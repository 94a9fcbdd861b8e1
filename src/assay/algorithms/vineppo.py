"""VinePPO (arXiv 2410.01679): PPO whose values are not a network's but the mean reward of `rollouts` fresh samples that
go on from each step:

A_t = V(s after the step of t) - V(s before it),    V(s) = mean reward of samples that start at s

with the response's own reward as the last value, and the clipped surrogate over tokens. Departs: V of the prompt is the
mean reward of the group's other members, which were sampled from there anyway; the baseline needs a group of two.
"""

from collections.abc import Sequence
from typing import ClassVar

from pydantic import Field

from assay.algorithms import advantages
from assay.algorithms.aggregate import Aggregation
from assay.algorithms.base import Clipped, rewards_of
from assay.types import Sample


class VinePpo(Clipped):
    """Credit by Monte Carlo values of prefixes."""

    needs_spread: ClassVar[bool] = False

    aggregation: Aggregation = "token"
    rollouts: int = Field(9, ge=1)
    """Samples that go on from the end of each step."""

    @property
    def value_rollouts(self) -> int:
        """`rollouts`."""
        return self.rollouts

    def group_advantages(self, samples_G: Sequence[Sample]) -> list[float]:
        """The sum of a response's step advantages: its reward less the mean of the others'."""
        return advantages.leave_one_out(rewards_of(samples_G))

    def step_advantages(self, samples_G: Sequence[Sample]) -> list[tuple[float, ...]]:
        """What each step did to the value."""
        return advantages.value_differences([s.steps for s in samples_G], rewards_of(samples_G))
