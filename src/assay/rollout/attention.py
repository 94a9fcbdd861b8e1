"""Attention as the engine needs it: plans for the model's own forward pass (`assay.policies.planned`).

`PrefillPlan` keeps the keys and values of whole prompts, `DecodePlan` writes those of one new token a row into the
block pool and attends over the row's blocks.

Legend: B prompts, P tokens of a padded prompt, R rows, Q query heads, H key-value heads, G = Q / H, N blocks,
K tokens of a block, W blocks of the longest row, D width of a head.
"""

from functools import cache
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from assay.policies.load import Policy
from assay.policies.planned import Plan, planned_attention
from assay.rollout.blocks import BLOCK_TOKENS, SCRATCH, BlockPool

BATCH_MULTIPLE = 16
"""Blocks of a batched product are rounded up to this: a single one is computed in another order."""


def states(policy: Policy, token_ids_RT: Tensor, positions_RT: Tensor, plan: Plan) -> Tensor:
    """The last hidden states [R, T, D] under a plan."""
    with torch.no_grad(), planned_attention(policy):
        return policy.states(token_ids_RT, position_ids=positions_RT, plan=plan)


class PrefillPlan:
    """Causal attention over whole prompts, padded on the right; keeps keys and values [B, H, P, D] by layer."""

    def __init__(self) -> None:
        self.kept: dict[int, tuple[Tensor, Tensor]] = {}

    def attend(self, layer: int, query_RQTD: Tensor, key_RHTD: Tensor, value_RHTD: Tensor, scale: float) -> Tensor:
        """See `Plan`."""
        self.kept[layer] = (key_RHTD, value_RHTD)
        group = query_RQTD.shape[1] // key_RHTD.shape[1]
        if group > 1:
            key_RHTD, value_RHTD = (x.repeat_interleave(group, dim=1) for x in (key_RHTD, value_RHTD))
        out = functional.scaled_dot_product_attention(query_RQTD, key_RHTD, value_RHTD, is_causal=True, scale=scale)
        return out.transpose(1, 2)


class DecodePlan:
    """One new token a row: where it is written and which blocks its row reads.

    `table_RW` holds the blocks of each row in order, `positions_R` the position of the new token. Rows that only fill
    up the batch have position 0 and the scratch block.
    """

    def __init__(self, pool: BlockPool, table_RW: NDArray[np.int64], positions_R: NDArray[np.int64]) -> None:
        self.pool = pool
        self.rows, self.width = table_RW.shape
        self.blocks = min(len(pool), -(-pool.high // BATCH_MULTIPLE) * BATCH_MULTIPLE)
        first_W = np.arange(self.width) * BLOCK_TOKENS
        self.has_RW = first_W <= positions_R[:, None]
        self.table_RW = np.where(self.has_RW, table_RW, SCRATCH)
        self.written_R = self.table_RW[np.arange(self.rows), positions_R // BLOCK_TOKENS]
        self.offset_R = positions_R % BLOCK_TOKENS
        places_RW = np.arange(self.rows * self.width).reshape(self.rows, self.width)
        self.place_N = np.zeros(self.blocks, dtype=np.int64)
        self.place_N[self.table_RW[self.has_RW]] = places_RW[self.has_RW]
        future_RL = np.arange(self.width * BLOCK_TOKENS) > positions_R[:, None]
        self.mask_R11L = self._tensor(np.where(future_RL, np.float32(-np.inf), np.float32(0)))[:, None, None]
        self.index = cache(self._index)

    def attend(self, layer: int, query_RQTD: Tensor, key_RHTD: Tensor, value_RHTD: Tensor, scale: float) -> Tensor:
        """See `Plan`. Scores are computed block by block, brought to their rows for the softmax, and sent back."""
        keys_NHKD, values_NHKD = self.pool.keys[layer], self.pool.values[layer]
        heads, dtype = keys_NHKD.shape[1], query_RQTD.dtype
        group = query_RQTD.shape[1] // heads
        index = self.index(heads)
        for memory, new in ((keys_NHKD, key_RHTD), (values_NHKD, value_RHTD)):
            memory.view(-1, memory.shape[-1]).index_copy_(0, index["write"], new.reshape(-1, new.shape[-1]))

        query = (query_RQTD * scale).reshape(self.rows * heads, -1).index_select(0, index["row"])
        batch = self.blocks * heads
        key = keys_NHKD[: self.blocks].flatten(0, 1).transpose(1, 2)
        scores = torch.bmm(query.view(batch, group, -1), key).view(batch, -1).float()
        weights = self._softmax(scores.index_select(0, index["blocks"]), heads, group)
        weights = weights.index_select(0, index["place"]).view(batch, group, BLOCK_TOKENS).to(dtype)
        parts = torch.bmm(weights, values_NHKD[: self.blocks].flatten(0, 1)).view(batch, -1).float()
        out = functional.embedding_bag(index["parts"], parts, mode="sum", per_sample_weights=index["counts"])
        return out.view(self.rows, 1, heads * group, -1).to(dtype)

    def _softmax(self, scores: Tensor, heads: int, group: int) -> Tensor:
        """Softmax over all keys of a row; [R * H * W, G * K] in and out."""
        shape = (self.rows, heads, self.width, group, BLOCK_TOKENS)
        rows = scores.view(shape).transpose(2, 3).reshape(self.rows, heads, group, -1)
        weights = torch.softmax(rows.add_(self.mask_R11L), dim=-1)
        return weights.view(self.rows, heads, group, self.width, BLOCK_TOKENS).transpose(2, 3).reshape(scores.shape)

    def _index(self, heads: int) -> dict[str, Tensor]:
        """Index tensors for layers with `heads` key-value heads.

        write   [R * H]         row of the flattened pool [N * H * K] that takes the new key
        row     [N * H]         row of the queries [R * H] that each block of a head belongs to
        blocks  [R * H * W]     block of a head [N * H] at each place of a row
        place   [N * H]         place [R * H * W] of each block of a head
        parts   [R * H, W]      the same, as the parts of a row's output
        counts  [R * H, W]      1 where there is such a block, else 0
        """
        head_H = np.arange(heads)
        write = (self.written_R[:, None] * heads + head_H) * BLOCK_TOKENS + self.offset_R[:, None]
        row_N, column_N = np.divmod(self.place_N, self.width)
        row = row_N[:, None] * heads + head_H
        blocks = self.table_RW[:, None, :] * heads + head_H[:, None]
        found = {
            "write": write.reshape(-1),
            "row": row.reshape(-1),
            "blocks": blocks.reshape(-1),
            "place": (row * self.width + column_N[:, None]).reshape(-1),
            "parts": blocks.reshape(-1, self.width),
            "counts": np.repeat(self.has_RW, heads, axis=0).astype(np.float32),
        }
        return {name: self._tensor(index) for name, index in found.items()}

    def _tensor(self, array: NDArray[Any]) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(array)).to(self.pool.device)
