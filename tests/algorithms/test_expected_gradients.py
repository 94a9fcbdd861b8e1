"""What each algorithm's gradient is on average over its samples, against the exact one (`enumerated_policy`).

J = sum_y pi(y) R(y). Losses fall where objectives rise, so the expected gradient of REINFORCE is -grad J. Here
pi_old = pi; where they differ, see test_off_policy_gradients.py.
"""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from enumerated_policy import (
    LENGTHS_Y,
    LOGITS,
    MAX_TOKENS,
    REFERENCE_LOGITS,
    REWARDS_Y,
    RIGHT_Y,
    SEQUENCES,
    all_sequences,
    assert_same,
    by_state,
    chances,
    enumerated,
    exact_steps,
    exact_values,
    expected_gradient,
    expected_reward_gradient,
    gradient_of,
)

from assay.algorithms.cispo import Cispo
from assay.algorithms.dapo import Dapo
from assay.algorithms.dr_grpo import DrGrpo
from assay.algorithms.grpo import Grpo
from assay.algorithms.gspo import Gspo
from assay.algorithms.kl_cov import KlCov
from assay.algorithms.nsr import Nsr
from assay.algorithms.pass_at_k import PassAtK
from assay.algorithms.ppo import Ppo
from assay.algorithms.process import Process
from assay.algorithms.prorl import ProRl
from assay.algorithms.reinforce import Reinforce
from assay.algorithms.reinforce_pp import ReinforcePlusPlus
from assay.algorithms.rloo import Rloo
from assay.algorithms.unlikeliness import Unlikeliness
from assay.algorithms.vineppo import VinePpo
from assay.algorithms.w_reinforce import WReinforce
from assay.batch import TokenStats
from assay.types import Stop

LENGTH = LENGTHS_Y.numpy()
PI = torch.softmax(LOGITS, -1)
VALUES = torch.tensor([0.4, -1.5, 2.5], dtype=torch.float64)
"""A critic's value of each state: wrong, and different in each."""
LAST_VALUES_Y = torch.tensor([9.0, 9.0, 0.7, -0.8, 9.0, 1.9, 0.3], dtype=torch.float64)
"""Its value after each response."""
STEPS_YS = [[0.5, 0.0], [1.0, 0.2], [0.0, 0.7], [0.4, 0.4], [0.9, 0.1], [0.3, 0.8], [0.6, 1.0]]


def rewards(group):
    return np.array(REWARDS_Y)[list(group)]


def lengths(group):
    return LENGTH[list(group)]


def standard(values):
    """(x - mean) / (sample deviation + 1e-6)."""
    return (values - values.mean()) / (values.std(ddof=1) + 1e-6)


@pytest.mark.parametrize("size", [1, 2])
def test_reinforce_without_baseline(size):
    """E[R(y) grad log pi(y)] = grad J, whatever the number of samples."""
    assert_same(expected_gradient(Reinforce(baseline="none"), REWARDS_Y, size), -expected_reward_gradient(REWARDS_Y))


@pytest.mark.parametrize("size", [2, 3])
def test_reinforce_with_the_mean_of_the_batch(size):
    """The mean holds the sample itself with weight 1/B: E[(R_i - mean) grad log pi(y_i)] = (B-1)/B grad J."""
    exact = -(size - 1) / size * expected_reward_gradient(REWARDS_Y)
    assert_same(expected_gradient(Reinforce(baseline="batch"), REWARDS_Y, size), exact)


@pytest.mark.parametrize("size", [2, 3])
def test_rloo_is_unbiased(size):
    """The mean of the others is independent of y_i, so E[(R_i - mean of others) grad log pi(y_i)] = grad J."""
    assert_same(expected_gradient(Rloo(), REWARDS_Y, size), -expected_reward_gradient(REWARDS_Y))


@pytest.mark.parametrize("size", [2, 3])
def test_dr_grpo_is_the_gradient_but_for_a_constant(size):
    """R - mean is (G-1)/G of RLOO's advantage, and L divides it: -(G-1)/G grad J / L."""
    exact = -(size - 1) / size * expected_reward_gradient(REWARDS_Y) / MAX_TOKENS
    assert_same(expected_gradient(DrGrpo(), REWARDS_Y, size), exact)


