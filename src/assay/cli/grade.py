"""`assay grade`: a verifier on pairs of gold and prediction, to see what it says."""

import json
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
from assay.tasks.verifiers import VERIFIERS, as_score
from assay.types import Score

CHUNK = 500
"""Pairs that are graded together."""
ADDED = ("verdict", "reason", "tier", "answer")


def command(
    file: Annotated[Path, typer.Argument(help="Rows of gold and prediction: JSONL, Parquet or CSV.")],
    verifier: Annotated[str, typer.Option(help="math, number, exact, choice, ..., or module:function.")],
    out: Annotated[Path, typer.Option(help="The file to write: .jsonl or .parquet.")],
    gold: Annotated[str, typer.Option(help="Column of the gold answer.")] = "gold",
    prediction: Annotated[
        str, typer.Option(help="Column of the prediction: an answer or a whole response.")
    ] = "prediction",
    question: Annotated[str, typer.Option(help="Column of the question, where there is one; for math.")] = "question",
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
    pairs = [(row.get(prediction, "a prediction"), row.get(gold, "a gold answer"), row) for row in rows]
    for given, _, row in pairs:
        if not isinstance(given, str):
            raise DataError(f"{row.where}: column {prediction!r} holds {type(given).__name__}; expected text")
    grade = _grader(verifier, question, physics)
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


def _grader(name: str, question: str, physics: bool) -> Any:
    """A function of a list of (prediction, gold, row) that returns their scores."""
    if name == "math":

        def rules(row: Row) -> Rules:
            asked = row.values.get(question)
            return Rules(question=asked if isinstance(asked, str) else None, physics=physics)

        return lambda chunk: grade_many([(given, gold, rules(row)) for given, gold, row in chunk])
    if physics:
        raise RecipeError(f"--physics is for --verifier math, but --verifier {name} is chosen")
    function = lookup("verifier", name, VERIFIERS)
    if name not in VERIFIERS:
        return lambda chunk: grade_foreign(name, [(given, gold) for given, gold, _ in chunk])
    return lambda chunk: [as_score(name, function(given, gold)) for given, gold, _ in chunk]


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
    print(f"; {len(scores) / seconds:,.0f} a second" if seconds else "")
    if tiers:
        print("decided by " + ", ".join(f"{tier}: {count:,}" for tier, count in tiers.most_common()))
    for reason, count in Counter(score.reason for score in scores if score.correct is None).most_common(5):
        print(f"  unknown, {count:,} x: {reason}")
