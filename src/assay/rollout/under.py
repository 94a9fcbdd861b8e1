"""What a model finds of responses that something else wrote: their log-probability under it, at temperature 1; their
reward, where it is a reward model.

Legend: B rows, T tokens of the longest row, D width, N response tokens of all rows, V vocabulary.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from assay.batch import split_by_tokens
from assay.files import ignore
from assay.policies.load import Policy
from assay.policies.reward_model import RewardModel

MICRO_BATCH_TOKENS = {"cpu": 4096}
GPU_MICRO_BATCH_TOKENS = 32768
CHUNK_LOGITS = 2**24
"""Logits held at once: 64 MiB in float32."""


@dataclass(frozen=True, slots=True)
class Response:
    """Token ids of a prompt (one at least) and of what follows it."""

    prompt: Sequence[int]
    response: Sequence[int]

    def __len__(self) -> int:
        return len(self.prompt) + len(self.response)


def score_under(
    policy: Policy, responses: Sequence[Response], advance: Callable[[int], None] = ignore
) -> list[float | None]:
    """Sum of the log-probabilities of each response's tokens, in nats; None where it is longer than the model reads.

    Rows are sorted by length and cut into micro-batches by their tokens. Logits are made of response tokens alone.
    """
    sums: list[float | None] = [None] * len(responses)
    fits = [i for i, each in enumerate(responses) if len(each) <= (policy.max_positions or len(each))]
    budget = MICRO_BATCH_TOKENS.get(policy.device.type, GPU_MICRO_BATCH_TOKENS)
    for rows in split_by_tokens([len(responses[index]) for index in fits], budget):
        members = [fits[row] for row in rows]
        for index, total in zip(members, _sums(policy, [responses[index] for index in members]), strict=True):
            sums[index] = total
        advance(len(members))
    advance(len(responses) - len(fits))
    return sums


def rewards_of(
    reward_model: RewardModel, responses: Sequence[Response], advance: Callable[[int], None] = ignore
) -> list[float | None]:
    """The reward of each response, that of its last token; None where it is longer than the model reads."""
    found: list[float | None] = [None] * len(responses)
    most = reward_model.max_positions
    fits = [i for i, each in enumerate(responses) if most is None or len(each) <= most]
    budget = MICRO_BATCH_TOKENS.get(reward_model.model.device.type, GPU_MICRO_BATCH_TOKENS)
    for rows in split_by_tokens([len(responses[index]) for index in fits], budget):
        members = [fits[row] for row in rows]
        ids = [[*responses[index].prompt, *responses[index].response] for index in members]
        with torch.no_grad():
            values = reward_model.scores(ids).tolist()
        for index, value in zip(members, values, strict=True):
            found[index] = value
        advance(len(members))
    advance(len(responses) - len(fits))
    return found


def _sums(policy: Policy, responses: Sequence[Response]) -> list[float]:
    ids_BT, row_N, column_N = _collate(responses)
    ids_BT, row_N, column_N = (each.to(policy.device) for each in (ids_BT, row_N, column_N))
    with torch.no_grad():
        states_ND = policy.states(ids_BT)[row_N, column_N - 1]
        logprobs_N = torch.cat(
            [ids_BT.new_zeros(0, dtype=torch.float32), *_logprobs(policy, states_ND, ids_BT[row_N, column_N])]
        )
    sums_B = torch.zeros(len(responses), dtype=torch.float64).index_add_(0, row_N.cpu(), logprobs_N.cpu().double())
    return [float(total) for total in sums_B]


def _logprobs(policy: Policy, states_ND: Tensor, targets_N: Tensor) -> Iterator[Tensor]:
    size = max(1, CHUNK_LOGITS // policy.vocabulary_size)
    for states_CD, targets_C in zip(states_ND.split(size), targets_N.split(size), strict=True):
        if len(targets_C):
            logits_CV = policy.logits(states_CD).float()
            yield torch.log_softmax(logits_CV, dim=-1).gather(-1, targets_C.unsqueeze(-1)).squeeze(-1)


def _collate(responses: Sequence[Response]) -> tuple[Tensor, Tensor, Tensor]:
    """Token ids [B, T], padded on the right, and row and column [N] of each response token."""
    ids_BT = torch.zeros(len(responses), max(map(len, responses)), dtype=torch.long)
    mask_BT = torch.zeros_like(ids_BT, dtype=torch.bool)
    for row, each in enumerate(responses):
        ids_BT[row, : len(each)] = torch.tensor([*each.prompt, *each.response], dtype=torch.long)
        mask_BT[row, len(each.prompt) : len(each)] = True
    row_N, column_N = mask_BT.nonzero(as_tuple=True)
    return ids_BT, row_N, column_N
