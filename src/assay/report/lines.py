"""Curves with interval bands, drawn the same way everywhere."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import altair as alt

from assay.report.look import FAINT, MUTED, wrap
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
    """A curve with its name and look. `dots` marks every point, `thin` steps back behind the others."""

    label: str
    colour: str
    points: Sequence[Point]
    dash: Sequence[int] = SOLID
    dots: bool = False
    thin: bool = False


@dataclass(frozen=True)
class Axes:
    """How a line chart's plane is labelled. `show` turns a y value into words for the tooltip."""

    x: str
    y: str
    show: Callable[[float], str]
    x_log2: bool = False
    x_values: Sequence[float] | None = None
    y_format: str = "~g"
    y_domain: tuple[float, float] | None = None
    y_zero: bool = True
    y_log: bool = False
    y_signed: bool = False
    height: int = 300


def line_chart(lines: Sequence[Line], axes: Axes, under: Sequence[alt.Chart | alt.LayerChart] = ()) -> alt.LayerChart:
    """Bands, curves and a rule that follows the pointer and tells every curve's value there.

    `under` are layers drawn first (zero lines, margins). The parameter `focus` holds the label that the page's key
    points at, or nothing; the other curves then step back.
    """
    x, y = _x(axes), _y(axes)
    colour = alt.Color("label:N", scale=_scale(lines, [line.colour for line in lines]), sort=None)
    dash = alt.StrokeDash("label:N", scale=_scale(lines, [list(line.dash) for line in lines]), sort=None)
    dimmed = in_focus(1)
    layers: list[Any] = list(under)
    bands = [row for row in _rows(lines) if row["low"] is not None and row["high"] is not None]
    if bands:
        area = alt.Chart(alt.Data(values=bands)).mark_area(tooltip=None)
        layers.append(
            area.encode(x=x, y=alt.Y("low:Q", **y), y2="high:Q", color=colour, opacity=in_focus(BAND_OPACITY))
        )
    for thin, width in ((True, 1.0), (False, 2.25)):
        rows = _rows([line for line in lines if line.thin == thin])
        if rows:
            curve = alt.Chart(alt.Data(values=rows)).mark_line(strokeWidth=width, strokeCap="round", tooltip=None)
            opacity = alt.value(0.35) if thin else dimmed
            layers.append(curve.encode(x=x, y=alt.Y("y:Q", **y), color=colour, strokeDash=dash, opacity=opacity))
    dots = _rows([line for line in lines if line.dots or len(line.points) == 1])
    if dots:
        marks = alt.Chart(alt.Data(values=dots)).mark_point(filled=True, size=34, opacity=1, tooltip=None)
        layers.append(marks.encode(x=x, y=alt.Y("y:Q", **y), color=colour, opacity=dimmed))
    layers.append(_pointer(lines, axes, x))
    return layered(layers, axes.height)


def focus() -> alt.Parameter:
    """The label that the page's key points at; empty for none."""
    return alt.param(name="focus", value="")


def in_focus(opacity: float) -> Any:
    """`opacity`, and nearly nothing while the key points at another label."""
    return alt.condition("focus == '' || focus == datum.label", alt.value(opacity), alt.value(0.15 * opacity))


def zero_line() -> alt.Chart:
    """A quiet horizontal line at 0."""
    return alt.Chart(alt.Data(values=[{"y": 0}])).mark_rule(color=MUTED, strokeWidth=1, tooltip=None).encode(y="y:Q")


def margin_band(margin: float) -> alt.Chart:
    """The strip from -margin to +margin, inside which a difference is called none."""
    strip = alt.Chart(alt.Data(values=[{"low": -margin, "high": margin}]))
    return strip.mark_rect(color=FAINT, opacity=0.3, tooltip=None).encode(y="low:Q", y2="high:Q")


def upright(x: float, text: str, word_left: bool = True) -> alt.LayerChart:
    """A vertical dotted line at `x` of a log2 axis, with a word at its head on its left or right."""
    base = alt.Chart(alt.Data(values=[{"x": x, "text": text}]))
    base = base.encode(x=alt.X("x:Q", scale=alt.Scale(type="log", base=2)))
    rule = base.mark_rule(color=MUTED, strokeDash=[2, 3], tooltip=None)
    align: Literal["left", "right"] = "right" if word_left else "left"
    word = base.mark_text(color=MUTED, align=align, baseline="top", dx=-5 if word_left else 5, tooltip=None)
    return _layer([rule, word.encode(text="text:N", y=alt.value(0))])


def layered(layers: Sequence[Any], height: int) -> alt.LayerChart:
    """The layers in one chart that the page's key can point into."""
    chart = _layer(layers).add_params(focus()).properties(height=height)
    assert isinstance(chart, alt.LayerChart)
    return chart


def _layer(layers: Sequence[Any]) -> alt.LayerChart:
    chart = alt.layer(*layers)
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
    if axes.x_log2:
        values = list(axes.x_values or ())
        scale = alt.Scale(type="log", base=2, nice=False, domain=[min(values), max(values)])
        return alt.X("x:Q", scale=scale, title=axes.x, axis=alt.Axis(values=values, format="d"))
    return alt.X("x:Q", title=axes.x, scale=alt.Scale(nice=False, zero=False), axis=alt.Axis(format="~s", tickCount=6))


def _y(axes: Axes) -> dict[str, Any]:
    if axes.y_log:
        scale = alt.Scale(type="log")
    elif axes.y_domain is not None:
        scale = alt.Scale(domain=list(axes.y_domain))
    else:
        scale = alt.Scale(zero=axes.y_zero)
    ticks = max(3, axes.height // 50)
    label = "datum.value > 0 ? '+' + datum.label : datum.label" if axes.y_signed else alt.Undefined
    axis = alt.Axis(format=axes.y_format, tickCount=ticks, labelExpr=label)
    return {"title": axes.y, "scale": scale, "axis": axis}


def _pointer(lines: Sequence[Line], axes: Axes, x: alt.X) -> alt.Chart:
    """Field names are s0, s1, ...: a label may hold any character, a Vega field name may not."""
    told = [line for line in lines if not line.thin]
    nothing = {f"s{at}": "–" for at in range(len(told))}
    values: dict[float, dict[str, Any]] = {}
    for at, line in enumerate(told):
        for point in line.points:
            values.setdefault(point.x, {"x": point.x, **nothing})[f"s{at}"] = _words(point, axes)
    rows = [values[place] for place in sorted(values)]
    tips = [alt.Tooltip("x:Q", title=axes.x.split(" (")[0], format=",~g")]
    tips += [alt.Tooltip(f"s{at}:N", title=wrap(line.label, 40)) for at, line in enumerate(told)]
    nearest = alt.selection_point(
        name="at", on="pointerover", clear="pointerout", nearest=True, fields=["x"], empty=False
    )
    shown = alt.condition(nearest, alt.value(0.7), alt.value(0))
    rule = alt.Chart(alt.Data(values=rows)).mark_rule(color=MUTED, strokeWidth=1)
    return rule.encode(x=x, opacity=shown, tooltip=tips).add_params(nearest)


def _words(point: Point, axes: Axes) -> str:
    if point.y is None:
        return NOT_KNOWN
    if point.low is None or point.high is None:
        return axes.show(point.y)
    return f"{axes.show(point.y)}  ({axes.show(point.low)} to {axes.show(point.high)})"
