"""Masks: which weights a run changed, as safetensors of bool by parameter name; and random ones of the same size.

m = 1 where theta_init - theta_full is not 0 (Mukherjee et al. 2025, arXiv 2505.11711, section 4), for training that
subnetwork alone. Written piece by piece and atomically; docs/weights.md has the format.
"""

import hashlib
import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assay.files import ignore, replacing
from assay.recipe import derive_seed
from assay.weights.checkpoint import FLOATS, PIECE_BYTES, Checkpoint, check_output
from assay.weights.pairs import Pair, Piece, View, in_order

FORMAT = "assay.mask/1"
DIGITS = 12
RANDOM_PIECE = 1 << 18
"""Elements that are drawn together; part of what a seed means."""
Mask = NDArray[np.bool_]


def write_mask(
    pair: Pair, path: Path, view: View, tolerance: float, advance: Callable[[int], None] = ignore
) -> dict[str, str]:
    """Writes where the pair differs by more than `tolerance` in a view; returns the metadata.

    `advance` counts weights. Raises ModelError at NaN and infinity.
    """

    def work(piece: Piece) -> Mask:
        return pair.read(piece).changed(view, tolerance)

    about = _about(pair, view, tolerance)
    return _write(pair, path, in_order(work, pair.pieces()), about, advance)


def count_changed(pair: Pair, view: View, tolerance: float) -> int:
    """How many weights a mask of the pair would hold."""

    def work(piece: Piece) -> int:
        return int(np.count_nonzero(pair.read(piece).changed(view, tolerance)))

    return sum(in_order(work, pair.pieces()))


def write_random_mask(
    pair: Pair,
    path: Path,
    changed: int,
    view: View,
    tolerance: float,
    seed: int,
    advance: Callable[[int], None] = ignore,
) -> dict[str, str]:
    """Writes a mask of `changed` weights, every set of that size as likely; returns the metadata.

    `view` and `tolerance` say what was counted as changed; `random_seed` in the metadata tells it from a true mask.
    """
    pieces = list(pair.pieces(RANDOM_PIECE))
    counts = split(changed, np.array([piece.count for piece in pieces]), derive_seed(seed, "mask"))

    def work(task: tuple[Piece, int]) -> Mask:
        piece, count = task
        mask_N = np.zeros(piece.count, bool)
        rng = np.random.default_rng(derive_seed(seed, "mask", piece.name, piece.start))
        mask_N[rng.choice(piece.count, count, replace=False, shuffle=False)] = True
        return mask_N

    tasks = zip(pieces, counts.tolist(), strict=True)
    return _write(
        pair, path, in_order(work, tasks), {**_about(pair, view, tolerance), "random_seed": str(seed)}, advance
    )


def split(total: int, sizes: NDArray[np.int64], seed: int) -> NDArray[np.int64]:
    """How many of `total` elements drawn without replacement fall into each of these sets, int64.

    The multivariate hypergeometric distribution, also where there are more elements than numpy's own takes (10^9):
    independent binomial counts, and then elements one by one, uniformly, until their sum is right.
    """
    rng = np.random.default_rng(seed)
    counts = rng.binomial(sizes, total / max(1, sizes.sum()))
    missing = int(total - counts.sum())
    room = np.cumsum(sizes - counts if missing > 0 else counts)
    chosen = rng.choice(int(room[-1]), abs(missing), replace=False, shuffle=False) if missing else np.array([], int)
    moved = np.bincount(np.searchsorted(room, chosen, side="right"), minlength=len(sizes))
    return np.asarray(counts + np.sign(missing) * moved)


def stored_hash(checkpoint: Checkpoint) -> str:
    """`assay.policies.hash.weights_hash` of the tensors that the files hold, read piece by piece."""
    digest = hashlib.sha256()
    for name in sorted(checkpoint.tensors):
        tensor = checkpoint.tensors[name]
        digest.update(f"{name} torch.{FLOATS.get(tensor.dtype, tensor.dtype)} {tensor.shape}\n".encode())
        for piece in tensor.pieces():
            digest.update(piece.data)
    return digest.hexdigest()[:DIGITS]


def _about(pair: Pair, view: View, tolerance: float) -> dict[str, str]:
    return {
        "format": FORMAT,
        "base": pair.base.name,
        "base_hash": stored_hash(pair.base),
        "tuned": pair.tuned.name,
        "tuned_hash": stored_hash(pair.tuned),
        "view": view,
        "tolerance": f"{tolerance:g}",
    }


def _write(
    pair: Pair, path: Path, masks: Iterable[Mask], about: dict[str, str], advance: Callable[[int], None]
) -> dict[str, str]:
    """The header comes first in the file and is written last, into the room kept for it: it counts what is True."""
    check_output(path, pair.base)
    check_output(path, pair.tuned)
    about = {**about, "total": str(pair.weights)}
    room = len(_header(pair, {**about, "changed": str(pair.weights)}))
    room += -room % 8
    changed = 0
    with replacing(path) as temporary, temporary.open("wb", buffering=PIECE_BYTES) as file:
        file.write(bytes(8 + room))
        for mask_N in masks:
            changed += int(np.count_nonzero(mask_N))
            file.write(mask_N.tobytes())
            advance(len(mask_N))
        about["changed"] = str(changed)
        file.seek(0)
        file.write(room.to_bytes(8, "little") + _header(pair, about).ljust(room))
    return about


def _header(pair: Pair, about: dict[str, str]) -> bytes:
    header: dict[str, Any] = {"__metadata__": about}
    start = 0
    for name in pair.names:
        tensor = pair.base.tensors[name]
        end = start + tensor.size
        header[name] = {"dtype": "BOOL", "shape": list(tensor.shape), "data_offsets": [start, end]}
        start = end
    return json.dumps(header, separators=(",", ":")).encode()
