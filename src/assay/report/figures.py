"""The figures of an audit, with what each says, how it was computed and its numbers in words."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from assay.report import charts
from assay.report.figure import Figure, Key, Table, level, model_keys
from assay.report.look import MUTED
from assay.report.response_figures import diversity, lengths, perplexity, preferred, strategies
from assay.report.trait_figures import distinct_n, entropies, reasoning, reflections
from assay.report.words import NOT_KNOWN, Show, change, decimal, number, p_value, percent, plural, with_interval

Findings = Mapping[str, Any]
ESTIMATOR = "pass@k is the mean over problems of 1 − C(n−c, k)/C(n, k) (arXiv 2107.03374)"


def audit_figures(findings: Findings) -> dict[str, list[Figure]]:
    """Every figure of the audit, by section; a section with nothing known is empty."""
    return {
        "curves": list(_curves(findings)),
        "reasoning": list(reasoning(findings)),
        "problems": list(_problems(findings)),
        "strategies": list(strategies(findings)),
        "lengths": list(lengths(findings)),
        "preferred": list(preferred(findings)),
        "perplexity": list(perplexity(findings)),
        "diversity": [*diversity(findings), *entropies(findings), *distinct_n(findings)],
        "reflection": list(reflections(findings)),
    }


@dataclass(frozen=True)
class _Curves:
    """What the pass@k figures draw, over all problems or over those of the verdict."""

    problems: int
    pass_at_k: Mapping[str, Any]
    floor: Mapping[str, float] | None
    differences: Mapping[str, Any]
    crossing: int | None
    all_problems: bool


def _curves(findings: Findings) -> Iterator[Figure]:
    comparisons = findings["comparisons"]
    whole = _Curves(
        problems=findings["settings"]["problems"],
        pass_at_k=findings["pass_at_k"],
        floor=findings["guess_floor"],
        differences={tuned: comparison["pass_at_k_difference"] for tuned, comparison in comparisons.items()},
        crossing=findings["crossover"]["k"] if len(comparisons) == 1 else None,
        all_problems=True,
    )
    parts = {tuned: comparison["on_verdict_problems"] for tuned, comparison in comparisons.items()}
    parts = {tuned: part for tuned, part in parts.items() if part is not None and part["problems"]}
    drawn = [whole]
    if parts:
        first = next(iter(parts.values()))
        drawn.append(
            _Curves(
                problems=first["problems"],
                pass_at_k={label: table for part in parts.values() for label, table in part["pass_at_k"].items()},
                floor=first["guess_floor"],
                differences={tuned: part["pass_at_k_difference"] for tuned, part in parts.items()},
                crossing=first["crossover"]["k"] if len(parts) == 1 else None,
                all_problems=False,
            )
        )
    for curves in drawn:
        yield _pass_at_k(findings, curves)
        yield _difference(findings, curves)


def _pass_at_k(findings: Findings, curves: _Curves) -> Figure:
    settings = findings["settings"]
    ks = [str(k) for k in settings["k"]]
    labels = [label for label in findings["models"] if label in curves.pass_at_k]
    keys = model_keys(findings, labels)
    head = ["k", *labels]
    rows = [[k, *(with_interval(curves.pass_at_k[label][k], decimal) for label in labels)] for k in ks]
    drawn = "no guess floor is known for this data."
    if curves.floor is not None:
        head.append(charts.FLOOR)
        rows = [[*row, decimal(curves.floor[row[0]])] for row in rows]
        keys.append(Key(charts.FLOOR, MUTED, dashed=len(ks) > 1))
        drawn = "the guess floor is a solver that knows the rules and guesses."
    return Figure(
        name="pass_at_k" + _suffix(curves),
        title=_title("Problems solved", ks, curves),
        chart=charts.pass_at_k(findings, curves.pass_at_k, curves.floor, curves.crossing),
        says=_ends({label: curves.pass_at_k[label] for label in labels}, ks, decimal),
        method=f"{ESTIMATOR}; {plural(curves.problems, 'problem')}, {plural(settings['n'], 'answer')} to each; "
        f"bands: {level(settings)} intervals over problems; {drawn}",
        keys=keys,
        table=Table(head, rows),
        wide=curves.all_problems,
    )


def _difference(findings: Findings, curves: _Curves) -> Figure:
    settings = findings["settings"]
    ks = [str(k) for k in settings["k"]]
    tables = curves.differences
    margin = findings["comparisons"][next(iter(tables))]["evidence"]["margin"]
    strip = f" Inside the grey strip (±{margin:g}) counts as no difference." if len(ks) > 1 else ""
    base = findings["models"][0]
    return Figure(
        name="difference" + _suffix(curves),
        title=_title(f"Gain over {base}", ks, curves),
        chart=charts.difference(findings, tables),
        says=_ends(tables, ks, change),
        method=f"pass@k minus that of {base}, paired over {plural(curves.problems, 'problem')}, "
        f"{plural(settings['n'], 'answer')} to each; {level(settings)} intervals.{strip}",
        keys=model_keys(findings, list(tables)),
        table=Table(["k", *tables], [[k, *(with_interval(t[k], change) for t in tables.values())] for k in ks]),
        wide=curves.all_problems,
    )


def _suffix(curves: _Curves) -> str:
    return "" if curves.all_problems else "_verdict"


def _title(what: str, ks: list[str], curves: _Curves) -> str:
    tries = "within k tries" if len(ks) > 1 else f"at k = {ks[0]}"
    return f"{what} {tries}" + ("" if curves.all_problems else f", {curves.problems:,} verdict problems")


def _ends(tables: Mapping[str, Any], ks: list[str], show: Show) -> str:
    """'base: 0.206 at k = 1, 0.566 at k = 128; ...'."""
    ends = dict.fromkeys((ks[0], ks[-1]))
    return "; ".join(
        f"{label}: " + ", ".join(f"{show(table[k]['estimate'])} at k = {k}" for k in ends)
        for label, table in tables.items()
    )


def _problems(findings: Findings) -> Iterator[Figure]:
    yield _solvable(findings)
    if findings["settings"]["n"] > 1:
        yield _histogram(findings)
        for at, (tuned, comparison) in enumerate(findings["comparisons"].items()):
            yield _scatter(findings, tuned, comparison, "" if at == 0 else f"_{at + 1}")


def _solvable(findings: Findings) -> Figure:
    base, settings = findings["models"][0], findings["settings"]
    rows = []
    for tuned, comparison in findings["comparisons"].items():
        total, luck = sum(comparison["solvable"].values()), comparison["solvable_test"]
        for key, name in charts.solvable_names(base, tuned).items():
            count = comparison["solvable"][key]
            chance = f"{number(luck[key]['expected'])} ({p_value(luck[key]['p_value'])})" if key in luck else "–"
            rows.append([f"{tuned}: {name}", f"{count:,}", percent(count / total) if total else NOT_KNOWN, chance])
    return Figure(
        name="solvable_sets",
        title=f"Problems solved at least once, by {base} and by the tuned model",
        chart=charts.solvable_sets(findings),
        says="; ".join(
            (f"{tuned}: " if len(findings["comparisons"]) > 1 else "")
            + ", ".join(f"{name} {c['solvable'][key]:,}" for key, name in charts.solvable_names(base, tuned).items())
            for tuned, c in findings["comparisons"].items()
        ),
        method=f"A problem is solved when any answer to it is right; {plural(settings['problems'], 'problem')}, "
        f"at least {plural(settings['n'], 'answer')} to each by each model.",
        keys=[Key(name, colour) for name, colour in charts.solvable_colours(findings).items()],
        table=Table(["tuned model, solved by", "problems", "share", "expected from sampling luck alone"], rows),
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
