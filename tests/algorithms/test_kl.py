"""The table of `assay.algorithms.kl`, by enumeration, and the coefficient that follows a target.

Estimators first on a categorical of three tokens, then as the algorithms use them on sequences of two tokens, and the
sum over the vocabulary on a tiny model.
"""

from dataclasses import replace

import numpy as np
import pytest
import torch
from enumerated_policy import (
    LOGITS,
    REFERENCE_LOGITS,
    REWARDS_Y,
    all_sequences,
    assert_same,
    by_state,
    chances,
    exact_steps,
    expected_gradient,
    expected_reward_gradient,
    gradient_of,
    stats_of,
)

from assay.algorithms.grpo import Grpo
from assay.algorithms.kl import adapted, k1, k2, k3, k3_straight_through
from assay.algorithms.ppo import Ppo
from assay.algorithms.reinforce import Reinforce
from assay.algorithms.rloo import Rloo
from assay.algorithms.vineppo import VinePpo

PI = torch.tensor([0.5, 0.3, 0.2], dtype=torch.float64)
REF = torch.tensor([0.2, 0.2, 0.6], dtype=torch.float64)

TABLE = torch.softmax(LOGITS, -1)
REFERENCE = torch.softmax(REFERENCE_LOGITS, -1)
NOTHING_Y = [0.0] * 7


def reverse(pi, ref=REF):
    """KL(pi || ref) of each distribution."""
    return (pi * (pi / ref).log()).sum(-1)


def forward(pi, ref=REF):
    """KL(ref || pi) of each distribution."""
    return reverse(ref, pi)


def one_token_gradient(estimator):
    """sum_y pi(y) grad estimator(y): what the loss's gradient is on average, sampling held fixed."""
    logits = PI.log().requires_grad_()
    logprobs = torch.log_softmax(logits, 0)
    (PI * estimator(logprobs, REF.log())).sum().backward()
    return logits.grad


def of_sequences(pi):
    """KL(pi || ref) of whole sequences: sum_y pi(y) log(pi(y) / ref(y))."""
    return reverse(chances(pi), chances(REFERENCE))


def along_the_way(divergence):
    """Gradient of sum over states of the chance d(s) to come there, held fixed, times the divergence of pi( |s)."""
    visits = torch.tensor([1.0, float(TABLE[0, 1]), float(TABLE[0, 2])], dtype=torch.float64)
    return gradient_of(lambda pi: visits @ divergence(pi, REFERENCE))


def test_values():
    """E k1 = E k3 = KL(pi || ref), E k2 is not, and k3 is never negative. k3+ has k3's value at every token."""
    u = (PI.log(), REF.log())
    exact = float(reverse(PI))
    assert float((PI * k1(*u)).sum()) == pytest.approx(exact)
    assert float((PI * k3(*u)).sum()) == pytest.approx(exact)
    assert (k3(*u) >= 0).all()
    assert float((PI * k2(*u)).sum()) != pytest.approx(exact, rel=1e-3)
    torch.testing.assert_close(k3_straight_through(*u), PI.new_tensor([y - 1 - np.log(y) for y in (0.4, 2 / 3, 3.0)]))


@pytest.mark.parametrize(
    ("estimator", "divergence"), [(k1, None), (k2, reverse), (k3, forward), (k3_straight_through, reverse)]
)
def test_gradients_of_one_token(estimator, divergence):
    """E grad k1 = 0; E grad k2 = E grad k3+ = grad KL(pi || ref); E grad k3 = grad KL(ref || pi)."""
    if divergence is None:
        torch.testing.assert_close(one_token_gradient(estimator), torch.zeros_like(PI))
        return
    assert_same(one_token_gradient(estimator), gradient_of(divergence, PI.log()))


@pytest.mark.parametrize("estimator", ["k2", "k3", "k3+", "exact"])
def test_gradients_in_the_loss(estimator):
    """Per token, with the state held fixed: coef sum_s d(s) grad KL_s, KL(ref || pi) for k3, else KL(pi || ref)."""
    algorithm = Grpo(kl_coef=9.0, kl_estimator=estimator, aggregation="sum")
    whole = replace(all_sequences(None), kl_coef=0.3)  # the batch's coefficient counts; the option's is its start
    exact = along_the_way(forward if estimator == "k3" else reverse)
    assert_same(expected_gradient(algorithm, NOTHING_Y, 2, whole), 0.3 * exact)


def test_k1_in_the_loss_does_nothing():
    """E grad log pi = 0."""
    algorithm = Grpo(kl_coef=1.0, kl_estimator="k1", aggregation="sum")
    found = expected_gradient(algorithm, NOTHING_Y, 1, replace(all_sequences(None), kl_coef=0.3))
    torch.testing.assert_close(found, torch.zeros_like(found))


@pytest.mark.parametrize("estimator", ["k1", "k3", "k3+", "exact"])
def test_values_in_the_loss(estimator):
    """Summed over a response's tokens they are KL(pi || ref) of whole sequences on average: the chain rule."""
    batch = all_sequences(None)
    kl_BT = Grpo(kl_coef=1.0, kl_estimator=estimator).loss(stats_of(LOGITS, batch), batch).diagnostics_BT["kl"]
    assert float(chances(TABLE) @ kl_BT.sum(1)) == pytest.approx(float(of_sequences(TABLE)), abs=1e-12)


def ppo(**options):
    return Ppo(whiten=False, lam=1.0, value_coef=0.0, aggregation="sum", **options)


@pytest.mark.parametrize("rewards_Y", [NOTHING_Y, REWARDS_Y], ids=["kl-alone", "with-rewards"])
@pytest.mark.parametrize(
    "algorithm",
    [lambda **o: Reinforce(baseline="none", **o), Rloo, ppo, lambda **o: VinePpo(aggregation="sum", **o)],
    ids=["reinforce", "rloo", "ppo", "vineppo"],
)
def test_k1_in_the_reward(algorithm, rewards_Y):
    """As a return to go it has the gradient of the KL of whole sequences: -grad J + coef grad KL(pi || ref).

    A token's k1 and those after it are what it can change, and E grad k1 itself is 0. PPO's critic is a wrong one.
    """
    whole = all_sequences(steps_YS=exact_steps(rewards_Y))
    values_BT = by_state(torch.tensor([0.4, -1.5, 2.5], dtype=torch.float64), whole)
    whole = replace(whole, kl_coef=0.3, values_BT=values_BT, last_value_B=torch.zeros(7, dtype=torch.float64))
    found = expected_gradient(algorithm(kl_coef=9.0, kl_in="reward", kl_estimator="k1"), rewards_Y, 2, whole)
    assert_same(found, 0.3 * gradient_of(of_sequences) - expected_reward_gradient(rewards_Y))


@pytest.mark.parametrize(
    ("kl", "coef"),
    [
        (6.0, 0.1),  # at the target
        (6.6, 0.1 * (1 + 0.1 * 50 / 200)),  # 10 % above
        (60.0, 0.1 * (1 + 0.2 * 50 / 200)),  # far above: as if by 20 %
        (0.0, 0.1 * (1 - 0.2 * 50 / 200)),  # far below
    ],
)
def test_coefficient_follows_its_target(kl, coef):
    """coef (1 + clip(KL / target - 1, -.2, .2) samples / horizon), target 6, 50 samples, horizon 200."""
    assert adapted(0.1, kl, target=6.0, samples=50, horizon=200) == pytest.approx(coef, rel=1e-12)
