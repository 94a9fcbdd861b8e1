"""The charts of an audit show the numbers of findings.json, all of them and no others."""

from pathlib import Path
from typing import Any

import vl_convert

from assay.report import charts
from assay.report.figure import Figure
from assay.report.figures import audit_figures
from conftest import audit


def spec_of(chart: Any) -> dict[str, Any]:
    """The Vega-Lite specification, checked against Vega-Lite's schema."""
    spec: dict[str, Any] = chart.to_dict(validate=True)
    return spec


def rows_of(spec: dict[str, Any], mark: str) -> list[dict[str, Any]]:
    found = [layer for layer in spec.get("layer", [spec]) if layer.get("mark", {}).get("type") == mark]
    return [row for layer in found for row in spec["datasets"][layer.get("data", spec.get("data"))["name"]]]


def by_name(findings: dict[str, Any]) -> dict[str, Figure]:
    return {figure.name: figure for section in audit_figures(findings).values() for figure in section}


def test_pass_at_k_draws_every_model_every_k_and_the_floor(findings: dict[str, Any]) -> None:
    tables = findings["pass_at_k"]
    spec = spec_of(charts.pass_at_k(findings, tables, findings["guess_floor"], None))
    drawn = {(row["label"], str(row["x"])): row["y"] for row in rows_of(spec, "line")}
    expected = {(label, k): table[k]["estimate"] for label, table in tables.items() for k in table}
    floor = {(charts.FLOOR, k): value for k, value in findings["guess_floor"].items()}
    assert drawn == expected | floor
    bands = {(row["label"], str(row["x"])): (row["low"], row["high"]) for row in rows_of(spec, "area")}
    assert bands == {(label, k): (t[k]["low"], t[k]["high"]) for label, t in tables.items() for k in t}
    x = next(layer for layer in spec["layer"] if layer["mark"]["type"] == "line")["encoding"]["x"]
    assert x["scale"] == {"type": "log", "base": 2, "nice": False, "domain": [1, 8]}


def test_the_floor_is_in_every_pass_at_k_chart_also_with_one_answer_a_problem(tmp_path: Path) -> None:
    findings = audit(tmp_path, ("base", "tuned"), ["problem", "correct", "guess_probability"], n=1)
    figures = by_name(findings)
    drawn = {row["label"]: row["x"] for row in rows_of(spec_of(figures["pass_at_k"].chart), "point")}
    assert drawn[charts.FLOOR] == findings["guess_floor"]["1"]
    assert drawn["tuned"] == findings["pass_at_k"]["tuned"]["1"]["estimate"]
    assert "accuracy_histogram" not in figures and "by_problem" not in figures, "with n = 1 they say nothing more"


def test_without_a_floor_the_figure_says_so(findings: dict[str, Any]) -> None:
    findings["guess_floor"] = None
    figure = by_name(findings)["pass_at_k"]
    assert "no guess floor is known" in figure.method
    assert charts.FLOOR not in {row["label"] for row in rows_of(spec_of(figure.chart), "line")}


def test_the_difference_marks_margin_and_the_verdicts_k(findings: dict[str, Any]) -> None:
    tables = {"tuned": findings["comparisons"]["tuned"]["pass_at_k_difference"]}
    spec = spec_of(charts.difference(findings, tables))
    assert {str(row["x"]): row["y"] for row in rows_of(spec, "line")} == {
        k: row["estimate"] for k, row in tables["tuned"].items()
    }
    assert {"low": -0.02, "high": 0.02} in rows_of(spec, "rect")
    assert {"x": 4, "text": "verdict, k = 4"} in [row for rows in spec["datasets"].values() for row in rows]


def test_figures_on_the_verdict_problems_are_apart(findings: dict[str, Any]) -> None:
    """One of the 24 problems can be guessed, so the verdict rests on 23."""
    figures = by_name(findings)
    assert "23 verdict problems" in figures["pass_at_k_verdict"].title
    drawn = {row["y"] for row in rows_of(spec_of(figures["pass_at_k_verdict"].chart), "line")}
    part = findings["comparisons"]["tuned"]["on_verdict_problems"]
    assert part["pass_at_k"]["base"]["8"]["estimate"] in drawn
    findings["comparisons"]["tuned"]["on_verdict_problems"] = None
    assert "pass_at_k_verdict" not in by_name(findings)


