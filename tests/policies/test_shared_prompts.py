"""A prompt that rows share, computed once: the same log-probabilities and gradients, for whatever model allows it."""

import numpy as np
import pytest
import torch

from assay.batch import collate, rows_by_prompt, split_by_prompts
from assay.policies.shared_prompts import SharedPrompts, count_tokens
from assay.policies.stats import Wanted, may_share_prompts, token_stats
from assay.types import Sample, Sampling, Stop
from tiny_models import tiny_policy


def samples(own=((30, 7, 19), (1, 2), (24,))):
    """Rows of three prompts of 4, 9 and 2 tokens, mixed, with so many tokens of their own."""
    rng = np.random.default_rng(0)
    found = []
    for group, (given, lengths) in enumerate(zip((4, 9, 2), own, strict=False)):
        prompt = rng.integers(5, 60, given)
        for member, length in enumerate(lengths):
            ids = np.concatenate([prompt, rng.integers(5, 60, length)]).astype(np.int32)
            mask = np.arange(len(ids)) >= given
            mask[given + 1 :: 5] = False  # tokens that the policy did not choose, as of a tool
            found.append(
                Sample(group, member, ids, mask, np.zeros(len(ids), np.float32), Sampling(), "0", Stop.EOS, "",
                       advantage=1.0)
            )  # fmt: skip
    return [found[at] for at in np.random.default_rng(1).permutation(len(found))]


def learned(policy, layout):
    """Log-probabilities, and the gradient of a sum of them that weighs every token differently."""
    policy.model.zero_grad(set_to_none=True)
    batch = collate(samples())
    logprobs_BT = token_stats(policy, batch, 0.7, Wanted(layout=layout)).logprobs_BT
    (logprobs_BT * torch.arange(1, logprobs_BT.numel() + 1).view_as(logprobs_BT) / 100).sum().backward()
    gradient = torch.cat([weight.grad.flatten() for weight in policy.model.parameters() if weight.grad is not None])
    return logprobs_BT.detach(), gradient


@pytest.mark.parametrize("kind", ["llama", "mistral", "qwen2", "qwen3", "gpt2", "granite"])
def test_a_shared_prompt_changes_only_the_rounding(kind):
    policy = tiny_policy(kind)
    assert may_share_prompts(policy, collate(samples()))
    (alone_BT, gradient), (shared_BT, shared) = learned(policy, "padded"), learned(policy, "shared prompts")
    assert float((alone_BT - shared_BT).abs().max()) < 5e-6
    assert float((gradient - shared).abs().max()) < 1e-5 * float(gradient.abs().max())


def test_in_float64_the_gradient_is_the_same():
    """Of a model that rounds nothing to float32 on its way."""
    policy = tiny_policy("gpt2")
    policy.model.double()
    (_, gradient), (_, shared) = learned(policy, "padded"), learned(policy, "shared prompts")
    assert float((gradient - shared).abs().max()) < 1e-12 * float(gradient.abs().max())


LONG = {
    "rope_type": "longrope", "rope_theta": 1e4, "original_max_position_embeddings": 64, "short_factor": [1.0] * 4,
    "long_factor": [4.0] * 4,
}  # fmt: skip
DYNAMIC = {"rope_type": "dynamic", "rope_theta": 1e4, "factor": 2.0}
WINDOW = {
    "use_sliding_window": True, "sliding_window": 64, "layer_types": ["sliding_attention"] * 2, "num_experts": 2,
    "num_experts_per_tok": 1,
}  # fmt: skip


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("kind", "changes"),
    [
        ("mamba", {}),
        ("gemma2", {}),
        ("mistral", {"sliding_window": 4}),
        ("qwen2_moe", WINDOW),
        ("llama", {"rope_parameters": LONG}),
        ("llama", {"rope_parameters": DYNAMIC}),
    ],
)
def test_a_model_whose_attention_is_another_keeps_its_rows(kind, changes):
    """A state-space model, capped scores, a sliding window; a window and positions that only longer rows would show."""
    assert not may_share_prompts(tiny_policy(kind, **changes), collate(samples()))


def test_every_token_lies_once_and_prompts_of_several_rows_too():
    rows = samples()
    batch = collate(rows)
    laid = SharedPrompts(batch)
    for row, sample in enumerate(rows):
        places = laid.place_BT[row, : len(sample.token_ids)]
        assert (laid.token_ids_1N[0, places] == batch.token_ids_BT[row, : len(places)]).all()
        assert laid.positions_1N[0, places].tolist() == list(range(len(places)))
    real = torch.arange(batch.mask_BT.shape[1]) < batch.lengths_B[:, None]
    padded, distinct = count_tokens(rows)
    assert padded == laid.token_ids_1N.numel()
    assert distinct == len(laid.place_BT[real].unique()) == 4 + 9 + 2 + 30 + 7 + 19 + 1 + 2 + 24


def test_micro_batches_keep_a_prompt_together_within_the_budget():
    rows = samples()
    assert [len(group) for group in rows_by_prompt(rows)] == [2, 3, 1]
    assert len(split_by_prompts(rows, 10_000)) == 1
    parts = split_by_prompts(rows, 45)
    assert sorted(row for part in parts for row in part) == list(range(len(rows)))
    for part in parts:
        prompts = rows_by_prompt([rows[row] for row in part])
        own = sum(len(rows[row].token_ids) - rows[row].given_tokens for row in part)
        longest = max(rows[row].given_tokens for row in part)
        assert len(part) == 1 or len(prompts) * longest + own <= 45
    assert len(split_by_prompts(rows, 1)) == len(rows)


def test_a_row_without_a_chosen_token_is_a_prompt():
    rows = samples()
    ids = rows[0].token_ids
    silent = Sample(9, 0, ids, np.zeros(len(ids), bool), rows[0].logprobs, Sampling(), "0", Stop.EOS, "", advantage=0.0)
    policy, batch = tiny_policy("llama"), collate([*rows, silent])
    with torch.no_grad():
        found_BT, shared_BT = (
            token_stats(policy, batch, 1.0, Wanted(layout=layout)).logprobs_BT
            for layout in ("padded", "shared prompts")
        )
    assert float((found_BT - shared_BT).abs().max()) < 5e-6
