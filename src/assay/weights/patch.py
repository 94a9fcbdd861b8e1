"""Patches: positions and new values of what changed between two checkpoints, bit for bit (PULSE, arXiv 2602.03839).

`make_patch` writes one, `apply_patch` makes of the base and a patch the very files of the tuned model's directory.
New values are told by their bits and not as differences, since a sum in floating point need not give them back.
"""

import base64
import hashlib
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np

from assay import __version__
from assay.errors import AssayError, DataError, ModelError, RunError
from assay.files import ignore, new_directory, replacing
from assay.weights.checkpoint import (
    FLOATS,
    ITEM_BYTES,
    Bytes,
    Checkpoint,
    Stored,
    check_output,
    header_bytes,
    open_checkpoint,
    parse_header,
    read_header,
    tied_to,
)
from assay.weights.patchfile import (
    BLOCK_BYTES,
    MAGIC,
    UNSIGNED,
    Footer,
    PatchWriter,
    ToldFile,
    ToldTensor,
    ToldWeights,
    decode,
    encode,
    read_footer,
)
from assay.weights.views import to_bf16, to_float32

WEIGHTS = (".safetensors", ".bin", ".pt", ".pth", ".ckpt", ".h5", ".msgpack", ".gguf", ".onnx")
"""Ends of the names of files that hold weights; but for the checkpoint's own they are not part of a patch."""
Advance = Callable[[int], None]


@dataclass(frozen=True)
class Made:
    """What a patch holds: elements changed of all, bytes of the patch and of the tuned weights, files beside them.

    `rounded` where the base is stored in another dtype than the tuned model, and rounded to that first.
    """

    changed: int
    total: int
    patch_bytes: int
    full_bytes: int
    sha256: str
    carried: list[str]
    left_out: list[str]
    rounded: bool


def make_patch(base_reference: str, tuned_reference: str, path: Path, advance: Advance = ignore) -> Made:
    """Writes to `path` what makes the tuned model of the base. Raises ModelError where they do not fit.

    A patch holds the changed elements of every tensor, the headers of the tuned model's safetensors files, and whole
    every other file of its directory that the base has not, or has otherwise (configuration, tokenizer).
    `advance` counts bytes of weights. Memory does not grow with the model. A base in float32 or float16 is rounded
    first where the tuned model is stored in bf16.
    """
    base, tuned = open_checkpoint(base_reference), open_checkpoint(tuned_reference)
    check_output(path, base)
    check_output(path, tuned)
    sources = {name: source_of(base, tensor) for name, tensor in tuned.tensors.items()}
    others, left_out = other_files(tuned)
    with replacing(path) as temporary:
        with temporary.open("wb") as file:
            writer = PatchWriter(file)
            weights = [_add_weights(writer, each, sources, advance) for each in tuned.files]
            carried = [_add_other(writer, each, base.folder / each.name) for each in others]
            about = {"assay_version": __version__, "base": base.name, "tuned": tuned.name}
            sha256 = writer.finish(Footer(**about, weights=weights, others=carried))
        size = temporary.stat().st_size
    blocks = [block for each in weights for tensor in each.tensors for block in tensor.blocks]
    return Made(
        changed=sum(changed for changed, _ in blocks),
        total=sum(tensor.size for tensor in tuned.tensors.values()),
        patch_bytes=size,
        full_bytes=sum(each.stat().st_size for each in tuned.files),
        sha256=sha256,
        carried=[each.name for each in carried if each.pieces is not None],
        left_out=left_out,
        rounded=any(sources[name].dtype != tensor.dtype for name, tensor in tuned.tensors.items()),
    )


def apply_patch(base_reference: str, patch: Path, out: Path, advance: Advance = ignore) -> str:
    """Writes to the directory `out` the model that the patch was made for; returns its name.

    Raises DataError where the patch is damaged or the base is another, ModelError where the base cannot be read, and
    RunError where there is something at `out`; then nothing is written. All is checked before `out` appears.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise RunError(f"{out}: already exists; give another -o")
    footer = read_footer(patch)
    base = open_checkpoint(base_reference)
    with new_directory(out) as temporary, patch.open("rb") as file:
        file.seek(len(MAGIC))
        try:
            for entry in footer.weights:
                _write_weights(file, entry, base, temporary / entry.name, patch, advance)
            for other in footer.others:
                _write_other(file, other, base, temporary / other.name, patch)
        except (ValueError, LookupError, zlib.error) as error:
            if isinstance(error, AssayError):
                raise
            raise DataError(f"{patch}: its SHA-256 is right, but it holds no such model; do not use it") from None
    return footer.tuned


def pieces_as(source: Stored, dtype: str, size_bytes: int = BLOCK_BYTES) -> Iterator[Bytes]:
    """All bytes of a tensor, in pieces of `size_bytes`; rounded to bf16 first where `dtype` is that and its own not."""
    if source.dtype == dtype:
        yield from source.pieces(size_bytes)
        return
    for piece in source.pieces(size_bytes // ITEM_BYTES[dtype] * source.item_bytes):
        yield to_bf16(to_float32(piece, source.dtype)).view(np.uint8)


def _can_tell(source: Stored, tensor: Stored) -> bool:
    """Whether a tensor can be told by one of the base: of its dtype, or rounded to it."""
    is_rounded = tensor.dtype == "BF16" and source.dtype in FLOATS
    return source.shape == tensor.shape and (source.dtype == tensor.dtype or is_rounded)


def source_of(base: Checkpoint, tensor: Stored) -> Stored:
    """The tensor of the base that a tuned one is told by: its namesake, or the embedding of a tied output layer."""
    source = base.tensors.get(tensor.name) or tied_to(base, tensor)
    if source is None:
        raise ModelError(
            f"{base.folder}: has no {tensor.name}, which {tensor.file} has; a patch needs the same tensors"
        )
    if source.shape != tensor.shape:
        raise ModelError(
            f"{tensor.file}: {tensor.name} has shape {list(tensor.shape)}, and {list(source.shape)} in {source.file}; "
            "a patch needs the same shapes"
        )
    if not _can_tell(source, tensor):
        raise ModelError(
            f"{tensor.file}: {tensor.name} is stored as {tensor.dtype}, and as {source.dtype} in {source.file}; "
            "a patch is of stored bytes, so save both in one dtype, or the tuned model in BF16"
        )
    if tensor.item_bytes not in UNSIGNED:
        raise ModelError(f"{tensor.file}: {tensor.name} is stored as {tensor.dtype}, which a patch cannot tell")
    return source


def other_files(checkpoint: Checkpoint) -> tuple[list[Path], list[str]]:
    """The files beside the weights that belong to a model's directory, and the names of what a patch leaves out."""
    kept, left_out = [], []
    for path in sorted(checkpoint.folder.iterdir()):
        if path in checkpoint.files:
            continue
        is_part = path.is_file() and not path.name.startswith(".") and path.suffix not in WEIGHTS
        kept.append(path) if is_part else left_out.append(path.name)
    return kept, left_out


