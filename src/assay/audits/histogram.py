"""How accuracy is spread over the problems: bins 0, (0,.1], ..., (.9,1), 1 (arXiv 2504.13837, Fig. 5)."""

from typing import Any

import numpy as np

from assay.audits import Result
from assay.audits.inputs import Inputs
from assay.stats import Answers

BINS = ("0", *(f"({low / 10:g},{low / 10 + 0.1:.1f}]".replace("0.", ".") for low in range(9)), "(.9,1)", "1")


def audit(inputs: Inputs) -> Result:
    """The histogram of every model."""
    return Result({"accuracy_histogram": {model.label: histogram(model.answers) for model in inputs.models}})


def histogram(answers: Answers) -> list[dict[str, Any]]:
    """Problems per bin of accuracy, told apart in integers: a problem with 1 of 10 right is in (0,.1]."""
    tenths_M = -(-10 * answers.correct_M // answers.n_M)  # rounded up: accuracy in ((t-1)/10, t/10]
    bin_M = np.where(answers.correct_M == answers.n_M, 11, tenths_M)
    counts = np.bincount(bin_M, minlength=len(BINS)).tolist()
    return [
        {"bin": name, "problems": count, "share": count / len(bin_M)} for name, count in zip(BINS, counts, strict=True)
    ]
