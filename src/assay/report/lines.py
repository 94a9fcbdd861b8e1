"""Curves with interval bands, drawn the same way everywhere."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, Literal

import altair as alt

from assay.report.look import FAINT, MUTED, tooltip_title
from assay.report.rows import chart_of
from assay.report.words import NOT_KNOWN

SOLID = (1, 0)
DASHED = (5, 4)
BAND_OPACITY = 0.16


@dataclass(frozen=True)
class Point:
    """One place of a curve; `y` None is unknown and breaks the curve, it is never drawn as 0."""

    x: float
    y: float | None
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Line:
    """A curve with its name and look. `dots` marks every point; `smooth` is drawn in the curve's place, which then is
    a thin line below it.
    """

    label: str
    colour: str
    points: Sequence[Point]
    dash: Sequence[int] = SOLID
    dots: bool = False
    smooth: Sequence[Point] | None = None


@dataclass(frozen=True)
class Axes:
    """How a line chart's plane is labelled. `show` turns a y value into words for the tooltip."""

    x: str
    y: str
    show: Callable[[float], str]
    x_log2: bool = False
    x_values: Sequence[float] | None = None
    y_format: str = ""
    y_domain: tuple[float, float] | None = None
    y_zero: bool = True
    y_signed: bool = False
    height: int = 300
    x_labels: Sequence[str] | None = None
    """Names of the places 0, 1, 2, ... along x, where they are no numbers."""


def line_chart(lines: Sequence[Line], axes: Axes, under: Sequence[alt.Chart] = ()) -> alt.LayerChart:
    """Bands, curves and a rule that follows the pointer and tells every curve's value there.

    `under` are layers drawn first (zero lines, margins). The parameter `focus` holds the label that the page's key
    points at, or nothing; the other curves then step back.
    """
    x, y = _x(axes), _y(axes)
    bands = [_band(line, x, y) for line in lines if any(point.low is not None for point in line.points)]
    dots = [_dots(line, x, y) for line in lines if line.dots or len(line.points) == 1]
    layers = [*under, *bands, *_curves(lines, x, y), *dots, *_pointer(lines, axes, x)]
    return layered(layers, axes.height)


def _band(line: Line, x: alt.X, y: dict[str, Any]) -> alt.Chart:
    """Coloured without a scale, as dots are: else the legend would show them in place of the line."""
    rows = [row for row in _rows([line]) if row["low"] is not None and row["high"] is not None]
    area = chart_of(rows).mark_area(color=line.colour, tooltip=None)
    return area.encode(x=x, y=alt.Y("low:Q", **y), y2="high:Q", opacity=in_focus(BAND_OPACITY))


def _dots(line: Line, x: alt.X, y: dict[str, Any]) -> alt.Chart:
    rows = [row for row in _rows([line]) if row["y"] is not None]
    marks = chart_of(rows).mark_point(color=line.colour, filled=True, size=34, tooltip=None)
    return marks.encode(x=x, y=alt.Y("y:Q", **y), opacity=in_focus(1))


def _curves(lines: Sequence[Line], x: alt.X, y: dict[str, Any]) -> list[alt.Chart]:
    """Null breaks a curve. What is smoothed lies below as a thin line, without a scale as bands are."""
    colour = alt.Color("label:N", scale=_scale(lines, [line.colour for line in lines]), sort=None)
    dash = alt.StrokeDash("label:N", scale=_scale(lines, [list(line.dash) for line in lines]), sort=None)
    curves = []
    for line in lines:
        if line.smooth is not None:
            thin = chart_of(_rows([line])).mark_line(color=line.colour, strokeWidth=1, tooltip=None)
            curves.append(thin.encode(x=x, y=alt.Y("y:Q", **y), opacity=in_focus(0.35)))
    drawn = [line if line.smooth is None else replace(line, points=line.smooth) for line in lines]
    bold = chart_of(_rows(drawn)).mark_line(strokeWidth=2.25, strokeCap="round", tooltip=None)
    bold = bold.encode(x=x, y=alt.Y("y:Q", **y), color=colour, strokeDash=dash, opacity=in_focus(1))
    return [*curves, bold]


def focus() -> alt.Parameter:
    """The label that the page's key points at; empty for none."""
    return alt.param(name="focus", value="")


def in_focus(opacity: float) -> alt.OpacityValue:
    """`opacity`, and nearly nothing while the key points at another label."""
    here = {"test": "focus == '' || focus == datum.label", "value": opacity}
    return alt.OpacityValue(0.15 * opacity, condition=here)


def zero_line() -> alt.Chart:
    """A quiet horizontal line at 0."""
    return chart_of([{"y": 0}]).mark_rule(color=MUTED, strokeWidth=1, tooltip=None).encode(y="y:Q")


def margin_band(margin: float) -> alt.Chart:
    """The strip from -margin to +margin, inside which a difference is called none."""
    strip = chart_of([{"low": -margin, "high": margin}])
    return strip.mark_rect(color=FAINT, opacity=0.3, tooltip=None).encode(y="low:Q", y2="high:Q")


