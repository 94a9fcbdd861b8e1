"""GRPO, group relative policy optimisation (arXiv 2402.03300, eq. 3):

J = mean over groups and their samples i of 1/|o_i| sum_t { min(r A, clip(r, 1-low, 1+high) A) - beta k3 }

with A = (R - mean) / std over the group. Departures by option: clip bounds apart, aggregation over tokens or by a
constant length, advantages without the deviation (`scale = "none"`: Dr. GRPO).
"""

from dataclasses import dataclass
from typing import Literal

from assay.algorithms import advantages, aggregate, kl, surrogates
from assay.batch import Batch, LossTerm, TokenStats


@dataclass(frozen=True, slots=True)
class Grpo:
    """GRPO with its options; advantage, surrogate and aggregation are separate functions of their own files."""

    clip_low: float = 0.2
    clip_high: float = 0.2
    scale: Literal["std", "none"] = "std"
    aggregation: aggregate.Aggregation = "sequence"
    kl_coef: float = 0.0
    kl_estimator: str = "k3"

    def group_advantages(self, rewards_G: advantages.Rewards) -> list[float]:
        """Advantage of each sample of one group."""
        return advantages.standardised(rewards_G) if self.scale == "std" else advantages.centred(rewards_G)

    def loss(self, stats: TokenStats, batch: Batch) -> LossTerm:
        """Loss per token, the KL term included where there is a reference."""
        term = surrogates.clipped(stats, batch, self.clip_low, self.clip_high)
        if batch.reference_BT is None:
            return term
        kl_BT = kl.ESTIMATORS[self.kl_estimator](stats.logprobs_BT, batch.reference_BT)
        diagnostics_BT = term.diagnostics_BT | {"kl": kl_BT.detach()}
        return LossTerm(term.value_BT + self.kl_coef * kl_BT, diagnostics_BT)
