"""Paths in a plane: curves whose x may go back, each drawn in the order of its points, thin ones under a bold one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import altair as alt

from assay.report.lines import in_focus, layered
from assay.report.look import INK
from assay.report.rows import chart_of


@dataclass(frozen=True)
class Trace:
    """A bold curve with its thin ones, each a list of (x, y); `told` are the words of each bold point, by title.

    `mark` is the place of the bold curve's point that is marked, if any.
    """

    label: str
    colour: str
    dash: Sequence[int]
    bold: Sequence[tuple[float, float]]
    told: Sequence[Mapping[str, str]]
    thin: Sequence[Sequence[tuple[float, float]]] = ()
    mark: int | None = None


@dataclass(frozen=True)
class Plane:
    """Titles of the axes, the format of y, and the chart's height in pixels."""

    x: str
    y: str
    y_format: str = ""
    height: int = 340


def path_chart(paths: Sequence[Trace], plane: Plane) -> alt.LayerChart:
    """Thin curves, bold ones, their marks, and unseen dots that tell a point's words to the pointer."""
    x = alt.X("x:Q", title=plane.x, scale=alt.Scale(zero=True, nice=False), axis=alt.Axis(tickCount=6))
    axis = alt.Axis(format=plane.y_format or alt.Undefined, tickCount=max(3, plane.height // 50))
    y = alt.Y("y:Q", title=plane.y, scale=alt.Scale(zero=False), axis=axis)
    order = alt.Order("at:Q")
    labels = [path.label for path in paths]
    colour = alt.Color("label:N", sort=None, scale=alt.Scale(domain=labels, range=[path.colour for path in paths]))
    dash = alt.StrokeDash(
        "label:N", sort=None, scale=alt.Scale(domain=labels, range=[list(path.dash) for path in paths])
    )
    layers = []
    for path in paths:
        rows = [row for number, curve in enumerate(path.thin) for row in _rows(path.label, curve, number)]
        thin = chart_of(rows).mark_line(color=path.colour, strokeWidth=1, tooltip=None)
        layers.append(thin.encode(x=x, y=y, order=order, detail="curve:N", opacity=in_focus(0.4)))
    bold = chart_of([row for path in paths for row in _rows(path.label, path.bold)])
    bold = bold.mark_line(strokeWidth=2.75, strokeCap="round", strokeJoin="round", tooltip=None)
    layers.append(bold.encode(x=x, y=y, order=order, color=colour, strokeDash=dash, opacity=in_focus(1)))
    for path in paths:
        if path.mark is not None:
            mark = chart_of([_rows(path.label, path.bold)[path.mark]])
            mark = mark.mark_point(color=path.colour, fill=path.colour, shape="diamond", size=150, stroke=INK)
            layers.append(mark.encode(x=x, y=y, opacity=in_focus(1)))
        layers.append(_dots(path, x, y))
    return layered(layers, plane.height)


def _dots(path: Trace, x: alt.X, y: alt.Y) -> alt.Chart:
    """Field names are t0, t1, ...: a title may hold any character, a Vega field name may not."""
    titles = list(path.told[0]) if path.told else []
    rows = [
        {**row, **{f"t{at}": told[title] for at, title in enumerate(titles)}}
        for row, told in zip(_rows(path.label, path.bold), path.told, strict=True)
    ]
    tips = [alt.Tooltip("label:N", title="arm")]
    tips += [alt.Tooltip(f"t{at}:N", title=title) for at, title in enumerate(titles)]
    return chart_of(rows).mark_point(filled=True, size=160).encode(x=x, y=y, tooltip=tips, opacity=alt.value(0))


def _rows(label: str, curve: Sequence[tuple[float, float]], number: int = 0) -> list[dict[str, Any]]:
    return [{"label": label, "curve": number, "at": at, "x": x, "y": y} for at, (x, y) in enumerate(curve)]
