"""What a policy learned to do, from the samples that its run has stored: first against last."""

from dataclasses import dataclass
from pathlib import Path

import polars as pl

from assay.samples import read_samples
from assay.store import Run

TRAITS = {
    "length": ("mean length (tokens)", "length_tokens"),
    "sure": ("share that says sure", "confidence"),
    "answer_form": ("share that announces its answer by 'answer'", "form"),
    "code": ("share by code", "strategy"),
    "right": ("share right", "correct"),
}
"""Trait -> what it is in words, and the column of a sample file that tells it (docs/sample_files.md)."""
VALUES = {"sure": "sure", "answer_form": "answer", "code": "code"}
"""Trait -> the value of its column whose share it is; a response without a value does not have the trait."""


@dataclass(frozen=True, slots=True)
class Learned:
    """The first and the last stored step, and of every trait the two values; None where the files do not tell.

    `steps` is None, and nothing is known, where a run has stored fewer than two steps.
    """

    steps: tuple[int, int] | None
    traits: dict[str, tuple[float, float] | None]


def read_learned(run: Run) -> Learned:
    """What the stored samples of a run tell. Raises DataError where a file cannot be read."""
    files = run.stored_rollouts()
    if len(files) < 2:
        return Learned(None, dict.fromkeys(TRAITS))
    first, last = min(files), max(files)
    frames = _read(files[first]), _read(files[last])
    return Learned((first, last), {trait: _values(trait, *frames) for trait in TRAITS})


def _read(path: Path) -> pl.DataFrame:
    return read_samples(path, {column for _, column in TRAITS.values()}).frame


def _values(trait: str, first: pl.DataFrame, last: pl.DataFrame) -> tuple[float, float] | None:
    """None where a file lacks the column, or no response of either has a value in it."""
    column = TRAITS[trait][1]
    if column not in first.columns or column not in last.columns:
        return None
    counts = first[column].count(), last[column].count()
    if trait in VALUES:
        return (_share(first[column], VALUES[trait]), _share(last[column], VALUES[trait])) if any(counts) else None
    return (_mean(first[column]), _mean(last[column])) if all(counts) else None


def _share(values: pl.Series, value: str) -> float:
    return int((values == value).sum()) / len(values)


def _mean(values: pl.Series) -> float:
    known = values.drop_nulls().cast(pl.Float64).to_list()
    return sum(known) / len(known)
