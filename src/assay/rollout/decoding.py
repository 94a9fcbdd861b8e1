"""Continuous batching: finished samples leave, waiting ones enter, and each step decodes one token of all.

Legend: A active samples, R rows of a forward pass (A and what fills it up), W blocks of the longest sample.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np
import torch
from numpy.typing import NDArray

from assay.errors import ModelError
from assay.policies.load import Policy
from assay.rollout.attention import DecodePlan, states
from assay.rollout.blocks import BLOCK_TOKENS, BlockPool
from assay.rollout.drawing import draw
from assay.rollout.prefill import PromptKV, blocks_of, prefill
from assay.rollout.row_counts import RowCounts
from assay.rollout.slots import Request, Slots
from assay.rollout.stops import Endings
from assay.types import Sampling, Stop

PACK_BELOW = 0.75
"""Blocks are moved together once less than this share of those up to the highest is taken."""


@dataclass(frozen=True, slots=True, eq=False)
class Finished:
    """One finished response."""

    request: Request
    token_ids: NDArray[np.int32]
    logprobs: NDArray[np.float32]
    stop: Stop


class Decoding:
    """One call of the engine: requests for samples of `prompts` (token ids), sorted by prompt, until all are finished.

    Slots that finished are filled again once a sixteenth of them is free.
    """

    def __init__(
        self,
        policy: Policy,
        pool: BlockPool,
        row_counts: RowCounts,
        prompts: Sequence[Sequence[int]],
        requests: Sequence[Request],
        sampling: Sampling,
        endings: Endings,
        slots: int,
    ) -> None:
        self.policy, self.pool, self.row_counts = policy, pool, row_counts
        self.prompts, self.waiting, self.sampling, self.endings = prompts, list(requests), sampling, endings
        longest_response = max(request.limit for request in requests)
        longest_sample = max(len(prompts[request.prompt]) + request.limit for request in requests)
        self.slots = Slots(slots, longest_response, longest_sample)
        self.prefilled: dict[int, PromptKV] = {}

    def run(self) -> Iterator[list[Finished]]:
        """The responses that finish at each step."""
        while self.waiting or len(self.slots.active_A):
            self.admit()
            yield self.retire(self.step())

    def admit(self) -> None:
        """Fills free slots with waiting requests and copies their prompts' keys and values to them."""
        free = self.slots.free
        if not self.waiting or free < min(len(self.waiting), max(1, len(self.slots) // 16)):
            return
        entering, self.waiting = self.waiting[:free], self.waiting[free:]
        self.prefill(entering)
        for prompt, group in groupby(entering, key=lambda request: request.prompt):
            requests, ids = list(group), self.prompts[prompt]
            blocks_CN = self.pool.take(len(requests) * blocks_of(len(ids))).reshape(len(requests), -1)
            if blocks_CN.size:
                self.prefilled[prompt].copy_to(self.pool, blocks_CN)
            self.slots.fill(requests, ids[-1], len(ids) - 1, blocks_CN)
        again = {request.prompt for request in self.waiting[:1]}
        self.prefilled = {prompt: kv for prompt, kv in self.prefilled.items() if prompt in again}

    def prefill(self, entering: Sequence[Request]) -> None:
        """Computes keys and values of the prompts that enter for the first time."""
        new = sorted({request.prompt for request in entering} - self.prefilled.keys())
        new = [prompt for prompt in new if blocks_of(len(self.prompts[prompt]))]
        made = prefill(self.policy, [self.prompts[prompt] for prompt in new], self.row_counts)
        self.prefilled |= dict(zip(new, made, strict=True))

    def step(self) -> NDArray[np.int64]:
        """Decodes one token of each active sample, and returns them."""
        slots, device = self.slots, self.policy.device
        slots.grow(self.pool)
        uniforms_A = torch.from_numpy(slots.uniforms()).to(device)
        tokens_A, logprobs_A = draw(self.logits(), uniforms_A, self.sampling)
        tokens, logprobs = tokens_A.cpu().numpy(), logprobs_A.cpu().numpy()
        if not np.isfinite(logprobs).all():
            self.pool.clear()
            raise ModelError(f"{self.policy.label}: its logits are not finite; the weights have diverged or are broken")
        slots.append(tokens, logprobs)
        return tokens

    def logits(self) -> torch.Tensor:
        """Logits [A, V] of the next token of each active sample."""
        slots, active = self.slots, self.slots.active_A
        rows = self.row_counts.fit(len(active), head=True)
        width = int(slots.position_S[active].max()) // BLOCK_TOKENS + 1
        last_R, positions_R, table_RW = (
            np.zeros(shape, dtype=np.int64) for shape in ((rows, 1), (rows, 1), (rows, width))
        )
        last_R[: len(active), 0] = slots.last_S[active]
        positions_R[: len(active), 0] = slots.position_S[active]
        table_RW[: len(active)] = slots.table_SW[active, :width]
        plan = DecodePlan(self.pool, table_RW, positions_R[:, 0])
        device = self.policy.device
        states_R1D = states(
            self.policy, torch.from_numpy(last_R).to(device), torch.from_numpy(positions_R).to(device), plan
        )
        with torch.no_grad():
            return self.policy.logits(states_R1D)[: len(active), 0]

    def retire(self, tokens_A: NDArray[np.int64]) -> list[Finished]:
        """Takes finished samples out of their slots."""
        slots, active = self.slots, self.slots.active_A
        at_limit_A = slots.count_S[active] >= slots.limit_S[active]
        ended = self.endings.find(tokens_A, at_limit_A, lambda row: slots.response(int(active[row])))
        if not ended:
            return []
        finished = [self._finished(int(active[row]), stop) for row, stop in ended.items()]
        slots.release(active[list(ended)], self.pool)
        if not self.waiting and self.pool.taken < PACK_BELOW * self.pool.high:
            slots.renumber(self.pool.pack())
        return finished

    def _finished(self, slot: int, stop: Stop) -> Finished:
        request, count = self.slots.requests[slot], self.slots.count_S[slot]
        assert request is not None
        return Finished(request, self.slots.response(slot).copy(), self.slots.logprobs_SL[slot, :count].copy(), stop)
