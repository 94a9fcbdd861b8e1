"""Samples become rows of a sample file (docs/sample_files.md)."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from assay.policies.templates import plain_text
from assay.rollout.columns import judged, posed, to_frame
from assay.samples import write_samples
from assay.tasks import Task
from assay.types import Group, Prompt, Sample, Score

NUMBERS = ("reward", "shaped_reward", "advantage")


def sample_row(task: Task, sample: Sample, prompt: Prompt, score: Score, common: Mapping[str, Any]) -> dict[str, Any]:
    """One row; `common` are the columns that all rows of a prompt share."""
    return {
        "problem": prompt.problem,
        "task": prompt.task,
        "member": sample.member,
        "response": sample.text,
        **judged(task, score, task.labels(prompt, sample.text)),
        "stop": str(sample.stop),
        "length_tokens": sample.length_tokens,
        "logprob": float(sample.logprobs[sample.mask].sum(dtype=np.float64)),
        "temperature": sample.sampling.temperature,
        "top_p": sample.sampling.top_p,
        "top_k": sample.sampling.top_k,
        "max_new_tokens": sample.sampling.max_new_tokens,
        "seed": sample.sampling.seed,
        "token_ids": sample.token_ids[sample.mask].tolist(),
        **common,
    }


def write_groups(path: Path, groups: Sequence[Group], task: Task) -> Path:
    """Writes the samples of a training step, judged under the name "true", with `group`, `reward`, `shaped_reward` and
    `advantage` (what the step's rewards say of the sample, before whatever takes its tokens), null for groups that were
    drawn and replaced; `step_advantages` where steps are credited apart.

    `prompt` is the prompt without template and `model` the version of the weights. Where a step drew a problem twice,
    members are counted through both groups.
    """
    rows = []
    members: Counter[str] = Counter()
    for group in groups:
        prompt = group.prompt
        common = {"prompt": plain_text(prompt), **posed(task, prompt)}
        for sample in group.samples:
            row = sample_row(task, sample, prompt, sample.scores["true"], common)
            row |= {"member": members[prompt.problem], "model": sample.policy, "group": sample.group}
            numbers = {name: getattr(sample, name) for name in NUMBERS}
            numbers["step_advantages"] = None if sample.step_advantages is None else list(sample.step_advantages)
            rows.append(row | numbers)
            members[prompt.problem] += 1
    types: dict[str, Any] = {"group": pl.Int64, "step_advantages": pl.List(pl.Float64)}
    return write_samples(path, to_frame(rows, types | dict.fromkeys(NUMBERS, pl.Float64)))
