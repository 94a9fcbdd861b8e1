"""Samples become tensors. The only place that shifts, pads or reorders.

Legend: B rows, T tokens of the longest row, N tokens that the policy chose, in all rows together.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields, replace

import numpy as np
import torch
from torch import Tensor

from assay.types import Sample, Stop


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """Rows of tokens, padded on the right, with what is known of each token.

    token_ids_BT   int64    prompt, response, padding (id 0)
    mask_BT        bool     the policy chose this token; never derived from token ids
    lengths_B      int64    tokens of each row without padding
    advantages_BT  float32  0 off the mask; at first what the group says, then what the algorithm makes of it
    behaviour_BT   float32  log-probability under the engine that sampled, 0 off the mask
    samples        row b is samples[b]
    kl_coef        coefficient of the KL penalty during these updates

    and what stays fixed during the updates, each None where nothing needs it:

    old_BT         float32  log-probability under the policy at the start of the update phase
    reference_BT   float32  log-probability under the frozen reference
    teacher_BT     float32  log-probability under the teacher
    values_BT      float32  the critic's value of the state before each chosen token
    last_value_B   float32  the critic's value of the state after the last token
    returns_BT     float32  what the critic is trained to say
    selected_BT    bool     tokens that the algorithm treats apart

    Example: prompt [5, 6], response [7, 2] gives token_ids [5, 6, 7, 2], mask [F, F, T, T]; the state that predicts
    token 7 is the one at position 1.
    """

    token_ids_BT: Tensor
    mask_BT: Tensor
    lengths_B: Tensor
    advantages_BT: Tensor
    behaviour_BT: Tensor
    samples: tuple[Sample, ...]
    kl_coef: float = 0.0
    old_BT: Tensor | None = None
    reference_BT: Tensor | None = None
    teacher_BT: Tensor | None = None
    values_BT: Tensor | None = None
    last_value_B: Tensor | None = None
    returns_BT: Tensor | None = None
    selected_BT: Tensor | None = None

    def __len__(self) -> int:
        return len(self.samples)

    @property
    def chosen(self) -> tuple[Tensor, Tensor]:
        """Rows and positions [N] of the tokens that the policy chose, row by row."""
        rows_N, positions_N = self.mask_BT.nonzero(as_tuple=True)
        return rows_N, positions_N

    @property
    def truncated_B(self) -> Tensor:
        """Rows whose response ended for its length."""
        return torch.tensor([sample.stop is Stop.LENGTH for sample in self.samples], device=self.mask_BT.device)

    @property
    def predicting_index_N(self) -> Tensor:
        """Index into the flattened [B*T] states of the state that predicts each chosen token."""
        rows_N, positions_N = self.chosen
        return rows_N * self.mask_BT.shape[1] + positions_N - 1

    def scatter(self, values_N: Tensor) -> Tensor:
        """[N] values of the chosen tokens at their places in [B, T], 0 elsewhere; differentiable."""
        rows_N, positions_N = self.chosen
        return values_N.new_zeros(self.mask_BT.shape).index_put((rows_N, positions_N), values_N)

    def select(self, rows: Sequence[int]) -> "Batch":
        """The given rows in the given order, cut to their longest."""
        index = torch.tensor(rows, device=self.mask_BT.device)
        width = int(self.lengths_B[index].max())
        changed: dict[str, object] = {"samples": tuple(self.samples[row] for row in rows)}
        for item in fields(self):
            value = getattr(self, item.name)
            if isinstance(value, Tensor):
                changed[item.name] = value[index, :width] if value.dim() == 2 else value[index]
        return replace(self, **changed)  # type: ignore[arg-type]

    def minibatches(self, updates: int, generator: torch.Generator) -> list["Batch"]:
        """The rows in random order, dealt into `updates` parts whose sizes differ by one at most."""
        order = torch.randperm(len(self), generator=generator).tolist()
        return [self.select(order[start::updates]) for start in range(min(updates, len(self)))]

    def rows_by_token_budget(self, tokens: int, shared_prompts: bool = False) -> list[list[int]]:
        """Rows of micro-batches of similar length, each of at most `tokens` tokens with padding (one row at least).

        With `shared_prompts` rows of one prompt stay together where they can, and their prompt counts once.
        """
        if shared_prompts:
            return split_by_prompts(self.samples, tokens)
        return split_by_tokens(self.lengths_B.tolist(), tokens)


@dataclass(frozen=True, slots=True, eq=False)
class TokenStats:
    """What a policy says of a batch's chosen tokens, [B, T], 0 off the mask; each with gradient where there is any.

    logprobs_BT  log-probability of the token
    entropy_BT   entropy of the distribution it was drawn from, in nats
    divergence_BT  of that distribution from another policy's, over the whole vocabulary, in nats
    values_BT    the critic's value of the state before the token
    last_value_B the critic's value of the state after the last token, [B]
    """

    logprobs_BT: Tensor
    entropy_BT: Tensor | None = None
    divergence_BT: Tensor | None = None
    values_BT: Tensor | None = None
    last_value_B: Tensor | None = None


@dataclass(frozen=True, slots=True, eq=False)
class LossTerm:
    """A loss per token, not reduced, and per-token diagnostics, all [B, T]."""

    value_BT: Tensor
    diagnostics_BT: dict[str, Tensor] = field(default_factory=dict)


MOST_WASTE = 0.1
"""Largest share of padding in a micro-batch of several rows."""


def split_by_tokens(lengths: Sequence[int], tokens: int) -> list[list[int]]:
    """Rows sorted by length and cut into parts of at most `tokens` tokens, padding counted (one row at least).

    A part also ends where shorter rows would make more than a tenth of it padding.
    """
    parts: list[list[int]] = []
    real = 0
    for row in sorted(range(len(lengths)), key=lambda row: -lengths[row]):
        if parts:
            padded = lengths[parts[-1][0]] * (len(parts[-1]) + 1)
            if padded <= tokens and real + lengths[row] >= (1 - MOST_WASTE) * padded:
                parts[-1].append(row)
                real += lengths[row]
                continue
        parts.append([row])
        real = lengths[row]
    return parts


def rows_by_prompt(samples: Sequence[Sample]) -> list[list[int]]:
    """Rows that have the same tokens before the first chosen one, the longest such prompts first."""
    found: dict[bytes, list[int]] = {}
    for row, sample in enumerate(samples):
        found.setdefault(sample.token_ids[: sample.given_tokens].tobytes(), []).append(row)
    return sorted(found.values(), key=lambda rows: -samples[rows[0]].given_tokens)


def split_by_prompts(samples: Sequence[Sample], tokens: int) -> list[list[int]]:
    """Rows prompt by prompt, cut into parts of at most `tokens` tokens (one row at least).

    In a part each prompt counts once and as long as the longest, and responses without padding.
    """
    parts: list[list[int]] = []
    longest = prompts = own = 0
    for rows in rows_by_prompt(samples):
        given = samples[rows[0]].given_tokens
        is_new = True
        for row in rows:
            more = len(samples[row].token_ids) - given
            if not parts or longest * (prompts + is_new) + own + more > tokens:
                parts.append([])
                longest, prompts, own, is_new = given, 0, 0, True
            parts[-1].append(row)
            prompts, own, is_new = prompts + is_new, own + more, False
    return parts


def padding_waste(lengths: Sequence[int], tokens: int) -> float:
    """Share of padding among all tokens of the micro-batches that `split_by_tokens` makes."""
    padded = sum(lengths[part[0]] * len(part) for part in split_by_tokens(lengths, tokens))
    return 1 - sum(lengths) / padded


def collate(samples: Sequence[Sample], device: torch.device | str = "cpu") -> Batch:
    """Samples, each with its advantages, as one batch padded to the longest."""
    lengths = [len(sample.token_ids) for sample in samples]

    def pad(values: Callable[[Sample], np.ndarray], dtype: torch.dtype) -> Tensor:
        out = torch.zeros(len(samples), max(lengths), dtype=dtype)
        for row, sample in enumerate(samples):
            out[row, : lengths[row]] = torch.from_numpy(np.asarray(values(sample)))
        return out.to(device)

    mask_BT = pad(lambda s: s.mask, torch.bool)
    assert not mask_BT[:, 0].any(), "token 0 has no state that predicts it"
    return Batch(
        token_ids_BT=pad(lambda s: s.token_ids, torch.int64),
        mask_BT=mask_BT,
        lengths_B=torch.tensor(lengths, device=device),
        advantages_BT=pad(_advantages, torch.float32),
        behaviour_BT=pad(lambda s: np.where(s.mask, s.logprobs, np.float32(0)), torch.float32),
        samples=tuple(samples),
    )


def _advantages(sample: Sample) -> np.ndarray:
    """Advantage of each token [T]: the sample's own, or that of the step which the token belongs to."""
    if sample.step_advantages is None:
        assert sample.advantage is not None, "collate needs advantages"
        return np.where(sample.mask, sample.advantage, 0.0)
    ends = [step.end for step in sample.steps]
    assert ends[-1] == len(sample.token_ids), "the last step ends with the response"
    widths = np.diff(ends, prepend=0)
    return np.where(sample.mask, np.repeat(sample.step_advantages, widths), 0.0)
