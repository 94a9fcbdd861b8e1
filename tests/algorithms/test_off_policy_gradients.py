"""The gradient where pi has left pi_old: on all seven sequences at once it is -sum_it w_it c_it score(y_i, t).

score is onehot - pi (`enumerated_policy`), w the weight of a token under the aggregation, and c the coefficient that a
surrogate gives it: r A where the policy gradient passes, 0 where a bound stops it. r = pi / pi_old.
"""

import math
from dataclasses import replace

import pytest
import torch
from enumerated_policy import (
    LENGTHS_Y,
    LOGITS,
    MAX_TOKENS,
    PRESENT_YS,
    all_sequences,
    assert_same,
    gradient_of,
    reduced_loss,
    weighted_scores,
)

from assay.algorithms.cispo import Cispo
from assay.algorithms.clip_cov import ClipCov
from assay.algorithms.dapo import Dapo
from assay.algorithms.dr_grpo import DrGrpo
from assay.algorithms.grpo import Grpo
from assay.algorithms.gspo import Gspo
from assay.algorithms.kl_cov import KlCov
from assay.algorithms.reinforce import Reinforce
from assay.algorithms.rloo import Rloo

OLD_LOGITS = LOGITS - torch.tensor([[0.1, -0.6, 0.5], [-0.9, 0.5, 0.1], [0.9, -0.5, -0.2]], dtype=torch.float64)
ADVANTAGES_Y = torch.tensor([1.0, -1.0, -0.5, 2.0, 1.5, -0.5, -2.0], dtype=torch.float64)
A_YS = ADVANTAGES_Y[:, None].expand(-1, 2)

ALL = replace(
    all_sequences(OLD_LOGITS),
    advantages_BT=torch.nn.functional.pad(A_YS * PRESENT_YS, (1, 0)),
)
LOGPROBS_YS = all_sequences(LOGITS).behaviour_BT[:, 1:]
OLD_YS = ALL.behaviour_BT[:, 1:]
R_YS = (LOGPROBS_YS - OLD_YS).exp()
S_Y1 = (LOGPROBS_YS - OLD_YS).sum(1, keepdim=True).div(LENGTHS_Y[:, None]).exp()

PER_TOKEN = PRESENT_YS.double() / PRESENT_YS.sum()
PER_SEQUENCE = PRESENT_YS.double() / LENGTHS_Y[:, None] / 7
SUM = PRESENT_YS.double() / 7
CONSTANT = SUM / MAX_TOKENS


def gradient(algorithm, batch=ALL):
    logits = LOGITS.clone().requires_grad_()
    reduced_loss(algorithm, batch, logits).backward()
    return logits.grad


def passed(ratio_YS, low, high, dual=math.inf):
    """1 where PPO's objective follows the ratio: not above 1 + high for A > 0, nor below 1 - low or above the dual
    clip for A < 0. Each bound is met by some token, and passed on the side where it does not bind."""
    above, below, up = ratio_YS > 1 + high, ratio_YS < 1 - low, A_YS > 0
    for case in (above & up, above & ~up, below & up, below & ~up, ~above & ~below):
        assert (case & PRESENT_YS).any()
    floored = (ratio_YS > dual) & ~up
    assert dual == math.inf or (floored & PRESENT_YS).any()
    return ~((above & up) | (below & ~up) | floored)


@pytest.mark.parametrize(
    ("algorithm", "low", "high", "weight"),
    [
        (Grpo(), 0.2, 0.2, PER_SEQUENCE),
        (Grpo(clip_low=0.1, clip_high=0.5), 0.1, 0.5, PER_SEQUENCE),
        (DrGrpo(), 0.2, 0.2, CONSTANT),
        (Dapo(), 0.2, 0.28, PER_TOKEN),
    ],
    ids=["grpo", "grpo-bounds-apart", "dr-grpo", "dapo"],
)
def test_clipped(algorithm, low, high, weight):
    """c = r A, and 0 where r > 1 + high with A > 0 or r < 1 - low with A < 0."""
    assert_same(gradient(algorithm), -weighted_scores(weight * R_YS * A_YS * passed(R_YS, low, high)))


def test_dual_clip():
    """Where A < 0 the objective is at least dual A, so c = 0 where r > dual too."""
    found = gradient(Grpo(dual_clip=1.3, clip_high=0.2))
    assert_same(found, -weighted_scores(PER_SEQUENCE * R_YS * A_YS * passed(R_YS, 0.2, 0.2, dual=1.3)))


