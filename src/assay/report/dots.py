"""Estimates with intervals, one row a category, one colour a model: shares, lengths, perplexities."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import altair as alt

from assay.report.lines import in_focus, layered
from assay.report.look import wrap
from assay.report.rows import chart_of
from assay.report.words import NOT_KNOWN, Show, with_interval

ROW_PIXELS = 26


@dataclass(frozen=True)
class Dot:
    """`value` is an interval record of findings.json, or None where there is none to draw; `more` is told on hover."""

    category: str
    label: str
    value: Mapping[str, Any] | None
    more: str = ""


@dataclass(frozen=True)
class Measure:
    """What is measured along the axis; `show` turns a value into words."""

    title: str
    show: Show
    format: str = ""
    domain: tuple[float, float] | None = None
    zero: bool = False


def dot_chart(
    dots: Sequence[Dot],
    colours: Mapping[str, str],
    measure: Measure,
    one_a_row: bool = False,
    under: Sequence[alt.Chart] = (),
) -> alt.LayerChart:
    """A dot and its interval for every category and label; what is unknown is left out (its table says so).

    `one_a_row` where the categories are the labels themselves; else the labels lie beneath each other in every row.
    `under` are layers drawn first.
    """
    categories = list(dict.fromkeys(wrap(dot.category) for dot in dots))
    labels = [label for label in colours if any(dot.label == label for dot in dots)]
    rows = [_row(dot, measure.show) for dot in dots if dot.value is not None and dot.value.get("estimate") is not None]
    colour = alt.Color("label:N", sort=None, scale=alt.Scale(domain=labels, range=[colours[label] for label in labels]))
    y = alt.Y(
        "category:N",
        sort=None,
        title=None,
        scale=alt.Scale(domain=categories, paddingInner=0.35, paddingOuter=0.2),
        axis=alt.Axis(labelExpr="split(datum.label, '\\n')", labelLimit=220, domain=False, ticks=False),
    )
    offset = alt.YOffset("label:N", sort=None, scale=alt.Scale(domain=labels))
    tips = [
        alt.Tooltip("category:N", title=" "),
        alt.Tooltip("label:N", title="model"),
        alt.Tooltip("told:N", title=measure.title),
        alt.Tooltip("more:N", title="also"),
    ]
    base = chart_of(rows).encode(y=y, color=colour, tooltip=tips)
    base = base if one_a_row else base.encode(yOffset=offset)
    scale = alt.Scale(zero=measure.zero, nice=True)
    if measure.domain is not None:
        scale = alt.Scale(domain=list(measure.domain), nice=False)
    axis = alt.Axis(format=measure.format or alt.Undefined, grid=True, tickCount=5)
    x, low = (alt.X(field, title=measure.title, scale=scale, axis=axis) for field in ("x:Q", "low:Q"))
    bounded = base.transform_filter("isValid(datum.low) && isValid(datum.high)")
    bars = bounded.mark_rule(strokeWidth=2).encode(opacity=in_focus(0.55))
    marks = base.mark_point(filled=True, size=70).encode(x=x, opacity=in_focus(1))
    height = max(60, ROW_PIXELS * len(categories) * (1.5 if one_a_row else len(labels)) + 20)
    return layered([*under, bars.encode(x=low, x2="high:Q"), marks], round(height))


def _row(dot: Dot, show: Show) -> dict[str, Any]:
    value = dot.value
    assert value is not None
    return {
        "category": wrap(dot.category),
        "label": dot.label,
        "x": value["estimate"],
        "low": value.get("low"),
        "high": value.get("high"),
        "told": with_interval(value, show) or NOT_KNOWN,
        "more": dot.more or "–",
    }
