"""The shipped GSM8K recipe, run for two steps."""

import json
import os
from pathlib import Path

import polars as pl
from test_train_command import GSM8K
from transformers import AutoModelForCausalLM

from assay.cli.main import run as assay
from tiny_models import CHAT, make_model, make_tokenizer

ROOT = Path(__file__).parents[2]


def numeral_model(folder):
    """A Llama of random weights whose words are the numbers from 5 to 13, so that some of its answers are right."""
    model = make_model("llama", vocab_size=14, max_position_embeddings=2048, initializer_range=0.02)  # ends soon
    model.save_pretrained(folder)
    make_tokenizer(14, chat=CHAT, letter="").save_pretrained(folder)
    return folder


def gsm8k_rows(folder):
    """The published files where ASSAY_DATA names them, else rows in their layout."""
    published = Path(os.environ.get("ASSAY_DATA", "nowhere"), "gsm8k")
    if published.is_dir():
        return published
    for split in ("train", "test"):
        rows = [json.dumps(row | {"question": f"{row['question']} ({split} {n})"}) for n in range(64) for row in GSM8K]
        (folder / f"{split}.jsonl").write_text("\n".join(rows))
    return folder


def test_the_gsm8k_recipe_runs_for_two_steps(tmp_path, capsys):
    """Only steps and batch are overridden; and the model, which the recipe has from the hub."""
    out, model = tmp_path / "run", numeral_model(tmp_path / "model")
    changes = ["steps=2", "rollout.prompts=16", "rollout.group=4", f"model.base={model}"]
    command = ["train", str(ROOT / "recipes" / "gsm8k-grpo.toml"), "--out", str(out)]
    command += ["--data", str(gsm8k_rows(tmp_path)), *(word for each in changes for word in ("--set", each))]
    assert assay(command) == 0, capsys.readouterr().err

    rows = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
    assert [row["step"] for row in rows] == [0, 1, 2]
    assert rows[0]["eval/problems"] == rows[2]["eval/problems"] == 128
    for row in rows[:2]:
        assert row["unknown"] == row["unscored"] == row["grading/unknown_rate"] == row["grading/error_rate"] == 0
        assert row["reward"] == row["rewards/true/mean"] == row["rewards/verifier/mean"]
        assert row["grading/throughput"] > 100
    stored = pl.read_parquet(out / "rollouts" / "step-000000.parquet")
    assert len(stored) == 64 and stored["prompt"].str.contains(r"final answer within \boxed{}", literal=True).all()
    assert stored["correct"].any() and not stored["correct"].all()
    before, after = (AutoModelForCausalLM.from_pretrained(path).state_dict() for path in (model, out / "model"))
    assert any((before[name] != weight).any() for name, weight in after.items())
