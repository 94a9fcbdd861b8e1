"""Distillation beside reinforcement learning, at a tenth of the budget: what extends the boundary."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from assay.audits.compare import compare

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
def test_the_teacher_brings_what_selection_does_not(tmp_path):
    """Some five minutes on two cores; one seed, so the intervals are over problems."""
    command = [sys.executable, ROOT / "benchmarks" / "distillation.py", "--out", tmp_path, "--seeds", "1"]
    command += ["--steps", "12", "--problems", "32", "--n", "32", "--page", tmp_path / "page.md"]
    subprocess.run(command, check=True, capture_output=True)
    arms = ("off-policy", "off-policy-rlvr", "self", "rlvr")
    findings = compare([tmp_path / "base.parquet", *(tmp_path / f"{arm}-0.parquet" for arm in arms)], ["base", *arms])
    change = {arm: findings["comparisons"][arm]["pass_at_k_difference"]["16"] for arm in arms}
    assert change["off-policy"]["low"] > 0.2 and change["off-policy-rlvr"]["low"] > 0.2
    assert change["off-policy"]["low"] > max(change["self"]["high"], change["rlvr"]["high"])
    assert json.loads((tmp_path / "off-policy-0" / "yield.json").read_text())["sampled"] == 12 * 512
    assert "| off-policy |" in (tmp_path / "page.md").read_text()
    assert (tmp_path / "images" / "distillation.svg").is_file()
