"""Surrogate losses per token, never reduced here.

Notation: r = pi / pi_old, A advantage; shapes [B, T].
"""

import torch

from assay.batch import Batch, LossTerm, TokenStats


def clipped(stats: TokenStats, batch: Batch, clip_low: float, clip_high: float) -> LossTerm:
    """-min(r A, clip(r, 1 - clip_low, 1 + clip_high) A): PPO, arXiv 1707.06347 eq. 7, bounds apart as in DAPO.

    Where `batch.old_BT` is None there is one update a batch, pi_old is pi without gradient and r is 1.
    Diagnostics are 1.0 where the clip stops the gradient: below for A < 0, above for A > 0.
    """
    old_BT = stats.logprobs_BT.detach() if batch.old_BT is None else batch.old_BT
    ratio_BT = torch.exp(stats.logprobs_BT - old_BT)
    clipped_BT = torch.clamp(ratio_BT, 1 - clip_low, 1 + clip_high)
    advantages_BT = batch.advantages_BT
    loss_BT = -torch.minimum(ratio_BT * advantages_BT, clipped_BT * advantages_BT)
    low_BT = (ratio_BT < 1 - clip_low) & (advantages_BT < 0)
    high_BT = (ratio_BT > 1 + clip_high) & (advantages_BT > 0)
    return LossTerm(
        loss_BT,
        {
            "clip_ratio/low_mean": low_BT.float(),
            "clip_ratio/high_mean": high_BT.float(),
            "clip_ratio/region_mean": (low_BT | high_BT).float(),
        },
    )
