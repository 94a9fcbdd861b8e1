"""What a policy says of a batch: log-probabilities of the chosen tokens, and their entropy.

Only states that predict a chosen token go through the output layer, in chunks that are computed again in the backward
pass, so logits of a whole batch never exist at once.

Legend: B rows, T tokens, N chosen tokens, C tokens of a chunk, D width, V vocabulary.
"""

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from assay.batch import Batch, TokenStats
from assay.policies.load import Policy

CHUNK_LOGITS = 2**24
"""Logits held at once: 64 MiB in float32."""


def token_stats(policy: Policy, batch: Batch, temperature: float, entropy: bool = False) -> TokenStats:
    """Log-probabilities z_t[y_t]/T - logsumexp(z_t/T) of the chosen tokens in float32, at the sampler's temperature.

    Rows are padded on the right and attention is causal, so padding changes nothing.
    """
    states_BTD = policy.states(batch.token_ids_BT)
    states_ND = states_BTD.flatten(0, 1).index_select(0, batch.predicting_index_N)
    targets_N = batch.token_ids_BT[batch.chosen]
    logprobs, entropies = [], []
    for states_CD, targets_C in zip(*_chunks(policy, states_ND, targets_N), strict=True):
        if torch.is_grad_enabled() and states_CD.shape[0] < states_ND.shape[0]:
            found = checkpoint(_head, policy, states_CD, targets_C, temperature, entropy, use_reentrant=False)
        else:
            found = _head(policy, states_CD, targets_C, temperature, entropy)
        assert found is not None
        logprobs.append(found[0])
        entropies.append(found[1])
    return TokenStats(
        logprobs_BT=batch.scatter(torch.cat(logprobs)),
        entropy_BT=batch.scatter(torch.cat(entropies)) if entropy else None,
    )


def _chunks(policy: Policy, states_ND: Tensor, targets_N: Tensor) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
    size = max(1, CHUNK_LOGITS // policy.vocabulary_size)
    return states_ND.split(size), targets_N.split(size)


def _head(
    policy: Policy, states_CD: Tensor, targets_C: Tensor, temperature: float, entropy: bool
) -> tuple[Tensor, Tensor]:
    logits_CV = policy.logits(states_CD)
    logits_CV = logits_CV.to(torch.promote_types(logits_CV.dtype, torch.float32)) / temperature
    normaliser_C = torch.logsumexp(logits_CV, dim=-1)
    logprobs_C = logits_CV.gather(-1, targets_C.unsqueeze(-1)).squeeze(-1) - normaliser_C
    with torch.no_grad():
        if entropy:
            probabilities_CV = torch.softmax(logits_CV, dim=-1)
            entropy_C = normaliser_C - (probabilities_CV * logits_CV).sum(dim=-1)
        else:
            entropy_C = torch.zeros_like(logprobs_C)
    return logprobs_C, entropy_C
