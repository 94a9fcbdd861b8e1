"""One self-contained page: templates filled with everything escaped, chart code inlined once, no network.

The page's Content-Security-Policy allows exactly the two scripts written here (by their hashes) and no connection at
all, so that text of a model's response could not run or load anything even if it were not escaped, which it is.
"""

import base64
import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import vl_convert
from jinja2 import Environment, PackageLoader, StrictUndefined

from assay import __version__
from assay.files import write_text
from assay.report.figure import Figure
from assay.report.images import write_images
from assay.report.look import css_class, stylesheet
from assay.report.words import percent, prose, upper_first


def write_page(
    template: str,
    figures: Sequence[Figure],
    facts: Mapping[str, Any],
    out: Path,
    images: bool,
    advance: Callable[[int], None],
) -> Path:
    """Writes OUT/report.html, and with `images` the charts as OUT/charts/NAME.svg and .png; the page's path."""
    path = out / "report.html"
    write_text(path, render(template, figures, facts))
    if images:
        write_images(figures, out / "charts", advance)
    return path


def render(template: str, figures: Sequence[Figure], facts: Mapping[str, Any]) -> str:
    """The page `templates/TEMPLATE` with its charts; `facts` are the template's variables."""
    environment = _environment()
    source = environment.loader.get_source  # type: ignore[union-attr]
    page_code = source(environment, "page.js")[0]
    chart_code = _chart_code()
    scripts = [chart_code, page_code]
    assert all("</script" not in script.lower() and "<!--" not in script for script in scripts)
    return environment.get_template(template).render(
        scripts=scripts,
        script_hashes=" ".join(f"'sha256-{_sha256(script)}'" for script in scripts),
        style=source(environment, "style.css")[0] + stylesheet(),
        specs=inert_json({figure.name: figure.for_page() for figure in figures}),
        assay_version=__version__,
        **facts,
    )


def inert_json(value: Any) -> str:
    """JSON that can stand inside a script element: no character of it can end the element or begin a comment."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("assay.report", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(percent=percent, css_class=css_class, prose=prose, upper_first=upper_first)
    return environment


@cache
def _chart_code() -> str:
    """Vega, Vega-Lite and vega-embed in one script, as vl-convert carries them."""
    code: str = vl_convert.javascript_bundle()  # type: ignore[call-arg]  # `snippet` is optional
    return code


def _sha256(script: str) -> str:
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
