"""`assay overopt`: does a policy that is trained on a proxy lose the gold?"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from assay.audits.arms import make_arms
from assay.audits.overoptimisation import WINDOW, measure, write_overoptimisation
from assay.audits.proxy_runs import read_runs
from assay.cli.show import draw, print_notes, print_sentences, print_table, print_written

NOT_KNOWN = "not known"


def command(
    runs: Annotated[list[Path], typer.Argument(help="Finished runs of assay train that know their KL; any seeds.")],
    out: Annotated[Path, typer.Option(help="The folder to write overoptimisation.json and report.html into.")],
    window: Annotated[int, typer.Option(help="Steps that are averaged: an odd number.")] = WINDOW,
    ignore: Annotated[
        list[str] | None,
        typer.Option(help="Key of the recipe that may differ among the seeds of an arm; repeatable."),
    ] = None,
    report: Annotated[
        bool, typer.Option("--report/--no-report", help="Write report.html beside overoptimisation.json.")
    ] = True,
) -> None:
    """Proxy against gold reward over KL from the reference: which runs are over-optimised, and where does gold peak?

    assay overopt runs/rlhf-0 runs/rlhf-1 runs/rlhf-kl-0 runs/rlhf-kl-1 --out overopt
    """
    document = measure(make_arms(read_runs(runs), ignore or []), window)
    written = {"document": write_overoptimisation(document, out)}
    if report:
        written["report"] = draw("assay.report.overoptimisation:write_overoptimisation_report", document, out)
    _show(document)
    print_written(written)


def _show(document: Mapping[str, Any]) -> None:
    """A column an arm, what it means in a sentence each, and what to know."""
    arms = document["arms"]
    rows = ([name, *(cell(told) for told in arms.values())] for name, cell in _rows(document).items())
    print_table(["", *arms], rows)
    print_sentences("", *(told["words"] for told in arms.values()), "")
    print_notes(document["notes"])


def _rows(document: Mapping[str, Any]) -> dict[str, Callable[[Mapping[str, Any]], str]]:
    """What is measured -> the cell of an arm."""
    rows: dict[str, Callable[[Mapping[str, Any]], str]] = {
        "seeds": lambda told: str(len(told["seeds"])),
        "preferences": lambda told: "simulated" if told["annotators"] else "-",
        "proxy, change": lambda told: _interval(told["proxy"]["change"], "+.3f"),
        "gold, change": lambda told: _interval(told["gold"]["change"], "+.3f"),
        "gold lost since its peak": lambda told: _interval(told["lost_since_peak"], "+.3f"),
        "KL where gold peaks (nats)": lambda told: _interval(told["peak"]["kl"], ".3g"),
        "KL at the end (nats)": lambda told: _interval(told["kl"]["end"], ".3g"),
    }
    for row in (row for told in document["arms"].values() for row in told["learned"]):
        rows[f"{row['words']}, change"] = lambda told, trait=row["trait"]: _learned(told, trait)  # type: ignore[misc]
    return rows


def _learned(told: Mapping[str, Any], trait: str) -> str:
    form = "+.1f" if trait == "length" else "+.3f"
    return next((_interval(row["change"], form) for row in told["learned"] if row["trait"] == trait), NOT_KNOWN)


def _interval(value: Mapping[str, float | None] | None, form: str) -> str:
    if value is None:
        return NOT_KNOWN
    if value["low"] is None:
        return f"{value['estimate']:{form}}"
    return f"{value['estimate']:{form}} ({value['low']:{form}} to {value['high']:{form}})"
