"""The columns of a sample file (docs/sample_files.md). No torch, so that files can be graded again without it."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any

import polars as pl

from assay.tasks import Task, data_hash_of, judges_steps, wording_of
from assay.types import Labels, Prompt, Score

COLUMNS: dict[str, Any] = {
    "problem": pl.String,
    "correct": pl.Boolean,
    "task": pl.String,
    "member": pl.Int64,
    "prompt": pl.String,
    "response": pl.String,
    "answer": pl.String,
    "verdict": pl.String,
    "reason": pl.String,
    "judge": pl.String,
    "tier": pl.String,
    "reasoning": pl.Boolean,
    "solution": pl.String,
    "strategy": pl.String,
    "reflection": pl.String,
    "confidence": pl.String,
    "form": pl.String,
    "stop": pl.String,
    "length_tokens": pl.Int64,
    "guess_probability": pl.Float64,
    "logprob": pl.Float64,
    "logprob_under": pl.Float64,
    "under": pl.String,
    "temperature": pl.Float64,
    "top_p": pl.Float64,
    "top_k": pl.Int64,
    "max_new_tokens": pl.Int64,
    "template_hash": pl.String,
    "wording": pl.String,
    "data_hash": pl.String,
    "seed": pl.Int64,
    "model": pl.String,
    "token_ids": pl.List(pl.Int32),
}


def judged(task: Task, score: Score, labels: Labels) -> dict[str, Any]:
    """The columns that a task fills."""
    return {
        "correct": score.correct,
        "verdict": str(score.verdict),
        "reason": score.reason,
        "judge": score.judge,
        "tier": score.tier,
        "answer": score.answer,
        "reasoning": reasoning(score) if judges_steps(task) else None,
        **asdict(labels),
    }


def reasoning(score: Score) -> bool | None:
    """Whether the answer is right and so is every step, of which one at least is written (arXiv 2506.14245).

    None where a right answer has a step that could not be read, and where the answer could not be judged. `score` is
    of a task that judges steps.
    """
    if not score.correct or not score.steps:
        return None if score.correct is None else False
    if any(step is not None and step < 1 for step in score.steps):
        return False
    return None if None in score.steps else True


def posed(task: Task, prompt: Prompt) -> dict[str, Any]:
    """The columns that say how a problem was put and what it rests on."""
    return {
        "guess_probability": task.guess_probability(prompt),
        "wording": wording_of(task),
        "data_hash": data_hash_of(task, prompt.split),
    }


def to_frame(rows: Iterable[Mapping[str, Any]], more: Mapping[str, Any] | None = None) -> pl.DataFrame:
    """Rows as a table with all columns, `more` ones included; a column that no row has is null."""
    return pl.DataFrame(list(rows), schema={**COLUMNS, **(more or {})})
