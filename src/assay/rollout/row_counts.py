"""How many rows a forward pass may have so that each row's result is the same bit by bit, whatever the others hold.

On a CPU in float32, matrix products were seen to give a row the same bits from 12 rows on (one and two threads), and
elementwise functions wherever the work is cut at a multiple of 32 numbers: their last few numbers take another path.
Multiples of 32 rows satisfy both on one thread, and on two where widths are even. With more threads some multiples do
not, so each count is tried on the model itself before it is used. Elsewhere (other dtypes, other devices) nothing is
promised.
"""

import math

import torch

from assay.policies.load import Policy
from assay.rollout.attention import PrefillPlan, states

GRAIN = 32
TRIES = 16
"""Counts tried before giving up; the next ones are only slower."""


class RowCounts:
    """Row counts that were tried on a policy. `invariant` turns False when none could be found."""

    def __init__(self, policy: Policy) -> None:
        self.policy = policy
        self.promised = policy.device.type == "cpu" and policy.dtype == torch.float32
        self.invariant = self.promised
        self._good: dict[tuple[int, bool, int], bool] = {}

    def fit(self, rows: int, multiple: int = 1, head: bool = False) -> int:
        """The least good count of at least `rows` rows that is a multiple of `multiple`.

        With `head` the logits are looked at as well, not only the states.
        """
        if not self.promised:
            return -(-rows // multiple) * multiple
        step = math.lcm(GRAIN, multiple)
        first = -(-rows // step) * step
        for count in range(first, first + TRIES * step, step):
            if self._is_good(count, head):
                return count
        self.invariant = False
        return first

    def _is_good(self, count: int, head: bool) -> bool:
        key = (count, head, torch.get_num_threads())
        if key not in self._good:
            self._good[key] = self._try(count, head)
        return self._good[key]

    def _try(self, count: int, head: bool) -> bool:
        """Whether `count` rows, copies of `GRAIN` rows in random order, each get the bits of their original."""
        generator = torch.Generator().manual_seed(0)
        ids_G1 = torch.randint(self.policy.vocabulary_size, (GRAIN, 1), generator=generator)
        order = torch.randperm(count, generator=generator) % GRAIN
        return torch.equal(self._rows(ids_G1, head)[order], self._rows(ids_G1[order], head))

    def _rows(self, ids_R1: torch.Tensor, head: bool) -> torch.Tensor:
        with torch.no_grad():
            states_R1D = states(self.policy, ids_R1, torch.zeros_like(ids_R1), PrefillPlan())
            return self.policy.logits(states_R1D) if head else states_R1D
