"""Estimators of KL(pi || ref) on a categorical policy of three tokens, by enumeration (correctness point 7)."""

import pytest
import torch

from assay.algorithms.kl import k1, k2, k3

PI = torch.tensor([0.5, 0.3, 0.2], dtype=torch.float64)
REF = torch.tensor([0.2, 0.2, 0.6], dtype=torch.float64)


def expected_gradient(estimator):
    """sum_y pi(y) grad estimator(y): what the loss's gradient is on average, sampling held fixed."""
    logits = PI.log().requires_grad_()
    logprobs = torch.log_softmax(logits, 0)
    (PI * estimator(logprobs, REF.log())).sum().backward()
    return logits.grad


def gradient_of(divergence):
    logits = PI.log().requires_grad_()
    divergence(torch.softmax(logits, 0)).backward()
    return logits.grad


def test_values():
    exact = float((PI * (PI / REF).log()).sum())
    assert float((PI * k1(PI.log(), REF.log())).sum()) == pytest.approx(exact)
    assert float((PI * k3(PI.log(), REF.log())).sum()) == pytest.approx(exact)
    assert (k3(PI.log(), REF.log()) >= 0).all()
    assert float((PI * k2(PI.log(), REF.log())).sum()) != pytest.approx(exact, rel=1e-3)


def test_gradients_as_a_loss():
    reverse = gradient_of(lambda pi: (pi * (pi / REF).log()).sum())
    forward = gradient_of(lambda pi: (REF * (REF / pi).log()).sum())
    torch.testing.assert_close(expected_gradient(k1), torch.zeros_like(PI))
    torch.testing.assert_close(expected_gradient(k2), reverse)
    torch.testing.assert_close(expected_gradient(k3), forward)
