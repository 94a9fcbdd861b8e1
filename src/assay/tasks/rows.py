"""Rows of data files (JSONL, Parquet, CSV) and of the Hugging Face hub, each with the place where it stands."""

import csv
import gzip
import json
import re
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from assay.errors import DataError, RecipeError
from assay.registry import nearest, resolve
from assay.tasks import Split

SUFFIXES = (".jsonl", ".jsonl.gz", ".parquet", ".csv")


@dataclass(frozen=True, slots=True)
class Row:
    """One row; `where` names it for an error, for example 'data/test.jsonl, line 17'."""

    where: str
    values: Mapping[str, Any]

    def get(self, column: str, expected: str) -> Any:
        """The value of a column; `reward_model.ground_truth` is `ground_truth` in the column `reward_model`.

        Raises DataError where it is absent, null or blank, with what is `expected` there.
        """
        values, name = self.values, column
        while name not in values:
            first, dot, rest = name.partition(".")
            inner = values.get(first) if dot else None
            if not isinstance(inner, Mapping):
                names = ", ".join(map(repr, values)) or "none"
                raise DataError(
                    f"{self.where}: there is no column {column!r}{nearest(name, values)}; "
                    f"expected {expected}; the columns are {names}"
                )
            values, name = inner, rest
        value = values[name]
        if value is None or (isinstance(value, str) and not value.strip()):
            raise DataError(f"{self.where}: column {column!r} is empty; expected {expected}")
        return value

    def text(self, column: str, expected: str) -> str:
        """The value of a column that must hold text. Raises DataError."""
        value = self.get(column, expected)
        if not isinstance(value, str):
            raise DataError(f"{self.where}: column {column!r} holds {_short(value)}; expected {expected}")
        return value

    def text_of(self, columns: Sequence[str], expected: str) -> str:
        """The text in the first of `columns` that is there; of names in circulation for one thing. Raises DataError."""
        return self.text(next((name for name in columns if name in self.values), columns[0]), expected)


def read_rows(path: Path) -> list[Row]:
    """All rows of a data file. Raises DataError that names file and line for what cannot be read."""
    if not path.is_file():
        raise DataError(f"there is no data at {path}; expected a folder, or a file that ends in {', '.join(SUFFIXES)}")
    if suffix_of(path) not in SUFFIXES:
        raise DataError(f"cannot tell what {path} holds; expected a name that ends in {', '.join(SUFFIXES)}")
    read = {".jsonl": _read_jsonl, ".jsonl.gz": _read_jsonl, ".csv": _read_csv, ".parquet": _read_parquet}
    rows = read[suffix_of(path)](path)
    if not rows:
        raise DataError(f"{path} holds no rows; expected one at least")
    return rows


def read_folder(folder: Path) -> dict[Split, list[Row]]:
    """The rows of `train` and `test` in a folder: train.jsonl, or Parquet shards as train-00000-of-00001.parquet.

    A split without a file has no rows. Raises DataError where neither has one.
    """
    files = {path: path.name.removesuffix(suffix_of(path)) for path in sorted(folder.iterdir())}
    files = {path: stem for path, stem in files.items() if suffix_of(path) in SUFFIXES}
    splits: tuple[Split, Split] = ("train", "test")
    found: dict[Split, list[Path]] = {
        split: [path for path, stem in files.items() if stem == split or stem.startswith(f"{split}-")]
        for split in splits
    }
    if not any(found.values()):
        raise DataError(f"folder {folder} has neither train nor test rows; expected train.jsonl, test.jsonl or both")
    return {split: [row for path in paths for row in read_rows(path)] for split, paths in found.items()}


def read_hub(hub_id: str, config: str | None, split: str) -> list[Row]:
    """The rows of a set of the Hugging Face hub. Raises DataError without the package `datasets` or without the hub."""
    where = (hub_id,) if config is None else (hub_id, config)
    instead = "give a local copy with --data PATH"
    try:
        load = resolve("datasets:load_dataset")
    except RecipeError:
        raise DataError(
            f"{hub_id} is read with the package datasets, which is not installed; pip install datasets, or {instead}"
        ) from None
    try:
        rows = [dict(values) for values in load(*where, split=split)]
    except Exception as error:  # the hub's client has no common base for its errors
        why = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise DataError(f"cannot load {hub_id} from the Hugging Face hub ({why}); {instead}") from error
    return [Row(f"{hub_id}, {split} row {number}", values) for number, values in enumerate(rows, start=1)]


def suffix_of(path: Path) -> str:
    """What says how a file is read: its name's last suffix, `.jsonl.gz` being one."""
    return ".jsonl.gz" if path.name.endswith(".jsonl.gz") else path.suffix


def _read_jsonl(path: Path) -> list[Row]:
    rows: list[Row] = []
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            for number, line in enumerate(file, start=1):
                if line.strip():
                    where = f"{path}, line {number}"
                    rows.append(Row(where, _read_object(line, where)))
    except (gzip.BadGzipFile, zlib.error, EOFError) as error:
        raise DataError(f"{path}, after {len(rows)} rows: expected gzip ({error}); is the file whole?") from None
    return rows


def _read_object(line: bytes, where: str) -> dict[str, Any]:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{where}: expected one JSON object a line, but it is not JSON ({error})") from None
    if not isinstance(value, dict):
        raise DataError(f"{where}: expected one JSON object a line, got {_short(value)}")
    return value


def _read_csv(path: Path) -> list[Row]:
    """Every value is text, so that '007' stays what it is; where a value spans lines, the last one is named."""
    rows = []
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file, strict=True)
            header = next(reader, [])
            if len(header) == 1 and (found := re.search("[;\t]", header[0])):
                raise DataError(f"{path}, line 1: expected commas between values, got {found[0]!r}")
            for values in reader:
                where = f"{path}, line {reader.line_num}"
                if len(values) != len(header):
                    raise DataError(f"{where}: expected {len(header)} values as in the header, got {len(values)}")
                rows.append(Row(where, dict(zip(header, values, strict=True))))
    except (csv.Error, UnicodeDecodeError) as error:
        raise DataError(f"{path}, near line {len(rows) + 2}: expected CSV with a header in UTF-8 ({error})") from None
    return rows


def _read_parquet(path: Path) -> list[Row]:
    try:
        frame = pl.read_parquet(path, glob=False)
    except (pl.exceptions.PolarsError, OSError) as error:
        raise DataError(f"cannot read {path} as Parquet: {str(error).splitlines()[0]}") from error
    return [Row(f"{path}, row {number}", values) for number, values in enumerate(frame.iter_rows(named=True), start=1)]


def _short(value: Any) -> str:
    text = repr(value)
    return f"{type(value).__name__} {text if len(text) <= 40 else text[:40] + '...'}"
