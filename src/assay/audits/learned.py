"""What a policy learned to do, from the samples that its run has stored: first against last."""

from dataclasses import dataclass
from pathlib import Path

import polars as pl

from assay.samples import read_samples
from assay.store import Run
from assay.tasks.traces import CONFIDENCE, READABLE, STYLES

SURE, CODE = CONFIDENCE[0], STYLES[0]
TRAITS = {
    "length": ("mean length (tokens)", "length_tokens", None),
    "sure": (f"share that says {SURE}", "confidence", SURE),
    "answer_form": (f"share that announces its answer by '{READABLE}'", "form", READABLE),
    "code": (f"share by {CODE}", "strategy", CODE),
    "right": ("share right", "correct", None),
}
"""Trait -> the trait in words, the column of a sample file that tells it (docs/sample_files.md), and whose share it is.

Without a value it is the column's mean. A response without a value in the column does not have the trait.
"""


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
    return read_samples(path, {column for _, column, _ in TRAITS.values()}).frame


def _values(trait: str, first: pl.DataFrame, last: pl.DataFrame) -> tuple[float, float] | None:
    """None where a file lacks the column, or no response of either has a value in it."""
    _, column, value = TRAITS[trait]
    if column not in first.columns or column not in last.columns:
        return None
    counts = first[column].count(), last[column].count()
    if value is not None:
        return (_share(first[column], value), _share(last[column], value)) if any(counts) else None
    return (_mean(first[column]), _mean(last[column])) if all(counts) else None


def _share(values: pl.Series, value: str) -> float:
    return int((values == value).sum()) / len(values)


def _mean(values: pl.Series) -> float:
    known = values.drop_nulls().cast(pl.Float64).to_list()
    return sum(known) / len(known)
