"""The tables of an audit's page: sets, strategies, lengths, sources, findings; all in words."""

from collections.abc import Mapping, Sequence
from typing import Any

from assay.report.cards import crossover_words
from assay.report.figure import Table
from assay.report.words import (
    NOT_KNOWN,
    change,
    compact,
    decimal,
    number,
    p_value,
    percent,
    signed,
    with_interval,
)

Record = Mapping[str, Any]


def support_table(findings: Record) -> Table:
    """How much of the base's support was kept, lost and gained (arXiv 2507.14843), a row a comparison."""
    head = ["tuned model", "preserved", "shrunk", "expanded", "out of both", "SRR", "NDR", "SDS", "NSCR"]
    rows = []
    for tuned, comparison in findings["comparisons"].items():
        support = comparison["support"]
        counts = [number(support[key]) for key in ("preserved", "shrunk", "expanded", "out")]
        rows.append([tuned, *counts, *(_or_undefined(support[key]) for key in ("SRR", "NDR", "SDS", "NSCR"))])
    return Table(head, rows)


def gap_table(findings: Record) -> Table:
    """Sampling-efficiency gap and crossover, a row a comparison."""
    rows = []
    for tuned, comparison in findings["comparisons"].items():
        gap, crossover = comparison["sampling_efficiency_gap"], comparison["crossover"]
        rows.append(
            [
                tuned,
                crossover_words(crossover),
                with_interval(gap, change),
                f"k = {gap['k']}",
                comparison["crossover_reason"],
            ]
        )
    return Table(["tuned model", "crossover", "sampling-efficiency gap", "gap at", "how to read the crossover"], rows)


def test_table(findings: Record) -> Table:
    """Every test of change, corrected for how many they are; none of a document of before."""
    rows = [
        [row["model"], row["measure"], signed(row["estimate"]), p_value(row["p_value"]), p_value(row["p_holm"])]
        for row in findings.get("tests", [])
    ]
    return Table(["tuned model", "measure", "change", "p", "after Holm's correction"], rows)


def problem_table(rows: Sequence[Record], base: str, tuned: str) -> Table:
    """Problems that only one of the two solved, the least likely to be luck first."""
    cells = [
        [
            str(row["problem"]),
            f"{row['correct_base']:,} of {row['n_base']:,}",
            f"{row['correct_tuned']:,} of {row['n_tuned']:,}",
            p_value(row["p_value"]),
        ]
        for row in rows
    ]
    return Table(["problem", f"right, {base}", f"right, {tuned}", "by luck"], cells)


def contribution_table(change_record: Record) -> Table:
    """What each switch of strategy added to the gain (arXiv 2506.10947, C_d)."""
    rows = [
        [f"{row['from']} → {row['to']}", percent(row["weight"]), change(row["contribution"]), percent(row["share"])]
        for row in change_record["contributions"]
    ]
    gain = change_record["gain"]
    total = gain["estimate"] if isinstance(gain, Mapping) else gain
    return Table(["switch", "weight", "contribution", "share of the gain"], [*rows, ["all", "", change(total), ""]])


def length_change_table(findings: Record) -> Table:
    """Change of the mean length, and which responses it comes from, a row a comparison."""
    head = ["tuned model", "right", "wrong", "all", "from wrong", "from right", "from accuracy"]
    rows = []
    for tuned, comparison in findings["comparisons"].items():
        record = comparison["length"]
        if record is not None:
            changes = [with_interval(record[key], signed) for key in ("right", "wrong", "all")]
            parts = [signed(record[key]) for key in ("from_wrong", "from_right", "from_accuracy")]
            rows.append([tuned, *changes, *parts])
    return Table(head, rows)


def settings_table(findings: Record) -> Table:
    """What was compared, in words."""
    settings = findings["settings"]
    names = {
        "task": "task",
        "problems": "problems compared",
        "n": "answers a problem, at least (n)",
        "K": "k of the verdict",
        "verdict_problems": "problems that the verdict uses",
        "left_out_guessable": "left out of the verdict, guessable",
        "left_out_unmatched": "left out, not in every file",
        "left_out_unjudged": "left out, nothing judged",
        "resamples": "resamples",
        "seed": "seed of the resampling",
    }
    rows = [[name, _plain(settings[key])] for key, name in names.items()]
    rows.append(["guess floor", "known" if settings["guess_floor_known"] else NOT_KNOWN])
    if settings["different_sampling"]:
        rows.append(["sampled differently in", ", ".join(settings["different_sampling"])])
    return Table(["setting", "value"], rows)


def sources_table(findings: Record) -> Table:
    """Where each model's answers come from and how they were sampled: a column a model."""
    sources = findings["settings"]["models"]
    names = {
        "file": "file",
        "format": "rows are",
        "model": "model",
        "rows": "rows",
        "problems": "problems",
        "n_min": "judged answers a problem, least",
        "n_max": "judged answers a problem, most",
        "unknown": "could not be judged",
        "unknown_share": "could not be judged, share",
        "truncated_share": "truncated, share",
        "temperature": "temperature",
        "top_p": "top_p",
        "top_k": "top_k",
        "max_new_tokens": "length limit (tokens)",
        "wording": "prompt wording",
        "template_hash": "template, hash",
        "data_hash": "problems and golds, hash",
        "seed": "seed",
        "judge": "judge",
        "counts_sha256": "counts, sha256",
    }
    labels = [label for label in findings["models"] if label in sources]
    rows = [
        [
            name,
            *(
                percent(sources[label][key]) if key.endswith("share") else _plain(sources[label][key])
                for label in labels
            ),
        ]
        for key, name in names.items()
    ]
    return Table(["", *labels], rows)


def findings_table(findings: Record) -> Table:
    """Every claim with estimate, interval, n and method."""
    rows = [
        [
            row["claim"],
            row["model"],
            row["verdict"] or "–",
            with_interval(row, compact) if row["estimate"] is not None else "–",
            f"{row['n']:,}",
            row["method"],
        ]
        for row in findings["findings"]
    ]
    return Table(["claim", "model", "verdict", "estimate (interval)", "n", "method"], rows)


def _plain(value: Any) -> str:
    if value is None:
        return NOT_KNOWN
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return compact(value) if isinstance(value, float) else str(value)


def _or_undefined(value: float | None) -> str:
    return "undefined" if value is None else decimal(value)
