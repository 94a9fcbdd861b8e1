"""The table of all algorithms: its numbers, that it continues where it was killed, and the whole of it."""

import importlib.util
import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "benchmarks" / "algorithms.py"


@pytest.fixture(scope="module")
def bench():
    sys.path.insert(0, str(SCRIPT.parent))  # where a script finds the modules beside it
    specification = importlib.util.spec_from_file_location("algorithms_benchmark", SCRIPT)
    module = importlib.util.module_from_spec(specification)
    sys.modules[specification.name] = module  # where its dataclass looks for itself
    specification.loader.exec_module(module)
    sys.path.remove(str(SCRIPT.parent))
    return module


def test_every_algorithm_has_an_arm_and_six_or_more_have_seeds(bench):
    assert bench.arms(None)[0] == "grpo" and set(bench.REPEATED) < set(bench.arms(None))
    assert len(bench.arms(None)) >= 20 and len(bench.REPEATED) >= 6


def test_over_seeds_by_hand(bench):
    """pass@1 less GRPO's: .1 and .3, mean .2, std .1414, / sqrt 2 = .1, x t(1) 12.706."""
    row = bench.Row("grpo", 0, 0, 0, 0, 0, 0.5, (0, 0, 0), 0.7, (0, 0, 0), "neither")
    rows = [row, replace(row, seed=1), replace(row, arm="nsr", pass_1=0.6), replace(row, arm="nsr", seed=1, pass_1=0.8)]
    reference, other = bench.over_seeds([*rows, replace(row, arm="once")], k=64)[2:]
    assert reference == "| grpo | 2 | 0.500 | 0.700 | - | - |"
    assert other == "| nsr | 2 | 0.700 | 0.700 | +0.200 (-1.071 to +1.471) | +0.000 (+0.000 to +0.000) |"


@pytest.mark.slow
def test_a_killed_table_continues(tmp_path):
    def start(out):
        small = ["--arms", "grpo", "--seeds", "1", "--steps", "12", "--problems", "16", "--n", "8", "--processes", "1"]
        command = [sys.executable, SCRIPT, "--out", tmp_path / out, *small]
        return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True)

    whole = start("whole").communicate(timeout=300)[0]
    killed, metrics = start("killed"), tmp_path / "killed" / "grpo-0" / "metrics.jsonl"
    while not (metrics.is_file() and len(metrics.read_text().splitlines()) >= 7):
        assert killed.poll() is None
        time.sleep(0.05)
    os.killpg(killed.pid, signal.SIGKILL)
    killed.communicate()
    again = start("killed").communicate(timeout=300)[0]
    model = Path("grpo-0") / "model" / "model.safetensors"
    assert (tmp_path / "killed" / model).read_bytes() == (tmp_path / "whole" / model).read_bytes()
    assert table_rows(whole) == table_rows(again) and len(table_rows(whole)) == 1


@pytest.mark.slow
def test_the_table():
    """All of it: over an hour on two cores the first time. It stays in runs/algorithms and continues there."""
    command = [sys.executable, SCRIPT, "--out", ROOT / "runs" / "algorithms"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    rows = table_rows(done.stdout)
    assert len(rows) >= 32
    gains = [float(row.split("|")[4]) for row in rows if row.startswith("| grpo |")]
    assert len(gains) == 3 and min(gains) > 0.2, "GRPO learns the rung it is trained on: its base has .08 at one try"


def table_rows(text):
    """The lines of the first table."""
    return [line for line in text.splitlines() if re.match(r"\| [a-z-]+ \| \d \| ", line) and line.count("|") == 12]
