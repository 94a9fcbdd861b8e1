"""Estimators of KL(pi || ref) per token, on tokens that pi sampled. With u = log pi - log ref (Schulman 2020):

k1 = u             unbiased, may be negative; as a loss its gradient is 0 in expectation
k2 = u^2 / 2       biased value; as a loss its gradient is that of KL(pi || ref)
k3 = exp(-u)-1+u   unbiased, never negative; as a loss its gradient is that of KL(ref || pi). GRPO's choice.
"""

import torch
from torch import Tensor


def k1(logprobs_BT: Tensor, reference_BT: Tensor) -> Tensor:
    """u."""
    return logprobs_BT - reference_BT


def k2(logprobs_BT: Tensor, reference_BT: Tensor) -> Tensor:
    """u^2 / 2."""
    return (logprobs_BT - reference_BT) ** 2 / 2


def k3(logprobs_BT: Tensor, reference_BT: Tensor) -> Tensor:
    """exp(-u) - 1 + u."""
    u = logprobs_BT - reference_BT
    return torch.expm1(-u) + u


ESTIMATORS = {"k1": k1, "k2": k2, "k3": k3}
