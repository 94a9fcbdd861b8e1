"""What changes in the weights, at a reduced size: sparsity is of rate and storage, and a subnetwork is near its run."""

import subprocess
import sys
from pathlib import Path

import pytest

from assay.weights.document import Asked, measure

ROOT = Path(__file__).parents[2]
BASE = "organism:code-base"


@pytest.mark.slow
def test_sparsity_is_of_the_learning_rate_and_rounding(tmp_path):
    """Some three minutes on two cores."""
    command = [sys.executable, ROOT / "benchmarks" / "weights_changed.py", "--out", tmp_path, "--seeds", "2"]
    command += ["--problems", "16", "--n", "4", "--traces", "200", "--set", "steps=8", "--page", tmp_path / "page.md"]
    subprocess.run(command, check=True, capture_output=True)
    slow = measure(Asked(BASE, str(tmp_path / "rl-1e-06-0"), str(tmp_path / "sft-1e-06-0")))
    assert slow["verdict"] == "rounding" and slow["against_control"]["differs"] == []
    fast = measure(Asked(BASE, str(tmp_path / "rl-0.0001-0")))["models"]
    slow_total, control = (told["total"] for told in slow["models"].values())
    fast_total = next(iter(fast.values()))["total"]
    assert slow_total["sparsity"] > 0.95 > 0.5 > fast_total["sparsity"]
    assert slow_total["sparsity"] > control["sparsity"] > 0.9  # the control's rounding is the most of it
    full = str(tmp_path / "rl-1e-05-0")
    changed, random = (
        next(iter(measure(Asked(full, str(tmp_path / f"{which}-0")))["models"].values()))["total"]["update_norm"]
        for which in ("changed", "random")
    )
    assert changed < random
    assert "## Training the subnetwork alone" in (tmp_path / "page.md").read_text()
