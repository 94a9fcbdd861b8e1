"""Finished responses become samples."""

from collections.abc import Iterator, Sequence

import numpy as np

from assay.policies.load import Policy
from assay.rollout.decoding import Finished
from assay.rollout.stops import Endings
from assay.types import Sample, Sampling


class Writer:
    """Makes samples of one call: prompt's token ids in front, text decoded, the weights' version noted.

    `prefixes` are the token ids with which the responses to each prompt began.
    """

    def __init__(
        self,
        policy: Policy,
        endings: Endings,
        prompts: Sequence[Sequence[int]],
        prefixes: Sequence[Sequence[int]],
        groups: Sequence[int],
        sampling: Sampling,
    ) -> None:
        self.policy, self.endings, self.groups, self.sampling = policy, endings, groups, sampling
        self.prompts = [np.array(ids, dtype=np.int32) for ids in prompts]
        self.prefixes = [np.array(ids, dtype=np.int32) for ids in prefixes]

    def samples(self, finished: Sequence[Finished]) -> Iterator[tuple[int, Sample]]:
        """(prompt index, sample) for each."""
        if not finished:
            return
        responses = [np.concatenate([self.prefixes[each.request.prompt], each.token_ids]) for each in finished]
        texts = self.endings.texts([(ids, each.stop) for ids, each in zip(responses, finished, strict=True)])
        for each, response, text in zip(finished, responses, texts, strict=True):
            index = each.request.prompt
            token_ids = np.concatenate([self.prompts[index], response])
            given = len(token_ids) - len(each.token_ids)
            yield (
                index,
                Sample(
                    group=self.groups[index],
                    member=each.request.member,
                    token_ids=token_ids,
                    mask=np.arange(len(token_ids)) >= given,
                    logprobs=np.concatenate([np.zeros(given, dtype=np.float32), each.logprobs]),
                    sampling=self.sampling,
                    policy=self.policy.version,
                    stop=each.stop,
                    text=text,
                ),
            )
