"""RUN/metrics.jsonl as a run leaves it: perhaps unfinished, its last line perhaps torn."""

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from assay.errors import RunError
from assay.report.lines import Point
from assay.store import Run

SMOOTH_ABOVE = 60
WINDOWS_A_RUN = 25
MOST_POINTS = 600


@dataclass(frozen=True)
class Metrics:
    """`rows` in order of steps; `unreadable` counts lines that were left out, `torn` tells that the last was one."""

    rows: Sequence[Mapping[str, Any]]
    unreadable: int
    torn: bool

    @property
    def steps_done(self) -> int:
        """Training steps whose numbers are there; rows that hold but an evaluation do not count."""
        return sum(any(not key.startswith("eval/") and key != "step" for key in row) for row in self.rows)

    @property
    def keys(self) -> list[str]:
        """Every key but `step`, in order of appearance."""
        return list(dict.fromkeys(key for row in self.rows for key in row if key != "step"))

    def points(self, key: str, low: str = "", high: str = "") -> list[Point]:
        """A point for every row that has `key`; null makes a gap, absence does not."""
        return [
            Point(row["step"], _number(row[key]), _number(row.get(low)), _number(row.get(high)))
            for row in self.rows
            if key in row
        ]

    def known(self, key: str) -> list[float]:
        """The values of `key` that are known, in order."""
        return [point.y for point in self.points(key) if point.y is not None]


def read_metrics(run: Run) -> Metrics:
    """The metrics of a run. Raises RunError where there is no file, or no line of it can be read."""
    try:
        text = run.metrics.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        raise RunError(
            f"{run.metrics}: not there; the run has logged no step yet: let it train a step, then ask again"
        ) from None
    parsed = [_row(line) for line in text.splitlines() if line.strip()]
    rows = sorted((row for row in parsed if row is not None), key=lambda row: row["step"])
    if not rows:
        raise RunError(f"{run.metrics}: holds no whole line yet: let the run train a step, then ask again")
    return Metrics(rows, sum(row is None for row in parsed), parsed[-1] is None)


def smoothed(points: Sequence[Point]) -> list[Point] | None:
    """The mean over a centred window of a 25th of the run, over what is known of it; None for a short run.

    Towards both ends the window narrows and stays centred, so that the ends are not drawn towards the middle.
    """
    if len(points) <= SMOOTH_ABOVE:
        return None
    halves = (min(window(len(points)) // 2, at, len(points) - 1 - at) for at in range(len(points)))
    return [Point(points[at].x, _mean(points[at - half : at + half + 1])) for at, half in enumerate(halves)]


def binned(points: Sequence[Point]) -> list[Point]:
    """At most `MOST_POINTS` points: of neighbouring steps the mean, and as band the lowest and the highest, so that no
    spike is lost. A short run stays as it is.
    """
    together = bin_size(len(points))
    if together == 1:
        return list(points)
    return [_together(points[at : at + together]) for at in range(0, len(points), together)]


def bin_size(steps: int) -> int:
    """Steps that `binned` puts together."""
    return -(-steps // MOST_POINTS)


def _together(points: Sequence[Point]) -> Point:
    seen = [value for point in points for value in (point.y, point.low, point.high) if value is not None]
    return Point(points[0].x, _mean(points), min(seen, default=None), max(seen, default=None))


def window(points: int) -> int:
    """Points in the window of `smoothed`: odd."""
    return points // WINDOWS_A_RUN // 2 * 2 + 1


def _mean(points: Iterable[Point]) -> float | None:
    values = [point.y for point in points if point.y is not None]
    return sum(values) / len(values) if values else None


def _row(line: str) -> Mapping[str, Any] | None:
    try:
        row = json.loads(line)
    except json.JSONDecodeError:
        return None
    return row if isinstance(row, dict) and isinstance(row.get("step"), int) else None


def _number(value: Any) -> float | None:
    """The value where it is a finite number; null, NaN, infinity and anything else is unknown."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return value
