"""KL-Cov (arXiv 2505.22617): the policy gradient, with a penalty on the few tokens whose covariance of log-probability
and advantage is highest, since these take the policy's entropy:

loss_t = -r A,  plus penalty |log pi - log pi_old| for the `fraction` of tokens with the highest cov_t
cov_t = (A_t - mean A)(log pi_t - mean log pi)

No ratio is clipped. Departs: means and choice are over the whole update, from the log-probabilities before the first
one. The penalty is 0, and so is its gradient, at the first update of a batch: with one update it does nothing.
"""

from typing import Annotated

import torch
from pydantic import Field

from assay.algorithms import covariance, surrogates
from assay.algorithms.aggregate import Aggregation
from assay.algorithms.base import Algorithm, Coefficient
from assay.batch import Batch, LossTerm, TokenStats


class KlCov(Algorithm):
    """Some tokens are held where they were."""

    updates: int = Field(2, ge=1)
    aggregation: Aggregation = "token"
    fraction: Annotated[float, Field(gt=0, le=1)] = 2e-4
    penalty: Coefficient = 1.0

    @property
    def needs_old(self) -> bool:
        """For the covariances."""
        return True

    def before_update(self, minibatch: Batch) -> Batch:
        """Selects the tokens that are penalised."""
        return covariance.select_largest(minibatch, self.fraction)

    def surrogate(self, stats: TokenStats, batch: Batch) -> LossTerm:
        """The policy gradient, and the penalty of the selected tokens."""
        assert batch.selected_BT is not None and batch.old_BT is not None
        drift_BT = (stats.logprobs_BT - batch.old_BT).abs()
        value_BT = surrogates.unclipped(stats, batch).value_BT + self.penalty * torch.where(
            batch.selected_BT, drift_BT, 0.0
        )
        return LossTerm(value_BT, {"kl_cov": batch.selected_BT.float()})

    def warnings(self) -> list[str]:
        """Also: an update at which the penalty does nothing."""
        idle = "KL-Cov's penalty is 0 at the first update of a batch, so updates = 1 switches it off; take 2 or more"
        return [*super().warnings(), *([idle] if self.updates == 1 else [])]
