import json

import polars as pl
import pytest
import torch

from assay.cli.main import run as assay
from assay.organisms.grow import make_tokenizer
from assay.policies.load import load_policy
from assay.samples import read_samples
from assay.tasks import make_task
from tiny_models import make_model


@pytest.fixture
def compose_file(tmp_path):
    """Four graded responses of two problems, as JSONL of another program; the second grade is wrong."""
    task = make_task("compose:seen")
    rows = []
    for number, prompt in enumerate(task.prompts("test", 2)):
        off = prompt.gold.replace(prompt.gold[0], "j" if prompt.gold[0] != "j" else "a")
        rows.append(
            {"problem": prompt.problem, "response": f"prose answer {prompt.gold}", "correct": True, "id": number}
        )
        rows.append(
            {"problem": prompt.problem, "response": f"prose answer {off}", "correct": number == 0, "id": number}
        )
    path = tmp_path / "theirs.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A tiny model that reads compose."""
    folder = tmp_path_factory.mktemp("model")
    tokenizer = make_tokenizer(128)
    make_model(vocab_size=len(tokenizer)).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def test_what_changed_is_said_and_written(compose_file, tmp_path, capsys):
    out, changes = tmp_path / "graded.parquet", tmp_path / "changes.jsonl"
    code = assay(["score", str(compose_file), "--task", "compose:seen", "--out", str(out), "--changes", str(changes)])
    said = capsys.readouterr().out.splitlines()
    assert code == 0
    assert said[0] == "4 responses graded by compose.exact@1: 2 right, 2 wrong, 0 unknown"
    assert said[1] == "3 of 4 grades stay as they were (75.00%)"
    assert said[2] == "  right -> wrong: 1"
    assert said[3].endswith("right -> wrong (another result): ...prose answer " + _last_answer(compose_file, 1))
    changed = [json.loads(line) for line in changes.read_text().splitlines()]
    assert [(row["before"], row["after"], row["reason"]) for row in changed] == [("right", "wrong", "another result")]
    frame = read_samples(out).frame
    assert frame["correct"].to_list() == [True, False, True, False]
    assert frame["id"].to_list() == [0, 0, 1, 1]


def _last_answer(path, row):
    return json.loads(path.read_text().splitlines()[row])["response"].removeprefix("prose answer ")


def test_a_graded_file_knows_its_task(compose_file, tmp_path, capsys):
    assay(["score", str(compose_file), "--task", "compose:seen", "--out", str(tmp_path / "one.jsonl")])
    assert assay(["score", str(tmp_path / "one.jsonl"), "--out", str(tmp_path / "two.parquet")]) == 0
    said = capsys.readouterr()
    assert "4 of 4 grades stay as they were (100.00%)" in said.out and "is graded as" not in said.err


def test_another_task_than_the_files_is_noted(compose_file, tmp_path, capsys):
    assay(["score", str(compose_file), "--task", "compose:seen", "--out", str(tmp_path / "one.jsonl")])
    (tmp_path / "two.jsonl").write_text((tmp_path / "one.jsonl").read_text().replace("compose:seen", "compose:edge"))
    capsys.readouterr()
    code = assay(["score", str(tmp_path / "two.jsonl"), "--task", "compose", "--out", str(tmp_path / "three.jsonl")])
    assert code == 0
    assert "task compose:edge in the file is graded as compose:seen\n" in capsys.readouterr().err


