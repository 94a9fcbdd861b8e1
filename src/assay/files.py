"""Atomic writes: a file is there whole or not at all, also after kill -9 or on a full disk."""

import fcntl
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from assay.errors import RunError


def write_text(path: Path, text: str) -> None:
    """Writes `text` (UTF-8) to `path` atomically."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: Path, document: Mapping[str, Any]) -> Path:
    """Writes plain data without NaN to `path` atomically; returns it."""
    write_text(path, json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False) + "\n")
    return path


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yields a temporary path in the same folder; on success it is flushed and takes the place of `path`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    for torn in path.parent.glob(f".{path.name}.*.tmp"):  # left by a killed process
        torn.unlink(missing_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        yield temporary
        _flush(temporary)
        os.replace(temporary, path)
        _flush(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def new_directory(path: Path) -> Iterator[Path]:
    """Yields a temporary directory that becomes `path` on success, replacing what was there.

    The old one steps aside before the new one takes its place, and comes back by itself at the next write or by
    `restore_directory` if the process dies between the two.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    restore_directory(path)
    temporary = Path(tempfile.mkdtemp(prefix=f".{path.name}.", suffix=".tmp", dir=path.parent))
    temporary.chmod(0o755)
    try:
        yield temporary
        for file in sorted(temporary.rglob("*")):
            _flush(file)
        if path.exists():
            os.replace(path, _aside(path))
        os.replace(temporary, path)
        _flush(path.parent)
        shutil.rmtree(_aside(path), ignore_errors=True)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def restore_directory(path: Path) -> None:
    """Undoes a replacement that a kill cut in two, and clears what killed writes left."""
    aside = _aside(path)
    if aside.is_dir():
        if path.exists():
            shutil.rmtree(aside)
        else:
            os.replace(aside, path)
    for torn in path.parent.glob(f".{path.name}.*.tmp"):
        shutil.rmtree(torn, ignore_errors=True)


def _aside(path: Path) -> Path:
    return path.with_name(f".{path.name}.old")


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def held(directory: Path, taken: str) -> Iterator[None]:
    """Holds the directory for this process. Raises RunError, saying `taken`, where another process holds it."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise RunError(f"{directory}: {taken}") from None
        yield
    finally:
        os.close(descriptor)


class Found(int):
    """Units of work that an earlier call had done; `advance(Found(n))` does not count them as speed."""


def _nothing(_: int) -> None:
    """Default of `advance` arguments."""


ignore: Callable[[int], None] = _nothing


def say_nothing(_: str) -> None:
    """Default of `note` arguments, which take a line for the user."""
