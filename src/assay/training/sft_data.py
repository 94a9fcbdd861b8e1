"""Demonstrations as samples: token ids with the mask of what is learned, ready for `batch.collate`."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from assay.demonstrations import Demonstration
from assay.errors import DataError
from assay.policies.load import Policy
from assay.policies.turns import demonstration_tokens
from assay.types import Sample, Sampling, Stop

SOURCE = "data"
"""What stands for the version of the policy in a sample that no policy drew."""


def tokenize(
    demonstrations: Sequence[Demonstration], file: Path, policy: Policy, template: str, max_tokens: int
) -> tuple[list[Sample], int]:
    """Those that are short enough for the recipe and the model, and how many are not.

    Raises DataError where none is, or where a row has nothing to learn.
    """
    most = min(max_tokens, policy.max_positions or max_tokens)
    found = [_sample(each, place, policy, template) for place, each in enumerate(demonstrations)]
    kept = [each for each in found if len(each.token_ids) <= most]
    if found and not kept:
        limit = f"data.max_tokens = {max_tokens}" if most == max_tokens else f"the {most} that {policy.name} can read"
        shortest = min(len(each.token_ids) for each in found)
        raise DataError(f"{file}: every row has more tokens than {limit} (the shortest has {shortest})")
    return kept, len(found) - len(kept)


def with_unknown_tokens(samples: Sequence[Sample], policy: Policy) -> int:
    """Rows that hold the token which stands for what the tokenizer does not know."""
    unknown = policy.tokenizer.unk_token_id
    return 0 if unknown is None else sum(bool((each.token_ids == unknown).any()) for each in samples)


def _sample(each: Demonstration, place: int, policy: Policy, template: str) -> Sample:
    ids, mask = demonstration_tokens(each, policy, template)
    return Sample(
        group=place,
        member=0,
        token_ids=np.array(ids, dtype=np.int32),
        mask=np.array(mask, dtype=np.bool_),
        logprobs=np.zeros(len(ids), dtype=np.float32),
        sampling=Sampling(),
        policy=SOURCE,
        stop=Stop.EOS,
        text="",
        advantage=0.0,
    )
