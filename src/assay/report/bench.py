"""The report of a bench: bench.json as one page: what rose, what fell, what transfers, then the tasks one by one."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import altair as alt

from assay.audits.bench import in_words
from assay.files import ignore
from assay.report.cards import Tile
from assay.report.dots import Dot, Measure, dot_chart
from assay.report.figure import Figure, Table, level, model_keys
from assay.report.html import write_page
from assay.report.look import FAINT, MUTED, colours
from assay.report.rows import chart_of
from assay.report.words import NOT_KNOWN, change, decimal, p_value, percent, plural, with_interval

Summary = Mapping[str, Any]

GROUPS = {
    "trained on": ("Trained on", "held-out problems of the very tasks that {tuned} was trained on"),
    "related": ("Other rungs or options of what it was trained on", "the same kind of task, made or asked otherwise"),
    "not trained on": ("Not trained on", "what rises here transfers"),
    "not known": ("Tasks", "which of them {tuned} was trained on is not known"),
}
WORDS = {
    "rose": ("rose", "pass@1 is higher"),
    "fell": ("fell", "pass@1 is lower"),
    "no_change": ("no change", "within the margin"),
    "cannot_be_told": ("cannot be told", "too little data"),
}
ACCENTS = {(True, False): "extended", (False, True): "narrowed", (True, True): "sharpened", (False, False): "neither"}
"""(whether anything rose, whether anything fell) -> the verdict of an audit whose colour the card bears."""
LONGEST_NAME = 34
"""Letters of a task's name beside a chart."""

NO_BREAK = "\u00a0"


@dataclass(frozen=True)
class Row:
    """A row of a task table: the task, what to know of it and where its own report lies, then the cells in words."""

    task: str
    note: str
    href: str
    cells: Sequence[str]
    change: str
    words: str


@dataclass(frozen=True)
class Group:
    """The tasks of one relation to the training."""

    title: str
    note: str
    rows: Sequence[Row]


@dataclass(frozen=True)
class Card:
    """What a bench says of one tuned model."""

    base: str
    tuned: str
    word: str
    accent: str
    headline: str
    sentences: Sequence[str]
    tiles: Sequence[Tile]
    groups: Sequence[Group]


def write_bench_report(
    summary: Summary, out: Path, images: bool = True, advance: Callable[[int], None] = ignore
) -> Path:
    """Writes OUT/report.html from the document `bench.json` (docs/bench.md) and returns its path.

    A task's row leads to OUT/FOLDER/report.html. With `images` both charts are also written as OUT/charts/NAME.svg and
    .png; `advance` counts them. Raises OSError where `out` cannot be written.
    """
    figures = [_figure(summary, "pass_at_1")]
    if any(task["K"] > 1 for task in summary["tasks"]):
        figures.append(_figure(summary, "pass_at_K"))
    facts = {
        "summary": summary,
        "cards": [_card(summary, tuned) for tuned in summary["summary"]],
        "head": _head(summary),
        "figures": figures,
        "label_colours": colours(summary["models"]),
        "data": _data_table(summary),
    }
    return write_page("bench.html.jinja", figures, facts, out, images, advance)


def _card(summary: Summary, tuned: str) -> Card:
    said = summary["summary"][tuned]
    counts = {key: len(said[key]) for key in WORDS}
    accent = ACCENTS[counts["rose"] > 0, counts["fell"] > 0]
    tiles = [
        Tile(f"{name}: {meaning}", plural(counts[key], "task"), ", ".join(said[key]) or "–")
        for key, (name, meaning) in WORDS.items()
    ]
    groups = [_group(summary, tuned, relation) for relation in GROUPS]
    return Card(
        base=summary["models"][0],
        tuned=tuned,
        word=_word(counts),
        accent=accent,
        headline=said["transfer"],
        sentences=said["sentences"],
        tiles=tiles,
        groups=[group for group in groups if group.rows],
    )


def _word(counts: Mapping[str, int]) -> str:
    """'4 of 8 rose, 2 fell'; where none did, whether that is known."""
    if counts["rose"] or counts["fell"]:
        moved = [f"{counts[key]} {{}}{key}" for key in ("rose", "fell") if counts[key]]
        return ", ".join(moved).replace("{}", f"of {sum(counts.values())} ", 1).replace("{}", "")
    return "Cannot be told" if counts["cannot_be_told"] else "No change"


def _group(summary: Summary, tuned: str, relation: str) -> Group:
    title, note = GROUPS[relation]
    tasks, has_K = summary["tasks"], any(task["K"] > 1 for task in summary["tasks"])
    rows = [_row(task, tuned, has_K) for task in tasks if task["comparisons"][tuned]["relation"] == relation]
    return Group(title, note.format(tuned=tuned), rows)


def _head(summary: Summary) -> list[str]:
    ks = {task["K"] for task in summary["tasks"]}
    at_1 = ["pass@1", "difference", "p (Holm)"]
    at_K = [f"pass@{next(iter(ks))}" if len(ks) == 1 else "pass@K", "difference"] if ks != {1} else []
    return ["task", "change", *at_1, *at_K, "its audit"]


