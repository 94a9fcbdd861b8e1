"""Do two runs change the same weights? Overlap of changed sets beside chance (arXiv 2505.11711, section 5)."""

from collections.abc import Mapping
from itertools import combinations
from typing import Any

import numpy as np

from assay.weights.checkpoint import common_parameters
from assay.weights.pairs import PAPER_TOLERANCE, Pair, Piece, in_order


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
        changed_RN = np.stack([pair.read(piece).changed("bf16", PAPER_TOLERANCE) for pair in pairs])
        both_RR = np.zeros((len(pairs), len(pairs)), np.int64)
        for a in range(len(pairs)):
            for b in range(a, len(pairs)):
                both_RR[a, b] = np.count_nonzero(changed_RN[a] & changed_RN[b])
        return both_RR

    base = Pair(pairs[0].base, pairs[0].tuned, None, tuple(names))
    both_RR = sum(in_order(work, base.pieces()), np.zeros((len(pairs), len(pairs)), np.int64))
    return [
        {
            "first": first,
            "second": second,
            **overlap(base.weights, int(both_RR[a, a]), int(both_RR[b, b]), int(both_RR[a, b])),
        }
        for (a, first), (b, second) in combinations(enumerate(runs), 2)
    ]
