"""`assay overopt`: what it prints and writes, and what it refuses."""

import json
from pathlib import Path

import pytest

from assay.cli.main import run as assay
from made_runs import made_run, reward_model_run

HUMP = [0.3 + 0.02 * min(step, 20) - 0.01 * max(0, step - 20) for step in range(40)]


def test_the_table_and_a_sentence_an_arm_are_printed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = reward_model_run(tmp_path / "rm", ["simulated: right 1, longer 0.05, noise 1, seed 0"])
    runs = [
        made_run(tmp_path / f"{coef}-{seed}", HUMP, seed, None, None, [f"algorithm.kl_coef={coef}"], f"model:{model}")
        for coef in (0, 0.1)
        for seed in (0, 1)
    ]
    out = tmp_path / "out"
    assert assay(["overopt", *map(str, runs), "--out", str(out), "--no-report"]) == 0
    said = " ".join(capsys.readouterr().out.split())
    found = json.loads((out / "overoptimisation.json").read_text())
    assert list(found["arms"]) == ["kl_coef 0", "kl_coef 0.1"]
    for told in found["arms"].values():
        assert told["words"] in said and "simulated preferences: over-optimised" in told["words"]
        lost = told["lost_since_peak"]
        assert f"{lost['estimate']:+.3f} ({lost['low']:+.3f} to {lost['high']:+.3f})" in said
    assert "preferences simulated simulated" in said
    assert (
        "Note: The proxy was trained on preferences that are simulated: right 1, longer 0.05, noise 1, seed 0." in said
    )
    assert [path.name for path in out.iterdir()] == ["overoptimisation.json"]


def test_errors_are_a_sentence_and_exit_code_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = made_run(tmp_path / "run", HUMP)
    assert assay(["overopt", str(run), str(tmp_path / "nowhere"), "--out", str(tmp_path / "out")]) == 2
    said = capsys.readouterr().err
    assert said.startswith(f"assay: {tmp_path / 'nowhere'}: no run there")
    assert said.count("\n") == 1 and not (tmp_path / "out").exists()
