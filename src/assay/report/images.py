"""PNG and SVG files of the figures, through vl-convert: no browser, no network."""

from collections.abc import Callable, Sequence
from pathlib import Path

import vl_convert

from assay.files import ignore, replacing
from assay.report.figure import Figure

PIXELS_PER_POINT = 2.0


def write_images(figures: Sequence[Figure], folder: Path, advance: Callable[[int], None] = ignore) -> list[Path]:
    """Writes FOLDER/NAME.svg and FOLDER/NAME.png of every figure and returns the paths; `advance` counts figures."""
    written = []
    for figure in figures:
        svg = vl_convert.vegalite_to_svg(figure.for_image())
        png = vl_convert.svg_to_png(svg, scale=PIXELS_PER_POINT)
        for suffix, content in ((".svg", svg.encode()), (".png", png)):
            path = folder / (figure.name + suffix)
            with replacing(path) as temporary:
                temporary.write_bytes(content)
            written.append(path)
        advance(1)
    return written
