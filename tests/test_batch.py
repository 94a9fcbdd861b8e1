import numpy as np
import pytest
import torch

from assay.batch import collate, padding_waste, split_by_tokens
from assay.types import Sample, Sampling, Stop


def sample(prompt, response, advantage=1.0, logprob=-0.5):
    ids = np.array([*prompt, *response], dtype=np.int32)
    mask = np.array([False] * len(prompt) + [True] * len(response))
    logprobs = np.full(len(ids), logprob, dtype=np.float32)
    return Sample(0, 0, ids, mask, logprobs, Sampling(), "p", Stop.EOS, "", advantage=advantage)


def test_alignment_and_padding():
    """[5, 6 | 7, 2] and [8 | 2]: token 7 of row 0 is predicted at 1, token 2 at 2; token 2 of row 1 at 4 * 1 + 0."""
    batch = collate([sample([5, 6], [7, 2], 0.5), sample([8], [2], -1.0)])
    assert batch.token_ids_BT.tolist() == [[5, 6, 7, 2], [8, 2, 0, 0]]
    assert batch.mask_BT.tolist() == [[False, False, True, True], [False, True, False, False]]
    assert batch.predicting_index_N.tolist() == [1, 2, 4]
    assert batch.advantages_BT.tolist() == [[0, 0, 0.5, 0.5], [0, -1.0, 0, 0]]
    assert batch.behaviour_BT.tolist() == [[0, 0, -0.5, -0.5], [0, -0.5, 0, 0]]
    assert batch.scatter(torch.tensor([1.0, 2.0, 3.0])).tolist() == [[0, 0, 1, 2], [0, 3, 0, 0]]


def test_masks_never_come_from_token_ids():
    """The padding id 0 may be a token that the policy chose, its end token even."""
    batch = collate([sample([5], [0, 0]), sample([5], [3])])
    assert batch.mask_BT.tolist() == [[False, True, True], [False, True, False]]


def test_selection_cuts_to_the_longest():
    batch = collate([sample([1], [2] * 9), sample([1], [2]), sample([1], [2, 3])])
    small = batch.select([2, 1])
    assert small.token_ids_BT.tolist() == [[1, 2, 3], [1, 2, 0]]
    assert [len(s.token_ids) for s in small.samples] == [3, 2]


def test_minibatches_deal_every_row_once():
    batch = collate([sample([1], [2] * n) for n in range(1, 8)])
    parts = batch.minibatches(3, torch.Generator().manual_seed(0))
    assert sorted(len(part) for part in parts) == [2, 2, 3]
    assert sorted(length for part in parts for length in part.lengths_B.tolist()) == [2, 3, 4, 5, 6, 7, 8]
    assert len(batch.minibatches(99, torch.Generator().manual_seed(0))) == 7


def test_micro_batches_keep_to_the_budget():
    lengths = [10, 60, 12, 58, 11, 59, 200]
    parts = split_by_tokens(lengths, 120)
    assert sorted(row for part in parts for row in part) == list(range(7))
    assert all(len(part) == 1 or max(lengths[row] for row in part) * len(part) <= 120 for part in parts)
    assert split_by_tokens([10, 5], 100) == [[0], [1]]  # together a quarter would be padding
    rng = np.random.default_rng(0)
    assert padding_waste(rng.integers(20, 80, 512).tolist(), 4096) < 0.15


def test_token_zero_cannot_be_chosen():
    with pytest.raises(AssertionError, match="token 0"):
        collate([sample([], [1, 2])])
