"""The published grades of four models, from the file of the GSM8K repository to the findings."""

import importlib.util
import json
from pathlib import Path

import pytest

from assay.cli.main import run

EXAMPLE = Path(__file__).parents[2] / "examples" / "gsm8k_published_grades.py"
RIGHT = {"6b_finetuning": 286, "6b_verification": 515, "175b_finetuning": 458, "175b_verification": 742}


def test_four_models_published_grades(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    specification = importlib.util.spec_from_file_location("gsm8k_published_grades", EXAMPLE)
    assert specification is not None and specification.loader is not None
    example = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(example)
    paths = example.convert(data / "gsm8k" / "example_model_solutions.jsonl", tmp_path)
    assert run(["audit", *map(str, paths), "--out", str(tmp_path / "audit"), "--no-report"]) == 0
    findings = json.loads((tmp_path / "audit" / "findings.json").read_text())
    assert findings["models"] == list(RIGHT)
    for model, right in RIGHT.items():
        assert list(findings["pass_at_k"][model]) == ["1"]
        assert findings["pass_at_k"][model]["1"]["estimate"] == pytest.approx(right / 1319, abs=1e-9)
    for model, comparison in findings["comparisons"].items():
        assert comparison["verdict"] == "not enough data"
        assert sum(comparison["solvable"].values()) == 1319
        assert comparison["solvable"]["both"] + comparison["solvable"]["tuned_only"] == RIGHT[model]
        assert comparison["crossover"] == {"k": None, "low": None, "high": None}
    assert findings["examples"][0]["prompt"].endswith("?") and findings["examples"][0]["base"]["right"]["response"]
    assert "With one answer a problem" in capsys.readouterr().out
