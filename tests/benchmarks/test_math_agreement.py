"""The benchmark of the math verifier: which rows it makes, what it counts, and that the judgements cover them."""

import importlib
import sys
from pathlib import Path
from types import ModuleType

import pytest

from assay.errors import DataError
from assay.grading.workers import Workers
from assay.tasks.math.rules import Rules
from assay.types import Verdict, right, unknown, wrong

ROOT = Path(__file__).parents[2]
JUDGEMENTS = ROOT / "benchmarks" / "math_judgements.toml"


@pytest.fixture(scope="module")
def agreement() -> ModuleType:
    sys.path.insert(0, str(ROOT / "benchmarks"))
    return importlib.import_module("math_agreement")


@pytest.fixture(scope="module")
def table(agreement: ModuleType) -> ModuleType:
    return importlib.import_module("math_agreement_page")


def test_both_graders_judge_the_same_rows(agreement: ModuleType) -> None:
    """math-verify reads the formula before a box that is never closed."""
    pairs = [
        (r"\boxed{0.5}", Verdict.RIGHT),
        (r"\boxed{0.6}", Verdict.WRONG),
        (r"So $\frac12$, \boxed{7", Verdict.WRONG),
    ]
    rows = [agreement.Row("made", "kind", r"$\frac{1}{2}$", response, verdict) for response, verdict in pairs]
    with Workers("math_verify_direct:accepts", 1, 30.0) as workers:
        graded, timing = agreement.grade(rows, workers)
    assert [each.ours.correct for each in graded] == [True, False, False]
    assert [each.theirs for each in graded] == [True, False, True]
    assert timing.rows == 3
    assert min(timing.ours_seconds, timing.theirs_seconds) > 0


def test_every_disagreement_is_on_the_page_and_needs_a_judgement(agreement: ModuleType, table: ModuleType) -> None:
    """Four rows: agreed; ours unknown; ours wrong, judged; math-verify failed on the last."""
    row = lambda response, expected: agreement.Row("made", "kind", "1", response, expected)  # noqa: E731
    graded = [
        agreement.Graded(row("1", Verdict.RIGHT), right("math@1", tier="string"), True),
        agreement.Graded(row("2", Verdict.WRONG), unknown("math@1", "could | not", tier="deep"), False),
        agreement.Graded(row("3", Verdict.RIGHT), wrong("math@1", "another value", tier="exact"), True),
        agreement.Graded(row("4", Verdict.WRONG), wrong("math@1", "another value", tier="exact"), None, "timeout"),
    ]
    judgements = table.Judgements({("1", "3"): "ours is at fault"}, {}, {})
    lines = list(table.page(graded, {"made": agreement.Timing(4, 2.0, 4.0)}, judgements))
    assert "| made | ours | 4 | 2 | 0 | 1 | 1 |" in lines
    assert "| made | math-verify | 4 | 3 | 0 | 0 | 1 |" in lines
    assert "| made | 4 | 2 | 1 | 2.0 |" in lines
    assert "| exact | 0 | 2 | 0 | 50.0% |" in lines
    assert (
        r"| made | kind | `` 1 `` | `` 2 `` | wrong | unknown | deep: could \| not | wrong | not judged yet |" in lines
    )
    assert (
        "| made | kind | `` 1 `` | `` 3 `` | right | wrong | exact: another value | right | ours is at fault |" in lines
    )
    assert "| kind | wrong | 1 | 0 | `` 1 ``, `` 4 ``: failed (timeout) | not judged yet |" in lines
    assert table.unjudged(graded, judgements) == 2


def test_golds_are_cut_from_every_set_and_their_rules_with_them(agreement: ModuleType, data: Path) -> None:
    rows = {name: list(agreement.generated(data, name, at_most=3)) for name in agreement.SOURCES}
    assert {row.gold for row in rows["AMC 2023"]} == {"27", "36", "45"}
    assert {row.gold for row in rows["AIME 2024"]} == {"204", "113", "371"}
    assert all(row.rules.physics == (name == "Minerva") for name, found in rows.items() for row in found)
    assert all(row.rules.question for found in rows.values() for row in found)
    assert {row.delimited for row in rows["OlympiadBench"]} == {
        r"\boxed{2}",
        r"\boxed{\frac{1}{2 n+2}}",
        r"\boxed{2^{1009}}",
    }


def test_the_published_cases_keep_their_options_for_math_verify_alone(agreement: ModuleType, data: Path) -> None:
    rows = list(agreement.published(data))
    assert len(rows) == 255
    assert all(row.rules == Rules() for row in rows)
    assert rows[133].options == {"float_rounding": 2}
    assert rows[187].options == {"allow_set_relation_comp": False}
    assert rows[187].delimited == rows[187].gold


def test_250_of_the_published_cases_agree_or_the_rest_are_objected_to(
    agreement: ModuleType, table: ModuleType, data: Path
) -> None:
    rows = list(agreement.published(data))
    judgements = table.Judgements.read(JUDGEMENTS)
    scores = agreement.grade_many([(row.response, row.gold, row.rules) for row in rows])
    differing = [
        (row, score.verdict)
        for row, score in zip(rows, scores, strict=True)
        if score.verdict != row.expected and not (score.reason or "").startswith("timeout")  # on a machine under load
    ]
    silent = [pair[0].case for pair in differing if not (judgements.of_row(*pair) or "").startswith("objection: ")]
    assert silent == []
    assert len(differing) <= 17


def test_the_page_names_every_source_and_leaves_nothing_unjudged(agreement: ModuleType, table: ModuleType) -> None:
    page = (ROOT / "docs" / "math_agreement.md").read_text("utf-8")
    assert table.NOT_JUDGED not in page
    for name in (agreement.PUBLISHED, "GSM8K solutions", *agreement.SOURCES):
        assert f"| {name} | ours | " in page


def test_a_judgement_without_its_words_is_a_sentence(table: ModuleType, tmp_path: Path) -> None:
    file = tmp_path / "judgements.toml"
    file.write_text("[[case]]\nnumber = 3\n")
    with pytest.raises(DataError, match="judgement"):
        table.Judgements.read(file)


def test_missing_data_is_a_sentence(
    agreement: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert agreement.main(["--data", str(tmp_path), "--out", str(tmp_path / "page.md")]) == 2
    assert "math_verify_cases.json" in capsys.readouterr().err
    monkeypatch.delenv("ASSAY_DATA", raising=False)
    assert agreement.main([]) == 2
    assert "set ASSAY_DATA" in capsys.readouterr().err
    assert not list(tmp_path.glob("page.md"))


def test_a_small_run_writes_the_page_and_says_what_is_not_judged(
    agreement: ModuleType,
    data: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(agreement, "SOURCES", {"AMC 2023": agreement.SOURCES["AMC 2023"]})
    page = tmp_path / "page.md"
    assert agreement.main(["--data", str(data), "--out", str(page), "--at-most", "1"]) in (0, 1)
    text = page.read_text("utf-8")
    for name in (agreement.PUBLISHED, "GSM8K solutions", "AMC 2023"):
        assert f"| {name} | ours | " in text
    assert ("not judged yet" in text) != (" 0 disagreements" in capsys.readouterr().err)
