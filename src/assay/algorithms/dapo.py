"""DAPO, decoupled clip and dynamic sampling (arXiv 2503.14476, eq. 8):

J = 1 / (sum_i |o_i|) sum_i sum_t min(r A, clip(r, 1-low, 1+high) A),    A = (R - mean) / std over the group

with high > low (clip-higher), groups whose rewards are all the same replaced by others (dynamic sampling), every token
of the update weighed alike, and the reward lowered by up to 1 in the last fifth of the room (soft overlong penalty).
Departs: the draws of a step are bounded, and a step that stays short of groups trains on those it has.
"""

from typing import Annotated

from pydantic import Field

from assay.algorithms.aggregate import Aggregation
from assay.algorithms.base import Clipped, HighBound


class Dapo(Clipped):
    """Its four changes to GRPO as defaults."""

    clip_high: HighBound = 0.28
    aggregation: Aggregation = "token"
    refill: int = Field(3, ge=0)
    overlong: Annotated[float, Field(ge=0, lt=1)] = 0.2
