"""Supervised fine-tuning: it learns, resumes bitwise, and its gradient is that of the whole update."""

import json
import random
from pathlib import Path

import pytest
import torch
from test_resume import numbers, tiny_model

from assay.cli.main import run as assay
from assay.errors import DataError, Interrupted, RunError
from assay.policies.load import load_policy
from assay.recipe import load_any
from assay.report.run_facts import read_run_facts
from assay.store import Run
from assay.training import sft
from assay.training.sft_data import tokenize, with_unknown_tokens

LETTERS = "abcdefghij"
FILE = Path("rows.jsonl")
RECIPE = """
kind = "sft"
name = "copies"
batch = 16
epochs = 2
[model]
base = "{base}"
[data]
train = "{train}"
[task]
name = "compose"
rung = "seen"
[optimizer]
learning_rate = 1e-2
micro_batch_tokens = 200
[evaluation]
every = 10
[checkpoint]
every = 3
[audit]
problems = 2
n = 2
max_new_tokens = 8
"""


def write_rows(path, count=200):
    """The response to `compose up1 : a b c d =` is `answer` and as many `a` as there are letters, three to six."""
    rng = random.Random(0)
    drawn = [rng.choices(LETTERS, k=rng.randint(3, 6)) for _ in range(count)]
    rows = [
        {"prompt": f"compose up1 : {' '.join(x)} =", "completion": " ".join(["answer", *"a" * len(x)])} for x in drawn
    ]
    path.write_text("\n".join(map(json.dumps, rows)))
    return path


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return tiny_model(tmp_path_factory.mktemp("base"))


@pytest.fixture(scope="module")
def recipe(base, tmp_path_factory):
    folder = tmp_path_factory.mktemp("recipe")
    rows = write_rows(folder / "rows.jsonl")
    (folder / "recipe.toml").write_text(RECIPE.format(base=base, train=rows))
    return folder / "recipe.toml"


@pytest.fixture(scope="module")
def trained(recipe, tmp_path_factory):
    out = tmp_path_factory.mktemp("trained") / "run"
    assert assay(["train", str(recipe), "--out", str(out)]) == 0
    return out


def samples_of(recipe, policy, count=12):
    rows = sft.read_demonstrations(recipe.parent / "rows.jsonl").train[:count]
    return tokenize(rows, FILE, policy, "auto", 100)[0]


def test_it_learns_and_can_be_audited(trained, capsys):
    rows = [json.loads(line) for line in (trained / "metrics.jsonl").read_text().splitlines()]
    assert [row["step"] for row in rows if "eval/loss" in row] == [0, 10, 20, rows[-1]["step"]]
    assert rows[-2]["loss"] < 1 < 3 < rows[0]["loss"]
    assert rows[-1]["eval/loss"] < 1 and rows[-1]["eval/token_accuracy"] > 0.7 > rows[0]["eval/token_accuracy"]
    assert sum(row.get("response_tokens", 0) for row in rows) == rows[-2]["trained_tokens"]
    assert assay(["audit", str(trained), "--no-report"]) == 0
    assert read_run_facts(trained).recipe.startswith('kind = "sft"')


def test_a_stopped_run_ends_bitwise_like_the_other(trained, tmp_path):
    whole = Run.open(trained)
    run = Run.create(tmp_path / "stopped", whole.any_recipe, "x", [])

    stops = [7, 8, 15]  # checkpoints are after 3, 6, 9, ... updates

    def advance(_):
        if len(run.read_metrics()) == stops[0]:
            stops.pop(0)
            raise Interrupted("")

    for done in (6, 6, 15):
        with pytest.raises(Interrupted):
            sft.train(run, advance=advance)
        assert run.finished_steps() == done
    stops.append(0)
    sft.train(run, advance=advance)
    weights = "model/model.safetensors"
    assert (run.path / weights).read_bytes() == (whole.path / weights).read_bytes()
    assert numbers(run.path) == numbers(whole.path)


@pytest.mark.parametrize("packed", [False, True])
def test_its_gradient_does_not_depend_on_the_split_packing_or_order(recipe, base, packed):
    """Against the plain mean over all response tokens of the update, with the model's own logits, one row at a time."""
    policy = load_policy(str(base), "cpu", "float32")
    policy.model.double()
    samples = samples_of(recipe, policy)
    total = sum(each.length_tokens for each in samples)
    loss = torch.zeros((), dtype=torch.float64)
    for each in samples:
        ids, mask = torch.tensor(each.token_ids).long(), torch.tensor(each.mask)
        logprobs = policy.model(input_ids=ids[None]).logits[0].log_softmax(-1)[:-1]
        loss = loss - logprobs.gather(-1, ids[1:, None])[mask[1:]].sum() / total
    loss.backward()
    expected = {name: weight.grad.clone() for name, weight in policy.model.named_parameters()}
    assert max(float(grad.abs().max()) for grad in expected.values()) > 0.1
    for tokens in (1, 40, 10**6):
        for order in (samples, samples[::-1]):
            policy.model.zero_grad()
            options = load_any(recipe)
            optimizer = options.optimizer.model_copy(update={"micro_batch_tokens": tokens, "packed": packed})
            learner = sft.Learner(policy, options.model_copy(update={"optimizer": optimizer}))
            seen = {}
            learner.optimizer.update = lambda seen=seen: (
                seen.update({name: weight.grad.clone() for name, weight in policy.model.named_parameters()}) or 0.0
            )
            found = learner.update(order)
            assert found["loss"] == pytest.approx(loss.item(), abs=1e-6) and found["response_tokens"] == total
            assert all(torch.allclose(seen[name], grad, atol=1e-6) for name, grad in expected.items())


