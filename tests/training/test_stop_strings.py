"""Training and its evaluation end responses where the task says."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from assay.recipe import parse_recipe
from assay.store import Run
from assay.tasks import make_task
from assay.training import rl
from assay.training.evaluation import evaluate
from assay.types import Sampling

RECIPE = """
name = "t"
steps = 1
[model]
base = "organism:none"
[task]
name = "gsm8k"
prompt = "few-shot"
[rollout]
prompts = 1
[evaluation]
every = 0
problems = 1
"""


class Told(Exception):
    """What the engine was told."""


class Engine:
    def __init__(self, *_: Any, **__: Any) -> None:
        pass

    def generate(self, prompts: Any, samples: int, sampling: Sampling, template: str, **ids: Any) -> Any:
        raise Told(sampling.stop)


@pytest.fixture
def data(tmp_path: Path) -> str:
    for split in ("train", "test"):
        row = {"question": f"Two and three, {split}?", "answer": "#### 5"}
        (tmp_path / f"{split}.jsonl").write_text(json.dumps(row) + "\n")
    return str(tmp_path)


def test_evaluation_uses_the_tasks_stop_strings(data: str) -> None:
    recipe = parse_recipe(RECIPE, "test", [])
    with pytest.raises(Told, match="Q:"):
        evaluate(Engine(), make_task(recipe.task, data), recipe, data)  # type: ignore[arg-type]


def test_training_uses_the_tasks_stop_strings(data: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rl, "Engine", Engine)
    monkeypatch.setattr(rl, "load_trained", lambda *_: SimpleNamespace(model=None, version=""))
    monkeypatch.setattr(rl, "Learner", lambda *_: SimpleNamespace(begin=lambda step: None, teacher=None))
    monkeypatch.setattr(rl, "load_checkpoint", lambda *_: 0)
    run = Run.create(tmp_path / "run", parse_recipe(RECIPE, "test", []), "t.toml", [])
    with pytest.raises(Told, match="Q:"):
        rl.train(run, data)
