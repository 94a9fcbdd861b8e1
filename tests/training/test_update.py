"""The gradient of an update: equal however the batch is split, ordered and padded; and the loss by hand."""

import numpy as np
import pytest
import torch

from assay.algorithms import aggregate
from assay.algorithms.grpo import Grpo
from assay.batch import collate
from assay.organisms.grow import Shape, make_model, make_tokenizer
from assay.policies import stats as policy_stats
from assay.policies.load import make_policy
from assay.policies.stats import Wanted, token_stats
from assay.types import Sample, Sampling, Stop


@pytest.fixture(scope="module")
def policy():
    model = make_model(Shape(hidden=16, layers=2, heads=2, mlp=24, max_positions=64), seed=0).double()
    return make_policy(model, make_tokenizer(64), "tiny", "0")


def samples(count=12):
    rng = np.random.default_rng(0)
    found = []
    for member in range(count):
        prompt, response = int(rng.integers(1, 9)), int(rng.integers(1, 20))
        ids = rng.integers(3, 200, prompt + response).astype(np.int32)
        mask = np.arange(prompt + response) >= prompt
        logprobs = rng.normal(-5, 0.1, prompt + response).astype(np.float32)
        advantage = float(rng.normal())
        found.append(Sample(0, member, ids, mask, logprobs, Sampling(), "0", Stop.EOS, "", advantage=advantage))
    return found


def gradient(policy, batch, algorithm, budget):
    policy.model.zero_grad(set_to_none=True)
    norm = aggregate.denominator(algorithm.aggregation, batch, max_tokens=20)
    for rows in batch.rows_by_token_budget(budget):
        micro = batch.select(rows)
        term = algorithm.loss(token_stats(policy, micro, temperature=0.7), micro)
        aggregate.reduce(algorithm.aggregation, term.value_BT, micro, norm).backward()
    return torch.cat([weight.grad.flatten() for weight in policy.model.parameters()])


def test_log_probabilities_by_definition(policy):
    """z_t[y_t]/T - logsumexp(z_t/T) from the model's full logits, one row at a time, without padding."""
    rows = samples(5)
    stats = token_stats(policy, collate(rows), temperature=0.7, wanted=Wanted(entropy="value"))
    for row, sample in enumerate(rows):
        ids = torch.from_numpy(sample.token_ids.astype(np.int64))[None]
        with torch.no_grad():
            logprobs = torch.log_softmax(policy.model(input_ids=ids).logits[0] / 0.7, dim=-1)
        for t in np.flatnonzero(sample.mask):
            assert stats.logprobs_BT[row, t].item() == pytest.approx(logprobs[t - 1, ids[0, t]].item(), abs=1e-9)
            entropy = -(logprobs[t - 1].exp() * logprobs[t - 1]).sum().item()
            assert stats.entropy_BT[row, t].item() == pytest.approx(entropy, abs=1e-6)
    assert (stats.logprobs_BT[~collate(rows).mask_BT] == 0).all()


def test_chunks_of_the_output_layer_change_nothing(policy, monkeypatch):
    batch = collate(samples())
    whole = gradient(policy, batch, Grpo(), budget=10_000)
    monkeypatch.setattr(policy_stats, "CHUNK_LOGITS", policy.vocabulary_size * 7)
    assert (gradient(policy, batch, Grpo(), budget=10_000) - whole).abs().max() < 1e-12
