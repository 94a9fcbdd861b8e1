"""A heat map of shares: a row a layer, a column a kind, the share in figures where there is room."""

from collections.abc import Sequence
from dataclasses import dataclass

import altair as alt

from assay.report.lines import layered
from assay.report.look import INK, ON_COLOUR
from assay.report.rows import chart_of
from assay.report.words import percent

ROW_PIXELS, THIN_ROW_PIXELS, MOST_THICK_ROWS = 24, 11, 40
TURNS = 0.55
"""From this share on a cell is dark enough for light figures."""
FAINTEST = 0.06
"""How visible the faintest cell is, so that it is not taken for one that is not there."""
NARROW = 0.1
"""Shares that differ by less are told with a decimal."""


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
