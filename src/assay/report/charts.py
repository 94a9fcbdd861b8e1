"""The charts of an audit: each a pure function of findings.json (docs/findings_schema.md).

Shares are drawn in percent, pass@k as the number it is; null is left out and never drawn as 0.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt

from assay.report.dots import Dot, Measure, dot_chart
from assay.report.lines import (
    DASHED,
    Axes,
    Line,
    Point,
    focus,
    in_focus,
    layered,
    line_chart,
    margin_band,
    upright,
    zero_line,
)
from assay.report.look import FAINT, GRID, INK, MUTED, ON_COLOUR, colours, dashes, tooltip_title, wrap
from assay.report.rows import chart_of
from assay.report.words import change, decimal, number, percent

Findings = Mapping[str, Any]
FLOOR = "guess floor"
ROOM_FOR_A_NUMBER = 0.06
"""Share of a bar that is wide enough for its number, on a phone."""
K_TITLE = "k (tries at each problem)"


def pass_at_k(
    findings: Findings, tables: Mapping[str, Any], floor: Mapping[str, float] | None, crossing: int | None
) -> alt.LayerChart:
    """pass@k of every label of `tables` (label -> k-table) over log2 k, with bands and the guess floor.

    `crossing` is the k at which the base has caught up, marked where it is given. Where there is but one k, a dot and
    its interval a model.
    """
    ks = sorted({int(k) for table in tables.values() for k in table})
    if len(ks) == 1:
        return _pass_at_one(findings, tables, floor, ks[0])
    lines = _model_lines(findings, tables)
    if floor is not None:
        lines.append(Line(FLOOR, MUTED, [Point(int(k), value) for k, value in floor.items()], DASHED))
    marks = [] if crossing is None else _at_k(crossing, "crossover", ks)
    axes = Axes(K_TITLE, "pass@k", decimal, True, ks, ".1f", _share_domain(lines), height=360)
    return line_chart(lines, axes, marks)


def _pass_at_one(
    findings: Findings, tables: Mapping[str, Any], floor: Mapping[str, float] | None, k: int
) -> alt.LayerChart:
    dots = [Dot(label, label, table[str(k)]) for label, table in tables.items()]
    colour = colours(findings["models"])
    if floor is not None:
        dots.append(Dot(FLOOR, FLOOR, {"estimate": floor[str(k)]}))
        colour[FLOOR] = MUTED
    return dot_chart(dots, colour, Measure(f"pass@{k}", decimal), one_a_row=True)


def difference(findings: Findings, tables: Mapping[str, Any]) -> alt.LayerChart:
    """Tuned minus base over log2 k: label -> k-table of paired differences, the margin and the verdict's K marked."""
    ks = sorted({int(k) for table in tables.values() for k in table})
    if len(ks) == 1:
        return _difference_at_one(findings, tables, ks[0])
    lines = _model_lines(findings, tables)
    evidence = findings["comparisons"][next(iter(tables))]["evidence"]
    under = [margin_band(evidence["margin"]), zero_line()]
    if evidence["K"] > 1:
        under += _at_k(evidence["K"], "verdict", ks)
    axes = Axes(K_TITLE, "difference in pass@k", change, True, ks, ".2f", y_signed=True, height=280)
    return line_chart(lines, axes, under)


def _difference_at_one(findings: Findings, tables: Mapping[str, Any], k: int) -> alt.LayerChart:
    dots = [Dot(label, label, table[str(k)]) for label, table in tables.items()]
    measure = Measure(f"difference in pass@{k}", change, zero=True)
    return dot_chart(dots, colours(findings["models"]), measure, one_a_row=True)


def accuracy_histogram(findings: Findings) -> alt.Chart:
    """Share of problems by the share of right answers, a bar a model in each bin."""
    models = findings["models"]
    rows = [
        {"bin": bin_name(row["bin"]), "label": label, "share": row["share"], "told": _told(row)}
        for label in models
        for row in findings["accuracy_histogram"].get(label) or ()
        if row["share"] is not None
    ]
    bins = list(dict.fromkeys(row["bin"] for row in rows))
    unnamed = "datum.label == '<100' ? '' : datum.label"  # between 90 and 100 there is no room for it on a phone
    axis = alt.Axis(labelAngle=0, labelExpr=unnamed, labelOverlap=False)
    x = alt.X(
        "bin:N", sort=None, title="right answers to a problem, up to (%)", axis=axis, scale=alt.Scale(domain=bins)
    )
    bars = chart_of(rows).mark_bar(cornerRadiusEnd=1.5)
    return (
        bars.encode(
            x=x,
            y=alt.Y("share:Q", title="problems", axis=alt.Axis(format="~%", tickCount=5)),
            xOffset=alt.XOffset("label:N", sort=None, scale=alt.Scale(domain=models)),
            color=_by_label(models),
            opacity=in_focus(1),
            tooltip=[_tip("bin", "right, up to (%)"), _tip("label", "model"), _tip("told", "problems")],
        )
        .add_params(focus())
        .properties(height=260)
    )


