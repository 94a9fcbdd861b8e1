"""Advantages of a group of rewards. Unknown rewards (None) leave the group's statistics and get advantage 0.

Legend: G samples of one group.
"""

import math
from collections.abc import Sequence

from assay.errors import RecipeError
from assay.types import Step

Rewards = Sequence[float | None]

TOLERANCE = 1e-8
"""Rewards of a group that differ by no more count as equal: all advantages are then exactly 0. Dividing the rounding
error of their mean by a tiny deviation has given advantages near 1 in public trainers."""


def are_constant(rewards_G: Rewards) -> bool:
    """Whether the known rewards are all the same, or fewer than two: then the group says nothing."""
    known = [reward for reward in rewards_G if reward is not None]
    return len(known) < 2 or max(known) - min(known) <= TOLERANCE


def centred(rewards_G: Rewards) -> list[float]:
    """R - mean(R): Dr. GRPO, arXiv 2503.20783."""
    if are_constant(rewards_G):
        return [0.0] * len(rewards_G)
    known = [reward for reward in rewards_G if reward is not None]
    mean = math.fsum(known) / len(known)
    return [0.0 if reward is None else reward - mean for reward in rewards_G]


def standardised(rewards_G: Rewards, epsilon: float = 1e-6) -> list[float]:
    """(R - mean(R)) / (std(R) + epsilon): GRPO, arXiv 2402.03300.

    The standard deviation is the sample's (G - 1 in the denominator), as in the trainers people compare with.
    """
    deviations = centred(rewards_G)
    if not any(deviations):
        return deviations
    known = sum(reward is not None for reward in rewards_G)
    std = math.sqrt(math.fsum(d * d for d in deviations) / (known - 1))
    return [deviation / (std + epsilon) for deviation in deviations]


def leave_one_out(rewards_G: Rewards) -> list[float]:
    """R_i - mean of the other rewards = G / (G - 1) (R_i - mean(R)): RLOO, arXiv 2402.14740."""
    known = sum(reward is not None for reward in rewards_G)
    return [deviation * known / max(known - 1, 1) for deviation in centred(rewards_G)]


def raw(rewards_G: Rewards) -> list[float]:
    """The rewards themselves, for algorithms whose baseline is not the group."""
    return [0.0 if reward is None else reward for reward in rewards_G]


def signed(rewards_G: Rewards, positive: float) -> list[float]:
    """`positive` for a right response, -1 for a wrong one: arXiv 2506.01347. Rewards must be 0 and 1."""
    check_binary(rewards_G)
    return [0.0 if reward is None else positive * reward - (1 - reward) for reward in rewards_G]


def pass_at_k(rewards_G: Rewards, k: int) -> list[float]:
    """Gradient of pass@k in closed form: pass@k training, arXiv 2508.10751. Rewards must be 0 and 1.

    Of n responses c are right; p = 1 - C(n-c, k) / C(n, k), s = sqrt(p (1 - p)). A right response gets (1 - p) / s, a
    wrong one (1 - p - C(n-c-1, k-1) / C(n-1, k-1)) / s. Where p is 0 or 1 all are exactly 0.
    """
    check_binary(rewards_G)
    known = [reward for reward in rewards_G if reward is not None]
    n, c = len(known), round(math.fsum(known))
    if n < k or c == 0 or n - c < k:
        return [0.0] * len(rewards_G)
    none_right = math.comb(n - c, k) / math.comb(n, k)
    spread = math.sqrt(none_right * (1 - none_right))
    right = none_right / spread
    wrong = (none_right - math.comb(n - c - 1, k - 1) / math.comb(n - 1, k - 1)) / spread
    return [0.0 if reward is None else right if reward == 1 else wrong for reward in rewards_G]


def unlikely(rewards_G: Rewards, logprobs_G: Sequence[float], penalty: float) -> list[float | None]:
    """R_i (1 - penalty rank_i / G): the unlikeliness reward, arXiv 2506.02355, before the group is standardised.

    `logprobs_G` are mean log-probabilities a token; rank 0 is the least likely response, G - 1 the most likely.
    """
    known = [member for member, reward in enumerate(rewards_G) if reward is not None]
    order = sorted(known, key=lambda member: logprobs_G[member])
    rank = {member: place for place, member in enumerate(order)}
    return [
        None if reward is None else reward * (1 - penalty * rank[member] / len(known))
        for member, reward in enumerate(rewards_G)
    ]


def process(steps_G: Sequence[Sequence[Step]], outcome_G: Sequence[float], weight: float) -> list[tuple[float, ...]]:
    """Process supervision, arXiv 2402.03300 section 4.1.3: a step's advantage is the outcome's plus `weight` times the
    sum of its own value and those after it, values standardised over all judged steps of the group."""
    scaled = iter(standardised([step.value for steps in steps_G for step in steps]))
    found = []
    for steps, outcome in zip(steps_G, outcome_G, strict=True):
        values = [next(scaled) for _ in steps]
        found.append(tuple(outcome + weight * math.fsum(values[place:]) for place in range(len(values))))
    return found


def value_differences(steps_G: Sequence[Sequence[Step]], rewards_G: Rewards) -> list[tuple[float, ...]]:
    """V(after the step) - V(before it): VinePPO, arXiv 2410.01679, with the reward as the last value.

    Before the first step V is the mean reward of the group's other members, which were sampled from there. Where a
    value is unknown, its step gets 0 and the next one is compared with the last known value.
    """
    found = []
    for member, steps in enumerate(steps_G):
        others = [reward for place, reward in enumerate(rewards_G) if reward is not None and place != member]
        before = math.fsum(others) / len(others) if others else None
        differences = []
        for step in steps:
            unknown = step.value is None or before is None
            differences.append(0.0 if unknown else step.value - before)  # type: ignore[operator]
            before = before if step.value is None else step.value
        found.append(tuple(differences))
    return found


def check_binary(rewards_G: Rewards) -> None:
    """Raises RecipeError for a reward other than 0 and 1."""
    for reward in rewards_G:
        if reward is not None and reward not in (0.0, 1.0):
            raise RecipeError(
                f"algorithm: it counts right and wrong responses and needs rewards of 0 and 1, got {reward:.4g}; train "
                "on the verifier alone (reward.functions = ['verifier']), or take another algorithm"
            )
