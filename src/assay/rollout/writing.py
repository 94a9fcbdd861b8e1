"""Finished responses become samples."""

from collections.abc import Iterator, Sequence

import numpy as np

from assay.policies.load import Policy
from assay.rollout.decoding import Finished
from assay.rollout.stops import Endings
from assay.types import Sample, Sampling


class Writer:
    """Makes samples of one call: prompt's token ids in front, text decoded, the weights' version noted."""

    def __init__(
        self,
        policy: Policy,
        endings: Endings,
        prompts: Sequence[Sequence[int]],
        groups: Sequence[int],
        sampling: Sampling,
    ) -> None:
        self.policy, self.endings, self.groups, self.sampling = policy, endings, groups, sampling
        self.prompts = [np.array(ids, dtype=np.int32) for ids in prompts]

    def samples(self, finished: Sequence[Finished]) -> Iterator[tuple[int, Sample]]:
        """(prompt index, sample) for each."""
        if not finished:
            return
        texts = self.endings.texts([(each.token_ids, each.stop) for each in finished])
        for each, text in zip(finished, texts, strict=True):
            prompt = self.prompts[each.request.prompt]
            chosen = len(each.token_ids)
            yield (
                each.request.prompt,
                Sample(
                    group=self.groups[each.request.prompt],
                    member=each.request.member,
                    token_ids=np.concatenate([prompt, each.token_ids]),
                    mask=np.arange(len(prompt) + chosen) >= len(prompt),
                    logprobs=np.concatenate([np.zeros(len(prompt), dtype=np.float32), each.logprobs]),
                    sampling=self.sampling,
                    policy=self.policy.version,
                    stop=each.stop,
                    text=text,
                ),
            )
