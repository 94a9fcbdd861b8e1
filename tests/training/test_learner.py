"""What a learner changes besides the policy: critic, reference and KL coefficient; and that all of it resumes."""

import json

import pytest
import torch
from test_resume import RECIPE, numbers, tiny_model

from assay.errors import Interrupted, ModelError
from assay.organisms.grow import Shape, make_model, make_tokenizer
from assay.recipe import parse_recipe
from assay.store import Run
from assay.training import rl
from assay.training.learner import Learner
from tiny_models import make_model as other_model
from tiny_models import make_tokenizer as other_tokenizer

LEARNERS = {
    "ppo, a critic of its own, adaptive KL": [
        "algorithm={name='ppo', critic='model', updates=2, kl_coef=0.05, kl_target=0.001, kl_horizon=32}"
    ],
    "ppo, value head": ["algorithm={name='ppo', updates=2}"],
    "prorl, reference reset": ["algorithm={name='prorl', kl_coef=0.05, reference_reset=2, refill=1}"],
    "grpo, exact KL, packed": ["algorithm={name='grpo', kl_coef=0.05, kl_estimator='exact'}", "optimizer.packed=true"],
}


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return tiny_model(tmp_path_factory.mktemp("base"))


@pytest.fixture(autouse=True)
def own_rewards(monkeypatch):
    monkeypatch.syspath_prepend(__file__.rpartition("/")[0])


def train(path, base, overrides, stop_before=None):
    """Trains a new run, or goes on with it; stops as by Ctrl-C before a step."""

    def advance(_):
        if len(Run.open(path).read_metrics()) == stop_before:
            raise Interrupted("")

    recipe = parse_recipe(RECIPE.format(base=base), "x", ["evaluation.every=0", *overrides])
    run = Run.open(path) if Run.is_run(path) else Run.create(path, recipe, "x", [])
    rl.train(run, advance=advance)
    return run


@pytest.mark.parametrize("overrides", LEARNERS.values(), ids=LEARNERS)
def test_all_that_is_learned_resumes_bitwise(tmp_path, base, overrides):
    whole = train(tmp_path / "whole", base, overrides)
    with pytest.raises(Interrupted):
        train(tmp_path / "stopped", base, overrides, stop_before=3)
    stopped = train(tmp_path / "stopped", base, overrides)
    assert numbers(stopped.path) == numbers(whole.path)
    for file in ("model/model.safetensors", "checkpoints/step-000004/learner.pt"):
        if file.endswith("safetensors"):
            assert (stopped.path / file).read_bytes() == (whole.path / file).read_bytes()
        else:
            assert_same(torch.load(stopped.path / file), torch.load(whole.path / file))


def assert_same(found, expected):
    """Nested states, bit for bit."""
    assert type(found) is type(expected)
    if isinstance(expected, torch.Tensor):
        assert torch.equal(found, expected)
    elif isinstance(expected, dict):
        assert found.keys() == expected.keys()
        for key in expected:
            assert_same(found[key], expected[key])
    else:
        assert found == expected


@pytest.mark.parametrize(("updates", "known"), [(1, [True] + 5 * [False]), (2, 6 * [True])])
def test_the_engine_stands_for_the_old_policy_only_where_one_is_needed(tmp_path, base, monkeypatch, updates, known):
    """With one update it is asked at the first step alone; with two the engine is believed from the fifth step on."""
    seen = []
    update = Learner.update

    def spy(learner, batch, step):
        seen.append((batch.old_BT is not None, batch.old_BT is batch.behaviour_BT))
        return update(learner, batch, step)

    monkeypatch.setattr(Learner, "update", spy)
    train(tmp_path / "run", base, [f"algorithm={{name='grpo', updates={updates}}}", "steps=6"])
    assert [is_there for is_there, _ in seen] == known
    assert [is_engines for _, is_engines in seen] == 4 * [False] + 2 * [updates == 2]


def test_the_coefficient_follows_its_target(tmp_path, base):
    """The KL of an untrained policy from its own base is 0, far below the target: down by 16 / 32 of a fifth."""
    run = train(tmp_path / "run", base, LEARNERS["ppo, a critic of its own, adaptive KL"])
    used = [row["kl_coef"] for row in run.read_metrics() if "kl_coef" in row]
    assert used[0] == 0.05
    for row, now, after in zip(run.read_metrics(), used, used[1:], strict=False):
        nats = row["kl"] * row["completions/mean_length"]
        error = min(max(nats / 0.001 - 1, -0.2), 0.2)
        assert after == pytest.approx(now * (1 + error * 16 / 32)), json.dumps(row)
    assert len(set(used)) == 4


def test_kl_is_measured_without_a_penalty(tmp_path, base):
    """The same weights as without measuring, and a KL that grows from 0."""
    plain, measured = (
        train(tmp_path / str(on), base, [f"algorithm={{name='grpo', updates=2, kl_measure={str(on).lower()}}}"])
        for on in (False, True)
    )
    weights = "model/model.safetensors"
    assert (plain.path / weights).read_bytes() == (measured.path / weights).read_bytes()
    kls = [row["kl"] for row in measured.read_metrics() if "kl" in row]
    assert kls[0] < kls[-1] and "kl" not in plain.read_metrics()[0]


def test_a_reset_makes_the_policy_the_reference(tmp_path, base):
    """KL from the reference falls back to 0 at step 2, where it becomes the policy; without a reset it does not."""
    reset = train(tmp_path / "reset", base, LEARNERS["prorl, reference reset"])
    never = train(tmp_path / "never", base, ["algorithm={name='prorl', kl_coef=0.05, reference_reset=0, refill=1}"])
    kls = [[row["kl"] for row in run.read_metrics()] for run in (reset, never)]
    assert kls[0][:2] == kls[1][:2] and kls[0][1] > 0
    assert kls[0][2] == pytest.approx(0, abs=1e-6)
    assert kls[1][2] > 1e-5


def test_a_reference_of_other_tokens_or_another_shape_is_refused(tmp_path, base):
    other_model(max_position_embeddings=64).save_pretrained(tmp_path / "tokens")
    other_tokenizer().save_pretrained(tmp_path / "tokens")
    make_model(Shape(hidden=32, layers=1, heads=2, mlp=16, max_positions=64), 0).save_pretrained(tmp_path / "shape")
    make_tokenizer(64).save_pretrained(tmp_path / "shape")
    for name, reset, sentence in (
        ("tokens", 0, r"its tokenizer is not that of base\d, so their probabilities are of other tokens"),
        ("shape", 2, r"is of another shape than base\d and cannot become it \(algorithm\.reference_reset\)"),
    ):
        options = f"algorithm={{name='grpo', kl_coef=0.1, reference_reset={reset}}}"
        with pytest.raises(ModelError, match=sentence):
            train(tmp_path / f"run-{name}", base, [options, f"model.reference={tmp_path / name}"])
    train(tmp_path / "run", base, ["algorithm={name='grpo', kl_coef=0.1}", f"model.reference={tmp_path / 'shape'}"])