@pytest.mark.parametrize("algorithm", [Grpo(), Gspo()], ids=["grpo", "gspo"])
@pytest.mark.parametrize("size", [2, 3])
def test_grpo_by_enumeration(algorithm, size):
    """sum over groups of chance times -1/G sum_i A_i / |o_i| grad log pi(y_i), A = (R - mean) / (std + 1e-6)."""
    exact = enumerated(lambda group: -standard(rewards(group)) / lengths(group) / size, size)
    assert_same(expected_gradient(algorithm, REWARDS_Y, size), exact)


@pytest.mark.parametrize("size", [2, 3])
def test_dapo_weighs_all_tokens_alike(size):
    """sum over groups of chance times -sum_i A_i grad log pi(y_i) / sum_i |o_i|."""
    exact = enumerated(lambda group: -standard(rewards(group)) / lengths(group).sum(), size)
    assert_same(expected_gradient(Dapo(), REWARDS_Y, size), exact)


def centre(values):
    return values - values.mean()


@pytest.mark.parametrize(
    ("algorithm", "advantages"),
    [
        (Rloo, lambda r: np.array([r[i] - np.delete(r, i).mean() for i in range(len(r))])),
        (Grpo, standard),
        (lambda **options: Grpo(scale="none", **options), centre),
        (DrGrpo, centre),
        (Dapo, standard),
        (lambda **options: ProRl(kl_coef=0, reference_reset=0, **options), standard),
        (Cispo, standard),
        (KlCov, standard),
    ],
    ids=["rloo", "grpo", "grpo-centred", "dr-grpo", "dapo", "prorl", "cispo", "kl-cov"],
)
@pytest.mark.parametrize("updates", [1, 2])
def test_groups_at_the_old_policy(algorithm, advantages, updates):
    """At pi = pi_old no bound is reached: -1/G sum_i A_i grad log pi(y_i), with pi_old given (updates 2) or implied."""
    exact = enumerated(lambda group: -advantages(rewards(group)) / 2, 2)
    assert_same(expected_gradient(algorithm(aggregation="sum", updates=updates), REWARDS_Y, 2), exact)


def test_unlikeliness_lowers_the_likelier():
    """GRPO's sum with R_i (1 - penalty rank_i / G), ranked by the mean log-probability of a response's tokens."""
    log_chance_Y = chances(PI).log().numpy() / LENGTH

    def coefficients(group):
        ranks = np.argsort(np.argsort(log_chance_Y[list(group)], kind="stable"))
        return -standard(rewards(group) * (1 - 0.5 * ranks / 3)) / 3

    found = expected_gradient(Unlikeliness(aggregation="sum", penalty=0.5), REWARDS_Y, 3)
    assert_same(found, enumerated(coefficients, 3))


def test_process_credits_the_steps_to_come():
    """A_it = A_i + w sum_{t' >= t} (v_it' - mean) / (std + 1e-6), over all steps of the group; each token a step."""

    def coefficients(group):
        values = np.array([[v if t < LENGTH[y] else np.nan for t, v in enumerate(STEPS_YS[y])] for y in group])
        scaled = (values - np.nanmean(values)) / (np.nanstd(values, ddof=1) + 1e-6)
        to_go = np.nan_to_num(scaled)[:, ::-1].cumsum(1)[:, ::-1]
        return -(standard(rewards(group))[:, None] + 0.7 * to_go) / 2

    algorithm = Process(aggregation="sum", weight=0.7)
    found = expected_gradient(algorithm, REWARDS_Y, 2, all_sequences(None, STEPS_YS))
    assert_same(found, enumerated(coefficients, 2))


