"""`assay overopt`: does a policy that is trained on a proxy lose the gold?"""

from collections.abc import Callable, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Annotated, Any

import typer

from assay.audits.arms import make_arms
from assay.audits.overoptimisation import WINDOW, measure
from assay.audits.proxy_runs import read_runs
from assay.cli.show import draw, print_notes, print_sentences, print_table, print_written
from assay.files import write_json
from assay.report.words import with_interval


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
    written = {"document": write_json(out / "overoptimisation.json", document)}
    if report:
        written["report"] = draw("assay.report.overoptimisation:write_overoptimisation_report", document, out)
    _show(document)
    print_written(written)


def _show(document: Mapping[str, Any]) -> None:
    """A column an arm, what it means in a sentence each, and what to know."""
    arms = document["arms"]
    print_table(["", *arms], _rows(list(arms.values())))
    print_sentences("", *(told["words"] for told in arms.values()), "")
    print_notes(document["notes"])


def _rows(arms: Sequence[Mapping[str, Any]]) -> list[list[str]]:
    """What is measured, and the cell of each arm."""

    def row(name: str, form: str, value: Callable[[Mapping[str, Any]], Mapping[str, Any] | None]) -> list[str]:
        return [name, *(with_interval(value(told), f"{{:{form}}}".format) for told in arms)]

    rows = [
        ["seeds", *(str(len(told["seeds"])) for told in arms)],
        ["preferences", *("simulated" if told["annotators"] else "-" for told in arms)],
        row("proxy, change", "+.3f", lambda told: told["proxy"]["change"]),
        row("gold, change", "+.3f", lambda told: told["gold"]["change"]),
        row("gold lost since its peak", "+.3f", lambda told: told["lost_since_peak"]),
        row("KL where gold peaks (nats)", ".3g", lambda told: told["peak"]["kl"]),
        row("KL at the end (nats)", ".3g", lambda told: told["kl"]["end"]),
    ]
    changes = [{(each["trait"], each["words"]): each["change"] for each in told["learned"]} for told in arms]
    for trait, words in dict.fromkeys(chain.from_iterable(changes)):
        form = "+.1f" if trait == "length" else "+.3f"
        cells = [with_interval(each.get((trait, words)), f"{{:{form}}}".format) for each in changes]
        rows.append([f"{words}, change", *cells])
    return rows
