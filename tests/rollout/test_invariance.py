"""In float32 on a CPU a sample is the same bits whatever else is sampled with it: tokens and log-probabilities."""

import random

import pytest
import torch

from assay.rollout.engine import Engine
from assay.types import Sampling
from tiny_models import EOS, tiny_policy, tiny_prompt

PROMPTS = [tiny_prompt(index, words) for index, words in enumerate([0, 1, 5, 31, 32, 33, 9, 64, 12, 12, 3, 20])]
SAMPLING = Sampling(temperature=0.9, max_new_tokens=36, seed=3)
KINDS = {
    "llama": {"num_key_value_heads": 4},
    "odd widths": {"hidden_size": 40, "intermediate_size": 51, "num_attention_heads": 4, "num_key_value_heads": 1},
    "qwen3": {},
    "gpt2": {},
}


WIDE = {"intermediate_size": 300}


def sampled(kind, slots, prompts, members, sampling=SAMPLING):
    """(problem, member) -> everything of the sample that must not change, for an engine of its own."""
    architecture = kind if kind in ("qwen3", "gpt2") else "llama"
    policy = tiny_policy(architecture, stop_ids={EOS, 7, 11}, **KINDS.get(kind, WIDE))
    engine = Engine(policy, slots=slots)
    groups = engine.generate(prompts, members, sampling)
    assert engine.invariant
    return {
        (group.prompt.problem, sample.member): (
            sample.token_ids.tobytes(),
            sample.logprobs.tobytes(),
            sample.stop,
            sample.text,
        )
        for group in groups
        for sample in group.samples
    }


@pytest.mark.parametrize("kind", KINDS)
def test_batch_slots_and_order_do_not_matter(kind):
    """144 samples at once against: few slots, filled again and again; other orders; other members; one sample alone."""
    whole = sampled(kind, 512, PROMPTS, 12)
    assert len({len(tokens) for tokens, *_ in whole.values()}) > 20, "samples of many lengths"
    shuffled = list(PROMPTS)
    random.Random(0).shuffle(shuffled)
    assert sampled(kind, 70, shuffled, 12) == whole
    for slots, prompts, members in ((5, PROMPTS[4:8], 3), (1, PROMPTS[7:8], 1), (512, PROMPTS[::5], [(1, 7), (0, 2)])):
        found = sampled(kind, slots, prompts, members)
        assert found == {key: whole[key] for key in found}


def test_a_pool_that_was_used_before_does_not_matter():
    """What earlier samples left in the blocks is never read."""
    policy = tiny_policy(stop_ids={EOS, 7, 11})
    engine = Engine(policy, slots=40)
    first = engine.generate(PROMPTS, 4, SAMPLING)
    engine.generate(PROMPTS, 4, Sampling(max_new_tokens=60, seed=9))
    again = engine.generate(PROMPTS, 4, SAMPLING)
    for before, after in zip(first, again, strict=True):
        for one, other in zip(before.samples, after.samples, strict=True):
            assert one.logprobs.tobytes() == other.logprobs.tobytes()


def test_the_length_limit_only_cuts():
    """A sample under a lower limit is the beginning of the same sample under a higher one."""
    long = sampled("llama", 512, PROMPTS[:4], 4)
    short = sampled("llama", 512, PROMPTS[:4], 4, Sampling(temperature=0.9, max_new_tokens=5, seed=3))
    assert all(long[key][0].startswith(short[key][0]) for key in short)


def test_two_threads_change_nothing():
    """144 rows of 300 numbers are more than one thread takes; 192 x 300 are cut in two at a multiple of 32."""
    sampling = Sampling(max_new_tokens=3, seed=1)
    alone = sampled("wide", 512, PROMPTS, 12, sampling)
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        assert sampled("wide", 512, PROMPTS, 12, sampling) == alone
        assert sampled("wide", 9, PROMPTS[::5], 3, sampling).items() <= alone.items()
    finally:
        torch.set_num_threads(threads)
