"""Keys and values of prompts: computed once a prompt, copied to each of its samples.

All tokens but the last are prefilled. The last one is the first that each sample decodes, so no logits are ever made
for a prompt.

Legend: B prompts, P tokens of a padded prompt, H key-value heads, C copies, N blocks of a prompt, K tokens of a block,
D width of a head.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from assay.policies.load import Policy
from assay.rollout.attention import PrefillPlan, states
from assay.rollout.blocks import BLOCK_TOKENS, BlockPool, LayerShape
from assay.rollout.row_counts import RowCounts

BATCH_TOKENS = 2048
PADDING = 16
"""Prompts are padded to a multiple of this, so that many of similar length share a forward pass."""


@dataclass(frozen=True, slots=True, eq=False)
class PromptKV:
    """Keys and values [H, P, D] of one prompt of which the first `tokens` were prefilled, layer by layer."""

    keys: tuple[Tensor, ...]
    values: tuple[Tensor, ...]
    tokens: int

    @property
    def layers(self) -> list[LayerShape]:
        """Their shapes."""
        pairs = zip(self.keys, self.values, strict=True)
        return [LayerShape(key.shape[0], key.shape[2], value.shape[2]) for key, value in pairs]

    def copy_to(self, pool: BlockPool, blocks_CN: NDArray[np.int64]) -> None:
        """Fills blocks of the pool with C copies, one a row of `blocks_CN`."""
        index_CN = torch.from_numpy(blocks_CN).to(pool.device)
        whole, rest = divmod(self.tokens, BLOCK_TOKENS)
        for memory, part_HPD in zip((*pool.keys, *pool.values), (*self.keys, *self.values), strict=True):
            if whole:
                blocks_HNKD = part_HPD[:, : whole * BLOCK_TOKENS].unflatten(1, (whole, BLOCK_TOKENS))
                memory.index_put_((index_CN[:, :whole],), blocks_HNKD.transpose(0, 1))
            if rest:
                last_HKD = part_HPD[:, whole * BLOCK_TOKENS : self.tokens]
                memory[:, :, :rest].index_put_((index_CN[:, whole],), last_HKD)


def blocks_of(prompt_tokens: int) -> int:
    """Blocks that the prefilled part of a prompt needs."""
    return -(-(prompt_tokens - 1) // BLOCK_TOKENS)


def prefill(policy: Policy, prompts: Sequence[Sequence[int]], row_counts: RowCounts) -> list[PromptKV]:
    """Keys and values of every prompt (two token ids or more), in order. Prompts of one padded length share a pass."""
    found: list[PromptKV | None] = [None] * len(prompts)
    for width, members in _batches([len(ids) - 1 for ids in prompts]):
        rows = row_counts.fit(_power_of_two(len(members)) * width, multiple=width) // width
        ids_BP = torch.zeros(rows, width, dtype=torch.long)
        for row, member in enumerate(members):
            prefilled = prompts[member][:-1]
            ids_BP[row, : len(prefilled)] = torch.tensor(prefilled, dtype=torch.long)
        plan = PrefillPlan()
        positions_BP = torch.arange(width).expand(rows, -1)
        states(policy, ids_BP.to(policy.device), positions_BP.to(policy.device), plan)
        for row, member in enumerate(members):
            layers = [plan.kept[layer] for layer in range(len(plan.kept))]
            keys, values = (tuple(pair[which][row] for pair in layers) for which in (0, 1))
            found[member] = PromptKV(keys, values, len(prompts[member]) - 1)
    assert all(kv is not None for kv in found)
    return [kv for kv in found if kv is not None]


def _batches(lengths: Sequence[int]) -> Iterator[tuple[int, list[int]]]:
    """(padded length, members of a batch), of at most `BATCH_TOKENS` tokens or one prompt."""
    widths = [-(-length // PADDING) * PADDING for length in lengths]
    for width in sorted(set(widths)):
        members = [member for member, each in enumerate(widths) if each == width]
        step = max(1, BATCH_TOKENS // width)
        yield from ((width, members[start : start + step]) for start in range(0, len(members), step))


def _power_of_two(count: int) -> int:
    """The next power of two, so that few row counts occur."""
    return int(1 << (count - 1).bit_length())
