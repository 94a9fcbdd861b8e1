"""report.html of a bench: sentences first, tasks apart by what they are to the training, links only to their audits."""

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from test_report_page import Page

from assay.audits.bench import Benched, summarise
from assay.report.bench import write_bench_report
from assay.report.words import prose
from conftest import HOSTILE, audit

SAMPLING = {
    "judge": "j@1", "problems_hash": "0123456789abcdef", "max_new_tokens": 64, "temperature": 1.0, "top_p": 1.0,
    "seed": 0, "template": ["plain:1"],
}  # fmt: skip
TASKS = ("compose:seen", "compose:edge", "countdown:seen")


@pytest.fixture(scope="module")
def summary(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Two tuned models on three tasks; what the second was trained on is not known."""
    findings = audit(tmp_path_factory.mktemp("samples"), ("base", "tuned", HOSTILE))
    benched = [Benched(task, task, task.replace(":", "_"), SAMPLING, findings) for task in TASKS]
    return summarise(benched, {"tuned": ["compose:seen"], HOSTILE: None})


@pytest.fixture(scope="module")
def page(summary: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Page:
    return Page(write_bench_report(summary, tmp_path_factory.mktemp("page"), images=False))


def test_it_loads_nothing_and_leads_to_the_tasks(page: Page) -> None:
    links = [str(attributes["href"]) for _, attributes in page.tags if "href" in attributes]
    outside = [link for link in links if not link.startswith(("#", "data:,"))]
    assert outside == [f"{task.replace(':', '_')}/report.html" for task in TASKS] * 2
    assert not any("src" in attributes for _, attributes in page.tags)
    assert HOSTILE in page.text and len(page.scripts) == 3 and "img" not in {tag for tag, _ in page.tags}


def test_what_is_said_stands_first(page: Page, summary: dict[str, Any]) -> None:
    for said in summary["summary"].values():
        for sentence in (said["transfer"], *said["sentences"]):
            assert " ".join(prose(sentence).split()) in page.text
    assert page.text.index(summary["summary"]["tuned"]["transfer"]) < page.text.index("Task by task")


def test_a_slight_change_and_less_than_guessing_are_named_beside_the_task(
    summary: dict[str, Any], tmp_path: Path
) -> None:
    """Of the base and either tuned model; and the page says that its links need the folders beside it."""
    changed = copy.deepcopy(summary)
    changed["tasks"][0] |= {"below_guessing": ["base", "tuned"], "guess_floor_at_1": 0.25}
    changed["tasks"][0]["comparisons"]["tuned"] |= {"change": "fell", "slight": True}
    text = Page(write_bench_report(changed, tmp_path, images=False)).text
    table = text[text.index("Task by task") : text.index("How much, on which task")]
    assert table.count("fell slightly") == 1
    assert table.count("both below what guessing reaches (0.250)") == 1
    assert table.count("base below what guessing reaches (0.250)") == 1
    assert "stored as one file" not in text and "send or store the folder as a whole" in text


def test_tasks_stand_apart_by_what_they_are_to_the_training(page: Page) -> None:
    table = page.text[page.text.index("Task by task") :]
    titles = ("Trained on", "Other rungs or options of what it was trained on", "Not trained on")
    order = [word for pair in zip(titles, TASKS, strict=True) for word in pair]
    places = [table.index(word) for word in order]
    assert places == sorted(places)
    assert "was trained on is not known" in table


def test_charts_of_both_measures_with_an_interval_a_task_and_model(page: Page, summary: dict[str, Any]) -> None:
    specs = json.loads(page.scripts[0])
    assert list(specs) == ["by_task_pass_at_1", "by_task_pass_at_K"]
    for name, spec in specs.items():
        rows = next(rows for rows in spec["datasets"].values() if "label" in rows[0])
        assert len(rows) == 6
        told = summary["tasks"][0]["comparisons"]["tuned"][name.removeprefix("by_task_")]
        first = next(row for row in rows if row["label"] == "tuned")
        assert (first["x"], first["low"], first["high"]) == (told["estimate"], told["low"], told["high"])


def test_one_answer_a_problem_has_no_pass_at_K(tmp_path: Path) -> None:
    findings = audit(tmp_path, ("base", "tuned"), ["problem", "correct", "member"], n=1)
    summary = summarise([Benched("a", "a", "a", SAMPLING, findings)], {"tuned": ["b"]})
    page = Page(write_bench_report(summary, tmp_path))
    assert {path.name for path in (tmp_path / "charts").iterdir()} == {f"by_task_pass_at_1.{s}" for s in ("svg", "png")}
    assert list(json.loads(page.scripts[0])) == ["by_task_pass_at_1"]
    assert page.text.count("pass@K") == 1, "only where the method is told"
    assert "None" not in page.text
