"""KV memory in blocks of 32 tokens, allocated once and handed to samples as they grow.

Each block is one matrix of a batched product, whatever sample it belongs to: attention reads only what samples have
written, and the arithmetic of a block never depends on the batch around it.

Legend: N blocks, H key-value heads, K tokens of a block (32), D width of a head.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

BLOCK_TOKENS = 32
SCRATCH = 0
"""Block that belongs to nobody: rows that only fill up a batch write there."""


@dataclass(frozen=True, slots=True)
class LayerShape:
    """Key-value heads of a layer and the widths of its keys and values."""

    heads: int
    key_width: int
    value_width: int

    @property
    def block_numbers(self) -> int:
        """Numbers that one block of this layer holds."""
        return self.heads * BLOCK_TOKENS * (self.key_width + self.value_width)


class BlockPool:
    """Keys and values [N, H, K, D] of every layer, and which blocks are free. The lowest free blocks go first."""

    def __init__(self, layers: Sequence[LayerShape], blocks: int, dtype: torch.dtype, device: torch.device) -> None:
        self.layers = tuple(layers)
        # zeros, not empty: what is masked is multiplied by 0, which must not meet a NaN
        self.keys = [
            torch.zeros(blocks, s.heads, BLOCK_TOKENS, s.key_width, dtype=dtype, device=device) for s in layers
        ]
        self.values = [
            torch.zeros(blocks, s.heads, BLOCK_TOKENS, s.value_width, dtype=dtype, device=device) for s in layers
        ]
        self.device = device
        self.free_N = np.ones(blocks, dtype=bool)
        self.free_N[SCRATCH] = False

    def __len__(self) -> int:
        return len(self.free_N)

    def take(self, count: int) -> NDArray[np.int64]:
        """`count` free blocks, now taken."""
        blocks = np.flatnonzero(self.free_N)[:count]
        assert len(blocks) == count, f"{count} blocks wanted, {len(blocks)} free"
        self.free_N[blocks] = False
        return blocks

    def give(self, blocks: NDArray[np.int64]) -> None:
        """Makes blocks free again."""
        self.free_N[blocks] = True

    def give_all(self) -> None:
        """Makes every block free."""
        self.free_N[:] = True
        self.free_N[SCRATCH] = False

    def clear(self) -> None:
        """Forgets what was written, so that a NaN cannot stay."""
        for memory in (*self.keys, *self.values):
            memory.zero_()
        self.give_all()

    @property
    def high(self) -> int:
        """One more than the highest block taken."""
        return int(len(self) - np.argmin(self.free_N[::-1]))

    @property
    def taken(self) -> int:
        """Blocks taken, scratch included."""
        return int(len(self) - self.free_N.sum())

    def pack(self) -> NDArray[np.int64]:
        """Moves the highest blocks into the lowest holes; returns the new number of every block."""
        taken = np.flatnonzero(~self.free_N)
        sources = taken[taken >= len(taken)]
        targets = np.flatnonzero(self.free_N[: len(taken)])
        self._copy(sources, targets)
        self.free_N[sources], self.free_N[targets] = True, False
        renumbered = np.arange(len(self))
        renumbered[sources] = targets
        return renumbered

    def _copy(self, sources: NDArray[np.int64], targets: NDArray[np.int64]) -> None:
        source, target = (torch.from_numpy(index).to(self.device) for index in (sources, targets))
        for memory in (*self.keys, *self.values):
            memory.index_copy_(0, target, memory.index_select(0, source))
