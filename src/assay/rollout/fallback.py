"""Sampling by transformers' own `generate`, for models whose caches the engine does not serve.

Tokens are drawn by the same code and the same random numbers as in the engine, so samples differ from the engine's only
by the rounding of the model's forward pass. The members of a prompt are decoded together; nothing else is batched.

Legend: A members of one prompt, V vocabulary.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import groupby
from typing import Any

import numpy as np
import torch
from torch import Tensor
from transformers import GenerationConfig, LogitsProcessor, LogitsProcessorList, StoppingCriteria, StoppingCriteriaList

from assay.errors import ModelError
from assay.policies.load import Policy
from assay.rollout.decoding import Finished
from assay.rollout.drawing import draw
from assay.rollout.slots import Request
from assay.rollout.stops import Endings
from assay.rollout.uniforms import BLOCK
from assay.types import Sampling, Stop


def generate_with_transformers(
    policy: Policy,
    prompts: Sequence[Sequence[int]],
    requests: Sequence[Request],
    sampling: Sampling,
    endings: Endings,
    slots: int,
) -> Iterator[list[Finished]]:
    """The responses, at most `slots` members of one prompt at a time."""
    for prompt, group in groupby(requests, key=lambda request: request.prompt):
        members = list(group)
        for start in range(0, len(members), slots):
            yield _generate(policy, prompts[prompt], members[start : start + slots], sampling, endings)


def _generate(
    policy: Policy, prompt: Sequence[int], requests: list[Request], sampling: Sampling, endings: Endings
) -> list[Finished]:
    ids_AT = torch.tensor([list(prompt)] * len(requests), device=policy.device)
    chooser = _Chooser(policy, requests, sampling, endings)
    with torch.no_grad(), _plain_generation(policy, requests[0].limit) as config:
        policy.model.generate(  # type: ignore[operator]
            input_ids=ids_AT,
            attention_mask=torch.ones_like(ids_AT),
            generation_config=config,
            logits_processor=LogitsProcessorList([chooser]),
            stopping_criteria=StoppingCriteriaList([chooser.stopping]),
        )
    return [chooser.finished(row) for row in range(len(requests))]


@contextmanager
def _plain_generation(policy: Policy, limit: int) -> Iterator[GenerationConfig]:
    """A generation config without the model's own habits (penalties, temperatures), which would otherwise fill gaps."""
    plain = GenerationConfig(do_sample=False, max_new_tokens=limit, eos_token_id=None, pad_token_id=0)
    model: Any = policy.model
    before = model.generation_config
    model.generation_config = GenerationConfig()
    try:
        yield plain
    finally:
        model.generation_config = before


class _Chooser(LogitsProcessor):
    """Draws the next token of each member and leaves `generate` no other choice; remembers what it drew."""

    def __init__(self, policy: Policy, requests: list[Request], sampling: Sampling, endings: Endings) -> None:
        self.policy, self.requests, self.sampling, self.endings = policy, requests, sampling, endings
        limit = requests[0].limit
        self.tokens_AL = np.zeros((len(requests), limit), dtype=np.int32)
        self.logprobs_AL = np.zeros((len(requests), limit), dtype=np.float32)
        self.count = 0
        self.ended: dict[int, tuple[int, Stop]] = {}
        self.stopping = _AllEnded(self)

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        column = self.count % BLOCK
        if column == 0:
            self.uniforms_AU = np.stack([request.uniforms.next_block() for request in self.requests])
        uniforms_A = torch.from_numpy(self.uniforms_AU[:, column]).to(scores.device)
        tokens_A, logprobs_A = draw(scores, uniforms_A, self.sampling)
        tokens, logprobs = tokens_A.cpu().numpy(), logprobs_A.cpu().numpy()
        if not np.isfinite(logprobs).all():
            raise ModelError(f"{self.policy.label}: its logits are not finite; the weights have diverged or are broken")
        self.tokens_AL[:, self.count], self.logprobs_AL[:, self.count] = tokens, logprobs
        self.count += 1
        at_limit_A = np.full(len(tokens), self.count == self.tokens_AL.shape[1])
        for row, stop in self.endings.find(tokens, at_limit_A, lambda row: self.tokens_AL[row, : self.count]).items():
            self.ended.setdefault(row, (self.count, stop))
        only_AV = torch.full_like(scores, -torch.inf)
        return only_AV.scatter_(-1, tokens_A.unsqueeze(-1), 0.0)

    def finished(self, row: int) -> Finished:
        """What was drawn for a member, up to where it ended."""
        count, stop = self.ended[row]
        return Finished(
            self.requests[row], self.tokens_AL[row, :count].copy(), self.logprobs_AL[row, :count].copy(), stop
        )


class _AllEnded(StoppingCriteria):
    """Tells `generate` which members have ended."""

    def __init__(self, chooser: _Chooser) -> None:
        self.chooser = chooser

    def __call__(self, input_ids: Tensor, scores: Tensor, **options: Any) -> Tensor:
        ended = [row in self.chooser.ended for row in range(len(self.chooser.requests))]
        return torch.tensor(ended, device=input_ids.device)
