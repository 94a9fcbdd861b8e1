"""The Bradley-Terry loss of a reward model (arXiv 2203.02155 eq. 1).

Legend: K responses of one prompt, P pairs.
"""

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid


def bradley_terry(scores_K: Tensor, pairs: Tensor, margin: float = 0.0) -> Tensor:
    """-mean over the pairs of one prompt of log sigmoid(r_preferred - r_other - margin).

    `pairs` [P, 2] are places of the preferred and of the other response. A ranking of K responses has up
    to K (K - 1) / 2 pairs and weighs no more than a single pair. The margin is that of Llama 2, arXiv 2307.09288 eq. 2.
    """
    return -logsigmoid(differences(scores_K, pairs) - margin).mean()


def differences(scores_K: Tensor, pairs: Tensor) -> Tensor:
    """Reward of the preferred response less that of the other, [P]."""
    return torch.index_select(scores_K, 0, pairs[:, 0]) - torch.index_select(scores_K, 0, pairs[:, 1])
