"""`assay prefer`: rows of decision 0012, what is printed, and one sentence for everything that cannot be."""

import json
from pathlib import Path

import polars as pl
import pytest

from assay.cli.main import run

TRACES = ["code 1 ; sure answer 1", "prose sure so 2", "prose unsure answer 3", "prose so 4", "prose so 4"]


def sample_rows() -> list[dict]:
    """Five responses to each of three problems: the first is right, the longest, sure and in the familiar form."""
    words = [("sure", "answer"), ("sure", "so"), ("unsure", "answer"), (None, "so"), (None, "so")]
    return [
        {
            "problem": f"p{problem}", "member": member, "task": "toy", "prompt": f"p{problem} =", "response": text,
            "correct": member == 0, "length_tokens": 9 - member, "strategy": text.split()[0],
            "confidence": words[member][0], "form": words[member][1],
        }
        for problem in range(3)
        for member, text in enumerate(TRACES)
    ]  # fmt: skip


def write(path: Path, rows: list[dict]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.fixture
def samples(tmp_path: Path) -> Path:
    return write(tmp_path / "samples.jsonl", sample_rows())


def test_pairs_are_rows_as_trl_reads_them(samples: Path, tmp_path: Path, capsys) -> None:
    """At noise 0 the right one of a pair is chosen. Five responses, two of them the same, are two pairs."""
    out = tmp_path / "pairs.jsonl"
    code = run(["prefer", str(samples), "--set", "noise=0", "--per-problem", "2", "--out", str(out)])
    said = capsys.readouterr()
    assert code == 0, said.err
    rows = [json.loads(line) for line in out.read_text().splitlines()]
    assert [row["problem"] for row in rows] == ["p0", "p0", "p1", "p1", "p2", "p2"]
    for row in rows:
        assert row["prompt"] == f"{row['problem']} =" and row["task"] == "toy"
        assert {row["chosen"], row["rejected"]} <= set(TRACES) and row["chosen"] != row["rejected"]
        assert row["annotator"] == "simulated: right 1, noise 0, seed 0"
        assert (row["chosen_correct"], row["rejected_correct"]) == (row["chosen"] == TRACES[0], False)
    lines = said.out.splitlines()
    right = sum(row["chosen_correct"] for row in rows)
    assert lines[0] == "annotator  simulated: right 1, noise 0, seed 0"
    assert lines[1] == "rows       6 pairs of 3 of 3 problems"
    assert f"  right    1.000 of {right} pairs of a right and a wrong response: the agreement with the truth" in lines
    assert "This annotator is simulated: its preferences are drawn by a formula and are nobody's." in lines
    assert lines[-1] == f"written    {out}"


@pytest.mark.parametrize(
    ("dial", "best"), [("longer=1", {0}), ("longer=-1", {3, 4}), ("confident=1", {0, 1}), ("familiar_form=1", {0, 2})]
)
def test_rankings_have_a_rank_a_response_and_follow_the_dial(
    samples: Path, tmp_path: Path, dial: str, best: set[int]
) -> None:
    """All four different responses are ranked by one dial alone, without noise; also as Parquet."""
    out = tmp_path / "rankings.parquet"
    options = ["--set", "right=0", "--set", dial, "--set", "noise=0", "--kind", "rankings", "--size", "5"]
    assert run(["prefer", str(samples), *options, "--out", str(out)]) == 0
    rows = pl.read_parquet(out).to_dicts()
    assert len(rows) == 3
    for row in rows:
        assert sorted(row["ranks"]) == [1, 2, 3, 4] and sorted(row["responses"]) == sorted(set(TRACES))
        assert row["correct"] == [text == TRACES[0] for text in row["responses"]]
        assert row["responses"][row["ranks"].index(1)] in {TRACES[each] for each in best}


def test_what_could_not_be_made_is_counted(tmp_path: Path, capsys) -> None:
    """p2's responses are all the same; one of p1's has no grade; p0 and p1 have two pairs where three are asked."""
    rows = sample_rows()
    for row in rows:
        if row["problem"] == "p2":
            row["response"] = "prose so 4"
    rows[7]["correct"] = None
    samples, out = write(tmp_path / "samples.jsonl", rows), tmp_path / "pairs.jsonl"
    assert run(["prefer", str(samples), "--per-problem", "3", "--out", str(out)]) == 0
    made = len(out.read_text().splitlines())
    lines = capsys.readouterr().out.splitlines()
    assert lines[1] == f"rows       {made} pairs of 2 of 3 problems"
    assert lines[2].strip() == f"{9 - made} fewer than asked: not enough different responses"
    assert lines[3] == "left out   1 of unknown grade or length, or cut off"


def test_a_policy_that_says_no_word_is_not_a_file_that_cannot_say_it(tmp_path: Path, capsys) -> None:
    rows = [row | {"confidence": None} for row in sample_rows()]
    options = ["--set", "confident=1", "--out"]
    assert run(["prefer", str(write(tmp_path / "a.jsonl", rows)), *options, str(tmp_path / "a.out.jsonl")]) == 0
    assert "  surer    there are no pairs where one says sure" in capsys.readouterr().out
    rows = [row | {"strategy": None} for row in rows]
    assert run(["prefer", str(write(tmp_path / "b.jsonl", rows)), *options, str(tmp_path / "b.out.jsonl")]) == 2
    assert "has nothing in the column 'confidence'; only traces of organisms have it" in capsys.readouterr().err


def without(name: str) -> list[dict]:
    return [{key: value for key, value in row.items() if key != name} for row in sample_rows()]


@pytest.mark.parametrize(
    ("rows", "options", "said"),
    [
        (without("prompt"), [], "no row has the column 'prompt'; expected it as assay sample writes it"),
        (without("response"), [], "no row has the column 'response'"),
        (without("correct"), [], "no row has the column 'correct'"),
        (without("form"), ["--set", "familiar_form=1"], "dial familiar_form is 1, but "),
        (without("length_tokens"), ["--set", "longer=1"], "nothing in the column 'length_tokens'; assay sample writes"),
        ([row | {"correct": None} for row in sample_rows()], [], "dial right is 1, but "),
        ([row | {"response": "x"} for row in sample_rows()], [], "no problem has two different responses to compare;"),
        ([row | {"prompt": str(row["member"])} for row in sample_rows()], [], "problem 'p0' has 5 different prompts"),
        ([*sample_rows(), {"problem": "q", "response": "x"}], [], "column 'prompt': is empty in a row of problem 'q'"),
        ([{"problem": "p", "n": 4, "correct": 1}], [], "holds counts; expected a row a response"),
        (sample_rows(), ["--set", "rihgt=1"], "unknown key 'rihgt', did you mean 'right'?"),
        (sample_rows(), ["--set", "noise=-1"], "'noise': should be greater than or equal to 0, got -1"),
        (sample_rows(), ["--annotator", "none.toml"], "none.toml: cannot read this annotator"),
        (sample_rows(), ["--kind", "pear"], "--kind 'pear': there are pairs and rankings"),
        (sample_rows(), ["--size", "3"], "--size is for --kind rankings"),
    ],
)
def test_what_cannot_be_gets_one_sentence(tmp_path: Path, capsys, rows: list[dict], options: list[str], said: str):
    samples, out = write(tmp_path / "samples.jsonl", rows), tmp_path / "out.jsonl"
    assert run(["prefer", str(samples), *options, "--out", str(out)]) == 2
    error = capsys.readouterr().err.splitlines()[-1]
    assert error.startswith("assay: ") and said in error
    assert not out.exists()


@pytest.mark.parametrize(
    ("name", "said"),
    [("out.txt", "give a name that ends in .jsonl or .parquet"), ("samples.jsonl", "is there already")],
)
def test_nothing_is_overwritten_and_no_format_guessed(samples: Path, capsys, name: str, said: str) -> None:
    before = samples.read_text()
    assert run(["prefer", str(samples), "--out", str(samples.with_name(name))]) == 2
    assert said in capsys.readouterr().err and samples.read_text() == before


def test_a_file_of_dials_that_is_no_toml(samples: Path, tmp_path: Path, capsys) -> None:
    dials = tmp_path / "dials.toml"
    for content in (b"right: 2", b"\xff\xfe"):
        dials.write_bytes(content)
        assert run(["prefer", str(samples), "--annotator", str(dials), "--out", str(tmp_path / "out.jsonl")]) == 2
        assert "dials.toml: is not valid TOML" in capsys.readouterr().err


@pytest.mark.parametrize("size", [2, 3])
def test_a_ranking_has_as_many_responses_as_asked(samples: Path, tmp_path: Path, size: int) -> None:
    out = tmp_path / "rankings.jsonl"
    assert run(["prefer", str(samples), "--kind", "rankings", "--size", str(size), "--out", str(out)]) == 0
    assert {len(json.loads(line)["responses"]) for line in out.read_text().splitlines()} == {size}