def file_pieces(path: Path) -> Iterator[bytes]:
    """All bytes of a file, in order."""
    with path.open("rb") as file:
        while piece := file.read(BLOCK_BYTES):
            yield piece


def sha256_of(path: Path) -> str:
    """In hex digits."""
    digest = hashlib.sha256()
    for piece in file_pieces(path):
        digest.update(piece)
    return digest.hexdigest()


def _add_weights(writer: PatchWriter, file: Path, sources: dict[str, Stored], advance: Advance) -> ToldWeights:
    tensors = []
    for tensor in read_header(file):
        source, hashes = sources[tensor.name], (hashlib.sha256(), hashlib.sha256())
        blocks = []
        for old, new in zip(pieces_as(source, tensor.dtype), tensor.pieces(BLOCK_BYTES), strict=True):
            hashes[0].update(old.data)
            hashes[1].update(new.data)
            changed, block = encode(old, new, tensor.item_bytes)
            blocks.append((changed, writer.write(block)))
            advance(len(new))
        before, after = (each.hexdigest() for each in hashes)
        tensors.append(
            ToldTensor(name=tensor.name, source=source.name, blocks=blocks, base_sha256=before, sha256=after)
        )
    header = base64.b64encode(header_bytes(file)).decode()
    return ToldWeights(name=file.name, header=header, tensors=tensors)


def _write_weights(
    file: IO[bytes], entry: ToldWeights, base: Checkpoint, path: Path, patch: Path, advance: Advance
) -> None:
    header = base64.b64decode(entry.header)
    told = {tensor.name: tensor for tensor in entry.tensors}
    with path.open("wb") as written:
        written.write(header)
        for tensor in parse_header(header, path):
            about = told[tensor.name]
            source = base.tensors.get(about.source)
            if source is None or not _can_tell(source, tensor):
                raise _wrong_base(base, patch, about.source)
            hashes = hashlib.sha256(), hashlib.sha256()
            for old, (changed, length) in zip(pieces_as(source, tensor.dtype), about.blocks, strict=True):
                new = decode(old, changed, file.read(length), tensor.item_bytes)
                hashes[0].update(old.data)
                hashes[1].update(new.data)
                written.write(new.data)
                advance(len(new))
            if hashes[0].hexdigest() != about.base_sha256:
                raise _wrong_base(base, patch, about.source)
            if hashes[1].hexdigest() != about.sha256:
                raise DataError(f"{patch}: made another {tensor.name} than it was made for; make the patch anew")


def _wrong_base(base: Checkpoint, patch: Path, name: str) -> DataError:
    return DataError(f"{base.folder}: {name} is not what {patch} was made for; give the base that the patch names")


def _add_other(writer: PatchWriter, path: Path, in_base: Path) -> ToldFile:
    sha256 = sha256_of(path)
    same = in_base.is_file() and sha256_of(in_base) == sha256
    pieces = None
    if not same:
        pieces = [writer.write(zlib.compress(piece)) for piece in file_pieces(path)]
    return ToldFile(name=path.name, sha256=sha256, pieces=pieces)


def _write_other(file: IO[bytes], entry: ToldFile, base: Checkpoint, path: Path, patch: Path) -> None:
    with path.open("wb") as written:
        if entry.pieces is None:
            with suppress(FileNotFoundError):
                for piece in file_pieces(base.folder / entry.name):
                    written.write(piece)
        else:
            for length in entry.pieces:
                written.write(zlib.decompress(file.read(length)))
    if sha256_of(path) != entry.sha256:
        raise DataError(
            f"{base.folder / entry.name}: is not what {patch} was made for; give the base that the patch names"
        )
