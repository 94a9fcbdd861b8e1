"""KL(pi || ref) on tokens that pi sampled: estimators per token, and the coefficient that follows a target.

With u = log pi - log ref (Schulman 2020). Gradients are those of the estimator as a loss, on average over pi's samples:

k1  = u              unbiased, may be negative; gradient 0: of no use as a loss, and the right one in the reward
k2  = u^2 / 2        biased value; gradient of KL(pi || ref)
k3  = exp(-u)-1+u    unbiased, never negative; gradient of KL(ref || pi). GRPO's choice
k3+ = value of k3    straight-through: the gradient of k2, so that of KL(pi || ref). verl's name
exact                the sum over the whole vocabulary, made where the logits are (`TokenStats.divergence_BT`): value
                     and gradient of KL(pi || ref) of each token's distribution

As a loss, all leave out what a token does to the states after it; k1 in the reward, as a return to go, does not.
None is clamped: a clamp stops the gradient where the drift is greatest.
"""

import math
from collections.abc import Callable

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


def k3_straight_through(logprobs_BT: Tensor, reference_BT: Tensor) -> Tensor:
    """The value of k3 with the gradient of k2."""
    slope_BT = k2(logprobs_BT, reference_BT)
    return k3(logprobs_BT, reference_BT).detach() + slope_BT - slope_BT.detach()


ESTIMATORS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {"k1": k1, "k2": k2, "k3": k3, "k3+": k3_straight_through}


def generalised_jsd(ours_NV: Tensor, theirs_NV: Tensor, beta: float) -> Tensor:
    """Divergence [N] in nats of distributions q (ours) from p (theirs), both log-probabilities over a vocabulary:

    beta KL(p || m) + (1 - beta) KL(q || m) with m = beta p + (1 - beta) q: GKD, arXiv 2306.13649 eq. 1. At its
    ends, where that is 0, it is what TRL takes: KL(p || q) for beta 0 and KL(q || p) for beta 1.
    """
    if beta == 0:
        return _kl(theirs_NV, ours_NV)
    if beta == 1:
        return _kl(ours_NV, theirs_NV)
    mixture_NV = torch.logaddexp(theirs_NV + math.log(beta), ours_NV + math.log1p(-beta))
    return beta * _kl(theirs_NV, mixture_NV) + (1 - beta) * _kl(ours_NV, mixture_NV)


def _kl(first_NV: Tensor, second_NV: Tensor) -> Tensor:
    return (first_NV.exp() * (first_NV - second_NV)).sum(-1)


LARGEST_CHANGE = 0.2


def adapted(coef: float, kl: float, target: float, samples: int, horizon: int) -> float:
    """The coefficient for the next step: coef (1 + clip(KL / target - 1, -.2, .2) samples / horizon).

    Ziegler et al. 2019, arXiv 1909.08593, section 2.2. `kl` and `target` in nats a response, `horizon` in samples.
    """
    error = min(max(kl / target - 1, -LARGEST_CHANGE), LARGEST_CHANGE)
    return coef * (1 + error * samples / horizon)
