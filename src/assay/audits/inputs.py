"""Reads the sample files of an audit, matches their problems, and refuses what cannot be compared.

Shape legend: M problems compared, in one order for all models.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from assay.annotators import Annotator, check_dials, dials
from assay.audits.matching import match, refuse_different
from assay.audits.phrases import PHRASES, expressions
from assay.audits.sources import STOPS, Source, describe, load, strange_stops
from assay.errors import DataError
from assay.files import ignore
from assay.stats import LEVEL, RESAMPLES, SEED, Answers, Floats, k_values

GUESSABLE = 0.05  # a problem whose guess floor at n reaches this is no evidence of knowledge


@dataclass(frozen=True, slots=True, eq=False)
class Model:
    """One model's samples.

    `rows` are the responses to the problems compared, with the problem's position as `index` (0 .. M-1); None where
    the file holds counts. `under` names what `logprob_under` was scored with. `source` is what `settings.models` says
    of it.
    """

    label: str
    path: Path
    rows: pl.DataFrame | None
    answers: Answers
    under: str | list[str] | None
    source: dict[str, Any]

    def has(self, *columns: str) -> bool:
        """True where the file has these columns for its responses, and not only nulls in them."""
        rows = self.rows
        return rows is not None and all(
            name in rows.columns and rows[name].null_count() < len(rows) for name in columns
        )

    @property
    def sampled_unchanged(self) -> bool:
        """True where the file says that tokens were drawn at temperature 1 without top-p and top-k."""
        own = {"temperature": 1, "top_p": 1, "top_k": 0}
        return all(self.source[name] == value for name, value in own.items())


@dataclass(frozen=True, slots=True, eq=False)
class Inputs:
    """Everything that the audits read.

    `n` is the smallest number of judged answers to any problem, `k` all values of k up to it. `chance_M` is the chance
    that one blind guess is right, NaN where no file says; `verdict_M` marks the problems that a verdict may use.
    """

    models: tuple[Model, ...]
    problems: tuple[str, ...]
    n: int
    k: tuple[int, ...]
    chance_M: Floats
    verdict_M: NDArray[np.bool_]
    settings: dict[str, Any]
    annotator: Annotator | None = None
    """A simulated annotator to ask whom it prefers."""
    phrases: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Name -> the regular expressions that responses were searched for (`assay.audits.phrases`)."""

    @property
    def base(self) -> Model:
        """The first model."""
        return self.models[0]

    @property
    def tuned(self) -> tuple[Model, ...]:
        """All models but the first."""
        return self.models[1:]


