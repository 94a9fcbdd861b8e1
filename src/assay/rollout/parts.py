"""Work on a file that can be stopped at any time: finished parts lie beside it until the whole is written.

    FILE.parts/settings.json                    what is being made, for people
    FILE.parts/FINGERPRINT-000017.parquet       one part; the fingerprint is that of the settings

A part is there whole or not at all. Parts of other settings are an error: they are never mixed.
"""

import glob
import hashlib
import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl

from assay.errors import DataError
from assay.files import replacing, write_text

KEY = "assay.settings"
"""Name of the Parquet metadata entry that holds the settings of a whole file."""

Settings = Mapping[str, Any]


class Parts:
    """The parts of `file` made under `settings`. `kind` tells apart several stages of one file."""

    def __init__(self, file: Path, settings: Settings, kind: str = "parts") -> None:
        self.settings = settings
        self.fingerprint = fingerprint(settings)
        self.folder = file.with_name(f"{file.name}.{kind}")
        others = [path for path in self._files("*") if not path.name.startswith(f"{self.fingerprint}-")]
        if others:
            raise DataError(
                f"{self.folder}: holds parts made under other settings{self._difference()}; repeat the command that "
                "made them, or remove the folder"
            )

    def read(self) -> dict[int, pl.DataFrame]:
        """Number -> part."""
        return {
            int(path.stem.rpartition("-")[2]): pl.read_parquet(path) for path in self._files(f"{self.fingerprint}-*")
        }

    def add(self, number: int, frame: pl.DataFrame) -> None:
        """Stores a finished part."""
        if not self.folder.is_dir():
            write_text(self.folder / "settings.json", json.dumps(self.settings, indent=2) + "\n")
        with replacing(self.folder / f"{self.fingerprint}-{number:06d}.parquet") as temporary:
            frame.write_parquet(temporary)

    def remove(self) -> None:
        """Removes all parts, once the whole is written."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _files(self, pattern: str) -> list[Path]:
        return sorted(path for path in self.folder.glob(f"{pattern}.parquet") if not path.name.startswith("."))

    def _difference(self) -> str:
        try:
            return f" ({difference(json.loads((self.folder / 'settings.json').read_text('utf-8')), self.settings)})"
        except (OSError, ValueError):
            return ""


def fingerprint(settings: Settings) -> str:
    """Sixteen hex digits that change with any setting."""
    return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:16]


def difference(there: Settings, asked: Settings) -> str:
    """'temperature 1.0, not 0.7; seed 0, not 1': what is there, and what was asked for."""
    names = [name for name in {**asked, **there} if there.get(name) != asked.get(name)]
    return "; ".join(f"{name} {there.get(name)}, not {asked.get(name)}" for name in names)


def write_whole(file: Path, frame: pl.DataFrame, settings: Settings) -> Path:
    """Writes a finished Parquet file that remembers its settings, and removes what a killed write of it left."""
    for left in file.parent.glob(f".{glob.escape(file.name)}.*.tmp"):
        left.unlink(missing_ok=True)
    with replacing(file) as temporary:
        frame.write_parquet(temporary, metadata={KEY: json.dumps(settings)})
    return file


def settings_of(file: Path) -> dict[str, Any] | None:
    """The settings of a whole file; None where there is no file. Raises DataError for a file of another origin."""
    if not file.exists():
        return None
    try:
        text = pl.read_parquet_metadata(file).get(KEY)
    except (pl.exceptions.PolarsError, OSError):
        text = None
    if text is None:
        raise DataError(f"{file}: is there already and was not written by assay sample; give another --out")
    found: dict[str, Any] = json.loads(text)
    return found
