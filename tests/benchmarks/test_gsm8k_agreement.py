"""The agreement of our verifier with published grades: counts on the real file, and the page made of them."""

import importlib.util
import sys
from collections import Counter
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def agreement() -> ModuleType:
    spec = importlib.util.spec_from_file_location("gsm8k_agreement", ROOT / "benchmarks" / "gsm8k_agreement.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def graded(agreement: ModuleType, data: Path) -> dict[str, list[Any]]:
    return {name: agreement.grade(data / "gsm8k", reading) for name, reading in agreement.READINGS.items()}


def test_every_published_verdict_is_ours(agreement: ModuleType, graded: dict[str, list[Any]]) -> None:
    right = {"6b_finetuning": 286, "6b_verification": 515, "175b_finetuning": 458, "175b_verification": 742}
    for reading in ("as published", r"answer in `\boxed{}`", "answer after `####`"):
        rows = graded[reading]
        assert Counter(row.model for row in rows if row.agrees) == dict.fromkeys(agreement.MODELS, 1319)
        assert Counter(row.model for row in rows if row.score.correct) == right


def test_the_last_number_is_the_answer_in_all_but_56(agreement: ModuleType, graded: dict[str, list[Any]]) -> None:
    differing = [row for row in graded["without the answer line"] if not row.agrees]
    assert Counter(row.model for row in differing) == {
        "6b_finetuning": 9,
        "6b_verification": 16,
        "175b_finetuning": 13,
        "175b_verification": 18,
    }
    assert {(row.question, row.model) for row in differing} == set(agreement.WHO_IS_RIGHT)
    ours = {(row.question, row.model) for row in differing if row.score.correct}
    assert ours == {key for key, who in agreement.WHO_IS_RIGHT.items() if who == agreement.CUT}


def test_the_page_is_what_the_command_prints(agreement: ModuleType, data: Path, graded: dict[str, list[Any]]) -> None:
    page = (ROOT / "docs" / "gsm8k_agreement.md").read_text("utf-8")
    assert page == "\n".join(agreement.report(data / "gsm8k", graded)) + "\n"
    assert "not looked at" not in page


def test_missing_data_is_a_sentence(agreement: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert agreement.main([str(tmp_path)]) == 2
    assert "there is no data at" in capsys.readouterr().err
    assert agreement.main([]) == 2
