"""The figures of a study, by question: pure functions of its document (docs/study_questions.md)."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import altair as alt

from assay.report.dots import Dot, Measure, dot_chart
from assay.report.figure import Figure, Key, Table
from assay.report.heat import Gain, gain_map
from assay.report.lines import DASHED, Axes, Line, Point, line_chart
from assay.report.look import MUTED, SERIES, colours
from assay.report.rows import chart_of
from assay.report.words import NOT_KNOWN, Show, change, decimal, p_value, percent, signed, with_interval

Record = Mapping[str, Any]
LONGEST = 40
"""Letters of a name beside a chart."""
MOST_SAID = 6
"""Numbers that are repeated in words under a chart."""


def figures_of(question: Record) -> list[Figure]:
    """The figures of one question; none for a question that this version does not know."""
    draw = DRAWN.get(question["key"])
    return [] if draw is None else list(draw(question))


def short(name: str) -> str:
    """A name cut to what stands beside a chart."""
    return name if len(name) <= LONGEST else name[: LONGEST - 1] + "…"


def adjusted(row: Record | None) -> str:
    """The p-value after the correction over the study, without its letter."""
    return NOT_KNOWN if row is None else p_value(row["p_adjusted"]).lstrip("p=\u00a0")


def _tokens(value: float | None) -> str:
    return signed(value, 1)


def _keys(families: Sequence[str]) -> list[Key]:
    return [Key(name, colour) for name, colour in colours(families).items()]


def _zero() -> list[alt.Chart]:
    return [chart_of([{"x": 0}]).mark_rule(color=MUTED, strokeWidth=1, tooltip=None).encode(x="x:Q")]


def _dots(
    question: Record,
    name: str,
    title: str,
    values: Sequence[tuple[str, str, Record | None]],
    measure: Measure,
    wide: bool = True,
    under: Sequence[alt.Chart] | None = None,
) -> Figure:
    """A figure of (category, family, row) with a table of the same."""
    families = list(question["families"])
    dots = [Dot(short(category), family, row) for category, family, row in values]
    known = [(c, f, row) for c, f, row in values if row is not None and row.get("estimate") is not None]
    chart = dot_chart(dots, colours(families), measure, under=_zero() if under is None else under)
    rows = [
        [
            category,
            family,
            with_interval(row, measure.show),
            adjusted(row) if row is not None and "p_adjusted" in row else "–",
        ]
        for category, family, row in values
    ]
    return Figure(
        name=f"{question['key']}_{name}",
        title=title,
        chart=chart,
        says=_says(known, measure.show),
        method=f"Mean with 95 % interval over {question['over']}.".replace(" %", "\u00a0%"),
        keys=_keys(families),
        table=Table(["", "family", measure.title, "adjusted p"], rows),
        wide=wide,
    )


def _says(values: Sequence[tuple[str, str, Record]], show: Show) -> str:
    """All values, or where they are many the smallest and the largest."""
    ranked = sorted(values, key=lambda value: value[2]["estimate"])
    told = [f"{category}, {family}: {show(row['estimate'])}" for category, family, row in values]
    if len(values) > MOST_SAID:
        told = [f"{row_of}, {family}: {show(row['estimate'])}" for row_of, family, row in (ranked[0], ranked[-1])]
        return f"The smallest of {len(values)} is that of {told[0]}; the largest that of {told[1]}."
    return "; ".join(told) + "." if told else "Nothing is known yet."


def _gain(question: Record) -> Iterator[Figure]:
    arms = [(family, arm, told) for family, r in question["families"].items() for arm, told in r["arms"].items()]
    gains = sorted(((arm, family, told["gain"]) for family, arm, told in arms), key=_by_arm(arms))
    yield _dots(question, "gains", "Gain in pass@1, by reward", gains, Measure("gain in pass@1", change, zero=True))
    shares = [(arm, family, told["share"]) for family, arm, told in arms if told["share"] is not None]
    if any(share["estimate"] is not None for _, _, share in shares):
        rules = [{"x": 0.0}, {"x": 0.5}, {"x": 1.0}]
        under = [chart_of(rules).mark_rule(color=MUTED, strokeDash=[2, 3], tooltip=None).encode(x="x:Q")]
        measure = Measure("share of the true reward's gain", percent, "~%", zero=True)
        title = "Share of the true reward's gain that each other reward reproduces"
        yield _dots(question, "shares", title, sorted(shares, key=_by_arm(arms)), measure, under=under)


def _by_arm(arms: Sequence[tuple[str, str, Any]]) -> Callable[[tuple[str, str, Any]], int]:
    order = list(dict.fromkeys(arm for _, arm, _ in arms))
    return lambda value: order.index(value[0])


def _clipping(question: Record) -> Iterator[Figure]:
    families = question["families"].items()
    roles = next(iter(question["families"].values()))["arms"]
    for key, title in (
        ("pass_at_1", "Change of pass@1"),
        ("strategy", "Change of the share of the base's main strategy"),
    ):
        values = [(role, family, record["arms"][role][key]) for role in roles for family, record in families]
        if any(row is not None for _, _, row in values):
            yield _dots(question, key, title, values, Measure("change since the base", change, zero=True), wide=False)
    for key, title in (("low", "Tokens at the lower bound"), ("high", "Tokens at the upper bound")):
        values = [(role, family, record["arms"][role][key]) for role in roles for family, record in families]
        if any(row is not None for _, _, row in values):
            measure = Measure("share of tokens", lambda share: percent(share, 2), "~%", zero=True)
            yield _dots(question, key, title, values, measure, wide=False)


def _strategies(question: Record) -> Iterator[Figure]:
    families = question["families"].items()
    true = next(record["true"] for _, record in families)
    values = [
        (f"{pair['from']} → {pair['to']}", family, pair)
        for family, record in families
        if true in record["arms"]
        for pair in record["arms"][true]["contributions"]
    ]
    if values:
        measure = Measure("gain in pass@1", change, zero=True)
        yield _dots(question, "contributions", f"{short(true)}: where the gain comes from", values, measure, wide=False)
    name = next(iter(next(record["strategies"] for _, record in families)))
    bases = [("base", family, {"estimate": record["strategies"].get(name)}) for family, record in families]
    shares = [
        (arm, family, record["arms"][arm]["shares"].get(name))
        for arm in _arms(question)
        for family, record in families
        if arm in record["arms"]
    ]
    measure = Measure(f"share of {name}", percent, "~%", (0.0, 1.0))
    yield _dots(question, "shares", f"Share of {name}, by reward", [*bases, *shares], measure, wide=False, under=[])


def _arms(question: Record) -> list[str]:
    return list(dict.fromkeys(arm for record in question["families"].values() for arm in record["arms"]))


CURVES = {
    "base": ("base", SERIES[0], (1, 0)),
    "tuned": ("trained, temperature 1", SERIES[1], (1, 0)),
    "matched": ("trained, matched temperature", SERIES[1], DASHED),
}


def _temperatures(question: Record) -> Iterator[Figure]:
    at = 0
    for family, record in question["families"].items():
        for arm, told in record["arms"].items():
            at += 1
            yield _curves(question, f"curves_{at}", f"{family}, {arm}", record, told)


def _curves(question: Record, name: str, title: str, record: Record, told: Record) -> Figure:
    curves = told["curves"]
    ks = [int(k) for k in curves]
    lines = [
        Line(label, colour, [Point(int(k), **_bounds(row[side])) for k, row in curves.items()], dash)
        for side, (label, colour, dash) in CURVES.items()
    ]
    K, shown = str(record["K"]), {side: curves[str(record["K"])][side] for side in CURVES}
    heat = ", ".join(f"{temperature:.2f}" for temperature in told["temperatures"] if temperature is not None)
    entropies = ", ".join(f"{side} {with_interval(told['entropy'][side], decimal)}" for side in CURVES)
    return Figure(
        name=f"{question['key']}_{name}",
        title=title,
        chart=line_chart(lines, Axes("k (tries at each problem)", "pass@k", decimal, True, ks, ".2f", height=300)),
        says=f"At k = {K}: "
        + "; ".join(f"{CURVES[s][0]} {decimal(row['estimate'])}" for s, row in shown.items())
        + ".",
        method=f"Mean over {question['over']}; {record['problems']} problems, n = {record['n']}; matched temperatures "
        f"{heat or NOT_KNOWN}; entropy a token in nats: {entropies}.",
        keys=[Key(label, colour, dash == DASHED) for label, colour, dash in CURVES.values()],
        table=Table(
            ["k", *(label for label, _, _ in CURVES.values())],
            [[k, *(with_interval(row[side], decimal) for side in CURVES)] for k, row in curves.items()],
        ),
    )


def _bounds(row: Record | None) -> dict[str, float | None]:
    """A point of a curve, with its band drawn no further than a share can be."""
    row = row or {"estimate": None, "low": None, "high": None}
    low, high = (None if row[bound] is None else min(max(row[bound], 0.0), 1.0) for bound in ("low", "high"))
    return {"y": row["estimate"], "low": low, "high": high}


def _generality(question: Record) -> Iterator[Figure]:
    families = question["families"]
    tasks = list(next(iter(families.values()))["tasks"])
    by_reward = [
        (short(arm), family, record["arms"][arm][tasks[0]])
        for arm in _arms(question)
        for family, record in families.items()
    ]
    yield _matrix(
        question, "families", f"Rewards by families: gain in pass@1 on {tasks[0]}", by_reward, ("reward", "family")
    )
    by_task = [
        (f"{family}: {short(arm)}", task, row)
        for family, record in families.items()
        for arm, gains in record["arms"].items()
        for task, row in gains.items()
    ]
    relations = {f"{task} ({told['relation']})" for task, told in next(iter(families.values()))["tasks"].items()}
    title = f"Trained by tested: gain in pass@1; {', '.join(sorted(relations))}"
    yield _matrix(question, "tasks", title, by_task, ("trained", "tested"))


def _matrix(
    question: Record, name: str, title: str, cells: Sequence[tuple[str, str, Record | None]], titles: tuple[str, str]
) -> Figure:
    columns = list(dict.fromkeys(column for _, column, _ in cells))
    gains = [
        Gain(row, column, None if found is None else found["estimate"], with_interval(found, change))
        for row, column, found in cells
    ]
    rows = list(dict.fromkeys(row for row, _, _ in cells))
    by_place = {(row, column): with_interval(found, change) for row, column, found in cells}
    return Figure(
        name=f"{question['key']}_{name}",
        title=title,
        chart=gain_map(gains, *titles, change),
        says="The numbers are gains over the base of the same family; a dash is a run that is not done.",
        method=f"Means over {question['over']}.",
        keys=[],
        table=Table([titles[0], *columns], [[row, *(by_place[row, column] for column in columns)] for row in rows]),
        wide=True,
    )


def _lengths(question: Record) -> Iterator[Figure]:
    for kind in ("right", "wrong"):
        values = [
            (arm, family, record["arms"][arm][kind])
            for arm in _arms(question)
            for family, record in question["families"].items()
            if arm in record["arms"]
        ]
        title = f"Change of the mean length of {kind} responses"
        yield _dots(question, kind, title, values, Measure("tokens, since the base", _tokens, zero=True), wide=False)


DRAWN: dict[str, Callable[[Record], Iterator[Figure]]] = {
    "gain": _gain,
    "clipping": _clipping,
    "strategies": _strategies,
    "temperatures": _temperatures,
    "generality": _generality,
    "lengths": _lengths,
}
