"""A reward model from preference rows to a reward: it learns, it resumes bitwise, it judges what it was trained for."""

import gzip
import json
import random
import shutil
from itertools import chain, islice
from pathlib import Path

import numpy as np
import pytest
import torch
from test_resume import RECIPE, kill_and_resume, tiny_model
from transformers import AutoConfig, AutoModelForSequenceClassification, BertConfig, BertForSequenceClassification

from assay.cli.main import run as assay
from assay.errors import DataError, ModelError, RunError
from assay.policies.load import load_policy
from assay.policies.reward_model import RewardModel, check_tokenizer, load_reward_model, new_reward_model
from assay.preferences import compare, read_preferences
from assay.recipe import load_any
from assay.rewards import check_reward, models
from assay.rewards.models import model_reward
from assay.store import Run, annotators_of
from assay.tasks import make_task
from assay.tasks.rows import Row
from assay.training import reward_model, reward_quality
from assay.training.epochs import batches
from assay.training.preference_data import by_token_budget, tokenize
from assay.types import Group, Prompt, Sample, Sampling, Stop
from tiny_models import make_model as other_model
from tiny_models import make_tokenizer as other_tokenizer

LETTERS = "abcdefghij"
FILE = Path("rows.jsonl")
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
    assert "preferences: simulated: b" in capsys.readouterr().out
    copied = shutil.copytree(trained / "model", tmp_path / "copied")
    assert annotators_of(str(copied)) == annotators_of(str(trained)) == ["simulated: b"]
    rows = [json.loads(line) for line in (trained / "metrics.jsonl").read_text().splitlines()]
    assert [row["step"] for row in rows if "eval/accuracy" in row][:2] == [0, 10]
    assert rows[-2]["loss"] < 0.6 < rows[0]["loss"]


def test_its_report_shows_what_it_has(trained, capsys):
    assert assay(["report", str(trained)]) == 0
    page = (trained / "report.html").read_text()
    for words in ("The preferences behind this run are simulated", "held-out accuracy", "What its reward goes with"):
        assert words in page
    for words in ("advantages sum", "No held-out evaluation", "<code>assay audit</code>"):
        assert words not in page


def test_killed_runs_end_bitwise_like_the_uninterrupted_one(base, tmp_path):
    rows = write_rows(tmp_path / "rows.jsonl", count=30)
    (tmp_path / "recipe.toml").write_text(RECIPE_OF_MODEL.format(base=base, train=rows))
    whole = kill_and_resume(tmp_path, kills=3)
    qualities = {(run / "quality.json").read_bytes() for run in (whole, *tmp_path.glob("killed-*"))}
    assert len(qualities) == 1


def test_real_human_rankings(data, tmp_path):
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
    base = tiny_model(tmp_path / "base", positions=1024)
    (tmp_path / "recipe.toml").write_text(RECIPE_OF_MODEL.format(base=base, train=few))
    assert assay(["train", str(tmp_path / "recipe.toml"), "--out", str(tmp_path / "run"), "--set", "steps=3"]) == 0
    quality = json.loads((tmp_path / "run" / "quality.json").read_text())
    assert quality["annotators"] == [] and quality["trained_on"] + quality["too_long"] > 80
    assert quality["pairs"] > 3 and 0 <= quality["accuracy"] <= 1


def test_its_rewards_have_the_mean_0(trained, recipe):
    """Of the responses it was trained on; kept in the configuration, and the pairs' differences are what they were."""
    one = load_reward_model(str(trained))
    data, _ = tokenize(read_preferences(recipe.parent / "rows.jsonl").train, Path("x"), one, "auto", 100)
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
        data, _ = tokenize(rows, FILE, one, "auto", 100)
        optimizer = options.optimizer.model_copy(update={"micro_batch_tokens": tokens, "max_grad_norm": 1e9})
        learner = reward_model.Learner(one, options.model_copy(update={"optimizer": optimizer}))
        weights.append(learner.update(data)["grad_norm"])
    assert weights[0] > 0.01
    assert weights == pytest.approx([weights[0]] * 3, rel=1e-5)


