"""The experiment of RLHF with and without a KL penalty, on a biased and an unbiased annotator, over three seeds."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
RUNS = ROOT / "runs" / "overoptimisation"


@pytest.mark.slow
def test_the_proxy_rises_while_gold_falls_without_kl_and_not_with_it():
    """Some twenty minutes on two cores the first time; it stays in runs/overoptimisation and continues there."""
    command = [sys.executable, ROOT / "benchmarks" / "overoptimisation.py", "--out", RUNS]
    subprocess.run(command, check=True, capture_output=True)
    biased, unbiased = (
        json.loads((RUNS / f"audit-{name}" / "overoptimisation.json").read_text())["arms"]
        for name in ("biased", "unbiased")
    )
    free, *held = biased.values()
    assert free["differs"]["algorithm.kl_coef"] == 0 and free["seeds"] == [0, 1, 2]
    assert free["proxy"]["change"]["low"] > 0 and free["lost_since_peak"]["low"] > 0
    assert free["verdict"] == "over-optimised"
    assert held[-1]["verdict"] == "not over-optimised"
    control = next(arm for arm in unbiased.values() if arm["differs"]["steps"] == 20)
    assert control["proxy"]["change"]["low"] > 0
    assert control["verdict"] != "over-optimised"