@pytest.mark.parametrize(("n", "k"), [(2, 1), (3, 1), (3, 2)])
def test_pass_at_k_is_the_gradient_of_pass_at_k(n, k):
    """sum_i E[s A_i grad log pi(y_i)] = (n-k)/k grad (1 - (1-p)^k), with s the deviation that A was divided by.

    s A_i is the mean of pass@k over the k-subsets with i less that over all, which is (1 - k/n) times its difference
    from the subsets without i. These do not depend on y_i, and a subset's pass@k has k members that share its gradient:
    E[s A_i grad log pi(y_i)] = (1 - k/n) grad pass@k / k, and there are n of them.
    """

    def deviation(group):
        right = round(sum(RIGHT_Y[y] for y in group))
        none_right = math.comb(n - right, k) / math.comb(n, k)
        return math.sqrt(none_right * (1 - none_right))

    def pass_at_k(pi):
        return 1 - (1 - chances(pi) @ torch.tensor(RIGHT_Y, dtype=torch.float64)) ** k

    found = n * expected_gradient(PassAtK(k=k, aggregation="sum"), RIGHT_Y, n, weight=deviation)
    assert_same(found, -(n - k) / k * gradient_of(pass_at_k))


@pytest.mark.parametrize(
    ("algorithm", "positive"),
    [(Nsr, 0.0), (WReinforce, 0.1), (lambda **options: WReinforce(positive=1.5, **options), 1.5)],
    ids=["nsr", "w-reinforce", "w-reinforce-1.5"],
)
@pytest.mark.parametrize("size", [1, 2])
def test_signed_rewards(algorithm, positive, size):
    """-grad sum_y pi(y) (lambda 1[right] - 1[wrong]); NSR is lambda = 0."""
    exact = -expected_reward_gradient([positive if right else -1.0 for right in RIGHT_Y])
    assert_same(expected_gradient(algorithm(aggregation="sum"), RIGHT_Y, size), exact)


def with_values(values):
    """All sequences with a critic's values of their states; every response ends by itself."""
    whole = all_sequences()
    return replace(whole, values_BT=by_state(values, whole), last_value_B=LAST_VALUES_Y)


def ppo(**options):
    return Ppo(**{"whiten": False, "lam": 1.0, "value_coef": 0.0, "aggregation": "sum", **options})


@pytest.mark.parametrize("size", [1, 2])
def test_ppo_is_unbiased_for_any_critic(size):
    """With lambda = 1, A_t = R - V(s_t), and V(s_t) is known before token t: -grad J."""
    found = expected_gradient(ppo(), REWARDS_Y, size, with_values(VALUES))
    assert_same(found, -expected_reward_gradient(REWARDS_Y))


def test_ppo_is_unbiased_for_any_lambda_with_an_exact_critic():
    """With V(s) = E[R | s] every delta after t has mean 0, so lambda does not matter: -grad J."""
    found = expected_gradient(ppo(lam=0.3), REWARDS_Y, 1, with_values(exact_values(REWARDS_Y)))
    assert_same(found, -expected_reward_gradient(REWARDS_Y))


def test_ppo_bootstraps_what_was_cut():
    """A response cut for its length is worth R + V(last state): -grad sum_y pi(y) (R(y) + 1[cut] V(last))."""
    whole = with_values(VALUES)
    cut_Y = [tokens[-1] != 0 for tokens in SEQUENCES]
    samples = [
        replace(each, stop=Stop.LENGTH if cut else Stop.EOS) for each, cut in zip(whole.samples, cut_Y, strict=True)
    ]
    found = expected_gradient(ppo(), REWARDS_Y, 1, replace(whole, samples=tuple(samples)))
    worth = torch.tensor(REWARDS_Y, dtype=torch.float64) + torch.tensor(cut_Y) * LAST_VALUES_Y
    assert_same(found, -expected_reward_gradient(worth.tolist()))


