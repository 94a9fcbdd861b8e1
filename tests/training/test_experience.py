"""Dynamic sampling: groups without spread are replaced, within a bound, and what that took is counted."""

import numpy as np
import pytest

from assay.algorithms.dapo import Dapo
from assay.algorithms.grpo import Grpo
from assay.algorithms.reinforce import Reinforce
from assay.errors import RecipeError
from assay.recipe import parse_recipe
from assay.rewards.scoring import Rewards
from assay.tasks.drawing import PromptDeck
from assay.training import judging
from assay.training.clock import Clock
from assay.training.experience import Experience
from assay.types import Group, Labels, Sample, Sampling, Stop, right, wrong
from tiny_models import tiny_prompt

RECIPE = """
name = "refill"
steps = 9
[model]
base = "x"
[task]
name = "x"
[rollout]
prompts = 4
group = 2
max_new_tokens = 10
"""


class Word:
    """A task without end; a response is right where it says so."""

    name, judge, spec, max_new_tokens = "word", "word@1", "word", 4

    def size(self, split):
        return None

    def prompts(self, split, count=None, seed=0):
        return [tiny_prompt((seed + index) % 10**9, 2) for index in range(count)]

    def verify(self, prompt, response):
        return right(self.judge) if response == "yes" else wrong(self.judge, "no")

    def labels(self, prompt, response):
        return Labels()


def sample(group=0, member=0, text="", length=1, stop=Stop.EOS, reward=None):
    """A response of `length` tokens after one of the prompt."""
    ids = np.arange(1 + length)
    return Sample(
        group, member, ids, ids > 0, np.zeros(1 + length, np.float32), Sampling(), "0", stop, text, {}, reward
    )


class Scripted:
    """Each group of two answers as the script says: 'yes no' has spread. Notes what it was asked."""

    def __init__(self, *script):
        self.script, self.calls = list(script), []

    def generate(self, prompts, members, sampling, template, group_ids):
        self.calls.append((len(prompts), sampling.seed, list(group_ids)))
        return [
            Group(prompt, tuple(sample(number, m, text) for m, text in enumerate(self.script.pop(0).split())))
            for prompt, number in zip(prompts, group_ids, strict=True)
        ]


def gather(engine, algorithm, steps=1):
    recipe = parse_recipe(RECIPE, "x", [])
    with Rewards(recipe.reward, Word(), recipe.seed, recipe.steps, print) as rewards:
        experience = Experience(recipe, algorithm, Word(), engine, rewards)
        gathered = [experience.gather(step, Clock()) for step in range(steps)]
        return [(each.groups, each.numbers) for each in gathered]


def test_groups_without_spread_are_replaced():
    engine = Scripted("yes no", "no no", "yes yes", "no no", "no no", "yes no", "no yes", "yes yes", "no no")
    ((groups, numbers),) = gather(engine, Dapo(refill=3, overlong=0))
    assert [count for count, _, _ in engine.calls] == [4, 3, 1, 1]  # only what is missing is drawn
    assert [ids for *_, ids in engine.calls] == [[0, 1, 2, 3], [4, 5, 6], [7], [8]]
    assert len({seed for _, seed, _ in engine.calls}) == 4
    assert [group.samples[0].group for group in groups] == [0, 5, 6]
    assert numbers["refill/groups"] == 3 and numbers["refill/extra_prompts"] == 5 and numbers["refill/draws"] == 3
    assert numbers["reward"] == 3 / 8, "of the first draw, which nothing was chosen from"
    assert [each.advantage for each in groups[0].samples] == pytest.approx([0.5**0.5, -(0.5**0.5)], abs=1e-5)


def test_a_full_batch_is_not_drawn_for():
    engine = Scripted(*["yes no"] * 4)
    ((groups, numbers),) = gather(engine, Dapo(overlong=0))
    assert len(groups) == 4 and numbers["refill/draws"] == 0 and len(engine.calls) == 1


