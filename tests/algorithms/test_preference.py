"""The Bradley-Terry loss by hand."""

import math

import pytest
import torch

from assay.algorithms.preference import bradley_terry, differences


def test_by_hand():
    """Rewards 2, 0, 1; 0 before 1 by 2 nats, 2 before 1 by 1: the mean of the two losses, whatever else is ranked."""
    scores = torch.tensor([2.0, 0.0, 1.0], requires_grad=True)
    pairs = torch.tensor([[0, 1], [2, 1]])
    assert differences(scores, pairs).tolist() == [2, 1]
    expected = (math.log(1 + math.exp(-2)) + math.log(1 + math.exp(-1))) / 2
    loss = bradley_terry(scores, pairs)
    assert loss.item() == pytest.approx(expected)
    loss.backward()
    # d/dr of -log sigmoid(d) is -sigmoid(-d) for the preferred and + for the other, over two pairs
    a, b = (1 / (1 + math.exp(d)) / 2 for d in (2, 1))
    assert scores.grad.tolist() == pytest.approx([-a, a + b, -b])


def test_a_margin_asks_for_more():
    scores, pairs = torch.tensor([2.0, 0.0]), torch.tensor([[0, 1]])
    assert bradley_terry(scores, pairs, 0.5).item() == pytest.approx(math.log(1 + math.exp(-1.5)))
