from pathlib import Path

import pytest

from assay.errors import RecipeError
from assay.recipe import load_any, load_recipe, parse_recipe

SMALL = """
name = "small"
steps = 2
[model]
base = "organism:code-base"
[task]
name = "compose"
"""


def test_overrides_and_fingerprint():
    base = parse_recipe(SMALL, "x", [])
    changed = parse_recipe(SMALL, "x", ["algorithm.clip_high=0.28", "model.template=plain", "task.rung=edge"])
    assert (changed.algorithm["clip_high"], changed.model.template, changed.task["rung"]) == (0.28, "plain", "edge")
    assert base.fingerprint != changed.fingerprint
    assert parse_recipe(changed.to_toml(), "x", []).fingerprint == changed.fingerprint


def test_arithmetic_is_resolved():
    recipe = parse_recipe(SMALL, "x", ["rollout.prompts=8", "rollout.group=4", "algorithm.updates=2"])
    assert recipe.arithmetic() == (
        "8 prompts x 4 = 32 samples a step, 2 updates a step of about 16 samples, "
        "at most 4,096 new tokens a step; 2 steps = 64 samples"
    )


@pytest.mark.parametrize(
    ("override", "sentence"),
    [
        ("rolout.group=3", r"unknown key 'rolout', did you mean 'rollout'\?"),
        ("model.lora.rnk=3", r"unknown key 'model.lora.rnk', did you mean 'rank'\?"),
        ("rollout.group=0", r"'rollout.group': should be greater than or equal to 1, got 0"),
        ("steps=soon", "'steps': expected a whole number, got 'soon'$"),
        ("rollout.temperature=hot", "expected a number, got 'hot'$"),
        ("model.base=3", "expected text, got 3$"),
        ("reward.functions=verifier", "expected a list, got 'verifier'$"),
        ("reward.functions=[verifier]", r"expected a list, got '\[verifier\]'; put each text of it in quotes"),
        ("algorithm", "expected table.key=value"),
        ("steps.x=1", "'steps' is a value, not a table"),
        ("reward.weights=[1.0, 2.0]", "weights: 2, functions: 1; give as many"),
    ],
)
def test_mistakes_are_named(override, sentence):
    with pytest.raises(RecipeError, match=sentence):
        parse_recipe(SMALL, "small.toml", [override])


def test_unreadable_files(tmp_path):
    with pytest.raises(RecipeError, match=r"none.toml: cannot read"):
        load_recipe(tmp_path / "none.toml")
    (tmp_path / "bad.toml").write_text("name = ")
    with pytest.raises(RecipeError, match=r"bad.toml: is not valid TOML"):
        load_recipe(tmp_path / "bad.toml")
    (tmp_path / "part.toml").write_text("name = 'x'\nsteps = 1\n[task]\nname = 'compose'\n")
    with pytest.raises(RecipeError, match="'model' is missing"):
        load_recipe(tmp_path / "part.toml")


@pytest.mark.parametrize("path", sorted(Path(__file__).parents[1].glob("recipes/*.toml")), ids=lambda path: path.stem)
def test_shipped_recipes_load(path):
    load_any(path)
