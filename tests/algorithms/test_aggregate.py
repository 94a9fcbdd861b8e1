"""Two rows of 1 and 3 tokens, losses 4 and (1, 2, 3)."""

import pytest
import torch

from assay.algorithms.aggregate import denominator, reduce
from assay.batch import Batch

VALUES = torch.tensor([[9.0, 4.0, 9.0, 9.0], [9.0, 1.0, 2.0, 3.0]], dtype=torch.float64)
MASK = torch.tensor([[False, True, False, False], [False, True, True, True]])


def batch(rows):
    zeros = torch.zeros(2, 4)
    whole = Batch(torch.zeros(2, 4, dtype=torch.long), MASK, torch.tensor([4, 4]), zeros, zeros, (None, None))
    return whole.select(rows)


@pytest.mark.parametrize(
    ("aggregation", "total"),
    [("token", 10 / 4), ("sequence", (4 + 2) / 2), ("sum", (4 + 6) / 2), ("constant", 10 / 20)],
)
def test_by_hand_and_for_any_split(aggregation, total):
    norm = denominator(aggregation, batch([0, 1]), max_tokens=10)
    assert float(reduce(aggregation, VALUES, batch([0, 1]), norm)) == pytest.approx(total)
    split = sum(float(reduce(aggregation, VALUES[[row]], batch([row]), norm)) for row in (1, 0))
    assert split == pytest.approx(total)
