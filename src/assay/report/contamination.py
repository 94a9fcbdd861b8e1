"""The report of a contamination audit: contamination.json as one page, verdicts first, with continuations to read."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from assay.files import ignore
from assay.report.cards import Tile
from assay.report.dots import Dot, Measure, dot_chart
from assay.report.figure import Figure, Key, Table, level
from assay.report.html import write_page
from assay.report.look import SERIES
from assay.report.words import NOT_KNOWN, bounds, change, decimal, p_value, percent, plural, with_interval

Document = Mapping[str, Any]

COLOURS = {"suspect": SERIES[1], "clean": SERIES[0]}
ACCENTS = {"contaminated": "narrowed", "not shown": "neither", "cannot be told": "not-enough-data"}
"""Verdict -> the verdict of a boundary audit whose colour the card bears."""
MEASURES = {
    "exact": "rest continued word for word",
    "rouge_l": "ROUGE-L with the rest",
    "answer_in": "right answer in the continuation",
}


@dataclass(frozen=True)
class Card:
    """What is said of one model."""

    model: str
    accent: str
    record: Mapping[str, Any]
    tiles: Sequence[Tile]


def write_contamination_report(
    document: Document, out: Path, images: bool = True, advance: Callable[[int], None] = ignore
) -> Path:
    """Writes OUT/report.html from the document `contamination.json` (docs/contamination.md) and returns its path.

    With `images` the charts are also written as OUT/charts/NAME.svg and .png; `advance` counts them. Raises OSError
    where `out` cannot be written.
    """
    models = document["models"]
    figures = {
        label: [_figure(document, label, at, name) for name in ("rouge_l", "exact") if _is_known(models[label], name)]
        for at, label in enumerate(models)
    }
    facts = {
        "document": document,
        "cards": [_card(label, record) for label, record in models.items()],
        "figures": figures,
        "tables": {label: _table(record) for label, record in models.items()},
    }
    drawn = [figure for each in figures.values() for figure in each]
    return write_page("contamination.html.jinja", drawn, facts, out, images, advance)


def _is_known(record: Mapping[str, Any], name: str) -> bool:
    return any(table[name] is not None for table in record["shares"].values())


def _card(label: str, record: Mapping[str, Any]) -> Card:
    overall, problems = record["overall"], record["problems"]
    tiles = [Tile("problems", f"{problems['suspect']:,}", f"and {problems['clean']:,} clean ones")]
    if overall is not None:
        for name in ("suspect", "clean"):
            told = overall[name]
            tiles.append(Tile(f"ROUGE-L, {name}", decimal(told["estimate"]), bounds(told, decimal)))
        more = f"{bounds(overall, change)}; {p_value(overall['p_value'])}"
        tiles.append(Tile("suspect minus clean", change(overall["estimate"]), more))
    return Card(label, ACCENTS[record["verdict"]], record, tiles)


def _figure(document: Document, label: str, at: int, name: str) -> Figure:
    show = decimal if name == "rouge_l" else percent
    shares = {
        f"{float(share):.0%} given": table[name]
        for share, table in document["models"][label]["shares"].items()
        if table[name] is not None
    }
    dots = [Dot(given, kind, found[kind]) for given, found in shares.items() for kind in COLOURS]
    measure = Measure(MEASURES[name], show, "" if name == "rouge_l" else "~%", (0.0, 1.0))
    problems = document["models"][label]["problems"]
    rows = [
        [given, *(with_interval(found[kind], show) for kind in COLOURS), with_interval(found, change)]
        for given, found in shares.items()
    ]
    return Figure(
        name=f"{name}_{at + 1}",
        title=f"{label}: {MEASURES[name]}",
        chart=dot_chart(dots, COLOURS, measure),
        says="; ".join(
            f"{given}: " + ", ".join(f"{kind} {show(found[kind]['estimate'])}" for kind in COLOURS)
            for given, found in shares.items()
        )
        + ".",
        method=f"Greedy continuations without a template, cut to as many words as the rest of the problem has; "
        f"{plural(problems['suspect'], 'suspect problem')}, {problems['clean']:,} clean; "
        f"{level(document['settings'])} intervals over problems.",
        keys=[Key(kind, colour) for kind, colour in COLOURS.items()],
        table=Table(["", *COLOURS, "suspect minus clean"], rows),
    )


def _table(record: Mapping[str, Any]) -> Table:
    rows = []
    for share, table in record["shares"].items():
        for name, words in MEASURES.items():
            found = table[name]
            cells = [NOT_KNOWN] * 4
            if found is not None:
                show = decimal if name == "rouge_l" else percent
                cells = [with_interval(found[kind], show) for kind in COLOURS]
                cells += [with_interval(found, change), p_value(found["p_value"])]
            rows.append([f"{float(share):.0%}", words, *cells])
    return Table(["given", "measure", *COLOURS, "suspect minus clean", "by luck"], rows)
