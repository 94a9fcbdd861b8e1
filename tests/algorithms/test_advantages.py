"""Advantages of a group, by hand."""

import math

import numpy as np
import pytest

from assay.algorithms import advantages
from assay.algorithms.advantages import centred, leave_one_out, standardised
from assay.algorithms.grpo import Grpo
from assay.algorithms.pass_at_k import PassAtK
from assay.algorithms.process import Process
from assay.algorithms.unlikeliness import Unlikeliness
from assay.algorithms.vineppo import VinePpo
from assay.batch import collate
from assay.errors import RecipeError
from assay.types import Sample, Sampling, Step, Stop


def samples(rewards, **more):
    """A prompt token and two of the response each; `more` are lists with an entry a sample."""
    ids, mask = np.array([5, 7, 8]), np.array([False, True, True])
    rows = [dict(zip(more, each, strict=True)) for each in zip(*more.values(), strict=True)] or [{}] * len(rewards)
    return [
        Sample(
            0, member, ids, mask, row.pop("logprobs", np.zeros(3)), Sampling(), "0", Stop.EOS, "",
            reward=reward, shaped_reward=reward, **row,
        )
        for member, (reward, row) in enumerate(zip(rewards, rows, strict=True))
    ]  # fmt: skip


def test_hand_derived():
    # mean 1/4; deviations 3/4 and -1/4; variance (9 + 3)/16 / 3 = 1/4, so std 1/2
    assert standardised([1, 0, 0, 0], epsilon=0) == [1.5, -0.5, -0.5, -0.5]
    assert centred([1, 0, 0, 0]) == [0.75, -0.25, -0.25, -0.25]
    # 1 - 0 for the right one; 0 - 1/3 for the others
    assert leave_one_out([1, 0, 0, 0]) == pytest.approx([1, -1 / 3, -1 / 3, -1 / 3])


@pytest.mark.parametrize("value", [0.1, 0.7, 1 / 3, 1e-9, 1e9])
def test_constant_groups_are_exactly_zero(value):
    for size in range(2, 65):
        assert standardised([value] * size, epsilon=1e-9) == [0.0] * size
        assert leave_one_out([value] * size) == [0.0] * size


def test_unknown_rewards_leave_the_statistics():
    assert standardised([1, None, 0, None], epsilon=0) == pytest.approx([math.sqrt(0.5), 0, -math.sqrt(0.5), 0])
    assert leave_one_out([1, None, 0, None]) == [1, 0, -1, 0]
    assert centred([None, 1.0]) == [0.0, 0.0]
    assert standardised([None, None]) == [0.0, 0.0]
    assert advantages.signed([1, None, 0], positive=0.1) == [0.1, 0, -1]
    assert advantages.raw([0.5, None]) == [0.5, 0]


def test_group_of_one_has_no_advantage():
    assert standardised([1.0]) == [0.0]
    assert leave_one_out([1.0]) == [0.0]
    assert advantages.pass_at_k([1.0], 1) == [0.0]
    assert advantages.signed([0.0], positive=0.1) == [-1.0]  # its baseline is not the group


def test_pass_at_k_by_hand():
    # n 4, c 1, k 2: p = 1 - C(3,2)/C(4,2) = 1/2, s = 1/2; right (1/2)/s = 1; wrong (1/2 - C(2,1)/C(3,1))/s = -1/3
    assert advantages.pass_at_k([0, 1, 0, 0], 2) == pytest.approx([-1 / 3, 1, -1 / 3, -1 / 3])
    # an unknown one is as if it had not been sampled
    assert advantages.pass_at_k([0, None, 1, 0, 0], 2) == pytest.approx([-1 / 3, 0, 1, -1 / 3, -1 / 3])
    # k 1 is GRPO with the population's deviation: p = 1/4, s = sqrt(3)/4; right 3/4 / s, wrong -1/4 / s
    assert advantages.pass_at_k([1, 0, 0, 0], 1) == pytest.approx([math.sqrt(3), *[-1 / math.sqrt(3)] * 3])


@pytest.mark.parametrize("rewards", [[0] * 4, [1] * 4, [1, 1, 1, 0]])
def test_where_two_samples_always_or_never_hold_a_right_one_nothing_is_learned(rewards):
    assert advantages.pass_at_k(rewards, 2) == [0] * 4


@pytest.mark.parametrize("algorithm", [PassAtK(k=2)], ids=["pass-at-k"])
def test_counting_needs_rewards_of_0_and_1(algorithm):
    with pytest.raises(RecipeError, match=r"needs rewards of 0 and 1, got 0\.5; train on the verifier alone"):
        algorithm.group_advantages(samples([1, 0.5, 0]))


def test_unlikeliness_by_hand():
    """Mean log-probabilities -1, -3, -2: ranks 2, 0, 1 of 4 with the unknown one left out, so of 3."""
    found = advantages.unlikely([1, 1, None, 1], [-1, -3, -9, -2], penalty=0.25)
    assert found == pytest.approx([1 - 0.25 * 2 / 3, 1, None, 1 - 0.25 / 3])
    assert advantages.unlikely([0, 1], [-1, -3], penalty=0.25) == [0, 1]
    logprobs = [np.array([0, -1, -1]), np.array([0, -3, -3])]
    likely, rare = Unlikeliness().group_advantages(samples([1, 1], logprobs=logprobs))
    assert rare > 0 > likely  # all right, and still something to learn


def test_process_by_hand():
    """Judged steps 1, 1, 0 in the group: mean 2/3, std sqrt(1/3); standardised (1/3)/s, (1/3)/s, (-2/3)/s."""
    s = math.sqrt(1 / 3)
    steps = [(Step(2, 1.0), Step(3, None)), (Step(2, 1.0), Step(3, 0.0))]
    found = Process(weight=0.5).step_advantages(samples([1, 0], steps=steps))
    outcome = 1 / math.sqrt(2)  # (1 - 1/2) / sqrt(1/2)
    assert found[0] == pytest.approx((outcome + 0.5 / 3 / s, outcome), abs=1e-5)
    assert found[1] == pytest.approx((-outcome + 0.5 * (1 - 2) / 3 / s, -outcome + 0.5 * -2 / 3 / s), abs=1e-5)


def test_values_by_hand():
    """V before is the other's reward; then .75 after the first step; then the reward. The sum is R - R_other."""
    steps = [(Step(2, 0.75), Step(3, 1.0)), (Step(3, 0.0),)]
    assert VinePpo().step_advantages(samples([1, 0], steps=steps)) == [(0.75, 0.25), (-1.0,)]
    unknown = [(Step(2, None), Step(3, 1.0)), (Step(3, 0.0),)]
    assert VinePpo().step_advantages(samples([1, 0], steps=unknown))[0] == (0.0, 1.0)
    assert VinePpo().step_advantages(samples([1.0], steps=[(Step(3, 1.0),)])) == [(0.0,)]


def test_steps_become_tokens():
    """Step 1 ends before index 2: token 1 is its only one; the prompt gets nothing."""
    (sample,) = samples([1], steps=[(Step(2, 1.0), Step(3, None))], step_advantages=[(0.5, -2.0)])
    assert collate([sample]).advantages_BT.tolist() == [[0, 0.5, -2.0]]


def test_scale_is_an_option_of_grpo():
    assert Grpo(scale="none").group_advantages(samples([1, 0, 0, 0])) == [0.75, -0.25, -0.25, -0.25]
    assert Grpo().group_advantages(samples([1, 0, 0, 0])) == pytest.approx([1.5, -0.5, -0.5, -0.5], abs=1e-5)
