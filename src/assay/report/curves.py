"""The training curves of a run, from its metrics."""

from collections.abc import Callable, Iterator, Sequence

from assay.report.figure import Figure, Key, Table
from assay.report.lines import SOLID, Axes, Line, Point, line_chart, zero_line
from assay.report.metrics import SMOOTH_ABOVE, Metrics, bin_size, binned, smoothed, window
from assay.report.panels import NOT_DRAWN, PANELS, Panel, Series
from assay.report.words import NOT_KNOWN, plural

WIDE_HEIGHT, SMALL_HEIGHT = 300, 190
FEW_POINTS, MANY_POINTS = 24, 80
"""Up to so few points every one is marked by a dot, beyond so many none is."""
TABLE_ROWS = 24


def training_figures(metrics: Metrics, panels: Sequence[Panel] = PANELS) -> Iterator[Figure]:
    """The figures of `panels` for which there is anything, then one for every other key that the run has logged."""
    drawn = {key for panel in panels for s in panel.series for key in (s.key, s.low, s.high)} | set(NOT_DRAWN)
    others = [_other(at, key) for at, key in enumerate(key for key in metrics.keys if key not in drawn)]
    for panel in (*panels, *others):
        series = [one for one in panel.series if metrics.known(one.key)]
        if series:
            yield _figure(panel, series, metrics)


def _other(number: int, key: str) -> Panel:
    return Panel(f"other_{number}", key, "", f"{key}, as logged.", (Series(key, key),), y_zero=False)


def _figure(panel: Panel, series: Sequence[Series], metrics: Metrics) -> Figure:
    lines = [_line(one, metrics) for one in series]
    axes = Axes(
        x="step",
        y=panel.y,
        show=panel.show,
        y_format=panel.y_format,
        y_domain=panel.y_domain or ((0.0, 1.0) if panel.y_zero and not _any_but_zero(lines) else None),
        y_zero=panel.y_zero,
        height=WIDE_HEIGHT if panel.wide else SMALL_HEIGHT,
    )
    says = "; ".join(_course(one, metrics, panel.show) for one in series)
    return Figure(
        name=panel.name,
        title=panel.title,
        chart=line_chart(lines, axes, [zero_line()] if panel.zero else []),
        says=says[0].upper() + says[1:],
        method=panel.method + _note(series, metrics),
        keys=[Key(line.label, line.colour, line.dash != SOLID) for line in lines] if len(lines) > 1 else [],
        table=_table(series, metrics, panel.show),
        wide=panel.wide,
    )


def _any_but_zero(lines: Sequence[Line]) -> bool:
    return any(point.y for line in lines for point in line.points)


def _note(series: Sequence[Series], metrics: Metrics) -> str:
    """How many steps, and what was done to so many."""
    steps = max(len(metrics.points(one.key)) for one in series)
    together = bin_size(steps)
    drawn = -(-steps // together)
    note = f" {plural(steps, 'step')}."
    if together > 1:
        note += f" Thin: mean of {together} steps, with a band from the lowest to the highest."
    if drawn > SMOOTH_ABOVE:
        note += f" Bold: mean over {window(drawn) * together} steps."
    return note


def _line(one: Series, metrics: Metrics) -> Line:
    points = binned(metrics.points(one.key, one.low, one.high))
    dots = len(points) <= (MANY_POINTS if one.dots else FEW_POINTS)
    return Line(one.label, one.colour, points, one.dash, dots, smoothed(points))


def _course(one: Series, metrics: Metrics, show: Callable[[float], str]) -> str:
    """'training samples 0.120 → 0.480': first and last known value."""
    values = metrics.known(one.key)
    if len(values) == 1:
        return f"{one.label} {show(values[0])}"
    return f"{one.label} {show(values[0])} → {show(values[-1])}"


def _table(series: Sequence[Series], metrics: Metrics, show: Callable[[float], str]) -> Table:
    """At most `TABLE_ROWS` steps, evenly spread, the first and the last among them."""
    by_step: dict[float, dict[str, Point]] = {}
    for one in series:
        for point in metrics.points(one.key, one.low, one.high):
            by_step.setdefault(point.x, {})[one.key] = point
    steps = sorted(by_step)
    if len(steps) > TABLE_ROWS:
        steps = [steps[round(at * (len(steps) - 1) / (TABLE_ROWS - 1))] for at in range(TABLE_ROWS)]
    rows = [[f"{step:g}", *(_cell(by_step[step].get(one.key), show) for one in series)] for step in steps]
    return Table(["step", *(one.label for one in series)], rows)


def _cell(point: Point | None, show: Callable[[float], str]) -> str:
    if point is None:
        return "–"
    if point.y is None:
        return NOT_KNOWN
    band = "" if point.low is None or point.high is None else f" ({show(point.low)} to {show(point.high)})"
    return show(point.y) + band
