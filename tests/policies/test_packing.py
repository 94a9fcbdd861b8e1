"""Rows behind one another: the same log-probabilities for every architecture, and a refusal where they are not."""

import numpy as np
import pytest
import torch

from assay.batch import collate
from assay.errors import ModelError
from assay.policies.stats import Wanted, check_packing, token_stats
from assay.types import Sample, Sampling, Stop
from tiny_models import tiny_policy

WINDOW = {"mistral": {"sliding_window": 4}, "gemma2": {"sliding_window": 4}}


def batch():
    rng = np.random.default_rng(0)
    return collate(
        [
            Sample(0, m, rng.integers(5, 60, n).astype(np.int32), np.arange(n) >= 3, np.zeros(n, np.float32),
                   Sampling(), "0", Stop.EOS, "", advantage=1.0)
            for m, n in enumerate((30, 7, 19, 12))
        ]
    )  # fmt: skip


@pytest.mark.parametrize("kind", ["llama", "mistral", "qwen2", "qwen3", "gpt2", "gemma2", "granite"])
def test_packing_changes_only_the_rounding(kind):
    policy = tiny_policy(kind, **WINDOW.get(kind, {}))
    with torch.no_grad():
        alone, packed = (
            token_stats(policy, batch(), 0.7, Wanted(layout=each)).logprobs_BT for each in ("padded", "packed")
        )
    assert float((alone - packed).abs().max()) < 5e-6
    check_packing(policy, batch())


@pytest.mark.filterwarnings("ignore")
def test_a_model_whose_rows_see_each_other_is_refused():
    with pytest.raises(ModelError, match=r"MambaForCausalLM cannot be packed: .* set optimizer\.packed = false"):
        check_packing(tiny_policy("mamba"), batch())
