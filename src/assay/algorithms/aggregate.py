"""From losses per token to one number. The denominator is counted over the whole optimiser step, before the first
micro-batch, so the gradient does not depend on how the step is split, ordered or padded.

token     sum over all tokens / tokens of the step                       DAPO, arXiv 2503.14476
sequence  mean over sequences of each sequence's token mean              GRPO, arXiv 2402.03300
sum       mean over sequences of each sequence's token sum               the policy gradient itself; RLOO
constant  sum over all tokens / (sequences x a constant length)          Dr. GRPO, arXiv 2503.20783

Sequences whose every token is masked add nothing to the sum but count in B.
"""

from typing import Literal

from torch import Tensor

from assay.batch import Batch

Aggregation = Literal["token", "sequence", "sum", "constant"]


def denominator(aggregation: Aggregation, step: Batch, max_tokens: int) -> float:
    """What the sum over the step's (weighted) tokens is divided by."""
    if aggregation == "token":
        return max(float(step.mask_BT.sum()), 1.0)
    return float(len(step) * (max_tokens if aggregation == "constant" else 1))


def reduce(aggregation: Aggregation, values_BT: Tensor, micro: Batch, norm: float) -> Tensor:
    """This micro-batch's share of the step's loss."""
    mask_BT = micro.mask_BT.to(values_BT.dtype)
    if aggregation == "sequence":
        mask_BT = mask_BT / mask_BT.sum(dim=1, keepdim=True).clamp(min=1)
    return (values_BT * mask_BT).sum() / norm
