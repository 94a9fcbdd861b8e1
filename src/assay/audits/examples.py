"""Responses to read side by side: problems that only one model solves, and those whose accuracy moved most."""

from collections.abc import Iterable
from typing import Any

import numpy as np
import polars as pl

from assay.audits import Result
from assay.audits.inputs import Inputs, Model
from assay.samples import read_samples
from assay.stats import Answers

EACH = 3  # problems of each kind and comparison
LONGEST = 20_000  # characters
COLUMNS = ("member", "prompt", "response", "answer", "reason", "strategy", "length_tokens", "stop", "logprob")
SHOWN = ("response", "answer", "reason", "strategy", "length_tokens", "stop", "logprob")


def audit(inputs: Inputs) -> Result:
    """Chooses the problems by their counts, then reads the responses to these alone."""
    chosen = {model.label: choose(inputs.base.answers, model.answers) for model in inputs.tuned}
    wanted = {inputs.problems[index] for kinds in chosen.values() for indices in kinds.values() for index in indices}
    responses = {model.label: _responses(model, wanted) for model in inputs.models}
    examples = []
    for model in inputs.tuned:
        base_rows, tuned_rows = responses[inputs.base.label], responses[model.label]
        if base_rows is None and tuned_rows is None:
            continue
        for kind, indices in chosen[model.label].items():
            for index in indices:
                problem = inputs.problems[index]
                examples.append(
                    {
                        "kind": kind,
                        "comparison": model.label,
                        "problem": problem,
                        "prompt": _prompt(problem, (base_rows, tuned_rows)),
                        "base": _side(inputs.base, index, problem, base_rows),
                        "tuned": _side(model, index, problem, tuned_rows),
                    }
                )
    return Result({"examples": examples})


def choose(base: Answers, tuned: Answers) -> dict[str, list[int]]:
    """Positions of up to three problems of each kind, the most telling first."""
    rise_M = tuned.correct_M / tuned.n_M - base.correct_M / base.n_M
    before_M, after_M = base.correct_M > 0, tuned.correct_M > 0
    both_M = before_M & after_M
    kinds = {
        "base_only": (before_M & ~after_M, rise_M),
        "tuned_only": (~before_M & after_M, -rise_M),
        "gained": (both_M & (rise_M > 0), -rise_M),
        "lost": (both_M & (rise_M < 0), rise_M),
        "neither": (~before_M & ~after_M, np.zeros(len(rise_M))),
    }
    return {
        kind: [int(index) for index in np.argsort(key_M, kind="stable") if rows_M[index]][:EACH]
        for kind, (rows_M, key_M) in kinds.items()
    }


def _responses(model: Model, problems: set[str]) -> pl.DataFrame | None:
    """The responses to these problems, by problem and member; None where the file holds none."""
    if model.rows is None or not problems:
        return None
    frame = read_samples(model.path, COLUMNS, problems).frame
    if "response" not in frame.columns or frame["response"].null_count() == frame.height:
        return None
    if "member" not in frame.columns or frame["member"].null_count():
        frame = frame.with_columns(member=pl.int_range(pl.len()).over("problem"))
    missing = [pl.lit(None).alias(name) for name in COLUMNS if name not in frame.columns]
    return frame.with_columns(missing).sort("problem", "member")


def _prompt(problem: str, frames: Iterable[pl.DataFrame | None]) -> str | None:
    for frame in frames:
        if frame is not None:
            prompts = frame.filter(pl.col("problem") == problem)["prompt"].drop_nulls()
            if len(prompts):
                return _cut(prompts[0])
    return None


def _side(model: Model, index: int, problem: str, frame: pl.DataFrame | None) -> dict[str, Any]:
    rows = None if frame is None else frame.filter((pl.col("problem") == problem) & pl.col("response").is_not_null())
    return {
        "label": model.label,
        "n": int(model.answers.n_M[index]),
        "correct": int(model.answers.correct_M[index]),
        "right": None if rows is None else _first(rows.filter(pl.col("correct"))),
        "wrong": None if rows is None else _first(rows.filter(~pl.col("correct"))),
    }


def _first(rows: pl.DataFrame) -> dict[str, Any] | None:
    if rows.is_empty():
        return None
    row = rows.row(0, named=True)
    return {"member": row["member"], **{name: _cut(row[name]) for name in SHOWN}}


def _cut(value: Any) -> Any:
    return value[:LONGEST] + " [...]" if isinstance(value, str) and len(value) > LONGEST else value
