"""The hand-written backward pass of the output layer, against autograd over all logits at once."""

import pytest
import torch

from assay.batch import collate
from assay.policies import head, stats
from assay.policies.stats import Wanted, token_stats
from assay.types import Sample, Sampling, Stop
from tiny_models import tiny_policy

TOKENS, WIDTH, VOCABULARY = 11, 5, 13


@pytest.fixture(params=[1, 4, TOKENS])
def chunk(request, monkeypatch):
    """Tokens at once: each alone, chunks of which the last is shorter, all."""
    monkeypatch.setattr(head, "CHUNK_LOGITS", request.param * VOCABULARY)


def made(dtype=torch.float64):
    generator = torch.Generator().manual_seed(0)
    states, weight = (torch.randn(n, WIDTH, generator=generator, dtype=torch.float64) for n in (TOKENS, VOCABULARY))
    targets = torch.randint(0, VOCABULARY, (TOKENS,), generator=generator)
    upstream = torch.randn(TOKENS, generator=generator, dtype=torch.float64)
    return states.to(dtype).requires_grad_(), weight.to(dtype).requires_grad_(), targets, upstream


def of_full_logits(states, weight, targets, temperature, dtype=None):
    logits = (states @ weight.T).to(dtype) / temperature
    whole = torch.log_softmax(logits, -1)
    return whole.gather(-1, targets[:, None])[:, 0], -(whole.exp() * whole).sum(-1)


@pytest.mark.parametrize("temperature", [1.0, 0.7])
def test_numbers_and_gradients_are_those_of_full_logits(chunk, temperature):
    states, weight, targets, upstream = made()
    logprobs, entropies = head.ChunkedLogprobs.apply(states, weight, targets, temperature, True)
    expected, expected_entropies = of_full_logits(states, weight, targets, temperature)
    torch.testing.assert_close(logprobs, expected, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(entropies, expected_entropies, rtol=1e-12, atol=1e-12)
    found = torch.autograd.grad((logprobs * upstream).sum(), [states, weight])
    wanted = torch.autograd.grad((expected * upstream).sum(), [states, weight])
    for ours, theirs in zip(found, wanted, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-12, atol=1e-12)


def test_gradients_of_bfloat16_are_as_near_as_autograds(chunk):
    """To those in float64 of the same rounded numbers: a mean error of 1.5 times autograd's at most,
    for a weight's gradient is rounded after each chunk."""
    states, weight, targets, upstream = made(torch.bfloat16)
    logprobs, _ = head.ChunkedLogprobs.apply(states, weight, targets, 0.7, False)
    assert logprobs.dtype is torch.float32
    ways = {"ours": logprobs}
    ways["autograd"] = of_full_logits(states, weight, targets, 0.7, torch.float32)[0]
    ways["exact"] = of_full_logits(states.double(), weight.double(), targets, 0.7)[0]
    found = {name: torch.autograd.grad((each * upstream).sum(), [states, weight]) for name, each in ways.items()}
    for ours, theirs, exact in zip(*found.values(), strict=True):
        assert (ours - exact).abs().mean() <= 1.5 * (theirs - exact).abs().mean()


def test_a_frozen_head_gets_no_gradient(chunk):
    states, weight, targets, upstream = made()
    logprobs, _ = head.ChunkedLogprobs.apply(states, weight.detach(), targets, 1.0, False)
    [ours] = torch.autograd.grad((logprobs * upstream).sum(), [states])
    [theirs] = torch.autograd.grad((of_full_logits(states, weight, targets, 1.0)[0] * upstream).sum(), [states])
    torch.testing.assert_close(ours, theirs, rtol=1e-12, atol=1e-12)


def batch_of(policy):
    """Three rows of 9, 6 and 4 tokens, of which the last 6, 4 and 2 were chosen."""
    rows = []
    for number, (length, prompt) in enumerate([(9, 3), (6, 2), (4, 2)]):
        ids = torch.arange(length).mul(7 + number).remainder(policy.vocabulary_size).int().numpy()
        chosen = torch.arange(length).ge(prompt).numpy()
        rows.append(
            Sample(number, 0, ids, chosen, chosen.astype("float32"), Sampling(), "0", Stop.EOS, "", advantage=1.0)
        )
    return collate(rows)


def gradients(policy, wanted):
    policy.model.zero_grad()
    found = token_stats(policy, batch_of(policy), 0.9, wanted)
    loss = (found.logprobs_BT * torch.linspace(-1, 1, 9)).sum()
    if wanted.entropy == "gradient":
        loss = loss + found.entropy_BT.sum()
    loss.backward()
    return found, {name: each.grad.clone() for name, each in policy.model.named_parameters() if each.grad is not None}


@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("wanted", [Wanted(), Wanted(entropy="value"), Wanted(entropy="gradient")])
def test_in_chunks_a_model_learns_the_same(monkeypatch, tied, wanted):
    policy = tiny_policy("qwen2", tie_word_embeddings=tied)
    policy.model.double()
    whole, expected = gradients(policy, wanted)
    for module in (stats, head):
        monkeypatch.setattr(module, "CHUNK_LOGITS", 5 * policy.vocabulary_size)
    found, ours = gradients(policy, wanted)
    torch.testing.assert_close(found.logprobs_BT, whole.logprobs_BT, rtol=1e-12, atol=1e-12)
    if wanted.entropy:
        torch.testing.assert_close(found.entropy_BT, whole.entropy_BT, rtol=1e-12, atol=1e-12)
    assert ours.keys() == expected.keys()
    for name, each in ours.items():
        torch.testing.assert_close(each, expected[name], rtol=1e-10, atol=1e-10)


def test_only_a_plain_head_is_multiplied_by_hand():
    assert head.plain_weight(tiny_policy("llama")) is not None
    for kind, change in (("gemma2", {}), ("granite", {"logits_scaling": 4.0}), ("cohere", {})):
        assert head.plain_weight(tiny_policy(kind, **change)) is None, kind
    policy = tiny_policy("llama")
    policy.model.lm_head.register_forward_hook(lambda *_: None)
    assert head.plain_weight(policy) is None
    policy = tiny_policy("llama")
    policy.model.lm_head = torch.nn.Linear(32, 61)
    assert head.plain_weight(policy) is None, "a bias"
