"""The figures of an audit, with what each says, how it was computed and its numbers in words."""

from collections.abc import Iterator, Mapping
from typing import Any

from assay.report import charts
from assay.report.figure import Figure, Key, Table, level, model_keys
from assay.report.look import MUTED
from assay.report.response_figures import lengths, perplexity, strategies
from assay.report.words import NOT_KNOWN, change, decimal, number, p_value, percent, plural, with_interval

Findings = Mapping[str, Any]
ESTIMATOR = "pass@k is the mean over problems of 1 − C(n−c, k)/C(n, k) (arXiv 2107.03374)"


def audit_figures(findings: Findings) -> dict[str, list[Figure]]:
    """Every figure of the audit, by section: curves, problems, strategies, lengths, perplexity. A section with
    nothing known is empty."""
    return {
        "curves": list(_curves(findings)),
        "problems": list(_problems(findings)),
        "strategies": list(strategies(findings)),
        "lengths": list(lengths(findings)),
        "perplexity": list(perplexity(findings)),
    }


def _curves(findings: Findings) -> Iterator[Figure]:
    settings = findings["settings"]
    differences = {tuned: c["pass_at_k_difference"] for tuned, c in findings["comparisons"].items()}
    yield _pass_at_k(findings, "", findings["pass_at_k"], findings["guess_floor"], settings["problems"])
    yield _difference(findings, "", differences, settings["problems"])
    some = {t: c["on_verdict_problems"] for t, c in findings["comparisons"].items() if c.get("on_verdict_problems")}
    some = {tuned: part for tuned, part in some.items() if part["problems"]}
    if some:
        tables = {label: table for part in some.values() for label, table in part["pass_at_k"].items()}
        first = next(iter(some.values()))
        yield _pass_at_k(findings, "_verdict", tables, first["guess_floor"], first["problems"])
        differences = {tuned: part["pass_at_k_difference"] for tuned, part in some.items()}
        yield _difference(findings, "_verdict", differences, first["problems"])


def _pass_at_k(
    findings: Findings, suffix: str, tables: Mapping[str, Any], floor: Mapping[str, float] | None, problems: int
) -> Figure:
    settings = findings["settings"]
    ks = [str(k) for k in settings["k"]]
    labels = [label for label in findings["models"] if label in tables]
    keys = model_keys(findings, labels)
    head = ["k", *labels]
    rows = [[k, *(with_interval(tables[label].get(k), decimal) for label in labels)] for k in ks]
    if floor is not None:
        head.append("guess floor")
        rows = [[*row, decimal(floor.get(row[0]))] for row in rows]
        keys.append(Key(charts.FLOOR, MUTED, dashed=True))
    first, last = ks[0], ks[-1]
    says = "; ".join(
        f"{label}: {decimal(tables[label][first]['estimate'])} at k = {first}"
        + (f", {decimal(tables[label][last]['estimate'])} at k = {last}" if last != first else "")
        for label in labels
    )
    drawn = "" if floor is None else " The dashed line is a solver that knows the rules and guesses."
    if floor is None:
        drawn = " No guess floor is known for this data."
    return Figure(
        name="pass_at_k" + suffix,
        title="Problems solved within k tries" + (" (verdict problems only)" if suffix else ""),
        chart=charts.pass_at_k(findings, tables, floor),
        says=says,
        method=f"{ESTIMATOR}; {plural(problems, 'problem')}, n = {settings['n']} answers to each; "
        f"bands: {level(settings)} intervals over problems.{drawn}",
        keys=keys,
        table=Table(head, rows),
        wide=True,
    )


def _difference(findings: Findings, suffix: str, tables: Mapping[str, Any], problems: int) -> Figure:
    settings = findings["settings"]
    ks = [str(k) for k in settings["k"]]
    margin = next(((c.get("evidence") or {}).get("margin") for c in findings["comparisons"].values()), None)
    strip = "" if not margin or len(ks) == 1 else f" Inside the grey strip (±{margin:g}) counts as no difference."
    base = findings["models"][0]
    return Figure(
        name="difference" + suffix,
        title=f"Gain over {base} within k tries" + (" (verdict problems only)" if suffix else ""),
        chart=charts.difference(findings, tables),
        says="; ".join(
            f"{tuned}: {change(table[ks[0]]['estimate'])} at k = {ks[0]}"
            + (f", {change(table[ks[-1]]['estimate'])} at k = {ks[-1]}" if len(ks) > 1 else "")
            for tuned, table in tables.items()
        ),
        method=f"pass@k minus that of {base}, paired over {plural(problems, 'problem')}, n = {settings['n']}; "
        f"{level(settings)} intervals.{strip}",
        keys=model_keys(findings, list(tables)),
        table=Table(["k", *tables], [[k, *(with_interval(t.get(k), change) for t in tables.values())] for k in ks]),
        wide=True,
    )


