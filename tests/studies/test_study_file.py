"""A study's file: strict, the defaults, and the recipes that it makes."""

from pathlib import Path

import made_studies
import pytest

from assay.errors import RecipeError
from assay.studies.file import check_grown, load_study, recipe_of, sampling_recipe

VOTES = Path("/there/votes and more.parquet")


@pytest.fixture
def file(tmp_path):
    (tmp_path / "tiny.toml").write_text(made_studies.TINY)
    return tmp_path / "tiny.toml"


@pytest.mark.parametrize(
    ("override", "sentence"),
    [
        ("pol.votes=2", "unknown key 'pol', did you mean 'pool'?"),
        ("arms.random.rewards=1", "unknown key 'arms.random.rewards', did you mean 'reward'?"),
        ('audits=[{task = "compose", problem = 1}]', "unknown key 'audits.0.problem', did you mean 'problems'?"),
        ('matched=["majority"]', "there is no arm 'majority'; arms are ground_truth, random"),
        ('recipe.reward.functions=["format"]', "recipe.reward is the study's to give; take it out of [recipe]"),
        ("recipe.seed=1", "recipe.seed is the study's to give"),
        ("recipe.model.base='organism:code-base'", "recipe.model.base is the study's to give, by [families]"),
        ("recipe.steps=0", "arm ground_truth: 'steps'"),
        ('arms.random.set=["rollout.groop=4"]', "arm random: unknown key 'rollout.groop', did you mean 'group'?"),
        ("seeds=[1, 1]", "seeds: one is there twice"),
        ("arms.a--b.reward=['format']", "'name'"),
        ("families.base='organism:code-base'", "families: 'base' is what the model before training is called"),
        ("audits=[]", "'audits'"),
    ],
)
def test_mistakes_name_the_key(file, override, sentence):
    with pytest.raises(RecipeError) as caught:
        load_study(file, [override])
    assert sentence in str(caught.value) and str(file) in str(caught.value)


def test_a_run_gets_its_family_arm_seed_and_votes(file):
    study = load_study(file, ['arms.wrong.reward=["not incorrect:votes and format"]', 'arms.wrong.set=["steps=5"]'])
    recipe = recipe_of(study, "code-base", "wrong", 7, VOTES, "here")
    assert (recipe.name, recipe.seed, recipe.steps) == ("tiny-code-base-wrong", 7, 5)
    assert recipe.reward.functions == (f"not incorrect:{VOTES} and format",)
    assert (recipe.rollout.problems, recipe.model.base) == (str(VOTES), "organism:code-base")


def test_samples_are_the_studys_and_not_the_arms(file):
    study = load_study(file, ['arms.long.set=["rollout.max_new_tokens=99"]'])
    assert recipe_of(study, "code-base", "long", 0, VOTES, "here").max_new_tokens == 99
    assert sampling_recipe(study, "code-base", "here").max_new_tokens == 16


def test_a_written_study_is_the_same_study(file, tmp_path):
    study = load_study(file)
    (tmp_path / "again.toml").write_text(study.to_toml())
    assert load_study(tmp_path / "again.toml") == study


@pytest.mark.parametrize(
    "override",
    [
        "families.prose='organism:prose-base'", "arms.format.reward=['format']", "seeds=[1, 0]",
        "matched=['ground_truth', 'random']", "budget.processes=7",
        "audits=[{task = 'compose:seen', problems = 2, n = 2}, {task = 'chain'}]",
    ],
)  # fmt: skip
def test_a_study_grows_and_does_not_shrink(file, override):
    there, grown = load_study(file), load_study(file, [override])
    check_grown(there, grown, "out")
    if not override.startswith("budget"):
        with pytest.raises(RecipeError, match="out: holds another study"):
            check_grown(grown, there, "out")