def test_a_batch_that_never_fills_stops_the_run():
    with pytest.raises(
        RecipeError, match=r"no group of the 3 steps up to step 2 has rewards that differ, after 2 draws"
    ):
        gather(Scripted(*["no no"] * 24), Dapo(refill=1), steps=3)
    found = gather(Scripted(*["no no"] * 16, *["yes no"] * 4, *["no no"] * 16), Dapo(refill=1), steps=5)
    assert [numbers["refill/groups"] for _, numbers in found] == [0, 0, 4, 0, 0]


def test_without_refill_nothing_is_replaced():
    ((groups, numbers),) = gather(Scripted(*["no no"] * 4), Grpo())
    assert len(groups) == 4 and "refill/groups" not in numbers


def test_further_turns_draw_other_prompts():
    deck = PromptDeck(Word(), seed=1)
    drawn = [[prompt.problem for prompt in deck.draw(step, 3, turn)] for step in (0, 1) for turn in (0, 1, 2)]
    assert len({problem for each in drawn for problem in each}) == 18
    assert drawn[1] == [prompt.problem for prompt in PromptDeck(Word(), seed=1).draw(0, 3, 1)]


def test_the_overlong_penalty_shapes_the_reward_and_leaves_it_alone():
    """Room for 10 tokens, the last 5 of them penalised: a response of 1 token loses nothing, one of 8 loses 3/5."""
    group = Group(tiny_prompt(0, 2), (sample(reward=1.0), sample(length=8, reward=1.0)))
    (shaped,) = judging.shape([group], Dapo(overlong=0.5), max_tokens=10)
    assert [each.shaped_reward for each in shaped.samples] == pytest.approx([1.0, 0.4])
    assert [each.reward for each in shaped.samples] == [1.0, 1.0]


@pytest.mark.parametrize(
    ("truncated", "shaped", "trained"), [("keep", [1, 0], 2), ("mask", [1, 0], 1), ("drop", [1, None], 1)]
)
def test_truncated_responses(truncated, shaped, trained):
    group = Group(tiny_prompt(0, 2), (sample(reward=1.0), sample(reward=0.0, stop=Stop.LENGTH)))
    algorithm = Grpo(truncated=truncated)
    groups = judging.advantage(judging.shape([group], algorithm, 10), algorithm)
    assert [each.shaped_reward for each in groups[0].samples] == shaped
    kept = judging.trained_on(groups, truncated)
    assert len(kept) == trained
    assert kept[0].advantage == pytest.approx(0 if truncated == "drop" else 0.5**0.5, abs=1e-5)


def test_the_baseline_of_reinforce_counts_masked_responses():
    """Rewards 1, and 0 of a response that was cut and is not trained on: the mean is 1/2."""
    group = Group(tiny_prompt(0, 2), (sample(reward=1.0), sample(reward=0.0, stop=Stop.LENGTH)))
    algorithm = Reinforce(truncated="mask")
    (kept,) = judging.trained_on(judging.advantage(judging.shape([group], algorithm, 10), algorithm), "mask")
    assert kept.advantage == 0.5


@pytest.mark.parametrize("truncated", ["keep", "drop"])
def test_a_group_that_only_a_dropped_response_spreads_teaches_nothing(truncated):
    responses = (sample(reward=1.0), sample(reward=1.0), sample(reward=0.0, stop=Stop.LENGTH))
    algorithm = Dapo(truncated=truncated)
    experience = Experience(parse_recipe(RECIPE, "x", []), algorithm, Word(), None, None)
    (group,) = judging.shape([Group(tiny_prompt(0, 2), responses)], algorithm, 10)
    assert experience.teaches(group) is (truncated == "keep")


def test_an_unscored_sample_is_not_trained_on():
    group = Group(tiny_prompt(0, 2), tuple(sample(member=m, reward=r) for m, r in enumerate((1.0, None, 0.0))))
    groups = judging.advantage(judging.shape([group], Grpo(), 10), Grpo())
    assert [each.member for each in judging.trained_on(groups, "keep")] == [0, 2]
