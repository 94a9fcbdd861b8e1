"""Surrogate losses per token, never reduced here. Their gradient at pi = pi_old is that of -A log pi.

Notation: r = pi / pi_old, A advantage, sg stop-gradient; shapes [B, T]. Where `batch.old_BT` is None there is one
update a batch, pi_old is pi without gradient and r is 1. Diagnostics are 1.0 where a bound stops or caps the gradient.
"""

import torch
from torch import Tensor

from assay.batch import Batch, LossTerm, TokenStats


def unclipped(stats: TokenStats, batch: Batch) -> LossTerm:
    """-r A: the policy gradient, importance-weighted where there are several updates a batch."""
    return LossTerm(-_log_ratio(stats, batch).exp() * batch.advantages_BT)


def clipped(stats: TokenStats, batch: Batch, low: float, high: float, dual: float | None = None) -> LossTerm:
    """-min(r A, clip(r, 1 - low, 1 + high) A): PPO, arXiv 1707.06347 eq. 7, bounds apart as in DAPO.

    `dual`, where given, is the dual clip c of arXiv 1912.09729: where A < 0 the objective is at least c A.
    """
    return _clipped(_log_ratio(stats, batch).exp(), batch.advantages_BT, low, high, dual)


def sequence_clipped(stats: TokenStats, batch: Batch, low: float, high: float) -> LossTerm:
    """Clipped by the sequence's ratio s = exp(mean_t log r_t): GSPO, arXiv 2507.18071, in the token form
    s_t = sg(s) pi_t / sg(pi_t), so that advantages may differ within a sequence."""
    log_ratio_BT = _log_ratio(stats, batch)
    length_B1 = batch.mask_BT.sum(1, keepdim=True).clamp(min=1)
    mean_B1 = (log_ratio_BT * batch.mask_BT).sum(1, keepdim=True) / length_B1
    ratio_BT = torch.exp(mean_B1.detach() + stats.logprobs_BT - stats.logprobs_BT.detach())
    return _clipped(ratio_BT, batch.advantages_BT, low, high, None)


def capped(stats: TokenStats, batch: Batch, low: float, high: float) -> LossTerm:
    """-sg(clip(r, 1 - low, 1 + high)) A log pi: CISPO, arXiv 2506.13585. Every token keeps its gradient."""
    ratio_BT = _log_ratio(stats, batch).exp().detach()
    weight_BT = torch.clamp(ratio_BT, 1 - low, 1 + high)
    flags = _flags(ratio_BT < 1 - low, ratio_BT > 1 + high)
    return LossTerm(-weight_BT * batch.advantages_BT * stats.logprobs_BT, flags)


def _log_ratio(stats: TokenStats, batch: Batch) -> Tensor:
    return stats.logprobs_BT - (stats.logprobs_BT.detach() if batch.old_BT is None else batch.old_BT)


def _clipped(ratio_BT: Tensor, advantages_BT: Tensor, low: float, high: float, dual: float | None) -> LossTerm:
    inside_BT = torch.clamp(ratio_BT, 1 - low, 1 + high)
    objective_BT = torch.minimum(ratio_BT * advantages_BT, inside_BT * advantages_BT)
    if dual is not None:
        floor_BT = torch.where(advantages_BT < 0, dual * advantages_BT, -torch.inf)
        objective_BT = torch.maximum(objective_BT, floor_BT)
    low_BT = (ratio_BT < 1 - low) & (advantages_BT < 0)
    high_BT = (ratio_BT > 1 + high) & (advantages_BT > 0)
    return LossTerm(-objective_BT, _flags(low_BT, high_BT))


def _flags(low_BT: Tensor, high_BT: Tensor) -> dict[str, Tensor]:
    return {
        "clip_ratio/low_mean": low_BT.float(),
        "clip_ratio/high_mean": high_BT.float(),
        "clip_ratio/region_mean": (low_BT | high_BT).float(),
    }
