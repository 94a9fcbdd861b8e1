"""ProRL, prolonged reinforcement learning (arXiv 2505.24864): DAPO's loss and dynamic sampling with more room above,
a KL penalty, and a reference that becomes the policy every some steps, the optimiser starting anew with it:

J = 1 / (sum_i |o_i|) sum_i sum_t { min(r A, clip(r, 1-low, 1+high) A) - beta k3 }

Departs: the paper resets by hand, when validation stalls; here it is every `reference_reset` steps.
"""

from pydantic import Field

from assay.algorithms.aggregate import Aggregation
from assay.algorithms.base import Clipped, Coefficient, HighBound


class ProRl(Clipped):
    """For long runs: a leash that is let out."""

    clip_high: HighBound = 0.4
    aggregation: Aggregation = "token"
    refill: int = Field(3, ge=0)
    kl_coef: Coefficient = 0.001
    reference_reset: int = Field(200, ge=0)
