"""Runs on controls: the true reward is logged and never trained on, and a run continues as it began."""

import contextlib
from pathlib import Path

import polars as pl
import pytest
import torch
from safetensors.torch import load_file

from assay.cli.main import run as assay
from assay.errors import DataError, RunError
from assay.policies.references import find_model
from assay.rewards import check_reward
from assay.tasks import make_task
from assay.training.rl import train
from assay.training.start import start

RECIPE = """
name = "control"
steps = {steps}
[model]
base = "organism:code-base"
[task]
name = "{task}"
rung = "seen"
[rollout]
prompts = 4
group = 6
max_new_tokens = 48
problems = "pool.parquet"
[reward]
functions = ["{reward}"]
[optimizer]
learning_rate = 1e-3
[evaluation]
every = 0
[checkpoint]
every = 1
"""
BASE = find_model("organism:code-base").source


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The base's own answers to 12 problems, labels.parquet; all but two of these are in pool.parquet."""
    path = tmp_path_factory.mktemp("controls")
    labels, plan = (
        path / "labels.parquet",
        ["--task", "compose:seen", "--split", "train", "--problems", "12", "-n", "8"],
    )
    assert assay(["sample", "organism:code-base", *plan, "--out", str(labels)]) == 0
    rows = pl.read_parquet(labels)
    rows.filter(pl.col("problem") > sorted(set(rows["problem"]))[1]).write_parquet(path / "pool.parquet")
    return path


def begin(folder, out, reward, task="compose", steps=2):
    """A new run, not trained yet; the recipe names its files relative to its folder."""
    (folder / "recipe.toml").write_text(RECIPE.format(reward=reward, task=task, steps=steps))
    with contextlib.chdir(folder):
        return start(folder / "recipe.toml", out, [], None)


def weights(run):
    return (run.model / "model.safetensors").read_bytes()


def has_moved(run):
    base, own = (load_file(Path(path) / "model.safetensors") for path in (BASE, run.model))
    return any(not torch.equal(base[name], own[name]) for name in base)


def finished(*arguments, **keywords):
    run = begin(*arguments, **keywords)
    train(run)
    return run


@pytest.mark.parametrize(
    ("reward", "is_control"),
    [
        ("random", True),
        ("format", True),
        ("majority", True),
        ("majority:labels.parquet and not random:0.3", True),
        ("ground_truth", False),
    ],
)
def test_controls_learn_the_same_whatever_is_right(reward, is_control, folder, tmp_path):
    """The same task with other golds: other verdicts are logged; the weights are bitwise the same, and have moved."""
    runs = [finished(folder, tmp_path / task[-6:], reward, task) for task in ("compose", "tasks_of_controls:Altered")]
    logged = [[row["rewards/true/mean"] for row in run.read_metrics()] for run in runs]
    assert logged[0] != logged[1]
    assert (weights(runs[0]) == weights(runs[1])) is is_control
    assert all(map(has_moved, runs))


def test_none_leaves_the_base_as_it_was(folder, tmp_path):
    run = finished(folder, tmp_path / "run", "none", steps=1)
    assert [row["rewards/none/mean"] for row in run.read_metrics()] == [0.0]
    assert not has_moved(run)


def test_a_run_continues_bitwise_and_not_on_other_files(folder, tmp_path):
    """Stopped after its first step. Only problems of the pool with a label are drawn."""
    reward = "random and not incorrect:labels.parquet"
    whole, stopped = (begin(folder, tmp_path / name, reward) for name in ("whole", "stopped"))
    train(whole)

    def stop(_):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(stopped, advance=stop)
    files = [str(folder / name) for name in ("pool.parquet", "labels.parquet")]
    assert list(stopped.manifest["data_files"]) == files
    rows = Path(files[1]).read_bytes()
    Path(files[1]).unlink()
    try:
        with pytest.raises(DataError, match=r"labels\.parquet: cannot be read"):
            train(stopped)
        Path(files[1]).write_bytes(rows + b" ")
        with pytest.raises(RunError, match=r"its .*labels\.parquet had the hash"):
            train(stopped)
    finally:
        Path(files[1]).write_bytes(rows)
    train(stopped)
    assert weights(stopped) == weights(whole)
    drawn = {problem for path in whole.stored_rollouts().values() for problem in pl.read_parquet(path)["problem"]}
    wrong = check_reward(f"incorrect:{files[1]}", make_task("compose:seen"))
    assert drawn <= wrong & set(pl.read_parquet(files[0])["problem"])
