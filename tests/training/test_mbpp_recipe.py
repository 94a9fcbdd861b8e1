"""The shipped MBPP recipe, run for two steps: what a model writes is run, in a sandbox, and trained on."""

import json
from pathlib import Path

import polars as pl
import pytest
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import AutoModelForCausalLM, PreTrainedTokenizerFast

from assay.cli.main import run as assay
from assay.grading.sandbox import why_not
from tiny_models import CHAT, make_model

ROOT = Path(__file__).parents[2]
SPECIAL = ["<pad>", "<bos>", "<eos>", "<user>", "<assistant>"]
CONSTANTS = range(5, 13)


def programming_model(folder: Path) -> Path:
    """A Llama of random weights whose words are programs, so that the last one of some of its responses is right."""
    words = [*SPECIAL, *(f"\n```python\ndef pick():\n    return {n}\n```\n" for n in CONSTANTS)]
    core = Tokenizer(models.WordLevel({word: index for index, word in enumerate(words)}, unk_token="<pad>"))
    core.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=core, bos_token="<bos>", eos_token="<eos>", pad_token="<pad>", unk_token="<pad>",
        chat_template=CHAT, clean_up_tokenization_spaces=False,
    )  # fmt: skip
    model = make_model("llama", vocab_size=len(words), max_position_embeddings=2048, initializer_range=0.02)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def mbpp_rows(path: Path) -> Path:
    """Rows in the hub's layout: 64 of the train split, 64 of the test split."""
    rows = [
        {
            "task_id": number,
            "text": f"Write a function to pick {number % 3 + 5} ({number}).",
            "code": f"def pick():\r\n  return {number % 3 + 5}",
            "test_list": [f"assert pick() == {number % 3 + 5}"],
        }
        for start in (11, 601)
        for number in range(start, start + 64)
    ]
    path.write_text("\n".join(map(json.dumps, rows)))
    return path


def test_the_mbpp_recipe_runs_for_two_steps(tmp_path, capsys):
    """Only steps and batch are overridden; and the model, which the recipe has from the hub."""
    reason = why_not()
    if reason is not None:
        pytest.skip(f"needs the sandbox: {reason}")
    out, model = tmp_path / "run", programming_model(tmp_path / "model")
    changes = ["steps=2", "rollout.prompts=8", "rollout.group=4", f"model.base={model}"]
    command = ["train", str(ROOT / "recipes" / "mbpp-grpo.toml"), "--out", str(out)]
    command += ["--data", str(mbpp_rows(tmp_path / "rows.jsonl")), *(w for each in changes for w in ("--set", each))]
    assert assay(command) == 0, capsys.readouterr().err

    rows = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
    assert [row["step"] for row in rows] == [0, 1, 2]
    assert rows[0]["eval/problems"] == rows[2]["eval/problems"] == 64
    for row in rows[:2]:
        assert row["unknown"] == row["grading/unknown_rate"] == row["grading/error_rate"] == 0
        assert row["grading/programs"] > 0 == row["grading/killed_rate"]
    stored = pl.concat(pl.read_parquet(path) for path in sorted((out / "rollouts").glob("*.parquet")))
    assert stored["prompt"].str.contains("self-contained Python script", literal=True).all()
    assert stored["correct"].any() and not stored["correct"].all()
    assert set(stored.filter(~stored["correct"])["reason"].str.split(":").list.first()) <= {"wrong", "no answer"}
    before, after = (AutoModelForCausalLM.from_pretrained(path).state_dict() for path in (model, out / "model"))
    assert any((before[name] != weight).any() for name, weight in after.items())
