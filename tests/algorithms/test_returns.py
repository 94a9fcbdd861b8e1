"""Returns to go, GAE and whitening, by hand."""

from dataclasses import replace

import pytest
import torch

from assay.algorithms.ppo import Ppo
from assay.algorithms.returns import at_last_token, gae, return_to_go, whitened
from assay.batch import collate
from assay.types import Sample, Sampling, Stop

MASK = torch.tensor([[False, True, True, True], [False, True, True, False]])


def cut_or_ended(member: int, stop: Stop, reward: float) -> Sample:
    """A prompt and a response of one token each."""
    tokens, mask = torch.tensor([5, 7]).numpy(), torch.tensor([False, True]).numpy()
    return Sample(
        0, member, tokens, mask, torch.zeros(2).numpy(), Sampling(), "0", stop, "", {}, reward, reward, advantage=reward
    )


def test_return_to_go():
    rewards = torch.tensor([[0.0, 1, 2, 4], [0, 1, 2, 0]])
    assert return_to_go(rewards, MASK).tolist() == [[0, 7, 6, 4], [0, 3, 2, 0]]
    assert at_last_token(torch.tensor([5.0, 7]), MASK).tolist() == [[0, 0, 0, 5], [0, 0, 7, 0]]


def test_gae_of_an_ended_and_a_truncated_row():
    """gamma 1/2, lambda 1/2, so gamma lambda 1/4.

    Ended row, V = 1, 2, 4, R = 8 at the end, V after it 0: delta_3 = 8 - 4 = 4, delta_2 = 2 - 2 = 0,
    delta_1 = 1 - 1 = 0; A_3 = 4, A_2 = 1, A_1 = 1/4.
    Truncated row, V = 1, 2, R = 0, V after it 6: delta_2 = 3 - 2 = 1, delta_1 = 1 - 1 = 0; A_2 = 1, A_1 = 1/4. With 0
    for the value after it, as peers have it, A_2 would be -2.
    """
    rewards = at_last_token(torch.tensor([8.0, 0]), MASK)
    values = torch.tensor([[0.0, 1, 2, 4], [0, 1, 2, 0]])
    found = gae(rewards, values, torch.tensor([0.0, 6]), MASK, gamma=0.5, lam=0.5)
    assert found.tolist() == [[0, 0.25, 1, 4], [0, 0.25, 1, 0]]
    assert gae(rewards, values, torch.zeros(2), MASK, gamma=0.5, lam=0.5)[1, 2] == -2


def test_gae_passes_over_tokens_that_the_policy_did_not_choose():
    """The value after token 1 is that of the next chosen token, 3: delta_1 = 5 - 2 = 3, not 9 - 2."""
    mask = torch.tensor([[False, True, False, True]])
    values = torch.tensor([[0.0, 2, 9, 5]])
    found = gae(torch.zeros(1, 4), values * mask, torch.zeros(1), mask, gamma=1, lam=0)
    assert found.tolist() == [[0, 3, 0, -5]]


def test_whitened():
    """1, 2, 3 and 2, 2: mean 2, sample variance 2/4."""
    values = torch.tensor([[0.0, 1, 2, 3], [0, 2, 2, 0]])
    expected = torch.tensor([[0, -(2**0.5), 0, 2**0.5], [0, 0, 0, 0]])
    torch.testing.assert_close(whitened(values, MASK), expected, atol=1e-6, rtol=0)
    torch.testing.assert_close(whitened(values, MASK, keep_mean=True), expected + 2 * MASK, atol=1e-6, rtol=0)
    assert not whitened(MASK * 0.3, MASK).any()
    same = MASK * 0.3
    assert torch.equal(whitened(same, MASK, keep_mean=True), same)


def test_ppo_whitens_rewards_with_the_penalty_in_them():
    """Two rows of one token. R = 1 and 3, each less 1/2 x (0 - -2) = 1: 0 and 2, mean 1, deviation sqrt 2. V = 0."""
    batch = collate([cut_or_ended(m, Stop.EOS, reward) for m, reward in enumerate((1.0, 3.0))])
    at_token = torch.tensor([[0.0, 1], [0, 1]])
    batch = replace(
        batch, values_BT=0 * at_token, last_value_B=torch.zeros(2),
        old_BT=0 * at_token, reference_BT=-2 * at_token, kl_coef=0.5,
    )  # fmt: skip
    found = Ppo(whiten=False, whiten_rewards=True, kl_coef=0.5).token_advantages(batch).advantages_BT[:, 1]
    assert found.tolist() == pytest.approx([1 - 0.5**0.5, 1 + 0.5**0.5])


def test_ppo_bootstraps_only_where_a_response_was_cut():
    """Both rows: V 1/2 before their one token, 3/4 after it, R 0. Ended: A = -1/2. Cut: A = 3/4 - 1/2."""
    rows = [cut_or_ended(m, stop, 0.0) for m, stop in enumerate((Stop.EOS, Stop.LENGTH))]
    batch = collate(rows)
    half = torch.tensor([[0, 0.5]]).expand(2, 2)
    batch = replace(batch, values_BT=half, last_value_B=torch.tensor([0.75, 0.75]))
    batch = Ppo(whiten=False).token_advantages(batch)
    assert batch.advantages_BT[:, 1].tolist() == pytest.approx([-0.5, 0.25])
    assert batch.returns_BT[:, 1].tolist() == pytest.approx([0, 0.75])
    ended = Ppo(whiten=False, bootstrap=False).token_advantages(batch)
    assert ended.advantages_BT[:, 1].tolist() == pytest.approx([-0.5, -0.5])
