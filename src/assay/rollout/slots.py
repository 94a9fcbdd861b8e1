"""The samples that are being decoded, as columns: one slot each, nothing per token in Python.

Legend: S slots, A active ones, L tokens of the longest response, W blocks of the longest sample.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from assay.rollout.blocks import BLOCK_TOKENS, BlockPool
from assay.rollout.uniforms import BLOCK, Uniforms

Integers = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Request:
    """One sample to be drawn: member `member` of prompt number `prompt` of the call, of at most `limit` tokens."""

    prompt: int
    member: int
    limit: int
    uniforms: Uniforms


class Slots:
    """What is known of each active sample.

    active_A     slots in use, in the order in which they were filled
    last_S       token to be fed next
    position_S   its position, prompt included
    count_S      tokens drawn so far
    tokens_SL    they, and
    logprobs_SL  their log-probabilities
    table_SW     blocks of the sample; `blocks_S` of them
    """

    def __init__(self, slots: int, longest_response: int, longest_sample: int) -> None:
        width = -(-longest_sample // BLOCK_TOKENS)
        self.requests: list[Request | None] = [None] * slots
        self.active_A: Integers = np.zeros(0, dtype=np.int64)
        self.last_S, self.position_S, self.count_S, self.limit_S, self.blocks_S = np.zeros((5, slots), dtype=np.int64)
        self.tokens_SL = np.zeros((slots, longest_response), dtype=np.int32)
        self.logprobs_SL = np.zeros((slots, longest_response), dtype=np.float32)
        self.uniforms_SU = np.zeros((slots, BLOCK))
        self.table_SW = np.zeros((slots, width), dtype=np.int64)

    def __len__(self) -> int:
        return len(self.requests)

    @property
    def free(self) -> int:
        """Slots not in use."""
        return len(self) - len(self.active_A)

    def fill(self, requests: Sequence[Request], last: int, position: int, blocks: Integers) -> None:
        """Puts requests for one prompt into free slots; row i of `blocks` [requests, blocks] is request i's."""
        is_free = np.ones(len(self), dtype=bool)
        is_free[self.active_A] = False
        slots = np.flatnonzero(is_free)[: len(requests)]
        for slot, request in zip(slots, requests, strict=True):
            self.requests[slot] = request
        self.last_S[slots], self.position_S[slots], self.count_S[slots] = last, position, 0
        self.limit_S[slots] = [request.limit for request in requests]
        self.blocks_S[slots] = blocks.shape[1]
        self.table_SW[slots, : blocks.shape[1]] = blocks
        self.active_A = np.concatenate([self.active_A, slots])

    def grow(self, pool: BlockPool) -> None:
        """Gives a block to each active sample whose next token has none."""
        active = self.active_A
        needy = active[self.position_S[active] // BLOCK_TOKENS >= self.blocks_S[active]]
        if len(needy):
            self.table_SW[needy, self.blocks_S[needy]] = pool.take(len(needy))
            self.blocks_S[needy] += 1

    def uniforms(self) -> NDArray[np.float64]:
        """The random number of each active sample's next token."""
        active = self.active_A
        columns = self.count_S[active] % BLOCK
        for slot in active[columns == 0]:
            request = self.requests[slot]
            assert request is not None
            self.uniforms_SU[slot] = request.uniforms.next_block()
        return self.uniforms_SU[active, columns]

    def append(self, tokens_A: Integers, logprobs_A: NDArray[np.float32]) -> None:
        """Adds a token to each active sample."""
        active = self.active_A
        self.tokens_SL[active, self.count_S[active]] = tokens_A
        self.logprobs_SL[active, self.count_S[active]] = logprobs_A
        self.last_S[active] = tokens_A
        self.position_S[active] += 1
        self.count_S[active] += 1

    def response(self, slot: int) -> NDArray[np.int32]:
        """Token ids drawn so far (a view)."""
        return self.tokens_SL[slot, : self.count_S[slot]]

    def release(self, slots: Integers, pool: BlockPool) -> None:
        """Frees slots and their blocks."""
        for slot in slots:
            pool.give(self.table_SW[slot, : self.blocks_S[slot]])
        self.active_A = self.active_A[~np.isin(self.active_A, slots)]

    def renumber(self, renumbered: Integers) -> None:
        """Takes note of blocks that were moved."""
        self.table_SW[:] = renumbered[self.table_SW]
