"""A reward model from preference rows to a reward: it learns, it resumes bitwise, it judges what it was trained for."""

import gzip
import json
import random
import shutil
from itertools import chain, islice

import numpy as np
import pytest
import torch
from test_resume import RECIPE, kill_and_resume, tiny_model

from assay.cli.main import run as assay
from assay.errors import ModelError, RunError
from assay.policies.load import load_policy
from assay.policies.reward_model import RewardModel, check_tokenizer, load_reward_model, new_reward_model
from assay.preferences import read_preferences
from assay.recipe import load_any
from assay.rewards.models import model_reward
from assay.store import Run, annotators_of
from assay.training import reward_model, reward_quality
from assay.training.epochs import batches
from assay.training.preference_data import by_token_budget, tokenize
from assay.types import Group, Prompt, Sample, Sampling, Stop
from tiny_models import make_model as other_model
from tiny_models import make_tokenizer as other_tokenizer

LETTERS = "abcdefghij"
RECIPE_OF_MODEL = """
kind = "reward-model"
name = "prefers-b"
batch = 8
epochs = 2
[model]
base = "{base}"
[preferences]
train = "{train}"
[optimizer]
learning_rate = 1e-2
micro_batch_tokens = 200
[evaluation]
every = 10
[checkpoint]
every = 1
"""


def write_rows(path, count=200):
    """Responses of four letters; the one with more `b` is preferred. Every fifth row is a ranking of three."""
    rng = random.Random(0)
    rows = []
    for number in range(count):
        prompt = f"compose up1 : {' '.join(rng.choices(LETTERS, k=4))} ="
        drawn = {" ".join(rng.choices("ab" + LETTERS, k=4)) for _ in range(8)}
        texts = sorted(drawn, key=lambda text: -text.count("b"))
        if number % 5 == 0:
            chosen = rng.sample(texts, 3)
            ranks = [1 + sum(other.count("b") > text.count("b") for other in chosen) for text in chosen]
            rows.append({"prompt": prompt, "responses": chosen, "ranks": ranks})
        elif texts[0].count("b") > texts[-1].count("b"):
            rows.append({"prompt": prompt, "chosen": texts[0], "rejected": texts[-1], "annotator": "simulated: b"})
    path.write_text("\n".join(map(json.dumps, rows)))
    return path


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return tiny_model(tmp_path_factory.mktemp("base"))


@pytest.fixture(scope="module")
def recipe(base, tmp_path_factory):
    folder = tmp_path_factory.mktemp("recipe")
    rows = write_rows(folder / "rows.jsonl")
    (folder / "recipe.toml").write_text(RECIPE_OF_MODEL.format(base=base, train=rows))
    return folder / "recipe.toml"


@pytest.fixture(scope="module")
def trained(recipe, tmp_path_factory):
    out = tmp_path_factory.mktemp("trained") / "run"
    assert assay(["train", str(recipe), "--out", str(out)]) == 0
    return out


def test_it_learns_and_says_what_it_learned_from(trained, tmp_path, capsys):
    quality = json.loads((trained / "quality.json").read_text())
    assert quality["low"] > 0.6 and quality["accuracy"] > 0.8
    assert quality["annotators"] == ["simulated: b"]
    assert assay(["train", "--resume", str(trained)]) == 0
    assert "simulated: simulated: b" in capsys.readouterr().out
    copied = shutil.copytree(trained / "model", tmp_path / "copied")
    assert annotators_of(str(copied)) == annotators_of(str(trained)) == ["simulated: b"]
    rows = [json.loads(line) for line in (trained / "metrics.jsonl").read_text().splitlines()]
    assert [row["step"] for row in rows if "eval/accuracy" in row][:2] == [0, 10]
    assert rows[-2]["loss"] < 0.6 < rows[0]["loss"]


def test_killed_runs_end_bitwise_like_the_uninterrupted_one(base, tmp_path):
    rows = write_rows(tmp_path / "rows.jsonl", count=30)
    (tmp_path / "recipe.toml").write_text(RECIPE_OF_MODEL.format(base=base, train=rows))
    whole = kill_and_resume(tmp_path, kills=3)
    qualities = {(run / "quality.json").read_bytes() for run in (whole, *tmp_path.glob("killed-*"))}
    assert len(qualities) == 1


