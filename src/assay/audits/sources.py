"""One sample file as the audits need it: counts per problem, how it was sampled, and a few columns a response."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from assay.samples import Format, SampleFile, read_samples

STOPS = ("eos", "stop_string", "length")
SETTINGS = (
    "model", "temperature", "top_p", "top_k", "max_new_tokens", "template_hash", "wording", "data_hash", "seed",
    "judge", "task", "under", "policy_annotator",
)  # fmt: skip
KEPT = (
    "problem", "correct", "strategy", "reflection", "confidence", "form", "solution", "stop", "length_tokens",
    "logprob", "logprob_under", "reasoning",
)  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class Source:
    """What is kept of one sample file.

    `table` has one row a problem: `problem`, `n` judged answers, `right` ones, `unknown` ones, `chance` of a blind
    guess. `rows` are the columns of `KEPT` that there are, `answers` (a hash of each answer, null where there is none),
    `half` (which half of its problem's responses a row is in, by member) and the phrases searched for, one row a
    response; None for a file of counts. `settings` has the one value of each column of `SETTINGS`, a sorted list where
    there are several, None where there is none.
    """

    path: Path
    format: Format
    height: int
    table: pl.DataFrame
    rows: pl.DataFrame | None
    settings: dict[str, Any]


def load(path: Path, phrases: Mapping[str, str] | None = None) -> Source:
    """Reads and checks a sample file; its other columns, and all texts, are let go at once.

    `phrases` are regular expressions that responses are searched for (`read_samples`).
    """
    file = read_samples(path, {*SETTINGS, *KEPT, "member", "answer", "guess_probability"}, phrases=phrases)
    rows = _rows(file.frame, phrases or {}) if file.format == "responses" else None
    return Source(path, file.format, file.frame.height, _table(file), rows, read_settings(file.frame))


def _rows(frame: pl.DataFrame, phrases: Mapping[str, str]) -> pl.DataFrame:
    kept = [name for name in (*KEPT, *phrases) if name in frame.columns]
    known = "member" in frame.columns and not frame["member"].null_count()
    member = pl.col("member") if known else pl.int_range(pl.len()).over("problem")
    more = [(member % 2 == 1).alias("half")]
    if "answer" in frame.columns:
        more.append(pl.when(pl.col("answer").is_not_null()).then(pl.col("answer").hash()).alias("answers"))
    return frame.select(*kept, *more)


def read_settings(frame: pl.DataFrame) -> dict[str, Any]:
    """The one value of each column of `SETTINGS`, a sorted list where there are several, None where there is none."""
    found: dict[str, Any] = {}
    for name in SETTINGS:
        values = frame[name].drop_nulls().unique().sort().to_list() if name in frame.columns else []
        found[name] = None if not values else values[0] if len(values) == 1 else values
    return found


def _table(file: SampleFile) -> pl.DataFrame:
    frame = file.frame
    if "guess_probability" not in frame.columns:
        frame = frame.with_columns(guess_probability=pl.lit(None, pl.Float64))
    if file.format == "counts":
        return frame.select("problem", "n", right="correct", unknown=pl.lit(0, pl.Int64), chance="guess_probability")
    return frame.group_by("problem").agg(
        n=pl.col("correct").count().cast(pl.Int64),
        right=pl.col("correct").sum().cast(pl.Int64),
        unknown=pl.col("correct").null_count().cast(pl.Int64),
        chance=pl.col("guess_probability").max(),
    )


def describe(source: Source, rows: pl.DataFrame | None, compared: pl.DataFrame) -> dict[str, Any]:
    """What docs/findings_schema.md says of a source; `rows` and `compared` are those of the problems compared."""
    unknown, judged = int(compared["unknown"].sum()), int(compared["n"].sum())
    shown = (
        "temperature", "top_p", "top_k", "max_new_tokens", "template_hash", "wording", "data_hash", "seed", "judge",
    )  # fmt: skip
    return {
        "file": source.path.name,
        "format": source.format,
        "model": source.settings["model"],
        "rows": source.height,
        "problems": source.table.height,
        "n_min": compared["n"].min(),
        "n_max": compared["n"].max(),
        "unknown": unknown,
        "unknown_share": unknown / (unknown + judged),
        "truncated_share": _truncated(rows),
        **{name: source.settings[name] for name in shown},
        "counts_sha256": _hash(source.table),
    }


def strange_stops(rows: pl.DataFrame | None) -> bool:
    """True where the column `stop` holds something else than the three stop reasons."""
    return rows is not None and "stop" in rows.columns and not rows["stop"].drop_nulls().is_in(STOPS).all()


def _truncated(rows: pl.DataFrame | None) -> float | None:
    if rows is None or "stop" not in rows.columns or strange_stops(rows):
        return None
    stops = rows["stop"].drop_nulls()
    return None if stops.is_empty() else int((stops == "length").sum()) / len(stops)


def _hash(table: pl.DataFrame) -> str:
    lines = table.sort("problem").select("problem", "n", "right").write_csv(include_header=False)
    return hashlib.sha256(lines.encode()).hexdigest()
