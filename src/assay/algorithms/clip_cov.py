"""Clip-Cov (arXiv 2505.22617): GRPO that stops the gradient of a few tokens whose covariance of log-probability and
advantage is high, since these take the policy's entropy:

cov_t = (A_t - mean A)(log pi_t - mean log pi);  of the tokens with cov_low < cov < cov_high a random `fraction` of all

Departs: means and choice are over the whole update, from the log-probabilities before the first one. The paper's
fraction, 2e-4, is of batches of millions of tokens; one token at least is chosen.
"""

from typing import Annotated

import torch
from pydantic import Field, model_validator

from assay.algorithms import covariance
from assay.algorithms.aggregate import Aggregation
from assay.algorithms.base import Clipped
from assay.batch import Batch, LossTerm, TokenStats


class ClipCov(Clipped):
    """No gradient from some tokens."""

    aggregation: Aggregation = "token"
    fraction: Annotated[float, Field(gt=0, le=1)] = 2e-4
    cov_low: float = 1.0
    cov_high: float = 5.0

    @model_validator(mode="after")
    def _ordered(self) -> "ClipCov":
        if self.cov_low >= self.cov_high:
            raise ValueError(f"cov_low {self.cov_low} is not below cov_high {self.cov_high}; swap them")
        return self

    @property
    def needs_old(self) -> bool:
        """For the covariances."""
        return True

    def before_update(self, minibatch: Batch) -> Batch:
        """Selects the tokens that get no gradient."""
        return covariance.select_between(minibatch, self.fraction, self.cov_low, self.cov_high)

    def surrogate(self, stats: TokenStats, batch: Batch) -> LossTerm:
        """GRPO's, without the gradient of the selected tokens."""
        term = super().surrogate(stats, batch)
        assert batch.selected_BT is not None
        value_BT = torch.where(batch.selected_BT, 0.0, term.value_BT)
        return LossTerm(value_BT, term.diagnostics_BT | {"clip_cov": batch.selected_BT.float()})
