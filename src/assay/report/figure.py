"""A figure: a chart with its title, key, one line of method, its numbers, and its two renderings."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import altair as alt

from assay.report.look import colours, dashes, theme
from assay.report.words import percent

IMAGE_WIDTH_PIXELS = 640
IMAGE_WIDTH_LETTERS = 90
PAPER = "#ffffff"


@dataclass(frozen=True)
class Key:
    """An entry of a figure's key; `dashed` for a dashed line."""

    label: str
    colour: str
    dashed: bool = False


@dataclass(frozen=True)
class Table:
    """The numbers behind a chart, already in words."""

    head: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True)
class Figure:
    """`name` is its anchor and file name; `says` what is to be seen, for those who cannot see it (and for all others);
    `method` one line: how it was computed, over how many. `wide` figures take the whole width of the page.
    """

    name: str
    title: str
    chart: alt.Chart | alt.LayerChart
    says: str
    method: str
    keys: Sequence[Key] = ()
    table: Table | None = None
    wide: bool = False
    keys_point: bool = True
    """Whether pointing at an entry of the key sets the other curves back."""

    @property
    def height(self) -> int:
        """Pixels that the chart takes, axes included, so that the page does not jump when it is drawn."""
        return int(self.chart.height) + 50

    @property
    def _legend_columns(self) -> int:
        """As many as fit the image's width with the longest label."""
        longest = max((len(key.label) for key in self.keys), default=0)
        return max(1, IMAGE_WIDTH_LETTERS // (longest + 6))

    def for_page(self) -> dict[str, Any]:
        """The Vega-Lite specification that fills its place in the page; key and title are the page's."""
        spec: dict[str, Any] = self.chart.to_dict(validate=False)
        return {**spec, "width": "container", "config": theme(legend=False, columns=self._legend_columns)}

    def for_image(self) -> dict[str, Any]:
        """The specification of the file: fixed width, on paper, with title and legend."""
        spec: dict[str, Any] = self.chart.to_dict(validate=False)
        title = {"text": self.title, "anchor": "start", "fontSize": 14, "offset": 12}
        config = {**theme(legend=len(self.keys) > 1, columns=self._legend_columns), "background": PAPER}
        return {**spec, "width": IMAGE_WIDTH_PIXELS, "title": title, "padding": 16, "config": config}


def model_keys(findings: Mapping[str, Any], labels: Sequence[str]) -> list[Key]:
    """The key of a figure that draws the models `labels` of an audit."""
    colour, dash = colours(findings["models"]), dashes(findings["models"])
    return [Key(label, colour[label], dash[label] != [1, 0]) for label in findings["models"] if label in labels]


def level(settings: Mapping[str, Any]) -> str:
    """The confidence level in words: '95 %'."""
    return percent(settings["level"], 0)
