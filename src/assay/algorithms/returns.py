"""Token rewards become advantages: returns to go, generalised advantage estimation, whitening.

All [B, T] tensors are 0 off the mask; tokens off the mask, such as a tool's, are passed over.
"""

import torch
from torch import Tensor


def return_to_go(rewards_BT: Tensor, mask_BT: Tensor) -> Tensor:
    """Sum of the rewards of a token and those after it, [B, T]."""
    return rewards_BT.flip(1).cumsum(1).flip(1) * mask_BT


def at_last_token(values_B: Tensor, mask_BT: Tensor) -> Tensor:
    """[B, T] with each row's value at its last chosen token."""
    last_BT = mask_BT & (mask_BT.flip(1).cumsum(1).flip(1) == 1)
    return values_B[:, None] * last_BT


def gae(
    rewards_BT: Tensor, values_BT: Tensor, last_value_B: Tensor, mask_BT: Tensor, gamma: float, lam: float
) -> Tensor:
    """Generalised advantage estimation, arXiv 1506.02438 eq. 16: A_t = sum_l (gamma lam)^l delta_{t+l}, with
    delta_t = r_t + gamma V_{t+1} - V_t.

    V_t is the value of the state before chosen token t. After the last chosen token it is `last_value_B`: 0 for a
    response that ended, the critic's value of its last state for one that was cut.
    """
    advantages_BT = torch.zeros_like(values_BT)
    next_value_B, advantage_B = last_value_B, torch.zeros_like(last_value_B)
    for t in reversed(range(mask_BT.shape[1])):
        delta_B = rewards_BT[:, t] + gamma * next_value_B - values_BT[:, t]
        advantage_B = torch.where(mask_BT[:, t], delta_B + gamma * lam * advantage_B, advantage_B)
        next_value_B = torch.where(mask_BT[:, t], values_BT[:, t], next_value_B)
        advantages_BT[:, t] = advantage_B * mask_BT[:, t]
    return advantages_BT


def whitened(values_BT: Tensor, mask_BT: Tensor, keep_mean: bool = False, epsilon: float = 1e-8) -> Tensor:
    """(x - mean) / (std + epsilon) over all chosen tokens, plus the mean again where it is kept; sample deviation.

    Where they are all the same: the mean where it is kept, else 0.
    """
    chosen_N = values_BT[mask_BT]
    if len(chosen_N) < 2 or chosen_N.max() - chosen_N.min() <= epsilon:
        return values_BT if keep_mean else torch.zeros_like(values_BT)
    mean = chosen_N.mean()
    return ((values_BT - mean) / (chosen_N.std() + epsilon) + (mean if keep_mean else 0)) * mask_BT
