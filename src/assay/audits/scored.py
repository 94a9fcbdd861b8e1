"""Reads a sample file whose responses have scores: what best-of-n is measured on.

Shape legend: M problems, N responses to one of them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from assay.annotators import dials
from assay.audits.sources import SETTINGS, read_settings
from assay.errors import DataError
from assay.registry import nearest
from assay.samples import read_samples
from assay.stats import Floats, k_values

ANSWER = "answer"
VOTE = " answer "
"""What the column to vote by is called in here, so that it may be any column, a score too."""
NO_SCORES = ("problem", "correct", "n")
"""Columns that say what is measured, and so cannot be what it is chosen by."""
LEAST = 2
"""Responses to a problem below which there is nothing to choose from."""


@dataclass(frozen=True, slots=True, eq=False)
class Scored:
    """Judged and scored responses, by problem in the order of their names.

    `right` has bool [N] a problem, `scores` for every column float64 [N] a problem, `answers` their texts a problem;
    None where the file has none to vote with. `ns` are 1, 2, 4, ... and the smallest N.
    """

    problems: tuple[str, ...]
    ns: tuple[int, ...]
    right: tuple[NDArray[np.bool_], ...]
    scores: dict[str, tuple[Floats, ...]]
    answers: tuple[list[str | None], ...] | None
    notes: list[str]
    settings: dict[str, Any]


def read_scored(path: Path, scores: Sequence[str], answer: str | None = None) -> Scored:
    """The responses of a sample file that are judged and have every score; the others are left out and counted.

    `answer` names the column to vote by; without it that is `answer`, where there is one. Raises DataError where a
    column is not there or holds no numbers, or no problem has two responses.
    """
    frame, vote = _read(path, scores, answer), answer or ANSWER
    has_answers = vote in frame.columns and frame[vote].null_count() < frame.height
    if answer is not None and not has_answers:
        raise DataError(f"{path}: column {answer!r} is empty, so nothing can be voted on; leave --answer out")
    whole = frame.drop_nulls(["correct", *scores])
    table = (
        whole.select("problem", "correct", *scores, *([pl.col(vote).alias(VOTE)] if has_answers else []))
        .group_by("problem", maintain_order=True)
        .agg(pl.all())
        .sort("problem")
        .filter(pl.col("correct").list.len() >= LEAST)
    )
    if table.is_empty():
        raise DataError(
            f"{path}: no problem has {LEAST} responses that are judged and have {_named(scores)}, so there is nothing "
            "to choose from; sample at least two a problem, and grade and score them"
        )
    sizes = [len(each) for each in table["correct"]]
    left_out = {
        "unjudged": frame["correct"].null_count(),
        "without_score": {name: frame[name].null_count() for name in scores},
        "responses": frame.height - sum(sizes),
        "problems": frame["problem"].n_unique() - table.height,
    }
    answers = tuple(table[VOTE].to_list()) if has_answers else None
    return Scored(
        problems=tuple(table["problem"]),
        ns=tuple(k_values(min(sizes))),
        right=tuple(np.array(each, dtype=bool) for each in table["correct"].to_list()),
        scores={name: tuple(np.array(each) for each in table[name].to_list()) for name in scores},
        answers=answers,
        notes=_notes(frame, sizes, left_out, answers),
        settings=_settings(path, frame, sizes, left_out, vote if has_answers else None),
    )


def _read(path: Path, scores: Sequence[str], answer: str | None) -> pl.DataFrame:
    if not scores:
        raise DataError("give --score COLUMN, the column to choose the best response by")
    for name in scores:
        if scores.count(name) > 1:
            raise DataError(f"--score {name} is given twice; name every column once")
        if name in NO_SCORES:
            raise DataError(f"--score {name}: that column says what is measured; name one of numbers to choose by")
    file = read_samples(path, {answer or ANSWER, "member", "annotator", *SETTINGS}, numbers=scores)
    if file.format == "counts":
        raise DataError(f"{path}: holds counts; best-of-n chooses among responses and needs a row for each")
    frame = file.frame
    for name in (*scores, *([answer] if answer is not None else [])):
        if name not in frame.columns:
            known = [each for each in read_samples(path).frame.columns if each not in NO_SCORES]
            raise DataError(f"{path}: no row has a column {name!r}{nearest(name, known)}; there are {', '.join(known)}")
    for name in scores:
        if frame[name].null_count() == frame.height:
            raise DataError(f"{path}: column {name!r} is empty; expected a number to choose by")
    vote = answer or ANSWER
    return frame.with_columns(_voted(frame[vote])) if vote in frame.columns and vote not in scores else frame


def _voted(values: pl.Series) -> pl.Series:
    """What is compared in a vote: text, whatever its type, without white space at its ends; nothing is no answer."""
    if values.dtype.is_nested():
        values = pl.Series(values.name, [None if each is None else str(each) for each in values.to_list()], pl.String)
    text = values.cast(pl.String).str.strip_chars()
    return text.set(text == "", None)


def _named(scores: Sequence[str]) -> str:
    return f"the score {scores[0]}" if len(scores) == 1 else f"the scores {', '.join(scores)}"


def _settings(
    path: Path, frame: pl.DataFrame, sizes: Sequence[int], left_out: dict[str, Any], answer: str | None
) -> dict[str, Any]:
    return {
        "file": path.name,
        **{name: value for name, value in read_settings(frame).items() if name not in ("under", "policy_annotator")},
        "problems": len(sizes),
        "responses": sum(sizes),
        "n_min": min(sizes),
        "n_max": max(sizes),
        "answer_column": answer,
        "left_out": left_out,
    }


def _notes(
    frame: pl.DataFrame,
    sizes: Sequence[int],
    left_out: dict[str, Any],
    answers: tuple[list[str | None], ...] | None,
) -> list[str]:
    """Sentences that a reader should see beside the numbers."""
    notes, height = [], frame.height
    if "annotator" in frame.columns and frame["annotator"].null_count() < height:
        told = dials(frame["annotator"].drop_nulls().cast(pl.String).unique().sort())
        notes.append(f"Rewards in this file rest on simulated preferences: {told}.")
    if left_out["unjudged"]:
        notes.append(f"Left out, since they could not be judged: {left_out['unjudged']:,} of {height:,} responses.")
    for name, missing in left_out["without_score"].items():
        if missing:
            notes.append(f"Left out, since they have no {name}: {missing:,} of {height:,} responses.")
    if left_out["problems"]:
        notes.append(f"Left out, since fewer than {LEAST} responses remain: problems, {left_out['problems']:,}.")
    if min(sizes) < max(sizes):
        notes.append(f"Problems have {min(sizes)} to {max(sizes)} responses: the curves stop at the smallest.")
    if answers is None:
        notes.append("The file has no answers to vote with, so there is no majority; --answer names their column.")
    else:
        silent = sum(each is None for texts in answers for each in texts)
        if silent:
            notes.append(f"Of {sum(sizes):,} responses, {silent:,} without an answer abstain from the vote.")
    if len(left_out["without_score"]) > 1:
        notes.append("The verdicts of the scores are not corrected for their number.")
    return notes
