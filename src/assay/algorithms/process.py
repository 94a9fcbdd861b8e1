"""GRPO with process supervision (arXiv 2402.03300, section 4.1.3): the task judges each written step, and a token's
advantage has the standardised values of its step and those after it:

A_t = A_outcome + weight sum_{steps j that end at t or later} (v_j - mean) / std

mean and std over all judged steps of the group; the surrogate is GRPO's. Departs: the outcome's advantage is added,
since a task's step verifier says whether a step follows, not whether the answer is right.
"""

from collections.abc import Sequence
from typing import ClassVar

from assay.algorithms import advantages
from assay.algorithms.base import Clipped, Coefficient
from assay.types import Sample, Step


class Process(Clipped):
    """Credit by the task's verdict on each step."""

    needs_step_verdicts: ClassVar[bool] = True
    needs_spread: ClassVar[bool] = False

    weight: Coefficient = 0.5
    """Of the steps beside the outcome."""

    def step_advantages(self, samples_G: Sequence[Sample]) -> list[tuple[float, ...]]:
        """The outcome's part and the return to go of the steps; those of a response left out are not counted."""
        steps_G = [s.steps if s.shaped_reward is not None else unjudged(s.steps) for s in samples_G]
        return advantages.process(steps_G, self.group_advantages(samples_G), self.weight)


def unjudged(steps: Sequence[Step]) -> list[Step]:
    """The same steps without their values."""
    return [Step(step.end, None) for step in steps]
