"""Two checkpoints side by side, piece by piece: what a piece of a weight is in either view. Legend: N elements."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

from assay.errors import AssayError, ModelError
from assay.policies.references import find_model
from assay.weights.checkpoint import Checkpoint, common_parameters, open_checkpoint, open_masters
from assay.weights.views import (
    INFINITY_16,
    Bits16,
    Float32,
    from_bf16,
    limit_16,
    limit_32,
    magnitude_16,
    magnitude_32,
    to_bf16,
    to_float32,
)

THREADS = 2
PIECE = 1 << 17
"""Elements that are read and compared at once: what a core's cache holds."""
KEPT_BYTES = 1 << 24
PAPER_TOLERANCE = 1e-5
"""Up to so much a bf16 weight counts as unchanged (arXiv 2505.11711, section 2.2)."""

View = Literal["bf16", "fp32"]
Task = TypeVar("Task")
Result = TypeVar("Result")


@dataclass(frozen=True)
class Piece:
    """Elements [start, start + count) of the weight `name`."""

    name: str
    start: int
    count: int


@dataclass(frozen=True)
class Pair:
    """Base and tuned checkpoint, the names of their weights, and the float32 masters that their runs kept.

    `base_masters` are None, too, where the tuned model was trained from the base: then it began at what is stored.
    """

    base: Checkpoint
    tuned: Checkpoint
    names: tuple[str, ...]
    masters: Checkpoint | None = None
    base_masters: Checkpoint | None = None

    @cached_property
    def weights(self) -> int:
        """Number of weights."""
        return sum(self.base.tensors[name].size for name in self.names)

    def pieces(self, elements: int = PIECE) -> Iterator[Piece]:
        """All weights, in order."""
        return pieces_of(self.base, self.names, elements)

    def read(self, piece: Piece) -> "Values":
        """The piece in both checkpoints. Raises ModelError at NaN and infinity."""
        base_N, base16_N = read_values(self.base, piece)
        tuned_N, tuned16_N = read_values(self.tuned, piece)
        if self.masters is not None:
            base_N = from_bf16(base16_N)
            tuned_N = _read_masters(self.masters, self.tuned, piece, tuned16_N)
            if self.base_masters is not None:
                base_N = _read_masters(self.base_masters, self.base, piece, base16_N)
        return Values(base_N, tuned_N, base16_N, tuned16_N)


@dataclass(frozen=True)
class Values:
    """A piece in both checkpoints: as float32, and as the bits of bf16.

    Where masters are there they are the float32 view, and their base is the base rounded to bf16, what training
    started from, or the masters of a base that is another run.
    """

    base_N: Float32
    tuned_N: Float32
    base16_N: Bits16
    tuned16_N: Bits16

    @cached_property
    def update_N(self) -> Float32:
        """Tuned minus base in float32."""
        with np.errstate(over="ignore"):  # infinity is refused where all is summed
            return self.tuned_N - self.base_N

    @cached_property
    def update16_N(self) -> Bits16:
        """Tuned minus base, both rounded to bf16, in bf16: the size of it, as bits."""
        with np.errstate(over="ignore"):
            return magnitude_16(to_bf16(from_bf16(self.tuned16_N) - from_bf16(self.base16_N)))

    def changed(self, view: View, tolerance: float) -> NDArray[np.bool_]:
        """Where the two differ by more than the tolerance, bool [N]."""
        if view == "bf16":
            return self.update16_N > limit_16(tolerance)
        return magnitude_32(self.update_N) > limit_32(tolerance)


def open_pair(base: str | Checkpoint, tuned: str | Checkpoint) -> Pair:
    """The checkpoints that two references name (see `find_model`). Raises ModelError where they do not fit."""
    first = base if isinstance(base, Checkpoint) else open_checkpoint(base)
    second = tuned if isinstance(tuned, Checkpoint) else open_checkpoint(tuned)
    names = common_parameters([first, second])
    masters, base_masters = _masters(second, names), _masters(first, names)
    return Pair(first, second, tuple(names), masters, None if _is_trained_from(second, first) else base_masters)


def _masters(checkpoint: Checkpoint, names: list[str]) -> Checkpoint | None:
    masters = open_masters(checkpoint)
    for name in names if masters is not None else ():
        assert masters is not None
        if name not in masters.tensors or masters.tensors[name].shape != checkpoint.tensors[name].shape:
            there = f"{name} in another shape" if name in masters.tensors else f"no {name}"
            raise ModelError(f"{masters.folder}: its masters have {there}; restore the run")
    return masters


def _is_trained_from(tuned: Checkpoint, base: Checkpoint) -> bool:
    """Whether the run of the tuned model says that it began with the base."""
    if tuned.run is None:
        return False
    try:
        found = find_model(str(tuned.run.manifest["base"]))
    except (AssayError, KeyError):
        return False
    return found.is_local and Path(found.source).resolve() == base.folder.resolve()


def pieces_of(checkpoint: Checkpoint, names: Iterable[str], elements: int = PIECE) -> Iterator[Piece]:
    """The weights of these names, in order."""
    for name in names:
        size = checkpoint.tensors[name].size
        yield from (Piece(name, start, min(elements, size - start)) for start in range(0, size, elements))


def _read_masters(masters: Checkpoint, stored: Checkpoint, piece: Piece, stored16_N: Bits16) -> Float32:
    """A piece of the masters. Raises ModelError where they are not those of the weights that are stored."""
    values_N, bits_N = read_values(masters, piece)
    if not np.array_equal(bits_N, stored16_N):
        raise ModelError(
            f"{masters.folder}: its masters of {piece.name} are not those of {stored.folder}; restore the run"
        )
    return values_N


def read_values(checkpoint: Checkpoint, piece: Piece) -> tuple[Float32, Bits16]:
    """A piece as float32 [N] and as bits of bf16 [N]. Raises ModelError at NaN and infinity."""
    tensor = checkpoint.tensors[piece.name]
    width = tensor.item_bytes
    raw = tensor.read(piece.start * width, piece.count * width)
    values_N = to_float32(raw, tensor.dtype)
    bits_N = raw.view(np.uint16) if tensor.dtype == "BF16" else to_bf16(values_N)
    if magnitude_16(bits_N).max(initial=0) >= INFINITY_16 or not np.isfinite(values_N).all():
        raise ModelError(
            f"{checkpoint.folder}: {piece.name} holds NaN, infinity or a value beyond bf16; "
            "such a model cannot be compared: give an earlier checkpoint"
        )
    return values_N, bits_N


def in_order(work: Callable[[Task], Result], tasks: Iterable[Task], threads: int = THREADS) -> Iterator[Result]:
    """Results of the tasks in their order, from a few threads; only a few are ever under way or waiting."""
    np.empty(KEPT_BYTES, np.uint8)  # freed at once, it teaches glibc to keep what is freed: 4 times as fast
    waiting: deque[Future[Result]] = deque()
    with ThreadPoolExecutor(threads) as pool:
        for task in tasks:
            waiting.append(pool.submit(work, task))
            if len(waiting) >= 4 * threads:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
