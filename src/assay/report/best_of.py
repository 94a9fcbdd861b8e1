"""The report of a best-of-n: best_of_n.json as one page: what each score is worth, and how that changes with n."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from assay.files import ignore
from assay.report.cards import Tile
from assay.report.figure import Figure, Key, Table, level
from assay.report.html import write_page
from assay.report.lines import DASHED, SOLID, Axes, Line, Point, line_chart, zero_line
from assay.report.look import INK, MUTED, colours, dashes
from assay.report.words import NOT_KNOWN, bounds, change, compact, decimal, plural, with_interval

Document = Mapping[str, Any]

MAJORITY, PASS, ONE = "majority of n", "pass@n, any right", "one draw"
WORDS = {"better": "Better than {whom}", "worse": "Worse than {whom}", "cannot be told": "Cannot be told from {whom}"}
ACCENTS = {"better": "extended", "worse": "narrowed", "cannot be told": "neither"}
"""Verdict -> the verdict of an audit whose colour the card bears."""


@dataclass(frozen=True)
class Card:
    """What is said of one score."""

    score: str
    colour: str
    word: str
    accent: str
    headline: str
    tiles: Sequence[Tile]
    course: str


def write_best_of_report(
    document: Document, out: Path, images: bool = True, advance: Callable[[int], None] = ignore
) -> Path:
    """Writes OUT/report.html from the document `best_of_n.json` (docs/best_of_n.md) and returns its path.

    With `images` the charts are also written as OUT/charts/NAME.svg and .png; `advance` counts them. Raises OSError
    where `out` cannot be written.
    """
    figures = [_curves(document), _difference(document)]
    facts = {
        "document": document,
        "cards": [_card(document, score) for score in document["scores"]],
        "figures": figures,
        "settings": _settings(document),
    }
    return write_page("best_of.html.jinja", figures, facts, out, images, advance)


def _colours(document: Document) -> dict[str, str]:
    """The majority is what is compared with, and bears the colour of an audit's base."""
    return colours([MAJORITY, *document["scores"]])


def _card(document: Document, score: str) -> Card:
    told, n = document["scores"][score], str(document["n"][-1])
    best, passed, ranking = told["best_of_n"][n], document["pass_at_n"][n], told["ranking"]
    whom, difference = told["against"], told["difference"][n]
    headline = f"The best of {n} by {score} is right with chance {decimal(best['estimate'])}"
    if document["majority"]:
        headline += f", the majority's answer with {decimal(document['majority'][n]['estimate'])}"
    headline += f"; one draw with {decimal(document['one_draw']['estimate'])}, any of {n} with "
    headline += f"{decimal(passed['estimate'])}."
    tiles = [
        Tile(f"best of {n}", decimal(best["estimate"]), bounds(best, decimal)),
        Tile(f"minus {whom}", change(difference["estimate"]), bounds(difference, change)),
        Tile(f"minus {ONE}", *_words(told["minus_one_draw"][n], change)),
        Tile("ranks right above wrong", *_ranking(ranking)),
    ]
    return Card(
        score=score,
        colour=_colours(document)[score],
        word=WORDS[told["verdict"]].format(whom=whom),
        accent=ACCENTS[told["verdict"]],
        headline=headline,
        tiles=tiles if document["majority"] else [tiles[0], *tiles[2:]],
        course=_course(told["best_of_n"]),
    )


def _course(table: Mapping[str, Mapping[str, Any]]) -> str:
    """Where the curve is highest, which for a score that is only a proxy need not be at its end."""
    top = max(table, key=lambda n: table[n]["estimate"])
    *_, end = table
    if top == end:
        return f"The estimate is highest where most are drawn, at n = {end}."
    highest, last = (decimal(table[n]["estimate"]) for n in (top, end))
    return f"The estimate is highest at n = {top}, {highest}, and {last} at n = {end}."


def _words(value: Mapping[str, Any], show: Callable[[float], str]) -> tuple[str, str]:
    return show(value["estimate"]), bounds(value, show)


def _ranking(ranking: Mapping[str, Any]) -> tuple[str, str]:
    if ranking["estimate"] is None:
        return NOT_KNOWN, "no problem has both right and wrong responses"
    words, interval = _words(ranking, decimal)
    return words, f"{interval}; {plural(ranking['problems'], 'problem')} with both"


