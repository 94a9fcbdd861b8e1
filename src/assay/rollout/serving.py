"""Which models the engine serves: those whose every layer attends to all earlier tokens; tried, not only believed."""

from dataclasses import dataclass

import numpy as np
import torch

from assay.policies.load import Policy
from assay.policies.planned import NOT_SERVED, refusal_by_configuration
from assay.rollout.attention import DecodePlan, states
from assay.rollout.blocks import BLOCK_TOKENS, BlockPool, LayerShape
from assay.rollout.prefill import PromptKV, blocks_of, prefill
from assay.rollout.row_counts import RowCounts

PROBE_LENGTHS = (BLOCK_TOKENS + 5, 3)
"""Tokens of the two prompts of the trial: one that needs a second block and one that does not."""
TOLERANCE = {torch.float32: 1e-3}
LOW_PRECISION_TOLERANCE = 0.1
"""Total variation between the next-token distributions of the engine and of the model itself."""


@dataclass(frozen=True, slots=True)
class Serving:
    """The layers to keep keys and values for, or why the engine does not serve the model."""

    layers: tuple[LayerShape, ...] = ()
    refusal: str | None = None


def examine(policy: Policy, row_counts: RowCounts) -> Serving:
    """Looks at the model's configuration, then decodes one token with the engine's attention and compares."""
    refusal = refusal_by_configuration(policy)
    if refusal:
        return Serving(refusal=refusal)
    try:
        layers, distance = _probe(policy, row_counts)
    except torch.OutOfMemoryError:
        raise
    except NOT_SERVED as error:
        why = (str(error).strip() or type(error).__name__).splitlines()[0]
        return Serving(refusal=f"its attention could not be taken over ({why})")
    if not distance <= TOLERANCE.get(policy.dtype, LOW_PRECISION_TOLERANCE):
        return Serving(refusal=f"decoding by blocks changes its predictions (total variation {distance:.2g})")
    return Serving(layers=tuple(layers))


def _probe(policy: Policy, row_counts: RowCounts) -> tuple[list[LayerShape], float]:
    """Shapes of the layers, and the largest distance between the engine's and the model's own predictions."""
    generator = torch.Generator().manual_seed(0)
    lengths = [min(length, policy.max_positions or length) for length in PROBE_LENGTHS]
    prompts = [torch.randint(policy.vocabulary_size, (n,), generator=generator).tolist() for n in lengths]
    kept = prefill(policy, prompts, row_counts)
    if not kept[0].keys:
        raise TypeError("no attention layers")
    ours = _decode_last(policy, prompts, kept).float()
    with torch.no_grad():
        rows = [torch.tensor([ids], device=policy.device) for ids in prompts]
        theirs = torch.stack([policy.logits(policy.states(row))[0, -1] for row in rows]).float()
    distances = (torch.softmax(ours, -1) - torch.softmax(theirs, -1)).abs().sum(-1) / 2
    return kept[0].layers, float(distances.max())


def _decode_last(policy: Policy, prompts: list[list[int]], kept: list[PromptKV]) -> torch.Tensor:
    """Logits [prompts, V] after the last token of each prompt, the engine's way."""
    width = max(len(ids) - 1 for ids in prompts) // BLOCK_TOKENS + 1
    pool = BlockPool(kept[0].layers, len(prompts) * width + 1, policy.dtype, policy.device)
    table_RW = pool.take(len(prompts) * width).reshape(len(prompts), width)
    for ids, kv, row_W in zip(prompts, kept, table_RW, strict=True):
        kv.copy_to(pool, row_W[None, : blocks_of(len(ids))])
    positions_R = np.array([len(ids) - 1 for ids in prompts])
    last_R1 = torch.tensor([ids[-1:] for ids in prompts], device=policy.device)
    positions_R1 = torch.from_numpy(positions_R)[:, None].to(policy.device)
    states_R1D = states(policy, last_R1, positions_R1, DecodePlan(pool, table_RW, positions_R))
    with torch.no_grad():
        return policy.logits(states_R1D)[:, 0]
