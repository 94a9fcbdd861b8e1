"""`assay grade`: a verifier on pairs of gold and prediction, to see what it says."""

import json
import re
import time
from collections import Counter
from pathlib import Path
from typing import Annotated, Any

import polars as pl
import typer

from assay.cli.progress import progress
from assay.errors import DataError, RecipeError
from assay.files import replacing
from assay.registry import lookup
from assay.tasks.foreign import grade_foreign
from assay.tasks.math.grade import grade_many
from assay.tasks.math.rules import Rules
from assay.tasks.rows import Row, read_rows
from assay.tasks.verifiers import SLOW, VERIFIERS, as_score
from assay.types import Score

CHUNK = 500
"""Pairs that are graded together."""
ADDED = ("verdict", "reason", "tier", "answer")


def command(
    file: Annotated[Path, typer.Argument(help="Rows of gold and prediction: JSONL, Parquet or CSV.")],
    verifier: Annotated[
        str, typer.Option(help="math, number, exact, choice, regex, json_schema, instructions, or module:function.")
    ],
    out: Annotated[Path, typer.Option(help="The file to write: .jsonl or .parquet.")],
    gold: Annotated[str, typer.Option(help="Column of the gold answer.")] = "gold",
    prediction: Annotated[
        str, typer.Option(help="Column of the prediction: an answer or a whole response.")
    ] = "prediction",
    question: Annotated[str, typer.Option(help="Column of the question, where there is one; for math.")] = "question",
    pattern: Annotated[
        str | None, typer.Option(help="For regex: what finds the answer; its last match counts.")
    ] = None,
    physics: Annotated[bool, typer.Option("--physics", help="For math: golds are rounded quantities.")] = False,
) -> None:
    """Grade pairs of gold and prediction by a verifier, and write its verdict, reason and tier beside each.

    assay grade pairs.jsonl --verifier math --out graded.jsonl
    """
    if out.suffix not in (".jsonl", ".parquet"):
        raise DataError(f"{out}: cannot tell how to write it; give a name that ends in .jsonl or .parquet")
    if out.exists():
        raise DataError(f"{out}: is there already; give another --out or remove it")
    rows = read_rows(file)
    _refuse_lost_columns(rows[0], question)
    pairs = [(_prediction(row, prediction), _value(row, gold), row) for row in rows]
    grade = _grader(verifier, question, physics, pattern)
    scores: list[Score] = []
    began = time.monotonic()
    with progress("grading", len(rows), "pairs") as advance:
        for start in range(0, len(pairs), CHUNK):
            chunk = pairs[start : start + CHUNK]
            scores += grade(chunk)
            advance(len(chunk))
    seconds = time.monotonic() - began
    _write(out, rows, scores)
    _say(scores, seconds)
    print(f"written   {out}")


def _refuse_lost_columns(row: Row, question: str) -> None:
    """A column of the user's is not written over, and one that was named is there."""
    taken = [name for name in ADDED if name in row.values]
    if taken:
        raise DataError(f"{row.where}: has a column {taken[0]!r} already, which would be written over; rename it first")
    if question != "question":
        _value(row, question)


def _value(row: Row, column: str) -> Any:
    """What stands in a column, which may be empty but must be there."""
    if column not in row.values:
        row.get(column, "a column of this file; say which with --gold, --prediction or --question")
    return row.values[column]


def _prediction(row: Row, column: str) -> str:
    """A response as text; none at all is an empty one, and a number is what it looks like."""
    value = _value(row, column)
    if value is not None and (isinstance(value, bool) or not isinstance(value, str | int | float)):
        raise DataError(f"{row.where}: column {column!r} holds {type(value).__name__}; expected text")
    return "" if value is None else str(value)


def _grader(name: str, question: str, physics: bool, pattern: str | None) -> Any:
    """A function of a list of (prediction, gold, row) that returns their scores."""
    if name == "math":

        def rules(row: Row) -> Rules:
            asked = row.values.get(question)
            return Rules(question=asked if isinstance(asked, str) else None, physics=physics)

        return lambda chunk: grade_many([(given, gold, rules(row)) for given, gold, row in chunk])
    if physics:
        raise RecipeError(f"--physics is for --verifier math, but --verifier {name} is chosen")
    if (name == "regex") != (pattern is not None):
        raise RecipeError(
            "--verifier regex needs --pattern, a regular expression that finds the answer"
            if name == "regex"
            else f"--pattern is for --verifier regex, but --verifier {name} is chosen"
        )
    function = lookup("verifier", name, VERIFIERS)
    if name in VERIFIERS and name not in SLOW:
        return lambda chunk: [as_score(name, function(given, gold)) for given, gold, _ in chunk]
    options = {}
    if pattern is not None:
        try:
            options["pattern"] = re.compile(pattern).pattern
        except re.error as error:
            raise RecipeError(f"--pattern {pattern!r}: is no regular expression ({error})") from None
    return lambda chunk: grade_foreign(VERIFIERS.get(name, name), [(given, gold) for given, gold, _ in chunk], options)


def _write(out: Path, rows: list[Row], scores: list[Score]) -> None:
    table = [
        {
            **row.values,
            "verdict": str(score.verdict),
            "reason": score.reason,
            "tier": score.tier,
            "answer": score.answer,
        }
        for row, score in zip(rows, scores, strict=True)
    ]
    with replacing(out) as temporary:
        if out.suffix == ".parquet":
            pl.DataFrame(table, infer_schema_length=None).write_parquet(temporary)
        else:
            lines = (json.dumps(row, ensure_ascii=False, default=str) + "\n" for row in table)
            temporary.write_text("".join(lines), encoding="utf-8")


def _say(scores: list[Score], seconds: float) -> None:
    verdicts = Counter(str(score.verdict) for score in scores)
    tiers = Counter(score.tier for score in scores if score.tier)
    print(", ".join(f"{verdicts[verdict]:,} {verdict}" for verdict in ("right", "wrong", "unknown")), end="")
    print(f"; {len(scores) / seconds:,.0f} a second" if len(scores) >= CHUNK else "")
    if tiers:
        print("decided by " + ", ".join(f"{tier}: {count:,}" for tier, count in tiers.most_common()))
    for reason, count in Counter(score.reason for score in scores if score.correct is None).most_common(5):
        print(f"  unknown, {count:,} x: {reason}")
