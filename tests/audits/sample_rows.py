"""Small sample files for the tests of audits."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from assay.audits.compare import compare
from assay.stats import Answers

SAMPLING = {
    "temperature": 1.0, "top_p": 1.0, "top_k": 0, "max_new_tokens": 64, "template_hash": "t", "wording": "boxed",
    "data_hash": "d",
}  # fmt: skip


def answers(n: int | Sequence[int], correct: Sequence[int]) -> Answers:
    """`n` answers to each problem, of which `correct` are right."""
    correct_M = np.array(correct, dtype=np.int64)
    return Answers(np.broadcast_to(np.asarray(n, dtype=np.int64), correct_M.shape).copy(), correct_M)


def responses(correct: dict[Any, str], **columns: Any) -> list[dict[str, Any]]:
    """Rows from "1101" a problem: right, right, wrong, right; "?" is unknown. Other columns are added to every row."""
    marks = {"1": True, "0": False, "?": None}
    return [
        {"problem": problem, "member": member, "correct": marks[mark], **columns}
        for problem, written in correct.items()
        for member, mark in enumerate(written)
    ]


def write(path: Path, rows: Iterable[dict[str, Any]]) -> Path:
    """The rows as Parquet."""
    pl.DataFrame(list(rows), infer_schema_length=None).write_parquet(path)
    return path


def counts_file(path: Path, found: Answers, **columns: Any) -> Path:
    """A file of counts; problems are numbered from 0."""
    rows = zip(found.n_M.tolist(), found.correct_M.tolist(), strict=True)
    return write(path, ({"problem": i, "n": n, "correct": c, **columns} for i, (n, c) in enumerate(rows)))


def audit_counts(folder: Path, base: Answers, tuned: Answers, **columns: Any) -> dict[str, Any]:
    """The findings document of two files of counts."""
    paths = [
        counts_file(folder / "base.parquet", base, **columns),
        counts_file(folder / "tuned.parquet", tuned, **columns),
    ]
    return compare(paths)


def audit_rows(folder: Path, base: list[dict[str, Any]], tuned: list[dict[str, Any]], **options: Any) -> dict[str, Any]:
    """The findings document of two files of responses."""
    return compare([write(folder / "base.parquet", base), write(folder / "tuned.parquet", tuned)], **options)
