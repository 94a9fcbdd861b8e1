"""What changed between two checkpoints: sparsity, norms and rank of the update, by tensor.

sparsity(base, tuned) = 1 - ||tuned - base||_0 / n, both in bf16, unchanged where they differ by at most 1e-5 (Mukherjee
et al. 2025, arXiv 2505.11711, section 2.2). Integers are counted and squares summed over blocks of a fixed size, so the
numbers depend neither on the size of the pieces nor on the number of threads. Legend: N elements of a piece.
"""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import groupby

import numpy as np

from assay.files import ignore
from assay.weights.pairs import PIECE, THREADS, Pair, Piece, Values, in_order
from assay.weights.views import Float32, limit_16, limit_32, magnitude_32

TOLERANCES = (0.0, 1e-8, 1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2)
BLOCK = 1 << 16
"""Elements whose squares are summed together; a piece is a multiple of it."""


@dataclass(frozen=True)
class Counts:
    """What is counted over weights.

    unchanged_bf16, unchanged_fp32   differ by at most each of `TOLERANCES`
    equal                            the same bits in bf16 (PULSE, arXiv 2602.03839)
    hidden                           of those, the ones that differ in float32: changes that rounding hides
    update_squares, base_squares     sums of squares in float64
    """

    weights: int
    unchanged_bf16: tuple[int, ...]
    unchanged_fp32: tuple[int, ...]
    equal: int
    hidden: int
    update_squares: float
    base_squares: float


@dataclass(frozen=True)
class Change:
    """What changed in one tensor; `rank` of its update is None where it was not asked for, or is not of a matrix."""

    name: str
    shape: tuple[int, ...]
    counts: Counts
    rank: int | None


def total(counts: Iterable[Counts]) -> Counts:
    """The sum over disjoint sets of weights, the same in whatever order."""
    each = list(counts)
    return Counts(
        weights=sum(one.weights for one in each),
        unchanged_bf16=tuple(map(sum, zip(*(one.unchanged_bf16 for one in each), strict=True))),
        unchanged_fp32=tuple(map(sum, zip(*(one.unchanged_fp32 for one in each), strict=True))),
        equal=sum(one.equal for one in each),
        hidden=sum(one.hidden for one in each),
        update_squares=math.fsum(one.update_squares for one in each),
        base_squares=math.fsum(one.base_squares for one in each),
    )


def compare(
    pair: Pair,
    rank: bool = False,
    advance: Callable[[int], None] = ignore,
    elements: int = PIECE,
    threads: int = THREADS,
) -> list[Change]:
    """What changed in every tensor; `advance` counts weights. Raises ModelError at NaN and infinity.

    Memory holds a few pieces of `elements` weights, whatever the size of the model; with `rank`, a whole matrix.
    """
    assert elements % BLOCK == 0
    changes = []

    def work(piece: Piece) -> tuple[Piece, list[Counts]]:
        return piece, _count(pair.read(piece))

    found = in_order(work, pair.pieces(elements), threads)
    for name, of_tensor in groupby(found, key=lambda each: each[0].name):
        blocks: list[Counts] = []
        for piece, counts in of_tensor:
            blocks += counts
            advance(piece.count)
        shape = pair.base.tensors[name].shape
        changes.append(Change(name, shape, total(blocks), _rank(pair, name) if rank and len(shape) == 2 else None))
    return changes


def rank_of(update: Float32) -> int:
    """Numerical rank of a matrix: singular values above max(m, n) x eps of float32 x the largest of them."""
    values = np.linalg.svd(update, compute_uv=False)
    return int((values > max(update.shape) * np.finfo(np.float32).eps * values.max(initial=0.0)).sum())


def _rank(pair: Pair, name: str) -> int:
    stored = pair.base.tensors[name]
    return rank_of(pair.read(Piece(name, 0, stored.size)).update_N.reshape(stored.shape))


def _count(values: Values) -> list[Counts]:
    """Whole numbers over the piece, in its first record, and the squares of every block in one of its own."""
    size16_N, size32_N = values.update16_N, magnitude_32(values.update_N)
    equal_N = values.base16_N == values.tuned16_N
    updates, bases = _squares(values.update_N), _squares(values.base_N)
    none = (0,) * len(TOLERANCES)
    first = Counts(
        weights=len(size16_N),
        unchanged_bf16=tuple(int(np.count_nonzero(size16_N <= limit_16(t))) for t in TOLERANCES),
        unchanged_fp32=tuple(int(np.count_nonzero(size32_N <= limit_32(t))) for t in TOLERANCES),
        equal=int(np.count_nonzero(equal_N)),
        hidden=int(np.count_nonzero(equal_N & (size32_N != 0))),
        update_squares=updates[0],
        base_squares=bases[0],
    )
    rest = zip(updates[1:], bases[1:], strict=True)
    return [first, *(Counts(0, none, none, 0, 0, update, base) for update, base in rest)]


def _squares(values_N: Float32) -> list[float]:
    """Sum of squares of every block, the last one as long as it is."""
    squares_N = values_N.astype(np.float64)
    squares_N *= squares_N
    whole = len(squares_N) // BLOCK * BLOCK
    sums: list[float] = squares_N[:whole].reshape(-1, BLOCK).sum(axis=1).tolist()
    return [*sums, float(squares_N[whole:].sum())] if whole < len(squares_N) else sums
