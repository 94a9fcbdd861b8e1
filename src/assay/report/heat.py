"""Heat maps: of shares, a row a layer, a column a kind; and of gains and losses."""

from collections.abc import Sequence
from dataclasses import dataclass

import altair as alt

from assay.report.lines import layered
from assay.report.look import INK, ON_COLOUR, SERIES, wrap
from assay.report.rows import chart_of
from assay.report.words import Show, percent

ROW_PIXELS, THIN_ROW_PIXELS, MOST_THICK_ROWS = 24, 11, 40
TURNS = 0.55
"""From this share on a cell is dark enough for light figures."""
FAINTEST = 0.06
"""How visible the faintest cell is, so that it is not taken for one that is not there."""
NARROW = 0.1
"""Shares that differ by less are told with a decimal."""
UP, DOWN = SERIES[2], SERIES[1]
GAIN_ROW_PIXELS = 40


@dataclass(frozen=True)
class Cell:
    """`share` is drawn, `told` is said on hover."""

    row: str
    column: str
    share: float
    told: str


def heat_map(cells: Sequence[Cell], columns: Sequence[str], colour: str, what: str) -> alt.LayerChart:
    """Shares as the strength of one colour, from the least to the most of them; rows in their order.

    Where there are many rows, without figures.
    """
    rows = list(dict.fromkeys(cell.row for cell in cells))
    thick = len(rows) <= MOST_THICK_ROWS
    kept = [column for column in columns if any(cell.column == column for cell in cells)]
    least, most = (pick((cell.share for cell in cells), default=0.0) for pick in (min, max))
    strength = {cell: (cell.share - least) / (most - least) if most > least else cell.share for cell in cells}
    digits = 1 if most - least < NARROW else 0
    base = chart_of(
        [
            {
                "row": cell.row,
                "column": cell.column,
                "visible": FAINTEST + (1 - FAINTEST) * strength[cell],
                "dark": strength[cell] >= TURNS,
                "text": figures(cell.share, digits),
                "share": percent(cell.share, 2),
                "told": cell.told,
            }
            for cell in cells
        ]
    ).encode(
        x=alt.X(
            "column:N",
            sort=None,
            title=None,
            scale=alt.Scale(domain=kept, padding=0.06),
            axis=alt.Axis(
                orient="top", labelAngle=-45, labelAlign="left", domain=False, ticks=False, labelOverlap=False
            ),
        ),
        y=alt.Y(
            "row:N",
            sort=None,
            title="layer",
            scale=alt.Scale(domain=rows, padding=0.08),
            axis=alt.Axis(domain=False, ticks=False, labelOverlap=True),
        ),
    )
    tips = [
        alt.Tooltip("row:N", title="layer"),
        alt.Tooltip("column:N", title="kind"),
        alt.Tooltip("share:N", title=what),
        alt.Tooltip("told:N", title="changed"),
    ]
    cells_drawn = base.mark_rect(color=colour).encode(opacity=alt.Opacity("visible:Q", scale=None), tooltip=tips)
    ink = alt.ColorValue(INK, condition={"test": "datum.dark", "value": ON_COLOUR})
    words = base.mark_text(fontSize=10.5, tooltip=None).encode(text="text:N", color=ink)
    return layered(
        [cells_drawn, words] if thick else [cells_drawn], len(rows) * (ROW_PIXELS if thick else THIN_ROW_PIXELS)
    )


def figures(share: float, digits: int = 0) -> str:
    """Percent without the sign: never 100 or 0 for what is not all or nothing."""
    text = f"{100 * share:.{digits}f}"
    step = 10.0**-digits
    if float(text) == 100:
        return "100" if share == 1 else f">{100 - step:.{digits}f}"
    if float(text) == 0:
        return "0" if share == 0 else f"<{step:.{digits}f}"
    return text


@dataclass(frozen=True)
class Gain:
    """A cell of a matrix of gains: `value` None is not known, and drawn as a dash; `told` is said on hover."""

    row: str
    column: str
    value: float | None
    told: str


def gain_map(gains: Sequence[Gain], row_title: str, column_title: str, show: Show) -> alt.LayerChart:
    """Gains and losses in two colours, the stronger the larger; figures in every cell."""
    rows = list(dict.fromkeys(wrap(gain.row, 30) for gain in gains))
    columns = list(dict.fromkeys(wrap(gain.column, 30) for gain in gains))
    largest = max((abs(gain.value) for gain in gains if gain.value is not None), default=0.0) or 1.0
    table = [
        {
            "row": wrap(gain.row, 30),
            "column": wrap(gain.column, 30),
            "colour": UP if (gain.value or 0) >= 0 else DOWN,
            "visible": 0.0 if gain.value is None else FAINTEST + (1 - FAINTEST) * abs(gain.value) / largest,
            "dark": gain.value is not None and abs(gain.value) / largest >= TURNS,
            "text": "–" if gain.value is None else show(gain.value),
            "told": gain.told,
        }
        for gain in gains
    ]
    axis, top = (
        alt.Axis(
            labelExpr="split(datum.label, '\\n')", labelLimit=260, domain=False, ticks=False, labelAngle=0, orient=side
        )
        for side in ("left", "top")
    )
    base = chart_of(table).encode(
        x=alt.X("column:N", sort=None, title=None, scale=alt.Scale(domain=columns, padding=0.04), axis=top),
        y=alt.Y("row:N", sort=None, title=None, scale=alt.Scale(domain=rows, padding=0.08), axis=axis),
    )
    tips = [
        alt.Tooltip("row:N", title=row_title),
        alt.Tooltip("column:N", title=column_title),
        alt.Tooltip("told:N", title="gain"),
    ]
    colour = alt.Color("colour:N", scale=None)
    drawn = base.mark_rect().encode(opacity=alt.Opacity("visible:Q", scale=None), color=colour, tooltip=tips)
    ink = alt.ColorValue(INK, condition={"test": "datum.dark", "value": ON_COLOUR})
    figures_drawn = base.mark_text(fontSize=11.5, tooltip=None).encode(text="text:N", color=ink)
    return layered([drawn, figures_drawn], GAIN_ROW_PIXELS * len(rows) + 20)
