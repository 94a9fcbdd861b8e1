"""Advantages of a group of rewards. Unknown rewards (None) leave the group's statistics and get advantage 0.

Legend: G samples of one group.
"""

import math
from collections.abc import Sequence

Rewards = Sequence[float | None]

TOLERANCE = 1e-8
"""Rewards of a group that differ by no more count as equal: all advantages are then exactly 0. Dividing the rounding
error of their mean by a tiny deviation has given advantages near 1 in public trainers."""


def centred(rewards_G: Rewards) -> list[float]:
    """R - mean(R): Dr. GRPO, arXiv 2503.20783. Fewer than two known rewards, or equal ones, give 0."""
    known = [reward for reward in rewards_G if reward is not None]
    if len(known) < 2 or max(known) - min(known) <= TOLERANCE:
        return [0.0] * len(rewards_G)
    mean = math.fsum(known) / len(known)
    return [0.0 if reward is None else reward - mean for reward in rewards_G]


def standardised(rewards_G: Rewards, epsilon: float = 1e-6) -> list[float]:
    """(R - mean(R)) / (std(R) + epsilon): GRPO, arXiv 2402.03300.

    The standard deviation is the sample's (G - 1 in the denominator), as in the trainers people compare with.
    """
    deviations = centred(rewards_G)
    known = sum(reward is not None for reward in rewards_G)
    if not any(deviations):
        return deviations
    std = math.sqrt(math.fsum(d * d for d in deviations) / (known - 1))
    return [deviation / (std + epsilon) for deviation in deviations]
