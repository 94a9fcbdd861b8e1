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
        if any(not path.name.startswith(f"{self.fingerprint}-") for path in _files(self.folder, "*")):
            raise _other_parts(self.folder, settings)

    def read(self) -> dict[int, pl.DataFrame]:
        """Number -> part."""
        return {
            int(path.stem.rpartition("-")[2]): pl.read_parquet(path)
            for path in _files(self.folder, f"{self.fingerprint}-*")
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


def check_settings(file: Path, asked: Settings) -> None:
    """Raises DataError where `file`, or parts of it, were made under other settings than `asked`.

    `asked` may be some of all settings, so that most mistakes are found before a model is loaded.
    """
    there = settings_of(file)
    if there is not None and (other := difference(there, asked)):
        raise DataError(f"{file}: is complete, but was made under other settings ({other}); give another --out")
    folder = file.with_name(f"{file.name}.parts")
    if _files(folder, "*") and _difference_of_parts(folder, asked):
        raise _other_parts(folder, asked)


def _files(folder: Path, pattern: str) -> list[Path]:
    return sorted(path for path in folder.glob(f"{pattern}.parquet") if not path.name.startswith("."))


def _other_parts(folder: Path, asked: Settings) -> DataError:
    other = _difference_of_parts(folder, asked)
    return DataError(
        f"{folder}: holds parts made under other settings{f' ({other})' if other else ''}; repeat the command that "
        "made them, or remove the folder"
    )


def _difference_of_parts(folder: Path, asked: Settings) -> str:
    """As `difference`; empty where the parts do not say how they were made."""
    try:
        return difference(json.loads((folder / "settings.json").read_text("utf-8")), asked)
    except (OSError, ValueError):
        return ""


def fingerprint(settings: Settings) -> str:
    """Sixteen hex digits that change with any setting."""
    return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:16]


def difference(there: Settings, asked: Settings) -> str:
    """'temperature 1.0, not 0.7; seed 0, not 1': what is there, and what was asked for; empty where that is there."""
    return "; ".join(
        f"{name} {there.get(name)}, not {value}" for name, value in asked.items() if there.get(name) != value
    )


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