@pytest.mark.parametrize(
    ("algorithm", "weight"),
    [(Grpo(clip=False), PER_SEQUENCE), (Rloo(), SUM), (Reinforce(), SUM)],
    ids=["grpo-without-clip", "rloo", "reinforce"],
)
def test_importance_weights_alone(algorithm, weight):
    """c = r A everywhere."""
    assert_same(gradient(algorithm), -weighted_scores(weight * R_YS * A_YS))


def test_gspo_clips_by_sequence():
    """c = s A with s = exp(mean_t log r_t), and 0 for all tokens where s is out of bounds on A's side."""
    inside = passed(S_Y1.expand(-1, 2), 0.1, 0.05)
    found = gradient(Gspo(clip_low=0.1, clip_high=0.05))
    assert_same(found, -weighted_scores(PER_SEQUENCE * S_Y1 * A_YS * inside))


def test_gspo_is_the_gradient_of_the_sequences_objective():
    """With advantages that are the same within a sequence, the token form has the gradient of the paper's
    mean_i min(s A, clip(s) A)."""

    def objective(pi):
        now_YS = pi.log()[ALL.token_ids_BT[:, :-1], ALL.token_ids_BT[:, 1:]] * PRESENT_YS
        s_Y = ((now_YS - OLD_YS).sum(1) / LENGTHS_Y).exp()
        return torch.minimum(s_Y * ADVANTAGES_Y, s_Y.clamp(0.9, 1.05) * ADVANTAGES_Y).mean()

    assert_same(gradient(Gspo(clip_low=0.1, clip_high=0.05)), -gradient_of(objective))


def test_cispo_caps_the_weight_and_keeps_the_gradient():
    """c = clip(r, 1 - low, 1 + high) A, without a gradient of the weight; no token is stopped."""
    passed(R_YS, 0.3, 0.2)
    found = gradient(Cispo(clip_low=0.3, clip_high=0.2))
    assert_same(found, -weighted_scores(PER_TOKEN * R_YS.clamp(0.7, 1.2) * A_YS))


def covariances():
    """(A - mean A)(log pi_old - mean log pi_old), means over the 13 tokens; nothing where there is no token."""
    a, logp = A_YS[PRESENT_YS], OLD_YS[PRESENT_YS]
    cov = torch.full(PRESENT_YS.shape, -torch.inf, dtype=torch.float64)
    cov[PRESENT_YS] = (a - a.mean()) * (logp - logp.mean())
    return cov


def test_kl_cov_holds_back_the_tokens_of_highest_covariance():
    """c = r A, less penalty sign(log pi - log pi_old) for the 4 = floor(.35 x 13) tokens of highest covariance."""
    cov = covariances()
    selected = cov >= cov.flatten().sort(descending=True).values[3]
    assert selected.sum() == 4
    sign = torch.sign(LOGPROBS_YS - OLD_YS)
    assert {-1, 1} <= set(sign[selected].int().tolist())
    exact = -weighted_scores(PER_TOKEN * (R_YS * A_YS - 0.7 * sign * selected))
    assert_same(gradient(KlCov(fraction=0.35, penalty=0.7)), exact)


def test_clip_cov_stops_tokens_between_its_bounds():
    """Where all tokens between the bounds are chosen: PPO's c, and 0 for those with low < cov < high."""
    cov = covariances()
    between = (cov > 0.03) & (cov < 0.5)
    inside = passed(R_YS, 0.2, 0.2)
    assert (between & inside).sum() > 1 and (inside & (cov > 0.5)).any()
    found = gradient(ClipCov(fraction=1.0, cov_low=0.03, cov_high=0.5))
    assert_same(found, -weighted_scores(PER_TOKEN * R_YS * A_YS * (inside & ~between)))


def test_clip_cov_chooses_its_fraction_among_them():
    """With room for one token, floor(.1 x 13), the gradient is that of stopping one of those between the bounds."""
    cov = covariances()
    c = R_YS * A_YS * passed(R_YS, 0.2, 0.2)
    found = gradient(ClipCov(fraction=0.1, cov_low=0.03, cov_high=0.5))
    differences = []
    for row, place in ((cov > 0.03) & (cov < 0.5)).nonzero().tolist():
        stopped = c.clone()
        stopped[row, place] = 0
        differences.append(float((found + weighted_scores(PER_TOKEN * stopped)).abs().max()))
    assert len(differences) == 3 and min(differences) < 1e-12
