"""Checkpoints as they are stored: headers of safetensors files, and plain reads of pieces of their tensors.

Nothing is mapped into memory, since mapped pages count as resident; no model is made and torch is not needed.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assay.errors import AssayError, ModelError, RunError
from assay.policies.references import find_model
from assay.registry import resolve
from assay.store import Run
from assay.weights.names import kind_of

Bytes = NDArray[np.uint8]

SINGLE, INDEX, ADAPTER = "model.safetensors", "model.safetensors.index.json", "adapter_config.json"
LONGEST_HEADER = 100_000_000
"""Bytes; the limit of the safetensors library."""
FLOATS = {"F32": "float32", "F16": "float16", "BF16": "bfloat16"}
"""Stored dtypes that are weights -> their names elsewhere."""
ITEM_BYTES = {"F32": 4, "F16": 2, "BF16": 2}
PIECE_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Stored:
    """A tensor in a file: `start` is the byte of the file at which it begins."""

    name: str
    file: Path
    dtype: str
    shape: tuple[int, ...]
    start: int
    n_bytes: int

    @property
    def size(self) -> int:
        """Number of elements."""
        return int(np.prod(self.shape, dtype=np.int64))

    @property
    def item_bytes(self) -> int:
        """Bytes of an element. Raises ModelError for dtypes of less than a byte."""
        if self.size and self.n_bytes % self.size:
            raise ModelError(f"{self.file}: {self.name} is stored as {self.dtype}, in less than a byte an element")
        return self.n_bytes // self.size if self.size else 1

    def read(self, start: int, count: int) -> Bytes:
        """Bytes [start, start + count) of the tensor, at most to its end."""
        count = min(count, self.n_bytes - start)
        found = np.fromfile(self.file, np.uint8, count, offset=self.start + start)
        if len(found) != count:
            raise ModelError(f"{self.file}: was cut short while it was read; restore it and try again")
        return found

    def pieces(self, size_bytes: int = PIECE_BYTES) -> Iterator[Bytes]:
        """All its bytes, in order."""
        for start in range(0, self.n_bytes, size_bytes):
            yield self.read(start, size_bytes)


@dataclass(frozen=True)
class Checkpoint:
    """The tensors of a model by name. `run` is the run whose model it is, where it is one."""

    name: str
    folder: Path
    tensors: Mapping[str, Stored]
    run: Run | None = None

    @property
    def files(self) -> list[Path]:
        """The files that hold the tensors."""
        return sorted({tensor.file for tensor in self.tensors.values()})

    def parameters(self) -> dict[str, Stored]:
        """Tensors that hold weights. Raises ModelError where they are stored in a dtype that is not read."""
        for tensor in self.tensors.values():
            if tensor.dtype not in FLOATS and tensor.dtype.startswith("F"):
                raise ModelError(
                    f"{tensor.file}: {tensor.name} is stored as {tensor.dtype}; expected {', '.join(FLOATS)}: "
                    "save the model in one of these"
                )
        return {name: tensor for name, tensor in self.tensors.items() if tensor.dtype in FLOATS}


def open_checkpoint(reference: str) -> Checkpoint:
    """The checkpoint of the model that `reference` names (see `find_model`). Raises ModelError.

    Models of the hub are fetched; of those and of local ones only safetensors files are read.
    """
    found = find_model(reference)
    folder = Path(found.source) if found.is_local else resolve("assay.policies.fetch:fetch")(found)
    tensors: dict[str, Stored] = {}
    for file in _weight_files(folder):
        for tensor in read_header(file):
            if tensor.name in tensors:
                raise ModelError(f"{file}: holds {tensor.name}, as {tensors[tensor.name].file.name} does; remove one")
            tensors[tensor.name] = tensor
    run = folder.resolve().parent
    is_run = folder.resolve().name == "model" and Run.is_run(run)
    return Checkpoint(found.name, folder, tensors, Run.open(run) if is_run else None)


def check_output(path: Path, checkpoint: Checkpoint) -> None:
    """Raises RunError where `path` is a file of the checkpoint, or a directory."""
    if path.is_dir():
        raise RunError(f"{path}: is a directory; give the path of a file to write")
    kept = [file.resolve() for file in checkpoint.folder.iterdir()] if checkpoint.folder.is_dir() else []
    if path.resolve() in kept:
        raise RunError(f"{path}: is a file of {checkpoint.name}, which would be lost; give another path")


def open_masters(checkpoint: Checkpoint) -> Checkpoint | None:
    """The float32 masters that a run kept of its model's weights; None where there are none, or those of an adapter."""
    if checkpoint.run is None or not checkpoint.run.masters.is_file():
        return None
    tensors = {tensor.name: tensor for tensor in read_header(checkpoint.run.masters)}
    if not tensors.keys() & checkpoint.tensors.keys():
        return None
    for tensor in tensors.values():
        if tensor.dtype != "F32":
            raise ModelError(f"{tensor.file}: {tensor.name} is stored as {tensor.dtype}; masters are F32")
    return Checkpoint(f"masters of {checkpoint.name}", checkpoint.run.path, tensors)


