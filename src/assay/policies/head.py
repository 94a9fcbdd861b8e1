"""Log-probabilities of chosen tokens from states and the output layer's weight, in chunks, forward and backward.

Legend: N chosen tokens, C tokens of a chunk, D width of a state, V vocabulary.
"""

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn.functional import linear

from assay.policies.load import LOGIT_CHANGES, Policy

CHUNK_LOGITS = 2**25
"""Logits held at once: 128 MiB in float32. More take memory; fewer add to the weight's gradient more often."""


class ChunkedLogprobs(torch.autograd.Function):
    """apply(states_ND, weight_VD, targets_N, temperature, with_entropy) -> (logprobs_N, entropy_N), float32.

    Log-probability z[y]/T - logsumexp(z/T) of logits z = weight @ state; the entropy of softmax(z/T) in nats has no
    gradient, and is 0 where it is not asked for. Only the normalisers are kept; the backward pass makes the logits of a
    chunk again, turns them in place into their gradient, (onehot(y) - softmax(z/T)) g/T, and adds to one gradient of
    the weight, which is not made where the weight is frozen. Beside that gradient memory is one chunk.
    """

    @staticmethod
    def forward(
        ctx: Any, states_ND: Tensor, weight_VD: Tensor, targets_N: Tensor, temperature: float, with_entropy: bool
    ) -> tuple[Tensor, Tensor]:
        """The chunks one after the other."""
        tokens = _chunk(weight_VD)
        chunks = []
        for states_CD, targets_C in zip(states_ND.split(tokens), targets_N.split(tokens), strict=True):
            logits_CV = _scaled(states_CD, weight_VD, temperature)
            normaliser_C = logits_CV.logsumexp(-1)
            logprobs_C = logits_CV.gather(-1, targets_C[:, None]).squeeze(-1) - normaliser_C
            entropy_C = torch.zeros_like(logprobs_C)
            if with_entropy:
                entropy_C = normaliser_C - (torch.softmax(logits_CV, dim=-1) * logits_CV).sum(-1)
            chunks.append((logprobs_C, entropy_C, normaliser_C))
            del logits_CV
        logprobs_N, entropy_N, normaliser_N = (torch.cat(each) for each in zip(*chunks, strict=True))
        ctx.save_for_backward(states_ND, weight_VD, targets_N, normaliser_N)
        ctx.temperature = temperature
        ctx.mark_non_differentiable(entropy_N)
        return logprobs_N, entropy_N

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_N: Tensor, _: Tensor) -> tuple[Tensor | None, ...]:
        """Gradients of states and weight."""
        states_ND, weight_VD, targets_N, normaliser_N = ctx.saved_tensors
        grad_states_ND = torch.empty_like(states_ND)
        grad_weight_VD = torch.empty_like(weight_VD) if ctx.needs_input_grad[1] else None
        factor_N = grad_N / ctx.temperature
        tokens = _chunk(weight_VD)
        for start in range(0, len(targets_N), tokens):
            at = slice(start, start + tokens)
            grad_CV = _scaled(states_ND[at], weight_VD, ctx.temperature)
            grad_CV.sub_(normaliser_N[at, None]).exp_().mul_(-factor_N[at, None])
            grad_CV.scatter_add_(1, targets_N[at, None], factor_N[at, None])
            grad_CV = grad_CV.to(weight_VD.dtype)
            torch.mm(grad_CV, weight_VD, out=grad_states_ND[at])
            if grad_weight_VD is not None:
                grad_weight_VD.addmm_(grad_CV.T, states_ND[at], beta=int(start > 0))
            del grad_CV
        return grad_states_ND, grad_weight_VD, None, None, None


def plain_weight(policy: Policy) -> Tensor | None:
    """The output layer's weight [V, D], where logits are its product with a state and nothing else."""
    head: Any = policy.model.get_output_embeddings()
    changed = any(getattr(policy.config, name, None) for name in LOGIT_CHANGES)
    hooked = head._forward_hooks or head._forward_pre_hooks or head._backward_hooks or head._backward_pre_hooks
    is_plain = type(head) is torch.nn.Linear and head.bias is None and not changed and not hooked
    return head.weight if is_plain else None


def _chunk(weight_VD: Tensor) -> int:
    return max(1, CHUNK_LOGITS // len(weight_VD))


def _scaled(states_CD: Tensor, weight_VD: Tensor, temperature: float) -> Tensor:
    """Logits over the temperature, in float32 or better, that may be written to."""
    logits_CV = linear(states_CD, weight_VD)
    logits_CV = logits_CV.to(torch.promote_types(logits_CV.dtype, torch.float32))
    return logits_CV if temperature == 1 else logits_CV.div_(temperature)
