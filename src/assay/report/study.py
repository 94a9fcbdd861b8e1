"""The report of a study: its document as one page, verdicts first, then a section a question, printed a page each."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

from assay.files import write_text
from assay.report.figure import Figure, Table
from assay.report.html import render
from assay.report.look import SERIES
from assay.report.study_figures import adjusted, figures_of
from assay.report.words import NOT_KNOWN, change, compact, decimal, number, percent, signed, with_interval

Document = Mapping[str, Any]
Record = Mapping[str, Any]
SCHEMA = "assay.study/1"
_INTERVAL = re.compile(r"\([^()]* to [^()]*\)")
ACCENTS = {"yes": "extended", "no": "narrowed", "partly": "sharpened", "differs between families": "sharpened"}
"""Verdict -> the verdict of an audit whose colour the card bears; others bear that of `neither`."""


@dataclass(frozen=True)
class Samples:
    """Examples of one file of a trained model, with its base's."""

    title: str
    files: Sequence[str]
    examples: Sequence[Record]


@dataclass(frozen=True)
class Section:
    """What the page says of one question."""

    record: Record
    accent: str
    ends: Mapping[str, str]
    """Family -> the last words of its sentence, without the numbers."""
    missing: Mapping[str, str]
    """Family -> its runs that are not done."""
    figures: Sequence[Figure]
    tables: Sequence[tuple[str, Table]]
    samples: Sequence[Samples]


def write(document: Document, path: Path) -> Path:
    """Writes the page of a study's document (docs/study_questions.md) to `path` and returns it."""
    examples = {example["id"]: example for example in document["examples"]}
    sections = [_section(question, examples) for question in document["questions"]]
    facts = {
        "document": document,
        "settings": document["settings"],
        "sections": sections,
        "runs": _runs(document),
        "how": _how(document),
        "label_colours": _label_colours(document),
    }
    figures = [figure for section in sections for figure in section.figures]
    write_text(path, render("study.html.jinja", figures, facts))
    return path


def _section(question: Record, examples: Mapping[str, Record]) -> Section:
    accent = ACCENTS.get(question["verdict"], "neither")
    shown = [examples[name] for name in question["evidence"] if name in examples]
    tables = [(title, _unbroken(table)) for title, table in TABLES.get(question["key"], lambda _: [])(question)]
    ends = {family: _end(told["sentence"]) for family, told in question["families"].items()}
    missing = {family: _by_recipe(told["missing"]) for family, told in question["families"].items()}
    return Section(question, accent, ends, missing, figures_of(question), tables, _samples(shown))


def _samples(examples: Sequence[Record]) -> list[Samples]:
    """The examples by the files that they are of."""
    return [
        Samples(_whose(first), files, [first, *rest])
        for files, (first, *rest) in groupby(examples, lambda example: example.get("files", ()))
    ]


def _whose(example: Record) -> str:
    """'code-base, ground_truth, seed 0, on compose:seen'."""
    name = f"{example['family']}, {example['arm']}, seed {example['seed']}, on {example['task']}"
    return f"{name}, at the matched temperature {decimal(example['temperature'], 2)}" if example["matched"] else name


def _unbroken(table: Table) -> Table:
    """Lines may break before an interval, and not within it: on paper a row then has two lines at most."""
    return Table(table.head, [[_INTERVAL.sub(_joined, cell) for cell in row] for row in table.rows])


def _joined(found: re.Match[str]) -> str:
    return found[0].replace(" ", "\u00a0")


def _by_recipe(cells: Sequence[str]) -> str:
    """'code-base, truth, seeds 0, 1; code-base, format, seed 1' of the names of runs."""
    seeds: dict[str, list[str]] = {}
    for cell in cells:
        recipe, _, seed = cell.rpartition(", seed ")
        seeds.setdefault(recipe, []).append(seed)
    return "; ".join(f"{recipe}, seed{'s' * (len(found) > 1)} {', '.join(found)}" for recipe, found in seeds.items())


def _end(sentence: str) -> str:
    """What follows the numbers; the whole sentence where it is one."""
    numbers, dot, rest = sentence.partition(". ")
    return rest if dot else numbers


def _label_colours(document: Document) -> dict[str, str]:
    """The base in its own colour, all trained models in one: a page may show many."""
    trained = {example["tuned"]["label"]: SERIES[1] for example in document["examples"]}
    return trained | {example["base"]["label"]: SERIES[0] for example in document["examples"]}


def _gain(question: Record) -> list[tuple[str, Table]]:
    head = ["reward", "family", "without truth", "gain in pass@1", "adjusted p", "share of the true gain", "seeds"]
    rows = []
    for family, record in question["families"].items():
        for arm, told in record["arms"].items():
            gain, share = told["gain"], told["share"]
            cells = ["–" if arm == record["true"] else NOT_KNOWN, "0"]
            if share is not None:
                cells[0] = with_interval(share, percent)
            cells[1] = "0" if gain is None else str(gain["seeds"])
            truth = "yes" if told["without_truth"] else "no"
            rows.append([arm, family, truth, with_interval(gain, change), adjusted(gain), *cells])
    return [("All rewards", Table(head, rows))]


def _clipping(question: Record) -> list[tuple[str, Table]]:
    head = [
        "random reward", "family", "pass@1", "adjusted p", "main strategy", "adjusted p", "at lower, upper bound",
        "several minus this, pass@1", "adjusted p",
    ]  # fmt: skip
    rows = [
        [
            role, family, with_interval(told["pass_at_1"], change), adjusted(told["pass_at_1"]),
            with_interval(told["strategy"], change), adjusted(told["strategy"]),
            ", ".join(NOT_KNOWN if told[key] is None else _fine(told[key]["estimate"]) for key in ("low", "high")),
            with_interval(told["against"]["pass_at_1"], change) if told["against"]["pass_at_1"] else "–",
            adjusted(told["against"]["pass_at_1"]) if told["against"]["pass_at_1"] else "–",
        ]
        for family, record in question["families"].items()
        for role, told in record["arms"].items()
    ]  # fmt: skip
    return [("The three side by side", Table(head, rows))]