def upright(x: float, text: str, word_left: bool = True) -> list[alt.Chart]:
    """A vertical dotted line at `x` of a log2 axis, with a word at its head on its left or right."""
    base = chart_of([{"x": x, "text": text}])
    base = base.encode(x=alt.X("x:Q", scale=alt.Scale(type="log", base=2)))
    rule = base.mark_rule(color=MUTED, strokeDash=[2, 3], tooltip=None)
    align: Literal["left", "right"] = "right" if word_left else "left"
    word = base.mark_text(color=MUTED, align=align, baseline="top", dx=-5 if word_left else 5, tooltip=None)
    return [rule, word.encode(text="text:N", y=alt.YValue(0))]


def layered(layers: Sequence[Any], height: int) -> alt.LayerChart:
    """The layers in one chart that the page's key can point into."""
    chart = alt.layer(*layers, height=height).add_params(focus())
    assert isinstance(chart, alt.LayerChart)
    return chart


def _rows(lines: Sequence[Line]) -> list[dict[str, Any]]:
    return [
        {"label": line.label, "x": point.x, "y": point.y, "low": point.low, "high": point.high}
        for line in lines
        for point in line.points
    ]


def _scale(lines: Sequence[Line], values: Sequence[Any]) -> alt.Scale:
    return alt.Scale(domain=[line.label for line in lines], range=list(values))


def _x(axes: Axes) -> alt.X:
    if axes.x_labels is not None:
        places = list(range(len(axes.x_labels)))
        named = alt.Axis(values=places, labelExpr=f"{json.dumps(list(axes.x_labels))}[datum.value]", labelAngle=0)
        return alt.X("x:Q", title=axes.x, scale=alt.Scale(nice=False, domain=[0, places[-1]]), axis=named)
    if axes.x_log2:
        values = list(axes.x_values or ())
        scale = alt.Scale(type="log", base=2, nice=False, domain=[min(values), max(values)])
        return alt.X("x:Q", scale=scale, title=axes.x, axis=alt.Axis(values=values, format="d"))
    return alt.X("x:Q", title=axes.x, scale=alt.Scale(nice=False, zero=False), axis=alt.Axis(format="~s", tickCount=6))


def _y(axes: Axes) -> dict[str, Any]:
    domain = axes.y_domain
    scale = alt.Scale(zero=axes.y_zero) if domain is None else alt.Scale(domain=list(domain))
    ticks = max(3, axes.height // 50)
    label = "datum.value > 0 ? '+' + datum.label : datum.label" if axes.y_signed else alt.Undefined
    axis = alt.Axis(format=axes.y_format or alt.Undefined, tickCount=ticks, labelExpr=label)
    return {"title": axes.y, "scale": scale, "axis": axis}


def _pointer(lines: Sequence[Line], axes: Axes, x: alt.X) -> list[alt.Chart]:
    """An unseen strip around every x tells the values there, and shows a rule while the pointer is in it.

    Field names are s0, s1, ...: a label may hold any character, a Vega field name may not.
    """
    places = sorted({point.x for line in lines for point in line.points})
    values: dict[float, dict[str, str]] = {place: {f"s{at}": "–" for at in range(len(lines))} for place in places}
    for at, line in enumerate(lines):
        for point in line.points:
            values[point.x][f"s{at}"] = _words(point, axes)
    edges = _edges(places, axes.x_log2)
    rows = [
        {"x": place, "from": start, "to": end, "named": axes.x_labels and axes.x_labels[int(place)], **values[place]}
        for place, start, end in zip(places, edges[:-1], edges[1:], strict=True)
    ]
    title = axes.x.split(" (")[0]
    tips = [
        alt.Tooltip("x:Q", title=title, format=",~g") if axes.x_labels is None else alt.Tooltip("named:N", title=title)
    ]
    tips += [alt.Tooltip(f"s{at}:N", title=tooltip_title(line.label)) for at, line in enumerate(lines)]
    here = alt.selection_point(name="here", on="pointerover", clear="pointerout", fields=["x"], empty=False)
    base = chart_of(rows)
    rule = base.mark_rule(color=MUTED, strokeWidth=1, tooltip=None)
    shown = alt.OpacityValue(0, condition={"param": here.name, "empty": False, "value": 0.7})
    rule = rule.encode(x=x, opacity=shown)
    strip = base.mark_rect(opacity=0).encode(x=_field(x, "from:Q"), x2="to:Q", tooltip=tips).add_params(here)
    return [rule, strip]


def _edges(places: Sequence[float], log2: bool) -> list[float]:
    """Where the strips around `places` meet: half way, on a log axis at the geometric mean."""
    if len(places) == 1:
        return [places[0] - 0.5, places[0] + 0.5]
    between = [(a * b) ** 0.5 if log2 else (a + b) / 2 for a, b in pairwise(places)]
    return [places[0], *between, places[-1]]


def _field(x: alt.X, shorthand: str) -> alt.X:
    same: alt.X = x.copy()
    same.shorthand = shorthand
    return same


def _words(point: Point, axes: Axes) -> str:
    if point.y is None:
        return NOT_KNOWN
    if point.low is None or point.high is None:
        return axes.show(point.y)
    return f"{axes.show(point.y)}  ({axes.show(point.low)} to {axes.show(point.high)})"
