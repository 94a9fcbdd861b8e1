"""What changed between two checkpoints: sparsity, norms and rank of the update, by tensor.

sparsity(base, tuned) = 1 - ||tuned - base||_0 / n, both in bf16, unchanged where they differ by at most 1e-5 (Mukherjee
et al. 2025, arXiv 2505.11711, section 2.2). Integers are counted and squares summed over blocks of a fixed size, so the
numbers depend neither on the size of the pieces nor on the number of threads. Legend: N elements of a piece.
"""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from itertools import groupby

import numpy as np

from assay.files import ignore
from assay.weights.pairs import PIECE, THREADS, Pair, Piece, Values, in_order
from assay.weights.views import Float32, limit_16, limit_32, magnitude_32

TOLERANCES = (0.0, 1e-8, 1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2)
FINE = np.uint32(0x1FFF)
"""Bits of float32 that neither float16 nor bf16 has."""
NOISE = 2.0
"""Times that rounding is counted into a rank: that of the base, of the tuned model and of training itself."""
BLOCK = 1 << 16
"""Elements whose squares are summed together; a piece is a multiple of it."""

Squares = tuple[float, float]
"""Sums of squares over a block: of the update and of the base."""


@dataclass(frozen=True)
class Counts:
    """What is counted over weights.

    unchanged_bf16, unchanged_fp32   differ by at most each of `TOLERANCES`
    equal                            the same bits in bf16 (PULSE, arXiv 2602.03839)
    hidden                           of those, the ones that differ in float32: changes that rounding hides
    fine                             of which the tuned value is none of float16 and none of bf16
    update_squares, base_squares     sums of squares in float64
    """

    weights: int
    unchanged_bf16: tuple[int, ...]
    unchanged_fp32: tuple[int, ...]
    equal: int
    hidden: int
    fine: int
    update_squares: float
    base_squares: float


@dataclass(frozen=True)
class Change:
    """What changed in one tensor; `rank` of its update is None where it was not asked for, or is not known."""

    name: str
    shape: tuple[int, ...]
    counts: Counts
    rank: int | None


def total(counts: Iterable[Counts]) -> Counts:
    """The sum over disjoint sets of weights, the same in whatever order."""
    each = list(counts)
    return Counts(
        weights=sum(one.weights for one in each),
        unchanged_bf16=tuple(sum(one.unchanged_bf16[at] for one in each) for at in range(len(TOLERANCES))),
        unchanged_fp32=tuple(sum(one.unchanged_fp32[at] for one in each) for at in range(len(TOLERANCES))),
        equal=sum(one.equal for one in each),
        hidden=sum(one.hidden for one in each),
        fine=sum(one.fine for one in each),
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

    def work(piece: Piece) -> tuple[Piece, Counts, list[Squares]]:
        return piece, *_count(pair.read(piece))

    found = in_order(work, pair.pieces(elements), threads)
    for name, of_tensor in groupby(found, key=lambda each: each[0].name):
        counts: list[Counts] = []
        squares: list[Squares] = []
        for piece, counted, of_blocks in of_tensor:
            counts.append(counted)
            squares += of_blocks
            advance(piece.count)
        update, base = (math.fsum(each) for each in zip(*squares, strict=True))
        whole = replace(total(counts), update_squares=update, base_squares=base)
        shape = pair.base.tensors[name].shape
        is_known = whole.fine > 0 or whole.unchanged_fp32[0] == whole.weights
        rank_found = _rank(pair, name) if rank and is_known and len(shape) == 2 else None
        changes.append(Change(name, shape, whole, rank_found))
    return changes


def rank_of(update: Float32, rounding: float = 0.0) -> int:
    """Numerical rank of a matrix [m, n]: singular values above max(m, n) x eps of float32 x the largest of them.

    `rounding` is the size, as a root mean square, of what rounding added to its elements: singular values up to those
    of such noise, rounding x (sqrt(m) + sqrt(n)), do not count either.
    """
    values = np.linalg.svd(update, compute_uv=False)
    exact = max(update.shape) * np.finfo(np.float32).eps * values.max(initial=0.0)
    noise = rounding * sum(math.sqrt(size) for size in update.shape)
    return int((values > max(exact, noise)).sum())


def _rank(pair: Pair, name: str) -> int:
    """A float32 number is rounded by at most half of 2^-23 of its power of two, evenly: a step / sqrt(12)."""
    stored = pair.base.tensors[name]
    values = pair.read(Piece(name, 0, stored.size))
    step_N = np.spacing(np.abs(values.tuned_N))
    rounding = math.sqrt(float(np.mean(step_N.astype(np.float64) ** 2)) / 12)
    return rank_of(values.update_N.reshape(stored.shape), NOISE * rounding)


def _count(values: Values) -> tuple[Counts, list[Squares]]:
    """What is counted over the piece, its squares aside; and the squares of every block."""
    size16_N, size32_N = values.update16_N, magnitude_32(values.update_N)
    equal_N = values.base16_N == values.tuned16_N
    counts = Counts(
        weights=len(size16_N),
        unchanged_bf16=tuple(int(np.count_nonzero(size16_N <= limit_16(t))) for t in TOLERANCES),
        unchanged_fp32=tuple(int(np.count_nonzero(size32_N <= limit_32(t))) for t in TOLERANCES),
        equal=int(np.count_nonzero(equal_N)),
        hidden=int(np.count_nonzero(equal_N & (size32_N != 0))),
        fine=int(np.count_nonzero(values.tuned_N.view(np.uint32) & FINE)),
        update_squares=0.0,
        base_squares=0.0,
    )
    return counts, list(zip(_squares(values.update_N), _squares(values.base_N), strict=True))


def _squares(values_N: Float32) -> list[float]:
    """Sum of squares of every block, the last one as long as it is."""
    squares_N = values_N.astype(np.float64)
    squares_N *= squares_N
    whole = len(squares_N) // BLOCK * BLOCK
    sums: list[float] = squares_N[:whole].reshape(-1, BLOCK).sum(axis=1).tolist()
    return [*sums, float(squares_N[whole:].sum())] if whole < len(squares_N) else sums
