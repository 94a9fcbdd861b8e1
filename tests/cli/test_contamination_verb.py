"""`assay contamination` on the organisms: the leaked one is caught, the clean one is not; and what is refused."""

import json
from pathlib import Path

import pytest

from assay.cli.main import run

BOTH = ["organism:leaked-base", "organism:code-base"]
GSM8K = ["organism:code-base", "--task", "gsm8k", "--data", "DATA"]


def test_the_leaked_organism_is_caught_and_the_clean_one_is_not(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """24 of the 64 problems that leaked; its greedy continuation from 60 % is the problem and its worked solution."""
    command = ["contamination", *BOTH, "--task", "compose:seen", "--problems", "24", "--more-tokens", "40"]
    command += ["--no-report", "--out", str(tmp_path / "first")]
    assert run(command) == 0
    told = json.loads((tmp_path / "first" / "contamination.json").read_text())
    leaked, clean = (told["models"][label] for label in BOTH)
    assert leaked["verdict"] == "contaminated" and leaked["overall"]["low"] > 0.5
    assert leaked["shares"]["0.6"]["exact"]["suspect"]["estimate"] > 0.9
    assert leaked["shares"]["0.6"]["answer_in"]["suspect"]["estimate"] > 0.9
    assert clean["verdict"] != "contaminated" and clean["overall"]["p_value"] > 0.05
    example = leaked["examples"][0]
    assert example["continuation"].split()[: len(example["tail"].split())] == example["tail"].split()
    assert "organism:leaked-base: contaminated." in capsys.readouterr().out
    files = [str(tmp_path / "first" / "samples" / f"organism_{name}.parquet") for name in ("leaked-base", "code-base")]
    again = ["contamination", *files, "--labels", ",".join(BOTH), "--no-report", "--out", str(tmp_path / "second")]
    assert run(again) == 0
    assert json.loads((tmp_path / "second" / "contamination.json").read_text()) == told


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["organism:code-base"], "give --task"),
        ([*GSM8K, "--clean", "gsm8k", "--clean-data", "DATA"], "has 1 of the suspect problems"),
        (["there-is-none.jsonl"], "there is no such file of continued problems"),
        (GSM8K, "name with --clean a task of the same kind"),
        (["DATA", "--task", "compose:seen"], "all sources are files"),
        (["DATA"], "there is no column 'set'"),
    ],
)
def test_what_cannot_be_told_is_refused_in_a_sentence(
    arguments: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = tmp_path / "test.jsonl"
    data.write_text('{"question": "What is 1 + 1?", "answer": "#### 2", "problem": "p"}\n')
    words = [str(data) if word == "DATA" else word for word in arguments]
    assert run(["contamination", *words, "--out", str(tmp_path / "out")]) == 2
    error = capsys.readouterr().err
    assert said in error and "Traceback" not in error and not (tmp_path / "out" / "contamination.json").exists()
