"""The page of a contamination audit says what contamination.json does, and runs nothing that it shows."""

import json
from pathlib import Path

from assay.audits.contamination import measure
from assay.report.contamination import write_contamination_report
from conftest import HOSTILE


def test_verdict_numbers_and_continuations_are_on_the_page(tmp_path: Path) -> None:
    rows = [
        {
            "problem": f"{name} {at} {HOSTILE}",
            "set": name,
            "share": share,
            "tail": "a b c",
            "continuation": f"a b c {HOSTILE}" if name == "suspect" else "x",
            "answer_in": None,
        }
        for name in ("suspect", "clean")
        for at in range(12)
        for share in (0.4, 0.6)
    ]
    file = tmp_path / "rows.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    document = measure([file], ["m"])
    page = write_contamination_report(document, tmp_path, images=False).read_text("utf-8")
    assert document["models"]["m"]["verdict"] == "contaminated" and "Contaminated" in page
    assert "100.0\u202f%" in page and "not known" in page, "answers are not known, and never 0"
    assert "<img src=x" not in page and "&lt;img src=x" in page
    assert page.count("data-chart=") == 2
