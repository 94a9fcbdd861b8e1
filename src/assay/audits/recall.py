"""Files of continued problems, read strictly, and how much of the rest of each problem its continuation has.

Words are apart by white space. A continuation is cut to as many words as the rest has, for a model may go on to solve
the problem. Shape legend: A and B words of two texts.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from assay.errors import DataError
from assay.tasks.rows import Row, read_rows

SETS = ("suspect", "clean")
SHARES = (0.4, 0.6, 0.8)
"""Shares of a problem's words that are given where we continue problems (arXiv 2507.10532)."""
SCHEMA = {
    "problem": pl.String, "set": pl.String, "share": pl.Float64, "tail": pl.String, "continuation": pl.String,
    "exact": pl.Float64, "rouge_l": pl.Float64, "answer_in": pl.Float64, "task": pl.String, "model": pl.String,
}  # fmt: skip


def lcs(one: Sequence[str], other: Sequence[str]) -> int:
    """Length of the longest common subsequence of two sequences of words."""
    ids: dict[str, int] = {}
    a_A, b_B = (np.array([ids.setdefault(word, len(ids)) for word in words]) for words in (one, other))
    best_B = np.zeros(len(b_B) + 1, dtype=np.int64)
    for word in a_A:
        best_B[1:] = np.maximum.accumulate(np.maximum(best_B[1:], best_B[:-1] + (b_B == word)))
    return int(best_B[-1])


def rouge_l(tail: str, continuation: str) -> float:
    """ROUGE-L (Lin 2004, F of equal weights) with the tail of the continuation, cut to the tail's number of words."""
    wanted = tail.split()
    said = continuation.split()[: len(wanted)]
    return 2 * lcs(wanted, said) / (len(wanted) + len(said))


def exact(tail: str, continuation: str) -> bool:
    """Whether the continuation begins with the words of the tail, and no others."""
    wanted = tail.split()
    return continuation.split()[: len(wanted)] == wanted


def read_continued(path: Path) -> pl.DataFrame:
    """The rows of a file of docs/contamination.md with `exact`, `rouge_l` and `answer_in` as numbers.

    Raises DataError that names file, row and column for what does not fit.
    """
    rows: list[dict[str, Any]] = []
    seen: dict[tuple[Any, ...], str] = {}
    for row in read_rows(path):
        found = _row(row)
        key = (found["problem"], found["set"], found["share"])
        if key in seen:
            raise DataError(f"{row.where}: continues the same problem from the same share as {seen[key]}; expected one")
        seen[key] = row.where
        rows.append(found)
    return pl.DataFrame(rows, schema=SCHEMA).sort("set", "share", "problem", descending=[True, False, False])


def _row(row: Row) -> dict[str, Any]:
    problem = row.get("problem", "the identity of a problem")
    name = row.text("set", " or ".join(SETS))
    if name not in SETS:
        raise DataError(f"{row.where}: column 'set' holds {name!r}; expected {' or '.join(SETS)}")
    share = _number(row, row.get("share", "the share of the problem that was given"))
    if not 0 < share < 1:
        raise DataError(f"{row.where}: column 'share' holds {share:g}; expected a share between 0 and 1, such as 0.6")
    tail = row.text("tail", "the rest of the problem's text")
    said = row.values.get("continuation")
    if not isinstance(said, str):
        raise DataError(f"{row.where}: column 'continuation' holds no text; expected what the model wrote, or ''")
    return {
        "problem": str(problem),
        "set": name,
        "share": share,
        "tail": tail,
        "continuation": said,
        "exact": float(exact(tail, said)),
        "rouge_l": rouge_l(tail, said),
        "answer_in": _answer_in(row),
        "task": _said(row.values, "task"),
        "model": _said(row.values, "model"),
    }


def _number(row: Row, value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        raise DataError(f"{row.where}: column 'share' holds {value!r}; expected a number such as 0.6") from None


def _answer_in(row: Row) -> float | None:
    """1.0, 0.0, or None where it is not known; CSV has only text."""
    value = row.values.get("answer_in")
    words = {"true": True, "false": False, "": None}
    if isinstance(value, str) and value.lower() in words:
        value = words[value.lower()]
    if value is not None and not isinstance(value, bool):
        raise DataError(f"{row.where}: column 'answer_in' holds {value!r}; expected true, false or null")
    return None if value is None else float(value)


def _said(values: Mapping[str, Any], name: str) -> str | None:
    value = values.get(name)
    return None if value is None else str(value)