def read_inputs(
    paths: Sequence[Path],
    labels: Sequence[str],
    intersect: bool = False,
    allow_different_sampling: bool = False,
    annotator: Annotator | None = None,
    advance: Callable[[int], None] = ignore,
    phrases: Mapping[str, Sequence[str]] = PHRASES,
) -> Inputs:
    """Reads and matches the files, the base's first. Raises DataError where they cannot be compared."""
    sources = []
    for path in paths:
        sources.append(load(path, expressions(phrases)))
        if annotator is not None:
            _check_judged_by(annotator, sources[-1])
        advance(1)
    different = refuse_different([source.settings for source in sources], labels, allow_different_sampling)
    shared, unmatched = match([source.table for source in sources], labels, intersect)
    judged = _judged(shared, sources)
    models = tuple(_model(label, source, judged) for label, source in zip(labels, sources, strict=True))
    n = min(int(model.answers.n_M.min()) for model in models)
    chance_M = _chance(sources, judged)
    verdict_M = ~(1 - (1 - chance_M) ** n >= GUESSABLE)  # an unknown floor leaves no problem out
    settings = {
        "n": n,
        "K": max(1, n // 2),
        "k": k_values(n),
        "problems": len(judged),
        "verdict_problems": int(verdict_M.sum()),
        "left_out_guessable": int((~verdict_M).sum()),
        "left_out_unmatched": unmatched,
        "left_out_unjudged": len(shared) - len(judged),
        "guess_floor_known": bool(~np.isnan(chance_M).any()),
        "task": next((source.settings["task"] for source in sources if source.settings["task"] is not None), None),
        "notes": _notes(models, sources, chance_M),
        "level": LEVEL,
        "resamples": RESAMPLES,
        "seed": SEED,
        "different_sampling": different,
        "patterns": {name: list(patterns) for name, patterns in phrases.items()},
        "models": {model.label: model.source for model in models},
    }
    problems = tuple(judged["problem"])
    return Inputs(models, problems, n, tuple(k_values(n)), chance_M, verdict_M, settings, annotator, phrases)


def _check_judged_by(annotator: Annotator, source: Source) -> None:
    if source.rows is None:
        raise DataError(f"{source.path}: holds counts, and an annotator judges responses; give a file of responses")
    check_dials(source.path, source.rows, annotator)


def _judged(shared: list[str], sources: Sequence[Source]) -> pl.DataFrame:
    """The problems with a judged answer of every model, and their position."""
    problems = pl.DataFrame({"problem": shared})
    for source in sources:
        judged = source.table.filter(pl.col("n") > 0).select("problem")
        problems = problems.join(judged, on="problem", maintain_order="left")
    if problems.is_empty():
        raise DataError(
            f"none of the {len(shared)} problems has a judged answer of every model; grade the files with assay score"
        )
    return problems.with_row_index("index")


def _model(label: str, source: Source, judged: pl.DataFrame) -> Model:
    compared = judged.join(source.table, on="problem", how="left", maintain_order="left")
    answers = Answers(compared["n"].to_numpy().astype(np.int64), compared["right"].to_numpy().astype(np.int64))
    rows = None
    if source.rows is not None:
        rows = source.rows.join(judged, on="problem", maintain_order="left").drop("problem")
    return Model(label, source.path, rows, answers, source.settings["under"], describe(source, rows, compared))


def _chance(sources: Sequence[Source], judged: pl.DataFrame) -> Floats:
    """Per problem the largest chance of a blind guess that any file states, NaN where none does."""
    chance_M = np.full(len(judged), np.nan)
    for source in sources:
        compared = judged.join(source.table, on="problem", how="left", maintain_order="left")
        chance_M = np.fmax(chance_M, compared["chance"].cast(pl.Float64).fill_null(float("nan")).to_numpy())
    return chance_M


def _notes(models: Sequence[Model], sources: Sequence[Source], chance_M: Floats) -> list[str]:
    """Sentences that a reader should see beside the verdict."""
    notes = []
    for model, source in zip(models, sources, strict=True):
        told = source.settings["policy_annotator"]
        if told is not None:
            names = told if isinstance(told, list) else [told]
            notes.append(f"{model.label} was trained on preferences that are simulated: {dials(names)}.")
    counts = {count for model in models for count in (model.source["n_min"], model.source["n_max"])}
    if len(counts) > 1:
        ranges = ", ".join(f"{model.label} {model.source['n_min']} to {model.source['n_max']}" for model in models)
        notes.append(
            f"The numbers of judged answers a problem differ ({ranges}): curves stop at the smallest, and solvable "
            "sets count all answers, which favours the model with more."
        )
    judges = sorted({str(source.settings["judge"]) for source in sources if source.settings["judge"] is not None})
    if len(judges) > 1:
        notes.append(
            f"The files were graded by different judges ({'; '.join(judges)}); grade them alike with assay score."
        )
    unknown = int(np.isnan(chance_M).sum())
    if 0 < unknown < len(chance_M):
        notes.append(f"The guess floor of {unknown} problems is unknown; they are kept in the verdict.")
    for model in models:
        if strange_stops(model.rows):
            notes.append(
                f"{model.label}: `stop` holds other values than {', '.join(STOPS)}; what was cut off is unknown."
            )
    return notes