def problem_scatter(findings: Findings, tuned: str) -> alt.LayerChart:
    """Each problem's share of right answers: base across, tuned up; problems at one place share a larger dot."""
    comparison = findings["comparisons"][tuned]
    places: dict[tuple[float, float], list[str]] = {}
    for row in comparison["per_problem"]:
        if row["n_base"] and row["n_tuned"]:
            place = (row["correct_base"] / row["n_base"], row["correct_tuned"] / row["n_tuned"])
            places.setdefault(place, []).append(str(row["problem"]))
    rows = [
        {"x": x, "y": y, "problems": len(names), "names": _few(names), "base": percent(x), "tuned": percent(y)}
        for (x, y), names in places.items()
    ]
    share = alt.Axis(format="~%", tickCount=5, grid=True, domain=False, ticks=False, labelPadding=9)
    end = _next_tenth(max((max(place) for place in places), default=1.0))
    whole = alt.Scale(domain=[0, end], nice=False)
    diagonal = chart_of([{"x": 0, "y": 0}, {"x": end, "y": end}])
    line = diagonal.mark_line(color=FAINT, strokeDash=[3, 3], tooltip=None).encode(x="x:Q", y="y:Q")
    dots = chart_of(rows).mark_circle(opacity=0.55, color=colours(findings["models"])[tuned])
    dots = dots.encode(
        x=alt.X("x:Q", title=f"{comparison['base']}: right answers", axis=share, scale=whole),
        y=alt.Y("y:Q", title=f"{tuned}: right answers", axis=share, scale=whole),
        size=alt.Size("problems:Q", scale=alt.Scale(type="sqrt", range=[28, 420]), legend=None),
        tooltip=[
            _tip("base", comparison["base"]),
            _tip("tuned", tuned),
            alt.Tooltip("problems:Q", title="problems here"),
            _tip("names", "such as"),
        ],
    )
    return layered([line, dots], 320)


NEITHER = "neither"


def solvable_names(base: str, tuned: str) -> dict[str, str]:
    """Key of the solvable sets -> what it is called beside these models."""
    return {"both": "both", "base_only": f"only {base}", "tuned_only": f"only {tuned}", "neither": NEITHER}


def solvable_colours(findings: Findings) -> dict[str, str]:
    """Name of each part -> colour: what only one model solved bears that model's colour."""
    only = {f"only {label}": colour for label, colour in colours(findings["models"]).items()}
    return {"both": MUTED, **only, NEITHER: GRID}


def solvable_sets(findings: Findings) -> alt.LayerChart:
    """A bar a tuned model: problems solved by both, by one only, by neither."""
    comparisons = findings["comparisons"]
    rows = [row for tuned in comparisons for row in _solvable_parts(comparisons[tuned])]
    parts = solvable_colours(findings)
    base = chart_of(rows)
    bars = [_bar_name(tuned) for tuned in comparisons]
    labels = alt.Axis(labelExpr="split(datum.label, '\\n')", labels=len(bars) > 1, domain=False, ticks=False)
    base = base.encode(y=alt.Y("bar:N", sort=None, title=None, scale=alt.Scale(domain=bars), axis=labels))
    whole = alt.Scale(domain=[0, max(row["to"] for row in rows)], nice=False)
    drawn = base.mark_bar(height=42).encode(
        x=alt.X("from:Q", scale=whole, title="problems", axis=alt.Axis(tickCount=6, format="d")),
        x2="to:Q",
        color=alt.Color("part:N", sort=None, scale=alt.Scale(domain=list(parts), range=list(parts.values()))),
        tooltip=[_tip("bar", "tuned model"), _tip("part", "solved by"), _tip("told", "problems")],
    )
    ink = alt.ColorValue(ON_COLOUR, condition={"test": f"datum.part == '{NEITHER}'", "value": INK})
    words = base.mark_text(fontSize=13, fontWeight=600, tooltip=None)
    return layered([drawn, words.encode(x="middle:Q", text="text:N", color=ink)], 14 + 50 * len(bars))