def test_nothing_is_overwritten(compose_file, tmp_path, capsys):
    (tmp_path / "there.parquet").write_text("precious")
    assert assay(["score", str(compose_file), "--task", "compose", "--out", str(tmp_path / "there.parquet")]) == 2
    assert "is there already" in capsys.readouterr().err
    assert (tmp_path / "there.parquet").read_text() == "precious"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"problem": "p"}\n', "no row has the column 'response'"),
        ('{"problem": "p", "response": "a"}\n{"problem": "q"}\n', "row 2, column 'response': is empty"),
        ('{"problem": "p", "response": "a"\n', "row 1"),
        ('{"problem": "p", "response": "a"}\n', "1 of 1 problems are not of task compose:seen: 'p'"),
    ],
)
def test_a_bad_file_gets_one_sentence(tmp_path, capsys, text, said):
    path = tmp_path / "bad.jsonl"
    path.write_text(text)
    assert assay(["score", str(path), "--task", "compose", "--out", str(tmp_path / "out.parquet")]) == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "out.parquet").exists()


def expected_under(model, prompt, response):
    """By the model's own forward pass; the response is tokenised as text, no end of sequence known."""
    policy = load_policy(str(model))
    before = policy.tokenizer(prompt)["input_ids"]
    after = policy.tokenizer(response, add_special_tokens=False)["input_ids"]
    ids = torch.tensor([before + after])
    with torch.no_grad():
        scores = torch.log_softmax(policy.model(input_ids=ids).logits[0].double(), -1)
    return float(scores[:-1].gather(-1, ids[0, 1:, None])[len(before) - 1 :].sum())


def test_under_with_the_prompts_of_the_task(compose_file, model, tmp_path, capsys):
    """A foreign file has neither prompts nor token ids: the one is rendered, the other tokenised anew."""
    out = tmp_path / "out.parquet"
    assert assay(["score", str(compose_file), "--task", "compose", "--under", str(model), "--out", str(out)]) == 0
    assert "4 responses were tokenised anew" in capsys.readouterr().err
    for row in pl.read_parquet(out).iter_rows(named=True):
        assert row["logprob_under"] == pytest.approx(
            expected_under(model, row["problem"] + " =", row["response"]), abs=1e-4
        )
    assert not list(tmp_path.glob("*.parts"))


def test_under_with_prompts_in_the_file_needs_no_task(model, tmp_path, capsys):
    path, out = tmp_path / "mine.jsonl", tmp_path / "out.jsonl"
    path.write_text('{"problem": 1, "prompt": "a b c", "response": "d a", "correct": true}\n')
    assert assay(["score", str(path), "--under", str(model), "--out", str(out)]) == 0
    row = json.loads(out.read_text())
    assert row["logprob_under"] == pytest.approx(expected_under(model, "a b c", "d a"), abs=1e-4)
    assert row["correct"] is True
    path.write_text('{"problem": 1, "response": "d a", "correct": true}\n')
    assert assay(["score", str(path), "--under", str(model), "--out", str(tmp_path / "no.jsonl")]) == 2
    assert "there is no prompt to score its responses after; give --task" in capsys.readouterr().err


def test_published_grades_of_gsm8k(data, tmp_path, capsys):
    """The grades that the authors published for four models' solutions, against ours: every disagreement is listed."""
    solutions = (data / "gsm8k" / "example_model_solutions.jsonl").read_text("utf-8").splitlines()
    path, changes = tmp_path / "published.jsonl", tmp_path / "changes.jsonl"
    with path.open("w") as file:
        for line in solutions:
            row = json.loads(line)
            graded = {"problem": row["question"], "response": row["175b_verification"]["solution"]}
            file.write(json.dumps(graded | {"correct": row["175b_verification"]["is_correct"]}) + "\n")
    rows, out = data / "gsm8k" / "test.jsonl", tmp_path / "ours.parquet"
    code = assay(
        ["score", str(path), "--task", "gsm8k", "--data", str(rows), "--changes", str(changes), "--out", str(out)]
    )
    said = capsys.readouterr()
    assert code == 0, said.err
    frame = pl.read_parquet(out)
    assert frame.height == len(solutions) == 1319
    listed = [json.loads(line) for line in changes.read_text().splitlines()]
    assert f"{1319 - len(listed):,} of 1,319 grades stay as they were" in said.out
    assert len(listed) < 0.02 * 1319
