"""Says when more programs than before end by being killed: the sign of a policy that attacks its sandbox."""

from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any

RATE, PROGRAMS = "grading/killed_rate", "grading/programs"
SPARE = 3
"""Killed programs of a step that are never an alarm."""


def killed_alarm(earlier: Sequence[Mapping[str, Any]], row: Mapping[str, Any]) -> str | None:
    """A sentence where the share of killed programs in `row` is a rise that has not been told yet, else None.

    It is high where it exceeds twice the mean of all steps before by `SPARE` programs or more. A rise is told at its
    first step and again only after a step that was not high. Rows are those of metrics.jsonl, in order.
    """
    history = [each for each in earlier if RATE in each]
    if RATE not in row or not _is_high(history, row) or (history and _is_high(history[:-1], history[-1])):
        return None
    before = fmean(each[RATE] for each in history)
    return (
        f"step {row['step']}: {row[RATE]:.1%} of the programs were killed, {before:.1%} on average before. They exit, "
        "crash or talk nonsense instead of answering; read some before you trust the reward (grading/killed_rate)"
    )


def _is_high(before: Sequence[Mapping[str, Any]], row: Mapping[str, Any]) -> bool:
    return bool(before) and row[RATE] >= 2 * fmean(each[RATE] for each in before) + SPARE / row[PROGRAMS]
