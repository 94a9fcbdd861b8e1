"""The clipped surrogate on numbers by hand. Two tokens after one prompt token, A = 1 or -1, pi_old = .5."""

import math
from dataclasses import replace

import pytest
import torch

from assay.algorithms.surrogates import clipped
from assay.batch import Batch, TokenStats


def one_row(ratios, advantage):
    old = torch.full((1, 3), math.log(0.5))
    old[:, 0] = 0
    now = old.clone()
    now[0, 1:] += torch.log(torch.tensor(ratios))
    mask = torch.tensor([[False, True, True]])
    now.requires_grad_()
    batch = Batch(
        torch.zeros(1, 3, dtype=torch.long), mask, torch.tensor([3]), advantage * mask, old, (None,), old_BT=old
    )
    return now, batch


@pytest.mark.parametrize(
    ("ratios", "advantage", "losses", "gradients", "flag"),
    [
        # A > 0: above 1 + .3 the loss is flat; below 1 - .2 it is not
        ([1.5, 0.5], 1.0, [-1.3, -0.5], [0.0, -0.5], "clip_ratio/high_mean"),
        # A < 0: below 1 - .2 the loss is flat; above it is not
        ([1.5, 0.5], -1.0, [1.5, 0.8], [1.5, 0.0], "clip_ratio/low_mean"),
    ],
)
def test_bounds_apart(ratios, advantage, losses, gradients, flag):
    now, batch = one_row(ratios, advantage)
    term = clipped(TokenStats(now), batch, 0.2, 0.3)
    assert term.value_BT[0, 1:].tolist() == pytest.approx(losses)
    term.value_BT[batch.mask_BT].sum().backward()
    assert now.grad[0, 1:].tolist() == pytest.approx(gradients)
    assert sum(float(value.sum()) for name, value in term.diagnostics_BT.items() if "region" not in name) == 1
    assert term.diagnostics_BT[flag].sum() == 1


def test_one_update_has_ratio_one_and_the_policy_gradient():
    now, batch = one_row([1.0, 1.0], 1.0)
    batch = replace(batch, old_BT=None)
    term = clipped(TokenStats(now), batch, 0.2, 0.2)
    term.value_BT.sum().backward()
    assert now.grad[0].tolist() == [0, -1, -1]
