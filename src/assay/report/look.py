"""How every figure looks: one colour a model, one theme, labels that wrap.

Colours are given for light paper; `DARK` maps each to its twin on a dark ground. The page applies that map with CSS
attribute selectors, so a chart is drawn once and follows the reader's colour scheme, also while it is open.
"""

import textwrap
from collections.abc import Sequence
from typing import Any

INK = "#24292f"
MUTED = "#5f6872"
FAINT = "#c9ced4"
GRID = "#e6e8eb"
GOOD = "#2f7d4f"
ON_COLOUR = "#fffffe"
"""Words upon a coloured bar."""

# Told apart also by readers with a colour deficiency (checked for protan, deutan and tritan vision): the base is a
# quiet grey-blue, the first tuned model a strong orange, others follow.
SERIES = ("#4d6a8a", "#d4620c", "#0b8a75", "#8d3bd1", "#5e4a1c", "#d451b6")
DASHES = ((1, 0), (6, 3), (2, 2))

DARK = {
    INK: "#e7e9ec",
    MUTED: "#9aa4af",
    FAINT: "#4a525b",
    GRID: "#2b3138",
    GOOD: "#69c08b",
    ON_COLOUR: "#14171b",
    "#4d6a8a": "#9dbde0",
    "#d4620c": "#f08a3c",
    "#0b8a75": "#1fae8f",
    "#8d3bd1": "#a873f5",
    "#5e4a1c": "#e9e3bf",
    "#d451b6": "#e35fb5",
}

FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, 'Liberation Sans', sans-serif"


def colours(labels: Sequence[str]) -> dict[str, str]:
    """label -> colour, in the order given (base first); after the sixth label colours return, with another dash."""
    return {label: SERIES[at % len(SERIES)] for at, label in enumerate(labels)}


def dashes(labels: Sequence[str]) -> dict[str, list[int]]:
    """label -> dash pattern in pixels: solid for the first six labels."""
    return {label: list(DASHES[at // len(SERIES) % len(DASHES)]) for at, label in enumerate(labels)}


def wrap(label: str, width: int = 18) -> str:
    """`label` broken into lines of at most `width` characters, a path or a long word wherever it must."""
    return "\n".join(textwrap.wrap(label, width, break_on_hyphens=True)) or label


def tooltip_title(label: str) -> str:
    """`label` as it can stand in a Vega expression, into which Vega-Lite writes tooltip titles as they are."""
    return " ".join(label.replace("\\", "/").replace('"', "'").split()) or " "


def theme(legend: bool, columns: int = 3) -> dict[str, Any]:
    """The Vega-Lite config of every chart. `legend` False leaves the legend to the page, where it can wrap."""
    axis = {
        "labelColor": MUTED,
        "titleColor": MUTED,
        "tickColor": FAINT,
        "domainColor": FAINT,
        "gridColor": GRID,
        "labelFontSize": 11.5,
        "titleFontSize": 12,
        "titleFontWeight": "normal",
        "titlePadding": 8,
        "labelPadding": 5,
        "labelFlush": False,
    }
    return {
        "font": FONT,
        "background": None,
        "aria": False,  # the page describes each chart; Vega would describe every dot
        "padding": 4,
        "view": {"stroke": None},
        "axis": axis,
        "axisX": {"grid": False, "labelOverlap": "greedy", "labelSeparation": 6},
        "axisY": {"domain": False, "ticks": False},
        "legend": {
            "disable": not legend,
            "orient": "top",
            "title": None,
            "labelColor": INK,
            "labelFontSize": 12,
            "labelLimit": 560,
            "columns": columns,
            "symbolOpacity": 1,
            "symbolStrokeWidth": 2.5,
        },
        "text": {"color": MUTED, "fontSize": 11.5},
    }


def css_class(colour: str) -> str:
    """The class whose variable --c is `colour`, on a dark ground its twin."""
    return "c" + colour.removeprefix("#")


def stylesheet() -> str:
    """CSS that gives every colour its class, and on a dark screen its twin, also inside the charts."""
    light = "".join(f".{css_class(colour)}{{--c:{colour}}}" for colour in DARK)
    dark = "".join(
        f".{css_class(colour)}{{--c:{twin}}}"
        f'.chart [fill="{colour}"]{{fill:{twin}}}.chart [stroke="{colour}"]{{stroke:{twin}}}'
        for colour, twin in DARK.items()
    )
    return f"{light}\n@media screen and (prefers-color-scheme: dark){{{dark}}}\n"