def test_real_human_rankings(base, data, tmp_path):
    """The whole path on real rows, which have no column `prompt`; numbers only: the texts are nothing to print."""
    file = data / "preferences" / "hh_harmless_base_test.jsonl.gz"
    found = read_preferences(file)
    rows = [*found.train, *found.test]
    assert len(rows) + found.without_preference == 2312
    lengths = [[len(each.prompt.text), *map(len, each.responses)] for each in rows]
    assert sum(min(each) == 0 for each in lengths) == 0
    few = tmp_path / "few.jsonl"
    with gzip.open(file, "rt", encoding="utf-8") as lines:
        few.write_text("".join(islice(lines, 100)))
    (tmp_path / "recipe.toml").write_text(RECIPE_OF_MODEL.format(base=base, train=few))
    assert assay(["train", str(tmp_path / "recipe.toml"), "--out", str(tmp_path / "run"), "--set", "steps=3"]) == 0
    quality = json.loads((tmp_path / "run" / "quality.json").read_text())
    assert quality["annotators"] == [] and quality["trained_on"] + quality["too_long"] > 80
    assert quality["pairs"] > 3 and 0 <= quality["accuracy"] <= 1


def test_its_rewards_have_the_mean_0(trained, recipe):
    """Of the responses it was trained on; kept in the configuration, and the pairs' differences are what they were."""
    one = load_reward_model(str(trained))
    data, _ = tokenize(read_preferences(recipe.parent / "rows.jsonl").train, one, "auto", 100)
    rows = [row for each in data for row in each.rows]
    with torch.no_grad():
        assert one.scores(rows).mean().item() == pytest.approx(0, abs=1e-4)
        assert abs(one.model.config.reward_mean) > 1e-3


def test_its_gradient_does_not_depend_on_the_split(recipe, base):
    options = load_any(recipe)
    rows = read_preferences(recipe.parent / "rows.jsonl").train[:12]
    weights = []
    for tokens in (1, 100, 10**6):
        one = new_reward_model(str(base), "cpu", "float32", seed=1)
        data, _ = tokenize(rows, one, "auto", 100)
        optimizer = options.optimizer.model_copy(update={"micro_batch_tokens": tokens, "max_grad_norm": 1e9})
        learner = reward_model.Learner(one, options.model_copy(update={"optimizer": optimizer}))
        weights.append(learner.update(data)["grad_norm"])
    assert weights[0] > 0.01
    assert weights == pytest.approx([weights[0]] * 3, rel=1e-5)


def test_a_policy_is_trained_on_it(trained, base, tmp_path, monkeypatch):
    """Two steps; the reward is the model's of the tokens as sampled, and its hash is in the manifest."""
    text = RECIPE.format(base=base).replace('"rewards_of_tests:length"', f'"model:{trained}"')
    text = text.replace(f"model:{trained}", f"model:{trained.name}").replace("steps = 4", "steps = 2")
    (tmp_path / "recipe.toml").write_text(text)
    monkeypatch.chdir(trained.parent)
    assert assay(["train", str(tmp_path / "recipe.toml"), "--out", str(tmp_path / "run")]) == 0
    monkeypatch.chdir(tmp_path)
    run = Run.open(tmp_path / "run")
    assert run.recipe.reward.functions == (f"model:{trained}",) and trained.is_absolute()
    (hash_,) = run.manifest["reward_models"].values()
    assert hash_ == load_reward_model(str(trained)).version
    assert run.manifest["reward_annotators"] == {f"model:{trained}": ["simulated: b"]}
    assert run.read_metrics()[0]["reward"] == pytest.approx(run.read_metrics()[0][f"rewards/{trained.name}/mean"])


def test_the_reward_is_that_of_the_last_token(trained):
    rows = [[5, 6, 7, 8], [9, 10], [5, 6, 7, 8, 11, 12]]
    samples = [
        Sample(0, m, np.array(row), np.arange(len(row)) > 0, np.zeros(len(row)), Sampling(), "0", Stop.EOS, "")
        for m, row in enumerate(rows)
    ]
    found = model_reward(str(trained))([Group(Prompt("t", "p", None, "train", text="x"), tuple(samples))])
    one = load_reward_model(str(trained))
    with torch.no_grad():
        mean = one.model.config.reward_mean
        alone = [one.model(input_ids=torch.tensor([row])).logits.item() - mean for row in rows]
    assert found == pytest.approx(alone, abs=1e-5)


