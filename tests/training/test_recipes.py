"""Every recipe on a shipped organism runs as it is, two steps of fewer samples."""

import json
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import pytest
import torch

from assay.algorithms import ALGORITHMS
from assay.cli.main import run as assay
from assay.recipe import load_any, load_recipe

RECIPES = sorted((Path(__file__).parents[2] / "recipes").glob("*.toml"))
RLHF = ("compose-reward-model", "compose-rlhf-ppo")
SFT = ("compose-sft", "distill-ladder-off-policy")
OTHERS = (*RLHF, *SFT)
"""Recipes that need what other commands make, as their first lines say."""
ORGANISMS = [path for path in RECIPES if load_any(path).model.base.startswith("organism:") and path.stem not in OTHERS]


def train(recipe, out):
    """Two steps of fewer samples, in a process of its own."""
    torch.set_num_threads(1)
    return assay(["train", str(recipe), "--out", str(out), "--set", "steps=2", "--set", "rollout.prompts=4"])


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Recipe -> exit code and run directory; two at a time, since each waits for one core."""
    folder = tmp_path_factory.mktemp("runs")
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        codes = pool.map(train, ORGANISMS, [folder / path.stem for path in ORGANISMS])
        return {path.stem: (code, folder / path.stem) for path, code in zip(ORGANISMS, codes, strict=True)}


@pytest.mark.parametrize("recipe", [path.stem for path in ORGANISMS])
def test_two_steps(recipe, runs):
    code, run = runs[recipe]
    assert code == 0
    rows = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    assert [row["step"] for row in rows] == [0, 1, 2]
    for row in rows[:2]:  # with few samples, dynamic sampling may find nothing to learn from
        assert row["grad_norm"] >= 0 if row.get("refill/groups", 1) else "loss" not in row
    assert (run / "model" / "model.safetensors").is_file() and rows[2]["eval/problems"] == 64


def test_there_is_one_for_each_of_the_family():
    """Another algorithm may come without a recipe: it takes a file, an entry and a row of the index."""
    named = {load_recipe(path).algorithm["name"] for path in ORGANISMS}
    assert named <= set(ALGORITHMS) and len(named) >= 18


def test_rlhf_from_samples_to_a_policy(tmp_path, monkeypatch):
    """As the recipes' first lines say: responses, preferences of a simulated annotator, a reward model, PPO on it."""
    monkeypatch.chdir(tmp_path)
    model, policy = (str(path) for path in RECIPES if path.stem in RLHF)
    for words in (
        "sample organism:code-base --task compose:seen --split train --problems 40 -n 6 --out base.parquet",
        "prefer base.parquet --set right=4 --per-problem 4 --out preferences.jsonl",
        f"train {model} --set steps=2 --set batch=8",
        f"train {policy} --set steps=2 --set rollout.prompts=8",
    ):
        assert assay(words.split()) == 0, words
    rows = [json.loads(line) for line in Path("runs/compose-rlhf-ppo-0/metrics.jsonl").read_text().splitlines()]
    assert rows[0]["kl_coef"] == load_recipe(Path(policy)).algorithm["kl_coef"] > rows[1]["kl_coef"]  # below its target
    assert rows[0]["reward"] == rows[0]["rewards/compose-reward-model-0/mean"] != rows[0]["rewards/true/mean"]
    quality = json.loads(Path("runs/compose-reward-model-0/quality.json").read_text())
    assert quality["annotators"] == ["simulated: right 4, noise 1, seed 0"]


def test_rlhf_and_rlvr_differ_in_the_reward_alone():
    found = (path for path in RECIPES if path.stem in ("compose-rlhf-ppo", "compose-rlvr-ppo"))
    one, other = (load_recipe(path).model_dump() for path in found)
    assert {key for key in one if one[key] != other[key]} == {"name", "reward"}


def test_distillation_from_a_teacher_to_a_student(tmp_path, monkeypatch):
    """As the recipes' first lines say, in two steps: the traces, then each recipe on them."""
    monkeypatch.chdir(tmp_path)
    sampled = "--task compose:hard --problems 6 -n 2 --max-new-tokens 160"
    assert assay(f"distill --teacher organism:teacher {sampled} --no-train --out distilled".split()) == 0
    for recipe in (path for path in RECIPES if path.stem in SFT):
        run = Path(recipe.stem)
        assert assay(f"train {recipe} --set steps=2 --set batch=4 --out {run}".split()) == 0
        rows = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
        assert [row["step"] for row in rows] == [0, 1, 2] and rows[1]["loss"] < rows[0]["loss"]
        assert (run / "model" / "model.safetensors").is_file()
