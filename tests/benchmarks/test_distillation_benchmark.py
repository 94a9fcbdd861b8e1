"""Distillation beside reinforcement learning, at a tenth of the budget: what extends the boundary."""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest

from assay.audits.compare import compare
from assay.recipe import load_any

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def bench():
    folder = ROOT / "benchmarks"
    sys.path.insert(0, str(folder))  # where a script finds the modules beside it
    specification = importlib.util.spec_from_file_location("distillation_benchmark", folder / "distillation.py")
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    sys.path.remove(str(folder))
    return module


def test_intervals_over_seeds_of_a_share_stay_among_shares(bench):
    """1, 1 and .9: mean .9667, std .0577, / sqrt 3 = .0333, x t(2) 4.303 = .1434."""
    assert bench.over_seeds([1, 1, 0.9]) == "0.967 (0.823 to 1.110)"
    assert bench.over_seeds([1, 1, 0.9], bounds=(0, 1)) == "0.967 (0.823 to 1.000)"
    assert bench.over_seeds([-1e-5, -1e-5]) == "0.000 (0.000 to 0.000)"
    assert bench.over_seeds([-1e-5], "+z.3f", (-1, 1)) == "+0.000"


def test_the_table_by_hand(bench):
    """n = 4, so K = 2; each arm's two seeds have pass@k of .1 and .1, the base of 0."""

    def found(value, low=None, high=None):
        return {"estimate": value, "low": low, "high": high}

    labels = [f"{arm}-{seed}" for arm in bench.ARMS for seed in (0, 1)]
    findings = {
        "settings": {"K": 2, "n": 4},
        "guess_floor": {"1": 0.001, "2": 0.002, "4": 0.004},
        "pass_at_k": {
            "base": {k: found(0.0, 0.0, 0.25) for k in ("1", "2", "4")},
            "teacher": {k: found(0.5) for k in ("1", "2", "4")},
            **{label: {k: found(0.1) for k in ("1", "2", "4")} for label in labels},
        },
        "comparisons": {label: {"pass_at_k_difference": {"2": found(0.1)}, "verdict": "neither"} for label in labels},
    }
    head, _, floor, base, teacher, first, *_ = bench.table(findings, (0, 1))
    assert head == "| | | pass@1 | pass@2 | pass@4 | change of pass@2 | verdicts of the seeds |"
    assert floor == "| guess floor | blind answers | 0.001 | 0.002 | 0.004 | | |"
    assert base.count("| 0.000 (0.000 to 0.250) ") == 3 and teacher.count("| 0.500 ") == 3
    change = "+0.100 (+0.100 to +0.100) | neither, neither |"
    assert first == f"| rlvr | GRPO on the verifier |{' 0.100 (0.100 to 0.100) |' * 3} {change}"


def test_the_arms_draw_as_many_samples_of_the_same_length(bench):
    for name in ("distill-ladder-grpo", "distill-ladder-on-policy"):
        recipe = load_any(ROOT / "recipes" / f"{name}.toml")
        assert recipe.rollout.prompts * recipe.rollout.group == bench.STEP
        assert recipe.rollout.max_new_tokens == bench.LONGEST


@pytest.mark.slow
def test_the_teacher_brings_what_selection_does_not(tmp_path):
    """Some five minutes on two cores; one seed, so the intervals are over problems.

    On-policy distillation has not come to the hard problems after so few steps, but it comes nearer to its teacher.
    """
    command = [sys.executable, ROOT / "benchmarks" / "distillation.py", "--out", tmp_path, "--seeds", "1"]
    command += ["--steps", "12", "--problems", "32", "--n", "32", "--page", tmp_path / "page.md"]
    subprocess.run(command, check=True, capture_output=True)
    arms = ("off-policy", "off-policy-rlvr", "self", "rlvr", "on-policy")
    files = [tmp_path / f"{name}.parquet" for name in ("base", "teacher", *(f"{arm}-0" for arm in arms))]
    findings = compare(files, ["base", "teacher", *arms])
    found = findings["pass_at_k"]
    assert found["teacher"]["1"]["low"] > 0.5 > 0.2 > found["base"]["32"]["high"]
    assert findings["guess_floor"]["32"] < 0.05
    change = {arm: findings["comparisons"][arm]["pass_at_k_difference"]["16"] for arm in arms}
    assert change["off-policy"]["low"] > 0.2 and change["off-policy-rlvr"]["low"] > 0.2
    assert change["off-policy"]["low"] > max(change["self"]["high"], change["rlvr"]["high"])
    assert json.loads((tmp_path / "off-policy-0" / "yield.json").read_text())["sampled"] == 12 * 512
    metrics = [json.loads(line) for line in (tmp_path / "on-policy-0" / "metrics.jsonl").read_text().splitlines()]
    divergence = [row["distill/divergence"] for row in metrics if "distill/divergence" in row]
    assert len(divergence) == 12 and divergence[-1] < 0.75 * divergence[0]
    assert change["off-policy"]["low"] > change["on-policy"]["high"]
    assert all(f"| {arm} |" in (tmp_path / "page.md").read_text() for arm in ("guess floor", "teacher", *arms))
    assert (tmp_path / "images" / "distillation.svg").is_file()
