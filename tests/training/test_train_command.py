"""`assay train` from the user's end, on models that the tests make."""

import json

import polars as pl
import pytest
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedTokenizerFast, Qwen2Config, Qwen2ForCausalLM

from assay.cli.main import run as assay

CHAT = (
    "{% for m in messages %}<|{{ m['role'] }}|>{{ m['content'] }}<|end|>{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
GSM8K = [
    {"question": "Ann has 3 apples and buys 4. How many has she?", "answer": "3 + 4 = <<3+4=7>>7\n#### 7"},
    {"question": "A pen costs $2. What do 6 pens cost?", "answer": "6 * 2 = <<6*2=12>>12\n#### 12"},
    {"question": "Half of 1,000?", "answer": "1000 / 2 = 500\n#### 500"},
]


@pytest.fixture
def chat_model(tmp_path):
    """A Qwen2 of random weights with a byte-level tokenizer and a chat template."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    ids = {byte: index for index, byte in enumerate(alphabet)}
    core = Tokenizer(models.BPE(ids, []))
    core.pre_tokenizer, core.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=core, eos_token="<|end|>", pad_token="<|pad|>")
    tokenizer.add_special_tokens({"additional_special_tokens": ["<|user|>", "<|assistant|>", "<|system|>"]})
    tokenizer.chat_template = CHAT
    torch.manual_seed(0)
    config = Qwen2Config(
        vocab_size=len(tokenizer) + 5, hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, max_position_embeddings=1024, eos_token_id=tokenizer.eos_token_id, pad_token_id=None,
    )  # fmt: skip
    Qwen2ForCausalLM(config).save_pretrained(tmp_path / "chat")
    tokenizer.save_pretrained(tmp_path / "chat")
    return tmp_path / "chat"


def write_recipe(folder, model, **tables):
    lines = ['name = "test"', "steps = 2", "[model]", f'base = "{model}"']
    for table, keys in tables.items():
        lines += [f"[{table}]", *(f"{key} = {json.dumps(value)}" for key, value in keys.items())]
    (folder / "recipe.toml").write_text("\n".join(lines))
    return str(folder / "recipe.toml")


@pytest.fixture
def own_rewards(monkeypatch):
    monkeypatch.syspath_prepend(__file__.rpartition("/")[0])


def test_gsm8k_text_with_a_chat_model(chat_model, tmp_path, own_rewards, capsys):
    """Two GRPO steps under a reward that varies, then sampling: weights change, samples are graded."""
    data = tmp_path / "rows.jsonl"
    data.write_text("\n".join(map(json.dumps, GSM8K)))
    recipe = write_recipe(
        tmp_path, chat_model, task={"name": "gsm8k"}, rollout={"prompts": 2, "group": 4, "max_new_tokens": 16},
        reward={"functions": ["rewards_of_tests:length"]}, algorithm={"aggregation": "token", "kl_coef": 0.01},
        optimizer={"learning_rate": 1e-3}, evaluation={"every": 1, "problems": 1, "samples": 2},
        checkpoint={"rollouts_every": 1},
    )  # fmt: skip
    out = tmp_path / "run"
    assert assay(["train", recipe, "--out", str(out), "--data", str(data)]) == 0, capsys.readouterr().err
    printed = capsys.readouterr()
    assert str(out / "model") in printed.out
    assert "2 prompts x 4 = 8 samples a step, 1 update a step" in printed.err
    before = AutoModelForCausalLM.from_pretrained(chat_model).state_dict()
    after = AutoModelForCausalLM.from_pretrained(out / "model").state_dict()
    assert all((before[name] != weight).any() for name, weight in after.items())
    assert AutoTokenizer.from_pretrained(out / "model").chat_template == CHAT

    rows = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
    assert [row["step"] for row in rows] == [0, 1, 2]
    assert rows[0]["reward_std"] > 0 and rows[0]["rewards/true/mean"] == 0 and rows[2]["eval/problems"] == 1
    stored = pl.read_parquet(out / "rollouts" / "step-000000.parquet")
    assert len(stored) == 8 and stored["prompt"][0].startswith(("Ann", "A pen", "Half"))
    assert stored["reward"].is_not_null().all() and stored["advantage"].sum() == pytest.approx(0, abs=1e-5)

    samples = tmp_path / "samples.parquet"
    command = ["sample", str(out), "--task", "gsm8k", "--data", str(data), "--problems", "2", "-n", "3"]
    assert assay([*command, "--split", "train", "--max-new-tokens", "8", "--out", str(samples)]) == 0
    assert len(pl.read_parquet(samples)) == 6


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["train", "none.toml"], "none.toml: cannot read this recipe"),
        (["train"], "give either a recipe or --resume RUN"),
        (["train", "--resume", "nowhere"], "nowhere: no run there"),
        (["train", "RECIPE", "--set", "task.name=countdwon"], "unknown task 'countdwon', did you mean 'countdown'?"),
        (["train", "RECIPE", "--set", "model.base=./nothing"], "there is no such directory"),
        (["train", "RECIPE", "--set", "task.numbers=many"], "'numbers'"),
        (["train", "RECIPE", "--set", 'reward.functions=["no_such:thing"]'], "no_such"),
        (["train", "RECIPE", "--set", "model.template=chat"], "choose the template plain"),
    ],
)
def test_mistakes_get_one_sentence(arguments, sentence, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    write_recipe(tmp_path, "organism:code-base", task={"name": "countdown"})
    assert assay([str(tmp_path / "recipe.toml") if word == "RECIPE" else word for word in arguments]) == 2
    error = capsys.readouterr().err
    assert sentence in error and "Traceback" not in error
    assert not list(tmp_path.glob("runs/*"))


@pytest.mark.parametrize(
    ("count", "sentence"),
    [
        (1, "evaluation.problems is 64, but task gsm8k has 1 test problem; give more data, or --set evaluation.probl"),
        (0, "has no test problems; give more data, or --set evaluation.every=0, for no evaluation"),
    ],
)
def test_too_few_test_problems_are_told_before_the_model_is_loaded(count, sentence, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    recipe = write_recipe(tmp_path, "organism:code-base", task={"name": "gsm8k"})
    (tmp_path / "rows").mkdir()
    (tmp_path / "rows" / "train.jsonl").write_text("\n".join(map(json.dumps, GSM8K[count:])))
    if count:
        (tmp_path / "rows" / "test.jsonl").write_text(json.dumps(GSM8K[0]))
    assert assay(["train", recipe, "--data", "rows"]) == 2
    assert sentence in capsys.readouterr().err
    assert not (tmp_path / "runs").exists()
