"""How much batching changes samples where it is not promised that it changes nothing: low precision, GPUs.

Two engines draw the same samples, one with many slots and one with few. Rounding differs with the batch, so now and
then a random number falls on the other side of a boundary; from that token on the two samples are different.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from assay.batch import collate
from assay.policies.load import Policy
from assay.policies.stats import token_stats
from assay.rollout.engine import Engine
from assay.types import Prompt, Sample, Sampling


@dataclass(frozen=True, slots=True)
class Divergence:
    """What was found on `samples` samples of `tokens` tokens.

    identical       share of samples with the same tokens under both batches
    first_token     mean index, within the response, of the first token that differs; None where none does
    between_batches largest difference of log-probabilities between the batches, in nats, while tokens agree
    from_training   largest difference between the engine's log-probabilities and those of training's forward pass, in
                    nats; None where the sampled distribution was truncated
    """

    samples: int
    tokens: int
    identical: float
    first_token: float | None
    between_batches: float
    from_training: float | None


def measure_divergence(
    policy: Policy,
    prompts: Sequence[Prompt],
    members: int,
    sampling: Sampling,
    slots: tuple[int, int] = (512, 5),
    template: str = "auto",
) -> Divergence:
    """Draws the same samples with two numbers of slots and compares them, and with the model's own forward pass."""
    drawn = [Engine(policy, slots=count).generate(prompts, members, sampling, template) for count in slots]
    first, second = ([sample for group in groups for sample in group.samples] for groups in drawn)
    places = [_first_difference(one, other) for one, other in zip(first, second, strict=True)]
    differing = [place for place in places if place is not None]
    truncated = sampling.top_p < 1 or sampling.top_k or sampling.temperature == 0
    return Divergence(
        samples=len(first),
        tokens=sum(sample.length_tokens for sample in first),
        identical=1 - len(differing) / len(first),
        first_token=float(np.mean(differing)) if differing else None,
        between_batches=max(_difference(*each) for each in zip(first, second, places, strict=True)),
        from_training=None if truncated else _from_training(policy, first, sampling.temperature),
    )


def _response(sample: Sample) -> tuple[np.ndarray, np.ndarray]:
    return sample.token_ids[sample.mask], sample.logprobs[sample.mask]


def _first_difference(one: Sample, other: Sample) -> int | None:
    """Index of the first response token that differs, or at which one ends; None where all agree."""
    mine, theirs = _response(one)[0], _response(other)[0]
    shared = min(len(mine), len(theirs))
    differs = np.flatnonzero(mine[:shared] != theirs[:shared])
    if len(differs):
        return int(differs[0])
    return None if len(mine) == len(theirs) else shared


def _difference(one: Sample, other: Sample, place: int | None) -> float:
    mine, theirs = _response(one)[1][:place], _response(other)[1][:place]
    return float(np.abs(mine - theirs).max(initial=0.0))


def _from_training(policy: Policy, samples: Sequence[Sample], temperature: float) -> float:
    largest = 0.0
    batch = collate([replace(sample, advantage=0.0) for sample in samples], policy.device)
    for rows in batch.rows_by_token_budget(16384):
        micro = batch.select(rows)
        with torch.no_grad():
            theirs_BT = token_stats(policy, micro, temperature).logprobs_BT
        largest = max(largest, float((theirs_BT - micro.behaviour_BT)[micro.mask_BT].abs().max()))
    return largest
