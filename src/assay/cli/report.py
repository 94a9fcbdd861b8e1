"""`assay report`: the training curves of a run."""

from pathlib import Path
from typing import Annotated

import typer

from assay.report.training import write_training_report


def command(
    run: Annotated[Path, typer.Argument(help="Directory that assay train wrote; it may still be training.")],
) -> None:
    """Draw the training curves of a run as one HTML page, RUN/report.html.

    assay report runs/countdown-grpo
    """
    print(write_training_report(run))