def test_a_policy_is_trained_on_it(trained, base, tmp_path, monkeypatch):
    """Two steps; the reward is the model's of the tokens as sampled, and its hash is in the manifest."""
    asked = []
    monkeypatch.setattr(models, "load_reward_model", lambda *words: asked.append(words) or load_reward_model(*words))
    text = RECIPE.format(base=base).replace('"rewards_of_tests:length"', f'"model:{trained}"')
    text = text.replace(f"model:{trained}", f"model:{trained.name}").replace("steps = 4", "steps = 2")
    (tmp_path / "recipe.toml").write_text(text)
    monkeypatch.chdir(trained.parent)
    words = ["--set", "model.device=cpu", "--set", "model.dtype=float32"]
    assert assay(["train", str(tmp_path / "recipe.toml"), "--out", str(tmp_path / "run"), *words]) == 0
    monkeypatch.chdir(tmp_path)
    assert [each[1:] for each in asked] == [("cpu", "float32")]
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
    found = model_reward(str(trained))([Group(Prompt("t", "p", None, "train", text="x"), tuple(samples))], 0)
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


def test_it_keeps_its_head_when_it_is_trained_further(trained, base):
    heads = [new_reward_model(str(trained), "cpu", "float32", seed).model.score.weight for seed in (1, 2)]
    assert torch.equal(heads[0], heads[1]) and torch.equal(heads[0], load_reward_model(str(trained)).model.score.weight)
    drawn = [new_reward_model(str(base), "cpu", "float32", seed).model.score.weight for seed in (1, 2)]
    assert not torch.equal(drawn[0], drawn[1])


def test_comparisons_that_the_model_cannot_read_are_left_out(trained):
    one = load_reward_model(str(trained))
    rows = read_preferences(Path(Run.open(trained).any_recipe.preferences.train)).train
    lengths = [each.longest for each in tokenize(rows, FILE, one, "auto", 100)[0]]
    one.model.config.max_position_embeddings = min(lengths)
    kept, left = tokenize(rows, FILE, one, "auto", 100)
    assert (len(kept), left) == (lengths.count(min(lengths)), len(lengths) - lengths.count(min(lengths)))
    one.model.config.max_position_embeddings = 3
    with pytest.raises(DataError, match=r"rows\.jsonl: every comparison has more tokens than the 3 prefers-b can read"):
        tokenize(rows, FILE, one, "auto", 100)


def test_fewer_embeddings_than_the_policy_samples(trained, base):
    policy, one = load_policy(str(base), "cpu"), load_reward_model(str(trained))
    check_tokenizer(one, policy)
    policy.model.resize_token_embeddings(policy.vocabulary_size + 1)
    with pytest.raises(ModelError, match="so it may sample padding that the other does not have; resize"):
        check_tokenizer(one, policy)


def test_other_classifiers(base, tmp_path):
    """One of two labels, one that is no decoder, a path that is not there: a sentence before anything is loaded."""
    tokenizer = other_tokenizer()
    sizes = {"num_hidden_layers": 1, "num_attention_heads": 2, "hidden_size": 16, "intermediate_size": 16}
    BertForSequenceClassification(BertConfig(vocab_size=64, num_labels=1, **sizes)).save_pretrained(tmp_path / "bert")
    config = AutoConfig.from_pretrained(base, num_labels=2)
    AutoModelForSequenceClassification.from_config(config).save_pretrained(tmp_path / "two")
    for name in ("bert", "two"):
        tokenizer.save_pretrained(tmp_path / name)
    with pytest.raises(ModelError, match="BertForSequenceClassification is not supported; a reward model is a decoder"):
        load_reward_model(str(tmp_path / "bert"))
    for load in (load_reward_model, lambda name: check_reward(f"model:{name}", make_task("compose"))):
        with pytest.raises(ModelError, match=r"its score\.weight has 2 labels, expected 1"):
            load(str(tmp_path / "two"))
    with pytest.raises(ModelError, match=r"is no reward model, it has no score\.weight"):
        check_reward(f"model:{base}", make_task("compose"))
    for path in ("runs/none-0", "./none", str(tmp_path / "none"), "a/b/c"):
        with pytest.raises(
            ModelError, match=r"there is no reward model at .*; train it first: assay train recipes/compose"
        ):
            check_reward(f"model:{path}", make_task("compose"))
    check_reward("model:owner/name", make_task("compose"))


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


def test_a_run_does_not_continue_on_other_preferences(recipe, tmp_path):
    """Chosen and rejected change places: as many rows of as many tokens, and the opposite to learn."""
    rows = write_rows(tmp_path / "rows.jsonl", count=20)
    words = ["--set", f"preferences.train={rows}", "--set", "steps=1"]
    assert assay(["train", str(recipe), "--out", str(tmp_path / "run"), *words]) == 0
    rows.write_text(
        rows.read_text().replace("chosen", "other").replace("rejected", "chosen").replace("other", "rejected")
    )
    with pytest.raises(RunError, match=r"rows\.jsonl had the hash .* when the run began, and now has"):
        reward_model.train(Run.open(tmp_path / "run"))


