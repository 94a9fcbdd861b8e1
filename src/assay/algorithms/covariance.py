"""Which tokens drive entropy down: cov_t = (A_t - mean A)(log p_t - mean log p), arXiv 2505.22617.

Means and choices are over all tokens of an update, from the log-probabilities before the first one: so they do not
depend on how an update is split into micro-batches, where peers take the means of each.
"""

import math
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from assay.batch import Batch


def covariances(batch: Batch) -> Tensor:
    """cov_t of the chosen tokens [N]."""
    assert batch.old_BT is not None, "covariances need the log-probabilities before the first update"
    advantages_N, logprobs_N = batch.advantages_BT[batch.mask_BT], batch.old_BT[batch.mask_BT]
    return (advantages_N - advantages_N.mean()) * (logprobs_N - logprobs_N.mean())


def select_largest(batch: Batch, fraction: float) -> Batch:
    """The batch with the `fraction` of its tokens whose covariance is largest selected, one at least."""
    cov_N = covariances(batch)
    return _select(batch, cov_N.topk(max(1, math.floor(fraction * len(cov_N)))).indices)


def select_between(batch: Batch, fraction: float, low: float, high: float) -> Batch:
    """The batch with a random `fraction` of its tokens selected among those with low < cov < high, one at least.

    A token's random number depends on its sample and place alone.
    """
    cov_N = covariances(batch)
    eligible = ((cov_N > low) & (cov_N < high)).nonzero().flatten()
    count = max(1, math.floor(fraction * len(cov_N)))
    order = torch.from_numpy(_uniforms_N(batch)).to(cov_N.device)[eligible].argsort()
    return _select(batch, eligible[order[:count]])


def _select(batch: Batch, chosen: Tensor) -> Batch:
    selected_N = torch.zeros(int(batch.mask_BT.sum()), dtype=torch.bool, device=batch.mask_BT.device)
    selected_N[chosen] = True
    return replace(batch, selected_BT=batch.scatter(selected_N))


def _uniforms_N(batch: Batch) -> np.ndarray:
    found = []
    for sample in batch.samples:
        generator = np.random.default_rng([sample.sampling.seed, sample.group, sample.member])
        found.append(generator.random(len(sample.token_ids))[sample.mask])
    return np.concatenate(found)
