"""`assay best-of`: what a reward model, or any other score, is worth when it chooses among n responses."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from assay.audits.best_of_n import measure
from assay.audits.scored import read_scored
from assay.cli.progress import progress
from assay.cli.show import draw, print_notes, print_sentences, print_table, print_written
from assay.files import write_json
from assay.report.words import with_interval

SHOWN = (1, 4, 16)
"""Values of n in the table, beside the largest."""


def command(
    samples: Annotated[Path, typer.Argument(help="A sample file of graded responses with a column of scores.")],
    score: Annotated[list[str], typer.Option(help="Column of numbers to choose the best response by; repeatable.")],
    out: Annotated[Path, typer.Option(help="The folder to write best_of_n.json and report.html into.")],
    answer: Annotated[str | None, typer.Option(help="Column to vote by; default answer, where there is one.")] = None,
    report: Annotated[
        bool, typer.Option("--report/--no-report", help="Write report.html beside best_of_n.json.")
    ] = True,
) -> None:
    """Best of n by a score, against majority vote, pass@n and one draw: what is a reward model worth at inference?

    assay best-of graded.parquet --score reward --out best
    """
    scored = read_scored(samples, score, answer)
    with progress("measuring", len(scored.problems), "problems") as advance:
        document = measure(scored, advance)
    written = {"best_of_n": write_json(out / "best_of_n.json", document)}
    if report:
        written["report"] = draw("assay.report.best_of:write_best_of_report", document, out)
    _show(document)
    print_written(written)


def _show(document: Mapping[str, Any]) -> None:
    """A table a score, and what it is worth in words."""
    ns = [str(n) for n in document["n"] if n in SHOWN or n == document["n"][-1]]
    for name, told in document["scores"].items():
        curves = {f"best of n by {name}": told["best_of_n"]}
        if document["majority"] is not None:
            curves["majority of n"] = document["majority"]
        curves["pass@n"] = document["pass_at_n"]
        rows = []
        for n in ns:
            moved = told["difference"].get(n)
            cells = [with_interval(curve[n], "{:.3f}".format) for curve in curves.values()]
            rows.append([n, *cells, "-" if moved is None else with_interval(moved, "{:+.3f}".format)])
        print_table(["n", *curves, f"best - {told['against']}"], rows, no_wrap=("n", "pass@n"))
        print_sentences("", told["words"], _ranking(name, told["ranking"]), "")
    print_notes(document["notes"])


def _ranking(name: str, ranking: Mapping[str, Any]) -> str:
    if ranking["estimate"] is None:
        return f"No problem has both right and wrong responses, so it is not known how {name} ranks them."
    return (
        f"{name} ranks a right response above a wrong one to the same problem with chance "
        f"{with_interval(ranking, '{:.3f}'.format)}, over the {ranking['problems']:,} problems that have both"
    )
