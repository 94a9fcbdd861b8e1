"""`assay patch`: what training changed as one small file, and the tuned model made of it again."""

import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Annotated

import typer

from assay.cli.progress import progress
from assay.report.words import share_of
from assay.weights.checkpoint import Checkpoint, open_checkpoint
from assay.weights.patch import apply_patch, make_patch, pieces_as

ZSTD = "zstd"
app = typer.Typer(help="Ship a tuned model as a patch of its base: make one, apply one.")

Base = Annotated[str, typer.Argument(help="The base: a directory, a run, a hub id or organism:NAME.")]


@app.command("make")
def make(
    base: Base,
    tuned: Annotated[str, typer.Argument(help="The tuned model, stored in the same dtype.")],
    out: Annotated[Path, typer.Option("-o", "--out", help="The file to write.")],
    compare: Annotated[
        bool, typer.Option("--compare/--no-compare", help="Also measure zstd --patch-from, where zstd is there.")
    ] = True,
) -> None:
    """Write a patch that makes the tuned model of its base, bit for bit.

    Example:

        assay patch make organism:code-base runs/compose-grpo-0 -o tuned.patch
    """
    with progress("comparing", None, "bytes") as advance:
        made = make_patch(base, tuned, out, advance)
    share = share_of(made.changed / made.total if made.total else None)
    print(f"changed   {made.changed:,} of {made.total:,} weights ({share}), by their stored bits")
    print(f"patch     {out}: {made.patch_bytes:,} bytes, {_of(made.patch_bytes, made.full_bytes)} the full checkpoint")
    print(f"sha256    {made.sha256}")
    if made.carried:
        print(f"carried   whole, since the base has them not or otherwise: {', '.join(made.carried)}")
    if made.left_out:
        print(f"left out  {', '.join(made.left_out)}")
    if made.rounded:
        print("rounded   the base to bf16 first, in which the tuned model is stored")
    if compare:
        print(f"zstd      {_zstd(open_checkpoint(base), open_checkpoint(tuned), made.full_bytes)}")


@app.command("apply")
def apply(
    base: Base,
    patch: Annotated[Path, typer.Argument(help="A file that assay patch make wrote.")],
    out: Annotated[Path, typer.Option("-o", "--out", help="The directory to write: a new one.")],
) -> None:
    """Make the tuned model of its base and a patch, checked before it appears.

    Example:

        assay patch apply organism:code-base tuned.patch -o tuned
    """
    with progress("patching", None, "bytes") as advance:
        name = apply_patch(base, patch, out, advance)
    print(f"model     {out}: {name}, every byte as it was")


def _of(part: int, whole: int) -> str:
    return f"{100 * part / whole:.2f} % of" if whole else "beside nothing in"


def _zstd(base: Checkpoint, tuned: Checkpoint, full_bytes: int) -> str:
    """The size that `zstd --patch-from` needs, or why it is not known."""
    program = shutil.which(ZSTD)
    if program is None:
        return "is not installed: its --patch-from is not measured"
    if len(base.files) != len(tuned.files):
        return "--patch-from is not measured: the two are not in as many files"
    with tempfile.TemporaryDirectory() as folder:
        size = 0
        for stored, new in zip(base.files, tuned.files, strict=True):
            old, written = _as_bf16(base, tuned, stored, Path(folder) / "base"), Path(folder) / "patch"
            command = [program, "-q", "-f", "--long=31", f"--patch-from={old}", str(new), "-o", str(written)]
            done = subprocess.run(command, capture_output=True, text=True)
            if done.returncode:
                return f"--patch-from failed: {' '.join(done.stderr.split())[:200]}"
            size += written.stat().st_size
    return f"--patch-from needs {size:,} bytes, {_of(size, full_bytes)} the full checkpoint"


def _as_bf16(base: Checkpoint, tuned: Checkpoint, stored: Path, rounded: Path) -> Path:
    """A file of the base, or a copy of its weights in the dtypes of the tuned model where those are others."""
    inside = {name: tensor for name, tensor in base.tensors.items() if tensor.file == stored}
    pairs = [(tensor, tuned.tensors.get(name, tensor)) for name, tensor in inside.items()]
    if all(old.dtype == new.dtype for old, new in pairs):
        return stored
    with rounded.open("wb") as file:
        for old, new in pairs:
            for piece in pieces_as(old, new.dtype):
                file.write(piece.data)
    return rounded