def _row(task: Mapping[str, Any], tuned: str, has_K: bool) -> Row:
    told = task["comparisons"][tuned]
    cells = [*_cells(told["pass_at_1"]), p_value(told["p_holm"]).lstrip("p=\u00a0")]
    if has_K:
        cells += _cells(told["pass_at_K"])
    href = f"{task['folder']}/report.html"
    cells.append(told["verdict"])
    return Row(task["task"], _guess_note(task, tuned), href, cells, told["change"], in_words(told))


def _guess_note(task: Mapping[str, Any], tuned: str) -> str:
    """Which of base and tuned model reach less than guessing; empty where neither does."""
    below = [label for label in (next(iter(task["models"])), tuned) if label in task["below_guessing"]]
    if not below:
        return ""
    who = "both" if len(below) == 2 else below[0]
    return f"{who} below what guessing reaches ({decimal(task['guess_floor_at_1'])})"


def _cells(moved: Mapping[str, Any]) -> list[str]:
    return [f"{decimal(moved['base'])} → {decimal(moved['tuned'])}", with_interval(moved, change)]


def _figure(summary: Summary, key: str) -> Figure:
    tasks, settings = summary["tasks"], summary["settings"]
    tuned, base = list(summary["summary"]), summary["models"][0]
    ks = sorted({task["K"] for task in tasks})
    name = "pass@1" if key == "pass_at_1" else f"pass@{ks[0]}" if len(ks) == 1 else "pass@K"
    dots = [
        Dot(_named(task, tuned), label, task["comparisons"][label][key])
        for relation in GROUPS
        for task in tasks
        if task["comparisons"][tuned[0]]["relation"] == relation
        for label in tuned
    ]
    says = "; ".join(
        f"{task['task']}: " + ", ".join(change(task["comparisons"][label][key]["estimate"]) for label in tuned)
        for task in tasks
    )
    more = "" if len(ks) == 1 else " K is half the answers to a problem."
    if key == "pass_at_1":
        more = " An interval inside it is no change; a rise or fall whose dot lies inside is slight."
    return Figure(
        name="by_task_" + key,
        title=f"{name}: difference to {base}, by task",
        chart=_chart(dots, summary, f"difference in {name}"),
        says=says,
        method=f"{name} minus that of {base}, paired over the problems of each task; {level(settings)} intervals, not "
        f"widened for the number of tasks. The grey strip is ±{settings['margin']:g}." + more,
        keys=model_keys(summary, tuned),
        table=Table(
            ["task", *tuned],
            [
                [task["task"], *(with_interval(task["comparisons"][label][key], change) for label in tuned)]
                for task in tasks
            ],
        ),
        wide=True,
    )


def _named(task: Mapping[str, Any], tuned: Sequence[str]) -> str:
    """The task, and what it is to the training where that is the same for all models."""
    relations = {task["comparisons"][label]["relation"] for label in tuned}
    name = task["task"] if len(task["task"]) <= LONGEST_NAME else task["task"][:LONGEST_NAME] + "…"
    if len(relations) > 1 or "not known" in relations:
        return name
    return f"{name} ({relations.pop()})".replace(" ", NO_BREAK).replace(f"{NO_BREAK}(", " (")


def _chart(dots: Sequence[Dot], summary: Summary, title: str) -> alt.LayerChart:
    """Dots and intervals upon the strip of the margin and a line at no difference."""
    margin = summary["settings"]["margin"]
    strip = chart_of([{"low": -margin, "high": margin}]).mark_rect(color=FAINT, opacity=0.3, tooltip=None)
    line = chart_of([{"x": 0}]).mark_rule(color=MUTED, strokeWidth=1, tooltip=None)
    under = [strip.encode(x="low:Q", x2="high:Q"), line.encode(x="x:Q")]
    measure, labels = Measure(title, change, ".2f", zero=True), {dot.label for dot in dots}
    return dot_chart(dots, colours(summary["models"]), measure, one_a_row=len(labels) == 1, under=under)


def _data_table(summary: Summary) -> Table:
    """What was asked and how, a row a task."""
    head = [
        "task", "problems", "in the verdict", "answers to each", "length limit (tokens)", "guess floor at 1",
        "template", "judge", "truncated", "not judged", "problems, sha256",
    ]  # fmt: skip
    rows = []
    for task in summary["tasks"]:
        floor = task["guess_floor_at_1"]
        shares = [
            " / ".join(percent(source[key]) for source in task["models"].values())
            for key in ("truncated_share", "unknown_share")
        ]
        rows.append(
            [
                task["task"],
                *(f"{task[key]:,}" for key in ("problems", "verdict_problems", "n", "max_new_tokens")),
                NOT_KNOWN if floor is None else decimal(floor, 4),
                ", ".join(task["template"]),
                task["judge"],
                *shares,
                task["problems_hash"],
            ]
        )
    return Table(head, rows)