@pytest.mark.parametrize("value_clip", [0.0, 0.2])
def test_value_loss(value_clip):
    """d/dV (V - G)^2 / 2 = V - G; 0 where V left V_old +- clip and is nearer to G than that bound is. G = R here.

    The critic has moved up by 0.1 in the first three rows and by 0.5 in the others.
    """
    algorithm = ppo(value_coef=0.5, value_clip=value_clip)
    targets_Y = [1.0, 1.0, -1.0, 3.0, 0.0, 2.0, 0.7]
    whole = with_values(VALUES)
    samples = [replace(each, advantage=value) for each, value in zip(whole.samples, targets_Y, strict=True)]
    batch = algorithm.token_advantages(replace(whole, samples=tuple(samples)))
    assert batch.old_BT is not None and batch.values_BT is not None
    moved_BT = torch.tensor([0.1] * 3 + [0.5] * 4, dtype=torch.float64)[:, None] * batch.mask_BT
    values_BT = (batch.values_BT + moved_BT).requires_grad_()
    value_BT = algorithm.loss(TokenStats(batch.old_BT, values_BT=values_BT), batch).value_BT
    value_BT[batch.mask_BT].sum().backward()

    seen = set()
    expected_BT = torch.zeros_like(moved_BT)
    for row, place in batch.mask_BT.nonzero().tolist():
        old, target, moved = float(batch.values_BT[row, place]), targets_Y[row], float(moved_BT[row, place])
        bound = old + min(moved, value_clip or math.inf)
        flat = abs(old + moved - target) < abs(bound - target)
        expected_BT[row, place] = 0.0 if flat else 0.5 * (old + moved - target)
        seen.add((moved > 0.2, flat))
    assert values_BT.grad is not None
    assert_same(values_BT.grad, expected_BT)
    assert seen == ({(False, False), (True, False), (True, True)} if value_clip else {(False, False), (True, False)})


@pytest.mark.parametrize("size", [2, 3])
def test_vineppo_is_unbiased_with_exact_values(size):
    """The first token gets V(s_1) - mean of the others, the second R - V(s_1): both have R's mean given the token, but
    for what was known before it. -grad J."""
    whole = all_sequences(None, exact_steps(REWARDS_Y))
    found = expected_gradient(VinePpo(aggregation="sum"), REWARDS_Y, size, whole)
    assert_same(found, -expected_reward_gradient(REWARDS_Y))


def test_vineppo_credits_what_a_step_did():
    """For any values: V(s_1) - mean of the others for the first token, V(s_2) - V(s_1) for the second."""

    def coefficients(group):
        values = np.array(STEPS_YS)[list(group)]
        others = rewards(group)[::-1]
        return -np.stack([values[:, 0] - others, (values[:, 1] - values[:, 0]) * (lengths(group) == 2)], axis=1) / 2

    found = expected_gradient(VinePpo(aggregation="sum"), REWARDS_Y, 2, all_sequences(None, STEPS_YS))
    assert_same(found, enumerated(coefficients, 2))


@pytest.mark.parametrize("kl_coef", [0.0, 0.3])
def test_reinforce_pp_by_enumeration(kl_coef):
    """A_it = (G_it - mean) / std over the batch's tokens, G_it = R_i - beta sum_{t' >= t} log pi / ref; 1 / tokens."""
    u = (PI.log() - torch.log_softmax(REFERENCE_LOGITS, -1)).tolist()
    u_YS = np.array([[u[0][y[0]], u[y[0]][y[1]] if len(y) == 2 else 0.0] for y in SEQUENCES])

    def coefficients(group):
        u_to_go = u_YS[list(group), ::-1].cumsum(1)[:, ::-1]
        returns = rewards(group)[:, None] - kl_coef * u_to_go
        present = np.arange(2) < lengths(group)[:, None]
        tokens = returns[present]
        spread = tokens.std(ddof=1) if len(tokens) > 1 else 0.0
        scaled = (returns - tokens.mean()) / (spread + 1e-8) if np.ptp(tokens) > 1e-8 else np.zeros_like(returns)
        return -scaled * present / present.sum()

    whole = replace(all_sequences(), kl_coef=kl_coef)
    found = expected_gradient(ReinforcePlusPlus(kl_coef=kl_coef), REWARDS_Y, 2, whole)
    assert_same(found, enumerated(coefficients, 2))
