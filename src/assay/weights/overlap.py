"""Do two runs change the same weights? Overlap of changed sets beside chance (arXiv 2505.11711, section 5)."""

from collections.abc import Mapping
from itertools import combinations
from typing import Any

import numpy as np

from assay.weights.checkpoint import common_parameters
from assay.weights.pairs import PAPER_TOLERANCE, Pair, Piece, Values, in_order, pieces_of, read_values


def overlap(weights: int, first: int, second: int, both: int) -> dict[str, float | int | None]:
    """Of two changed sets I1 and I2 among n weights: o1 = |I1 n I2| / |I1|, o2 = |I1 n I2| / |I2|, and Jaccard's index.

    By chance, for a set of the same size drawn uniformly, o1 is 1 - s2 and o2 is 1 - s1, the shares that the other one
    changed. None where a set is empty.
    """
    either = first + second - both
    return {
        "both": both,
        "o1": both / first if first else None,
        "o2": both / second if second else None,
        "o1_chance": second / weights,
        "o2_chance": first / weights,
        "jaccard": both / either if either else None,
    }


def overlaps(runs: Mapping[str, Pair]) -> list[dict[str, Any]]:
    """The overlap of every two runs from one base, at the paper's tolerance in bf16. Raises ModelError."""
    pairs = list(runs.values())
    names = common_parameters([pairs[0].base, *(pair.tuned for pair in pairs)])

    def work(piece: Piece) -> np.ndarray[Any, np.dtype[np.int64]]:
        base_N, base16_N = read_values(pairs[0].base, piece)
        tuned = (read_values(pair.tuned, piece) for pair in pairs)
        views = (Values(base_N, tuned_N, base16_N, tuned16_N) for tuned_N, tuned16_N in tuned)
        changed_RN = np.stack([view.changed("bf16", PAPER_TOLERANCE) for view in views])
        both_RR = np.zeros((len(pairs), len(pairs)), np.int64)
        for a in range(len(pairs)):
            for b in range(a, len(pairs)):
                both_RR[a, b] = np.count_nonzero(changed_RN[a] & changed_RN[b])
        return both_RR

    base = pairs[0].base
    weights = sum(base.tensors[name].size for name in names)
    both_RR = sum(in_order(work, pieces_of(base, names)), np.zeros((len(pairs), len(pairs)), np.int64))
    return [
        {
            "first": first,
            "second": second,
            **overlap(weights, int(both_RR[a, a]), int(both_RR[b, b]), int(both_RR[a, b])),
        }
        for (a, first), (b, second) in combinations(enumerate(runs), 2)
    ]
