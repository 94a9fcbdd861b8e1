"""The figures of variety, reflection and reasoning show the numbers of findings.json, and nothing of the unknown."""

from typing import Any

from assay.report.trait_figures import distinct_n, entropies, fate_table, reasoning, reflection_table, reflections


def drawn(figure: Any) -> list[dict[str, Any]]:
    spec = figure.chart.to_dict(validate=True)
    return [row for rows in spec["datasets"].values() for row in rows]


def interval(estimate: float) -> dict[str, float]:
    return {"estimate": estimate, "low": estimate - 0.01, "high": estimate + 0.01}


def test_rates_within_and_labels_are_drawn(findings: dict[str, Any]) -> None:
    """The made rows have texts without a phrase, so there is a rate and no accuracy with one."""
    labels = {"confirm": interval(0.2), "repair": interval(0.05)}
    findings["reflection"]["tuned"]["labels"] = labels
    figures = {figure.name: figure for figure in reflections(findings)}
    assert list(figures) == ["reflection", "reflection_labels"]
    assert {row["x"] for row in drawn(figures["reflection"]) if "x" in row} == {0.0}
    assert "none" in {cell for row in figures["reflection"].table.rows for cell in row}
    assert "confirm: tuned 20.0\u202f%" in figures["reflection_labels"].says
    findings["reflection"]["tuned"]["phrases"]["wait-aha"]["within"] = interval(-0.25) | {"problems": 9}
    within = {figure.name: figure for figure in reflections(findings)}["reflection_within"]
    assert [row["x"] for row in drawn(within) if row.get("label") == "tuned"] == [-0.25]
    words = {row[3] for row in reflection_table(findings).rows}
    assert words == {"no rise"}


def test_entropies_have_the_models_in_rows(findings: dict[str, Any]) -> None:
    figures = {figure.name: figure for figure in entropies(findings)}
    assert list(figures) == ["answer_entropy"], "the made rows do not say how likely they were"
    table = figures["answer_entropy"].table
    assert [row[0] for row in table.rows] == ["base", "tuned"]


def test_n_grams_and_reasoning(findings: dict[str, Any]) -> None:
    (figure,) = distinct_n(findings)
    assert [row[0] for row in figure.table.rows] == ["1-grams", "2-grams", "3-grams", "4-grams"]
    assert list(reasoning(findings)) == []
    table = {"1": interval(0.2), "2": interval(0.3)}
    right, change = {"1": interval(0.4), "2": interval(0.6)}, {"1": interval(0.2), "2": interval(0.3)}
    record = {"pass_at_k": table, "right_answer": right, "unreasoned": change, "problems": 4, "responses": 8}
    findings["reasoning"]["tuned"] = record
    (curves,) = reasoning(findings)
    points = {(row["label"], row["x"]): row["y"] for row in drawn(curves) if "y" in row}
    assert points["tuned", 2] == 0.3 and points["tuned, right answer alone", 2] == 0.6


def test_nothing_known_is_no_figure(findings: dict[str, Any]) -> None:
    for key in ("entropy", "distinct_n", "reflection", "reasoning"):
        findings[key] = {"base": None, "tuned": None}
    assert not [*entropies(findings), *distinct_n(findings), *reflections(findings), *reasoning(findings)]


def test_fates_are_told(findings: dict[str, Any]) -> None:
    assert {row[1] for row in fate_table(findings).rows} == {"code", "prose & more"}
