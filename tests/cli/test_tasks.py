"""`assay tasks`: the list, the problems and the checks, as a user sees them."""

import json
from pathlib import Path

import pytest

from assay.cli.main import run
from assay.tasks import TASKS


@pytest.fixture(autouse=True)
def _no_local_copy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ASSAY_DATA", raising=False)


@pytest.fixture
def rows(tmp_path: Path) -> str:
    path = tmp_path / "test.jsonl"
    values = [{"question": f"{n} and one?", "answer": f"#### {n + 1}"} for n in range(1000, 1003)]
    path.write_text("".join(json.dumps(row) + "\n" for row in values), encoding="utf-8")
    return str(path)


def test_list_has_a_line_and_the_options_of_every_task(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["tasks", "list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert " ".join(lines[0].split()) == "task Hugging Face id split rows verifier licence prompt guess floor"
    assert [line.split()[0] for line in lines[1 : 1 + len(TASKS)]] == list(TASKS)
    gsm8k = next(line for line in lines if line.startswith("gsm8k"))
    assert " ".join(gsm8k.split()) == "gsm8k openai/gsm8k train/test 7,473/1,319 * gsm8k.exact@1 MIT boxed none known"
    place = lines.index("  gsm8k: grade-school word problems, the answer is one number")
    assert lines[place + 1] == "      data, prompt=boxed|none|r1|few-shot, read=any|boxed"


def test_list_counts_local_rows(
    tmp_path: Path, rows: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "gsm8k").mkdir()
    Path(rows).rename(tmp_path / "gsm8k" / "test.jsonl")
    monkeypatch.setenv("ASSAY_DATA", str(tmp_path))
    assert run(["tasks", "list"]) == 0
    assert " train/test 0/3 " in capsys.readouterr().out


def test_show_prints_problems_with_their_golds(rows: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["tasks", "show", "gsm8k", "-n", "3", "--data", rows]) == 0
    shown = capsys.readouterr().out
    assert shown.count("[user]") == shown.count(" (test, wording boxed)") == 3
    assert "1001 and one?\n\nPlease reason" in shown
    assert "[gold]\n1002\n" in shown
    assert run(["tasks", "show", "compose:seen", "-n", "1", "--split", "train"]) == 0
    assert "(train)\n[text]\ncompose " in capsys.readouterr().out


def test_show_of_another_split_is_a_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["tasks", "show", "compose", "--split", "dev"]) == 2
    assert "there is no split 'dev'; there are train and test" in capsys.readouterr().err


def test_check_counts_and_ends_with_0(rows: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Three rows: 20 checks each, the thousands separator among them."""
    assert run(["tasks", "check", "gsm8k", "--data", rows]) == 0
    shown = capsys.readouterr().out
    assert "gsm8k, verifier gsm8k.exact@1: 60 of 60 verdicts as expected" in shown
    assert any(line.split() == ["sign", "flipped", "wrong", "3", "0"] for line in shown.splitlines())


def test_check_of_a_generated_task(capsys: pytest.CaptureFixture[str]) -> None:
    for spec in ("compose:seen", "countdown:seen"):
        assert run(["tasks", "check", spec]) == 0
        assert "verdicts as expected" in capsys.readouterr().out


def test_a_failed_check_is_listed_and_ends_with_1(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "test.jsonl"
    rows = [{"question": f"How many, {n}?", "answer": f"#### two or {['three', 'more'][n % 2]}"} for n in range(25)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    assert run(["tasks", "check", "gsm8k", "--data", str(path)]) == 1
    shown = capsys.readouterr().out
    assert "0 of 25 verdicts as expected" in shown
    (line,) = [line for line in shown.splitlines() if "expected right" in line]
    assert line.startswith("  25 x ")
    assert line.endswith("expected right, got unknown (the gold answer 'two or three' is not one number)")
    assert "more kinds" not in shown


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["check", "gsm9"], "unknown task 'gsm9', did you mean 'gsm8k'?"),
        (["check", "gsm8k", "--data", "gone.jsonl"], "there is no data at gone.jsonl"),
        (["check", "jsonl:verifier=number"], "no data is given"),
        (["check", "compose:steep"], "'rung'"),
    ],
)
def test_mistakes_give_one_sentence_and_2(arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["tasks", *arguments]) == 2
    told = capsys.readouterr()
    assert said in told.err
    assert told.out == ""
