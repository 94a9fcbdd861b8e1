"""Credit by step: where steps end, in text and in tokens, and what they are worth."""

import random
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from assay.policies.load import load_policy
from assay.rollout.engine import Engine
from assay.tasks import make_task
from assay.training import credit, judging
from assay.types import Group, Sample, Sampling, Stop
from tiny_task import TinyTask

RESPONSE = "code up1 b b c d ; rev d c b a ; wait up1 b b c d ; answer d c b b"
STEPS = ["code up1 b b c d", "; rev d c b a", "; wait up1 b b c d", "; answer d c b b"]


@pytest.fixture(scope="module")
def engine():
    return Engine(load_policy("organism:code-base", "cpu"))


@pytest.fixture(scope="module")
def task():
    return make_task("compose")


def sample_of(engine, prompt, response, reward=1.0):
    tokenizer = engine.policy.tokenizer
    front = tokenizer(prompt.text)["input_ids"]
    back = [*tokenizer(response, add_special_tokens=False)["input_ids"], *engine.policy.stop_ids]
    ids = np.array(front + back, dtype=np.int32)
    mask = np.arange(len(ids)) >= len(front)
    return Sample(
        0, 0, ids, mask, np.zeros(len(ids), np.float32), Sampling(max_new_tokens=64), "0", Stop.EOS, response, {},
        reward, reward,
    )  # fmt: skip


def parts(engine, sample):
    bounds = [credit.prompt_length(sample), *(step.end for step in sample.steps)]
    pieces = [sample.token_ids[a:b].tolist() for a, b in pairwise(bounds)]
    return [engine.policy.tokenizer.decode(piece, skip_special_tokens=True) for piece in pieces]


def test_judged_steps_cut_the_response_where_the_task_says(engine, task):
    """The second step is wrong: reversed, b b c d is d c b b."""
    prompt = task.prompt_of("compose up1 rev : a b c d")
    group = Group(prompt, (sample_of(engine, prompt, RESPONSE),))
    (judged,) = credit.judged_steps(judging.verify([group], task), task, engine.policy)
    assert parts(engine, judged.samples[0]) == STEPS
    assert [step.value for step in judged.samples[0].steps] == [1.0, 0.0, 1.0, None]
    assert judged.samples[0].steps[-1].end == len(judged.samples[0].token_ids)


@pytest.mark.parametrize(
    ("spec", "words", "least"),
    [
        ("compose", "code prose up1 rev rotl a b c d ; ; wait sure answer so", 300),
        ("chain", "code prose 7 12 19 5 14 + - = ; ; wait sure answer", 300),
        ("countdown", "code prose 3 7 10 12 120 + * = ; ; wait answer ( )", 50),
    ],
)
def test_as_many_ends_as_judged_steps_whatever_is_written(spec, words, least):
    task, rng = make_task(spec), random.Random(0)
    golds = [check.response for check in task.checks()]
    prompts = task.prompts("test", 20)
    found = 0
    for trial in range(3000):
        mixed = rng.choice(golds).split() if trial % 3 else []
        for _ in range(rng.randrange(12)):
            mixed.insert(rng.randint(0, len(mixed)), rng.choice(words.split()))
        response, prompt = " ".join(mixed), prompts[trial % 20]
        ends = task.step_ends(prompt, response)
        assert len(ends) == len(task.check_steps(prompt, response)), response
        assert list(ends) == sorted(set(ends)) and all(0 < end <= len(response) for end in ends), response
        found += len(ends)
    assert found > least


def test_a_continued_prefix_is_the_same_response_when_greedy(engine, task):
    prompts = task.prompts("test", 4)
    greedy = Sampling(temperature=0, max_new_tokens=48)
    whole = [group.samples[0] for group in engine.generate(prompts, 1, greedy)]
    prefixes = [credit.response_ids(sample)[: 3 + n].tolist() for n, sample in enumerate(whole)]
    again = engine.generate(prompts, 1, greedy, prefixes=prefixes)
    for sample, group, prefix in zip(whole, again, prefixes, strict=True):
        continued = group.samples[0]
        assert continued.token_ids.tolist() == sample.token_ids.tolist()
        assert (continued.text, continued.stop) == (sample.text, sample.stop)
        assert credit.prompt_length(continued) == credit.prompt_length(sample) + len(prefix)


def share_of_b(sample):
    words = sample.text.split()
    return words.count("b") / len(words)


def test_values_are_mean_rewards_of_samples_that_go_on_from_there(engine, task):
    """Rewards here are the share of words that are `b`; two samples share their first step, which is asked once."""
    prompt = task.prompt_of("compose up1 rev : a b c d")
    samples = [sample_of(engine, prompt, text) for text in (RESPONSE, "code up1 b b c d ; answer d c b b", "prose so")]
    seen = []

    def judge(groups):
        seen.extend(groups)
        return [replace(g, samples=tuple(replace(s, shaped_reward=share_of_b(s)) for s in g.samples)) for g in groups]

    groups, count = credit.valued_steps(
        [Group(prompt, tuple(samples))], task, engine, judge, 4, Sampling(max_new_tokens=64, seed=5), "auto"
    )
    assert count == 4 * 3 and len(seen) == 3
    first, second, third = groups[0].samples
    assert parts(engine, first) == STEPS
    assert [len(sample.steps) for sample in (first, second, third)] == [4, 2, 1]
    assert first.steps[0].value == second.steps[0].value
    assert first.steps[0].value == np.mean([share_of_b(sample) for sample in seen[0].samples])
    assert first.steps[-1].value == first.shaped_reward == 1.0
    for group, start in zip(seen, ("code up1 b b c d", f"{STEPS[0]} {STEPS[1]}", " ".join(STEPS[:3])), strict=True):
        assert all(sample.text.startswith(start) for sample in group.samples)
        assert all(credit.prompt_length(sample) == credit.prompt_length(first) for sample in group.samples)
        assert len({sample.text for sample in group.samples}) > 1 or start.endswith("b b c d")


def test_a_task_without_steps_is_cut_into_lines():
    response = "We add.\n\n3 + 4 = 7\nSo 7."
    ends = credit.step_ends(TinyTask(), None, response)
    assert [response[:end] for end in ends] == ["We add.", "We add.\n\n3 + 4 = 7"]
