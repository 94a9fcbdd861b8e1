"""Every recipe on a shipped organism runs as it is, two steps of fewer samples."""

import json
from pathlib import Path

import pytest

from assay.algorithms import ALGORITHMS
from assay.cli.main import run as assay
from assay.recipe import load_recipe

RECIPES = sorted((Path(__file__).parents[2] / "recipes").glob("*.toml"))
ORGANISMS = [path for path in RECIPES if load_recipe(path).model.base.startswith("organism:")]


@pytest.mark.parametrize("recipe", ORGANISMS, ids=lambda path: path.stem)
def test_two_steps(recipe, tmp_path):
    smaller = ["--set", "steps=2", "--set", "rollout.prompts=8"]
    assert assay(["train", str(recipe), "--out", str(tmp_path / "run"), *smaller]) == 0
    rows = [json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()]
    assert [row["step"] for row in rows] == [0, 1, 2]
    assert any(row.get("grad_norm", 0) > 0 for row in rows)


def test_there_is_one_for_each_of_the_family():
    """Another algorithm may come without a recipe: it takes a file, an entry and a row of the index."""
    named = {load_recipe(path).algorithm["name"] for path in ORGANISMS}
    assert named <= set(ALGORITHMS) and len(named) >= 18
