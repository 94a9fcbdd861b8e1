"""The figures about the responses themselves: strategies, lengths, perplexity."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from assay.report import charts
from assay.report.figure import Figure, Table, level, model_keys
from assay.report.words import NOT_KNOWN, number, percent, plural, with_interval

Findings = Mapping[str, Any]


def strategies(findings: Findings) -> Iterator[Figure]:
    """Share and accuracy of each strategy; nothing where no file labels its responses."""
    mixes = {label: rows for label, rows in (findings["strategy"] or {}).items() if rows}
    if not mixes:
        return
    names = list(dict.fromkeys(row["strategy"] for rows in mixes.values() for row in rows))
    cells = {(label, row["strategy"]): row for label, rows in mixes.items() for row in rows}
    answers = sum(row["responses"] for rows in mixes.values() for row in rows)
    for name, title, field in (
        ("strategy_mix", "How the responses go about it", "share"),
        ("strategy_accuracy", "How often each way is right", "accuracy"),
    ):
        words = {key: with_interval(row[field], percent) for key, row in cells.items()}
        yield Figure(
            name=name,
            title=title,
            chart=charts.strategy_mix(findings, accuracy=field == "accuracy"),
            says="; ".join(f"{s} {_course([cells.get((label, s)) for label in mixes], field)}" for s in names)
            + f" ({' → '.join(mixes)}).",
            method=f"Strategy labels as the sample files give them; {plural(answers, 'response')}; "
            f"{level(findings['settings'])} intervals over problems.",
            keys=model_keys(findings, list(mixes)),
            table=Table(
                ["strategy", *mixes], [[s, *(words.get((label, s), "none") for label in mixes)] for s in names]
            ),
        )


def lengths(findings: Findings) -> Iterator[Figure]:
    """Mean length of right, wrong and all responses; nothing where no file has lengths."""
    records = {label: record for label, record in (findings["length"] or {}).items() if record}
    if not records:
        return
    rows = [
        [name, *(with_interval(record[key], number) if record[key] else "none" for record in records.values())]
        for key, name in charts.LENGTHS
    ]
    rows.append(["truncated", *(percent(record["truncated"]) for record in records.values())])
    answers = sum(record["responses"] for record in records.values())
    yield Figure(
        name="lengths",
        title="Length of right and wrong responses",
        chart=charts.lengths(findings),
        says="; ".join(f"{label}: {with_interval(record['all'], number)} tokens" for label, record in records.items()),
        method=f"Mean tokens chosen by the model, stop token included; {plural(answers, 'response')}; "
        f"{level(findings['settings'])} intervals over problems.",
        keys=model_keys(findings, list(records)),
        table=Table(["responses", *records], rows),
    )


def diversity(findings: Findings) -> Iterator[Figure]:
    """Distinct right solutions by right responses; nothing where no file has enough of them."""
    records = {label: record for label, record in (findings.get("diversity") or {}).items() if record}
    tables = {label: record["distinct"] for label, record in records.items() if record["distinct"]}
    if not tables:
        return
    first = next(iter(tables.values()))
    rows = [
        [m, f"{row['problems']:,}", *(_distinct(table[m]) for table in tables.values())] for m, row in first.items()
    ]
    m = list(first)[-1]
    left_out = sum(record["without_solution"] for record in records.values())
    yield Figure(
        name="diversity",
        title="Different right solutions among as many right responses",
        chart=charts.diversity(findings, tables),
        says="; ".join(f"{label}: {_distinct(table[m])}" for label, table in tables.items()) + f", at m = {m}.",
        method=f"Expected over m right responses drawn without replacement (rarefaction), on the problems to which "
        f"every model has m ({first[m]['problems']:,} at m = {m}); {level(findings['settings'])} intervals over "
        f"problems; {plural(left_out, 'right response')} without a solution left out. Compare at one m, not along it.",
        keys=model_keys(findings, list(tables)),
        table=Table(["m", "problems", *tables], rows),
    )


def preferred(findings: Findings) -> Iterator[Figure]:
    """How often a simulated annotator prefers each tuned model's response to the base's; nothing without one."""
    asked = findings.get("annotator")
    each = {label: comparison.get("preferred") for label, comparison in findings["comparisons"].items()}
    records = {label: record for label, record in each.items() if record}
    if not asked or not records:
        return
    base, left_out = findings["models"][0], sum(asked["left_out"].values())
    yield Figure(
        name="preferred",
        title=f"How often the annotator prefers a response to one of {base}",
        chart=charts.preferred(findings, records),
        says="; ".join(f"{label}: {with_interval(record, percent)}" for label, record in records.items())
        + " of pairs.",
        method=f"Annotator {asked['annotator']}. Mean chance over all pairs of responses to one problem, then over "
        f"problems; {level(findings['settings'])} intervals; at 50 % it likes both alike; "
        f"{plural(left_out, 'response')} of unknown traits left out.",
        keys=model_keys(findings, list(records)),
        table=Table(
            ["responses of", "preferred", "problems"],
            [[label, with_interval(record, percent), f"{record['problems']:,}"] for label, record in records.items()],
        ),
    )


def perplexity(findings: Findings) -> Iterator[Figure]:
    """Perplexity of each model's responses under the base; nothing where no file is scored under another model."""
    records = {label: record for label, record in (findings["perplexity"] or {}).items() if record}
    if not records:
        return
    show = "{:.3f}".format
    rows = [
        [
            label,
            with_interval(record, show),
            *(NOT_KNOWN if record[key] is None else show(record[key]) for key in ("right", "wrong")),
            f"{record['responses']:,}",
            str(record["under"]),
        ]
        for label, record in records.items()
    ]
    unders = ", ".join(dict.fromkeys(str(record["under"]) for record in records.values()))
    yield Figure(
        name="perplexity",
        title="Perplexity of the responses under the base",
        chart=charts.perplexity(findings),
        says="; ".join(f"{label}: {with_interval(record, show)}" for label, record in records.items()),
        method=f"exp(−mean log-probability a token) of each model's own responses under {unders} "
        "(arXiv 2504.13837, section 4.1).",
        keys=model_keys(findings, list(records)),
        table=Table(["responses of", "perplexity", "of right ones", "of wrong ones", "responses", "under"], rows),
    )


def _distinct(value: Mapping[str, Any]) -> str:
    return with_interval(value, lambda count: number(count, 2))


def _course(rows: Sequence[Mapping[str, Any] | None], field: str) -> str:
    """'30 % → 50 %': the estimates of `field` in the models' order."""
    return " → ".join("none" if row is None else percent((row[field] or {}).get("estimate"), 0) for row in rows)