def test_solvable_parts_lie_end_to_end_and_bear_the_models_colours(findings: dict[str, Any]) -> None:
    sets = {"both": 10, "base_only": 3, "tuned_only": 1, "neither": 10}
    findings["comparisons"]["tuned"]["solvable"] = sets
    rows = rows_of(spec_of(charts.solvable_sets(findings)), "bar")
    assert [(row["part"], row["from"], row["to"]) for row in rows] == [
        ("both", 0, 10), ("only base", 10, 13), ("only tuned", 13, 14), ("neither", 14, 24),
    ]  # fmt: skip
    assert [row["text"] for row in rows] == ["10", "3", "", "10"], "a part too narrow for its number has none"
    colours = charts.solvable_colours(findings)
    assert colours["only base"] == "#4d6a8a" and colours["only tuned"] == "#d4620c"


def test_problems_at_one_place_share_a_dot(findings: dict[str, Any]) -> None:
    rows = [("one", 4, 2), ("two", 4, 2), ("three", 8, 8)]
    findings["comparisons"]["tuned"]["per_problem"] = [
        {"problem": name, "n_base": 8, "correct_base": base, "n_tuned": 8, "correct_tuned": tuned}
        for name, base, tuned in rows
    ]
    dots = rows_of(spec_of(charts.problem_scatter(findings, "tuned")), "circle")
    assert [(dot["x"], dot["y"], dot["problems"], dot["names"]) for dot in dots] == [
        (0.5, 0.25, 2, "one; two"), (1.0, 1.0, 1, "three"),
    ]  # fmt: skip
    assert by_name(findings)["by_problem"].says == (
        "tuned has the larger share of right answers on 0, the smaller on 2, the same on 1."
    )


def test_an_unknown_accuracy_has_no_dot_and_says_so(findings: dict[str, Any]) -> None:
    row = {"strategy": "odd", "responses": 3, "share": {"estimate": 0.1, "low": 0.0, "high": 0.2}, "accuracy": None}
    findings["strategy"]["base"].append(row)
    figure = by_name(findings)["strategy_accuracy"]
    assert "odd" not in {dot["category"] for dot in rows_of(spec_of(figure.chart), "point")}
    assert figure.table is not None
    assert ["odd", "not known", "none"] in [list(row) for row in figure.table.rows]


def test_what_no_file_says_has_no_figure(findings: dict[str, Any]) -> None:
    for key in ("strategy", "length", "perplexity"):
        findings[key] = dict.fromkeys(findings["models"])
    names = set(by_name(findings))
    assert names.isdisjoint({"strategy_mix", "strategy_accuracy", "lengths", "perplexity"})


def test_distinct_solutions_are_drawn_from_one_among_one(findings: dict[str, Any]) -> None:
    base, tuned = (
        {"distinct": {m: {"estimate": x, "low": 1.0, "high": 3.0, "problems": 9} for m in ("2", "4")}}
        | {"right": 80, "without_solution": 3}
        for x in (1.5, 1.25)
    )
    findings["diversity"] = {"base": base, "tuned": tuned}
    figure = by_name(findings)["diversity"]
    assert figure.says == "base: 1.50 (1.00 to 3.00); tuned: 1.25 (1.00 to 3.00), at m = 4."
    assert "9 at m = 4" in figure.method and "6 right responses without a solution" in figure.method
    drawn = {(row["label"], row["x"], row["y"]) for row in rows_of(spec_of(figure.chart), "point")}
    assert drawn == {
        (name, m, y) for name, x in (("base", 1.5), ("tuned", 1.25)) for m, y in ((1, 1.0), (2, x), (4, x))
    }
    findings["diversity"] = {"base": None, "tuned": tuned | {"distinct": {}}}
    assert "diversity" not in by_name(findings)


def test_bins_are_named_by_their_upper_end() -> None:
    assert [charts.bin_name(name) for name in ("0", "(0,.1]", "(.2,.3]", "(.9,1)", "1")] == [
        "0", "10", "30", "<100", "100",
    ]  # fmt: skip


def test_any_label_can_be_drawn(tmp_path: Path) -> None:
    """Vega-Lite writes tooltip titles into expressions: a quote or a line break in a label once broke every chart."""
    labels = ("ba\"se \\ 'x'", "</script>", "a\nb {{x}}")
    figures = by_name(audit(tmp_path, labels))
    for name in ("pass_at_k", "solvable_sets", "by_problem_2", "strategy_mix"):
        assert vl_convert.vegalite_to_svg(figures[name].for_image()).startswith("<svg")