def test_what_cannot_judge_is_refused(trained, base, tmp_path, capsys):
    other_model(max_position_embeddings=64).save_pretrained(tmp_path / "other")
    other_tokenizer().save_pretrained(tmp_path / "other")
    with pytest.raises(ModelError, match="its tokenizer is not that of other, so it would judge other tokens"):
        check_tokenizer(load_reward_model(str(trained)), load_policy(str(tmp_path / "other"), "cpu"))
    with pytest.raises(ModelError, match=r"is no reward model, it has no score\.weight; train one"):
        load_reward_model(str(base))
    text = RECIPE.format(base=tmp_path / "other").replace('"rewards_of_tests:length"', f'"model:{trained}"')
    (tmp_path / "recipe.toml").write_text(text)
    assert assay(["train", str(tmp_path / "recipe.toml"), "--out", str(tmp_path / "run")]) == 2
    assert "its tokenizer is not that of other" in capsys.readouterr().err


def test_a_reward_model_that_changed_stops_the_run(trained, base, tmp_path, monkeypatch):
    from assay.training.rl import check_reward_models

    run = Run.create(tmp_path / "run", load_any(trained / "recipe.toml"), "x", [])
    one = load_reward_model(str(trained))
    policy = load_policy(str(base), "cpu")

    class Rewards:
        models = {"model:x": one}  # noqa: RUF012

    check_reward_models(run, policy, Rewards)
    check_reward_models(run, policy, Rewards)
    Rewards.models = {"model:x": RewardModel(one.model, one.tokenizer, one.name, "another")}
    with pytest.raises(RunError, match="when the run began, and now has another; put the old one back"):
        check_reward_models(run, policy, Rewards)


def test_kinds_and_files_are_checked_first(recipe, tmp_path, capsys):
    def fails(*overrides):
        words = [word for each in overrides for word in ("--set", each)]
        assert assay(["train", str(recipe), "--out", str(tmp_path / "run"), *words]) == 2
        assert not (tmp_path / "run").exists()
        return capsys.readouterr().err

    assert "unknown kind 'reward-modle', did you mean 'reward-model'?" in fails("kind=reward-modle")
    assert "there is no data at" in fails("preferences.train=nowhere.jsonl")
    assert "unknown key 'preferences.max_token', did you mean 'max_tokens'?" in fails("preferences.max_token=3")
    assert "every comparison is longer than preferences.max_tokens = 3" in fails("preferences.max_tokens=3")


def test_calibration_by_hand():
    """Chances sigmoid(1) and sigmoid(3): .731 and .953; the first pair is got wrong, a tie counts half."""
    found = reward_quality.calibration([-1.0, 3.0, 0.0])
    assert [(row["from"], row["pairs"], row["preferred"]) for row in found["calibration"]] == [
        (0.5, 1, 0.5), (0.7, 1, 0.0), (0.9, 1, 1.0),
    ]  # fmt: skip
    a, b = 1 / (1 + np.exp(-1)), 1 / (1 + np.exp(-3))
    assert found["calibration_error"] == pytest.approx((0 + a + (1 - b)) / 3)
    assert found["brier"] == pytest.approx((0 + a**2 + (1 - b) ** 2) / 3)


def test_correlation_is_within_prompts():
    """Prompts of another level do not count: within each, reward rises by 1 where the variable does."""
    assert reward_quality.correlation([[1, 2], [11, 12]], [[5, 6], [0, 1]]) == pytest.approx(1)
    assert reward_quality.correlation([[1, 2], [11, 12]], [[5, 5], [0, 0]]) is None


def test_batches_and_parts_hold_everything_once(recipe, base):
    rows = read_preferences(recipe.parent / "rows.jsonl").train
    data, left = tokenize(rows, new_reward_model(str(base), "cpu", "float32", 0), "auto", 100)
    assert left == 0
    order = batches(data, 8, 2, seed=3)
    half = -(-len(data) // 8)
    assert sorted(chain(*order[:half])) == sorted(chain(*order[half:])) == list(range(len(data)))
    assert order[:half] != order[half:]
    parts = by_token_budget(data, 120)
    assert sorted(map(id, chain(*parts))) == sorted(map(id, data))
    assert all(len(part) == 1 or sum(len(e.rows) for e in part) * part[0].longest <= 120 for part in parts)
