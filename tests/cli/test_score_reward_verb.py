"""`assay score --reward-model`: the reward of each response of a file, by a model that the test makes."""

import json

import polars as pl
import pytest

from assay.cli.main import run as assay
from assay.organisms.grow import Shape, make_model, make_tokenizer
from assay.policies.load import make_policy
from assay.policies.reward_model import load_reward_model, new_reward_model
from assay.policies.save import save_policy


@pytest.fixture(scope="module")
def reward_model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("rm")
    model = make_model(Shape(hidden=16, layers=1, heads=2, mlp=16, max_positions=64), seed=0)
    save_policy(make_policy(model, make_tokenizer(64), "base", "0"), folder / "base")
    return save_policy(new_reward_model(str(folder / "base"), "cpu", "float32", seed=3), folder / "rm")


def sampled(folder):
    words = ["--task", "compose", "--problems", "3", "-n", "4", "--max-new-tokens", "24"]
    assert assay(["sample", "organism:code-base", *words, "--out", str(folder / "samples.parquet")]) == 0
    return folder / "samples.parquet"


def test_each_response_gets_its_reward(reward_model, tmp_path, capsys):
    file, out = sampled(tmp_path), tmp_path / "scored.parquet"
    assert assay(["score", str(file), "--reward-model", str(reward_model), "--out", str(out)]) == 0
    rows = pl.read_parquet(out)
    one = load_reward_model(str(reward_model))
    assert rows["reward_model"].unique().to_list() == [one.label]
    for row in rows.to_dicts():
        prompt = one.tokenizer(row["prompt"])["input_ids"]
        assert row["reward"] == pytest.approx(one.scores([[*prompt, *row["token_ids"]]]).item(), abs=1e-5)
    assert rows["reward"].n_unique() > 6
    again = [
        "score",
        str(out),
        "--reward-model",
        str(reward_model.parent / "base"),
        "--out",
        str(tmp_path / "x.parquet"),
    ]
    assert assay(again) == 2
    assert "is no reward model" in capsys.readouterr().err


def test_text_of_another_program(reward_model, tmp_path):
    """Read at the end of sequence that its training had after every response, but where the file says it was cut."""
    file, out = tmp_path / "rows.jsonl", tmp_path / "scored.jsonl"
    row = {"problem": "p", "prompt": "compose up1 : a b c d =", "response": "prose answer b"}
    one = load_reward_model(str(reward_model))
    ids = [one.tokenizer(row["prompt"])["input_ids"]]
    ids.append(one.tokenizer(row["response"], add_special_tokens=False)["input_ids"])
    rows = [row, row | {"stop": "length"}, row | {"token_ids": ids[1]}]
    file.write_text("\n".join(map(json.dumps, rows)))
    assert assay(["score", str(file), "--reward-model", str(reward_model), "--out", str(out)]) == 0
    found = [json.loads(line)["reward"] for line in out.read_text().splitlines()]
    ended, cut = one.scores([[*ids[0], *ids[1], one.tokenizer.eos_token_id], [*ids[0], *ids[1]]]).tolist()
    assert abs(ended - cut) > 1e-3 and found == pytest.approx([ended, cut, ended], abs=1e-5)


def test_another_models_reward_is_not_overwritten(reward_model, tmp_path, capsys):
    file = tmp_path / "rows.jsonl"
    file.write_text(json.dumps({"problem": "p", "prompt": "compose", "response": "code", "reward": 1.0}))
    assert assay(["score", str(file), "--reward-model", str(reward_model), "--out", str(tmp_path / "x.jsonl")]) == 2
    assert "has a column 'reward' already, by something else; rename it" in capsys.readouterr().err


def test_simulated_preferences_are_said_by_score_and_best_of(reward_model, tmp_path, capsys):
    one = load_reward_model(str(reward_model))
    one.model.config.annotators = ["simulated: right 4, noise 1, seed 0"]
    save_policy(one, tmp_path / "rm")
    file, out = sampled(tmp_path), tmp_path / "scored.parquet"
    assert assay(["score", str(file), "--reward-model", str(tmp_path / "rm"), "--out", str(out)]) == 0
    assert "The preferences behind the reward are simulated: right 4, noise 1, seed 0" in capsys.readouterr().out
    assert pl.read_parquet(out)["annotator"].unique().to_list() == one.model.config.annotators
    assert assay(["best-of", str(out), "--score", "reward", "--out", str(tmp_path / "best"), "--no-report"]) == 0
    assert "Note: Rewards in this file rest on simulated preferences: right 4, noise 1" in capsys.readouterr().out