def _problems(findings: Findings) -> Iterator[Figure]:
    for at, (tuned, comparison) in enumerate(findings["comparisons"].items()):
        yield _solvable(findings, tuned, comparison, "" if at == 0 else f"_{at + 1}")
    if findings["settings"]["n"] > 1:
        yield _histogram(findings)
        for at, (tuned, comparison) in enumerate(findings["comparisons"].items()):
            yield _scatter(findings, tuned, comparison, "" if at == 0 else f"_{at + 1}")


def _solvable(findings: Findings, tuned: str, comparison: Mapping[str, Any], suffix: str) -> Figure:
    sets = comparison["solvable"]
    total = sum(sets[key] for key, _ in charts.SOLVABLE)
    names = {
        "both": "both",
        "base_only": f"only {comparison['base']}",
        "tuned_only": f"only {tuned}",
        "neither": "neither",
    }
    parts = charts.solvable_colours(findings, tuned)
    keys = [Key(names[key], parts[name]) for key, name in charts.SOLVABLE]
    luck = comparison.get("solvable_test") or {}
    rows = []
    for key, _ in charts.SOLVABLE:
        test = luck.get(key) or {}
        lucky = "–" if key not in luck else f"{number(test.get('expected'))} ({p_value(test.get('p_value'))})"
        rows.append([names[key], f"{sets[key]:,}", percent(sets[key] / total) if total else NOT_KNOWN, lucky])
    return Figure(
        name="solvable_sets" + suffix,
        title=f"Problems solved at least once: {comparison['base']} and {tuned}",
        chart=charts.solvable_sets(findings, tuned),
        says=", ".join(f"{names[key]}: {sets[key]:,}" for key, _ in charts.SOLVABLE),
        method=f"A problem is solved when any answer to it is right; {plural(total, 'problem')}, "
        f"at least {findings['settings']['n']} answers to each by each model.",
        keys=keys,
        table=Table(["solved by", "problems", "share", "expected from sampling luck alone"], rows),
        wide=True,
        keys_point=False,
    )


def _histogram(findings: Findings) -> Figure:
    histogram = {label: rows for label, rows in findings["accuracy_histogram"].items() if rows}
    bins = [row["bin"] for row in next(iter(histogram.values()))]
    rows = [
        [charts.bin_name(name), *(f"{h[at]['problems']:,} ({percent(h[at]['share'])})" for h in histogram.values())]
        for at, name in enumerate(bins)
    ]
    says = "; ".join(
        f"{label}: none right on {h[0]['problems']:,}, all on {h[-1]['problems']:,}" for label, h in histogram.items()
    )
    return Figure(
        name="accuracy_histogram",
        title="How often each problem is solved",
        chart=charts.accuracy_histogram(findings),
        says=says + ".",
        method="Share of problems by their share of right answers; "
        f"{plural(findings['settings']['problems'], 'problem')}, n = {findings['settings']['n']}.",
        keys=model_keys(findings, list(histogram)),
        table=Table(["right answers", *histogram], rows),
    )


def _scatter(findings: Findings, tuned: str, comparison: Mapping[str, Any], suffix: str) -> Figure:
    shares = [
        row["correct_tuned"] / row["n_tuned"] - row["correct_base"] / row["n_base"]
        for row in comparison["per_problem"]
        if row["n_tuned"] and row["n_base"]
    ]
    better, worse = sum(share > 0 for share in shares), sum(share < 0 for share in shares)
    return Figure(
        name="by_problem" + suffix,
        title=f"Problem by problem: {tuned} against {comparison['base']}",
        chart=charts.problem_scatter(findings, tuned),
        says=f"{tuned} has the larger share of right answers on {better:,}, the smaller on {worse:,}, "
        f"the same on {len(shares) - better - worse:,}.",
        method=f"Share of right answers to each of {plural(len(shares), 'problem')}; above the diagonal {tuned} is "
        "better; larger dots hold several problems.",
        keys=[],
        table=None,
    )
