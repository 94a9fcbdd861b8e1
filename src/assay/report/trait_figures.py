"""Figures and tables of what responses vary in and whether they reflect: entropies, n-grams, phrases, reasoning."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from assay.report.dots import Dot, Measure, dot_chart
from assay.report.figure import Figure, Key, Table, level, model_keys
from assay.report.lines import DASHED, SOLID, Axes, Line, Point, line_chart
from assay.report.look import colours
from assay.report.words import NOT_KNOWN, Show, change, decimal, number, p_value, percent, plural, prose, with_interval

Findings = Mapping[str, Any]
RIGHT_ANSWER = "right answer alone"


def entropies(findings: Findings) -> Iterator[Figure]:
    """Entropy of the answers to a problem, and of the next token; each where a file says what it takes."""
    methods = {
        "answer": "Zhang's estimate over the answers to a problem, at the same order for all models (docs/measures.md)",
        "token": "\u2212log p of the responses by their tokens, sampled at temperature 1 with top-p and top-k off",
    }
    titles = {"answer": "How spread out the answers to a problem are", "token": "How undecided the model is at a token"}
    units = {"answer": "entropy (nats)", "token": "entropy (nats a token)"}
    for kind, title in titles.items():
        records = {label: each[kind] for label, each in _known(findings, "entropy").items() if each[kind]}
        if records:
            changes = {label: each[kind] for label, each in _changes(findings, "entropy").items() if each[kind]}
            rows = {label: {label: record} for label, record in records.items()}
            yield _dots(findings, f"{kind}_entropy", title, rows, decimal, units[kind], methods[kind], changes)


def distinct_n(findings: Findings) -> Iterator[Figure]:
    """Distinct n-grams as a share of those expected; nothing where no file has responses."""
    known = _known(findings, "distinct_n")
    if not known:
        return
    m = next(iter(known.values()))["responses"]
    rows = {
        f"{n}-grams": {label: each["n"][n] for label, each in known.items() if each["n"][n]}
        for n in ("1", "2", "3", "4")
    }
    method = f"Expectation-adjusted distinct n-grams (arXiv 2202.13587) of the words of {m} responses to a problem"
    title = f"Distinct n-grams among {m} responses to a problem"
    yield _dots(
        findings,
        "distinct_n",
        title,
        {name: each for name, each in rows.items() if each},
        decimal,
        "of those expected",
        method,
    )


def reflections(findings: Findings) -> Iterator[Figure]:
    """Responses with a phrase by list, accuracy with and without one, exact labels; each where a file says it."""
    records = _known(findings, "reflection")
    phrases = {label: each["phrases"] for label, each in records.items() if each["phrases"]}
    lists = list(dict.fromkeys(name for each in phrases.values() for name in each))
    if lists:
        yield _rates(findings, phrases, lists)
        within = {
            name: {label: each[name]["within"] for label, each in phrases.items() if each[name]["within"]}
            for name in lists
        }
        within = {name: each for name, each in within.items() if each}
        if within:
            method = "Accuracy with minus without a phrase within each problem that has both kinds of response"
            title = "Are responses that reflect more often right?"
            yield _dots(findings, "reflection_within", title, within, change, "difference in accuracy", method)
    labels = {label: each["labels"] for label, each in records.items() if each["labels"]}
    if labels:
        kinds = next(iter(labels.values()))
        rows = {name: {label: each[name] for label, each in labels.items()} for name in kinds}
        method = "Share of judged responses by what trying again did, as the sample files label it"
        yield _dots(
            findings, "reflection_labels", "What trying again did", rows, percent, "share of the responses", method
        )


def reasoning(findings: Findings) -> Iterator[Figure]:
    """pass@k of right answers with right steps, beside that of right answers; nothing without the column."""
    known = _known(findings, "reasoning")
    if not known:
        return
    colour = colours(findings["models"])
    lines = []
    for label, each in known.items():
        lines.append(Line(label, colour[label], _points(each["pass_at_k"]), SOLID, dots=True))
        lines.append(Line(f"{label}, {RIGHT_ANSWER}", colour[label], _points(each["right_answer"], False), DASHED))
    first = next(iter(known.values()))
    ks = list(first["pass_at_k"])
    top = max(point.high or point.y or 0.0 for line in lines for point in line.points)
    end = min(1.0, (int(top * 10) + 1) / 10)
    axes = Axes("k (tries at each problem)", "pass@k", decimal, True, list(map(int, ks)), ".1f", (0.0, end), height=320)
    head = ["k", *(part for label in known for part in (label, f"{label}, {RIGHT_ANSWER}", "difference"))]
    rows = [[k, *(cell for each in known.values() for cell in _reasoning_cells(each, k))] for k in ks]
    yield Figure(
        name="reasoning",
        title="Problems solved by right reasoning within k tries",
        chart=line_chart(lines, axes),
        says="; ".join(
            f"{label}: {decimal(each['pass_at_k'][k]['estimate'])} of {decimal(each['right_answer'][k]['estimate'])} "
            f"at k = {k}"
            for label, each in known.items()
            for k in dict.fromkeys((ks[0], ks[-1]))
        ),
        method="A response counts where its answer and every written step are right, one step at least (arXiv "
        f"2506.14245); {plural(first['problems'], 'problem')}; bands: {level(findings['settings'])} intervals over "
        "problems.",
        keys=[Key(line.label, line.colour, tuple(line.dash) != SOLID) for line in lines],
        table=Table(head, rows),
        wide=True,
    )


def _known(findings: Findings, key: str) -> dict[str, Any]:
    return {label: record for label, record in (findings.get(key) or {}).items() if record}


def _changes(findings: Findings, key: str) -> dict[str, Any]:
    return {label: each[key] for label, each in findings["comparisons"].items() if each.get(key)}


def _dots(
    findings: Findings,
    name: str,
    title: str,
    rows: Mapping[str, Mapping[str, Any]],
    show: Show,
    axis: str,
    method: str,
    changes: Mapping[str, Any] | None = None,
) -> Figure:
    """A row a category, a dot a model; `axis` says what is measured, `changes` are told in the words below it."""
    labels = [label for label in findings["models"] if any(label in each for each in rows.values())]
    dots = [Dot(row, label, each[label]) for row, each in rows.items() for label in labels if label in each]
    form = "~%" if show is percent else ""
    measure = Measure(axis, show, form, zero=True)
    own = list(rows) == labels
    cells = [[row, *(with_interval(each.get(label), show) for label in labels)] for row, each in rows.items()]
    table = Table(["", *labels], cells)
    if own:
        table = Table(["model", axis], [[row, with_interval(each[row], show)] for row, each in rows.items()])
    says = "; ".join(
        f"{row}: "
        + ", ".join(
            f"{'' if own else label} {show(each[label]['estimate'])}".strip() for label in labels if label in each
        )
        for row, each in rows.items()
    )
    for label, moved in (changes or {}).items():
        says += f"; {label} minus {findings['models'][0]}: {with_interval(moved, change)}"
    return Figure(
        name=name,
        title=title,
        chart=dot_chart(dots, colours(findings["models"]), measure, one_a_row=own),
        says=f"{says}.",
        method=f"{method}; {_over(findings, rows)}; {level(findings['settings'])} intervals over problems.",
        keys=model_keys(findings, labels),
        table=table,
    )


def _over(findings: Findings, rows: Mapping[str, Mapping[str, Any]]) -> str:
    """'128 problems', or '31 to 128 problems' where not all are over as many."""
    everything = findings["settings"]["problems"]
    counts = sorted({record.get("problems", everything) for each in rows.values() for record in each.values()})
    return plural(counts[0], "problem") if len(counts) == 1 else f"{counts[0]:,} to {plural(counts[-1], 'problem')}"


def _rates(findings: Findings, phrases: Mapping[str, Any], lists: Sequence[str]) -> Figure:
    rows = {name: {label: each[name]["rate"] for label, each in phrases.items()} for name in lists}
    figure = _dots(
        findings,
        "reflection",
        "Responses with a phrase of reflection",
        rows,
        percent,
        "share of the responses",
        "Share of judged responses that contain a phrase of the list, whatever its case; a phrase is no proof of a "
        "thought; lists: docs/measures.md",
    )
    head = ["list", "model", "responses", "share", "problems with one", "right with", "right without"]
    cells = [
        [
            name,
            label,
            f"{each[name]['responses']:,} of {each[name]['of']:,}",
            with_interval(each[name]["rate"], percent),
            with_interval(each[name]["any"], percent),
            with_interval(each[name]["accuracy_with"], percent) if each[name]["accuracy_with"] else "none",
            with_interval(each[name]["accuracy_without"], percent) if each[name]["accuracy_without"] else "none",
        ]
        for name in lists
        for label, each in phrases.items()
    ]
    return Figure(figure.name, figure.title, figure.chart, figure.says, figure.method, figure.keys, Table(head, cells))


def _points(table: Mapping[str, Any], bands: bool = True) -> list[Point]:
    return [
        Point(int(k), each["estimate"], each["low"] if bands else None, each["high"] if bands else None)
        for k, each in table.items()
    ]


def _reasoning_cells(record: Mapping[str, Any], k: str) -> list[str]:
    return [
        with_interval(record["pass_at_k"][k], decimal),
        with_interval(record["right_answer"][k], decimal),
        with_interval(record["unreasoned"][k], change),
    ]


def reflection_table(findings: Findings) -> Table:
    """Change of the rates, and whether a rise goes with a rise of accuracy, a row a tuned model and list."""
    rows = []
    for tuned, record in _changes(findings, "reflection").items():
        for name, each in (record["phrases"] or {}).items():
            rate = each["rate"]
            moved = NOT_KNOWN if rate is None else f"{with_interval(rate, change)}, {p_value(rate['p_value'])}"
            rows.append([tuned, name, moved, each["together"]["outcome"], prose(each["together"]["words"])])
        for name, moved in (record["labels"] or {}).items():
            rows.append(
                [tuned, f"label {name}", f"{with_interval(moved, change)}, {p_value(moved['p_value'])}", "", ""]
            )
    head = ["tuned model", "phrases", "change of the share", "a rise goes", "in words"]
    return Table(head, rows)


def variety_table(findings: Findings) -> Table:
    """The verdict on diversity, a row a tuned model."""
    rows = [
        [
            tuned,
            record["verdict"],
            "–" if record["m"] is None else number(record["m"]),
            prose(record["why"]),
            record["overturn"],
        ]
        for tuned, record in _changes(findings, "diversity").items()
    ]
    return Table(["tuned model", "verdict", "at m", "what was seen", "what would overturn it"], rows)


def fate_table(findings: Findings) -> Table:
    """What became of the base's strategies, a row each."""
    rows = []
    for tuned, record in _changes(findings, "strategy").items():
        for name, each in record.get("fates", {}).items():
            shares = [percent(each["base"]), percent(each["tuned"])]
            rows.append([tuned, name, each["fate"], *shares, with_interval(each, change), p_value(each["p_holm"])])
    head = ["tuned model", "strategy", "fate", "base", "tuned", "change", "after Holm's correction"]
    return Table(head, rows)
