"""From logits to tokens: the distribution that is sampled, and inverse-CDF draws from it.

Legend: R rows, V vocabulary.
"""

import torch
from torch import Tensor

from assay.types import Sampling


def log_distribution(logits_RV: Tensor, sampling: Sampling) -> Tensor:
    """Log-probabilities [R, V] in float32 of the distribution that is sampled: -inf for what is cut off.

    Temperature first, then the `top_k` likeliest tokens, then the fewest tokens whose probability reaches `top_p`;
    what is left is normalised again. Ties go to the lower id. Temperature 0 puts all on the likeliest token.
    """
    if sampling.temperature == 0:
        return _keep_likeliest(logits_RV.float(), 1, 1.0)
    logits_RV = logits_RV.float() / sampling.temperature
    if sampling.top_k or sampling.top_p < 1:
        return _keep_likeliest(logits_RV, sampling.top_k, sampling.top_p)
    return torch.log_softmax(logits_RV, dim=-1)


def draw(logits_RV: Tensor, uniforms_R: Tensor, sampling: Sampling) -> tuple[Tensor, Tensor]:
    """Tokens [R] (int64) and their log-probabilities [R] (float32) under the distribution they were drawn from.

    Row r takes the first token whose cumulative probability, summed in float64, exceeds uniforms_R[r] of the total.
    """
    logprobs_RV = log_distribution(logits_RV, sampling)
    cumulative_RV = logprobs_RV.exp().cumsum(dim=-1, dtype=torch.float64)
    threshold_R1 = (uniforms_R * cumulative_RV[:, -1]).unsqueeze(-1)
    tokens_R1 = torch.searchsorted(cumulative_RV, threshold_R1, right=True).clamp_(max=logits_RV.shape[-1] - 1)
    return tokens_R1.squeeze(-1), logprobs_RV.gather(-1, tokens_R1).squeeze(-1)


def _keep_likeliest(logits_RV: Tensor, top_k: int, top_p: float) -> Tensor:
    sorted_RV, order_RV = logits_RV.sort(dim=-1, descending=True, stable=True)
    if top_k:
        sorted_RV[:, top_k:] = -torch.inf
    if top_p < 1:
        probabilities_RV = torch.softmax(sorted_RV, dim=-1)
        before_RV = probabilities_RV.cumsum(dim=-1, dtype=torch.float64) - probabilities_RV
        before_RV[:, 0] = 0  # the likeliest token always stays
        sorted_RV = sorted_RV.masked_fill(before_RV >= top_p, -torch.inf)
    kept_RV = torch.log_softmax(sorted_RV, dim=-1)
    return torch.empty_like(kept_RV).scatter_(-1, order_RV, kept_RV)