def _curves(document: Document) -> Figure:
    settings, colour, ns = document["settings"], _colours(document), document["n"]
    one = document["one_draw"]
    lines = [Line(PASS, INK, _points(document["pass_at_n"]), DASHED, dots=True)]
    for score, told in document["scores"].items():
        dash = dashes([MAJORITY, *document["scores"]])[score]
        lines.append(Line(_label(score), colour[score], _points(told["best_of_n"]), dash, dots=True))
    if document["majority"]:
        lines.append(Line(MAJORITY, colour[MAJORITY], _points(document["majority"]), SOLID, dots=True))
    lines.append(Line(ONE, MUTED, [Point(n, one["estimate"]) for n in (ns[0], ns[-1])], DASHED))
    high = max((point.high or 0.0) for line in lines for point in line.points)
    tables = {line.label: line.points for line in lines[:-1]}
    rows = [[str(n), *(_cell(points[at], decimal) for points in tables.values())] for at, n in enumerate(ns)]
    return Figure(
        name="best_of_n",
        title="Right answers by how many are drawn",
        chart=line_chart(lines, _axes("chance of a right answer", decimal, ns, ".1f", (0.0, _tenth(high)), 360)),
        says="; ".join(f"{label}: {decimal(points[-1].y)} at n = {ns[-1]}" for label, points in tables.items()),
        method=f"Expected over n responses drawn without replacement, ties broken evenly; "
        f"{plural(settings['problems'], 'problem')}, at least {plural(ns[-1], 'response')} to each; bands: "
        f"{level(settings)} intervals over problems.{_how(document)}",
        keys=[Key(line.label, line.colour, tuple(line.dash) != SOLID) for line in lines],
        table=Table(["n", *tables], rows),
        wide=True,
    )


def _difference(document: Document) -> Figure:
    settings, colour, ns = document["settings"], _colours(document), document["n"]
    scores = document["scores"]
    whom = next(iter(scores.values()))["against"]
    dash = dashes([MAJORITY, *scores])
    start = Point(1, 0.0, 0.0, 0.0)
    lines = [
        Line(_label(score), colour[score], [start, *_points(told["difference"])], dash[score], dots=True)
        for score, told in scores.items()
    ]
    rows = [[str(n), *(with_interval(told["difference"][str(n)], change) for told in scores.values())] for n in ns[1:]]
    return Figure(
        name="difference",
        title=f"Best of n minus {whom}",
        chart=line_chart(lines, _axes("difference", change, ns, ".2f", None, 280), [zero_line()]),
        says="; ".join(f"{line.label}: {change(line.points[-1].y)} at n = {ns[-1]}" for line in lines),
        method=f"Paired over {plural(settings['problems'], 'problem')}; {level(settings)} studentised sign-flip "
        f"intervals, each for its n alone. At n = 1 both are one draw.",
        keys=[Key(line.label, line.colour, tuple(line.dash) != SOLID) for line in lines],
        table=Table(["n", *(_label(score) for score in scores)], rows),
        wide=True,
    )


def _axes(
    y: str,
    show: Callable[[float], str],
    ns: Sequence[int],
    form: str,
    domain: tuple[float, float] | None,
    height: int,
) -> Axes:
    x = "n (responses drawn)"
    return Axes(x, y, show, True, ns, form, domain, y_signed=domain is None, height=height)


def _label(score: str) -> str:
    return f"best by {score}"


def _points(table: Mapping[str, Mapping[str, Any]]) -> list[Point]:
    return [Point(int(n), row["estimate"], row["low"], row["high"]) for n, row in table.items()]


def _cell(point: Point, show: Callable[[float], str]) -> str:
    return with_interval({"estimate": point.y, "low": point.low, "high": point.high}, show)


def _tenth(share: float) -> float:
    """The next tenth above `share`, at most 1."""
    return min(1.0, (int(share * 10) + 1) / 10)


def _how(document: Document) -> str:
    """Whether the majority is exact."""
    if document["majority"] is None:
        return " There is no majority: the file has no answers to vote with."
    errors = [row["draws_error"] for row in document["majority"].values() if row["draws_error"] is not None]
    if not errors:
        return " All are exact."
    draws = document["settings"]["draws"]
    return (
        f" The majority is from {draws:,} seeded draws, standard error at most {max(errors):.1g}; the others are exact."
    )


def _settings(document: Document) -> Table:
    settings, left_out = document["settings"], document["settings"]["left_out"]
    names = {
        "file": "file", "model": "model", "task": "task", "judge": "judge", "temperature": "temperature",
        "top_p": "top_p", "problems": "problems", "responses": "responses", "n_min": "responses to a problem, least",
        "n_max": "responses to a problem, most", "answer_column": "column voted by",
    }  # fmt: skip
    rows = [[name, _plain(settings[key])] for key, name in names.items()]
    rows.append(["left out, could not be judged", _plain(left_out["unjudged"])])
    rows += [[f"left out, without {score}", _plain(count)] for score, count in left_out["without_score"].items()]
    rows.append(["left out, problems", _plain(left_out["problems"])])
    return Table(["setting", "value"], rows)


def _plain(value: Any) -> str:
    if value is None:
        return NOT_KNOWN
    if isinstance(value, list):
        return ", ".join(map(_plain, value))
    return compact(value) if isinstance(value, float) else str(value)
