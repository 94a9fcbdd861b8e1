"""A forward pass of several rows in which a prompt that rows share is computed once.

The tokens of a micro-batch lie behind one another, first every prompt once, then of every row what is its own: each
layer computes a prompt of 16 responses once and not 16 times. In attention alone each row meets the keys and values of
its prompt again. Nothing changes but rounding; in the backward pass the gradients of all rows add up in the prompt.

Legend: B rows of the batch, T tokens of the longest, N tokens computed, U prompts, P tokens of the longest prompt,
R rows of a rectangle, S own tokens of its longest, K = P + S, Q query heads, H key-value heads, D width of a head.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention

from assay.batch import Batch, rows_by_prompt, split_by_tokens
from assay.policies.load import Policy
from assay.policies.planned import planned_attention
from assay.types import Sample

MOST_TOKENS = 2**14
"""Of a rectangle, so that the mask of one stays small."""


@dataclass(frozen=True, slots=True, eq=False)
class _Rectangle:
    """The own tokens of R rows, padded to S, which begin at `start`: the prompt of each, and what each token sees."""

    start: int
    prompt_R: Tensor
    sees_R1SK: Tensor

    def cut(self, tokens_N: Tensor) -> Tensor:
        """[N, Q, D] -> [R, Q, S, D] of this rectangle."""
        rows, _, width, _ = self.sees_R1SK.shape
        own = tokens_N[self.start : self.start + rows * width]
        return own.unflatten(0, (rows, width)).transpose(1, 2)


def _split(samples: Sequence[Sample]) -> list[tuple[list[int], int]]:
    """Rows whose own tokens share a rectangle, and its width."""
    own = [len(sample.token_ids) - sample.given_tokens for sample in samples]
    parts = split_by_tokens(own, MOST_TOKENS)
    return [(rows, own[rows[0]]) for rows in parts if own[rows[0]]]


def count_tokens(samples: Sequence[Sample]) -> tuple[int, int]:
    """Tokens that are computed for a micro-batch, padding included, and those without."""
    given = [samples[rows[0]].given_tokens for rows in rows_by_prompt(samples)]
    padded = len(given) * max(given) + sum(len(rows) * width for rows, width in _split(samples))
    return padded, sum(given) + sum(len(sample.token_ids) - sample.given_tokens for sample in samples)


class SharedPrompts:
    """How the tokens of a batch lie, and the plan of their attention (`assay.policies.planned.Plan`).

    token_ids_1N, positions_1N  what the model reads
    place_BT                    where among the N the state of each token is; 0 for padding
    """

    def __init__(self, batch: Batch) -> None:
        self.batch, self.device = batch, batch.token_ids_BT.device
        groups = rows_by_prompt(batch.samples)
        given = [sample.given_tokens for sample in batch.samples]
        self.prompts, self.width = len(groups), max(given)
        self.number_B = torch.empty(len(batch), dtype=torch.long)
        for number, rows in enumerate(groups):
            self.number_B[rows] = number
        self.number_B = self.number_B.to(self.device)
        column_T = torch.arange(batch.token_ids_BT.shape[1], device=self.device)
        given_B1 = torch.tensor(given, device=self.device)[:, None]
        self.place_BT = torch.where(column_T < given_B1, self.number_B[:, None] * self.width + column_T, 0)
        first_U = torch.tensor([rows[0] for rows in groups], device=self.device)
        self.ids = [batch.token_ids_BT[first_U, : self.width].flatten()]
        self.positions = [column_T[: self.width].repeat(self.prompts)]
        self.rectangles = [self._lay(rows, width, given_B1) for rows, width in _split(batch.samples)]
        self.token_ids_1N, self.positions_1N = torch.cat(self.ids)[None], torch.cat(self.positions)[None]

    def _lay(self, rows: Sequence[int], width: int, given_B1: Tensor) -> _Rectangle:
        """Adds the own tokens of these rows behind what lies there."""
        ids_BT, start = self.batch.token_ids_BT, sum(map(len, self.ids))
        rows_R = torch.tensor(rows, device=self.device)
        given_R1 = given_B1[rows_R]
        column_S = torch.arange(width, device=self.device)
        column_RS = (given_R1 + column_S).clamp(max=ids_BT.shape[1] - 1)
        self.ids.append(ids_BT[rows_R].gather(1, column_RS).flatten())
        self.positions.append(column_RS.flatten())
        real_RS = given_R1 + column_S < self.batch.lengths_B[rows_R][:, None]
        place_RS = start + torch.arange(len(rows) * width, device=self.device).view(len(rows), width)
        self.place_BT[rows_R[:, None].expand_as(real_RS)[real_RS], column_RS[real_RS]] = place_RS[real_RS]
        prompt_RSP = (torch.arange(self.width, device=self.device) < given_R1)[:, None].expand(-1, width, -1)
        own_RSS = torch.ones(width, width, dtype=torch.bool, device=self.device).tril().expand(len(rows), -1, -1)
        sees_R1SK = torch.cat([prompt_RSP, own_RSS], dim=-1)[:, None]
        return _Rectangle(start, self.number_B[rows_R], sees_R1SK)

    def attend(self, _: int, query_1QND: Tensor, key_1HND: Tensor, value_1HND: Tensor, scale: float) -> Tensor:
        """See `Plan`."""
        query_NQD, key_NHD, value_NHD = (each[0].transpose(0, 1) for each in (query_1QND, key_1HND, value_1HND))
        group, size = query_NQD.shape[1] // key_NHD.shape[1], self.prompts * self.width
        query_UQPD, key_UHPD, value_UHPD = (
            each[:size].unflatten(0, (self.prompts, self.width)).transpose(1, 2)
            for each in (query_NQD, key_NHD, value_NHD)
        )
        out = [_attend(query_UQPD, key_UHPD, value_UHPD, None, group, scale)]
        for each in self.rectangles:
            key_RHKD, value_RHKD = (
                torch.cat([theirs.index_select(0, each.prompt_R), each.cut(own)], dim=2)
                for theirs, own in ((key_UHPD, key_NHD), (value_UHPD, value_NHD))
            )
            out.append(_attend(each.cut(query_NQD), key_RHKD, value_RHKD, each.sees_R1SK, group, scale))
        return torch.cat(out)[None]

    def states(self, policy: Policy) -> Tensor:
        """The last hidden states [B, T, width of a state]; those of padding are of no use."""
        with planned_attention(policy):
            states_1NE = policy.states(self.token_ids_1N, position_ids=self.positions_1N, plan=self)
        return states_1NE[0].index_select(0, self.place_BT.flatten()).view(*self.place_BT.shape, -1)


def _attend(query: Tensor, key: Tensor, value: Tensor, sees: Tensor | None, group: int, scale: float) -> Tensor:
    """Attention of a rectangle, [R * S, Q, D]; causal where nothing is said of what tokens see."""
    if group > 1:
        key, value = (each.repeat_interleave(group, dim=1) for each in (key, value))
    out = scaled_dot_product_attention(query, key, value, attn_mask=sees, is_causal=sees is None, scale=scale)
    return out.transpose(1, 2).flatten(0, 1)