def _weight_files(folder: Path) -> list[Path]:
    if (folder / SINGLE).is_file():
        return [folder / SINGLE]
    if not (folder / INDEX).is_file():
        if (folder / ADAPTER).is_file():
            raise ModelError(
                f"{folder}: holds a LoRA adapter; give the model that it was merged into (RUN/model of a run)"
            )
        raise ModelError(
            f"{folder}: has neither {SINGLE} nor {INDEX}; save the model as safetensors (save_pretrained does)"
        )
    try:
        names = set(json.loads((folder / INDEX).read_text(encoding="utf-8"))["weight_map"].values())
    except (ValueError, KeyError, TypeError, AttributeError):
        raise ModelError(f"{folder / INDEX}: is not an index of safetensors files; restore it") from None
    for name in sorted(map(str, names)):
        if Path(name).name != name or not (folder / name).is_file():
            raise ModelError(f"{folder}: {INDEX} names {name}, which is not there; restore it")
    return [folder / name for name in sorted(names)]


def header_bytes(file: Path) -> bytes:
    """Length and header of a safetensors file: all that comes before its tensors. Raises ModelError."""
    with file.open("rb") as opened:
        prefix = opened.read(8)
        length = int.from_bytes(prefix, "little")
        if len(prefix) < 8 or length > LONGEST_HEADER:
            raise ModelError(f"{file}: is not a safetensors file; restore it")
        header = opened.read(length)
    if len(header) < length:
        raise ModelError(f"{file}: is cut short; restore it")
    return prefix + header


def read_header(file: Path) -> list[Stored]:
    """The tensors of a safetensors file, in the order in which they lie there. Raises ModelError."""
    raw = header_bytes(file)
    try:
        tensors = parse_header(raw, file)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        if isinstance(error, AssayError):
            raise
        raise ModelError(f"{file}: is not a safetensors file; restore it") from None
    end, size = len(raw), file.stat().st_size
    for tensor in tensors:
        if tensor.start != end:
            raise ModelError(f"{file}: its tensors do not lie one behind the other, from {tensor.name} on; restore it")
        end += tensor.n_bytes
    if size != end:
        how = "is cut short" if size < end else "goes on behind its tensors"
        raise ModelError(f"{file}: {how}, {size:,} bytes where its header tells of {end:,}; restore it")
    if not tensors:
        raise ModelError(f"{file}: holds no tensors; restore it, or take it out of the model")
    return tensors


def parse_header(raw: bytes, file: Path) -> list[Stored]:
    """The tensors that a header speaks of, as they would lie in `file`; ValueError or KeyError where it is none."""
    entries: dict[str, Any] = json.loads(raw[8:])
    tensors = []
    for name, entry in entries.items():
        if name != "__metadata__":
            first, last = map(int, entry["data_offsets"])
            shape = tuple(map(int, entry["shape"]))
            tensor = Stored(name, file, str(entry["dtype"]), shape, len(raw) + first, last - first)
            if first < 0 or last < first or (tensor.size == 0) != (first == last) or min(shape, default=1) < 0:
                raise ValueError(name)
            if tensor.dtype in ITEM_BYTES and tensor.n_bytes != tensor.size * ITEM_BYTES[tensor.dtype]:
                raise ValueError(name)
            tensors.append(tensor)
    return sorted(tensors, key=lambda tensor: (tensor.start, tensor.name))


def same_bytes(a: Stored, b: Stored) -> bool:
    """Whether two tensors are the same, bit for bit."""
    if (a.dtype, a.shape) != (b.dtype, b.shape):
        return False
    return all(np.array_equal(x, y) for x, y in zip(a.pieces(), b.pieces(), strict=True))


def tied_to(checkpoint: Checkpoint, head: Stored) -> Stored | None:
    """The embedding of a checkpoint that an output layer may be tied to; None for other tensors."""
    if kind_of(head.name) != "head":
        return None
    embeddings = [tensor for name, tensor in checkpoint.tensors.items() if kind_of(name) == "embedding"]
    return next((tensor for tensor in embeddings if tensor.shape == head.shape), None)


def common_parameters(checkpoints: list[Checkpoint]) -> list[str]:
    """Names of the weights that all the checkpoints have, in the order of the first, none counted twice.

    A stored output layer that is bit for bit the embedding is tied to it, and left out. Raises ModelError at the first
    weight that one of them lacks, or has in another shape.
    """
    parameters = [checkpoint.parameters() for checkpoint in checkpoints]
    names = list(dict.fromkeys(name for tensors in parameters for name in tensors))
    kept = [name for name in names if not _is_tied_everywhere(checkpoints, name)]
    for name in kept:
        having = [at for at, tensors in enumerate(parameters) if name in tensors]
        lacking = [at for at, tensors in enumerate(parameters) if name not in tensors]
        has = checkpoints[having[0]]
        if lacking:
            raise ModelError(
                f"{checkpoints[lacking[0]].folder}: has no {name}, which {has.folder} has; "
                "give checkpoints of one architecture"
            )
        for at in having[1:]:
            first, other = parameters[having[0]][name].shape, parameters[at][name].shape
            if first != other:
                raise ModelError(
                    f"{checkpoints[at].folder}: {name} has shape {list(other)}, and {list(first)} in {has.folder}; "
                    "give checkpoints of one architecture"
                )
    if not any(parameters[0][name].size for name in kept):
        raise ModelError(f"{checkpoints[0].folder}: holds no weights in {', '.join(FLOATS)}")
    return kept


def _is_tied_everywhere(checkpoints: list[Checkpoint], name: str) -> bool:
    stored = [(checkpoint, checkpoint.tensors[name]) for checkpoint in checkpoints if name in checkpoint.tensors]
    partners = [(tensor, tied_to(checkpoint, tensor)) for checkpoint, tensor in stored]
    return all(partner is not None and same_bytes(tensor, partner) for tensor, partner in partners)
