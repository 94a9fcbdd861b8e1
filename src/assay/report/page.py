"""The report of an audit: findings.json as one page that explains itself, verdict first."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from assay.files import ignore
from assay.report import audit_tables, trait_figures
from assay.report.cards import verdict_cards
from assay.report.figures import audit_figures
from assay.report.html import write_page
from assay.report.look import colours
from assay.report.run_facts import read_run_facts

KINDS = {
    "base_only": ("Only {base} solved it", "never solved by {tuned}: what the training may have lost"),
    "tuned_only": ("Only {tuned} solved it", "never solved by {base}: what the training may have added"),
    "gained": ("Both solved it, {tuned} more often", "where the accuracy rose most"),
    "lost": ("Both solved it, {tuned} less often", "where the accuracy fell most"),
    "neither": ("Nobody solved it", "no answer of either was right"),
}


def write_audit_report(
    findings: Mapping[str, Any],
    out_dir: Path,
    run: Path | None = None,
    images: bool = True,
    advance: Callable[[int], None] = ignore,
) -> Path:
    """Writes OUT_DIR/report.html from `findings` (docs/findings_schema.md) and returns its path.

    `run` is the run directory whose recipe and environment are shown. With `images` every chart is also written as
    OUT_DIR/charts/NAME.svg and .png; `advance` counts them. Raises OSError where `out_dir` cannot be written.
    """
    figures = audit_figures(findings)
    drawn = [figure for section in figures.values() for figure in section]
    facts = {
        "findings": findings,
        "cards": verdict_cards(findings),
        "figures": figures,
        "tables": _tables(findings),
        "examples": _examples(findings),
        "label_colours": colours(findings["models"]),
        "run": None if run is None else read_run_facts(run),
        "problem_table": audit_tables.problem_table,
        "contribution_table": audit_tables.contribution_table,
    }
    return write_page("audit.html.jinja", drawn, facts, out_dir, images, advance)


def _tables(findings: Mapping[str, Any]) -> dict[str, audit_tables.Table]:
    return {
        "gap": audit_tables.gap_table(findings),
        "support": audit_tables.support_table(findings),
        "lengths": audit_tables.length_change_table(findings),
        "variety": trait_figures.variety_table(findings),
        "fates": trait_figures.fate_table(findings),
        "reflection": trait_figures.reflection_table(findings),
        "settings": audit_tables.settings_table(findings),
        "tests": audit_tables.test_table(findings),
        "sources": audit_tables.sources_table(findings),
        "findings": audit_tables.findings_table(findings),
    }


def _examples(findings: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Examples in groups of one comparison and kind, with the group's title in words."""
    groups = []
    for tuned, comparison in findings["comparisons"].items():
        for kind, (title, note) in KINDS.items():
            rows = [row for row in findings["examples"] if row["comparison"] == tuned and row["kind"] == kind]
            names = {"base": comparison["base"], "tuned": tuned}
            if rows:
                shown = {"title": title.format(**names), "note": note.format(**names), "examples": rows}
                groups.append(shown | {"first_open": tuned == findings["models"][1]})
    return groups
