"""`assay plan`: what it prints, its JSON, and one sentence for everything that cannot be planned."""

import json
from pathlib import Path

import pytest

from assay.cli.main import run

PLAN = ["plan", "--problems", "128", "-n", "64"]


def test_a_plan_in_words(capsys) -> None:
    assert run([*PLAN, "--seeds", "3", "--base-pass-at-1", "0.4"]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "a recipe of 3 seeds against its base, on 128 problems, 64 answers to each" in said
    assert "The smallest change of pass@1 seen with power 0.8 is" in said and "over 3 seeds and problems" in said
    assert "+1 points" in said and "+3 points" in said and "+10 points" in said


def test_one_seed_says_what_it_cannot_show(capsys) -> None:
    assert run(PLAN) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "one seed cannot show how seeds differ" in said and "is not in it" in said


def test_tests_that_share_the_five_per_cent_are_told(capsys) -> None:
    assert run([*PLAN, "--seeds", "3", "--tests", "20"]) == 0
    assert "20 tests share the 5 %" in " ".join(capsys.readouterr().out.split())


def test_json_has_the_same_numbers(capsys) -> None:
    assert run([*PLAN, "--seeds", "2", "--against", "arm", "--problem-spread", "0.25", "--json"]) == 0
    plan = json.loads(capsys.readouterr().out)
    assert plan["schema"] == "assay.plan/1"
    assert plan["setting"]["difficulty"] == {"pass_at_1": 0.5, "alike": 0.25}
    assert (plan["setting"]["arms"], plan["setting"]["answers"]) == (2, 64)
    assert [each["change"] for each in plan["changes"]] == [0.01, 0.03, 0.1]
    powers = [each["power"] for each in plan["changes"]]
    assert powers == sorted(powers) and plan["changes"][0]["needed"]["answers"] is None


def test_like_a_sample_file(tmp_path: Path, capsys) -> None:
    rows = [{"problem": f"p{at}", "correct": at > 2 * member} for at in range(6) for member in range(4)]
    samples = tmp_path / "base.jsonl"
    samples.write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert run([*PLAN, "--like", str(samples), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)["setting"]["difficulty"]
    assert told["pass_at_1"] == pytest.approx(sum(row["correct"] for row in rows) / 24)
    assert run([*PLAN, "--like", str(samples), "--base-pass-at-1", "0.4"]) == 2
    assert "--base-pass-at-1 and --like" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["plan", "-n", "64"], "--problems"),
        (["plan", "--problems", "1", "-n", "64"], "--problems"),
        (["plan", "--problems", "8", "-n", "0"], "-n"),
        ([*PLAN, "--seeds", "0"], "--seeds"),
        ([*PLAN, "--base-pass-at-1", "1"], "expected a share above 0 and below 1"),
        ([*PLAN, "--base-pass-at-1", "nan"], "expected a share above 0 and below 1"),
        ([*PLAN, "--seed-spread", "-0.1"], "expected a standard deviation of shares"),
        ([*PLAN, "--change-spread", "nan"], "expected a standard deviation of shares"),
        ([*PLAN, "--problem-spread", "0.6"], "spread by 0.500 at most"),
        ([*PLAN, "--against", "nobody"], "with its base, or with another arm"),
        ([*PLAN, "--like", "nowhere.parquet"], "nowhere.parquet"),
    ],
)
def test_what_cannot_be_planned_is_one_sentence(arguments: list[str], sentence: str, capsys) -> None:
    assert run(arguments) == 2
    said = capsys.readouterr()
    assert sentence in said.err and said.out == "" and len(said.err.strip().splitlines()) == 1
