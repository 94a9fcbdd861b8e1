"""The page of findings reads agreement off the verdicts of a study, and says of what it was not asked."""

import json
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest

from assay.errors import DataError
from assay.studies.document import write
from assay.studies.matrix import Cell
from made_findings import ARMS, made_study, right

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def findings_page(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(BENCHMARKS)
    return import_module("findings_page")


def test_claims_stand_beside_what_was_measured(findings_page: ModuleType, tmp_path: Path) -> None:
    """Both rewards gain a quarter on the average of problems: as in Qwen2.5-Math, the random one reproduces all."""

    def answers(cell: Cell | None, task: str, matched: bool) -> list[list[tuple[bool, str, int]]]:
        return right([(at % 4 + (0 if cell is None else 1 + at % 3)) / 8 for at in range(24)])

    document = write(made_study(tmp_path / "study", answers, ARMS))
    page = tmp_path / "findings.md"
    findings_page.main(["--study", str(tmp_path / "study"), "--page", str(page)])
    text = page.read_text("utf-8")
    assert "| Rewards without the truth | made | one of them brings half or more |" in text
    assert "| A random reward acts through the clip | made | not asked |" in text
    assert "| code-base | luck | +0.250 (" in text and "+1.000 (" in text
    assert all(verdict["sentence"] in text for verdict in document["verdicts"])
    true = [run for run in document["runs"] if run["arm"] == "truth"]
    assert text.count("Command: `assay study ") == len(document["questions"])
    assert all(f"| {run['family']}, {run['arm']}, seed {run['seed']} | {run['verdict']} |" in text for run in true)
    assert "Contamination" not in text


def test_the_runs_and_contamination_are_told_by_their_audits(findings_page: ModuleType, tmp_path: Path) -> None:
    """Shipped organisms' samples have no columns here; what the audits do not know is a dash."""

    def answers(cell: Cell | None, task: str, matched: bool) -> list[list[tuple[bool, str, int]]]:
        return right([(at % 4 + (0 if cell is None else 1)) / 8 for at in range(24)])

    write(made_study(tmp_path / "study", answers, ARMS))
    side = {"estimate": 0.9, "low": 0.8, "high": 1.0}
    measure = {"suspect": side, "clean": side | {"estimate": 0.2}, "estimate": 0.7, "low": 0.6, "high": 0.8}
    model = {
        "verdict": "contaminated",
        "overall": measure,
        "shares": {"0.4": {"answer_in": measure}, "0.6": {"answer_in": None}},
        "tasks": {"suspect": "compose:seen", "clean": "compose:seen"},
        "problems": {"suspect": 8},
    }
    leak = tmp_path / "leak"
    leak.mkdir()
    document = {"schema": "assay.contamination/1", "models": {"organism:leaked-base": model}}
    (leak / "contamination.json").write_text(json.dumps(document), encoding="utf-8")
    page = tmp_path / "findings.md"
    given = ["--study", str(tmp_path / "study"), "--contamination", str(leak), "--page", str(page)]
    findings_page.main(given)
    text = page.read_text("utf-8")
    row = "| organism:leaked-base | contaminated | 0.900 / 0.200 | +0.700 (+0.600 to +0.800) | 0.900 / 0.200 |"
    assert row in text
    assert f"assay contamination organism:leaked-base --task compose:seen --problems 8 --out {leak}" in text
    assert "## Reflection, run by run" in text and "| code-base, truth, seed 0 | – | – | – |" in text
    (leak / "contamination.json").write_text("{}", encoding="utf-8")
    with pytest.raises(DataError, match=r"contamination/1; give the --out"):
        findings_page.main(given)


def test_a_directory_of_something_else_is_refused(findings_page: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "findings.json").write_text('{"schema": "assay.findings/1"}', encoding="utf-8")
    with pytest.raises(DataError, match="not of a study"):
        findings_page.main(["--study", str(tmp_path)])
