"""Which algorithm a recipe names, and the combinations that are refused or warned of."""

import re

import pytest

from assay.algorithms import ALGORITHMS
from assay.errors import RecipeError
from assay.recipe import parse_recipe
from assay.registry import resolve
from assay.tasks import make_task
from assay.training.choice import check_algorithm, make_algorithm, resolved
from tiny_task import TinyTask

RECIPE = """
name = "choice"
steps = 1
[model]
base = "x"
[task]
name = "compose"
"""


def check(*overrides):
    recipe = resolved(parse_recipe(RECIPE, "x", list(overrides)), "x")
    algorithm = make_algorithm(recipe.algorithm)
    check_algorithm(algorithm, recipe, make_task(recipe.task))
    return algorithm.warnings()


@pytest.mark.parametrize("name", ALGORITHMS)
def test_one_line_switches(name):
    teacher = ["model.teacher=y"] if resolve(ALGORITHMS[name]).needs_teacher else []
    assert check(f"algorithm.name={name}", *teacher) == []


def test_every_option_is_written_out():
    recipe = resolved(parse_recipe(RECIPE, "x", ["algorithm.name=dapo", "algorithm.updates=4"]))
    assert recipe.algorithm | {"name": "dapo", "updates": 4, "clip_high": 0.28, "refill": 3} == recipe.algorithm
    assert resolved(parse_recipe(recipe.to_toml(), "x", [])) == recipe
    assert resolved(parse_recipe(RECIPE, "x", [])).algorithm["name"] == "grpo"


@pytest.mark.parametrize(
    ("overrides", "sentence"),
    [
        (["algorithm.clip_hihg=0.3"], r"unknown key 'algorithm.clip_hihg', did you mean 'clip_high'\?"),
        (["algorithm.name=gropo"], r"unknown algorithm 'gropo', did you mean 'grpo'\?"),
        (["algorithm.name=assay.tasks:make_task"], "is no subclass of assay.algorithms.base.Algorithm"),
        (["algorithm.name=rloo", "algorithm.clip_low=0.1"], "unknown key 'algorithm.clip_low'"),
        (["algorithm.updates=5000"], "more than the 512 samples of a step; lower it"),
        (
            ["rollout.group=1"],
            "algorithm grpo compares the samples of a prompt and needs 2 or more, rollout.group is 1",
        ),
        (["algorithm.name=pass-at-k", "algorithm.k=16"], "needs 17 or more, rollout.group is 16"),
        (
            ["algorithm.name=gspo", "algorithm.aggregation=token"],
            "by their length again; leave",
        ),
        (["algorithm.name=clip-cov", "algorithm.cov_low=6"], "cov_low 6.0 is not below cov_high 5.0; swap them"),
        (["algorithm.clip_low=-0.1"], "'algorithm.clip_low': should be greater than 0, got -0.1"),
        (["algorithm.kl_target=1.0"], "kl_target is given, but kl_coef is 0"),
        (["algorithm.reference_reset=5"], "reference_reset is given, but kl_coef is 0"),
        (["algorithm.kl_coef=0.1", "algorithm.kl_in=reward"], "in the reward only k1 has the gradient of the KL"),
        (["algorithm.kl_coef=0.1", "algorithm.kl_target=1.0", "algorithm.kl_horizon=100"], "the 512 samples of a step"),
        (["algorithm.name=nsr", "algorithm.overlong=0.2"], "makes other rewards of them; set overlong = 0"),
        (["algorithm.clip_high=inf"], "'algorithm.clip_high': should be a finite number"),
        (["algorithm.kl_coef=0.1", "model.reference=none"], "there is nothing to compare with; set model.reference"),
        (["algorithm.name=ppo", "algorithm.refill=2", "rollout.group=1"], "it would never fill; set rollout.group"),
    ],
)
def test_what_cannot_work_is_refused(overrides, sentence):
    with pytest.raises(RecipeError, match=sentence):
        check(*overrides)


def test_step_rewards_need_a_task_that_judges_steps():
    recipe = parse_recipe(RECIPE, "x", ["algorithm.name=process"])
    with pytest.raises(RecipeError, match="rewards steps, and task tiny judges none; take a task that does"):
        check_algorithm(make_algorithm(recipe.algorithm), recipe, TinyTask())


@pytest.mark.parametrize(
    ("overrides", "sentence"),
    [
        (["algorithm.clip_low=0.28"], "clip_low 0.28 leaves more room than clip_high 0.2"),
        (["algorithm.name=gspo", "algorithm.clip_low=4e-3"], "swap them"),
        (["algorithm.kl_coef=0.1", "algorithm.kl_estimator=k1"], "has no gradient on average; take 'k2' or 'k3\\+'"),
        (["algorithm.name=kl-cov", "algorithm.updates=1"], "updates = 1 switches it off; take 2 or more"),
        (["algorithm.name=nsr", "algorithm.refill=2"], "this algorithm learns from them; set refill = 0"),
    ],
)
def test_what_is_probably_not_meant_is_said(overrides, sentence):
    (warning,) = check(*overrides)
    assert re.search(sentence, warning)


@pytest.mark.parametrize("name", ["ppo", "reinforce", "reinforce++", "nsr", "w-reinforce"])
def test_a_group_of_one_is_enough_without_a_group_baseline(name):
    assert check(f"algorithm.name={name}", "rollout.group=1") == []
