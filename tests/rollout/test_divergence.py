import pytest
import torch

from assay.rollout.divergence import _difference, _first_difference, measure_divergence
from assay.rollout.engine import Engine
from assay.types import Sampling
from tiny_models import tiny_policy, tiny_prompt

PROMPTS = [tiny_prompt(index, 3 + index) for index in range(8)]


def test_in_float32_on_a_cpu_there_is_none():
    """Whatever the slots; and the forward pass of training agrees to rounding."""
    found = measure_divergence(tiny_policy(), PROMPTS, 4, Sampling(temperature=0.8, max_new_tokens=20, seed=1))
    assert (found.samples, found.identical, found.first_token, found.between_batches) == (32, 1.0, None, 0.0)
    assert found.from_training is not None and found.from_training < 1e-5


def test_low_precision_is_measured():
    policy = tiny_policy()
    policy.model.to(torch.bfloat16)
    found = measure_divergence(policy, PROMPTS, 4, Sampling(max_new_tokens=20, seed=1))
    assert 0 < found.from_training < 0.5
    assert found.between_batches < 0.5
    truncated = measure_divergence(policy, PROMPTS[:1], 1, Sampling(max_new_tokens=2, top_k=3))
    assert truncated.from_training is None


def test_where_two_samples_part():
    """The same prompt under two seeds parts at once; under two limits, where the shorter ends."""
    engine = Engine(tiny_policy(stop_ids=()))

    def one(seed, limit):
        return engine.generate(PROMPTS[:1], 1, Sampling(max_new_tokens=limit, seed=seed))[0].samples[0]

    whole, short, other = one(1, 9), one(1, 4), one(2, 9)
    assert _first_difference(whole, whole) is None
    assert (_first_difference(whole, short), _first_difference(short, whole)) == (4, 4)
    assert _first_difference(whole, other) == 0
    assert _difference(whole, short, 4) == 0
    assert _difference(whole, other, None) == pytest.approx(
        max(abs(a - b) for a, b in zip(whole.logprobs[whole.mask], other.logprobs[other.mask], strict=True))
    )
