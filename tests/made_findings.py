"""Studies made by hand: runs that say they are finished, and tiny sample files whose answers are known."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import tomli_w

from assay.samples import write_samples
from assay.store import Run
from assay.studies.file import load_study
from assay.studies.matrix import Cell, Matrix

N = 8
"""Answers to each problem."""
SAMPLING = {
    "temperature": 1.0, "top_p": 1.0, "top_k": 0, "max_new_tokens": 64, "template_hash": "t", "wording": "plain",
    "data_hash": None,
}  # fmt: skip
ARMS = {"truth": {"reward": ["ground_truth"]}, "luck": {"reward": ["random"]}}
Answers = Callable[[Cell | None, str, bool], Sequence[Sequence[tuple[bool, str, int]]]]
"""(the run or None for the base, task, whether at the matched temperature) -> for each problem its answers: whether
right, its strategy, its tokens."""


def made_study(
    out: Path,
    answers: Answers,
    arms: Mapping[str, Mapping[str, Any]] = ARMS,
    seeds: Sequence[int] = (0, 1, 2),
    families: Sequence[str] = ("code-base",),
    tasks: Sequence[str] = ("compose:seen",),
    matched: Sequence[str] = (),
    metrics: Callable[[Cell], Mapping[str, float]] = lambda cell: {},
    skip: Sequence[Cell] = (),
) -> Matrix:
    """A whole study directory, but for the runs in `skip`."""
    out.mkdir(parents=True, exist_ok=True)
    tables = {
        "name": "made",
        "seeds": list(seeds),
        "families": {family: f"organism:{family}" for family in families},
        "recipe": {
            "steps": 2,
            "task": {"name": "compose", "rung": "seen"},
            "algorithm": {"name": "grpo", "updates": 2},
        },
        "arms": {name: dict(table) for name, table in arms.items()},
        "audits": [{"task": task, "problems": 8, "n": N} for task in tasks],
        "matched": list(matched),
    }
    file = out / "study.toml"
    file.write_text(tomli_w.dumps(tables), encoding="utf-8")
    matrix = Matrix(load_study(file), out)
    for task in tasks:
        for family in families:
            _write(matrix.samples(task, family), answers(None, task, False), task)
    for cell in matrix.cells():
        if cell not in skip:
            _run(matrix, cell, metrics(cell))
            for task in tasks:
                _write(matrix.samples(task, cell.family, cell), answers(cell, task, False), task)
            if cell.arm in matched:
                file = matrix.samples(tasks[0], cell.family, cell, matched=True)
                _write(file, answers(cell, tasks[0], True), tasks[0], temperature=1.5)
    return matrix


def right(shares: Sequence[float], strategy: str = "prose", tokens: int = 10) -> list[list[tuple[bool, str, int]]]:
    """Answers of which these shares of each problem's are right."""
    return [[(member < round(share * N), strategy, tokens) for member in range(N)] for share in shares]


def _run(matrix: Matrix, cell: Cell, metrics: Mapping[str, float]) -> None:
    """As much of a finished run as a study reads."""
    run = Run(matrix.run(cell))
    run.model.mkdir(parents=True)
    run.append_metrics({"step": 0, **metrics})
    run.update_manifest(status="finished")


def _write(path: Path, answers: Sequence[Sequence[tuple[bool, str, int]]], task: str, **more: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = [
        {
            "problem": f"problem {at}", "member": member, "correct": correct, "strategy": strategy, "stop": "eos",
            "prompt": f"What is {at}?", "response": f"{strategy}: {at} is {'right' if correct else 'wrong'}",
            "length_tokens": tokens,
            "answer": "a" if correct else "b", "reason": None if correct else "wrong answer", "logprob": -0.5 * tokens,
            "task": task, **SAMPLING, **more,
        }
        for at, found in enumerate(answers)
        for member, (correct, strategy, tokens) in enumerate(found)
    ]  # fmt: skip
    write_samples(path, rows)
