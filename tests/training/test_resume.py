import errno
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from assay.cli.main import run as assay
from assay.errors import RunError
from assay.files import new_directory, restore_directory
from assay.organisms.grow import Shape, make_model, make_tokenizer
from assay.recipe import parse_recipe
from assay.store import Run
from assay.training import checkpoint

WEIGHTS = "model/model.safetensors"
RECIPE = """
name = "resume"
steps = 4
[model]
base = "{base}"
[task]
name = "compose"
[rollout]
prompts = 4
group = 4
max_new_tokens = 12
[reward]
functions = ["rewards_of_tests:length"]
[algorithm]
updates = 2
kl_coef = 0.01
[optimizer]
learning_rate = 1e-3
warmup_steps = 3
[evaluation]
every = 2
problems = 4
samples = 2
[checkpoint]
every = 1
rollouts_every = 2
"""


def tiny_model(folder, seed=0, positions=64):
    shape = Shape(hidden=16, layers=1, heads=2, mlp=16, max_positions=positions)
    make_model(shape, seed).save_pretrained(folder)
    make_tokenizer(positions).save_pretrained(folder)
    return folder


def numbers(run):
    """All metrics but those that depend on the clock."""
    timed = ("time/", "step_time", "grading/throughput")
    return [
        {key: value for key, value in row.items() if not key.startswith(timed)}
        for row in map(json.loads, (run / "metrics.jsonl").read_text().splitlines())
    ]


def test_killed_runs_end_bitwise_like_the_uninterrupted_one(tmp_path):
    base = tiny_model(tmp_path / "base")
    (tmp_path / "recipe.toml").write_text(RECIPE.format(base=base))
    whole = kill_and_resume(tmp_path)
    assert (whole / WEIGHTS).read_bytes() != (base / "model.safetensors").read_bytes()


def kill_and_resume(folder, kills=8):
    """Trains folder/recipe.toml in one go, and kills and continues others, which end as it did; returns the first."""
    here = Path(__file__).parent
    paths = os.pathsep.join(filter(None, (str(here), os.environ.get("PYTHONPATH"))))
    environment = os.environ | {"PYTHONPATH": paths}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", here / "kill_and_resume.py", folder, str(kills)],
        env=environment, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    whole = folder / "whole"
    killed = sorted(folder.glob("killed-*"))
    assert len(killed) == kills
    for run in killed:
        assert (run / WEIGHTS).read_bytes() == (whole / WEIGHTS).read_bytes(), run
        assert numbers(run) == numbers(whole), run
        assert not list(run.rglob(".*")), run
        assert Run.open(run).manifest["status"] == "finished"
    return whole


def test_a_run_directory_is_never_overwritten(tmp_path):
    recipe = parse_recipe(RECIPE.format(base="x"), "x", [])
    Run.create(tmp_path / "run", recipe, "x", [])
    with pytest.raises(RunError, match="already exists; continue it with: assay train --resume"):
        Run.create(tmp_path / "run", recipe, "x", [])
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "file").write_text("mine")
    with pytest.raises(RunError, match="already exists; give another --out"):
        Run.create(tmp_path / "other", recipe, "x", [])
    with pytest.raises(RunError, match="no run there"):
        Run.open(tmp_path / "nothing")


def test_a_run_is_trained_by_one_process_at_a_time(tmp_path, capsys):
    base = tiny_model(tmp_path / "base")
    run = Run.create(tmp_path / "run", parse_recipe(RECIPE.format(base=base), "x", []), "x", [])
    with run.alone():
        assert assay(["train", "--resume", str(run.path)]) == 2
    assert "another process is training this run; wait for it, or stop it" in capsys.readouterr().err


class Full:
    """A file on a disk that has no room left."""

    def write(self, data):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_full_disk_loses_nothing(tmp_path, monkeypatch, capsys):
    """The second checkpoint meets a full disk: one sentence, the first checkpoint stays, and the run continues."""
    base = tiny_model(tmp_path / "base")
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    (tmp_path / "recipe.toml").write_text(RECIPE.format(base=base).replace("steps = 4", "steps = 3"))
    save, calls = checkpoint.torch.save, []

    def full_at_the_second(state, file):
        calls.append(file)
        save(state, Full() if len(calls) == 2 else file)

    monkeypatch.setattr(checkpoint.torch, "save", full_at_the_second)
    assert assay(["train", str(tmp_path / "recipe.toml"), "--out", str(tmp_path / "run")]) == 2
    error = capsys.readouterr().err
    assert "the disk is full" in error and "Traceback" not in error
    assert [path.name for path in (tmp_path / "run" / "checkpoints").iterdir()] == ["step-000001"]
    assert assay(["train", "--resume", str(tmp_path / "run")]) == 0
    assert (tmp_path / "run" / "model" / "model.safetensors").is_file()


def test_a_directory_that_is_being_replaced_is_never_lost(tmp_path, monkeypatch):
    """Killed between taking the old one away and putting the new one there: the old one comes back."""
    path, replace = tmp_path / "model", os.replace
    with new_directory(path) as new:
        (new / "weights").write_text("old")

    def torn(source, target):
        if Path(target) == path:
            raise KeyboardInterrupt
        replace(source, target)

    monkeypatch.setattr("assay.files.os.replace", torn)
    with pytest.raises(KeyboardInterrupt), new_directory(path) as new:
        (new / "weights").write_text("new")
    assert not path.exists()
    monkeypatch.undo()
    restore_directory(path)
    assert (path / "weights").read_text() == "old" and [each.name for each in tmp_path.iterdir()] == ["model"]