def test_a_copy_of_the_rows_is_nothing_to_test_on(recipe, tmp_path, capsys):
    """Of a test file, prompts that are trained on are left out, which is told and kept."""
    rows = write_rows(tmp_path / "rows.jsonl", count=20)
    words = ["--out", str(tmp_path / "run"), "--set", "steps=1", "--set", f"preferences.train={rows}", "--set"]
    assert assay(["train", str(recipe), *words, f"preferences.test={rows}"]) == 2
    assert "rows.jsonl: all its prompts are trained on, too" in capsys.readouterr().err
    other = write_rows(tmp_path / "other.jsonl", count=30)
    assert assay(["train", str(recipe), *words, f"preferences.test={other}"]) == 0
    left_out = Run.open(tmp_path / "run").manifest["left_out"]["in_both"]
    assert left_out > 15
    assert f"{left_out} to test on whose prompts are trained on" in capsys.readouterr().err
    quality = json.loads((tmp_path / "run" / "quality.json").read_text())
    assert quality["in_both"] == left_out == quality["trained_on"] and quality["prompts"] == 10


def test_kinds_and_files_are_checked_first(recipe, tmp_path, capsys):
    def fails(*overrides):
        words = [word for each in overrides for word in ("--set", each)]
        assert assay(["train", str(recipe), "--out", str(tmp_path / "run"), *words]) == 2
        assert not (tmp_path / "run").exists()
        return capsys.readouterr().err

    def fails_with(text):
        (tmp_path / "rows.jsonl").write_text(text)
        return fails(f"preferences.train={tmp_path / 'rows.jsonl'}")

    assert "rows.jsonl holds no rows; expected one at least" in fails_with("")
    assert "line 1: there is no column 'rejected'" in fails_with('{"prompt": "p", "chosen": "a"}')
    assert "a ranking of 0 responses says nothing" in fails_with('{"prompt": "p", "responses": [], "ranks": []}')
    assert "unknown kind 'reward-modle', did you mean 'reward-model'?" in fails("kind=reward-modle")
    assert "there is no data at" in fails("preferences.train=nowhere.jsonl")
    assert "unknown key 'preferences.max_token', did you mean 'max_tokens'?" in fails("preferences.max_token=3")
    assert "rows.jsonl: every comparison has more tokens than preferences.max_tokens = 3 (the" in fails(
        "preferences.max_tokens=3"
    )


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


def test_rows_of_one_prompt_are_one(base, monkeypatch):
    """Ten rows of one prompt, all right, and one of another, wrong: half of two prompts, not 10 of 11."""
    rows = [{"prompt": "compose up1", "chosen": "a b c d", "rejected": "e"}] * 10
    rows.append({"prompt": "compose up2", "chosen": "e", "rejected": "a b c d"})
    one = new_reward_model(str(base), "cpu", "float32", 0)
    monkeypatch.setattr(RewardModel, "scores", lambda _, ids: torch.tensor([float(len(row)) for row in ids]))
    data, _ = tokenize([compare(Row(str(n), row)) for n, row in enumerate(rows)], FILE, one, "auto", 100)
    found = reward_quality.quality(one, data, 10**6)
    assert (found["accuracy"], found["prompts"], found["pairs"]) == (0.5, 2, 11)
    assert found["low"] < 0.01 and found["high"] > 0.99
    assert found["correlations"]["length"] == pytest.approx(1)


def test_batches_and_parts_hold_everything_once(recipe, base):
    rows = read_preferences(recipe.parent / "rows.jsonl").train
    data, left = tokenize(rows, FILE, new_reward_model(str(base), "cpu", "float32", 0), "auto", 100)
    assert left == 0
    order = batches(data, 8, 2, seed=3)
    half = -(-len(data) // 8)
    assert sorted(chain(*order[:half])) == sorted(chain(*order[half:])) == list(range(len(data)))
    assert order[:half] != order[half:]
    parts = by_token_budget(data, 120)
    assert sorted(map(id, chain(*parts))) == sorted(map(id, data))
    assert all(len(part) == 1 or sum(len(e.rows) for e in part) * part[0].longest <= 120 for part in parts)
