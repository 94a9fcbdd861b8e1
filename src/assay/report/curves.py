"""The training curves of a run, from its metrics."""

from collections.abc import Callable, Iterator, Sequence

from assay.report.figure import Figure, Key, Table
from assay.report.lines import SOLID, Axes, Line, Point, line_chart, zero_line
from assay.report.metrics import Metrics, smoothed, window
from assay.report.panels import NOT_DRAWN, PANELS, Panel, Series
from assay.report.words import NOT_KNOWN, plural

WIDE_HEIGHT, SMALL_HEIGHT = 300, 190
FEW_STEPS = 40
"""Up to so many steps every one is marked by a dot."""
TABLE_ROWS = 24


def training_figures(metrics: Metrics) -> Iterator[Figure]:
    """The figures of `PANELS` for which there is anything, then one for every other key that the run has logged."""
    drawn = {key for panel in PANELS for s in panel.series for key in (s.key, s.low, s.high)} | set(NOT_DRAWN)
    others = [_other(key) for key in metrics.keys if key not in drawn]
    for panel in (*PANELS, *others):
        series = [one for one in panel.series if metrics.known(one.key)]
        if series:
            yield _figure(panel, series, metrics)


def _other(key: str) -> Panel:
    name = "other_" + "".join(letter if letter.isalnum() else "_" for letter in key)
    return Panel(name, key, "", f"`{key}`, as logged.", (Series(key, key),), y_zero=False)


def _figure(panel: Panel, series: Sequence[Series], metrics: Metrics) -> Figure:
    lines = [line for one in series for line in _lines(one, metrics)]
    shown = [line for line in lines if not line.thin]
    axes = Axes(
        "step", panel.y, panel.show, y_format=panel.y_format, y_domain=panel.y_domain, y_zero=panel.y_zero,
        height=WIDE_HEIGHT if panel.wide else SMALL_HEIGHT,
    )  # fmt: skip
    says = "; ".join(_course(one, metrics, panel.show) for one in series)
    longest = max(len(line.points) for line in lines)
    note = f" {plural(longest, 'step')}."
    if any(line.thin for line in lines):
        note += f" Bold: mean over {window(longest)} steps."
    return Figure(
        name=panel.name,
        title=panel.title,
        chart=line_chart(lines, axes, [zero_line()] if panel.zero else []),
        says=says[0].upper() + says[1:],
        method=panel.method.replace("`", "") + note,
        keys=[Key(line.label, line.colour, line.dash != SOLID) for line in shown],
        table=_table(series, metrics, panel.show),
        wide=panel.wide,
    )


def _lines(one: Series, metrics: Metrics) -> Iterator[Line]:
    points = metrics.points(one.key, one.low, one.high)
    smooth = smoothed(points)
    dots = one.dots or len(points) <= FEW_STEPS
    if smooth is None:
        yield Line(one.label, one.colour, points, one.dash, dots)
        return
    yield Line(one.label, one.colour, points, SOLID, one.dots, thin=True)
    yield Line(one.label, one.colour, [Point(p.x, p.y) for p in smooth], one.dash)


def _course(one: Series, metrics: Metrics, show: Callable[[float], str]) -> str:
    """'training samples from 0.120 to 0.480'."""
    values = metrics.known(one.key)
    if len(values) == 1:
        return f"{one.label}: {show(values[0])}"
    return f"{one.label} from {show(values[0])} to {show(values[-1])}"


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
