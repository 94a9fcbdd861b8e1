"""GSPO, group sequence policy optimisation (arXiv 2507.18071):

J = mean over samples i of min(s A, clip(s, 1-low, 1+high) A),    s = exp(mean_t log(pi / pi_old))

with A = (R - mean) / std over the group: the ratio that is clipped is the sequence's, so the bounds are far narrower
than a token's. Any aggregation but the sequence's mean would weigh sequences by their length again, and is refused.
Departs: in the paper's token form, so that a KL in the reward can give tokens advantages of their own; same gradient.
"""

from pydantic import model_validator

from assay.algorithms import surrogates
from assay.algorithms.base import Algorithm, HighBound, LowBound, reversed_bounds
from assay.batch import Batch, LossTerm, TokenStats


class Gspo(Algorithm):
    """Clipped by sequence."""

    clip_low: LowBound = 3e-4
    clip_high: HighBound = 4e-4

    @model_validator(mode="after")
    def _mean_of_sequences(self) -> "Gspo":
        if self.aggregation != "sequence":
            raise ValueError(
                f"aggregation {self.aggregation!r} weighs GSPO's sequences by their length again; leave it 'sequence', "
                "or take grpo for clipping by token"
            )
        return self

    def surrogate(self, stats: TokenStats, batch: Batch) -> LossTerm:
        """Clipped by the sequence's ratio."""
        return surrogates.sequence_clipped(stats, batch, self.clip_low, self.clip_high)

    def warnings(self) -> list[str]:
        """Also: bounds that were taken for one another."""
        return [*super().warnings(), *reversed_bounds(self.clip_low, self.clip_high)]
