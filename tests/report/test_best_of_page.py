"""report.html of a best-of-n: what each score is worth first, two charts, and nothing of a sample file is run."""

import json
import random
from pathlib import Path
from typing import Any

import polars as pl
from test_report_page import Page

from assay.audits.best_of_n import measure
from assay.audits.scored import read_scored
from assay.report.best_of import write_best_of_report
from conftest import HOSTILE


def document(folder: Path, *scores: str, **changed: Any) -> dict[str, Any]:
    """Eight responses to each of 20 problems: `reward` is higher for right ones, HOSTILE says nothing."""
    draw = random.Random(0)
    rows = []
    for problem in range(20):
        for _ in range(8):
            right = draw.random() < 0.5
            answer = "7" if right else str(draw.randrange(4))
            row = {"problem": problem, "correct": right, "answer": answer, "model": HOSTILE}
            rows.append(row | {"reward": draw.gauss(4.0 * right, 1), HOSTILE: draw.random()} | changed)
    pl.DataFrame(rows).write_parquet(folder / "samples.parquet")
    return measure(read_scored(folder / "samples.parquet", scores))


def test_it_loads_nothing_and_tells_every_score_first(tmp_path: Path) -> None:
    found = document(tmp_path, "reward", HOSTILE)
    page = Page(write_best_of_report(found, tmp_path, images=False))
    assert all(str(a.get("href", "#")).startswith(("#", "data:,")) and "src" not in a for _, a in page.tags)
    assert page.text.count(HOSTILE) > 3 and len(page.scripts) == 3 and "img" not in {tag for tag, _ in page.tags}
    cards = page.text[: page.text.index("Right answers by how many are drawn")]
    assert "Better than the majority" in cards
    assert f"{found['scores']['reward']['best_of_n']['8']['estimate']:.3f}" in cards
    assert "The estimate is highest where most are drawn, at n = 8." in cards
    assert "not corrected for their number" in cards and "None" not in page.text


def test_charts_of_all_curves_and_of_the_differences(tmp_path: Path) -> None:
    found = document(tmp_path, "reward")
    page = Page(write_best_of_report(found, tmp_path))
    specs = json.loads(page.scripts[0])
    assert list(specs) == ["best_of_n", "difference"]
    labels = ["pass@n, any right", "best by reward", "majority of n", "one draw"]
    assert [a["data-label"] for _, a in page.tags if "data-label" in a] == labels
    drawn = {(r["label"], r["x"]): r for rows in specs["difference"]["datasets"].values() for r in rows if "label" in r}
    told = found["scores"]["reward"]["difference"]["4"]
    assert {key: drawn["best by reward", 4][key] for key in ("y", "low", "high")} == {
        "y": told["estimate"], "low": told["low"], "high": told["high"],
    }  # fmt: skip
    assert drawn["best by reward", 1]["y"] == 0
    assert len(list((tmp_path / "charts").iterdir())) == 4


def test_without_answers_or_wrong_responses_it_says_so(tmp_path: Path) -> None:
    found = document(tmp_path, "reward", answer=None, correct=True)
    page = Page(write_best_of_report(found, tmp_path, images=False))
    assert "Cannot be told from one draw" in page.text and "minus the majority" not in page.text
    assert "There is no majority" in page.text and "no problem has both right and wrong" in page.text