def _fine(share: float | None) -> str:
    return percent(share, 2)


def _strategies(question: Record) -> list[tuple[str, Table]]:
    tables = []
    for family, record in question["families"].items():
        names = list(record["strategies"])
        head = ["reward", "switching", "within", "switching minus within", "adjusted p", *(f"share {n}" for n in names)]
        base = ["base", "–", "–", "–", "–", *(percent(share) for share in record["strategies"].values())]
        rows = [
            [
                arm,
                *(with_interval(told[key], change) for key in ("switching", "within", "excess")),
                adjusted(told["excess"]),
                *(percent(told["shares"][name]["estimate"]) for name in names),
            ]
            for arm, told in record["arms"].items()
        ]
        tables.append((f"{family}: contributions and shares", Table(head, [base, *rows])))
    return tables


def _temperatures(question: Record) -> list[tuple[str, Table]]:
    named = {
        "tuned_minus_base": "trained minus base",
        "matched_minus_base": "matched minus base",
        "matched_minus_tuned": "matched minus trained",
    }
    rows = [
        [f"{family}, {arm}", str(record["K"]), words, with_interval(told[key], change), adjusted(told[key])]
        for family, record in question["families"].items()
        for arm, told in record["arms"].items()
        for key, words in named.items()
    ]
    return [("Differences at the large k", Table(["", "k", "difference", "pass@k", "adjusted p"], rows))]


def _generality(question: Record) -> list[tuple[str, Table]]:
    rows = [
        [arm, family, task, record["tasks"][task]["relation"], with_interval(row, change), adjusted(row)]
        for family, record in question["families"].items()
        for arm, gains in record["arms"].items()
        for task, row in gains.items()
    ]
    return [("All gains", Table(["reward", "family", "task", "to the training", "gain in pass@1", "adjusted p"], rows))]


def _lengths(question: Record) -> list[tuple[str, Table]]:
    head = ["reward", "family", "right", "wrong", "all", "from right", "from wrong", "from accuracy", "truncated"]
    rows = []
    for family, record in question["families"].items():
        means = [number(record["base"][kind]) for kind in ("right", "wrong", "all")]
        rows.append(["base, tokens", family, *means, "–", "–", "–", percent(record["base"]["truncated"])])
        for arm, told in record["arms"].items():
            changes = [with_interval(told[kind], signed) for kind in ("right", "wrong", "all")]
            parts = [signed(told[part]) for part in ("from_right", "from_wrong", "from_accuracy")]
            rows.append([arm, family, *changes, *parts, percent(told["truncated"])])
    return [("Change of the mean length, tokens; three parts add up to the change of all", Table(head, rows))]


TABLES: dict[str, Callable[[Record], list[tuple[str, Table]]]] = {
    "gain": _gain,
    "clipping": _clipping,
    "strategies": _strategies,
    "temperatures": _temperatures,
    "generality": _generality,
    "lengths": _lengths,
}


def _runs(document: Document) -> Table:
    """What assay audit says of each run, and what it logged."""
    head = ["run", "verdict", "pass@1", "pass@K", "KL", "entropy", "at bounds", "labels right"]
    rows = []
    for run in document["runs"]:
        logged = run["metrics"]
        bounds = [logged["clip_ratio/low_mean"], logged["clip_ratio/high_mean"]]
        moved = [_moved(run[key]) for key in ("pass_at_1", "pass_at_K")]
        at_bounds = NOT_KNOWN if None in bounds else "\u00a0/\u00a0".join(_fine(share) for share in bounds)
        rows.append(
            [
                f"{run['family']}, {run['arm']}, seed {run['seed']}",
                run["verdict"],
                *moved,
                compact(logged["kl"]),
                decimal(logged["entropy"]),
                at_bounds,
                percent(logged["label_accuracy"]),
            ]
        )
    return Table(head, rows)


def _moved(row: Record | None) -> str:
    return NOT_KNOWN if row is None else f"{decimal(row['base'])}\u00a0→\u00a0{decimal(row['tuned'])}"


def _how(document: Document) -> Table:
    settings = document["settings"]
    arms = [f"{name}: {' + '.join(arm['reward'])}" for name, arm in settings["arms"].items()]
    overrides = [f"{name}: {', '.join(arm['set'])}" for name, arm in settings["arms"].items() if arm["set"]]
    audits = [f"{each['task']}, {each['problems']} problems x {each['n']}" for each in settings["audits"]]
    rows = [
        ["families", "; ".join(f"{name}: {base}" for name, base in settings["families"].items())],
        ["rewards", "; ".join(arms)],
        ["set otherwise", "; ".join(overrides) or "nothing"],
        ["the true reward's arm", settings["true_arm"] or "none"],
        ["seeds", ", ".join(map(str, settings["seeds"]))],
        ["trained on", settings["trained_on"]],
        ["tested on", "; ".join(audits)],
        [
            "p-values corrected over",
            f"{document.get('tests', NOT_KNOWN)} tests (Benjamini and Hochberg), all that verdicts rest on",
        ],
        ["runs done", str(len(settings["done"]))],
        ["runs missing", _by_recipe(settings["missing"]) or "none"],
        ["runs failed", "; ".join(f"{cell}: {why}" for cell, why in settings["failed"].items()) or "none"],
        ["versions", ", ".join(f"{name} {version}" for name, version in settings["versions"].items())],
    ]
    return Table(["what", "this study"], rows)
