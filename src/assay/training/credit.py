"""Credit by step: where a response's steps end, and what each is worth.

"process"  a step is worth what the task's step verifier says of it
"values"   a step is worth the mean shaped reward of samples that go on from its end; the last one, the response's own
"""

import math
import re
from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from transformers import PreTrainedTokenizerBase

from assay.policies.load import Policy
from assay.rollout.engine import Engine
from assay.tasks import Task, judges_steps
from assay.types import Group, Prompt, Sample, Sampling, Step

Judge = Callable[[Sequence[Group]], Sequence[Group]]
"""Sets the rewards of groups, shaped ones too."""

_LINES = re.compile(r"[^\n]*\S[^\n]*(?=\n)")


def judged_steps(groups: Sequence[Group], task: Task, policy: Policy) -> list[Group]:
    """The groups with a step for each that the task judged, and one without a value for the rest of the response."""

    def cut(prompt: Prompt, sample: Sample) -> Sample:
        values = sample.scores["true"].steps or ()
        ends = token_ends(sample, step_ends(task, prompt, sample.text), policy.tokenizer)
        assert len(ends) == len(values), f"{task.spec}: {len(values)} steps were judged and {len(ends)} have an end"
        steps = [Step(end, value) for end, value in zip(ends, values, strict=True)]
        return replace(sample, steps=(*steps, Step(len(sample.token_ids), None)))

    return [replace(each, samples=tuple(cut(each.prompt, sample) for sample in each.samples)) for each in groups]


def valued_steps(
    groups: Sequence[Group],
    task: Task,
    engine: Engine,
    judge: Judge,
    rollouts: int,
    sampling: Sampling,
    template: str,
) -> tuple[list[Group], int]:
    """The groups with a value for each step, and how many samples that took.

    Steps are those of the task, else lines. A prefix that several samples of a group share is sampled from once.
    """
    tokenizer = engine.policy.tokenizer
    ends = {
        id(sample): inner_ends(sample, step_ends(task, group.prompt, sample.text), tokenizer)
        for group in groups
        for sample in group.samples
    }
    places: dict[tuple[int, bytes], int] = {}
    prompts: list[Prompt] = []
    prefixes: list[list[int]] = []
    for number, group in enumerate(groups):
        for sample in group.samples:
            for end in ends[id(sample)]:
                prefix = response_ids(sample)[: end - prompt_length(sample)]
                if (number, prefix.tobytes()) not in places:
                    places[number, prefix.tobytes()] = len(prompts)
                    prompts.append(group.prompt)
                    prefixes.append(prefix.tolist())
    values = mean_rewards(judge(_continued(engine, prompts, rollouts, sampling, template, prefixes)))

    def cut(number: int, sample: Sample) -> Sample:
        first = prompt_length(sample)
        keys = [(end, (number, response_ids(sample)[: end - first].tobytes())) for end in ends[id(sample)]]
        steps = [Step(end, values[places[key]]) for end, key in keys]
        return replace(sample, steps=(*steps, Step(len(sample.token_ids), sample.shaped_reward)))

    valued = [
        replace(group, samples=tuple(cut(number, sample) for sample in group.samples))
        for number, group in enumerate(groups)
    ]
    return valued, len(prompts) * rollouts


def _continued(
    engine: Engine,
    prompts: list[Prompt],
    rollouts: int,
    sampling: Sampling,
    template: str,
    prefixes: list[list[int]],
) -> list[Group]:
    """Samples that begin with the prefixes; a mask over the whole response, as rewards expect it."""
    groups = engine.generate(prompts, rollouts, sampling, template, prefixes=prefixes)
    whole = []
    for group, prefix in zip(groups, prefixes, strict=True):
        samples = []
        for sample in group.samples:
            first = prompt_length(sample) - len(prefix)
            samples.append(replace(sample, mask=np.arange(len(sample.token_ids)) >= first))
        whole.append(replace(group, samples=tuple(samples)))
    return whole


def mean_rewards(groups: Sequence[Group]) -> list[float | None]:
    """Mean shaped reward of each group; None where no sample has one."""
    known = [[s.shaped_reward for s in group.samples if s.shaped_reward is not None] for group in groups]
    return [math.fsum(rewards) / len(rewards) if rewards else None for rewards in known]


def step_ends(task: Task, prompt: Prompt, response: str) -> Sequence[int]:
    """The places in the text just after each step: the task's, else the ends of lines that are not empty."""
    if judges_steps(task):
        ends: Sequence[int] = task.step_ends(prompt, response)  # type: ignore[attr-defined]
        return ends
    return [match.end() for match in _LINES.finditer(response)]


def inner_ends(sample: Sample, places: Sequence[int], tokenizer: PreTrainedTokenizerBase) -> list[int]:
    """Where steps end in the token ids, each once, without the end of the response."""
    return sorted(set(token_ends(sample, places, tokenizer)) - {len(sample.token_ids)})


def token_ends(sample: Sample, places: Sequence[int], tokenizer: PreTrainedTokenizerBase) -> list[int]:
    """For each place in the text, the index just after the token with which it is reached."""
    ids, first = response_ids(sample).tolist(), prompt_length(sample)

    def reach(count: int) -> int:
        return len(tokenizer.decode(ids[:count], skip_special_tokens=True))

    return [first + bisect_left(range(len(ids)), place, key=reach) for place in places]


def prompt_length(sample: Sample) -> int:
    """Tokens before the first that the policy chose."""
    return int(sample.mask.argmax())


def response_ids(sample: Sample) -> np.ndarray:
    """Token ids of the response."""
    return sample.token_ids[prompt_length(sample) :]
