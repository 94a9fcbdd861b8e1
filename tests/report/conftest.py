"""Findings to draw, from real audits of small made-up sample files, and runs as the trainer leaves them."""

import json
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from assay.audits.compare import compare
from assay.store import Run

HOSTILE = '</script><script>alert(1)</script><!-- <img src=x onerror="alert(2)"> {{ 7 * 7 }}'
PROBLEMS, N, STEPS = 24, 8, 40


def sample_rows(seed: int, gain: float) -> list[dict[str, Any]]:
    """Eight answers to each of 24 problems, whose chance of a right one rises from 0 to .6 (times `gain`)."""
    draw = random.Random(seed)
    return [_row(draw, problem, member, gain) for problem in range(PROBLEMS) for member in range(N)]


def _row(draw: random.Random, problem: int, member: int, gain: float) -> dict[str, Any]:
    code = draw.random() < 0.4 * gain
    right = draw.random() < min(1.0, gain * 0.6 * max(0, problem - 3) / PROBLEMS)
    length = 10 + draw.randrange(20)
    return {
        "problem": f"problem {problem} {HOSTILE}",
        "correct": right,
        "member": member,
        "prompt": f"What is it? {HOSTILE}",
        "response": f"code: x\n{HOSTILE}" if code else f"prose {HOSTILE}",
        "answer": "7" if right else None,
        "reason": None if right else "no answer",
        "strategy": "code" if code else "prose & more",
        "stop": "eos",
        "length_tokens": length,
        "guess_probability": 0.0001 if problem else 0.5,
        "logprob_under": -0.4 * length,
        "under": "base",
        "temperature": 1.0,
        "wording": "few-shot",
        "data_hash": "0123456789ab",
    }


def audit(folder: Path, labels: Sequence[str], keys: Sequence[str] | None = None, n: int = N) -> dict[str, Any]:
    """The findings of as many made-up models as there are labels; only `keys` of the rows are written."""
    paths = []
    for at, _ in enumerate(labels):
        rows = [row for row in sample_rows(at, 1.0 + 0.5 * at) if row["member"] < n]
        path = folder / f"model-{at}.jsonl"
        lines = (json.dumps({key: row[key] for key in keys or row}) for row in rows)
        path.write_text("\n".join(lines), encoding="utf-8")
        paths.append(path)
    return compare(paths, labels)


@pytest.fixture(scope="session")
def whole_findings(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return audit(tmp_path_factory.mktemp("samples"), ("base", "tuned"))


@pytest.fixture
def findings(whole_findings: dict[str, Any]) -> dict[str, Any]:
    """Findings with everything in them, one problem of 24 guessable; a copy that a test may change."""
    copy: dict[str, Any] = json.loads(json.dumps(whole_findings))
    return copy


def metrics_rows(steps: int) -> list[dict[str, Any]]:
    """What a run logs: every tenth step is evaluated, and entropy is unknown at step 3."""
    draw = random.Random(3)
    rows: list[dict[str, Any]] = []
    for step in range(steps):
        share = 0.1 + 0.5 * step / (step + 20)
        row = {
            "step": step,
            "reward": share,
            "reward_std": 0.3,
            "rewards/true/mean": share,
            "unknown": 0,
            "completions/mean_length": 40.0 + step,
            "completions/min_length": 12,
            "completions/max_length": 90,
            "entropy": None if step == 3 else 0.9 - 0.3 * share,
            "grad_norm": 0.5 + draw.random(),
            "learning_rate": 1e-4,
            "step_time": 90.0,
        }
        rows.append(row | (evaluation(share) if step % 10 == 0 else {}))
    return [*rows, {"step": steps, **evaluation(0.5)}]


def evaluation(share: float) -> dict[str, Any]:
    return {"eval/pass@1": share, "eval/low": share - 0.05, "eval/high": share + 0.05, "eval/problems": 64}


def make_run(path: Path, rows: Sequence[dict[str, Any]], **manifest: Any) -> Path:
    """A run directory as the trainer leaves it."""
    path.mkdir(parents=True)
    recipe = f'name = "demo"\nsteps = {STEPS}\n[model]\nbase = "organism:code"\n[task]\nname = "countdown"\n'
    (path / "recipe.toml").write_text(recipe, encoding="utf-8")
    Run(path).update_manifest(**{"status": "finished", "steps": STEPS, "git": None} | manifest)
    (path / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return make_run(tmp_path / "runs" / "demo", metrics_rows(STEPS))