def _bar_name(label: str) -> str:
    """In at most about three lines, which is what a bar is high."""
    return wrap(label, max(16, len(label) // 3 + 4))


def _solvable_parts(comparison: Mapping[str, Any]) -> list[dict[str, Any]]:
    sets, total = comparison["solvable"], sum(comparison["solvable"].values())
    rows, start = [], 0
    for key, part in solvable_names(comparison["base"], comparison["tuned"]).items():
        end = start + sets[key]
        share = sets[key] / total if total else 0.0
        rows.append(
            {
                "bar": _bar_name(comparison["tuned"]),
                "part": part,
                "from": start,
                "to": end,
                "middle": (start + end) / 2,
                "text": f"{sets[key]:,}" if share > ROOM_FOR_A_NUMBER else "",
                "told": f"{sets[key]:,} ({percent(share)})",
            }
        )
        start = end
    return rows


def strategy_mix(findings: Findings, accuracy: bool = False) -> alt.LayerChart:
    """Share of the responses by strategy and model, or with `accuracy` the share of them that is right."""
    dots = [
        Dot(row["strategy"], label, row["accuracy" if accuracy else "share"], f"{row['responses']:,} responses")
        for label in findings["models"]
        for row in (findings["strategy"] or {}).get(label) or ()
    ]
    measure = Measure("share of the responses", percent, "~%", domain=(0.0, 1.0))
    if accuracy:
        measure = Measure("right among them", percent, "~%", zero=True)
    return dot_chart(dots, colours(findings["models"]), measure)


LENGTHS = (("right", "right"), ("wrong", "wrong"), ("all", "all"))


def lengths(findings: Findings) -> alt.LayerChart:
    """Mean length in tokens of right, wrong and all responses of every model."""
    dots = [
        Dot(name, label, record[key])
        for key, name in LENGTHS
        for label in findings["models"]
        if (record := (findings["length"] or {}).get(label)) is not None
    ]
    return dot_chart(dots, colours(findings["models"]), Measure("mean length (tokens)", number, zero=True))


def diversity(findings: Findings, tables: Mapping[str, Any]) -> alt.LayerChart:
    """Distinct solutions of every label of `tables` (label -> m -> interval) over log2 m; one among one."""
    one = {"1": {"estimate": 1.0, "low": None, "high": None}}
    lines = _model_lines(findings, {label: one | table for label, table in tables.items()})
    ms = sorted({int(m) for table in tables.values() for m in table} | {1})
    axes = Axes("m (right responses to a problem)", "distinct solutions", decimal, True, ms, y_zero=False, height=280)
    return line_chart(lines, axes)


def preferred(findings: Findings, records: Mapping[str, Any]) -> alt.LayerChart:
    """Share of pairs in which the annotator prefers the label's response."""
    dots = [Dot(label, label, record) for label, record in records.items()]
    half = chart_of([{"x": 0.5}]).mark_rule(color=MUTED, strokeDash=[2, 3], tooltip=None).encode(x="x:Q")
    measure = Measure("share of pairs", percent, "~%", domain=(0.0, 1.0))
    return dot_chart(dots, colours(findings["models"]), measure, one_a_row=True, under=[half])


def perplexity(findings: Findings) -> alt.LayerChart:
    """Perplexity of each model's own responses under the scoring model."""
    dots = [
        Dot(label, label, record, f"{record['responses']:,} responses")
        for label in findings["models"]
        if (record := (findings["perplexity"] or {}).get(label)) is not None
    ]
    measure = Measure("perplexity", "{:.3f}".format)
    return dot_chart(dots, colours(findings["models"]), measure, one_a_row=True)


def _model_lines(findings: Findings, tables: Mapping[str, Any]) -> list[Line]:
    colour, dash = colours(findings["models"]), dashes(findings["models"])
    return [
        Line(label, colour[label], _points(tables[label]), dash[label], dots=True)
        for label in findings["models"]
        if label in tables
    ]


def _points(table: Mapping[str, Mapping[str, Any]]) -> list[Point]:
    return [Point(int(k), row["estimate"], row["low"], row["high"]) for k, row in table.items()]


def _at_k(k: int, word: str, ks: Sequence[int]) -> list[alt.Chart]:
    return upright(k, f"{word}, k = {k}", word_left=k * k > ks[-1])


def _share_domain(lines: Sequence[Line]) -> tuple[float, float]:
    """From 0 to the next tenth above all that is drawn."""
    top = max((value for line in lines for p in line.points for value in (p.y, p.high) if value is not None), default=1)
    return (0.0, _next_tenth(top))


def _next_tenth(share: float) -> float:
    """The next tenth above `share`, at most 1."""
    return min(1.0, (int(share * 10) + 1) / 10)


def _by_label(models: Sequence[str]) -> alt.Color:
    return alt.Color("label:N", sort=None, scale=alt.Scale(domain=list(models), range=list(colours(models).values())))


def bin_name(name: str) -> str:
    """The upper end of a bin in percent: '(.1,.2]' -> '20', '(.9,1)' -> '<100', '0' -> '0', '1' -> '100'."""
    if name in ("0", "1"):
        return {"0": "0", "1": "100"}[name]
    high = f"{100 * float(name.strip('(]) ').split(',')[1]):.0f}"
    return f"<{high}" if name.endswith(")") else high


def _told(row: Mapping[str, Any]) -> str:
    return f"{row['problems']:,} ({percent(row['share'])})"


def _few(names: Sequence[str], most: int = 3) -> str:
    shown = "; ".join(wrap(name, 60) for name in names[:most])
    return shown + (f"; and {len(names) - most} more" if len(names) > most else "")


def _tip(field: str, title: str) -> alt.Tooltip:
    return alt.Tooltip(f"{field}:N", title=tooltip_title(title))
