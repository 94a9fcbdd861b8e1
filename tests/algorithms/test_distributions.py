"""Entropy and exact KL of each token's distribution, on a tiny model in float64, against its full logits."""

import numpy as np
import pytest
import torch

from assay.algorithms.grpo import Grpo
from assay.batch import collate
from assay.organisms.grow import Shape, make_model, make_tokenizer
from assay.policies.load import make_policy
from assay.policies.stats import Wanted, token_stats
from assay.types import Sample, Sampling, Stop

TEMPERATURE = 0.7


def make_tiny(seed):
    model = make_model(Shape(hidden=16, layers=1, heads=2, mlp=24, max_positions=64), seed=seed).double()
    return make_policy(model, make_tokenizer(64), "tiny", str(seed))


@pytest.fixture(scope="module")
def policy():
    return make_tiny(0)


@pytest.fixture(scope="module")
def reference():
    return make_tiny(1)


@pytest.fixture(scope="module")
def batch():
    """Three rows of different lengths; the second has a token in its response that the policy did not choose."""
    rng = np.random.default_rng(0)
    samples = []
    for member, mask in enumerate(["0011", "0010111", "01"]):
        chosen = np.array([flag == "1" for flag in mask])
        ids = rng.integers(3, 200, len(mask)).astype(np.int32)
        zeros = np.zeros(len(mask), np.float32)
        samples.append(Sample(0, member, ids, chosen, zeros, Sampling(), "0", Stop.EOS, "", advantage=0.0))
    return collate(samples)


def full_logprobs(policy, batch):
    """[N, V] of the states that predict the chosen tokens, a row at a time, without padding."""
    rows = []
    for sample in batch.samples:
        ids = torch.from_numpy(sample.token_ids.astype(np.int64))[None]
        logits = policy.model(input_ids=ids).logits[0]
        rows.append(torch.log_softmax(logits[np.flatnonzero(sample.mask) - 1] / TEMPERATURE, -1))
    return torch.cat(rows)


def weights_gradient(policy, value):
    return torch.cat([g.flatten() for g in torch.autograd.grad(value, list(policy.model.parameters()))])


def weighted(values_N):
    """A sum in which every token counts differently."""
    return values_N @ torch.linspace(0.5, 2.0, len(values_N), dtype=values_N.dtype)


def entropy_by_hand(policy, batch):
    logprobs_NV = full_logprobs(policy, batch)
    return -(logprobs_NV.exp() * logprobs_NV).sum(-1)


def test_entropy_and_its_gradient(policy, batch):
    """H = -sum_v pi_v log pi_v, differentiated through the model; 0 off the mask."""
    found_BT = token_stats(policy, batch, TEMPERATURE, Wanted(entropy="gradient")).entropy_BT
    exact_N = entropy_by_hand(policy, batch)
    torch.testing.assert_close(found_BT, batch.scatter(exact_N), rtol=0, atol=1e-12)
    found = weights_gradient(policy, weighted(found_BT[batch.mask_BT]))
    exact = weights_gradient(policy, weighted(exact_N))
    assert exact.abs().max() > 1e-3
    torch.testing.assert_close(found, exact, rtol=0, atol=1e-12)


def test_entropy_as_a_value_has_no_gradient(policy, batch):
    """The same numbers, and nothing to differentiate."""
    stats = token_stats(policy, batch, TEMPERATURE, Wanted(entropy="value"))
    torch.testing.assert_close(stats.entropy_BT, batch.scatter(entropy_by_hand(policy, batch).detach()))
    assert not stats.entropy_BT.requires_grad and stats.logprobs_BT.requires_grad
    assert token_stats(policy, batch, TEMPERATURE).entropy_BT is None


def test_entropy_bonus(policy, batch):
    """With advantages of 0 the loss is -entropy_coef H, and so is its gradient."""
    stats = token_stats(policy, batch, TEMPERATURE, Wanted(entropy="gradient"))
    loss_BT = Grpo(entropy_coef=0.3).loss(stats, batch).value_BT
    exact_N = -0.3 * entropy_by_hand(policy, batch)
    torch.testing.assert_close(loss_BT, batch.scatter(exact_N), rtol=0, atol=1e-12)
    found, exact = (weights_gradient(policy, weighted(each)) for each in (loss_BT[batch.mask_BT], exact_N))
    torch.testing.assert_close(found, exact, rtol=0, atol=1e-12)


def test_exact_kl_and_its_gradient(policy, reference, batch):
    """sum_v pi_v (log pi_v - log ref_v), both at the sampler's temperature; the reference has no gradient."""
    found_BT = token_stats(policy, batch, TEMPERATURE, Wanted(reference=reference)).divergence_BT
    ours_NV, theirs_NV = full_logprobs(policy, batch), full_logprobs(reference, batch)
    exact_N = (ours_NV.exp() * (ours_NV - theirs_NV)).sum(-1)
    torch.testing.assert_close(found_BT, batch.scatter(exact_N), rtol=0, atol=1e-12)
    theirs = list(reference.model.parameters())
    unused = torch.autograd.grad(found_BT.sum(), theirs, allow_unused=True, retain_graph=True)
    assert all(gradient is None for gradient in unused)
    found, exact = (weights_gradient(policy, weighted(each)) for each in (found_BT[batch.mask_BT], exact_N))
    assert exact.abs().max() > 1e-3
    torch.testing.assert_close(found, exact, rtol=0, atol=1e-12)
