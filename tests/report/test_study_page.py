"""The page of a study: every verdict on it, nothing loaded, nothing unknown drawn as 0; long names, one seed or two."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from assay.cli.main import run
from assay.report.study import write as draw
from assay.studies.document import write
from assay.studies.matrix import Cell
from conftest import HOSTILE
from made_findings import made_study, right

LONG = "an-arm-whose-name.goes-on-and-on-until-nobody-reads.it-any-more-and-then-some"
ARMS = {
    "truth": {"reward": ["ground_truth"]},
    "dr": {"reward": ["ground_truth"], "set": ["algorithm.name=dr-grpo"]},
    "several": {"reward": ["random"], "set": ["algorithm.updates=4"]},
    "one": {"reward": ["random"], "set": ["algorithm.updates=1"]},
    "free": {"reward": ["random"], "set": ["algorithm.updates=4", "algorithm.clip=false"]},
    LONG: {"reward": ["format"]},
    **{f"more-{at}": {"reward": ["format"]} for at in range(4)},
}
MISSING = "prose-base"
Study = tuple[Path, dict[str, Any], str]
"""Its directory, its document, its page."""


def answers(cell: Cell | None, task: str, matched: bool) -> list[list[tuple[bool, str, int]]]:
    gain = 0 if cell is None else 2 if cell.arm in ("truth", "dr") else (1 + cell.seed) % 2
    strategies = ["code" if (at + gain) % 3 else "prose <b>" for at in range(6)]
    return [right([(at % 5 + gain) / 8], strategies[at], 10 + at)[0] for at in range(6)]


@pytest.fixture(scope="module", params=[1, 2])
def study(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Study:
    """Ten arms, two families, one run not done; the document with a hostile response in it, and its page."""
    out, seeds = tmp_path_factory.mktemp("study"), range(request.param)
    matrix = made_study(
        out, answers, ARMS, seeds, ("code-base", MISSING), ("compose:seen", "chain:seen"), ["truth"],
        skip=[Cell(MISSING, LONG, seed) for seed in seeds],
    )  # fmt: skip
    document = write(matrix)
    document["examples"][0]["base"]["wrong"]["response"] = HOSTILE
    matrix.findings.write_text(json.dumps(document), encoding="utf-8")
    return out, document, draw(document, out / "page.html").read_text("utf-8")


def charts(page: str) -> dict[str, Any]:
    """Name -> specification."""
    return json.loads(re.search(r'id="specs">(.*?)</script>', page, re.DOTALL)[1])


def test_every_verdict_is_on_the_page_and_nothing_is_loaded(study: Study) -> None:
    _, document, page = study
    assert len(document["questions"]) == 6 and page.count('<section class="verdict brief') == 6
    words = " ".join(re.sub(r"<[^>]*>", " ", page[page.index("<main>") : page.index("</main>")]).split())
    for verdict in document["verdicts"]:
        assert f"{verdict['family']}: {verdict['verdict']}." in words
    assert words.index("Does the gain need the true reward?") < page.index("<figure")
    body = page[: page.index('<script type="application/json"')]
    assert not re.search(r'(src|href)="(?!#|data:)', body) and "url(" not in body
    assert "<img src=x" not in page and "&lt;img src=x" in page and "prose &lt;b&gt;" in page
    seeds = "seeds 0, 1" if "2 seeds" in words else "seed 0"
    assert f"Not done: prose-base, {LONG}, {seeds}." in page
    assert 'class="example"' in page and "None" not in words and "nan" not in words.lower().split()
    specs = charts(page)
    assert list(specs) == re.findall(r'data-chart="([^"]+)"', page)
    assert {name.split("_")[0] for name in specs} == {question["key"] for question in document["questions"]}


def test_samples_stand_under_the_files_that_they_are_of(study: Study) -> None:
    page = study[2]
    sections = (page[page.index(f'<h2 id="{key}">') :] for key in ("temperatures", "generality"))
    temperatures, generality = (section[: section.index("</section>")] for section in sections)
    title = "code-base, truth, seed 0, on compose:seen"
    assert f">{title}<" in temperatures and f">{title}, at the matched temperature 1.50<" in temperatures
    assert "<code>samples/compose_seen/code-base--truth-0.matched.parquet</code>" in temperatures
    assert ">code-base, truth, seed 0, on chain:seen<" in generality and "matched" not in generality
    assert "<code>samples/chain_seen/code-base.parquet</code>" in generality


def test_a_missing_cell_of_a_matrix_is_a_dash(study: Study) -> None:
    chart = charts(study[2])["generality_families"]
    rows = chart["datasets"][chart["data"]["name"]]
    missing = [row for row in rows if row["column"] == MISSING and row["row"].startswith("an-arm")]
    assert missing and all(row["text"] == "–" and row["visible"] == 0 for row in missing)
    assert sum(row["text"] == "–" for row in rows) == len(missing)


def test_assay_report_draws_it_again(study: Study, capsys: pytest.CaptureFixture[str]) -> None:
    out, _, page = study
    assert run(["report", str(out)]) == 0
    assert capsys.readouterr().out.strip() == str(out / "report.html")
    assert (out / "report.html").read_text("utf-8") == page


def test_assay_report_of_other_findings_says_what_was_expected(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "findings.json").write_text('{"schema": "assay.findings/1"}', encoding="utf-8")
    assert run(["report", str(tmp_path)]) == 2
    assert "expected 'assay.study/1'" in capsys.readouterr().err
