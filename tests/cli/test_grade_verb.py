"""`assay grade`: the verdict, reason and tier beside each pair; bad input is one sentence and exit code 2."""

import json
from pathlib import Path

import polars as pl
import pytest

from assay.cli.main import run

PAIRS = [
    {"gold": "\\dfrac97", "prediction": "\\frac{9}{7}", "id": 1, "listed": []},
    {"gold": "1.6e-19", "prediction": "0.0", "id": 2},
    {"gold": "\\sqrt{12}", "prediction": "so it is $2\\sqrt{3}$.", "id": 3},
    {"gold": "\\frac{1", "prediction": "5", "id": 4},
    {"gold": "50\\%", "prediction": "50", "id": 5, "question": "What percent of them?"},
]


@pytest.fixture
def pairs(tmp_path: Path) -> Path:
    path = tmp_path / "pairs.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in PAIRS))
    return path


def test_verdict_reason_and_tier_stand_beside_each_pair(pairs: Path, tmp_path: Path, capsys) -> None:
    out = tmp_path / "graded.jsonl"
    assert run(["grade", str(pairs), "--verifier", "math", "--out", str(out)]) == 0
    rows = [json.loads(line) for line in out.read_text().splitlines()]
    assert [(row["id"], row["verdict"], row["tier"]) for row in rows] == [
        (1, "right", "string"),
        (2, "wrong", "exact"),
        (3, "right", "deep"),
        (4, "unknown", "deep"),
        (5, "right", "exact"),
    ]
    assert rows[1]["reason"] == "another value" and rows[0]["reason"] is None
    assert [{**row, "verdict": 0, "reason": 0, "tier": 0, "answer": 0} for row in rows] == [
        {**row, "verdict": 0, "reason": 0, "tier": 0, "answer": 0} for row in PAIRS
    ]
    printed = capsys.readouterr().out
    assert "3 right, 1 wrong, 1 unknown" in printed
    assert "unknown, 1 x: the gold answer is not readable as mathematics" in printed


def test_any_verifier_and_columns_and_parquet(tmp_path: Path) -> None:
    source, out = tmp_path / "pairs.parquet", tmp_path / "graded.parquet"
    pl.DataFrame({"truth": ["B", "C"], "said": ["(B)", "the answer is A"]}).write_parquet(source)
    options = ["--verifier", "choice", "--gold", "truth", "--prediction", "said", "--out", str(out)]
    assert run(["grade", str(source), *options]) == 0
    assert pl.read_parquet(out)["verdict"].to_list() == ["right", "wrong"]


def test_what_is_empty_is_graded_and_stops_nothing(tmp_path: Path) -> None:
    rows = [{"gold": "5", "prediction": ""}, {"gold": "5", "prediction": None}, {"gold": "", "prediction": "5"}]
    rows += [{"gold": None, "prediction": "5"}, {"gold": 5, "prediction": 5.0}]
    source, out = tmp_path / "pairs.jsonl", tmp_path / "graded.jsonl"
    source.write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert run(["grade", str(source), "--verifier", "math", "--out", str(out)]) == 0
    verdicts = [json.loads(line)["verdict"] for line in out.read_text().splitlines()]
    assert verdicts == ["wrong", "wrong", "unknown", "unknown", "right"]


def test_a_column_of_the_users_is_not_written_over(tmp_path: Path, capsys) -> None:
    source = tmp_path / "pairs.jsonl"
    source.write_text('{"gold": "7", "prediction": "7", "reason": "mine"}\n')
    assert run(["grade", str(source), "--verifier", "math", "--out", str(tmp_path / "graded.jsonl")]) == 2
    assert "line 1: has a column 'reason' already" in capsys.readouterr().err


def test_a_pattern_finds_the_answer(tmp_path: Path) -> None:
    source, out = tmp_path / "pairs.jsonl", tmp_path / "graded.jsonl"
    source.write_text('{"gold": "7", "prediction": "x=3, y=7"}\n')
    assert run(["grade", str(source), "--verifier", "regex", "--pattern", r"=(\d)", "--out", str(out)]) == 0
    assert json.loads(out.read_text())["verdict"] == "right"


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--verifier", "maths"], "unknown verifier 'maths', did you mean 'math'?"),
        (["--verifier", "math", "--gold", "glod"], "line 1: there is no column 'glod', did you mean 'gold'?"),
        (["--verifier", "math", "--prediction", "listed"], "line 1: column 'listed' holds list; expected text"),
        (["--verifier", "math", "--question", "asked"], "line 1: there is no column 'asked'"),
        (["--verifier", "regex"], "--verifier regex needs --pattern"),
        (["--verifier", "regex", "--pattern", "("], "--pattern '(': is no regular expression"),
        (["--verifier", "number", "--physics"], "--physics is for --verifier math"),
        (["--verifier", "math", "--out", "graded.txt"], "give a name that ends in .jsonl or .parquet"),
    ],
)
def test_bad_input_is_one_sentence(options, sentence, pairs: Path, tmp_path: Path, capsys, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    out = [] if "--out" in options else ["--out", "graded.jsonl"]
    assert run(["grade", str(pairs), *options, *out]) == 2
    assert sentence in capsys.readouterr().err
    assert not (tmp_path / "graded.jsonl").exists()
