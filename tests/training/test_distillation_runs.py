"""Distillation in the loop: what the teacher writes, what is refused, and that all of it resumes."""

import polars as pl
import pytest
import torch
from test_learner import assert_same, base, own_rewards, train
from test_resume import RECIPE, numbers, tiny_model

from assay.cli.main import run as assay
from assay.errors import Interrupted, ModelError, RecipeError, RunError
from assay.organisms.grow import Shape, make_model, make_tokenizer
from assay.recipe import parse_recipe
from assay.tasks import make_task
from assay.training.choice import check_algorithm, make_algorithm
from tiny_models import make_model as other_model
from tiny_models import make_tokenizer as other_tokenizer

__all__ = ["base", "own_rewards"]  # fixtures

SHARED = "algorithm={name='distillation', form='vocabulary', beta=0.5, teacher_share=0.5}"
GRADIENT = "algorithm={name='distillation', updates=2}"


@pytest.fixture(scope="module")
def teacher(tmp_path_factory):
    return tiny_model(tmp_path_factory.mktemp("teacher"), seed=1)


def rollouts(run, step):
    return pl.read_parquet(run.rollout_file(step))


@pytest.mark.parametrize("options", [SHARED, GRADIENT], ids=["vocabulary-shared", "policy-gradient"])
def test_it_resumes_bitwise(tmp_path, base, teacher, options):
    overrides = [options, f"model.teacher={teacher}"]
    whole = train(tmp_path / "whole", base, overrides)
    with pytest.raises(Interrupted):
        train(tmp_path / "stopped", base, overrides, stop_before=3)
    stopped = train(tmp_path / "stopped", base, overrides)
    assert numbers(stopped.path) == numbers(whole.path)
    states = [torch.load(run.path / "checkpoints/step-000004/learner.pt") for run in (stopped, whole)]
    assert_same(*states)
    rows = whole.read_metrics()
    assert rows[0]["sampling/sampling_logp_difference/max"] < 1e-3
    if options == GRADIENT:
        assert "distill/teacher_groups" not in rows[0]
        assert rows[0]["distill/teacher_logprob"] < 0 < abs(rows[0]["distill/reverse_kl"])


def test_the_teacher_writes_its_share(tmp_path, base, teacher):
    """Its groups bear its hash, are judged, have no reward and are no part of the step's numbers of samples."""
    run = train(tmp_path / "run", base, [SHARED, f"model.teacher={teacher}"])
    taught = []
    for step in (0, 2):
        rows = rollouts(run, step)
        theirs = rows["model"] != f"step-{step}"
        taught += rows["model"].filter(theirs).to_list()
        assert (rows["reward"].is_null() == theirs).all() and rows["verdict"].is_not_null().all()
        assert rows["group"].n_unique() == 4
        lengths = rows["length_tokens"].filter(~theirs)
        row = run.read_metrics()[step]
        assert row["distill/teacher_groups"] * 4 == theirs.sum()
        assert row["completions/mean_length"] == pytest.approx(lengths.mean())
    assert set(taught) == {run.manifest["teacher"]["model.teacher"]}


def test_a_teacher_that_writes_everything(tmp_path, base, teacher):
    """Nothing of the policy's own to number, or to compare the engine by; the student still moves towards it."""
    options = "algorithm={name='distillation', form='vocabulary', beta=0.0, teacher_share=1.0}"
    run = train(tmp_path / "run", base, [options, f"model.teacher={teacher}", "optimizer.learning_rate=1e-2"])
    rows = run.read_metrics()[:4]
    assert all(row["distill/teacher_groups"] == 4 and "reward" not in row for row in rows)
    assert "sampling/sampling_logp_difference/mean" not in rows[0]
    divergences = [row["distill/divergence"] for row in rows]
    assert divergences[3] < divergences[0]


def test_rewards_that_say_nothing_stop_nothing(tmp_path, base, teacher):
    run = train(
        tmp_path / "run", base, [GRADIENT, f"model.teacher={teacher}", "reward.functions=['rewards_of_tests:none']"]
    )
    rows = run.read_metrics()[:4]
    assert all(row["unscored"] == 16 and row["num_tokens"] > 0 and row["grad_norm"] > 0 for row in rows)


def test_a_teacher_that_changed_is_noticed(tmp_path, base, teacher):
    overrides = [GRADIENT, f"model.teacher={tmp_path / 'mine'}"]
    tiny_model(tmp_path / "mine", seed=1)
    with pytest.raises(Interrupted):
        train(tmp_path / "run", base, overrides, stop_before=2)
    tiny_model(tmp_path / "mine", seed=2)
    with pytest.raises(RunError, match=r"its model\.teacher had the hash \w+ when the run began, and now has"):
        train(tmp_path / "run", base, overrides)


def test_teachers_that_cannot_score_are_refused(tmp_path, base):
    other_model(max_position_embeddings=64).save_pretrained(tmp_path / "tokens")
    other_tokenizer().save_pretrained(tmp_path / "tokens")
    wide = make_model(Shape(hidden=16, layers=1, heads=2, mlp=16, max_positions=64), 0)
    wide.resize_token_embeddings(wide.config.vocab_size + 3, mean_resizing=False)
    wide.save_pretrained(tmp_path / "wide")
    make_tokenizer(64).save_pretrained(tmp_path / "wide")
    for number, (name, student, options, sentence) in enumerate(
        (
            ("tokens", base, GRADIENT, f"assay distill --teacher {tmp_path / 'tokens'} --student {base}"),
            (base, tmp_path / "wide", GRADIENT, "it may sample padding that the other does not have"),
            ("wide", base, SHARED, "it may sample padding that the other does not have"),
        )
    ):
        with pytest.raises(ModelError, match=sentence):
            train(tmp_path / f"run-{number}", student, [options, f"model.teacher={tmp_path / name}"])
    train(tmp_path / "again", base, [GRADIENT, f"model.teacher={tmp_path / 'wide'}"])


def test_algorithm_and_teacher_go_together(base, tmp_path, capsys):
    for overrides, sentence in (
        ([GRADIENT], "algorithm distillation learns from a teacher and there is none; set model.teacher"),
        (["model.teacher=organism:teacher"], "algorithm grpo learns from none; leave it out"),
    ):
        recipe = parse_recipe(RECIPE.format(base=base), "x", overrides)
        with pytest.raises(RecipeError, match=sentence):
            check_algorithm(make_algorithm(recipe.algorithm), recipe, make_task(recipe.task))
    recipe = "recipes/compose-on-policy-distillation.toml"
    assert assay(["train", recipe, "--out", str(tmp_path / "run"), "--set", "model.teacher=organism:teahcer"]) == 2
    assert "there is no organism 'teahcer', did you mean 'teacher'?" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()
