"""`assay report`: the training curves of a run, or what a study found."""

import json
from pathlib import Path
from typing import Annotated

import typer

from assay.errors import DataError
from assay.report.study import SCHEMA, write
from assay.report.training import write_training_report
from assay.store import Run

FINDINGS, REPORT = "findings.json", "report.html"


def command(
    run: Annotated[
        Path, typer.Argument(help="Directory that assay train wrote, which may still be training, or one of a study.")
    ],
) -> None:
    """Draw the training curves of a run, or what a study found, as one HTML page, RUN/report.html.

    assay report runs/countdown-grpo
    """
    if not Run.is_run(run) and (run / FINDINGS).is_file():
        print(_of_study(run))
    else:
        print(write_training_report(run))


def _of_study(out: Path) -> Path:
    path = out / FINDINGS
    try:
        document = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(
            f"{path}: cannot be read as JSON ({error}); run the study again, which writes it anew"
        ) from None
    found = document.get("schema") if isinstance(document, dict) else None
    if found != SCHEMA:
        raise DataError(
            f"{path}: has the schema {found!r}, expected {SCHEMA!r}; give the directory of a run or a study"
        )
    return write(document, out / REPORT)