def test_evaluation_by_the_models_own_logits(recipe, base):
    policy = load_policy(str(base), "cpu", "float32")
    samples = samples_of(recipe, policy)
    found = sft.evaluate(policy, samples, 60)
    losses, right = [], []
    for each in samples:
        ids = torch.tensor(each.token_ids).long()
        with torch.no_grad():
            logits = policy.model(input_ids=ids[None]).logits[0, :-1]
        mask = torch.tensor(each.mask)[1:]
        losses += torch.nn.functional.cross_entropy(logits[mask], ids[1:][mask], reduction="none").tolist()
        right += (logits.argmax(-1) == ids[1:])[mask].tolist()
    assert found["eval/loss"] == pytest.approx(sum(losses) / len(losses), abs=1e-5)
    assert found["eval/token_accuracy"] == sum(right) / len(right)
    assert found["eval/tokens"] == len(losses) and found["eval/rows"] == 12


def test_a_token_budget_ends_with_the_update_that_reaches_it(recipe, base):
    policy = load_policy(str(base), "cpu", "float32")
    options = load_any(recipe, ["steps=1000", "batch=2"])
    samples = samples_of(recipe, policy)
    plan, counts = sft.planned(samples, options)
    assert len(plan) == 12 and counts[-1] == 2 * sum(each.length_tokens for each in samples)
    for budget, updates in ((counts[3], 4), (counts[3] + 1, 5), (1, 1), (10**9, 12)):
        short, _ = sft.planned(samples, options.model_copy(update={"token_budget": budget}))
        assert short == plan[:updates]
    assert "until 1 response tokens" in load_any(recipe, ["token_budget=1"]).arithmetic()


def test_a_run_says_that_its_token_budget_ended_it(recipe, tmp_path, capsys):
    """The progress counts up to the steps that there would be without one."""
    for budget, is_told in ((1, True), (10**9, False)):
        words = f"train {recipe} --out {tmp_path / str(budget)} --set token_budget={budget} --set evaluation.every=0"
        assert assay(words.split()) == 0
        assert ("the token budget is spent after 1 of at most" in capsys.readouterr().err) == is_told


def test_long_rows_are_left_out_and_unknown_words_told(recipe, base):
    policy = load_policy(str(base), "cpu", "float32")
    rows = sft.read_demonstrations(recipe.parent / "rows.jsonl").train[:40]
    lengths = [len(each.token_ids) for each in tokenize(rows, FILE, policy, "auto", 100)[0]]
    kept, left = tokenize(rows, FILE, policy, "auto", min(lengths))
    assert 0 < len(kept) == lengths.count(min(lengths)) and left == 40 - len(kept)
    with pytest.raises(
        DataError, match=r"rows.jsonl: every row has more tokens than data\.max_tokens = 3 \(the shortest has"
    ):
        tokenize(rows, FILE, policy, "auto", 3)
    policy.tokenizer.unk_token_id = int(kept[0].token_ids[1])
    assert with_unknown_tokens(kept, policy) == len(kept)


def test_a_run_does_not_continue_on_other_rows(recipe, tmp_path):
    rows = write_rows(tmp_path / "rows.jsonl", 30)
    out = tmp_path / "run"
    assert assay(["train", str(recipe), "--out", str(out), "--set", f"data.train={rows}", "--set", "steps=1"]) == 0
    write_rows(tmp_path / "rows.jsonl", 31)
    with pytest.raises(RunError, match=r"had the hash .* when the run began, and now has .*; put the old one back"):
        sft.train(Run.open(out))


def test_mistakes_are_one_sentence(recipe, tmp_path, capsys):
    def fails(*overrides):
        words = [word for each in overrides for word in ("--set", each)]
        assert assay(["train", str(recipe), "--out", str(tmp_path / "run"), *words]) == 2
        assert not (tmp_path / "run").exists()
        return capsys.readouterr().err

    (tmp_path / "empty.jsonl").write_text("")
    assert "there is no data at" in fails("data.train=nowhere.jsonl")
    assert "holds no rows" in fails(f"data.train={tmp_path / 'empty.jsonl'}")
    assert "unknown key 'data.max_token', did you mean 'max_tokens'?" in fails("data.max_token=3")
    assert "every row has more tokens than data.max_tokens = 3" in fails("data.max_tokens=3")
    assert "[task] needs a name" in fails("task={rung='seen'}")
    assert "unknown key 'rnug', did you mean 'rung'?" in fails("task.rnug=seen")
