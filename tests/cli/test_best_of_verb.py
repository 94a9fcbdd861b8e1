"""`assay best-of`: what it prints and writes, and what it refuses."""

import json
import random
import re
from pathlib import Path
from typing import Any

import pytest

from assay.cli.main import run as assay


def rows(**changed: Any) -> list[dict[str, Any]]:
    """Eight responses to each of twenty problems; the reward is higher for right ones."""
    draw = random.Random(0)
    found = []
    for problem in range(20):
        for member in range(8):
            right = draw.random() < 0.5
            answer = "7" if right else str(draw.randrange(4))
            row = {"problem": problem, "member": member, "correct": right, "answer": answer}
            found.append(row | {"reward": draw.gauss(2.0 * right, 1)} | changed)
    return found


def write(path: Path, found: list[dict[str, Any]]) -> Path:
    path.write_text("\n".join(map(json.dumps, found)), encoding="utf-8")
    return path


def test_the_table_and_the_sentence_are_printed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    samples = write(tmp_path / "samples.jsonl", rows())
    assert assay(["best-of", str(samples), "--score", "reward", "--out", str(out), "--no-report"]) == 0
    said = capsys.readouterr().out
    found = json.loads((out / "best_of_n.json").read_text())
    told = found["scores"]["reward"]
    assert re.findall(r"^(\d+) ", said, re.MULTILINE) == ["1", "4", "8"]
    for interval in (told["best_of_n"]["4"], found["majority"]["4"], found["pass_at_n"]["4"]):
        assert f"{interval['estimate']:.3f} ({interval['low']:.3f} to {interval['high']:.3f})" in said
    assert f"{told['difference']['4']['estimate']:+.3f} (" in said
    assert told["words"] in " ".join(said.split())
    assert "ranks a right response above a wrong one" in said
    assert [path.name for path in out.iterdir()] == ["best_of_n.json"]


def test_without_answers_the_table_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    samples = write(tmp_path / "samples.jsonl", rows(answer=None, correct=True))
    assert assay(["best-of", str(samples), "--score", "reward", "--out", str(tmp_path), "--no-report"]) == 0
    said = capsys.readouterr().out
    assert "Note: The file has no answers to vote with" in said and "majority of n" not in said
    assert "it is not known how reward ranks them" in said


def test_errors_are_a_sentence_and_exit_code_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    samples = write(tmp_path / "samples.jsonl", rows())
    assert assay(["best-of", str(samples), "--score", "rewrad", "--out", str(tmp_path / "out")]) == 2
    said = capsys.readouterr().err
    assert said.startswith(f"assay: {samples}: no row has a column 'rewrad', did you mean 'reward'?")
    assert said.count("\n") == 1 and not (tmp_path / "out").exists()
