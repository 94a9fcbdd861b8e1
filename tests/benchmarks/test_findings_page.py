"""The page of findings reads agreement off the verdicts of a study, and says of what it was not asked."""

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
    assert text.count("Command: `assay study ") == len(document["questions"])
    assert text.count("| code-base, truth, seed ") == len(document["settings"]["seeds"])


def test_a_directory_of_something_else_is_refused(findings_page: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "findings.json").write_text('{"schema": "assay.findings/1"}', encoding="utf-8")
    with pytest.raises(DataError, match="not of a study"):
        findings_page.main(["--study", str(tmp_path)])
