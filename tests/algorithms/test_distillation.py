"""On-policy distillation: the policy gradient by enumeration, the divergence against full logits."""

from dataclasses import replace

import pytest
import torch
from enumerated_policy import LOGITS, all_sequences, assert_same, expected_gradient, gradient_of, logprobs_of
from test_distributions import TEMPERATURE, batch, full_logprobs, make_tiny, policy, weighted, weights_gradient
from test_kl import NOTHING_Y, along_the_way, of_sequences, reverse

from assay.algorithms.distillation import Distillation
from assay.algorithms.kl import generalised_jsd
from assay.policies.stats import Wanted, token_stats

__all__ = ["batch", "policy"]  # fixtures


@pytest.fixture(scope="module")
def teacher():
    """With three places of padding in its logits, which would take a good part of its chances."""
    made = make_tiny(1)
    width = made.vocabulary_size
    made.model.resize_token_embeddings(width + 3, mean_resizing=False)
    with torch.no_grad():
        made.model.get_output_embeddings().weight[width:] = 0.5
    return made


@pytest.mark.parametrize("size", [1, 2])
@pytest.mark.parametrize(("discount", "exact"), [(0.0, along_the_way(reverse)), (1.0, gradient_of(of_sequences))])
def test_policy_gradient_is_that_of_the_reverse_kl(discount, exact, size):
    """With discount 0 of each token's distribution, states held fixed; with 1 of whole sequences."""
    algorithm = Distillation(discount=discount, aggregation="sum")
    whole = all_sequences()
    found = expected_gradient(algorithm, NOTHING_Y, size, replace(whole, teacher_BT=whole.reference_BT))
    assert_same(found, exact)


def test_policy_gradient_with_another_kl_in_the_reward():
    """A KL from the reference is added to that from the teacher: here twice the same."""
    algorithm = Distillation(discount=1.0, aggregation="sum", kl_coef=9.0, kl_in="reward", kl_estimator="k1")
    whole = all_sequences()
    whole = replace(whole, teacher_BT=whole.reference_BT, kl_coef=0.5)
    assert_same(expected_gradient(algorithm, NOTHING_Y, 1, whole), 1.5 * gradient_of(of_sequences))


def test_discounted_advantages_by_hand():
    """Of (1, 0): gaps g0, g1 give g0 + .5 g1 and g1; the sequence (0,) has one token."""
    whole = all_sequences()
    whole = replace(whole, teacher_BT=whole.reference_BT)
    found_BT = Distillation(discount=0.5).token_advantages(whole).advantages_BT
    gap_BT = whole.reference_BT - logprobs_of(LOGITS, whole)
    torch.testing.assert_close(found_BT[1, 1:], torch.stack([gap_BT[1, 1] + gap_BT[1, 2] / 2, gap_BT[1, 2]]))
    torch.testing.assert_close(found_BT[0], torch.stack([*gap_BT[0, :2], torch.zeros_like(gap_BT[0, 0])]))


@pytest.mark.parametrize("beta", [0.0, 0.3, 0.5, 1.0])
def test_divergence_and_its_gradient(policy, teacher, batch, beta):
    """Through the model's full logits, term by term, over the tokens that both have; the teacher has no gradient."""
    wanted = Wanted(reference=teacher, beta=beta)
    found_BT = Distillation(form="vocabulary", beta=beta).loss(token_stats(policy, batch, TEMPERATURE, wanted), batch)
    ours = full_logprobs(policy, batch)
    theirs = torch.log_softmax(full_logprobs(teacher, batch)[:, : policy.vocabulary_size], -1).detach()
    q, p = ours.exp(), theirs.exp()
    mixed = (beta * p + (1 - beta) * q).log()
    by_hand = {0.0: (p * (theirs - ours)).sum(-1), 1.0: (q * (ours - theirs)).sum(-1)}
    exact_N = by_hand.get(beta, beta * (p * (theirs - mixed)).sum(-1) + (1 - beta) * (q * (ours - mixed)).sum(-1))
    torch.testing.assert_close(found_BT.value_BT, batch.scatter(exact_N), rtol=0, atol=1e-12)
    teachers = torch.autograd.grad(
        found_BT.value_BT.sum(), list(teacher.model.parameters()), allow_unused=True, retain_graph=True
    )
    assert set(teachers) == {None}
    found = weights_gradient(policy, weighted(found_BT.value_BT[batch.mask_BT]))
    exact = weights_gradient(policy, weighted(exact_N))
    assert exact.abs().max() > 1e-3
    torch.testing.assert_close(found, exact, rtol=0, atol=1e-12)
    if beta == 0:  # the teacher's entropy does not depend on the student
        cross_entropy = weights_gradient(policy, weighted(-(p * full_logprobs(policy, batch)).sum(-1)))
        torch.testing.assert_close(found, cross_entropy, rtol=0, atol=1e-12)


def test_half_is_the_jensen_shannon_divergence():
    """Of (1, 0) and (0, 1), nearly: ln 2; it does not ask which is which."""
    one = torch.log_softmax(torch.tensor([[50.0, 0.0]], dtype=torch.float64), -1)
    other = one.flip(-1)
    assert generalised_jsd(one, other, 0.5).item() == pytest.approx(0.6931471805599453)
    a, b = torch.log_softmax(torch.tensor([[[0.3, 1.0, -2.0]], [[0.0, 0.2, 0.9]]], dtype=torch.float64), -1)
    assert generalised_jsd(a, b, 0.5).item() == pytest.approx(generalised_jsd(b, a, 0.5).item(), abs=1e-15)
    assert generalised_jsd(a, b, 0.2).item() == pytest.approx(generalised_jsd(b, a, 0.8).item(), abs=1e-15)


@pytest.mark.parametrize("options", [{}, *({"form": "vocabulary", "beta": beta} for beta in (0.0, 0.5, 1.0))])
def test_a_teacher_that_is_the_student_teaches_nothing(policy, batch, options):
    algorithm = Distillation(**options)
    stats = token_stats(policy, batch, TEMPERATURE, Wanted(reference=policy, beta=algorithm.beta))
    same_BT = stats.logprobs_BT.detach()
    term = algorithm.loss(stats, algorithm.token_advantages(replace(batch, old_BT=same_BT, teacher_BT=same_BT)))
    assert term.value_BT.abs().max() < 1e-15
    assert weights_gradient(policy, weighted(term.value_BT[batch.mask_BT])).abs().max() < 1e-12


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"beta": 0.5}, r"beta says nothing to form 'policy-gradient' \(reverse KL on the student's own samples\)"),
        ({"teacher_share": 0.5}, "student's own samples.*; leave teacher_share out"),
        ({"form": "vocabulary", "discount": 0.5}, r"discount says nothing to form 'vocabulary' \(no advantages"),
        ({"form": "vocabulary", "clip": False}, "clip says nothing to form 'vocabulary'"),
        ({"refill": 2}, "leave refill out"),
        ({"form": "vocabulary", "overlong": 0.5}, "leave overlong out"),
        ({"form": "vocabulary", "kl_coef": 1.0, "kl_estimator": "exact"}, r"set kl_estimator = 'k3\+'"),
        ({"form": "vocabulary", "kl_coef": 1.0, "kl_estimator": "k1", "kl_in": "reward"}, "takes a KL in the loss"),
    ],
)
def test_options_without_a_meaning_are_refused(options, sentence):
    with pytest.raises(ValueError, match=sentence):
        Distillation(**options)
