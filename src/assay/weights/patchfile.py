"""The container of a patch: magic, blocks, a footer that says what they are, and a SHA-256 over all of it.

    assay.patch/1 and a line feed | blocks | footer (JSON, deflated) | its length (8 bytes, little-endian) | SHA-256

A block tells at most `BLOCK_BYTES` of a tensor: gaps between changed elements and their new values, deflated.
"""

import hashlib
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import IO, Annotated, Any, Literal

import numpy as np
from pydantic import AfterValidator, Field

from assay.config import Strict
from assay.errors import DataError
from assay.files import ignore
from assay.weights.checkpoint import Bytes

MAGIC = b"assay.patch/1\n"
BLOCK_BYTES = 1 << 20
LEVEL = 6
HASH_BYTES, LENGTH_BYTES = 32, 8
UNSIGNED = {1: np.uint8, 2: np.uint16, 4: np.uint32, 8: np.uint64}
"""Bytes of an element -> what its bits are compared as."""


def _file_name(name: str) -> str:
    if name in ("", ".", "..") or not {"/", "\\", "\0"}.isdisjoint(name):
        raise ValueError("is no name of a file in a directory")
    return name


Name = Annotated[str, AfterValidator(_file_name)]
Size = Annotated[int, Field(ge=0)]


class ToldTensor(Strict):
    """A tensor: the one of the base that it is told by, how many elements of each block changed, and its bytes."""

    name: str
    source: str
    blocks: list[tuple[Size, Size]]
    base_sha256: str
    sha256: str


class ToldWeights(Strict):
    """A safetensors file; `header` in base64."""

    name: Name
    header: str
    tensors: list[ToldTensor]


class ToldFile(Strict):
    """Another file: bytes of its deflated pieces, None where it is the base's."""

    name: Name
    sha256: str
    pieces: list[Size] | None


class Footer(Strict):
    """What a patch holds, of which models, and how it was made."""

    format: Literal["assay.patch/1"] = "assay.patch/1"
    assay_version: str
    base: str
    tuned: str
    weights: list[ToldWeights]
    others: list[ToldFile]


def encode(base: Bytes, tuned: Bytes, item_bytes: int) -> tuple[int, bytes]:
    """How many elements differ in their bits, and the block that makes `tuned` of `base`; empty where none does.

    Gaps are the elements passed over since the last changed one, uint32. A new value is told by the bits in which it
    differs from the old one (XOR), which loses nothing. Gaps and values are laid out byte by byte
    (all first bytes, all second bytes, ...). docs/decisions/0014-weights.md has what each of this saves.
    """
    kind = UNSIGNED[item_bytes]
    at = np.flatnonzero(base.view(kind) != tuned.view(kind))
    if not len(at):
        return 0, b""
    gaps = (np.diff(at, prepend=-1) - 1).astype(np.uint32)
    values = base.view(kind)[at] ^ tuned.view(kind)[at]
    deflater = zlib.compressobj(LEVEL, strategy=zlib.Z_RLE)  # nothing returns in such bytes but zeros
    return len(at), deflater.compress(planes(gaps) + planes(values)) + deflater.flush()


def decode(base: Bytes, changed: int, block: bytes, item_bytes: int) -> Bytes:
    """What `encode` was given as `tuned`, in new memory. The block is trusted: its file's hash was checked."""
    found = base.copy()
    if changed:
        raw = np.frombuffer(zlib.decompress(block), np.uint8)
        gaps = _unplaned(raw[: 4 * changed], 4).view(np.uint32)
        values = _unplaned(raw[4 * changed :], item_bytes).view(UNSIGNED[item_bytes])
        found.view(UNSIGNED[item_bytes])[np.cumsum(gaps.astype(np.int64) + 1) - 1] ^= values
    return found


def planes(values: np.ndarray[Any, Any]) -> bytes:
    """The values laid out byte by byte: all first bytes, all second bytes, ..."""
    return values.view(np.uint8).reshape(len(values), -1).T.tobytes()


def _unplaned(raw: Bytes, item_bytes: int) -> Bytes:
    return np.ascontiguousarray(raw.reshape(item_bytes, -1).T).reshape(-1)


class PatchWriter:
    """Writes blocks into an open file and hashes what it writes."""

    def __init__(self, file: IO[bytes]) -> None:
        self.file = file
        self.digest = hashlib.sha256()
        self.write(MAGIC)

    def write(self, block: bytes) -> int:
        """Adds a block; returns its length in bytes."""
        self.file.write(block)
        self.digest.update(block)
        return len(block)

    def finish(self, footer: Footer) -> str:
        """Adds the footer and the hash, which is returned in hex digits."""
        length = self.write(zlib.compress(footer.model_dump_json().encode(), LEVEL))
        self.write(length.to_bytes(LENGTH_BYTES, "little"))
        self.file.write(self.digest.digest())
        return self.digest.hexdigest()


def read_footer(path: Path, advance: Callable[[int], None] = ignore) -> Footer:
    """The footer of a patch whose every byte was checked first; `advance` counts bytes. Raises DataError."""
    size = path.stat().st_size
    least = len(MAGIC) + LENGTH_BYTES + HASH_BYTES
    with path.open("rb") as file:
        if not MAGIC.startswith(start := file.read(len(MAGIC))) or not start:
            raise DataError(f"{path}: is not a patch of assay patch make, or its first bytes are damaged; get it anew")
        digest = hashlib.sha256(start)
        left = size - len(start) - HASH_BYTES
        while left > 0 and (piece := file.read(min(left, BLOCK_BYTES))):
            digest.update(piece)
            left -= len(piece)
            advance(len(piece))
        if size < least or file.read(HASH_BYTES) != digest.digest():
            raise DataError(f"{path}: is damaged or cut short (its SHA-256 is another); get it anew")
        file.seek(size - HASH_BYTES - LENGTH_BYTES)
        length = int.from_bytes(file.read(LENGTH_BYTES), "little")
        file.seek(max(0, size - HASH_BYTES - LENGTH_BYTES - length))
        try:
            return Footer.model_validate_json(zlib.decompress(file.read(min(length, size))))
        except (ValueError, zlib.error):
            raise DataError(f"{path}: its SHA-256 is right, but what it holds cannot be read; do not use it") from None
