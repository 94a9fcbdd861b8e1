"""CISPO, clipped importance-sampling weights (MiniMax-M1, arXiv 2506.13585):

J = 1 / (sum_i |o_i|) sum_i sum_t sg(clip(r, 1-low, 1+high)) A log pi,    A = (R - mean) / std over the group

The weight is capped and the gradient never stopped. `clip_high` is what the cap adds to 1, so 4 caps at 5: the units of
verl and open-instruct; TRL's epsilon_high is the cap itself. `clip_low` 1 means no lower bound, as in the paper's runs.
"""

from assay.algorithms import surrogates
from assay.algorithms.aggregate import Aggregation
from assay.algorithms.base import Algorithm, HighBound, LowBound
from assay.batch import Batch, LossTerm, TokenStats


class Cispo(Algorithm):
    """Capped weights."""

    clip_low: LowBound = 1.0
    clip_high: HighBound = 4.0
    aggregation: Aggregation = "token"

    def surrogate(self, stats: TokenStats, batch: Batch) -> LossTerm:
        """Weighted by the capped ratio."""
        return surrogates.capped(stats, batch, self.clip_low, self.clip_high)
